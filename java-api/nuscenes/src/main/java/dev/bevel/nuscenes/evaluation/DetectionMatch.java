package dev.bevel.nuscenes.evaluation;

import dev.bevel.nuscenes.DetectionClass;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the benchmark's matching says of one object or detection: found (both are there), missed (no
 * detection) or a false alarm (no truth).
 *
 * @param truth the object
 * @param detection the nearest one not taken when its turn came, of the same sample and class
 */
public record DetectionMatch(@Nullable EvaluationBox truth, @Nullable EvaluationBox detection) {
  /** Whether the object was found. */
  public boolean isFound() {
    return truth != null && detection != null;
  }

  /**
   * An error of an object that was found.
   *
   * @return NaN if it is not a found one, the metric does not apply to its class or is not known
   */
  public double error(TruePositiveMetric metric) {
    return truth != null && detection != null && metric.appliesTo(truth.detectionClass())
        ? metric.error(truth, detection)
        : Double.NaN;
  }

  /**
   * Matches the boxes that count, class by class, best score first, as the benchmark does.
   *
   * @param distance a match lies nearer, metres
   * @return detections by class and descending score, those that were found and false alarms, and
   *     after those of a class its missed objects
   */
  public static List<DetectionMatch> all(
      EvaluationSet set, Submission submission, double distance) {
    List<EvaluationBox> truth = set.filter(set.truth());
    List<EvaluationBox> detections = set.filter(submission.boxes());
    List<DetectionMatch> result = new ArrayList<>();
    for (DetectionClass each : EvaluationConfig.CLASSES) {
      addClass(result, new ClassBoxes(each, set.samples(), truth, detections), distance);
    }
    return result;
  }

  private static void addClass(List<DetectionMatch> result, ClassBoxes boxes, double distance) {
    Matches matches = Matches.of(boxes, distance);
    Set<EvaluationBox> found = Collections.newSetFromMap(new IdentityHashMap<>());
    for (int i = 0; i < matches.detections(); i++) {
      EvaluationBox truth = matches.truthOf(i);
      if (truth != null) {
        found.add(truth);
      }
      result.add(new DetectionMatch(truth, boxes.detections()[i]));
    }
    for (int sample = 0; sample < boxes.samples(); sample++) {
      for (EvaluationBox truth : boxes.truth(sample)) {
        if (!found.contains(truth)) {
          result.add(new DetectionMatch(truth, null));
        }
      }
    }
  }
}
