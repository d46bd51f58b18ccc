package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.simulator.scene.Hash;
import dev.bevel.nuscenes.simulator.scene.Material;

/** Structures of faces, drawn in the body's frame; what is finer than a pixel is averaged. */
final class Patterns {
  private static final double STOREY = 3.1;
  private static final double BAY = 2.4;
  private static final double STRIPE = 0.4;
  private static final double RIB = 0.3;

  private Patterns() {}

  /**
   * Changes a colour by the pattern.
   *
   * @param p place in the body's frame
   * @param footprint of a pixel, metres
   * @param normal of the face in the body's frame
   * @param colour albedo, changed
   * @return what is added to the gloss
   */
  static double draw(
      Material.Pattern pattern, double[] p, double footprint, double[] normal, float[] colour) {
    boolean level = Math.abs(normal[2]) > 0.7;
    // A coordinate along the face: y where it looks forward or back, else x.
    double along = Math.abs(normal[0]) > Math.abs(normal[1]) ? p[1] : p[0];
    return switch (pattern) {
      case PLAIN -> 0;
      case WINDOWS -> level ? 0 : windows(along, p[2], footprint, colour);
      case LEAVES -> leaves(along, level ? p[1] : p[2], footprint, colour);
      case WARNING_STRIPES -> stripes(along + p[2], footprint, colour);
      case RIBS -> level ? 0 : ribs(p[2], footprint, colour);
    };
  }

  /** Panes in a grid with a light frame around each and a ledge between the storeys. */
  private static double windows(double along, double up, double footprint, float[] colour) {
    double bay = along / BAY;
    double storey = up / STOREY;
    double wide = footprint / BAY;
    double high = footprint / STOREY;
    double frame = band(storey, 0.56, high);
    if (frame < 1) {
      scale(colour, 1 - 0.3f * (float) band(storey + 0.5, 0.06, high));
    }
    frame = frame > 0 ? frame * band(bay, 0.6, wide) : 0;
    if (frame == 0) {
      return 0;
    }
    double pane = band(bay, 0.54, wide) * band(storey, 0.52, high);
    blend(colour, 0.55f, 0.55f, 0.53f, (float) (frame - pane));
    if (pane > 0) {
      long cell = (long) Math.floor(bay) * 8191 + (long) Math.floor(storey);
      float glass = (float) Hash.between(0x77696eL, cell, 0.01, 0.09);
      blend(colour, 0.9f * glass, glass, 1.1f * glass, (float) pane);
    }
    return 0.28 * pane;
  }

  private static double leaves(double along, double up, double footprint, float[] colour) {
    float coarse = Noise.at(2.1 * along, 2.1 * up);
    float fine = footprint < 0.3 ? Noise.at(6.7 * along, 6.7 * up) : 0;
    float finest = footprint < 0.1 ? Noise.at(19 * along, 19 * up) : 0;
    scale(colour, Math.max(0.15f, 0.95f + 0.45f * coarse + 0.5f * fine + 0.45f * finest));
    return 0;
  }

  private static double stripes(double diagonal, double footprint, float[] colour) {
    double red = band(diagonal / STRIPE, 0.5, footprint / STRIPE);
    blend(colour, 0.75f, 0.02f, 0.02f, (float) red);
    return 0;
  }

  private static double ribs(double up, double footprint, float[] colour) {
    scale(colour, 1 - 0.35f * (float) band(up / RIB, 0.35, footprint / RIB));
    return 0;
  }

  /**
   * A wave that is 1 on the middle {@code share} of each period and 0 elsewhere, averaged over
   * {@code width} periods.
   */
  private static double band(double t, double share, double width) {
    if (width >= 1) {
      return share;
    }
    double fromMiddle = Math.abs(t - Math.floor(t) - 0.5);
    double w = Math.max(width, 1e-3);
    return Math.clamp((share / 2 - fromMiddle) / w + 0.5, 0, Math.min(1, share / w));
  }

  private static void scale(float[] colour, float by) {
    colour[0] *= by;
    colour[1] *= by;
    colour[2] *= by;
  }

  private static void blend(float[] colour, float red, float green, float blue, float share) {
    colour[0] += share * (red - colour[0]);
    colour[1] += share * (green - colour[1]);
    colour[2] += share * (blue - colour[2]);
  }
}
