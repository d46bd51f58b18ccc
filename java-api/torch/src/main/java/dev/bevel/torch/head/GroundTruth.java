package dev.bevel.torch.head;

import dev.bevel.nuscenes.DetectionClass;
import java.util.List;
import java.util.Locale;

/**
 * The boxes of one sample that a head learns from.
 *
 * @param boxes nine finite numbers each (see the package), except that velocities may be NaN where
 *     they are not known
 * @param labels 0..9, one per box
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record GroundTruth(List<double[]> boxes, int[] labels) {
  /**
   * @throws IllegalArgumentException if the counts differ, a label is none, a box is not nine
   *     numbers, a position, size or yaw is not finite, or a velocity is infinite
   */
  public GroundTruth {
    boxes = List.copyOf(boxes);
    if (boxes.size() != labels.length) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "GroundTruth: there must be one label per box, got %d boxes and %d labels",
              boxes.size(),
              labels.length));
    }
    for (int i = 0; i < boxes.size(); i++) {
      check(boxes.get(i), i);
      if (labels[i] < 0 || labels[i] >= DetectionClass.values().length) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "GroundTruth: label %d must be in 0..%d, got %d",
                i,
                DetectionClass.values().length - 1,
                labels[i]));
      }
    }
  }

  private static void check(double[] box, int index) {
    if (box.length != 9) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "GroundTruth: box %d must be 9 numbers, got %d", index, box.length));
    }
    for (int k = 0; k < 9; k++) {
      boolean unknownVelocity = k >= 7 && Double.isNaN(box[k]);
      if (!Double.isFinite(box[k]) && !unknownVelocity) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "GroundTruth: box %d has the value %s at position %d, expected a finite number",
                index,
                box[k],
                k));
      }
    }
  }
}
