package dev.bevel.bench.multiview;

import dev.bevel.kernels.PointRange;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Feature sampling in several cameras and its gradients by their definition, in double, one sample
 * after the other (DETR3D, Wang et al., CoRL 2021). Arrays are row-major in the shapes that {@link
 * MultiViewShape} tells.
 */
public final class MultiViewReference {
  /**
   * Inputs.
   *
   * @param features a level each, [B, N, C, H, W], or [B, N, H, W, C] where channels are last
   * @param lidarToImage [B, N, 4, 4]; not read with locations
   * @param places points or locations
   * @param weights [B, Q, N, P, L, G]
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Inputs(
      List<double[]> features, double[] lidarToImage, double[] places, double[] weights) {}

  /**
   * Gradients of the inputs.
   *
   * @param features of each level
   * @param places of points or locations
   * @param weights of the weights
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Gradients(List<double[]> features, double[] places, double[] weights) {}

  private static final double LEAST_DEPTH = 1e-5;

  private final MultiViewShape shape;
  private final Inputs in;
  private final boolean channelsLast;

  // The view that project() has found: place in the image and its derivatives by the point.
  private double u;
  private double v;
  private final double[] uByPoint = new double[3];
  private final double[] vByPoint = new double[3];

  /**
   * @param shape sizes
   * @param in inputs of these sizes
   * @param channelsLast the order of features and of their gradients
   */
  public MultiViewReference(MultiViewShape shape, Inputs in, boolean channelsLast) {
    this.shape = shape;
    this.in = in;
    this.channelsLast = channelsLast;
  }

  /** The result, [B, Q, C]. */
  public double[] forward() {
    double[] out = new double[MultiViewShape.count(shape.outShape())];
    walk(out, null, null);
    return out;
  }

  /** The gradients of Σ out · gradOut. */
  public Gradients backward(double[] gradOut) {
    Gradients gradients =
        new Gradients(
            in.features.stream().map(level -> new double[level.length]).toList(),
            new double[in.places.length],
            new double[in.weights.length]);
    walk(new double[gradOut.length], gradOut, gradients);
    return gradients;
  }

  /** The number of (point, camera) pairs that are visible. */
  public long visible() {
    long count = 0;
    for (int item = 0; item < items(); item++) {
      for (int camera = 0; camera < shape.cameras(); camera++) {
        count += project(item, camera) ? 1 : 0;
      }
    }
    return count;
  }

  /** How many pixels of a level's maps samples touch; forward need read no others. */
  public long touchedPixels(int level) {
    MultiViewShape.Level size = shape.levels().get(level);
    BitSet touched = new BitSet();
    for (int item = 0; item < items(); item++) {
      for (int camera = 0; camera < shape.cameras(); camera++) {
        if (!project(item, camera)) {
          continue;
        }
        int map = item / (shape.queries() * shape.points()) * shape.cameras() + camera;
        for (int corner = 0; corner < 4; corner++) {
          int column = (int) Math.floor(u * size.width() - 0.5) + (corner & 1);
          int line = (int) Math.floor(v * size.height() - 0.5) + (corner >> 1);
          if (column >= 0 && line >= 0 && column < size.width() && line < size.height()) {
            touched.set((map * size.height() + line) * size.width() + column);
          }
        }
      }
    }
    return touched.cardinality();
  }

  private int items() {
    return shape.batch() * shape.queries() * shape.points();
  }

  private void walk(double[] out, double @Nullable [] gradOut, @Nullable Gradients gradients) {
    for (int item = 0; item < items(); item++) {
      for (int camera = 0; camera < shape.cameras(); camera++) {
        if (!project(item, camera)) {
          continue;
        }
        double[] byPlace = new double[2];
        for (int level = 0; level < shape.levels().size(); level++) {
          sample(item, camera, level, out, gradOut, gradients, byPlace);
        }
        if (gradients != null) {
          addPlaceGradient(item, camera, byPlace, gradients.places);
        }
      }
    }
  }

  /** Finds where a camera sees a point; whether it does. */
  private boolean project(int item, int camera) {
    if (shape.located()) {
      u = in.places[2 * (item * shape.cameras() + camera)];
      v = in.places[2 * (item * shape.cameras() + camera) + 1];
      return u > 0 && u < 1 && v > 0 && v < 1;
    }
    PointRange range = shape.range();
    double[] bounds = range == null ? new double[6] : range.bounds();
    double[] scale = new double[3];
    double[] image = new double[3];
    int batch = item / (shape.queries() * shape.points());
    int matrix = 16 * (batch * shape.cameras() + camera);
    for (int row = 0; row < 3; row++) {
      image[row] = in.lidarToImage[matrix + 4 * row + 3];
    }
    for (int k = 0; k < 3; k++) {
      scale[k] = range == null ? 1 : bounds[k + 3] - bounds[k];
      double metres = bounds[k] + in.places[3 * item + k] * scale[k];
      for (int row = 0; row < 3; row++) {
        image[row] += in.lidarToImage[matrix + 4 * row + k] * metres;
      }
    }
    double depth = Math.max(image[2], LEAST_DEPTH);
    u = image[0] / depth / shape.imageWidth();
    v = image[1] / depth / shape.imageHeight();
    for (int k = 0; k < 3; k++) {
      double alongDepth = in.lidarToImage[matrix + 8 + k];
      uByPoint[k] =
          scale[k]
              * (in.lidarToImage[matrix + k] * depth - image[0] * alongDepth)
              / (depth * depth * shape.imageWidth());
      vByPoint[k] =
          scale[k]
              * (in.lidarToImage[matrix + 4 + k] * depth - image[1] * alongDepth)
              / (depth * depth * shape.imageHeight());
    }
    return image[2] > LEAST_DEPTH && u > 0 && u < 1 && v > 0 && v < 1;
  }

  private void sample(
      int item,
      int camera,
      int level,
      double[] out,
      double @Nullable [] gradOut,
      @Nullable Gradients gradients,
      double[] byPlace) {
    MultiViewShape.Level size = shape.levels().get(level);
    int row = item / shape.points();
    int point = item % shape.points();
    int map = row / shape.queries() * shape.cameras() + camera;
    double x = u * size.width() - 0.5;
    double y = v * size.height() - 0.5;
    double[] values = in.features.get(level);
    int firstWeight =
        (((row * shape.cameras() + camera) * shape.points() + point) * shape.levels().size()
                + level)
            * shape.groups();
    for (int corner = 0; corner < 4; corner++) {
      int column = (int) Math.floor(x) + (corner & 1);
      int line = (int) Math.floor(y) + (corner >> 1);
      if (column < 0 || line < 0 || column >= size.width() || line >= size.height()) {
        continue;
      }
      double weightX = 1 - Math.abs(x - column);
      double weightY = 1 - Math.abs(y - line);
      double signX = (corner & 1) == 0 ? -1 : 1;
      double signY = corner < 2 ? -1 : 1;
      for (int c = 0; c < shape.channels(); c++) {
        int at =
            channelsLast
                ? ((map * size.height() + line) * size.width() + column) * shape.channels() + c
                : ((map * shape.channels() + c) * size.height() + line) * size.width() + column;
        int group = firstWeight + c * shape.groups() / shape.channels();
        int o = row * shape.channels() + c;
        out[o] += in.weights[group] * weightX * weightY * values[at];
        if (gradients == null || gradOut == null) {
          continue;
        }
        double gradient = gradOut[o];
        gradients.features.get(level)[at] += in.weights[group] * weightX * weightY * gradient;
        gradients.weights[group] += weightX * weightY * values[at] * gradient;
        double weighed = in.weights[group] * values[at] * gradient;
        byPlace[0] += signX * weightY * weighed * size.width();
        byPlace[1] += signY * weightX * weighed * size.height();
      }
    }
  }

  private void addPlaceGradient(int item, int camera, double[] byPlace, double[] gradient) {
    if (shape.located()) {
      gradient[2 * (item * shape.cameras() + camera)] = byPlace[0];
      gradient[2 * (item * shape.cameras() + camera) + 1] = byPlace[1];
      return;
    }
    for (int k = 0; k < 3; k++) {
      gradient[3 * item + k] += byPlace[0] * uByPoint[k] + byPlace[1] * vByPoint[k];
    }
  }
}
