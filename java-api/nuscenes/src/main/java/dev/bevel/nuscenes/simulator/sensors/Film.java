package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.simulator.scene.CameraView;
import dev.bevel.nuscenes.simulator.scene.Hash;

/** Turns light into 8-bit sRGB: exposure, vignette, a curve with soft highlights, noise. */
final class Film {
  /** Steps of the tone curve for one unit of light. */
  private static final int STEPS = 2048;

  private static final float[] CURVE = new float[3 * STEPS];

  /** Standard deviation of the noise, of 255. */
  private static final float NOISE = 1.6f;

  private static final float CORNER_LOSS = 0.2f;

  static {
    for (int i = 0; i < CURVE.length; i++) {
      double light = 1 - StrictMath.exp(-1.5 * i / STEPS);
      double srgb =
          light <= 0.0031308 ? 12.92 * light : 1.055 * StrictMath.pow(light, 1 / 2.4) - 0.055;
      // Half of an S-curve gives the contrast that haze and soft highlights take.
      double contrast = srgb * srgb * (3 - 2 * srgb);
      CURVE[i] = (float) (255 * (0.4 * srgb + 0.6 * contrast));
    }
  }

  private final float exposure;
  private final long noiseSeed;
  private final int width;
  private final double centreX;
  private final double centreY;
  private final double cornerSquared;

  Film(CameraView view, double exposure, long noiseSeed) {
    this.exposure = (float) (exposure * STEPS);
    this.noiseSeed = noiseSeed;
    width = view.width();
    centreX = view.width() / 2.0;
    centreY = view.height() / 2.0;
    cornerSquared = centreX * centreX + centreY * centreY;
  }

  /** The pixel {@code 0xRRGGBB} for linear light. */
  int expose(int column, int row, float[] light) {
    double dx = column + 0.5 - centreX;
    double dy = row + 0.5 - centreY;
    float gain = exposure * (1 - CORNER_LOSS * (float) ((dx * dx + dy * dy) / cornerSquared));
    long noise = Hash.bits(noiseSeed, (long) row * width + column);
    int rgb = 0;
    for (int i = 0; i < 3; i++) {
      // The sum of two 10-bit numbers: a triangle, with standard deviation 418.
      int triangle = (int) (noise & 1023) + (int) ((noise >>> 10) & 1023) - 1023;
      noise >>>= 20;
      int step = Math.min(CURVE.length - 1, (int) (gain * light[i]));
      float value = CURVE[step] + triangle * (NOISE / 418);
      rgb = rgb << 8 | Math.clamp((int) (value + 0.5f), 0, 255);
    }
    return rgb;
  }
}
