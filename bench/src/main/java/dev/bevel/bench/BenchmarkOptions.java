package dev.bevel.bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How to run benchmarks.
 *
 * @param cases names of the cases to run; empty for all
 * @param variants who is timed beside {@value BenchmarkReport#BEVEL}; empty for everyone
 * @param threads numbers of CPU threads to run with, each 1 to 4096
 * @param seed of the random inputs
 * @param seconds time for each measurement of a fast variant
 * @param slowCalls how often a slow one is called, at least 1
 * @param data folder of a nuScenes data set, for cases with real calibrations; null for none
 */
public record BenchmarkOptions(
    List<String> cases,
    List<String> variants,
    List<Integer> threads,
    long seed,
    double seconds,
    int slowCalls,
    @Nullable Path data) {
  /** Seed of runs that do not name one. */
  public static final long DEFAULT_SEED = 20200823;

  /** Seconds a measurement of runs that do not say. */
  public static final double DEFAULT_SECONDS = 0.5;

  /** Calls of slow variants in runs that do not say. */
  public static final int DEFAULT_SLOW_CALLS = 5;

  /** An operator, case or number that cannot be run; the message names the choices. */
  public static final class InvalidChoiceException extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    /**
     * @param message one sentence
     */
    public InvalidChoiceException(String message) {
      super(message);
    }
  }

  /** Checks the ranges. */
  public BenchmarkOptions {
    cases = List.copyOf(cases);
    variants = List.copyOf(variants);
    if (variants.stream().anyMatch(String::isBlank)) {
      throw new InvalidChoiceException("a variant must have a name, got " + variants);
    }
    threads = List.copyOf(threads);
    if (threads.isEmpty() || threads.stream().anyMatch(count -> count < 1 || count > 4096)) {
      throw new InvalidChoiceException("threads must be 1 to 4096, got " + threads);
    }
    if (data != null && !Files.isDirectory(data)) {
      throw new InvalidChoiceException("data folder " + data + " does not exist");
    }
    if (!(seconds > 0 && seconds <= 3600)) {
      throw new InvalidChoiceException(
          "seconds must be greater than 0 and at most 3600, got " + seconds);
    }
    if (slowCalls < 1) {
      throw new InvalidChoiceException("slowCalls must be at least 1, got " + slowCalls);
    }
  }

  /** All cases and variants, one and two threads, synthetic calibrations. */
  public static BenchmarkOptions defaults() {
    return of(List.of(), List.of(1, 2), DEFAULT_SEED, DEFAULT_SECONDS, null);
  }

  /** Options for all variants, slow ones called {@value #DEFAULT_SLOW_CALLS} times. */
  public static BenchmarkOptions of(
      List<String> cases, List<Integer> threads, long seed, double seconds, @Nullable Path data) {
    return new BenchmarkOptions(cases, List.of(), threads, seed, seconds, DEFAULT_SLOW_CALLS, data);
  }

  /** These options for {@value BenchmarkReport#BEVEL} and the variants named, or for everyone. */
  public BenchmarkOptions withVariants(List<String> only) {
    return new BenchmarkOptions(cases, only, threads, seed, seconds, slowCalls, data);
  }

  /**
   * A first impression within a minute: the operator's first case where none is named, the largest
   * number of threads, a tenth of the time, and slow variants called once.
   */
  BenchmarkOptions quick(List<String> allCases) {
    return new BenchmarkOptions(
        cases.isEmpty() ? allCases.subList(0, 1) : cases,
        variants,
        List.of(Collections.max(threads)),
        seed,
        seconds / 10,
        1,
        data);
  }
}
