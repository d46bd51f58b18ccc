package dev.bevel.bench;

import dev.bevel.bench.BenchmarkOptions.InvalidChoiceException;
import dev.bevel.bench.bevwarp.BevWarpBenchmark;
import dev.bevel.bench.deformattn.DeformAttnBenchmark;
import dev.bevel.bench.deformconv.DeformConvBenchmark;
import dev.bevel.bench.liftsplat.LiftSplatBenchmark;
import dev.bevel.bench.multiview.MultiViewBenchmark;
import dev.bevel.kernels.Bevel;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/** The operators that have a benchmark. */
public final class BenchmarkSuite {
  private static final List<OperatorBenchmark> OPERATORS =
      List.of(
          new LiftSplatBenchmark(),
          new DeformAttnBenchmark(),
          new DeformConvBenchmark(),
          new MultiViewBenchmark(),
          new BevWarpBenchmark(),
          new NativeCallBenchmark());

  private BenchmarkSuite() {}

  /** Names of the operators. */
  public static List<String> operators() {
    return OPERATORS.stream().map(OperatorBenchmark::operator).toList();
  }

  /**
   * Runs an operator's cases.
   *
   * @param operator one of {@link #operators}
   * @param options which cases, and how
   * @param log takes lines of progress
   * @throws InvalidChoiceException naming the choices if there is no such operator or case
   * @throws VerificationException if a result is wrong
   */
  public static BenchmarkReport run(
      String operator, BenchmarkOptions options, Consumer<String> log) {
    OperatorBenchmark benchmark =
        OPERATORS.stream()
            .filter(candidate -> candidate.operator().equals(operator))
            .findFirst()
            .orElseThrow(
                () ->
                    new InvalidChoiceException(
                        String.format(
                            Locale.ROOT,
                            "no benchmark '%s'; there are %s",
                            operator,
                            String.join(", ", operators()))));
    List<String> cases = select(benchmark.cases(options), options.cases());
    BenchmarkSession session = new BenchmarkSession(options, log);
    session.log(
        String.format(
            Locale.ROOT,
            "Bevel %s on %s, %d processors, seed %d",
            Bevel.version(),
            Bevel.instructionSet(),
            Runtime.getRuntime().availableProcessors(),
            options.seed()));
    int threadsBefore = Bevel.threads();
    try {
      for (String caseName : cases) {
        benchmark.run(caseName, session);
      }
    } finally {
      BenchmarkSession.useThreads(threadsBefore);
    }
    return session.report();
  }

  private static List<String> select(List<String> all, List<String> wanted) {
    if (wanted.isEmpty()) {
      return all;
    }
    List<String> selected = new ArrayList<>();
    for (String name : wanted) {
      String lower = name.toLowerCase(Locale.ROOT);
      if (!all.contains(lower)) {
        throw new InvalidChoiceException(
            String.format(Locale.ROOT, "no case '%s'; there are %s", name, String.join(", ", all)));
      }
      selected.add(lower);
    }
    return selected;
  }
}
