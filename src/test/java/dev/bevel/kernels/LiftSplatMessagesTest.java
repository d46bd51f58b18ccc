package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

/** What somebody who uses lift-splat for the first time gets wrong, and what he is told. */
class LiftSplatMessagesTest {
  private static final LiftSplatScene SCENE =
      new LiftSplatScene(
          100, new int[] {2, 3, 7, 5, 9, 6}, LiftSplatScene.grid(3, CellRounding.TRUNC, RowAxis.Y));

  /** Tensors of a call, each of the shape that the plan asks for. */
  private static final class Call implements AutoCloseable {
    final Arena arena = Arena.ofConfined();
    final LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices());
    final TensorView depth = of(DType.FLOAT32, plan.depthShape());
    final long[] contextShape = plan.contextShape(SCENE.channels, Layout.CHANNELS_FIRST);
    final TensorView context = of(DType.FLOAT32, contextShape);
    final TensorView out = of(DType.FLOAT32, plan.outShape(SCENE.channels, Layout.CHANNELS_FIRST));
    final LiftSplatInputs inputs = new LiftSplatInputs(plan, depth, context);

    TensorView of(DType dtype, long... shape) {
      return TensorView.allocate(arena, dtype, shape);
    }

    @Override
    public void close() {
      plan.close();
      arena.close();
    }
  }

  private static void refused(Runnable call, String... message) {
    assertThatThrownBy(call::run)
        .isInstanceOf(BevelException.class)
        .extracting(Throwable::getMessage, org.assertj.core.api.InstanceOfAssertFactories.STRING)
        .contains(message)
        .doesNotContain("NULL");
  }

  @Test
  void backwardTellsWhereProbabilitiesComeFrom() {
    try (Call c = new Call()) {
      TensorView gradDepth = c.of(DType.FLOAT32, c.plan.depthShape());
      LiftSplatGradients gradients = LiftSplatGradients.none().withDepth(gradDepth);
      refused(
          () -> LiftSplat.backward(c.inputs, c.out, gradients),
          "lift_splat_backward: probabilities must be given",
          "LiftSplatOutputs.withProbabilities",
          "LiftSplatInputs.withProbabilities");
      TensorView wrong = c.of(DType.FLOAT32, 2, 3, 7, 5, 8);
      LiftSplatGradients ofWrong = LiftSplatGradients.none().withDepth(wrong);
      refused(
          () -> LiftSplat.backward(c.inputs, c.out, ofWrong),
          "lift_splat_backward: gradDepth must be [2, 3, 7, 5, 9] to match the plan",
          "got [2, 3, 7, 5, 8]");
    }
  }

  @Test
  void theOneThatIsFloat64IsNamed() {
    try (Call c = new Call()) {
      LiftSplatInputs wide =
          new LiftSplatInputs(c.plan, c.of(DType.FLOAT64, c.plan.depthShape()), c.context);
      refused(
          () -> LiftSplat.forward(wide, c.out),
          "lift_splat_forward: depth and context must both be float64 or neither",
          "got float64 and float32");
      LiftSplatInputs wideContext =
          new LiftSplatInputs(c.plan, c.depth, c.of(DType.FLOAT64, c.contextShape));
      refused(() -> LiftSplat.forward(wideContext, c.out), "got float32 and float64");
      LiftSplatInputs mixed = c.inputs.withProbabilities(c.of(DType.FLOAT64, c.plan.depthShape()));
      LiftSplatGradients gradients =
          LiftSplatGradients.none().withContext(c.of(DType.FLOAT32, c.contextShape));
      refused(
          () -> LiftSplat.backward(mixed, c.out, gradients),
          "lift_splat_backward: probabilities and context must both be float64");
    }
  }

  @Test
  void valuesAreJavas() {
    try (Call c = new Call()) {
      CallSettings settings = CallSettings.DEFAULT.withStream(7);
      refused(
          () -> LiftSplat.forward(c.inputs, c.out, settings),
          "lift_splat_forward: stream must be 0 for CPU tensors");
    }
  }

  @Test
  void transposedTransformsAreRefused() {
    double[] transposed = SCENE.cameraToBev.clone();
    for (int at = 0; at < transposed.length; at += 16) {
      for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) {
          transposed[at + 4 * i + j] = SCENE.cameraToBev[at + 4 * j + i];
        }
      }
    }
    LiftSplatGeometry.Builder builder =
        SCENE
            .geometry()
            .imageSize(LiftSplatScene.IMAGE_HEIGHT, LiftSplatScene.IMAGE_WIDTH)
            .intrinsics(SCENE.intrinsics)
            .cameraToBev(transposed);
    refused(
        builder::build,
        "LiftSplatGeometry: cameraToBev[0]: its last row must be 0 0 0 1",
        "is it transposed?");
  }

  @Test
  void theFeaturesSizeIsNotTheImages() {
    refused(
        () -> LiftSplatGeometry.builder().featureSize(512, 1408),
        "LiftSplatGeometry: featureSize must have 1 to 255 rows",
        "got 512 x 1408",
        "imageSize");
  }
}
