package dev.bevel.kernels;

import dev.bevel.kernels.BevGrid.Axis;
import java.lang.foreign.Arena;
import java.util.Random;

/**
 * A random rig of cameras over a small grid, its tensors, and the operator in plain double loops:
 * what the kernels are compared with.
 */
final class LiftSplatScene {
  static final double IMAGE_HEIGHT = 64;
  static final double IMAGE_WIDTH = 96;
  static final double DEPTH_START = 1.25;
  static final double DEPTH_STEP = 0.75;

  final long seed;
  final int batch;
  final int cameras;
  final int bins;
  final int height;
  final int width;
  final int channels;
  final BevGrid grid;

  final double[] intrinsics;
  final double[] cameraToBev;
  final double[] imageAugmentation;
  final double[] bevAugmentation;

  LiftSplatScene(long seed, int[] sizes, BevGrid grid) {
    this.seed = seed;
    this.batch = sizes[0];
    this.cameras = sizes[1];
    this.bins = sizes[2];
    this.height = sizes[3];
    this.width = sizes[4];
    this.channels = sizes[5];
    this.grid = grid;
    Random random = new Random(seed);
    int views = batch * cameras;
    intrinsics = new double[views * 9];
    cameraToBev = new double[views * 16];
    imageAugmentation = new double[views * 16];
    bevAugmentation = new double[batch * 16];
    for (int view = 0; view < views; view++) {
      double focal = 60 + 20 * random.nextDouble();
      set(intrinsics, view * 9, focal, 0, 48 + random.nextDouble(), 0, focal, 32, 0, 0, 1);
      double yaw = 2 * Math.PI * random.nextDouble();
      double c = Math.cos(yaw);
      double s = Math.sin(yaw);
      double x = random.nextGaussian();
      double y = random.nextGaussian();
      // Camera right, down, forward become the BEV frame's (s, −c, 0), (0, 0, −1), (c, s, 0).
      set(cameraToBev, view * 16, s, 0, c, x, -c, 0, s, y, 0, -1, 0, 1.5, 0, 0, 0, 1);
      double scale = 0.9 + 0.2 * random.nextDouble();
      double tilt = 0.1 * random.nextGaussian();
      double ct = scale * Math.cos(tilt);
      double st = scale * Math.sin(tilt);
      set(imageAugmentation, view * 16, ct, -st, 0, 3, st, ct, 0, -2, 0, 0, 1, 0, 0, 0, 0, 1);
    }
    for (int b = 0; b < batch; b++) {
      double turn = 0.3 * random.nextGaussian();
      double c = Math.cos(turn);
      double s = Math.sin(turn);
      set(bevAugmentation, b * 16, c, -s, 0, 0, s, c, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
    }
  }

  static BevGrid grid(int zCells, CellRounding rounding, RowAxis rowAxis) {
    return new BevGrid(
        new Axis(-12, 1.5, 16),
        new Axis(-10, 1.25, 18),
        new Axis(-3, 6.0 / zCells, zCells),
        rounding,
        rowAxis);
  }

  LiftSplatGeometry.Builder geometry() {
    return LiftSplatGeometry.builder()
        .batch(batch)
        .cameras(cameras)
        .depth(bins, DEPTH_START, DEPTH_STEP)
        .featureSize(height, width)
        .grid(grid);
  }

  LiftSplatGeometry withMatrices() {
    return geometry()
        .imageSize(IMAGE_HEIGHT, IMAGE_WIDTH)
        .intrinsics(intrinsics)
        .cameraToBev(cameraToBev)
        .imageAugmentation(imageAugmentation)
        .bevAugmentation(bevAugmentation)
        .build();
  }

  int pixels() {
    return height * width;
  }

  int points() {
    return batch * cameras * bins * pixels();
  }

  int contextSize() {
    return batch * cameras * channels * pixels();
  }

  int outSize() {
    return batch * grid.z().cells() * grid.rows() * grid.columns() * channels;
  }

  double[] random(int count, long stream) {
    return new Random(seed * 31 + stream).doubles(count, -2, 2).toArray();
  }

  /** [B, N, D, H, W, 3] in metres, straight from the definition. */
  double[] referencePoints() {
    double[] points = new double[points() * 3];
    int at = 0;
    for (int view = 0; view < batch * cameras; view++) {
      for (int d = 0; d < bins; d++) {
        for (int h = 0; h < height; h++) {
          for (int w = 0; w < width; w++) {
            double[] point = point(view, d, h, w);
            System.arraycopy(point, 0, points, at, 3);
            at += 3;
          }
        }
      }
    }
    return points;
  }

  private double[] point(int view, int d, int h, int w) {
    double u = width == 1 ? 0 : w * (IMAGE_WIDTH - 1) / (width - 1);
    double v = height == 1 ? 0 : h * (IMAGE_HEIGHT - 1) / (height - 1);
    double z = DEPTH_START + d * DEPTH_STEP;
    double[] a = imageAugmentation;
    int i = view * 16;
    double du = u - a[i + 3];
    double dv = v - a[i + 7];
    double determinant = a[i] * a[i + 5] - a[i + 1] * a[i + 4];
    double rawU = (a[i + 5] * du - a[i + 1] * dv) / determinant;
    double rawV = (a[i] * dv - a[i + 4] * du) / determinant;
    int k = view * 9;
    double[] ray = {
      (rawU - intrinsics[k + 2]) / intrinsics[k] * z,
      (rawV - intrinsics[k + 5]) / intrinsics[k + 4] * z,
      z
    };
    return transform(bevAugmentation, view / cameras * 16, transform(cameraToBev, view * 16, ray));
  }

  /** Cell of every point, −1 outside. */
  int[] referenceCells() {
    double[] points = referencePoints();
    int[] cells = new int[points()];
    for (int i = 0; i < cells.length; i++) {
      int x = cell(points[i * 3], grid.x());
      int y = cell(points[i * 3 + 1], grid.y());
      int z = cell(points[i * 3 + 2], grid.z());
      int row = grid.rowAxis() == RowAxis.Y ? y : x;
      int column = grid.rowAxis() == RowAxis.Y ? x : y;
      cells[i] = x < 0 || y < 0 || z < 0 ? -1 : (z * grid.rows() + row) * grid.columns() + column;
    }
    return cells;
  }

  private int cell(double coordinate, Axis axis) {
    double position = (coordinate - axis.lower()) / axis.cellSize();
    double index =
        grid.rounding() == CellRounding.FLOOR ? Math.floor(position) : (double) (long) position;
    return index < 0 || index >= axis.cells() ? -1 : (int) index;
  }

  /** Softmax of [B, N, D, H, W] over D. */
  double[] softmax(double[] logits) {
    double[] probabilities = new double[logits.length];
    for (int view = 0; view < batch * cameras; view++) {
      for (int pixel = 0; pixel < pixels(); pixel++) {
        double sum = 0;
        for (int d = 0; d < bins; d++) {
          sum += Math.exp(logits[point(view, d, pixel)]);
        }
        for (int d = 0; d < bins; d++) {
          probabilities[point(view, d, pixel)] = Math.exp(logits[point(view, d, pixel)]) / sum;
        }
      }
    }
    return probabilities;
  }

  /** f·G + (1 − f)·P. */
  double[] mix(double[] probabilities, double[] prior, double[] weight) {
    double[] mixed = new double[probabilities.length];
    for (int i = 0; i < mixed.length; i++) {
      double f = weight[i / (bins * pixels()) * pixels() + i % pixels()];
      mixed[i] = f * prior[i] + (1 - f) * probabilities[i];
    }
    return mixed;
  }

  /** The map in the layout asked for. */
  double[] forward(
      double[] probabilities, double[] context, Layout contextLayout, Layout outLayout) {
    int[] cells = referenceCells();
    double[] out = new double[outSize()];
    forEachTerm(
        cells,
        (i, view, pixel, channel) ->
            out[out(view / cameras, cells[i], channel, outLayout)] +=
                probabilities[i] * context[context(view, channel, pixel, contextLayout)]);
    return out;
  }

  /** Gradients of Σ gradOut · out with respect to the probabilities used and to the context. */
  void backward(
      double[] gradOut,
      double[] probabilities,
      double[] context,
      Layout layout,
      double[] gradProbabilities,
      double[] gradContext) {
    int[] cells = referenceCells();
    forEachTerm(
        cells,
        (i, view, pixel, channel) -> {
          double g = gradOut[out(view / cameras, cells[i], channel, layout)];
          int c = context(view, channel, pixel, layout);
          gradProbabilities[i] += g * context[c];
          gradContext[c] += g * probabilities[i];
        });
  }

  /** Chain rule of the softmax. */
  double[] softmaxGradient(double[] probabilities, double[] gradProbabilities) {
    double[] gradient = new double[probabilities.length];
    for (int view = 0; view < batch * cameras; view++) {
      for (int pixel = 0; pixel < pixels(); pixel++) {
        double dot = 0;
        for (int d = 0; d < bins; d++) {
          int i = point(view, d, pixel);
          dot += probabilities[i] * gradProbabilities[i];
        }
        for (int d = 0; d < bins; d++) {
          int i = point(view, d, pixel);
          gradient[i] = probabilities[i] * (gradProbabilities[i] - dot);
        }
      }
    }
    return gradient;
  }

  private interface Term {
    void add(int point, int view, int pixel, int channel);
  }

  private void forEachTerm(int[] cells, Term term) {
    for (int i = 0; i < cells.length; i++) {
      for (int channel = 0; cells[i] >= 0 && channel < channels; channel++) {
        term.add(i, i / (bins * pixels()), i % pixels(), channel);
      }
    }
  }

  private int point(int view, int d, int pixel) {
    return (view * bins + d) * pixels() + pixel;
  }

  int context(int view, int channel, int pixel, Layout layout) {
    return layout == Layout.CHANNELS_FIRST
        ? (view * channels + channel) * pixels() + pixel
        : (view * pixels() + pixel) * channels + channel;
  }

  int out(int element, int cell, int channel, Layout layout) {
    int plane = grid.rows() * grid.columns();
    int z = element * grid.z().cells() + cell / plane;
    return layout == Layout.CHANNELS_FIRST
        ? (z * channels + channel) * plane + cell % plane
        : (z * plane + cell % plane) * channels + channel;
  }

  /** The map in float32, channels first, over memory full of rubbish. */
  float[] run(LiftSplatPlan plan) {
    try (Arena arena = Arena.ofConfined()) {
      TensorView out =
          TensorView.allocate(arena, DType.FLOAT32, plan.outShape(channels, Layout.CHANNELS_FIRST));
      out.segment().fill((byte) 0x5a);
      LiftSplat.forward(
          plan,
          TensorView.copyOf(arena, TensorValues.floats(random(points(), 1)), plan.depthShape()),
          TensorView.copyOf(
              arena,
              TensorValues.floats(random(contextSize(), 2)),
              plan.contextShape(channels, Layout.CHANNELS_FIRST)),
          out);
      return out.toFloatArray();
    }
  }

  private static double[] transform(double[] m, int at, double[] p) {
    double[] result = new double[3];
    for (int row = 0; row < 3; row++) {
      int i = at + row * 4;
      result[row] = m[i] * p[0] + m[i + 1] * p[1] + m[i + 2] * p[2] + m[i + 3];
    }
    return result;
  }

  private static void set(double[] target, int at, double... values) {
    System.arraycopy(values, 0, target, at, values.length);
  }
}
