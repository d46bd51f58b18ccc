package dev.bevel.nuscenes.report;

/** Long series made short enough to draw. */
final class Smoothing {
  /** More points than a chart has room for. */
  static final int POINTS = 300;

  private Smoothing() {}

  /**
   * Means of equal parts of a series, without the numbers that are not finite; NaN for a part
   * without any.
   *
   * @return the series itself if it has at most {@link #POINTS} numbers
   */
  static double[] means(double[] values) {
    if (values.length <= POINTS) {
      return values;
    }
    double[] means = new double[POINTS];
    for (int part = 0; part < POINTS; part++) {
      int from = (int) ((long) values.length * part / POINTS);
      int to = (int) ((long) values.length * (part + 1) / POINTS);
      double sum = 0;
      int count = 0;
      for (int i = from; i < to; i++) {
        if (Double.isFinite(values[i])) {
          sum += values[i];
          count++;
        }
      }
      means[part] = count == 0 ? Double.NaN : sum / count;
    }
    return means;
  }
}
