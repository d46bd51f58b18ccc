package dev.bevel.torch.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bevel.kernels.BevGrid;
import dev.bevel.testing.TestData;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The kernels inside a detector against upstream's numbers and against the composition of LibTorch
 * operations.
 */
class KernelViewPoolingTest {
  private static final FrustumSpec SPEC =
      new FrustumSpec(
          8,
          1,
          1,
          2,
          4,
          32,
          64,
          BevGrid.of(
              BevGrid.Axis.range(-8, 8, 1),
              BevGrid.Axis.range(-6, 6, 1),
              BevGrid.Axis.range(-10, 10, 20)));

  private TensorScope scope;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @Test
  void bevDetsLiftSplatIsReproduced() throws IOException {
    JsonNode fixture =
        new ObjectMapper()
            .readTree(TestData.require("module-fixtures/bevdet_v1_lss.json").toFile());
    Calibration calibration =
        new Calibration(
            1,
            2,
            numbers(fixture, "intrins"),
            homogeneous(numbers(fixture, "rots"), numbers(fixture, "trans")),
            homogeneous(numbers(fixture, "post_rots"), numbers(fixture, "post_trans")),
            null);
    assertClose(Tensors.toDoubles(SPEC.points()), numbers(fixture, "frustum"), 1e-6);
    assertClose(
        Tensors.toDoubles(FrustumGeometry.points(SPEC, calibration)),
        numbers(fixture, "geom"),
        1e-5);

    Tensor features = tensor(fixture, "x").flatten(0, 1);
    Tensor weight = tensor(fixture, "depthnet_weight");
    Tensor depthNet =
        torch.conv2d(
            features,
            weight,
            new TensorOptional(tensor(fixture, "depthnet_bias")),
            new long[] {1, 1},
            new long[] {0, 0},
            new long[] {1, 1},
            1);
    try (KernelViewPooling pooling = new KernelViewPooling(SPEC)) {
      Tensor bev =
          pooling.pool(calibration, depthNet.narrow(1, 0, 8), depthNet.narrow(1, 8, 4)).bev();
      assertThat(bev.shape()).containsExactly(1, 4, 12, 16);
      assertClose(Tensors.toDoubles(bev), numbers(fixture, "out"), 1e-5);
    }
  }

  private static void assertClose(double[] actual, double[] expected, double tolerance) {
    assertThat(actual).containsExactly(expected, within(tolerance));
  }

  private static double[] numbers(JsonNode fixture, String name) {
    List<Double> values = new ArrayList<>();
    fixture.path(name).path("data").forEach(value -> values.add(value.doubleValue()));
    assertThat(values).as(name).isNotEmpty();
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private static Tensor tensor(JsonNode fixture, String name) {
    List<Long> shape = new ArrayList<>();
    fixture.path(name).path("shape").forEach(size -> shape.add(size.longValue()));
    long[] sizes = shape.stream().mapToLong(Long::longValue).toArray();
    return Tensors.of(numbers(fixture, name), sizes).to(ScalarType.Float);
  }

  private static double[] homogeneous(double[] rotations, double[] translations) {
    int count = translations.length / 3;
    double[] matrices = new double[16 * count];
    for (int n = 0; n < count; n++) {
      for (int row = 0; row < 3; row++) {
        System.arraycopy(rotations, 9 * n + 3 * row, matrices, 16 * n + 4 * row, 3);
        matrices[16 * n + 4 * row + 3] = translations[3 * n + row];
      }
      matrices[16 * n + 15] = 1;
    }
    return matrices;
  }

  /** Cameras at random places and angles, in float64, with augmentations. */
  private static Calibration randomCalibration(Random random, int batch, int cameras) {
    int count = batch * cameras;
    double[] intrinsics = new double[9 * count];
    double[] rotations = new double[9 * count];
    double[] translations = random.doubles(3L * count, -1, 1).toArray();
    double[] augmentations = new double[9 * count];
    double[] shifts = new double[3 * count];
    for (int n = 0; n < count; n++) {
      double yaw = random.nextDouble(2 * Math.PI);
      double tilt = random.nextDouble(-0.1, 0.1);
      double[] k = {40, 0, 31, 0, 41, 17, 0, 0, 1};
      double[] r = {
        Math.sin(yaw), 0, Math.cos(yaw), -Math.cos(yaw), 0, Math.sin(yaw), 0, -1, 0,
      };
      double[] a = {
        0.5 * Math.cos(tilt),
        0.5 * Math.sin(tilt),
        0,
        -0.5 * Math.sin(tilt),
        0.5 * Math.cos(tilt),
        0,
        0,
        0,
        1
      };
      System.arraycopy(k, 0, intrinsics, 9 * n, 9);
      System.arraycopy(r, 0, rotations, 9 * n, 9);
      System.arraycopy(a, 0, augmentations, 9 * n, 9);
      shifts[3 * n] = random.nextDouble(-5, 5);
      shifts[3 * n + 1] = random.nextDouble(-5, 5);
    }
    double[] bev = homogeneous(new double[9 * batch], new double[3 * batch]);
    for (int b = 0; b < batch; b++) {
      double angle = random.nextDouble(-0.4, 0.4);
      double[] rows = {
        Math.cos(angle), -Math.sin(angle), 0, 0, Math.sin(angle), Math.cos(angle), 0, 0, 0, 0, 1, 0
      };
      System.arraycopy(rows, 0, bev, 16 * b, 12);
    }
    return new Calibration(
        batch,
        cameras,
        intrinsics,
        homogeneous(rotations, translations),
        homogeneous(augmentations, shifts),
        bev);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void mapsAndGradientsEqualTheComposition(boolean resolvedHeights) {
    BevGrid.Axis z = resolvedHeights ? BevGrid.Axis.range(-6, 6, 3) : SPEC.grid().z();
    FrustumSpec spec =
        new FrustumSpec(8, 1, 1, 2, 4, 32, 64, BevGrid.of(SPEC.grid().x(), SPEC.grid().y(), z));
    long seed = 5;
    Random random = new Random(seed);
    Calibration calibration = randomCalibration(random, 2, 3);
    double[] logits = random.doubles(6 * 8 * 2 * 4, -2, 2).toArray();
    double[] context = random.doubles(6 * 5 * 2 * 4, -1, 1).toArray();
    double[] slope = random.doubles(2L * 5 * z.cells() * 12 * 16, -1, 1).toArray();
    List<double[]> results = new ArrayList<>();
    for (ViewPooling pooling :
        List.of(new KernelViewPooling(spec), new ComposedViewPooling(spec))) {
      try (pooling) {
        Tensor l = Tensors.of(logits, 6, 8, 2, 4).requires_grad_(true);
        Tensor c = Tensors.of(context, 6, 5, 2, 4).requires_grad_(true);
        ViewPooling.Pooled pooled = pooling.pool(calibration, l, c);
        Tensor loss = pooled.bev().mul(Tensors.of(slope, 2, 5L * z.cells(), 12, 16)).sum();
        loss.add(pooled.probabilities().square().sum()).backward();
        results.add(Tensors.toDoubles(pooled.bev()));
        results.add(Tensors.toDoubles(l.grad()));
        results.add(Tensors.toDoubles(c.grad()));
      }
    }
    for (int i = 0; i < 3; i++) {
      assertThat(results.get(i))
          .as("seed %d, result %d", seed, i)
          .containsExactly(results.get(i + 3), within(1e-12));
      assertThat(Arrays.stream(results.get(i)).anyMatch(value -> value != 0)).isTrue();
    }
  }

  @Test
  void correctedCellsMoveTheirPointsOnly() {
    Random random = new Random(3);
    Calibration calibration = randomCalibration(random, 1, 2);
    long[] cells = new ComposedViewPooling(SPEC).cells(calibration);
    int moved = 0;
    while (cells[moved] < 0) {
      moved++;
    }
    int target = cells[moved] == 7 ? 8 : 7;
    Map<Long, Integer> corrections = Map.of((long) moved, target);
    Tensor logits = Tensors.of(random.doubles(2 * 8 * 2 * 4, -2, 2).toArray(), 2, 8, 2, 4);
    Tensor context = Tensors.of(random.doubles(2 * 3 * 2 * 4, -1, 1).toArray(), 2, 3, 2, 4);
    try (KernelViewPooling kernels = KernelViewPooling.withCells(SPEC, corrections);
        ViewPooling composed = new ComposedViewPooling(SPEC, corrections);
        ViewPooling plain = new ComposedViewPooling(SPEC)) {
      double[] actual = Tensors.toDoubles(kernels.pool(calibration, logits, context).bev());
      assertThat(actual)
          .containsExactly(
              Tensors.toDoubles(composed.pool(calibration, logits, context).bev()), within(1e-12));
      assertThat(actual)
          .isNotEqualTo(Tensors.toDoubles(plain.pool(calibration, logits, context).bev()));
    }
  }

  @Test
  void manyCalibrationsAreEachPlannedRightAndAStepMayOutliveTheCache() {
    Random random = new Random(9);
    try (KernelViewPooling kernels = new KernelViewPooling(SPEC);
        ViewPooling composed = new ComposedViewPooling(SPEC)) {
      Tensor logits =
          Tensors.of(random.doubles(8 * 2 * 4, -2, 2).toArray(), 1, 8, 2, 4).requires_grad_(true);
      Tensor context = Tensors.of(random.doubles(3 * 2 * 4, -1, 1).toArray(), 1, 3, 2, 4);
      Tensor sum = Tensors.of(new double[] {0}, 1);
      Tensor expected = Tensors.of(new double[] {0}, 1);
      Tensor reference = logits.detach().clone().requires_grad_(true);
      for (int i = 0; i < 20; i++) {
        Calibration calibration = randomCalibration(random, 1, 1);
        sum = sum.add(kernels.pool(calibration, logits, context).bev().square().sum());
        expected =
            expected.add(composed.pool(calibration, reference, context).bev().square().sum());
      }
      sum.sum().backward();
      expected.sum().backward();
      assertThat(Tensors.toDoubles(logits.grad()))
          .containsExactly(Tensors.toDoubles(reference.grad()), within(1e-12));
    }
  }
}
