package dev.bevel.bench.deformattn;

import dev.bevel.kernels.ReferenceKind;
import dev.bevel.kernels.ValueLevels;
import org.jspecify.annotations.Nullable;

/**
 * Deformable attention and its gradients by their definition, in double, one sample after the other
 * (Zhu et al., "Deformable DETR", ICLR 2021, equation 3; the means and anchors of BEVFormer, Li et
 * al., ECCV 2022). What the arrays hold, row-major, {@link DeformAttnShape} tells.
 */
public final class DeformAttnReference {
  /**
   * Inputs.
   *
   * @param value feature rows
   * @param reference null in the field's form
   * @param offsets in the field's form locations
   * @param logits in the field's form weights
   * @param visible [B, N, Q]; null: all
   */
  public record Inputs(
      double[] value,
      double @Nullable [] reference,
      double[] offsets,
      double[] logits,
      byte @Nullable [] visible) {}

  /**
   * Gradients of the inputs.
   *
   * @param value of value
   * @param reference of the references; empty in the field's form
   * @param offsets of the offsets
   * @param logits of the logits
   */
  public record Gradients(double[] value, double[] reference, double[] offsets, double[] logits) {}

  private final DeformAttnShape shape;
  private final Inputs in;

  // The sample that locate() has found.
  private double x;
  private double y;
  private int sampleReference;
  private final double[] attention;
  private final double[] attentionGradient;
  private final int[] cornerRow = new int[4];
  private final double[] corner = new double[4];
  private final double[] cornerX = new double[4];
  private final double[] cornerY = new double[4];

  /**
   * @param shape sizes
   * @param in inputs of these sizes
   */
  public DeformAttnReference(DeformAttnShape shape, Inputs in) {
    this.shape = shape;
    this.in = in;
    attention = new double[shape.samples()];
    attentionGradient = new double[shape.samples()];
  }

  /** The result. */
  public double[] forward() {
    double[] out = new double[DeformAttnShape.count(shape.outShape())];
    walk(null, null, out);
    return out;
  }

  /** The gradients of Σ out · gradOut. */
  public Gradients backward(double[] gradOut) {
    Gradients gradients =
        new Gradients(
            new double[in.value.length],
            new double[in.reference == null ? 0 : in.reference.length],
            new double[in.offsets.length],
            new double[in.logits.length]);
    walk(gradients, gradOut, null);
    return gradients;
  }

  private void walk(
      @Nullable Gradients gradients, double @Nullable [] gradOut, double @Nullable [] out) {
    for (int b = 0; b < shape.batch(); b++) {
      for (int q = 0; q < shape.queries(); q++) {
        double share = shape.isMean() ? 1.0 / Math.max(1, seen(b, q)) : 1;
        for (int n = 0; n < shape.maps(); n++) {
          for (int m = 0; sees(b, n, q) && m < shape.heads(); m++) {
            head(b, n, q, m, share, gradients, gradOut, out);
          }
        }
      }
    }
  }

  private void head(
      int b,
      int n,
      int q,
      int m,
      double share,
      @Nullable Gradients gradients,
      double @Nullable [] gradOut,
      double @Nullable [] out) {
    int samplingMap = shape.shared() ? 0 : n;
    int row = ((b * shape.samplingMaps() + samplingMap) * shape.queries() + q) * shape.heads() + m;
    int first = row * shape.samples();
    int outMap = shape.isMean() ? b : b * shape.maps() + n;
    int outStart = ((outMap * shape.queries() + q) * shape.heads() + m) * shape.dim();
    weights(first);
    for (int l = 0; l < shape.levels().count(); l++) {
      for (int p = 0; p < shape.points(); p++) {
        int sample = l * shape.points() + p;
        locate(b, n, q, l, p, first + sample);
        attentionGradient[sample] = 0;
        if (!corners(b * shape.maps() + n, shape.levels().levels().get(l))) {
          continue;
        }
        if (out != null) {
          add(out, outStart, m, share * attention[sample]);
        }
        if (gradients != null && gradOut != null) {
          passBack(gradients, gradOut, outStart, m, l, share, sample, first + sample);
        }
      }
    }
    if (gradients != null) {
      passBackWeights(gradients, first);
    }
  }

  private boolean sees(int b, int n, int q) {
    return in.visible == null || in.visible[(b * shape.maps() + n) * shape.queries() + q] != 0;
  }

  private int seen(int b, int q) {
    int count = 0;
    for (int n = 0; n < shape.maps(); n++) {
      count += sees(b, n, q) ? 1 : 0;
    }
    return count;
  }

  private void weights(int first) {
    double largest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < attention.length; i++) {
      attention[i] = in.logits[first + i];
      largest = Math.max(largest, attention[i]);
    }
    if (!shape.isFused()) {
      return;
    }
    double sum = 0;
    for (int i = 0; i < attention.length; i++) {
      attention[i] = Math.exp(attention[i] - largest);
      sum += attention[i];
    }
    for (int i = 0; i < attention.length; i++) {
      attention[i] /= sum;
    }
  }

  /** Sets x and y, in pixels of the level, and where the reference stands. */
  private void locate(int b, int n, int q, int l, int p, int sample) {
    ValueLevels.Level level = shape.levels().levels().get(l);
    double offsetX = in.offsets[2 * sample];
    double offsetY = in.offsets[2 * sample + 1];
    if (in.reference == null) {
      x = offsetX * level.width() - 0.5;
      y = offsetY * level.height() - 0.5;
      return;
    }
    int r = shape.kind() == ReferenceKind.OF_LEVEL ? l : p % shape.references();
    int index = ((b * shape.maps() + n) * shape.queries() + q) * shape.references() + r;
    sampleReference = index * shape.referenceSize();
    double u = in.reference[sampleReference];
    double v = in.reference[sampleReference + 1];
    if (shape.referenceSize() == 2) {
      x = u * level.width() - 0.5 + offsetX;
      y = v * level.height() - 0.5 + offsetY;
    } else {
      double perOffset = 0.5 / shape.points();
      x = (u + offsetX * in.reference[sampleReference + 2] * perOffset) * level.width() - 0.5;
      y = (v + offsetY * in.reference[sampleReference + 3] * perOffset) * level.height() - 0.5;
    }
  }

  /** Finds the four neighbours, their weights and these' derivatives; false if none counts. */
  private boolean corners(int map, ValueLevels.Level level) {
    if (!(x > -1 && y > -1 && x < level.width() && y < level.height())) {
      return false;
    }
    int left = (int) Math.floor(x);
    int top = (int) Math.floor(y);
    double fx = x - left;
    double fy = y - top;
    for (int k = 0; k < 4; k++) {
      int column = left + (k & 1);
      int line = top + (k >> 1);
      boolean inside = column >= 0 && line >= 0 && column < level.width() && line < level.height();
      double wx = (k & 1) == 1 ? fx : 1 - fx;
      double wy = k >> 1 == 1 ? fy : 1 - fy;
      cornerRow[k] =
          inside
              ? Math.toIntExact(
                  (long) map * shape.rows() + level.start() + (long) line * level.width() + column)
              : -1;
      corner[k] = wx * wy;
      cornerX[k] = (k & 1) == 1 ? wy : -wy;
      cornerY[k] = k >> 1 == 1 ? wx : -wx;
    }
    return true;
  }

  private int valueAt(int k, int m) {
    return (cornerRow[k] * shape.heads() + m) * shape.dim();
  }

  private void add(double[] out, int outStart, int m, double weight) {
    for (int k = 0; k < 4; k++) {
      if (cornerRow[k] >= 0) {
        int value = valueAt(k, m);
        for (int c = 0; c < shape.dim(); c++) {
          out[outStart + c] += weight * corner[k] * in.value[value + c];
        }
      }
    }
  }

  private void passBack(
      Gradients gradients,
      double[] gradOut,
      int outStart,
      int m,
      int l,
      double share,
      int sample,
      int index) {
    double gradX = 0;
    double gradY = 0;
    for (int k = 0; k < 4; k++) {
      if (cornerRow[k] < 0) {
        continue;
      }
      int value = valueAt(k, m);
      double product = 0;
      for (int c = 0; c < shape.dim(); c++) {
        double gradient = share * gradOut[outStart + c];
        product += gradient * in.value[value + c];
        gradients.value[value + c] += attention[sample] * corner[k] * gradient;
      }
      attentionGradient[sample] += corner[k] * product;
      gradX += attention[sample] * cornerX[k] * product;
      gradY += attention[sample] * cornerY[k] * product;
    }
    ValueLevels.Level level = shape.levels().levels().get(l);
    passBackLocation(gradients, index, gradX, level.width(), 0);
    passBackLocation(gradients, index, gradY, level.height(), 1);
  }

  /** Of one coordinate: 0 for x, 1 for y. */
  private void passBackLocation(
      Gradients gradients, int index, double gradient, int size, int coordinate) {
    int offset = 2 * index + coordinate;
    if (in.reference == null) {
      gradients.offsets[offset] += gradient * size;
      return;
    }
    gradients.reference[sampleReference + coordinate] += gradient * size;
    if (shape.referenceSize() == 2) {
      gradients.offsets[offset] += gradient;
      return;
    }
    double scaled = gradient * size * 0.5 / shape.points();
    gradients.offsets[offset] += scaled * in.reference[sampleReference + 2 + coordinate];
    gradients.reference[sampleReference + 2 + coordinate] += scaled * in.offsets[offset];
  }

  private void passBackWeights(Gradients gradients, int first) {
    double mean = 0;
    for (int i = 0; shape.isFused() && i < attention.length; i++) {
      mean += attention[i] * attentionGradient[i];
    }
    for (int i = 0; i < attention.length; i++) {
      double factor = shape.isFused() ? attention[i] : 1;
      gradients.logits[first + i] += factor * (attentionGradient[i] - mean);
    }
  }
}
