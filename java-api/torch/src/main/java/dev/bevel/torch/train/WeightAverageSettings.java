package dev.bevel.torch.train;

import java.util.Locale;

/**
 * How fast a {@link WeightAverage} follows.
 *
 * @param limit decay after many updates, in [0, 1)
 * @param ramp updates over which the decay rises
 * @param start n of the update before the first; BEVDet starts at 10560
 */
public record WeightAverageSettings(double limit, double ramp, long start) {
  /** Checks the numbers. */
  public WeightAverageSettings {
    if (!(limit >= 0 && limit < 1 && ramp > 0 && start >= 0)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "WeightAverage: limit must be in [0, 1), ramp positive and start not negative, got %s, %s, %s",
              limit,
              ramp,
              start));
    }
  }

  /** The decay of the n-th update. */
  public double decay(long n) {
    return limit * (1 - Math.exp(-n / ramp));
  }
}
