package dev.bevel.nuscenes.evaluation;

import dev.bevel.nuscenes.DetectionClass;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;

/** The boxes of one class, ready for matching. */
final class ClassBoxes {
  private static final EvaluationBox[] NONE = {};

  /** By descending score; of equal scores the later one first. */
  private final EvaluationBox[] detections;

  private final EvaluationBox[][] truthOfSample;
  private final int truths;

  /**
   * @param samples number of key frames
   * @param truth filtered, of all classes, in table order
   * @param detections filtered, of all classes, in the submission's order
   */
  ClassBoxes(
      DetectionClass detectionClass,
      int samples,
      List<EvaluationBox> truth,
      List<EvaluationBox> detections) {
    List<EvaluationBox> own = new ArrayList<>();
    for (EvaluationBox box : detections) {
      if (box.detectionClass() == detectionClass) {
        own.add(box);
      }
    }
    Collections.reverse(own); // the sort is stable
    own.sort(Comparator.comparingDouble(EvaluationBox::score).reversed());
    this.detections = own.toArray(NONE);

    List<List<EvaluationBox>> bySample = new ArrayList<>(Collections.nCopies(samples, null));
    int count = 0;
    for (EvaluationBox box : truth) {
      if (box.detectionClass() == detectionClass) {
        List<EvaluationBox> others = bySample.get(box.sample());
        if (others == null) {
          others = new ArrayList<>();
          bySample.set(box.sample(), others);
        }
        others.add(box);
        count++;
      }
    }
    truthOfSample = new EvaluationBox[samples][];
    Arrays.setAll(
        truthOfSample,
        sample -> bySample.get(sample) == null ? NONE : bySample.get(sample).toArray(NONE));
    truths = count;
  }

  EvaluationBox[] detections() {
    return detections;
  }

  /** Ground truth of a sample, in table order. */
  EvaluationBox[] truth(int sample) {
    return truthOfSample[sample];
  }

  int samples() {
    return truthOfSample.length;
  }

  /** Ground truth of all samples. */
  int truths() {
    return truths;
  }
}
