package dev.bevel.kernels;

import static dev.bevel.kernels.TensorValues.assertClose;
import static dev.bevel.kernels.TensorValues.doubles;
import static dev.bevel.kernels.TensorViewTest.refused;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * The reference points of spatial cross-attention through the binding, against their definition.
 */
class PointSamplingTest {
  private static final int BATCH = 2;
  private static final int CAMERAS = 2;
  private static final int HEIGHT = 480;
  private static final int WIDTH = 800;
  private static final PillarGrid GRID =
      new PillarGrid(9, 11, 4, new PointRange(-51.2, -51.2, -5, 51.2, 51.2, 3));

  /**
   * Matrices of cameras that look along x and along y, the second element's from 7 metres higher.
   */
  private static double[] matrices() {
    double[] matrices = new double[BATCH * CAMERAS * 16];
    for (int i = 0; i < BATCH * CAMERAS; i++) {
      double up = i / CAMERAS;
      double[] alongX = {400, -600, 0, 3, 240, 0, -600, 9 + 4000 * up, 1, 0, 0, 0.5, 0, 0, 0, 1};
      double[] alongY = {600, 400, 0, 3, 0, 240, -600, 9 + 4000 * up, 0, 1, 0, 0.5, 0, 0, 0, 1};
      System.arraycopy(i % 2 == 0 ? alongX : alongY, 0, matrices, 16 * i, 16);
    }
    return matrices;
  }

  /** What plain loops give. */
  private static final class Expected {
    final double[] reference;
    final byte[] mask;
    final byte[] visible;

    Expected(double[] matrices, double[][] points, int queries, int anchors) {
      int views = BATCH * CAMERAS * queries;
      reference = new double[views * anchors * 2];
      mask = new byte[views * anchors];
      visible = new byte[views];
      for (int view = 0; view < views; view++) {
        int camera = view / queries;
        for (int k = 0; k < anchors; k++) {
          double[] p = points[view % queries * anchors + k];
          double[] image = new double[3];
          for (int r = 0; r < 3; r++) {
            int row = 16 * camera + 4 * r;
            image[r] =
                matrices[row] * p[0]
                    + matrices[row + 1] * p[1]
                    + matrices[row + 2] * p[2]
                    + matrices[row + 3];
          }
          double u = image[0] / Math.max(image[2], 1e-5) / WIDTH;
          double v = image[1] / Math.max(image[2], 1e-5) / HEIGHT;
          int at = view * anchors + k;
          reference[2 * at] = u;
          reference[2 * at + 1] = v;
          if (image[2] > 1e-5 && u > 0 && u < 1 && v > 0 && v < 1) {
            mask[at] = 1;
            visible[view] = 1;
          }
        }
      }
    }
  }

  private static double[][] gridPoints() {
    double[][] points = new double[(int) GRID.queries() * GRID.anchors()][];
    for (int i = 0; i < points.length; i++) {
      int query = i / GRID.anchors();
      points[i] =
          new double[] {
            -51.2 + (query % GRID.columns() + 0.5) * 102.4 / GRID.columns(),
            -51.2 + (query / GRID.columns() + 0.5) * 102.4 / GRID.rows(),
            -4.5 + i % GRID.anchors() * (7.0 / 3)
          };
    }
    return points;
  }

  private static TensorView bytes(Arena arena, long... shape) {
    return TensorView.allocate(arena, DType.UINT8, shape);
  }

  private static byte[] bytesOf(TensorView view) {
    return view.segment().toArray(ValueLayout.JAVA_BYTE);
  }

  @Test
  void pillarsOfAGridInDoubleAndInFloat() {
    int queries = (int) GRID.queries();
    Expected expected = new Expected(matrices(), gridPoints(), queries, 4);
    try (Arena arena = Arena.ofConfined()) {
      PointSamplingInputs.Images images =
          new PointSamplingInputs.Images(
              TensorView.copyOf(arena, matrices(), BATCH, CAMERAS, 4, 4), HEIGHT, WIDTH);
      TensorView visible = bytes(arena, BATCH, CAMERAS, queries);
      TensorView mask = bytes(arena, BATCH, CAMERAS, queries, 4);
      TensorView wide = TensorView.allocate(arena, DType.FLOAT64, BATCH, CAMERAS, queries, 4, 2);
      PointSamplingInputs inputs = PointSamplingInputs.of(GRID, images);
      PointSampling.forward(inputs, PointSamplingOutputs.of(wide, visible).withMask(mask));
      assertClose(wide.segment().toArray(ValueLayout.JAVA_DOUBLE), expected.reference, 1e-9);
      assertThat(bytesOf(mask)).isEqualTo(expected.mask);
      assertThat(bytesOf(visible)).isEqualTo(expected.visible).contains(1).contains(0);

      TensorView floats = TensorView.allocate(arena, DType.FLOAT32, BATCH, CAMERAS, queries, 4, 2);
      PointSampling.forward(inputs, PointSamplingOutputs.of(floats, visible));
      assertClose(doubles(floats), expected.reference, 1e-6);
    }
  }

  @Test
  void givenPointsAndTheMaskOfTheFirstElement() {
    int queries = 50;
    Random random = new Random(7);
    double[][] points = new double[queries * 3][];
    double[] flat = new double[queries * 3 * 3];
    for (int i = 0; i < points.length; i++) {
      points[i] = random.doubles(3, -30, 30).toArray();
      System.arraycopy(points[i], 0, flat, 3 * i, 3);
    }
    Expected expected = new Expected(matrices(), points, queries, 3);
    try (Arena arena = Arena.ofConfined()) {
      PointSamplingInputs.Images images =
          new PointSamplingInputs.Images(
              TensorView.copyOf(arena, matrices(), BATCH, CAMERAS, 4, 4), HEIGHT, WIDTH);
      TensorView shared = TensorView.copyOf(arena, flat, 1, queries, 3, 3);
      TensorView reference =
          TensorView.allocate(arena, DType.FLOAT64, BATCH, CAMERAS, queries, 3, 2);
      TensorView visible = bytes(arena, BATCH, CAMERAS, queries);
      TensorView factor = TensorView.allocate(arena, DType.FLOAT64, BATCH, queries);
      PointSamplingInputs inputs =
          PointSamplingInputs.of(shared, images).withVisibleOfFirstElement(true);
      PointSamplingOutputs outputs =
          PointSamplingOutputs.of(reference, visible).withMeanFactor(factor);
      PointSampling.forward(inputs, outputs);
      assertClose(reference.segment().toArray(ValueLayout.JAVA_DOUBLE), expected.reference, 1e-9);
      byte[] first = Arrays.copyOf(expected.visible, CAMERAS * queries);
      byte[] both = Arrays.copyOf(first, 2 * first.length);
      System.arraycopy(first, 0, both, first.length, first.length);
      assertThat(bytesOf(visible)).isEqualTo(both);
      double[] factors = factor.segment().toArray(ValueLayout.JAVA_DOUBLE);
      for (int i = 0; i < BATCH * queries; i++) {
        int query = i % queries;
        int own = 0;
        int gathered = 0;
        for (int camera = 0; camera < CAMERAS; camera++) {
          own += expected.visible[(i / queries * CAMERAS + camera) * queries + query];
          gathered += first[camera * queries + query];
        }
        assertThat(factors[i]).isEqualTo(gathered / (double) Math.max(own, 1));
      }

      PointSampling.forward(inputs.withVisibleOfFirstElement(false), outputs);
      assertThat(bytesOf(visible)).isEqualTo(expected.visible).isNotEqualTo(both);
    }
  }

  @Test
  void badArgumentsAreRefused() {
    refused(
        () -> new PillarGrid(0, 5, 4, GRID.range()),
        "PillarGrid: a grid needs a row, a column and 1 to 256 anchors, got 0 × 5 × 4");
    refused(() -> new PillarGrid(5, 5, 257, GRID.range()), "got 5 × 5 × 257");
    try (Arena arena = Arena.ofConfined()) {
      TensorView matrices = TensorView.copyOf(arena, matrices(), BATCH, CAMERAS, 4, 4);
      TensorView reference =
          TensorView.allocate(arena, DType.FLOAT32, BATCH, CAMERAS, GRID.queries(), 4, 2);
      TensorView visible = bytes(arena, BATCH, CAMERAS, GRID.queries());
      refused(
          () -> new PointSamplingInputs.Images(matrices, 0, WIDTH),
          "PointSamplingInputs: images must have a height and a width of at least 1, got 0 × 800");
      PointSamplingInputs.Images images = new PointSamplingInputs.Images(matrices, HEIGHT, WIDTH);
      refused(
          () ->
              PointSampling.forward(
                  PointSamplingInputs.of(GRID, images), PointSamplingOutputs.of(visible, visible)),
          "point_sampling: reference");
      refused(
          () ->
              PointSampling.forward(
                  PointSamplingInputs.of(reference, images),
                  PointSamplingOutputs.of(reference, visible)),
          "point_sampling: points");
    }
  }
}
