package dev.bevel.nuscenes.draw;

import dev.bevel.nuscenes.DetectionClass;
import java.awt.Color;
import java.util.Optional;

/** Colours of both pictures, chosen to be told apart on a dark ground. */
final class Palette {
  static final Color GROUND = new Color(0x0d1218);
  static final Color PANEL = new Color(0x151c25);
  static final Color LINE = new Color(0x2a3542);
  static final Color TEXT = new Color(0xe6edf3);
  static final Color DIM_TEXT = new Color(0x8b98a7);
  static final Color IGNORED = new Color(0x6b7683);

  private Palette() {}

  static Color of(DetectionClass c) {
    return new Color(
        switch (c) {
          case CAR -> 0x4fb8ff;
          case TRUCK -> 0x9a7bff;
          case CONSTRUCTION_VEHICLE -> 0xffe14d;
          case BUS -> 0x6fe06a;
          case TRAILER -> 0x2fd6c3;
          case BARRIER -> 0xb9a28a;
          case MOTORCYCLE -> 0xff7a3d;
          case BICYCLE -> 0xff7fc4;
          case PEDESTRIAN -> 0xff5a5f;
          case TRAFFIC_CONE -> 0xffb02e;
        });
  }

  static Color of(Optional<DetectionClass> c) {
    return c.map(Palette::of).orElse(IGNORED);
  }

  static Color withAlpha(Color color, double alpha) {
    return new Color(
        color.getRed(), color.getGreen(), color.getBlue(), (int) Math.round(255 * alpha));
  }

  /**
   * Colour of a LiDAR point by height above the ground: dark blue at the ground, pale above 4 m.
   */
  static Color height(double metres) {
    double t = Math.clamp((metres + 0.5) / 4.5, 0.0, 1.0);
    return new Color(mix(0x2b, 0xc9, t), mix(0x4a, 0xd8, t), mix(0x63, 0xdc, t));
  }

  private static int mix(int low, int high, double t) {
    return (int) Math.round(low + (high - low) * t);
  }
}
