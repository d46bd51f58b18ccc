package dev.bevel.bench;

import java.util.List;

/** The benchmark of one operator. */
public interface OperatorBenchmark {
  /** The operator's name on the command line and in results, e.g. {@code lift-splat}. */
  String operator();

  /**
   * Names of its cases, in the order they run.
   *
   * @param options some cases need a data set
   */
  List<String> cases(BenchmarkOptions options);

  /**
   * Verifies and times all variants of one case.
   *
   * @param caseName one of {@link #cases}
   * @param session how to run, and where results go
   * @throws VerificationException if a variant's result is wrong; then nothing of it was timed
   */
  void run(String caseName, BenchmarkSession session);
}
