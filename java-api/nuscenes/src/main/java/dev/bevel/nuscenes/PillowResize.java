package dev.bevel.nuscenes;

import java.util.Arrays;

/**
 * Pillow's bicubic {@code Image.resize} (a convolution with the cubic of a = −0.5 whose support
 * grows with the reduction, in 22-bit fixed point, columns first, rounded to 8 bits in between),
 * followed by {@code Image.crop}. Only the pixels that the crop keeps are computed.
 *
 * <p>Source of the method: the Pillow project's image resampling, version 7 and later.
 */
final class PillowResize {
  /** 8 bits of result and 2 bits of overflow leave 22 bits of fraction in an int. */
  private static final int PRECISION_BITS = 32 - 8 - 2;

  private static final double SUPPORT = 2.0;

  private PillowResize() {}

  /**
   * @param width of the resized image
   * @param height of the resized image
   * @param cropX left edge of the crop in the resized image, may be negative; likewise the other
   *     edges; outside is black
   */
  static RgbImage resizeAndCrop(
      RgbImage image, int width, int height, int cropX, int cropY, int cropWidth, int cropHeight) {
    RgbImage result = RgbImage.black(cropWidth, cropHeight);
    int x0 = Math.max(0, cropX);
    int x1 = (int) Math.min(width, (long) cropX + cropWidth);
    int y0 = Math.max(0, cropY);
    int y1 = (int) Math.min(height, (long) cropY + cropHeight);
    if (x0 >= x1 || y0 >= y1) {
      return result;
    }
    Kernel horizontal = Kernel.of(image.width(), width, x0, x1);
    Kernel vertical = Kernel.of(image.height(), height, y0, y1);
    int firstRow = vertical.start[0];
    int lastRow = vertical.start[y1 - y0 - 1] + vertical.length[y1 - y0 - 1];
    byte[] columns = resizeColumns(image, horizontal, firstRow, lastRow);
    resizeRows(columns, x1 - x0, vertical, firstRow, result, x0 - cropX, y0 - cropY);
    return result;
  }

  /**
   * Horizontal pass over the rows that the vertical pass will read: {@code [lastRow - firstRow,
   * outputs, 3]}.
   */
  private static byte[] resizeColumns(RgbImage image, Kernel k, int firstRow, int lastRow) {
    int outputs = k.start.length;
    RgbImage.checkSize(outputs, lastRow - firstRow, "image resized in width");
    byte[] out = new byte[(lastRow - firstRow) * outputs * 3];
    byte[] in = image.rgb();
    int at = 0;
    for (int y = firstRow; y < lastRow; y++) {
      int row = y * image.width() * 3;
      for (int x = 0; x < outputs; x++) {
        int r = 1 << (PRECISION_BITS - 1);
        int g = r;
        int b = r;
        int p = row + k.start[x] * 3;
        int w = x * k.taps;
        for (int end = w + k.length[x]; w < end; w++, p += 3) {
          int weight = k.weight[w];
          r += (in[p] & 0xff) * weight;
          g += (in[p + 1] & 0xff) * weight;
          b += (in[p + 2] & 0xff) * weight;
        }
        out[at] = clip(r);
        out[at + 1] = clip(g);
        out[at + 2] = clip(b);
        at += 3;
      }
    }
    return out;
  }

  private static void resizeRows(
      byte[] in, int inWidth, Kernel k, int firstRow, RgbImage result, int targetX, int targetY) {
    int rowBytes = inWidth * 3;
    int[] sums = new int[rowBytes];
    for (int y = 0; y < k.start.length; y++) {
      Arrays.fill(sums, 1 << (PRECISION_BITS - 1));
      for (int t = 0; t < k.length[y]; t++) {
        int weight = k.weight[y * k.taps + t];
        int row = (k.start[y] + t - firstRow) * rowBytes;
        for (int i = 0; i < rowBytes; i++) {
          sums[i] += (in[row + i] & 0xff) * weight;
        }
      }
      int target = ((targetY + y) * result.width() + targetX) * 3;
      for (int i = 0; i < rowBytes; i++) {
        result.rgb()[target + i] = clip(sums[i]);
      }
    }
  }

  private static byte clip(int sum) {
    return (byte) Math.clamp(sum >> PRECISION_BITS, 0, 255);
  }

  /**
   * The weights of one axis: for each output the first input, the number of inputs, and fixed-point
   * weights {@code [outputs, taps]}.
   */
  private static final class Kernel {
    final int[] start;
    final int[] length;
    final int taps;
    final int[] weight;

    private Kernel(int outputs, int taps) {
      this.start = new int[outputs];
      this.length = new int[outputs];
      this.taps = taps;
      this.weight = new int[Math.multiplyExact(outputs, taps)];
    }

    /** Weights for outputs {@code from} (inclusive) to {@code to} (exclusive). */
    static Kernel of(int inputs, int outputs, int from, int to) {
      double scale = (double) inputs / outputs;
      double filterScale = Math.max(scale, 1.0);
      double support = SUPPORT * filterScale;
      int taps = (int) Math.ceil(support) * 2 + 1;
      Kernel k = new Kernel(to - from, taps);
      double[] w = new double[taps];
      for (int i = 0; i < to - from; i++) {
        double centre = (from + i + 0.5) * scale;
        // Casts truncate toward zero here, as the C code's do; then clamp.
        int start = Math.max(0, (int) (centre - support + 0.5));
        int length = Math.min(inputs, (int) (centre + support + 0.5)) - start;
        double sum = 0;
        for (int t = 0; t < length; t++) {
          w[t] = cubic((t + start - centre + 0.5) * (1.0 / filterScale));
          sum += w[t];
        }
        for (int t = 0; t < length; t++) {
          double normal = sum == 0 ? w[t] : w[t] / sum;
          k.weight[i * taps + t] =
              (int) (normal * (1 << PRECISION_BITS) + (normal < 0 ? -0.5 : 0.5));
        }
        k.start[i] = start;
        k.length[i] = length;
      }
      return k;
    }

    private static double cubic(double value) {
      double x = Math.abs(value);
      if (x < 1) {
        return (1.5 * x - 2.5) * x * x + 1;
      }
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
    }
  }
}
