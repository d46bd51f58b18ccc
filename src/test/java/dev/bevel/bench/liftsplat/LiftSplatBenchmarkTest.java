package dev.bevel.bench.liftsplat;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkResult;
import dev.bevel.bench.BenchmarkSession;
import dev.bevel.bench.CameraRig;
import dev.bevel.bench.Pass;
import dev.bevel.bench.Variant;
import dev.bevel.bench.VerificationException;
import dev.bevel.kernels.BevGrid;
import dev.bevel.kernels.BevGrid.Axis;
import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.kernels.LiftSplatPlanInfo;
import dev.bevel.kernels.RowAxis;
import dev.bevel.kernels.TensorView;
import dev.bevel.testing.TestData;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LiftSplatBenchmarkTest {
  private static final long SEED = 7;
  private static final LiftSplatShape TINY =
      new LiftSplatShape(
          "tiny",
          20,
          1,
          2,
          4,
          11,
          24,
          0.44,
          BevGrid.of(Axis.range(-20, 20, 2), Axis.range(-24, 24, 2), new Axis(-5, 8, 1))
              .withRowAxis(RowAxis.X));

  private int threads;
  private int torchThreads;

  @BeforeEach
  void rememberThreads() {
    threads = Bevel.threads();
    torchThreads = torch.get_num_threads();
  }

  @AfterEach
  void restoreThreads() {
    Bevel.setThreads(threads);
    torch.set_num_threads(torchThreads);
  }

  @Test
  void measuresAllVariantsOfATinyCase() {
    StringBuilder log = new StringBuilder();
    BenchmarkSession session =
        new BenchmarkSession(
            BenchmarkOptions.of(List.of(), List.of(1, 2), SEED, 1e-4, null), log::append);
    new LiftSplatBenchmark().run("tiny", TINY, CameraRig.sixCameras(), session);

    List<BenchmarkResult> results = session.report().results();
    assertThat(names(results, "lift-splat", Pass.FORWARD, "fp32", 1))
        .containsExactly(
            "bevel",
            "libtorch",
            "interval_loop",
            "interval_loop_by_point",
            "bevel_logits",
            "bevel_channels_first",
            "bevel_after_libtorch");
    assertThat(names(results, "lift-splat", Pass.FORWARD, "fp32", 2))
        .containsExactly(
            "bevel", "libtorch", "bevel_logits", "bevel_channels_first", "bevel_after_libtorch");
    assertThat(names(results, "lift-splat", Pass.BACKWARD, "fp32", 1))
        .containsExactly(
            "bevel",
            "libtorch",
            "interval_loop",
            "interval_loop_by_point",
            "bevel_logits",
            "bevel_channels_first");
    assertThat(names(results, "lift-splat", Pass.FORWARD, "bf16", 2)).containsExactly("bevel");
    assertThat(names(results, "lift-splat", Pass.FORWARD_BACKWARD, "fp32", 2))
        .containsExactly("bevel", "libtorch");
    assertThat(names(results, "lift-splat-plan", Pass.FORWARD, "int32", 2))
        .containsExactly("bevel", "libtorch_argsort");
    assertThat(results)
        .allSatisfy(
            result -> {
              assertThat(result.minMs()).isPositive().isLessThanOrEqualTo(result.medianMs());
              assertThat(result.floorMs()).isPositive();
              assertThat(result.ratio()).isPositive();
            });
    assertThat(log.toString()).contains("tiny: 5280 points", "GB/s");
  }

  @Test
  void refusesAVariantThatWritesNothingOrOneWrongElement() {
    try (LiftSplatVariants variants = new LiftSplatVariants(TINY, CameraRig.sixCameras(), SEED)) {
      LiftSplatProblem problem = variants.problem();
      int filled = firstFilledElement(problem);
      TensorView map = problem.out().last();
      TensorView gradDepth = problem.gradDepth();
      TensorView gradContext = problem.gradContext().last();
      int keptPoint = firstKeptPoint(problem);
      int keptPixel = IntervalRanks.featureRow(TINY, keptPoint) * TINY.channels();
      for (String name : List.of("bevel", "interval_loop", "bevel_logits")) {
        Variant forward = find(variants.forward(), name);
        Variant backward = find(variants.backward(), name);
        assertRefused(variants, forward, () -> {}, "got NaN");
        assertRefused(variants, backward, () -> {}, "got NaN");
        assertRefused(variants, forward, spoiling(forward, map, filled), "element 0 of row");
        assertRefused(variants, backward, spoiling(backward, gradDepth, keptPoint), "gradient of");
        assertRefused(
            variants, backward, spoiling(backward, gradContext, keptPixel), "gradient of context");
        variants.verify(forward);
        variants.verify(backward);
      }
      Variant both = find(variants.forwardBackward(), "bevel");
      assertRefused(variants, both, find(variants.forward(), "bevel").call(), "got NaN");
      assertRefused(variants, both, find(variants.backward(), "bevel").call(), "got NaN");
      variants.verify(both);
    }
  }

  /** The relative error of 1e-4 is far more than rounding explains, and invisible to the eye. */
  private static Runnable spoiling(Variant variant, TensorView result, long element) {
    return () -> {
      variant.call().run();
      float right = result.segment().getAtIndex(JAVA_FLOAT, element);
      result
          .segment()
          .setAtIndex(JAVA_FLOAT, element, right + 1e-4f * Math.max(1, Math.abs(right)));
    };
  }

  private static void assertRefused(
      LiftSplatVariants variants, Variant variant, Runnable call, String message) {
    Variant planted =
        new Variant(
            variant.name(),
            variant.dtype(),
            variant.floorBytes(),
            variant.singleThreaded(),
            variant.before(),
            call,
            variant.verify());
    assertThatThrownBy(() -> variants.verify(planted))
        .isInstanceOf(VerificationException.class)
        .hasMessageContaining(variant.name())
        .hasMessageContaining(message);
  }

  @Test
  void syntheticRigHasThePublishedCounts() {
    Map<LiftSplatShape, long[]> expected =
        Map.of(
            LiftSplatShape.BEVDET, new long[] {178_857, 11_260, 16_112},
            LiftSplatShape.BEVDEPTH, new long[] {345_688, 13_214, 31_277},
            LiftSplatShape.BEVFUSION, new long[] {1_831_066, 73_455, 91_009});
    expected.forEach(
        (shape, counts) -> {
          try (LiftSplatPlan plan = LiftSplatPlan.build(shape.geometry(CameraRig.sixCameras()))) {
            LiftSplatPlanInfo info = plan.info();
            assertThat(new long[] {info.points(), info.filledCells(), info.runs()})
                .as(shape.name())
                .containsExactly(counts);
          }
        });
  }

  @Test
  void realCalibrationsHaveRunsAsLongAsTheSyntheticOnes() {
    Path data = TestData.require("nuscenes-one-sample");
    CameraRig rig = CameraRig.ofFirstSample(data);
    assertThat(rig.cameras()).hasSize(6);
    assertThat(
            new LiftSplatBenchmark()
                .cases(BenchmarkOptions.of(List.of(), List.of(1), SEED, 1, data)))
        .contains("bevdet", "bevdet-sample", "bevfusion-sample");
    try (LiftSplatPlan plan = LiftSplatPlan.build(LiftSplatShape.BEVDET.geometry(rig))) {
      LiftSplatPlanInfo info = plan.info();
      assertThat((double) info.points() / info.runs()).isBetween(10.0, 11.5);
    }
  }

  private static List<String> names(
      List<BenchmarkResult> results, String operator, Pass pass, String dtype, int threads) {
    return results.stream()
        .filter(
            result ->
                result.key().operator().equals(operator)
                    && result.key().caseName().equals("tiny")
                    && result.key().pass() == pass
                    && result.key().dtype().equals(dtype)
                    && result.key().threads() == threads)
        .map(BenchmarkResult::variant)
        .toList();
  }

  private static Variant find(List<Variant> variants, String name) {
    return variants.stream()
        .filter(variant -> variant.name().equals(name) && variant.dtype().equals("fp32"))
        .findFirst()
        .orElseThrow();
  }

  private static int firstKeptPoint(LiftSplatProblem problem) {
    int point = 0;
    while (problem.cells()[point] < 0) {
      point++;
    }
    return point;
  }

  private static int firstFilledElement(LiftSplatProblem problem) {
    return problem.cells()[firstKeptPoint(problem)] * TINY.channels();
  }
}
