package dev.bevel.bench.deformconv;

import dev.bevel.kernels.DeformConvSettings;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Deformable convolution in double, straight from its definition (Zhu et al., CVPR 2019, equation
 * 1): the masked sample of every channel, tap and output pixel, times the weights.
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

  /**
   * Gradients, each in the shape of what it belongs to; mask is empty where there is none.
   *
   * @param input of the input
   * @param offset of the offsets
   * @param mask of the mask
   * @param weight of the weight
   * @param bias of the bias
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Gradients(
      double[] input, double[] offset, double[] mask, double[] weight, double[] bias) {}

  private final DeformConvShape shape;
  private final Values values;
  private final int groupInputs;
  private final int groupOutputs;
  private final int deformInputs;
  private final int taps;
  private final int pixels;

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
    taps = shape.taps();
    pixels = shape.outPixels();
  }

  /** Where one tap of one output pixel samples: its four neighbours and their weights. */
  private final class Place {
    /** Of this sample in mask; the offset in y stands at {@link #offsetIndex}. */
    final int sample;

    final boolean counts;
    private final int top;
    private final int left;
    private final double below;
    private final double right;

    Place(int batch, int deformGroup, int tap, int pixel) {
      DeformConvSettings s = shape.settings();
      sample = ((batch * s.deformGroups() + deformGroup) * taps + tap) * pixels + pixel;
      int row = pixel / shape.outWidth() * s.strideY() - s.paddingY();
      int column = pixel % shape.outWidth() * s.strideX() - s.paddingX();
      double y = row + tap / shape.kernelWidth() * s.dilationY() + values.offset[offsetIndex()];
      double x =
          column
              + tap % shape.kernelWidth() * s.dilationX()
              + values.offset[offsetIndex() + pixels];
      counts = y > -1 && x > -1 && y < shape.height() && x < shape.width();
      top = (int) Math.floor(y);
      left = (int) Math.floor(x);
      below = y - top;
      right = x - left;
    }

    int offsetIndex() {
      return sample / pixels * 2 * pixels + sample % pixels;
    }

    double mask() {
      return values.mask == null ? 1 : values.mask[sample];
    }

    double value(int map) {
      return mixed(map, 1 - below, below, 1 - right, right);
    }

    double slopeY(int map) {
      return mixed(map, -1, 1, 1 - right, right);
    }

    double slopeX(int map) {
      return mixed(map, 1 - below, below, -1, 1);
    }

    private double mixed(int map, double upper, double lower, double before, double after) {
      return upper * (before * pixel(map, top, left) + after * pixel(map, top, left + 1))
          + lower * (before * pixel(map, top + 1, left) + after * pixel(map, top + 1, left + 1));
    }

    /** Adds {@code amount}, shared out by the weights, to the neighbours in a map. */
    void scatter(double[] maps, int map, double amount) {
      for (int row = top; row <= top + 1; row++) {
        for (int column = left; column <= left + 1; column++) {
          if (inside(row, column)) {
            double vertical = row == top ? 1 - below : below;
            double horizontal = column == left ? 1 - right : right;
            maps[(map * shape.height() + row) * shape.width() + column] +=
                vertical * horizontal * amount;
          }
        }
      }
    }
  }

  private boolean inside(int row, int column) {
    return row >= 0 && row < shape.height() && column >= 0 && column < shape.width();
  }

  private double pixel(int map, int row, int column) {
    return inside(row, column)
        ? values.input[(map * shape.height() + row) * shape.width() + column]
        : 0;
  }

  /** The masked samples of a batch element, a row for each channel and tap. */
  private double[][] columns(int batch) {
    double[][] columns = new double[shape.channels() * taps][pixels];
    forEachPlace(
        batch,
        (place, channel, tap, pixel) -> {
          if (place.counts) {
            columns[channel * taps + tap][pixel] =
                place.mask() * place.value(batch * shape.channels() + channel);
          }
        });
    return columns;
  }

  private interface Visitor {
    void visit(Place place, int channel, int tap, int pixel);
  }

  private void forEachPlace(int batch, Visitor visitor) {
    for (int deformGroup = 0; deformGroup < shape.settings().deformGroups(); deformGroup++) {
      for (int tap = 0; tap < taps; tap++) {
        for (int pixel = 0; pixel < pixels; pixel++) {
          Place place = new Place(batch, deformGroup, tap, pixel);
          for (int c = deformGroup * deformInputs; c < (deformGroup + 1) * deformInputs; c++) {
            visitor.visit(place, c, tap, pixel);
          }
        }
      }
    }
  }

  private double weight(int output, int channel, int tap) {
    return values.weight[(output * groupInputs + channel % groupInputs) * taps + tap];
  }

  /** The output, [B, O, Ho, Wo]. */
  public double[] forward() {
    double[] out = new double[shape.batch() * shape.outputs() * pixels];
    for (int batch = 0; batch < shape.batch(); batch++) {
      double[][] columns = columns(batch);
      for (int output = 0; output < shape.outputs(); output++) {
        double[] row = new double[pixels];
        if (values.bias != null) {
          Arrays.fill(row, values.bias[output]);
        }
        int first = output / groupOutputs * groupInputs;
        for (int channel = first; channel < first + groupInputs; channel++) {
          for (int tap = 0; tap < taps; tap++) {
            addTo(row, weight(output, channel, tap), columns[channel * taps + tap]);
          }
        }
        System.arraycopy(row, 0, out, (batch * shape.outputs() + output) * pixels, pixels);
      }
    }
    return out;
  }

  /** All gradients. */
  public Gradients backward() {
    Gradients gradients =
        new Gradients(
            new double[values.input.length],
            new double[values.offset.length],
            new double[values.mask == null ? 0 : values.mask.length],
            new double[values.weight.length],
            new double[shape.outputs()]);
    for (int batch = 0; batch < shape.batch(); batch++) {
      double[][] gradOut = new double[shape.outputs()][];
      for (int output = 0; output < gradOut.length; output++) {
        int from = (batch * shape.outputs() + output) * pixels;
        gradOut[output] = Arrays.copyOfRange(values.gradOut, from, from + pixels);
        gradients.bias[output] += Arrays.stream(gradOut[output]).sum();
      }
      weightGradient(gradOut, columns(batch), gradients.weight);
      sampleGradients(batch, gradOut, gradients);
    }
    return gradients;
  }

  private void weightGradient(double[][] gradOut, double[][] columns, double[] gradient) {
    for (int output = 0; output < shape.outputs(); output++) {
      int first = output / groupOutputs * groupInputs * taps;
      for (int i = 0; i < groupInputs * taps; i++) {
        gradient[output * groupInputs * taps + i] += dot(gradOut[output], columns[first + i]);
      }
    }
  }

  private void sampleGradients(int batch, double[][] gradOut, Gradients gradients) {
    double[][] ofColumns = new double[shape.channels() * taps][pixels];
    for (int channel = 0; channel < shape.channels(); channel++) {
      int first = channel / groupInputs * groupOutputs;
      for (int tap = 0; tap < taps; tap++) {
        for (int output = first; output < first + groupOutputs; output++) {
          addTo(ofColumns[channel * taps + tap], weight(output, channel, tap), gradOut[output]);
        }
      }
    }
    forEachPlace(
        batch,
        (place, channel, tap, pixel) -> {
          if (!place.counts) {
            return;
          }
          int map = batch * shape.channels() + channel;
          double gradient = ofColumns[channel * taps + tap][pixel];
          double masked = place.mask() * gradient;
          place.scatter(gradients.input, map, masked);
          gradients.offset[place.offsetIndex()] += masked * place.slopeY(map);
          gradients.offset[place.offsetIndex() + pixels] += masked * place.slopeX(map);
          if (values.mask != null) {
            gradients.mask[place.sample] += gradient * place.value(map);
          }
        });
  }

  private static void addTo(double[] sum, double factor, double[] row) {
    for (int i = 0; i < sum.length; i++) {
      sum[i] += factor * row[i];
    }
  }

  /** Four sums side by side, or each addition waits for the one before. */
  private static double dot(double[] a, double[] b) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (; i + 4 <= a.length; i += 4) {
      s0 += a[i] * b[i];
      s1 += a[i + 1] * b[i + 1];
      s2 += a[i + 2] * b[i + 2];
      s3 += a[i + 3] * b[i + 3];
    }
    for (; i < a.length; i++) {
      s0 += a[i] * b[i];
    }
    return s0 + s1 + (s2 + s3);
  }
}
