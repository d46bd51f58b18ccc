package dev.bevel.nuscenes.evaluation;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Which detections of a class match, at one distance, and how well. */
final class Matches {
  /** The ground truth that each detection matches, null where it matches none. */
  private final @Nullable EvaluationBox[] matched;

  private final double[] scores;
  private final Map<TruePositiveMetric, double[]> errors = new EnumMap<>(TruePositiveMetric.class);
  private int count;

  private Matches(int detections, int most) {
    matched = new EvaluationBox[detections];
    scores = new double[most];
    for (TruePositiveMetric metric : TruePositiveMetric.values()) {
      errors.put(metric, new double[most]);
    }
  }

  static Matches of(ClassBoxes boxes, double distance) {
    EvaluationBox[] detections = boxes.detections();
    Matches matches = new Matches(detections.length, Math.min(detections.length, boxes.truths()));
    boolean[][] taken = new boolean[boxes.samples()][];
    for (int i = 0; i < detections.length; i++) {
      int sample = detections[i].sample();
      EvaluationBox[] truth = boxes.truth(sample);
      if (taken[sample] == null) {
        taken[sample] = new boolean[truth.length];
      }
      int nearest = nearestFree(detections[i], truth, taken[sample]);
      if (nearest >= 0 && detections[i].groundDistance(truth[nearest]) < distance) {
        taken[sample][nearest] = true;
        matches.add(i, truth[nearest], detections[i]);
      }
    }
    return matches;
  }

  private static int nearestFree(EvaluationBox box, EvaluationBox[] truth, boolean[] taken) {
    int nearest = -1;
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < truth.length; i++) {
      double distance = taken[i] ? Double.POSITIVE_INFINITY : box.groundDistance(truth[i]);
      if (distance < least) {
        least = distance;
        nearest = i;
      }
    }
    return nearest;
  }

  private void add(int detection, EvaluationBox truth, EvaluationBox box) {
    matched[detection] = truth;
    scores[count] = box.score();
    errors.forEach((metric, values) -> values[count] = metric.error(truth, box));
    count++;
  }

  int detections() {
    return matched.length;
  }

  int count() {
    return count;
  }

  boolean isMatch(int detection) {
    return matched[detection] != null;
  }

  /** The ground truth that a detection matches, null if it matches none. */
  @Nullable EvaluationBox truthOf(int detection) {
    return matched[detection];
  }

  /** Scores of the matches, best first. */
  double[] scores() {
    return Arrays.copyOf(scores, count);
  }

  /** Errors of the matches, best first. */
  double[] errors(TruePositiveMetric metric) {
    return Arrays.copyOf(errors.getOrDefault(metric, new double[0]), count);
  }
}
