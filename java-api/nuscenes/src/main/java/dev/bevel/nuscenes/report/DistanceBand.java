package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.evaluation.DetectionMatch;
import dev.bevel.nuscenes.evaluation.EvaluationBox;
import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.nuscenes.evaluation.TruePositiveMetric;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How well the objects at some distance from the ego car are found.
 *
 * @param from metres, included
 * @param to metres, excluded
 * @param truths objects
 * @param found of these
 * @param errors means over the found ones to which the metric applies; NaN where there are none
 */
record DistanceBand(
    double from, double to, int truths, int found, Map<TruePositiveMetric, Double> errors) {
  private static final int WIDTH = 10;

  /** The benchmark counts no object farther away. */
  private static final int FARTHEST = 50;

  /** Found objects over all; NaN where there are none. */
  double recall() {
    return truths == 0 ? Double.NaN : found / (double) truths;
  }

  double middle() {
    return (from + to) / 2;
  }

  String name() {
    return String.format(Locale.ROOT, "%.0f–%.0f m", from, to);
  }

  /** The bands of 10 m up to 50 m. */
  static List<DistanceBand> of(EvaluationSet set, Collection<DetectionMatch> matches) {
    List<DistanceBand> bands = new ArrayList<>();
    for (int from = 0; from < FARTHEST; from += WIDTH) {
      int low = from;
      bands.add(of(from, matches.stream().filter(match -> isIn(set, match.truth(), low)).toList()));
    }
    return bands;
  }

  private static boolean isIn(EvaluationSet set, @Nullable EvaluationBox truth, int from) {
    if (truth == null) {
      return false;
    }
    double distance = set.egoDistance(truth);
    return distance >= from && distance < from + WIDTH;
  }

  private static DistanceBand of(int from, List<DetectionMatch> matches) {
    Map<TruePositiveMetric, Double> errors = new EnumMap<>(TruePositiveMetric.class);
    for (TruePositiveMetric metric : TruePositiveMetric.values()) {
      errors.put(
          metric,
          matches.stream()
              .mapToDouble(match -> match.error(metric))
              .filter(error -> !Double.isNaN(error))
              .average()
              .orElse(Double.NaN));
    }
    int found = (int) matches.stream().filter(DetectionMatch::isFound).count();
    return new DistanceBand(from, from + WIDTH, matches.size(), found, errors);
  }
}
