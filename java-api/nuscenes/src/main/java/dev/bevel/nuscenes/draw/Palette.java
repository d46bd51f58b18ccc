package dev.bevel.nuscenes.draw;

import dev.bevel.nuscenes.DetectionClass;
import java.awt.Color;
import java.util.Optional;

/** Colours of the pictures. Those of the classes are the nuScenes devkit's. */
public final class Palette {
  /** What the map calls foreground, and the rest of the ground. */
  static final Color DRIVABLE = new Color(0xdde2e9);

  static final Color GROUND = new Color(0xf7f8fa);
  static final Color PANEL = new Color(0xffffff);
  static final Color LINE = new Color(0xb4bdc8);
  static final Color TEXT = new Color(0x1b232c);
  static final Color DIM_TEXT = new Color(0x5b6773);

  /** Categories that are not evaluated: the devkit's colour of the commonest, bicycle racks. */
  static final Color IGNORED = new Color(188, 143, 143);

  /** On photographs. */
  static final Color INK = new Color(0x0d1218);

  static final Color PAPER = new Color(0xf2f5f8);

  private Palette() {}

  /** Colour of a class; of classes with several categories, that of the first. */
  public static Color of(DetectionClass c) {
    return switch (c) {
      case CAR -> new Color(255, 158, 0);
      case TRUCK -> new Color(255, 99, 71);
      case CONSTRUCTION_VEHICLE -> new Color(233, 150, 70);
      case BUS -> new Color(255, 127, 80);
      case TRAILER -> new Color(255, 140, 0);
      case BARRIER -> new Color(112, 128, 144);
      case MOTORCYCLE -> new Color(255, 61, 99);
      case BICYCLE -> new Color(220, 20, 60);
      case PEDESTRIAN -> new Color(0, 0, 230);
      case TRAFFIC_CONE -> new Color(47, 79, 79);
    };
  }

  static Color of(Optional<DetectionClass> c) {
    return c.map(Palette::of).orElse(IGNORED);
  }

  /** Ink or paper, whichever is read better on a colour (relative luminance, ITU-R BT.709). */
  static Color on(Color color) {
    double light = 0.2126 * color.getRed() + 0.7152 * color.getGreen() + 0.0722 * color.getBlue();
    return light > 110 ? INK : PAPER;
  }

  static Color withAlpha(Color color, double alpha) {
    return new Color(
        color.getRed(), color.getGreen(), color.getBlue(), (int) Math.round(255 * alpha));
  }

  /** Colour of a LiDAR point by height above the ground: pale at the ground, dark above 4 m. */
  static Color height(double metres) {
    double t = Math.clamp((metres + 0.5) / 4.5, 0.0, 1.0);
    return new Color(mix(0xa9, 0x14, t), mix(0xb8, 0x3a, t), mix(0xc8, 0x5f, t));
  }

  private static int mix(int low, int high, double t) {
    return (int) Math.round(low + (high - low) * t);
  }
}
