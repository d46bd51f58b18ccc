package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.simulator.scene.GroundKind;
import dev.bevel.nuscenes.simulator.scene.GroundMap;

/**
 * The ground's colour at a pixel. The map is asked at several places of the pixel's footprint, the
 * more the longer it is, so that edges of paint are smooth and far lines fade instead of
 * flickering; grain finer than the footprint is left out.
 */
final class GroundShader {
  /** Longest stretch of ground that one question to the map stands for, metres. */
  private static final double SAMPLE_LENGTH = 0.08;

  private static final int MIN_SAMPLES = 4;
  private static final int MAX_SAMPLES = 10;

  /** Beyond this distance the map is not asked: haze hides it. */
  private static final double FAR = 400;

  private static final double SLAB = 0.6;
  private static final double JOINT = 0.02;
  private static final GroundKind[] KINDS = GroundKind.values();

  /** Where samples lie in the pixel's breadth: the golden ratio's multiples spread them evenly. */
  private static final double[] ACROSS = new double[MAX_SAMPLES];

  static {
    for (int i = 0; i < MAX_SAMPLES; i++) {
      ACROSS[i] = (i + 0.5) * 0.618033988749895 % 1 - 0.5;
    }
  }

  private final GroundMap map;

  /** How many samples of the pixel at hand show each kind. */
  private final int[] hits = new int[KINDS.length];

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
    double across = Math.sqrt(ux * ux + uy * uy);
    double along = Math.sqrt(vx * vx + vy * vy);
    int samples = (int) Math.clamp(Math.ceil(along / SAMPLE_LENGTH), MIN_SAMPLES, MAX_SAMPLES);
    out[0] = 0;
    out[1] = 0;
    out[2] = 0;
    if (distance > FAR) {
      add(GroundKind.GRASS, 1, out);
      return;
    }
    for (int i = 0; i < samples; i++) {
      double v = (i + 0.5) / samples - 0.5;
      double u = ACROSS[i];
      hits[map.at(x + u * ux + v * vx, y + u * uy + v * vy).ordinal()]++;
    }
    for (int kind = 0; kind < hits.length; kind++) {
      if (hits[kind] > 0) {
        float value = texture(KINDS[kind], x, y, Math.max(across, along));
        add(KINDS[kind], value * hits[kind] / samples, out);
        hits[kind] = 0;
      }
    }
  }

  /** Light and dark of a kind of ground, about 1. */
  private static float texture(GroundKind kind, double x, double y, double footprint) {
    float coarse = Noise.at(x * 0.21, y * 0.21);
    float fine = Noise.at(x * 2.3, y * 2.3) * fade(footprint, 0.4);
    float grain = footprint < 0.12 ? Noise.at(x * 27, y * 27) * fade(footprint, 0.037) : 0;
    return switch (kind) {
      case ROAD, CAR_PARK -> 1 + 0.12f * coarse + 0.12f * fine + 0.3f * grain;
      case WHITE_PAINT, YELLOW_PAINT, CROSSING_STRIPE ->
          1 - 0.12f * Math.max(0, fine + coarse) + 0.08f * grain;
      case KERB -> 1 + 0.08f * fine + 0.1f * grain;
      case SIDEWALK -> (1 + 0.07f * coarse + 0.08f * fine + 0.12f * grain) * slabs(x, y, footprint);
      case GRASS -> 1 + 0.25f * coarse + 0.25f * fine + 0.5f * grain;
    };
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

  private static void add(GroundKind kind, float weight, float[] out) {
    switch (kind) {
      case ROAD -> add(out, weight, 0.095f, 0.095f, 0.1f);
      case CAR_PARK -> add(out, weight, 0.13f, 0.128f, 0.125f);
      case WHITE_PAINT -> add(out, weight, 0.62f, 0.62f, 0.6f);
      case CROSSING_STRIPE -> add(out, weight, 0.55f, 0.55f, 0.53f);
      case YELLOW_PAINT -> add(out, weight, 0.6f, 0.4f, 0.05f);
      case KERB -> add(out, weight, 0.4f, 0.39f, 0.37f);
      case SIDEWALK -> add(out, weight, 0.29f, 0.275f, 0.255f);
      case GRASS -> add(out, weight, 0.065f, 0.115f, 0.025f);
    }
  }

  private static void add(float[] out, float weight, float red, float green, float blue) {
    out[0] += weight * red;
    out[1] += weight * green;
    out[2] += weight * blue;
  }
}
