package dev.bevel.bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How to run benchmarks.
 *
 * @param cases names of the cases to run; empty for all
 * @param threads numbers of CPU threads to run with, each 1 to 4096
 * @param seed of the random inputs
 * @param seconds time for each measurement of a fast variant; slow ones are called 5 times
 * @param data folder of a nuScenes data set, for cases with real calibrations; null for none
 */
public record BenchmarkOptions(
    List<String> cases, List<Integer> threads, long seed, double seconds, @Nullable Path data) {
  /** Seed of runs that do not name one. */
  public static final long DEFAULT_SEED = 20200823;

  /** Seconds a measurement of runs that do not say. */
  public static final double DEFAULT_SECONDS = 0.5;

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
  }

  /** All cases, one and two threads, synthetic calibrations. */
  public static BenchmarkOptions defaults() {
    return new BenchmarkOptions(List.of(), List.of(1, 2), DEFAULT_SEED, DEFAULT_SECONDS, null);
  }
}
