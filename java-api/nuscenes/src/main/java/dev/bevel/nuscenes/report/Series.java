package dev.bevel.nuscenes.report;

import java.util.Locale;

/** Numbers over numbers: as many of each; either may be NaN. The arrays are shared, not copied. */
final class Series {
  private final double[] x;
  private final double[] y;

  Series(double[] x, double[] y) {
    if (x.length != y.length) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "x and y must be as many, got %d and %d", x.length, y.length));
    }
    this.x = x;
    this.y = y;
  }

  double[] x() {
    return x;
  }

  double[] y() {
    return y;
  }

  int size() {
    return x.length;
  }

  /** Whether a point has a place in a chart. */
  boolean isFinite(int point) {
    return Double.isFinite(x[point]) && Double.isFinite(y[point]);
  }
}
