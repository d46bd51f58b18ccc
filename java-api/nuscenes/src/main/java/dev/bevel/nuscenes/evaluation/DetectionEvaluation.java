package dev.bevel.nuscenes.evaluation;

import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.NuScenesException;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

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
    return evaluate(set, submission, EvaluationSettings.BENCHMARK);
  }

  /**
   * The figures of a submission with other thresholds than the benchmark's.
   *
   * @throws NuScenesException as {@link #evaluate(EvaluationSet, Submission)}, or if a sample has
   *     more detections than the settings allow
   */
  public static DetectionMetrics evaluate(
      EvaluationSet set, Submission submission, EvaluationSettings settings) {
    requireFew(submission.boxes(), settings);
    return evaluate(
        set.samples(),
        set.filter(set.truth(), settings),
        set.filter(submission.boxes(), settings),
        settings);
  }

  /**
   * The figures of boxes without any tables.
   *
   * <p>Boxes of one sample share a frame: where the settings' ranges are finite, one whose origin
   * is the ego car, since a box counts if its centre is nearer to the origin (in the ground plane)
   * than its class's range. With {@link EvaluationSettings#withRange} of infinity any frame will
   * do. Ground truth with 0 points is left out, as in the benchmark; bicycles in racks are the
   * caller's to leave out. Other figures do not depend on the frame.
   *
   * @param truth ground truth, of any number of samples: equal {@link EvaluationBox#sample()} means
   *     one sample
   * @param predictions detections of these samples; of equal scores the later one comes first
   * @param settings thresholds, {@link EvaluationSettings#BENCHMARK} for the benchmark's
   * @throws NuScenesException if there is no ground truth that counts, a sample has more detections
   *     than the settings allow, or a score is negative where not all objects are found
   */
  public static DetectionMetrics evaluate(
      Collection<EvaluationBox> truth,
      Collection<EvaluationBox> predictions,
      EvaluationSettings settings) {
    requireBoxes("truth", truth);
    requireBoxes("predictions", predictions);
    Objects.requireNonNull(settings, "DetectionEvaluation.evaluate: settings is null");
    requireFew(predictions, settings);
    Map<Integer, Integer> samples = new HashMap<>();
    List<EvaluationBox> objects =
        counted(truth.stream().filter(box -> box.points() != 0).toList(), settings, samples);
    List<EvaluationBox> detections = counted(predictions, settings, samples);
    return evaluate(samples.size(), objects, detections, settings);
  }

  private static List<EvaluationBox> counted(
      Collection<EvaluationBox> boxes, EvaluationSettings settings, Map<Integer, Integer> samples) {
    return boxes.stream()
        .filter(box -> Math.hypot(box.x(), box.y()) < settings.range(box.detectionClass()))
        .map(box -> box.ofSample(samples.computeIfAbsent(box.sample(), s -> samples.size())))
        .toList();
  }

  private static void requireBoxes(String argument, Collection<EvaluationBox> boxes) {
    Objects.requireNonNull(boxes, "DetectionEvaluation.evaluate: " + argument + " is null");
    for (EvaluationBox box : boxes) {
      if (box == null || box.detectionClass() == null) {
        throw new NuScenesException(
            "DetectionEvaluation.evaluate: "
                + argument
                + " has "
                + (box == null ? "null for a box" : "a box without a class: " + box));
      }
    }
  }

  private static void requireFew(Collection<EvaluationBox> boxes, EvaluationSettings settings) {
    Map<Integer, Integer> counts = new HashMap<>();
    for (EvaluationBox box : boxes) {
      if (counts.merge(box.sample(), 1, Integer::sum) > settings.maxBoxes()) {
        throw new NuScenesException(
            String.format(
                Locale.ROOT,
                "sample %d has more detections than the limit of %,d",
                box.sample(),
                settings.maxBoxes()));
      }
    }
  }

  /** The figures of boxes that are filtered already. */
  static DetectionMetrics evaluate(
      int samples,
      List<EvaluationBox> truth,
      List<EvaluationBox> detections,
      EvaluationSettings settings) {
    if (truth.isEmpty()) {
      throw new NuScenesException("there is no ground truth to evaluate against");
    }
    Map<DetectionClass, Map<Double, DetectionCurve>> curves = new EnumMap<>(DetectionClass.class);
    Arrays.stream(DetectionClass.values())
        .parallel()
        .map(
            each ->
                Map.entry(each, curves(new ClassBoxes(each, samples, truth, detections), settings)))
        .toList()
        .forEach(entry -> curves.put(entry.getKey(), entry.getValue()));
    return new DetectionMetrics(settings, curves);
  }

  private static Map<Double, DetectionCurve> curves(ClassBoxes boxes, EvaluationSettings settings) {
    Map<Double, DetectionCurve> curves = new LinkedHashMap<>();
    for (double distance : settings.matchDistances()) {
      curves.put(distance, DetectionCurve.of(boxes, distance, settings));
    }
    return curves;
  }
}
