package dev.bevel.bench.deformconv;

import dev.bevel.kernels.DeformConvSettings;
import org.jspecify.annotations.Nullable;

/**
 * Deformable convolution in double, one element at a time, straight from its definition (Zhu et
 * al., CVPR 2019, equation 1): for checks at every element of a small case, at some of a large one.
 * Elements are counted in row-major order.
 */
public final class DeformConvReference {
  /**
   * The numbers, row-major in the shapes of {@link DeformConvShape}.
   *
   * @param input [B, C, H, W]
   * @param offset [B, 2·G·K, Ho, Wo]
   * @param mask [B, G·K, Ho, Wo], or null for 1
   * @param weight [O, C/groups, kh, kw]
   * @param bias [O], or null for 0
   * @param gradOut [B, O, Ho, Wo]
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Values(
      double[] input,
      double[] offset,
      double @Nullable [] mask,
      double[] weight,
      double @Nullable [] bias,
      double[] gradOut) {}

  private final DeformConvShape shape;
  private final Values values;
  private final int groupInputs;
  private final int groupOutputs;
  private final int deformInputs;

  /**
   * @param shape sizes
   * @param values numbers
   */
  public DeformConvReference(DeformConvShape shape, Values values) {
    this.shape = shape;
    this.values = values;
    groupInputs = shape.channels() / shape.settings().groups();
    groupOutputs = shape.outputs() / shape.settings().groups();
    deformInputs = shape.channels() / shape.settings().deformGroups();
  }

  /** Where one tap of one output pixel samples: its top left neighbour, and how far from it. */
  private final class Place {
    final int sample;
    final boolean counts;
    final int top;
    final int left;
    final double dy;
    final double dx;

    Place(int batch, int deformGroup, int tap, int pixel) {
      DeformConvSettings s = shape.settings();
      int plane = (batch * s.deformGroups() + deformGroup) * shape.taps() + tap;
      sample = plane * shape.outPixels() + pixel;
      int row = pixel / shape.outWidth() * s.strideY() - s.paddingY();
      int column = pixel % shape.outWidth() * s.strideX() - s.paddingX();
      double y =
          row
              + tap / shape.kernelWidth() * s.dilationY()
              + values.offset[offsetIndex(plane, pixel)];
      double x =
          column
              + tap % shape.kernelWidth() * s.dilationX()
              + values.offset[offsetIndex(plane, pixel) + shape.outPixels()];
      counts = y > -1 && x > -1 && y < shape.height() && x < shape.width();
      top = (int) Math.floor(y);
      left = (int) Math.floor(x);
      dy = y - top;
      dx = x - left;
    }

    private int offsetIndex(int plane, int pixel) {
      return 2 * plane * shape.outPixels() + pixel;
    }

    double mask() {
      return values.mask == null ? 1 : values.mask[sample];
    }

    /** Weight of the neighbour at (row, column), zero if it is none. */
    double weightOf(int row, int column) {
      if (!counts || row < top || row > top + 1 || column < left || column > left + 1) {
        return 0;
      }
      return (row == top ? 1 - dy : dy) * (column == left ? 1 - dx : dx);
    }

    double value(int map) {
      return mixed(map, 1 - dy, dy, 1 - dx, dx);
    }

    double slopeY(int map) {
      return mixed(map, -1, 1, 1 - dx, dx);
    }

    double slopeX(int map) {
      return mixed(map, 1 - dy, dy, -1, 1);
    }

    private double mixed(int map, double upper, double lower, double before, double after) {
      if (!counts) {
        return 0;
      }
      return upper * (before * pixel(map, top, left) + after * pixel(map, top, left + 1))
          + lower * (before * pixel(map, top + 1, left) + after * pixel(map, top + 1, left + 1));
    }
  }

  private double pixel(int map, int row, int column) {
    boolean inside = row >= 0 && row < shape.height() && column >= 0 && column < shape.width();
    return inside ? values.input[map * shape.pixels() + row * shape.width() + column] : 0;
  }

  /** The masked sample that the weight of channel and tap multiplies. */
  private double column(int batch, int channel, int tap, int pixel) {
    Place place = new Place(batch, channel / deformInputs, tap, pixel);
    return place.counts ? place.mask() * place.value(batch * shape.channels() + channel) : 0;
  }

  /** The gradient of {@link #column}. */
  private double gradColumn(int batch, int channel, int tap, int pixel) {
    int group = channel / groupInputs;
    double sum = 0;
    for (int o = group * groupOutputs; o < (group + 1) * groupOutputs; o++) {
      sum +=
          values.weight[(o * groupInputs + channel % groupInputs) * shape.taps() + tap]
              * values.gradOut[(batch * shape.outputs() + o) * shape.outPixels() + pixel];
    }
    return sum;
  }

  /** An element of out. */
  public double out(int index) {
    int pixel = index % shape.outPixels();
    int output = index / shape.outPixels() % shape.outputs();
    int batch = index / shape.outPixels() / shape.outputs();
    double sum = values.bias == null ? 0 : values.bias[output];
    for (int c = 0; c < groupInputs; c++) {
      int channel = output / groupOutputs * groupInputs + c;
      for (int tap = 0; tap < shape.taps(); tap++) {
        sum +=
            values.weight[(output * groupInputs + c) * shape.taps() + tap]
                * column(batch, channel, tap, pixel);
      }
    }
    return sum;
  }

  /** An element of the gradient of the input. */
  public double gradInput(int index) {
    int row = index % shape.pixels() / shape.width();
    int column = index % shape.width();
    int channel = index / shape.pixels() % shape.channels();
    int batch = index / shape.pixels() / shape.channels();
    double sum = 0;
    for (int tap = 0; tap < shape.taps(); tap++) {
      for (int pixel = 0; pixel < shape.outPixels(); pixel++) {
        Place place = new Place(batch, channel / deformInputs, tap, pixel);
        double weight = place.weightOf(row, column);
        if (weight != 0) {
          sum += weight * place.mask() * gradColumn(batch, channel, tap, pixel);
        }
      }
    }
    return sum;
  }

  /** An element of the gradient of the offsets. */
  public double gradOffset(int index) {
    int pixel = index % shape.outPixels();
    int plane = index / shape.outPixels() / 2;
    boolean vertical = index / shape.outPixels() % 2 == 0;
    int tap = plane % shape.taps();
    int deformGroup = plane / shape.taps() % shape.settings().deformGroups();
    int batch = plane / shape.taps() / shape.settings().deformGroups();
    Place place = new Place(batch, deformGroup, tap, pixel);
    double sum = 0;
    for (int c = deformGroup * deformInputs; c < (deformGroup + 1) * deformInputs; c++) {
      int map = batch * shape.channels() + c;
      double slope = vertical ? place.slopeY(map) : place.slopeX(map);
      sum += slope * gradColumn(batch, c, tap, pixel);
    }
    return place.counts ? place.mask() * sum : 0;
  }

  /** An element of the gradient of the mask. */
  public double gradMask(int index) {
    int pixel = index % shape.outPixels();
    int plane = index / shape.outPixels();
    int tap = plane % shape.taps();
    int deformGroup = plane / shape.taps() % shape.settings().deformGroups();
    int batch = plane / shape.taps() / shape.settings().deformGroups();
    Place place = new Place(batch, deformGroup, tap, pixel);
    double sum = 0;
    for (int c = deformGroup * deformInputs; c < (deformGroup + 1) * deformInputs; c++) {
      sum += place.value(batch * shape.channels() + c) * gradColumn(batch, c, tap, pixel);
    }
    return sum;
  }

  /** An element of the gradient of the weight. */
  public double gradWeight(int index) {
    int tap = index % shape.taps();
    int output = index / shape.taps() / groupInputs;
    int channel = output / groupOutputs * groupInputs + index / shape.taps() % groupInputs;
    double sum = 0;
    for (int batch = 0; batch < shape.batch(); batch++) {
      int map = (batch * shape.outputs() + output) * shape.outPixels();
      for (int pixel = 0; pixel < shape.outPixels(); pixel++) {
        sum += values.gradOut[map + pixel] * column(batch, channel, tap, pixel);
      }
    }
    return sum;
  }

  /** An element of the gradient of the bias. */
  public double gradBias(int output) {
    double sum = 0;
    for (int batch = 0; batch < shape.batch(); batch++) {
      int map = (batch * shape.outputs() + output) * shape.outPixels();
      for (int pixel = 0; pixel < shape.outPixels(); pixel++) {
        sum += values.gradOut[map + pixel];
      }
    }
    return sum;
  }
}
