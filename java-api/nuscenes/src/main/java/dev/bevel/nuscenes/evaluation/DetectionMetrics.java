package dev.bevel.nuscenes.evaluation;

import dev.bevel.nuscenes.DetectionClass;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** The benchmark's figures. */
public final class DetectionMetrics {
  private final Map<DetectionClass, Map<Double, DetectionCurve>> curves =
      new EnumMap<>(DetectionClass.class);

  private final EvaluationSettings settings;

  /**
   * @param curves of every class and match distance
   */
  DetectionMetrics(
      EvaluationSettings settings, Map<DetectionClass, Map<Double, DetectionCurve>> curves) {
    this.settings = settings;
    curves.forEach((key, value) -> this.curves.put(key, new LinkedHashMap<>(value)));
  }

  /** The thresholds that the figures were made with. */
  public EvaluationSettings settings() {
    return settings;
  }

  /**
   * The curve of a class.
   *
   * @param matchDistance one of the settings' {@link EvaluationSettings#matchDistances()}
   */
  public DetectionCurve curve(DetectionClass detectionClass, double matchDistance) {
    DetectionCurve curve = curves.getOrDefault(detectionClass, Map.of()).get(matchDistance);
    if (curve == null) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "matchDistance must be one of %s, got %s",
              settings.matchDistances(),
              matchDistance));
    }
    return curve;
  }

  /** Mean average precision of a class over the match distances. */
  public double averagePrecision(DetectionClass detectionClass) {
    return settings.matchDistances().stream()
        .mapToDouble(distance -> curve(detectionClass, distance).averagePrecision())
        .average()
        .orElseThrow();
  }

  /** mAP: mean over the ten classes; a class without ground truth counts 0. */
  public double meanAveragePrecision() {
    return EvaluationConfig.CLASSES.stream()
        .mapToDouble(this::averagePrecision)
        .average()
        .orElseThrow();
  }

  /** Mean error of a class's true positives; NaN where the metric does not apply. */
  public double error(DetectionClass detectionClass, TruePositiveMetric metric) {
    return metric.appliesTo(detectionClass)
        ? curve(detectionClass, settings.truePositiveDistance()).meanError(metric)
        : Double.NaN;
  }

  /** Mean of the {@link #error} of the classes that the metric applies to. */
  public double meanError(TruePositiveMetric metric) {
    return EvaluationConfig.CLASSES.stream()
        .filter(metric::appliesTo)
        .mapToDouble(each -> error(each, metric))
        .average()
        .orElseThrow();
  }

  /** {@code max(0, 1 − error)}. */
  public double score(TruePositiveMetric metric) {
    return Math.max(0, 1 - meanError(metric));
  }

  /** The nuScenes detection score: mAP and the five scores, weighted 5 to 1 each. */
  public double detectionScore() {
    double scores = 0;
    for (TruePositiveMetric metric : TruePositiveMetric.values()) {
      scores += score(metric);
    }
    double weight = settings.meanApWeight();
    return (weight * meanAveragePrecision() + scores)
        / (weight + TruePositiveMetric.values().length);
  }
}
