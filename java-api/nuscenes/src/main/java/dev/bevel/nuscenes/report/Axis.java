package dev.bevel.nuscenes.report;

import java.util.ArrayList;
import java.util.List;

/**
 * One axis of a chart: which values it spans and where their ticks are.
 *
 * @param low its first value
 * @param high its last value, greater than {@code low}
 * @param logarithmic whether equal steps are equal factors; then {@code low} is positive
 */
record Axis(double low, double high, boolean logarithmic) {
  private static final int TICKS = 5;

  /** Factor of the values from which on a logarithmic axis shows more. */
  private static final double WIDE = 30;

  /** What is larger has no round neighbour that is a double, and no place on an axis. */
  private static final double LARGEST = 1e305;

  private static final double LEAST_LOGARITHMIC = 1e-300;

  /**
   * An axis with round ends that spans all values up to ±1e305; 0 to 1 where there are none. It is
   * logarithmic if all are positive and far apart.
   *
   * @param fromZero whether it spans 0 too, and is linear
   */
  static Axis around(List<double[]> values, boolean fromZero) {
    double least = Double.POSITIVE_INFINITY;
    double most = Double.NEGATIVE_INFINITY;
    for (double[] each : values) {
      for (double value : each) {
        if (Math.abs(value) <= LARGEST) {
          least = Math.min(least, value);
          most = Math.max(most, value);
        }
      }
    }
    if (least > most) {
      return new Axis(0, 1, false);
    }
    if (!fromZero && least >= LEAST_LOGARITHMIC && most / least >= WIDE) {
      return new Axis(
          Math.pow(10, Math.floor(Math.log10(least) + 1e-9)),
          Math.pow(10, Math.ceil(Math.log10(most) - 1e-9)),
          true);
    }
    return round(fromZero ? Math.min(0, least) : least, fromZero ? Math.max(0, most) : most);
  }

  private static Axis round(double least, double most) {
    // Halves first: the difference of two finite values need not be finite.
    double half = most / 2 - least / 2;
    double margin = half > 0 ? half : Math.max(Math.abs(most) / 2, 0.5);
    double step = step(margin);
    double low = Math.floor(least / step) * step;
    double high = Math.ceil(most / step) * step;
    return high > low ? new Axis(low, high, false) : new Axis(low, low + step, false);
  }

  /** 1, 2 or 5 times a power of ten that parts an axis of twice this length in about five. */
  private static double step(double half) {
    double raw = half / TICKS * 2;
    double power = Math.pow(10, Math.floor(Math.log10(raw)));
    double factor = raw / power;
    return power * (factor < 1.5 ? 1 : factor < 3.5 ? 2 : factor < 7.5 ? 5 : 10);
  }

  /** Where a value stands on the axis: 0 at its low end, 1 at its high end; NaN if nowhere. */
  double position(double value) {
    if (logarithmic) {
      return value > 0
          ? (Math.log10(value) - Math.log10(low)) / (Math.log10(high) - Math.log10(low))
          : Double.NaN;
    }
    return (value / 2 - low / 2) / (high / 2 - low / 2);
  }

  List<Double> ticks() {
    List<Double> ticks = new ArrayList<>();
    if (logarithmic) {
      long decades = Math.round(Math.log10(high / low));
      long every = Math.max(1, decades / TICKS);
      for (long i = 0; i <= decades; i += every) {
        ticks.add(low * Math.pow(10, (double) i));
      }
      return ticks;
    }
    double step = step(high / 2 - low / 2);
    for (int i = 0; i <= 4 * TICKS; i++) {
      double tick = (Math.ceil(low / step - 1e-9) + i) * step;
      if (tick > high + 1e-9 * step) {
        break;
      }
      ticks.add(tick);
    }
    return ticks;
  }
}
