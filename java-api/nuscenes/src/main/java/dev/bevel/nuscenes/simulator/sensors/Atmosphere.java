package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.simulator.scene.Hash;
import dev.bevel.nuscenes.simulator.scene.Lighting;

/**
 * Light and air of one picture, in linear light where a white face in full sun is about 1. Colours
 * are written to arrays of 3.
 */
final class Atmosphere {
  private static final float[] SUN_COLOUR = {1.0f, 0.93f, 0.82f};
  private static final float[] SKY_LIGHT = {0.86f, 0.95f, 1.1f};
  private static final float[] CLEAR_ZENITH = {0.16f, 0.32f, 0.68f};
  private static final float[] CLEAR_HORIZON = {0.72f, 0.82f, 0.92f};
  private static final float[] GREY_ZENITH = {0.66f, 0.69f, 0.73f};
  private static final float[] GREY_HORIZON = {0.82f, 0.84f, 0.86f};

  /** Steps of the haze table for one e-folding. */
  private static final int HAZE_STEPS = 64;

  private static final float[] HAZE = new float[8 * HAZE_STEPS + 2];

  static {
    for (int i = 0; i < HAZE.length; i++) {
      HAZE[i] = (float) StrictMath.exp(-(double) i / HAZE_STEPS);
    }
  }

  private final Lighting lighting;
  private final float[] zenith = new float[3];
  private final float[] horizon = new float[3];
  private final double cloudX;
  private final double cloudY;
  private final float sunLight;
  private final float skyLight;

  Atmosphere(Lighting lighting) {
    this.lighting = lighting;
    float sun = (float) Math.clamp(lighting.sun(), 0, 1);
    sunLight = 1.15f * sun;
    skyLight = 0.85f - 0.4f * sun;
    for (int i = 0; i < 3; i++) {
      zenith[i] = GREY_ZENITH[i] + sun * (CLEAR_ZENITH[i] - GREY_ZENITH[i]);
      horizon[i] = GREY_HORIZON[i] + sun * (CLEAR_HORIZON[i] - GREY_HORIZON[i]);
    }
    cloudX = Hash.between(lighting.seed(), 0, 0, 256);
    cloudY = Hash.between(lighting.seed(), 1, 0, 256);
  }

  /**
   * Light that a face sends out.
   *
   * @param nx unit normal in the global frame
   * @param sunShare of the sun's light that arrives, 0–1
   * @param skyShare of the sky's light that arrives, 0–1
   * @param albedo colour on entry, light on return
   */
  void light(double nx, double ny, double nz, float sunShare, float skyShare, float[] albedo) {
    double cos = nx * lighting.sunX() + ny * lighting.sunY() + nz * lighting.sunZ();
    float sun = cos > 0 ? sunLight * sunShare * (float) cos : 0;
    // A face that looks down sees the lit ground instead of the sky.
    float sky = skyLight * skyShare * (0.65f + 0.35f * (float) nz);
    for (int i = 0; i < 3; i++) {
      albedo[i] *= sun * SUN_COLOUR[i] + sky * SKY_LIGHT[i];
    }
  }

  /** The share of light that a distance leaves, 0–1. */
  float transmittance(double metres) {
    double steps = metres / lighting.visibility() * HAZE_STEPS;
    if (steps >= HAZE.length - 1) {
      return 0;
    }
    int i = (int) steps;
    return HAZE[i] + (float) (steps - i) * (HAZE[i + 1] - HAZE[i]);
  }

  /** Puts haze in front of a colour. */
  void haze(double metres, float[] colour) {
    float clear = transmittance(metres);
    for (int i = 0; i < 3; i++) {
      colour[i] = horizon[i] + clear * (colour[i] - horizon[i]);
    }
  }

  /** What is mirrored in a direction of this height: clear sky, below it streets and houses. */
  void mirrored(double dz, float[] out) {
    gradient((float) Math.clamp(dz, 0, 1), out);
    float open = (float) Math.clamp((dz + 0.05) / 0.4, 0, 1);
    float dim = 0.3f + 0.7f * open;
    for (int i = 0; i < 3; i++) {
      out[i] *= dim;
    }
  }

  /** The sky in the direction of a unit vector. */
  void sky(double dx, double dy, double dz, float[] out) {
    float up = (float) Math.max(0, dz);
    gradient(up, out);
    double toSun = dx * lighting.sunX() + dy * lighting.sunY() + dz * lighting.sunZ();
    if (toSun > 0) {
      float glow = (float) (toSun * toSun);
      glow *= glow;
      glow *= glow;
      float near = glow * glow * glow * glow;
      float halo = sunLight * (0.25f * glow + 1.5f * near * near * near * near);
      for (int i = 0; i < 3; i++) {
        out[i] += halo * SUN_COLOUR[i];
      }
    }
    if (up > 0.01f) {
      clouds(dx / (dz + 0.06), dy / (dz + 0.06), up, out);
    }
  }

  private void gradient(float up, float[] out) {
    float low = 1 - up;
    float share = low * low * low;
    for (int i = 0; i < 3; i++) {
      out[i] = zenith[i] + share * (horizon[i] - zenith[i]);
    }
  }

  private void clouds(double x, double y, float up, float[] out) {
    double u = 0.9 * x + cloudX;
    double v = 0.9 * y + cloudY;
    float density =
        0.5f * Noise.at(u, v)
            + 0.28f * Noise.at(2.1 * u, 2.1 * v)
            + 0.15f * Noise.at(4.3 * u, 4.3 * v)
            + 0.08f * Noise.at(8.9 * u, 8.9 * v);
    float cover = Math.clamp((density + 0.08f) * 2.2f, 0, 1) * Math.min(1, up * 8);
    float white = 0.98f - 0.25f * density;
    for (int i = 0; i < 3; i++) {
      out[i] += 0.85f * cover * (white - out[i]);
    }
  }
}
