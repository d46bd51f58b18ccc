package dev.bevel.bench;

import dev.bevel.bench.liftsplat.CameraRig;
import dev.bevel.bench.liftsplat.EmptyLiftSplat;
import java.util.List;

/**
 * What a call costs before any work is done: lift-splat forward of an empty batch, all its
 * arguments checked, from Java to C and back.
 */
public final class NativeCallBenchmark implements OperatorBenchmark {
  private static final String CASE = "lift-splat-empty";
  private static final int REPEATS = 1000;

  @Override
  public String operator() {
    return "native-call";
  }

  @Override
  public List<String> cases(BenchmarkOptions options) {
    return List.of(CASE);
  }

  @Override
  public void run(String caseName, BenchmarkSession session) {
    try (EmptyLiftSplat empty = new EmptyLiftSplat(CameraRig.sixCameras())) {
      BenchmarkSession.useThreads(1);
      BenchmarkKey key = new BenchmarkKey(operator(), caseName, Pass.FORWARD, "fp32", "cpu", 1);
      session
          .report()
          .add(
              key,
              BenchmarkReport.BEVEL,
              Timing.measureShort(session.budget(), REPEATS, empty::panama),
              0);
    }
  }
}
