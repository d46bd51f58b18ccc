package dev.bevel.bench.liftsplat;

import dev.bevel.bench.BenchmarkKey;
import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkSession;
import dev.bevel.bench.CameraRig;
import dev.bevel.bench.OperatorBenchmark;
import dev.bevel.bench.Pass;
import dev.bevel.bench.Variant;
import dev.bevel.kernels.LiftSplatPlanInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Lift-splat at the published shapes, on a synthetic rig and, where a data set is given, on its
 * first sample's calibration (cases {@code …-sample}).
 *
 * <p>Compared from probabilities and fp32 context, plan or ranks made beforehand, to a
 * channels-last map: {@code bevel}, {@code libtorch} ({@link LibTorchLiftSplat}) and, on one
 * thread, {@code interval_loop} (bev_pool_v2's loop order) and {@code interval_loop_by_point} (the
 * same, vectorised over channels). Beside them Bevel from logits, with channels-first tensors, and
 * right after work of LibTorch, with which it shares the thread pool; in bf16; and building its
 * plan against LibTorch's sort ({@code lift-splat-plan}). Forward and backward in one are {@code
 * bevel}'s two calls, which keep nothing between them, against LibTorch's forward with a graph and
 * its autograd. Inputs and results stay where the call before left them, in the last-level cache
 * where they fit.
 */
public final class LiftSplatBenchmark implements OperatorBenchmark {
  private static final String SAMPLE = "-sample";

  @Override
  public String operator() {
    return "lift-splat";
  }

  @Override
  public List<String> cases(BenchmarkOptions options) {
    List<String> names = new ArrayList<>();
    LiftSplatShape.PUBLISHED.forEach(shape -> names.add(shape.name()));
    if (options.data() != null) {
      LiftSplatShape.PUBLISHED.forEach(shape -> names.add(shape.name() + SAMPLE));
    }
    return names;
  }

  @Override
  public void run(String caseName, BenchmarkSession session) {
    Path data = session.options().data();
    if (data != null && caseName.endsWith(SAMPLE)) {
      String name = caseName.substring(0, caseName.length() - SAMPLE.length());
      run(caseName, LiftSplatShape.published(name), CameraRig.ofFirstSample(data), session);
    } else {
      run(caseName, LiftSplatShape.published(caseName), CameraRig.sixCameras(), session);
    }
  }

  /**
   * Runs a case of any shape.
   *
   * @param caseName its name in the results
   * @param shape sizes
   * @param rig cameras
   * @param session where results go
   */
  public void run(String caseName, LiftSplatShape shape, CameraRig rig, BenchmarkSession session) {
    long seed = session.options().seed();
    try (LiftSplatVariants variants = new LiftSplatVariants(shape, rig, seed)) {
      logPlan(caseName, variants.problem(), session);
      for (int threads : session.options().threads()) {
        BenchmarkSession.useThreads(threads);
        Measurement measurement = new Measurement(caseName, threads, variants, session);
        measurement.run(operator(), Pass.FORWARD, variants.forward());
        measurement.run(operator(), Pass.BACKWARD, variants.backward());
        measurement.run(operator(), Pass.FORWARD_BACKWARD, variants.forwardBackward());
        measurement.run(operator() + "-plan", Pass.FORWARD, variants.planning());
      }
    }
  }

  private record Measurement(
      String caseName, int threads, LiftSplatVariants all, BenchmarkSession session) {
    void run(String operator, Pass pass, List<Variant> candidates) {
      List<Variant> variants =
          candidates.stream()
              .filter(each -> threads == 1 || !each.singleThreaded())
              .filter(each -> session.times(each.name()))
              .toList();
      variants.forEach(all::verify);
      session.time(
          variants.stream()
              .map(each -> new BenchmarkKey(operator, caseName, pass, each.dtype(), "cpu", threads))
              .toList(),
          variants);
    }
  }

  private static void logPlan(String caseName, LiftSplatProblem problem, BenchmarkSession session) {
    LiftSplatPlanInfo info = problem.plan().info();
    session.log(
        String.format(
            Locale.ROOT,
            "%s: %d points, %d kept in %d cells, %d runs (%.1f points each), %d rows, %s",
            caseName,
            problem.cells().length,
            info.points(),
            info.filledCells(),
            info.runs(),
            (double) info.points() / Math.max(1, info.runs()),
            info.rows(),
            info.method()));
  }
}
