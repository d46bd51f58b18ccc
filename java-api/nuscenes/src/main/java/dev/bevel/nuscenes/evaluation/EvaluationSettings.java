package dev.bevel.nuscenes.evaluation;

import dev.bevel.nuscenes.DetectionClass;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * Thresholds of an evaluation. {@link #BENCHMARK} has those of the nuScenes detection benchmark
 * ({@code detection_cvpr_2019}); each can be altered, and figures then are no longer the
 * benchmark's.
 *
 * @param matchDistances distances of centres in the ground plane below which a detection matches,
 *     metres, ascending; AP is the mean over them (benchmark: 0.5, 1, 2, 4)
 * @param truePositiveDistance the one of them at which the errors of true positives are taken,
 *     metres (benchmark: 2)
 * @param minRecall recall up to which a curve does not count, in [0, 0.99] (benchmark: 0.1)
 * @param minPrecision precision up to which a curve does not count, in [0, 1) (benchmark: 0.1)
 * @param ranges distance from the ego car in the ground plane below which a class's boxes count,
 *     metres, of all ten classes; infinity for all (benchmark: 50 of vehicles, 40 of pedestrians
 *     and cycles, 30 of cones and barriers)
 * @param maxBoxes detections that a sample may have (benchmark: 500)
 * @param meanApWeight weight of mAP in the detection score; each of the five errors weighs one
 *     (benchmark: 5)
 */
public record EvaluationSettings(
    List<Double> matchDistances,
    double truePositiveDistance,
    double minRecall,
    double minPrecision,
    Map<DetectionClass, Double> ranges,
    int maxBoxes,
    double meanApWeight) {
  /** The benchmark's. */
  public static final EvaluationSettings BENCHMARK =
      new EvaluationSettings(
          EvaluationConfig.MATCH_DISTANCES,
          EvaluationConfig.TRUE_POSITIVE_DISTANCE,
          EvaluationConfig.MIN_RECALL,
          EvaluationConfig.MIN_PRECISION,
          benchmarkRanges(),
          EvaluationConfig.MAX_BOXES,
          EvaluationConfig.MEAN_AP_WEIGHT);

  /**
   * @throws IllegalArgumentException naming the setting that is null or out of its range
   */
  public EvaluationSettings {
    require(matchDistances != null, "matchDistances must be given", "null");
    require(
        matchDistances.stream().noneMatch(Objects::isNull),
        "matchDistances must not hold null",
        matchDistances);
    matchDistances = List.copyOf(matchDistances);
    require(ranges != null, "ranges must be given", "null");
    ranges = checked(ranges);
    require(!matchDistances.isEmpty(), "matchDistances must not be empty", matchDistances);
    for (int i = 0; i < matchDistances.size(); i++) {
      double least = i == 0 ? 0 : matchDistances.get(i - 1);
      require(
          matchDistances.get(i) > least,
          "matchDistances must be positive and ascend",
          matchDistances);
    }
    require(
        matchDistances.contains(truePositiveDistance),
        "truePositiveDistance must be one of matchDistances " + matchDistances,
        truePositiveDistance);
    require(minRecall >= 0 && minRecall <= 0.99, "minRecall must be in [0, 0.99]", minRecall);
    require(minPrecision >= 0 && minPrecision < 1, "minPrecision must be in [0, 1)", minPrecision);
    for (DetectionClass each : DetectionClass.values()) {
      double range = ranges.getOrDefault(each, 0.0);
      require(range > 0, "ranges must have a positive one of " + each.detectionName(), range);
    }
    require(maxBoxes > 0, "maxBoxes must be positive", maxBoxes);
    require(
        meanApWeight >= 0 && Double.isFinite(meanApWeight),
        "meanApWeight must be finite and not negative",
        meanApWeight);
  }

  private static Map<DetectionClass, Double> checked(Map<DetectionClass, Double> ranges) {
    Map<DetectionClass, Double> copy = new EnumMap<>(DetectionClass.class);
    ranges.forEach(
        (each, range) -> {
          require(each != null && range != null, "ranges must not hold null", ranges);
          copy.put(each, range);
        });
    return Collections.unmodifiableMap(copy);
  }

  private static void require(boolean holds, String rule, Object got) {
    if (!holds) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "evaluation settings: %s, got %s", rule, got));
    }
  }

  private static Map<DetectionClass, Double> benchmarkRanges() {
    Map<DetectionClass, Double> ranges = new EnumMap<>(DetectionClass.class);
    for (DetectionClass each : DetectionClass.values()) {
      ranges.put(each, EvaluationConfig.range(each));
    }
    return ranges;
  }

  /** Range of a class, metres. */
  public double range(DetectionClass detectionClass) {
    return ranges.getOrDefault(detectionClass, 0.0);
  }

  /** With other distances that match; see {@link #matchDistances} and its neighbour. */
  public EvaluationSettings withMatchDistances(List<Double> distances, double truePositive) {
    return new EvaluationSettings(
        distances, truePositive, minRecall, minPrecision, ranges, maxBoxes, meanApWeight);
  }

  /** With another least recall and precision. */
  public EvaluationSettings withMinimum(double recall, double precision) {
    return new EvaluationSettings(
        matchDistances, truePositiveDistance, recall, precision, ranges, maxBoxes, meanApWeight);
  }

  /** With one range for all classes, metres; infinity if all boxes count. */
  public EvaluationSettings withRange(double range) {
    Map<DetectionClass, Double> all = new EnumMap<>(DetectionClass.class);
    for (DetectionClass each : DetectionClass.values()) {
      all.put(each, range);
    }
    return withRanges(all);
  }

  /** With another range for each class. */
  public EvaluationSettings withRanges(Map<DetectionClass, Double> all) {
    return new EvaluationSettings(
        matchDistances, truePositiveDistance, minRecall, minPrecision, all, maxBoxes, meanApWeight);
  }

  /** With another number of detections that a sample may have. */
  public EvaluationSettings withMaxBoxes(int most) {
    return new EvaluationSettings(
        matchDistances, truePositiveDistance, minRecall, minPrecision, ranges, most, meanApWeight);
  }
}
