package dev.bevel.nuscenes;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Locale;

/**
 * How 8-bit RGB becomes the float input of a network. Each is the one its detectors were trained
 * with.
 */
@SuppressWarnings(
    "ImmutableEnumChecker") // the arrays are private and never written after construction
public enum PixelNormalization {
  /**
   * Channels R, G, B: {@code (x / 255 − mean) / std} with the torchvision constants. BEVDet v1,
   * BEVFusion.
   */
  TORCHVISION_RGB(
      new int[] {0, 1, 2},
      new double[] {0.485, 0.456, 0.406},
      new double[] {0.229, 0.224, 0.225},
      255),
  /**
   * Channels <b>B, G, R</b>, but with the constants of R, G, B in that order: {@code (b − 123.675)
   * / 58.395} and so on. An accident upstream, where an RGB image goes through a BGR-to-RGB swap;
   * published weights depend on it. BEVDepth, BEVDet dev2 and dev3, LabelDistill.
   */
  BEVDEPTH_SWAPPED(
      new int[] {2, 1, 0},
      new double[] {123.675, 116.28, 103.53},
      new double[] {58.395, 57.12, 57.375},
      1),
  /** Channels B, G, R, mean subtracted, std 1. BEVFormer base and small, DETR3D. */
  CAFFE_BGR(new int[] {2, 1, 0}, new double[] {103.53, 116.28, 123.675}, new double[] {1, 1, 1}, 1);

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.nativeOrder());

  private final int[] channel;
  private final float[][] table = new float[3][256];

  PixelNormalization(int[] channel, double[] mean, double[] std, int divisor) {
    this.channel = channel;
    for (int c = 0; c < 3; c++) {
      for (int value = 0; value < 256; value++) {
        // In float, one rounding a step, as upstream.
        float x = divisor == 1 ? value : value / (float) divisor;
        float centred = x - (float) mean[c];
        table[c][value] = divisor == 1 ? centred * (float) (1 / std[c]) : centred / (float) std[c];
      }
    }
  }

  /**
   * Writes an image as planar float32 {@code [3, height, width]}.
   *
   * @param out at least {@code offset + 3 * height * width} floats
   * @param offset index of the first float written
   * @throws NuScenesException if {@code out} is too small; nothing is written then
   */
  public void write(RgbImage image, float[] out, int offset) {
    write(image, MemorySegment.ofArray(out), offset);
  }

  /**
   * Writes an image as planar float32 {@code [3, height, width]} in native byte order.
   *
   * @param out heap or native memory of at least {@code 4 * (offset + 3 * height * width)} bytes
   * @param offset index, in floats, of the first float written
   * @throws NuScenesException if {@code out} is too small; nothing is written then
   */
  public void write(RgbImage image, MemorySegment out, long offset) {
    int plane = image.width() * image.height();
    if (offset < 0 || offset > out.byteSize() / Float.BYTES - 3L * plane) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "pixel output must hold 3×%d×%d floats from index %d, got room for %d floats",
              image.height(),
              image.width(),
              offset,
              out.byteSize() / Float.BYTES));
    }
    byte[] rgb = image.rgb();
    for (int c = 0; c < 3; c++) {
      float[] values = table[c];
      long at = (offset + (long) c * plane) * Float.BYTES;
      for (int i = 0, p = channel[c]; i < plane; i++, p += 3, at += Float.BYTES) {
        out.set(FLOAT, at, values[rgb[p] & 0xff]);
      }
    }
  }
}
