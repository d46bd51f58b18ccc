package dev.bevel.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

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
            String.format(
                Locale.ROOT,
                "Timing.Budget: 1 <= minCalls <= maxCalls and seconds >= 0 needed, got %d, %d, %s",
                minCalls,
                maxCalls,
                seconds));
      }
    }

    /** One of {@code parts} equal parts, rounded up. */
    Budget part(int parts) {
      return new Budget(
          Math.ceilDiv(minCalls, parts), Math.ceilDiv(maxCalls, parts), seconds / parts);
    }
  }

  /**
   * Something to time.
   *
   * @param before run before every call, untimed
   * @param run timed
   */
  public record Call(Runnable before, Runnable run) {}

  private static final int ROUNDS = 5;

  /** Share of the seconds that is spent warming up. */
  private static final double WARM_UP = 0.25;

  private static final int COMPILED_AFTER = 100_000;

  /**
   * Times calls one by one, after warming up for a quarter of the budget's seconds (one call at
   * least). The clock costs about 25 ns.
   *
   * @param budget how long
   * @param run what is timed
   */
  public static Timing measure(Budget budget, Runnable run) {
    return of(sample(budget, new Call(() -> {}, run)));
  }

  /**
   * Times several calls that are to be compared, taking turns: five rounds of a fifth of the budget
   * each, or as many rounds as calls are asked for if those are fewer. So a slow spell of the
   * machine meets all of them, and a short one none of the medians.
   *
   * @param budget how long each; what runs before counts
   * @param calls what is timed
   */
  public static List<Timing> measureInTurn(Budget budget, List<Call> calls) {
    List<List<double[]>> samples = new ArrayList<>();
    calls.forEach(call -> samples.add(new ArrayList<>()));
    int rounds = Math.min(ROUNDS, budget.minCalls);
    for (int round = 0; round < rounds; round++) {
      for (int i = 0; i < calls.size(); i++) {
        samples.get(i).add(sample(budget.part(rounds), calls.get(i)));
      }
    }
    return samples.stream()
        .map(each -> of(each.stream().flatMapToDouble(Arrays::stream).toArray()))
        .toList();
  }

  /** Milliseconds of single calls. */
  private static double[] sample(Budget budget, Call call) {
    long begin = System.nanoTime();
    do {
      call.before.run();
      call.run.run();
    } while (secondsSince(begin) < WARM_UP * budget.seconds);

    double[] milliseconds = new double[budget.maxCalls];
    int calls = 0;
    begin = System.nanoTime();
    while (calls < budget.minCalls
        || (calls < budget.maxCalls && secondsSince(begin) < budget.seconds)) {
      call.before.run();
      long start = System.nanoTime();
      call.run.run();
      milliseconds[calls++] = (System.nanoTime() - start) * 1e-6;
    }
    return Arrays.copyOf(milliseconds, calls);
  }

  private static Timing of(double[] milliseconds) {
    int calls = milliseconds.length;
    Arrays.sort(milliseconds);
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
