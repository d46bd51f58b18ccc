package dev.bevel.nuscenes.simulator;

/**
 * The ground's colour at a pixel. Paint is sampled over the pixel's footprint, the more often the
 * longer it is, so that far lines fade instead of flickering; grain finer than the footprint is
 * left out.
 */
final class GroundShader {
  /** Longest stretch of ground that one sample of paint stands for, metres. */
  private static final double SAMPLE_LENGTH = 0.12;

  private static final int MAX_SAMPLES = 8;

  /** Beyond this distance the map is not asked: haze hides it. */
  private static final double FAR = 400;

  private static final double SLAB = 0.6;
  private static final double JOINT = 0.02;

  private final GroundMap map;
  private final float[] sum = new float[3];

  GroundShader(GroundMap map) {
    this.map = map;
  }

  /**
   * Albedo of the ground around (x, y).
   *
   * @param ux change of x from one pixel to the next on the right
   * @param uy change of y from one pixel to the next on the right
   * @param vx change of x from one pixel to the next below
   * @param vy change of y from one pixel to the next below
   * @param distance from the camera, metres
   * @param out 3 numbers
   */
  void albedo(
      double x,
      double y,
      double ux,
      double uy,
      double vx,
      double vy,
      double distance,
      float[] out) {
    if (distance > FAR) {
      base(GroundKind.GRASS, out);
      return;
    }
    double across = Math.sqrt(ux * ux + uy * uy);
    double along = Math.sqrt(vx * vx + vy * vy);
    int samples = (int) Math.clamp(Math.ceil(along / SAMPLE_LENGTH), 1, MAX_SAMPLES);
    if (samples == 1) {
      kind(map.at(x, y), x, y, across, along, out);
      return;
    }
    sum[0] = 0;
    sum[1] = 0;
    sum[2] = 0;
    for (int i = 0; i < samples; i++) {
      double v = (i + 0.5) / samples - 0.5;
      // The golden ratio's multiples spread the samples evenly over the pixel's breadth.
      double u = (i * 0.618033988749895) % 1 - 0.5;
      double px = x + u * ux + v * vx;
      double py = y + u * uy + v * vy;
      kind(map.at(px, py), px, py, across, along / samples, out);
      sum[0] += out[0];
      sum[1] += out[1];
      sum[2] += out[2];
    }
    for (int i = 0; i < 3; i++) {
      out[i] = sum[i] / samples;
    }
  }

  private void kind(GroundKind kind, double x, double y, double across, double along, float[] out) {
    base(kind, out);
    double footprint = Math.max(across, along);
    float coarse = Noise.at(x * 0.21, y * 0.21);
    float fine = Noise.at(x * 2.3, y * 2.3) * fade(footprint, 0.4);
    float grain = footprint < 0.12 ? Noise.at(x * 27, y * 27) * fade(footprint, 0.037) : 0;
    float value =
        switch (kind) {
          case ROAD, CAR_PARK -> 1 + 0.12f * coarse + 0.12f * fine + 0.3f * grain;
          case WHITE_PAINT, YELLOW_PAINT, CROSSING_STRIPE ->
              1 - 0.12f * Math.max(0, fine + coarse) + 0.08f * grain;
          case KERB -> 1 + 0.08f * fine + 0.1f * grain;
          case SIDEWALK ->
              (1 + 0.07f * coarse + 0.08f * fine + 0.12f * grain) * slabs(x, y, footprint);
          case GRASS -> 1 + 0.25f * coarse + 0.25f * fine + 0.5f * grain;
        };
    for (int i = 0; i < 3; i++) {
      out[i] *= value;
    }
  }

  /** How much of a structure of this size is left when it is averaged over the footprint. */
  private static float fade(double footprint, double size) {
    double ratio = footprint / size;
    return (float) (1 / (1 + ratio * ratio));
  }

  /** Light of paving slabs: less where a joint lies in the footprint. */
  private static float slabs(double x, double y, double footprint) {
    double dx = Math.abs(x / SLAB - Math.rint(x / SLAB)) * SLAB;
    double dy = Math.abs(y / SLAB - Math.rint(y / SLAB)) * SLAB;
    double share = Math.max(joint(dx, footprint), joint(dy, footprint));
    return (float) (1 - 0.45 * share);
  }

  private static double joint(double distance, double footprint) {
    double width = Math.max(footprint, 1e-3);
    double covered = Math.clamp((JOINT + width) / 2 - distance, 0, Math.min(JOINT, width));
    return covered / width;
  }

  private static void base(GroundKind kind, float[] out) {
    switch (kind) {
      case ROAD -> set(out, 0.095f, 0.095f, 0.1f);
      case CAR_PARK -> set(out, 0.13f, 0.128f, 0.125f);
      case WHITE_PAINT -> set(out, 0.62f, 0.62f, 0.6f);
      case CROSSING_STRIPE -> set(out, 0.55f, 0.55f, 0.53f);
      case YELLOW_PAINT -> set(out, 0.6f, 0.4f, 0.05f);
      case KERB -> set(out, 0.4f, 0.39f, 0.37f);
      case SIDEWALK -> set(out, 0.29f, 0.275f, 0.255f);
      case GRASS -> set(out, 0.065f, 0.115f, 0.025f);
    }
  }

  private static void set(float[] out, float red, float green, float blue) {
    out[0] = red;
    out[1] = green;
    out[2] = blue;
  }
}
