package dev.bevel.bench;

import java.util.Arrays;

/**
 * Times of single calls.
 *
 * @param medianMs median, milliseconds
 * @param minMs shortest, milliseconds
 * @param calls number of timed calls
 */
public record Timing(double medianMs, double minMs, int calls) {
  /**
   * How long to measure.
   *
   * @param minCalls timed calls at least, whatever they take
   * @param maxCalls timed calls at most
   * @param seconds after these no further call is begun, once there are {@code minCalls}
   */
  public record Budget(int minCalls, int maxCalls, double seconds) {
    /** Checks that there is something to measure. */
    public Budget {
      if (minCalls < 1 || maxCalls < minCalls || !(seconds >= 0)) {
        throw new IllegalArgumentException(
            "Timing.Budget: 1 <= minCalls <= maxCalls and seconds >= 0 needed, got %d, %d, %s"
                .formatted(minCalls, maxCalls, seconds));
      }
    }
  }

  /** Share of the seconds that is spent warming up. */
  private static final double WARM_UP = 0.25;

  private static final int COMPILED_AFTER = 100_000;

  /**
   * Times calls one by one, after warming up for a quarter of the budget's seconds (one call at
   * least). The clock costs about 25 ns.
   *
   * @param budget how long
   * @param call what is timed
   */
  public static Timing measure(Budget budget, Runnable call) {
    return measure(budget, () -> {}, call);
  }

  /**
   * As {@link #measure(Budget, Runnable)}, with something untimed before every call.
   *
   * @param budget how long; what runs before counts
   * @param before not timed
   * @param call timed
   */
  public static Timing measure(Budget budget, Runnable before, Runnable call) {
    long begin = System.nanoTime();
    do {
      before.run();
      call.run();
    } while (secondsSince(begin) < WARM_UP * budget.seconds);

    double[] milliseconds = new double[budget.maxCalls];
    int calls = 0;
    begin = System.nanoTime();
    while (calls < budget.minCalls
        || (calls < budget.maxCalls && secondsSince(begin) < budget.seconds)) {
      before.run();
      long start = System.nanoTime();
      call.run();
      milliseconds[calls++] = (System.nanoTime() - start) * 1e-6;
    }
    Arrays.sort(milliseconds, 0, calls);
    double median = (milliseconds[(calls - 1) / 2] + milliseconds[calls / 2]) / 2;
    return new Timing(median, milliseconds[0], calls);
  }

  /**
   * Times calls too short for the clock: each timed call makes {@code repeats} of them, and the
   * times are divided by that. At least {@value #COMPILED_AFTER} calls warm up, so that the JIT
   * compiler is done with them.
   *
   * @param budget how long
   * @param repeats calls between two readings of the clock
   * @param call what is timed
   */
  public static Timing measureShort(Budget budget, int repeats, Runnable call) {
    Runnable many =
        () -> {
          for (int i = 0; i < repeats; i++) {
            call.run();
          }
        };
    for (int calls = 0; calls < COMPILED_AFTER; calls += repeats) {
      many.run();
    }
    Timing batch = measure(budget, many);
    return new Timing(batch.medianMs / repeats, batch.minMs / repeats, batch.calls);
  }

  private static double secondsSince(long nanos) {
    return (System.nanoTime() - nanos) * 1e-9;
  }
}
