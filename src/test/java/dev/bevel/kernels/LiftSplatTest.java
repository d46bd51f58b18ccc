package dev.bevel.kernels;

import static dev.bevel.kernels.TensorValues.assertClose;
import static dev.bevel.kernels.TensorValues.doubles;
import static dev.bevel.kernels.TensorValues.floats;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The operator through the binding, against plain double loops over the definition. */
class LiftSplatTest {
  private static final int[] SIZES = {2, 3, 7, 5, 9, 6};

  record Case(
      long seed,
      int zCells,
      CellRounding rounding,
      RowAxis rowAxis,
      Layout layout,
      PoolingMethod method) {
    LiftSplatScene scene() {
      return new LiftSplatScene(seed, SIZES, LiftSplatScene.grid(zCells, rounding, rowAxis));
    }
  }

  static List<Case> cases() {
    List<Case> cases = new ArrayList<>();
    long seed = 100;
    for (CellRounding rounding : CellRounding.values()) {
      for (RowAxis rowAxis : RowAxis.values()) {
        for (Layout layout : Layout.values()) {
          for (PoolingMethod method : PoolingMethod.values()) {
            cases.add(
                new Case(
                    seed++,
                    method == PoolingMethod.COLUMNS ? 1 : 3,
                    rounding,
                    rowAxis,
                    layout,
                    method));
          }
        }
      }
    }
    return cases;
  }

  @Test
  void pointsFollowTheDefinition() {
    LiftSplatScene scene =
        new LiftSplatScene(1, SIZES, LiftSplatScene.grid(1, CellRounding.TRUNC, RowAxis.Y));
    try (Arena arena = Arena.ofConfined()) {
      TensorView points = TensorView.allocate(arena, DType.FLOAT64, 2, 3, 7, 5, 9, 3);
      LiftSplat.points(scene.withMatrices(), points);
      assertClose(points.toDoubleArray(), scene.referencePoints(), 1e-11);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void cellsAndCountsFollowTheDefinition(Case c) {
    LiftSplatScene scene = c.scene();
    int[] expected = scene.referenceCells();
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(scene.withMatrices(), c.method)) {
      TensorView cells = TensorView.allocate(arena, DType.INT32, plan.depthShape());
      LiftSplat.cells(scene.withMatrices(), cells);
      assertThat(cells.toIntArray()).isEqualTo(expected);

      LiftSplatPlanInfo info = plan.info();
      assertThat(info.overflow()).isFalse();
      assertThat(info.points())
          .isEqualTo(Arrays.stream(expected).filter(cell -> cell >= 0).count());
      assertThat(info.filledCells()).isEqualTo(filledCells(scene, expected));
      if (c.method != PoolingMethod.AUTO) {
        assertThat(info.method()).isEqualTo(c.method);
      }
    }
  }

  private static long filledCells(LiftSplatScene scene, int[] cells) {
    int perElement = scene.points() / scene.batch;
    return java.util.stream.IntStream.range(0, cells.length)
        .filter(i -> cells[i] >= 0)
        .mapToLong(i -> (long) (i / perElement) << 32 | cells[i])
        .distinct()
        .count();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void forwardFromLogitsInSinglePrecision(Case c) {
    LiftSplatScene scene = c.scene();
    double[] logits = scene.random(scene.points(), 1);
    double[] context = scene.random(scene.contextSize(), 2);
    double[] softmax = scene.softmax(logits);
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(scene.withMatrices(), c.method)) {
      TensorView out =
          TensorView.allocate(arena, DType.FLOAT32, plan.outShape(scene.channels, c.layout));
      TensorView probabilities = TensorView.allocate(arena, DType.FLOAT32, plan.depthShape());
      LiftSplat.forward(
          new LiftSplatInputs(
                  plan,
                  TensorView.copyOf(arena, floats(logits), plan.depthShape()),
                  TensorView.copyOf(
                      arena, floats(context), plan.contextShape(scene.channels, c.layout)))
              .withContextLayout(c.layout)
              .withOutLayout(c.layout),
          LiftSplatOutputs.of(out).withProbabilities(probabilities));
      assertClose(doubles(probabilities), softmax, 1e-6);
      assertClose(doubles(out), scene.forward(softmax, context, c.layout, c.layout), 1e-5);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void forwardAndGradientsWithPriorInDoublePrecision(Case c) {
    LiftSplatScene scene = c.scene();
    double[] logits = scene.random(scene.points(), 1);
    double[] context = scene.random(scene.contextSize(), 2);
    double[] prior = scene.softmax(scene.random(scene.points(), 3));
    double[] weight =
        new Random(scene.seed)
            .doubles((long) scene.batch * scene.cameras * scene.pixels())
            .toArray();
    double[] gradOut = scene.random(scene.outSize(), 4);
    double[] softmax = scene.softmax(logits);
    double[] mixed = scene.mix(softmax, prior, weight);
    double[] gradMixed = new double[logits.length];
    double[] expectedGradContext = new double[context.length];
    scene.backward(gradOut, mixed, context, c.layout, gradMixed, expectedGradContext);
    double[] gradSoftmax = scene.mix(gradMixed, new double[gradMixed.length], weight);

    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(scene.withMatrices(), c.method)) {
      long[] depthShape = plan.depthShape();
      long[] contextShape = plan.contextShape(scene.channels, c.layout);
      long[] outShape = plan.outShape(scene.channels, c.layout);
      TensorView contextView = TensorView.copyOf(arena, context, contextShape);
      TensorView priorView = TensorView.copyOf(arena, prior, depthShape);
      TensorView weightView =
          TensorView.copyOf(arena, weight, scene.batch, scene.cameras, scene.height, scene.width);
      TensorView probabilities = TensorView.allocate(arena, DType.FLOAT64, depthShape);
      TensorView out = TensorView.allocate(arena, DType.FLOAT64, outShape);
      LiftSplatInputs inputs =
          new LiftSplatInputs(plan, TensorView.copyOf(arena, logits, depthShape), contextView)
              .withContextLayout(c.layout)
              .withOutLayout(c.layout)
              .withPrior(priorView, weightView);
      LiftSplat.forward(inputs, LiftSplatOutputs.of(out).withProbabilities(probabilities));
      assertClose(out.toDoubleArray(), scene.forward(mixed, context, c.layout, c.layout), 1e-12);

      TensorView gradDepth = TensorView.allocate(arena, DType.FLOAT64, depthShape);
      TensorView gradContext = TensorView.allocate(arena, DType.FLOAT64, contextShape);
      LiftSplat.backward(
          inputs.withProbabilities(probabilities),
          TensorView.copyOf(arena, gradOut, outShape),
          LiftSplatGradients.none().withDepth(gradDepth).withContext(gradContext));
      assertClose(gradContext.toDoubleArray(), expectedGradContext, 1e-12);
      assertClose(gradDepth.toDoubleArray(), scene.softmaxGradient(softmax, gradSoftmax), 1e-12);
    }
  }

  @Test
  void gradientsOfGivenProbabilities() {
    LiftSplatScene scene = cases().getFirst().scene();
    double[] given = scene.random(scene.points(), 1);
    double[] context = scene.random(scene.contextSize(), 2);
    double[] gradOut = scene.random(scene.outSize(), 4);
    double[] expected = new double[given.length];
    scene.backward(
        gradOut, given, context, Layout.CHANNELS_FIRST, expected, new double[context.length]);
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(scene.withMatrices())) {
      TensorView gradDepth = TensorView.allocate(arena, DType.FLOAT64, plan.depthShape());
      LiftSplat.backward(
          new LiftSplatInputs(
                  plan,
                  TensorView.copyOf(arena, given, plan.depthShape()),
                  TensorView.copyOf(
                      arena, context, plan.contextShape(scene.channels, Layout.CHANNELS_FIRST)))
              .withDepthKind(DepthKind.PROBABILITIES),
          TensorView.copyOf(arena, gradOut, plan.outShape(scene.channels, Layout.CHANNELS_FIRST)),
          LiftSplatGradients.none().withDepth(gradDepth));
      assertClose(gradDepth.toDoubleArray(), expected, 1e-12);
    }
  }

  @Test
  void finiteDifferencesAgreeWithTheGradients() {
    LiftSplatScene scene = cases().getFirst().scene();
    double[] logits = scene.random(scene.points(), 1);
    double[] context = scene.random(scene.contextSize(), 2);
    double[] gradOut = scene.random(scene.outSize(), 4);
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(scene.withMatrices())) {
      long[] outShape = plan.outShape(scene.channels, Layout.CHANNELS_FIRST);
      TensorView depth = TensorView.copyOf(arena, logits, plan.depthShape());
      TensorView features =
          TensorView.copyOf(
              arena, context, plan.contextShape(scene.channels, Layout.CHANNELS_FIRST));
      TensorView out = TensorView.allocate(arena, DType.FLOAT64, outShape);
      TensorView softmax = TensorView.allocate(arena, DType.FLOAT64, plan.depthShape());
      TensorView gradDepth = TensorView.allocate(arena, DType.FLOAT64, plan.depthShape());
      TensorView gradContext = TensorView.allocate(arena, DType.FLOAT64, features.shape());
      LiftSplatInputs inputs = new LiftSplatInputs(plan, depth, features);
      LiftSplat.forward(inputs, LiftSplatOutputs.of(out).withProbabilities(softmax));
      LiftSplat.backward(
          inputs.withProbabilities(softmax),
          TensorView.copyOf(arena, gradOut, outShape),
          LiftSplatGradients.none().withDepth(gradDepth).withContext(gradContext));

      assertClose(
          differences(depth, gradOut, () -> forward(plan, depth, features, out)),
          Arrays.copyOf(gradDepth.toDoubleArray(), PROBES),
          1e-7);
      assertClose(
          differences(features, gradOut, () -> forward(plan, depth, features, out)),
          Arrays.copyOf(gradContext.toDoubleArray(), PROBES),
          1e-7);
    }
  }

  private static final int PROBES = 40;

  private static double[] forward(
      LiftSplatPlan plan, TensorView depth, TensorView context, TensorView out) {
    LiftSplat.forward(plan, depth, context, out);
    return out.toDoubleArray();
  }

  private static double[] differences(
      TensorView input, double[] gradOut, java.util.function.Supplier<double[]> forward) {
    double step = 1e-5;
    double[] slopes = new double[PROBES];
    for (int i = 0; i < PROBES; i++) {
      double value = input.segment().getAtIndex(ValueLayout.JAVA_DOUBLE, i);
      double difference = 0;
      for (int sign = -1; sign <= 1; sign += 2) {
        input.segment().setAtIndex(ValueLayout.JAVA_DOUBLE, i, value + sign * step);
        double[] out = forward.get();
        for (int k = 0; k < out.length; k++) {
          difference += sign * out[k] * gradOut[k];
        }
      }
      input.segment().setAtIndex(ValueLayout.JAVA_DOUBLE, i, value);
      slopes[i] = difference / (2 * step);
    }
    return slopes;
  }
}
