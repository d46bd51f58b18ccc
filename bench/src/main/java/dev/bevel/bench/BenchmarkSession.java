package dev.bevel.bench;

import dev.bevel.kernels.Bevel;
import dev.bevel.torch.Torch;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/** One run of a benchmark: its options, the machine's measured memory rate, and the results. */
public final class BenchmarkSession {
  private static final int MAX_CALLS = 10_000;

  private final BenchmarkOptions options;
  private final Consumer<String> log;
  private final BenchmarkReport report = new BenchmarkReport();
  private final Map<Integer, Double> bytesPerSecond = new HashMap<>();
  private final Set<String> offered = new LinkedHashSet<>();
  private int logged;
  private @Nullable BenchmarkKey lastLogged;

  /**
   * @param options how to run
   * @param log takes lines as they come: progress, facts about cases, rows of the table
   */
  public BenchmarkSession(BenchmarkOptions options, Consumer<String> log) {
    Torch.initialize();
    this.options = options;
    this.log = log;
  }

  /** How to run. */
  public BenchmarkOptions options() {
    return options;
  }

  /**
   * Whether a variant is to be verified and timed.
   *
   * @param variant one that the case has
   */
  public boolean times(String variant) {
    offered.add(variant);
    return options.variants().isEmpty()
        || variant.equals(BenchmarkReport.BEVEL)
        || options.variants().contains(variant);
  }

  /**
   * Ends a run.
   *
   * @throws BenchmarkOptions.InvalidChoiceException if a variant was named that no case has
   */
  void requireVariants() {
    for (String variant : options.variants()) {
      if (!offered.contains(variant)) {
        throw new BenchmarkOptions.InvalidChoiceException(
            String.format(
                Locale.ROOT,
                "no variant '%s' in what was run; there are %s",
                variant,
                String.join(", ", offered)));
      }
    }
  }

  /** The results so far. */
  public BenchmarkReport report() {
    return report;
  }

  /** How long to measure one variant. */
  public Timing.Budget budget() {
    return new Timing.Budget(options.slowCalls(), MAX_CALLS, options.seconds());
  }

  /** Reports a line of progress. */
  public void log(String line) {
    log.accept(line);
  }

  /** Makes Bevel and LibTorch use this many threads. */
  public static void useThreads(int threads) {
    Torch.initialize();
    Bevel.setThreads(threads);
    torch.set_num_threads(threads);
  }

  /**
   * Milliseconds to move this many bytes through DRAM with this many threads, at the faster of the
   * measured rates of reading and of copying (which counts both ways).
   */
  public double floorMs(long bytes, int threads) {
    double rate =
        bytesPerSecond.computeIfAbsent(
            threads,
            count -> {
              MemoryBandwidth measured = MemoryBandwidth.measure(count);
              log(
                  String.format(
                      Locale.ROOT,
                      "memory, %d threads: read %.1f GB/s, copy %.1f GB/s (both ways)",
                      count,
                      measured.read() * 1e-9,
                      measured.copy() * 1e-9));
              return Math.max(measured.read(), measured.copy());
            });
    return bytes / rate * 1e3;
  }

  /**
   * Times variants, verified before, in turn, adds them to the report, and logs their rows.
   *
   * @param keys what is timed; each has the variant {@value BenchmarkReport#BEVEL} now or has been
   *     timed with it
   * @param variants who, in the order of the keys
   */
  public void time(List<BenchmarkKey> keys, List<Variant> variants) {
    List<Timing.Call> calls =
        variants.stream().map(each -> new Timing.Call(each.before(), each.call())).toList();
    List<Timing> timings = Timing.measureInTurn(budget(), calls);
    for (int i = 0; i < timings.size(); i++) {
      Variant variant = variants.get(i);
      double floor = floorMs(variant.floorBytes(), keys.get(i).threads());
      report.add(keys.get(i), variant.name(), timings.get(i), floor);
    }
    logRows();
  }

  /** Logs what has been measured since the last time, groups apart. */
  void logRows() {
    List<BenchmarkResult> results = report.results();
    if (logged == 0 && !results.isEmpty()) {
      log(BenchmarkReport.header());
    }
    for (BenchmarkResult result : results.subList(logged, results.size())) {
      if (lastLogged != null && !lastLogged.equals(result.key())) {
        log("");
      }
      lastLogged = result.key();
      log(BenchmarkReport.row(result));
    }
    logged = results.size();
  }
}
