package dev.bevel.nuscenes.evaluation;

import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.NuScenesException;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Runs the benchmark. */
public final class DetectionEvaluation {
  private DetectionEvaluation() {}

  /**
   * The figures of a submission.
   *
   * @throws NuScenesException if there is no ground truth at all, or a negative score where not all
   *     objects are found (the devkit cannot evaluate these either)
   */
  public static DetectionMetrics evaluate(EvaluationSet set, Submission submission) {
    return evaluate(set.samples(), set.filter(set.truth()), set.filter(submission.boxes()));
  }

  /** The figures of boxes that are filtered already. */
  static DetectionMetrics evaluate(
      int samples, List<EvaluationBox> truth, List<EvaluationBox> detections) {
    if (truth.isEmpty()) {
      throw new NuScenesException("there is no ground truth to evaluate against");
    }
    Map<DetectionClass, Map<Double, DetectionCurve>> curves = new EnumMap<>(DetectionClass.class);
    Arrays.stream(DetectionClass.values())
        .parallel()
        .map(each -> Map.entry(each, curves(new ClassBoxes(each, samples, truth, detections))))
        .toList()
        .forEach(entry -> curves.put(entry.getKey(), entry.getValue()));
    return new DetectionMetrics(curves);
  }

  private static Map<Double, DetectionCurve> curves(ClassBoxes boxes) {
    Map<Double, DetectionCurve> curves = new LinkedHashMap<>();
    for (double distance : EvaluationConfig.MATCH_DISTANCES) {
      curves.put(distance, DetectionCurve.of(boxes, distance));
    }
    return curves;
  }
}
