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

  /** Who is told of a run as it goes on. */
  public interface Listener {
    /** A line: progress, a fact about a case, a row of the table. */
    void line(String text);

    /**
     * All of a case has been measured.
     *
     * @param soFar the results of this and earlier cases
     */
    default void measured(BenchmarkReport soFar) {}
  }

  /**
   * Runs an operator's cases.
   *
   * @param operator one of {@link #operators}
   * @param options which cases, and how
   * @param quick for a first impression within a minute: the first case where none is named, the
   *     largest number of threads, a tenth of the time, slow variants called once
   * @param listener is told lines, and when a case is done
   * @throws InvalidChoiceException naming the choices if there is no such operator, case or variant
   * @throws VerificationException if a result is wrong
   */
  public static BenchmarkReport run(
      String operator, BenchmarkOptions options, boolean quick, Listener listener) {
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
    List<String> all = benchmark.cases(options);
    BenchmarkOptions chosen = quick ? options.quick(all) : options;
    List<String> cases = select(all, chosen.cases());
    BenchmarkSession session = new BenchmarkSession(chosen, listener::line);
    session.log(
        String.format(
            Locale.ROOT,
            "Bevel %s on %s, %d processors, seed %d",
            Bevel.version(),
            Bevel.instructionSet(),
            Runtime.getRuntime().availableProcessors(),
            chosen.seed()));
    int threadsBefore = Bevel.threads();
    try {
      for (int i = 0; i < cases.size(); i++) {
        session.log(String.format(Locale.ROOT, "%d/%d %s", i + 1, cases.size(), cases.get(i)));
        benchmark.run(cases.get(i), session);
        session.logRows();
        listener.measured(session.report());
      }
      session.requireVariants();
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
