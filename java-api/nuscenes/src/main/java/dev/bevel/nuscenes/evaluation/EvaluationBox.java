package dev.bevel.nuscenes.evaluation;

import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.NuScenesException;
import java.util.Locale;

/**
 * A ground-truth or detected box as the benchmark sees it, in the global frame.
 *
 * @param sample index of the key frame in the evaluated split
 * @param detectionClass one of the ten
 * @param x of the gravity centre, metres; y and z likewise
 * @param width metres; length and height likewise
 * @param yaw heading about z, radians
 * @param vx m/s, NaN where it is not known; vy likewise
 * @param score confidence, −1 for ground truth
 * @param attribute one of the eight names, or the empty string
 * @param points LiDAR and radar points in a ground-truth box, −1 for detections
 */
public record EvaluationBox(
    int sample,
    DetectionClass detectionClass,
    double x,
    double y,
    double z,
    double width,
    double length,
    double height,
    double yaw,
    double vx,
    double vy,
    double score,
    String attribute,
    int points) {
  /**
   * @throws NuScenesException if the centre, heading or score is not finite, or a size not positive
   */
  public EvaluationBox {
    if (!Double.isFinite(x + y + z + yaw + score)) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "the centre (%s, %s, %s), yaw %s and score %s of a box must be finite",
              x,
              y,
              z,
              yaw,
              score));
    }
    if (!(width > 0 && length > 0 && height > 0) || !Double.isFinite(width + length + height)) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "box size (width, length, height) must be finite and positive, got (%s, %s, %s)",
              width,
              length,
              height));
    }
    score += 0.0; // −0 is 0, also in sorting
  }

  /** The box in a sample of another number. */
  EvaluationBox ofSample(int index) {
    return new EvaluationBox(
        index,
        detectionClass,
        x,
        y,
        z,
        width,
        length,
        height,
        yaw,
        vx,
        vy,
        score,
        attribute,
        points);
  }

  /** Distance of the centres in the ground plane, metres. */
  double groundDistance(EvaluationBox other) {
    double dx = x - other.x;
    double dy = y - other.y;
    return Math.sqrt(dx * dx + dy * dy);
  }
}
