package dev.bevel.torch.head;

import java.util.List;
import java.util.Locale;

/**
 * How maps become boxes.
 *
 * @param scoreThreshold a box needs a higher score
 * @param maxCandidates highest-scoring (cell, class) pairs looked at per task
 * @param range least x, y, z and greatest x, y, z of a box centre, metres, bounds included
 * @param nmsThresholds per task the bound of {@link CircleNms} on squared centre distance, m²
 * @param maxPerTask boxes kept per task and sample
 */
public record DecodeSettings(
    double scoreThreshold,
    int maxCandidates,
    List<Double> range,
    List<Double> nmsThresholds,
    int maxPerTask) {
  /** Where every detector of this family looks for boxes on nuScenes. */
  public static final List<Double> NUSCENES_RANGE = List.of(-61.2, -61.2, -10.0, 61.2, 61.2, 10.0);

  /**
   * @throws IllegalArgumentException if the range has not six numbers or a count is not positive
   */
  public DecodeSettings {
    range = List.copyOf(range);
    nmsThresholds = List.copyOf(nmsThresholds);
    if (range.size() != 6) {
      throw new IllegalArgumentException("DecodeSettings: range must be 6 numbers, got " + range);
    }
    if (maxCandidates < 1 || maxPerTask < 1 || Double.isNaN(scoreThreshold)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "DecodeSettings: maxCandidates and maxPerTask must be positive and scoreThreshold a number, got %d, %d, %s",
              maxCandidates,
              maxPerTask,
              scoreThreshold));
    }
  }

  boolean inRange(double[] box) {
    for (int axis = 0; axis < 3; axis++) {
      if (!(box[axis] >= range.get(axis) && box[axis] <= range.get(axis + 3))) {
        return false;
      }
    }
    return true;
  }
}
