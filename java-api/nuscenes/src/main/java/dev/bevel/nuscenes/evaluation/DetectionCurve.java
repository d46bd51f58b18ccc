package dev.bevel.nuscenes.evaluation;

import dev.bevel.nuscenes.NuScenesException;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;

/**
 * Precision, confidence and errors of one class at one match distance, at the recalls 0, 0.01, …,
 * 1.
 */
public final class DetectionCurve {
  /** Points of a curve. */
  public static final int POINTS = 101;

  private final double[] precision;
  private final double[] confidence;
  private final Map<TruePositiveMetric, double[]> errors;
  private final EvaluationSettings settings;

  private DetectionCurve(
      EvaluationSettings settings,
      double[] precision,
      double[] confidence,
      Map<TruePositiveMetric, double[]> errors) {
    this.settings = settings;
    this.precision = precision;
    this.confidence = confidence;
    this.errors = errors;
  }

  /** The recall of a point, as NumPy's linspace rounds it. */
  public static double recall(int point) {
    return point == POINTS - 1 ? 1 : point * 0.01;
  }

  /** Precision at the recalls; 0 beyond the highest recall reached. */
  public double[] precision() {
    return precision.clone();
  }

  /** Score at which each recall is reached; 0 beyond the highest. */
  public double[] confidence() {
    return confidence.clone();
  }

  /** Mean error of the matches up to each recall. */
  public double[] errors(TruePositiveMetric metric) {
    return error(metric).clone();
  }

  private double[] error(TruePositiveMetric metric) {
    return errors.getOrDefault(metric, new double[0]);
  }

  /** Without a match: precision and confidence 0, errors 1. */
  private static DetectionCurve empty(EvaluationSettings settings) {
    Map<TruePositiveMetric, double[]> ones = new EnumMap<>(TruePositiveMetric.class);
    for (TruePositiveMetric metric : TruePositiveMetric.values()) {
      double[] one = new double[POINTS];
      Arrays.fill(one, 1);
      ones.put(metric, one);
    }
    return new DetectionCurve(settings, new double[POINTS], new double[POINTS], ones);
  }

  /**
   * Matches detections, best first, each to the nearest ground truth of its sample that is free.
   *
   * @param distance a match lies nearer, metres
   */
  static DetectionCurve of(ClassBoxes boxes, double distance, EvaluationSettings settings) {
    Matches matches = Matches.of(boxes, distance);
    if (matches.count() == 0) {
      return empty(settings);
    }
    double[] recall = new double[matches.detections()];
    double[] precision = new double[matches.detections()];
    double[] score = new double[matches.detections()];
    int hits = 0;
    for (int i = 0; i < recall.length; i++) {
      hits += matches.isMatch(i) ? 1 : 0;
      precision[i] = hits / (double) (i + 1);
      recall[i] = hits / (double) boxes.truths();
      score[i] = boxes.detections()[i].score();
    }
    double[] precisionAt = new double[POINTS];
    double[] confidenceAt = new double[POINTS];
    for (int point = 0; point < POINTS; point++) {
      precisionAt[point] = interpolate(recall(point), recall, precision, 0);
      confidenceAt[point] = interpolate(recall(point), recall, score, 0);
      boolean rises = point > 0 && confidenceAt[point] > confidenceAt[point - 1];
      if (rises && score[score.length - 1] < 0) { // else it is an interpolation's rounding
        throw new NuScenesException(
            String.format(
                Locale.ROOT,
                "the scores of the %s detections must not be negative where not all objects are found",
                boxes.detections()[0].detectionClass().detectionName()));
      }
    }
    return new DetectionCurve(settings, precisionAt, confidenceAt, errorsAt(matches, confidenceAt));
  }

  private static Map<TruePositiveMetric, double[]> errorsAt(Matches matches, double[] confidence) {
    double[] scores = reversed(matches.scores());
    Map<TruePositiveMetric, double[]> errors = new EnumMap<>(TruePositiveMetric.class);
    for (TruePositiveMetric metric : TruePositiveMetric.values()) {
      double[] means = reversed(cumulativeMean(matches.errors(metric)));
      double[] at = new double[POINTS];
      for (int point = 0; point < POINTS; point++) {
        at[point] = interpolate(confidence[point], scores, means, means[means.length - 1]);
      }
      errors.put(metric, at);
    }
    return errors;
  }

  /** Mean of the values so far, without the NaNs; 0 before the first, 1 where all are NaN. */
  static double[] cumulativeMean(double[] values) {
    double[] means = new double[values.length];
    double sum = 0;
    int count = 0;
    for (int i = 0; i < values.length; i++) {
      if (!Double.isNaN(values[i])) {
        sum += values[i];
        count++;
      }
      means[i] = count == 0 ? 0 : sum / count;
    }
    if (count == 0) {
      Arrays.fill(means, 1);
    }
    return means;
  }

  /**
   * Piecewise linear interpolation as NumPy's {@code interp}: of equal abscissas the last counts.
   * Finite where the ordinates are.
   *
   * @param xs ascending
   * @param right the value beyond the last abscissa; before the first it is the first ordinate
   */
  static double interpolate(double x, double[] xs, double[] ys, double right) {
    int last = xs.length - 1;
    if (x > xs[last]) {
      return right;
    }
    if (x < xs[0]) {
      return ys[0];
    }
    int low = 0; // the last index with xs[low] <= x
    int high = last;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (xs[middle] <= x) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    if (low == last || x == xs[low]) {
      return ys[low];
    }
    double slope = (ys[low + 1] - ys[low]) / (xs[low + 1] - xs[low]);
    double value = slope * (x - xs[low]) + ys[low];
    return Double.isFinite(value)
        ? value
        : between(fraction(x, xs[low], xs[low + 1]), ys[low], ys[low + 1]);
  }

  /** Where NumPy's form leaves the range of float64: between subnormal or huge scores. */
  private static double between(double fraction, double first, double second) {
    return first * (1 - fraction) + second * fraction;
  }

  private static double fraction(double x, double first, double second) {
    double whole = second - first;
    return Double.isFinite(whole)
        ? (x - first) / whole
        : (x / 2 - first / 2) / (second / 2 - first / 2);
  }

  /** Mean precision above the minimal one over the recalls above the minimal one, scaled to 1. */
  public double averagePrecision() {
    double sum = 0;
    int first = firstPoint();
    for (int point = first; point < POINTS; point++) {
      sum += Math.max(precision[point] - settings.minPrecision(), 0);
    }
    return sum / (POINTS - first) / (1 - settings.minPrecision());
  }

  /** Mean error over the recalls from the minimal one to the highest reached; 1 if not reached. */
  public double meanError(TruePositiveMetric metric) {
    int first = firstPoint();
    int last = POINTS - 1;
    while (last > 0 && confidence[last] == 0) {
      last--;
    }
    if (last < first) {
      return 1;
    }
    double sum = 0;
    for (int point = first; point <= last; point++) {
      sum += error(metric)[point];
    }
    return sum / (last - first + 1);
  }

  private int firstPoint() {
    return (int) Math.round((POINTS - 1) * settings.minRecall()) + 1;
  }

  private static double[] reversed(double[] values) {
    double[] result = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      result[i] = values[values.length - 1 - i];
    }
    return result;
  }
}
