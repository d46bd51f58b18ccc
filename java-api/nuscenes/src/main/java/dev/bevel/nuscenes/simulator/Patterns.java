package dev.bevel.nuscenes.simulator;

/** Structures of faces, drawn in the body's frame; what is finer than a pixel is averaged. */
final class Patterns {
  private static final double STOREY = 3.1;
  private static final double BAY = 2.4;

  private Patterns() {}

  /**
   * Changes a colour by the pattern.
   *
   * @param p place in the body's frame
   * @param footprint of a pixel, metres
   * @param up z of the face's normal in the body's frame
   * @param colour albedo, changed
   * @return what is added to the gloss
   */
  static double draw(
      Material.Pattern pattern, double[] p, double footprint, double up, float[] colour) {
    return switch (pattern) {
      case PLAIN -> 0;
      case WINDOWS -> Math.abs(up) > 0.5 ? 0 : windows(p, footprint, colour);
      case LEAVES -> leaves(p, footprint, colour);
      case WARNING_STRIPES -> stripes(p, footprint, colour);
      case RIBS -> ribs(p, footprint, colour);
    };
  }

  /** Panes of 1.3 m × 1.6 m in a grid; x and y share one coordinate along the wall. */
  private static double windows(double[] p, double footprint, float[] colour) {
    double along = p[0] + p[1];
    double pane =
        band(along / BAY, 0.54, footprint / BAY) * band(p[2] / STOREY, 0.52, footprint / STOREY);
    if (pane > 0) {
      long cell = (long) Math.floor(along / BAY) * 8191 + (long) Math.floor(p[2] / STOREY);
      float glass = (float) Hash.between(0x77696eL, cell, 0.02, 0.12);
      for (int i = 0; i < 3; i++) {
        colour[i] += (float) pane * (glass * (0.9f + 0.1f * i) - colour[i]);
      }
    }
    return 0.3 * pane;
  }

  private static double leaves(double[] p, double footprint, float[] colour) {
    double u = p[0] + 0.7 * p[1];
    double v = p[2] - 0.6 * p[1];
    float coarse = Noise.at(1.9 * u, 1.9 * v);
    float fine = footprint < 0.25 ? Noise.at(7 * u, 7 * v) : 0;
    scale(colour, Math.max(0.25f, 1 + 0.45f * coarse + 0.5f * fine));
    return 0;
  }

  private static double stripes(double[] p, double footprint, float[] colour) {
    double red = band((p[0] + p[1] + p[2]) / 0.4, 0.5, footprint / 0.4);
    colour[0] += (float) red * (0.75f - colour[0]);
    colour[1] += (float) red * (0.02f - colour[1]);
    colour[2] += (float) red * (0.02f - colour[2]);
    return 0;
  }

  private static double ribs(double[] p, double footprint, float[] colour) {
    scale(colour, 1 - 0.35f * (float) band(p[2] / 0.3, 0.35, footprint / 0.3));
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
    return Math.clamp((share / 2 - fromMiddle) / w + 0.5, 0, 1);
  }

  private static void scale(float[] colour, float by) {
    colour[0] *= by;
    colour[1] *= by;
    colour[2] *= by;
  }
}
