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
  /** Beyond it squares of distances and velocities would leave the range of float64. */
  private static final double MAX_MAGNITUDE = 1e150;

  /**
   * @throws NuScenesException if the centre, heading, a size or a velocity that is known is not
   *     finite or its magnitude above 1e150, a size is not positive, the score is not finite, or
   *     the attribute is null
   */
  public EvaluationBox {
    if (!isUsable(x) || !isUsable(y) || !isUsable(z) || !isUsable(yaw) || !Double.isFinite(score)) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "the centre (%s, %s, %s), yaw %s and score %s of a box must be finite, all but the score up to %s",
              x,
              y,
              z,
              yaw,
              score,
              MAX_MAGNITUDE));
    }
    if (!isSize(width) || !isSize(length) || !isSize(height)) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "box size (width, length, height) must be finite and positive, up to %s, got (%s, %s, %s)",
              MAX_MAGNITUDE,
              width,
              length,
              height));
    }
    if (!isVelocity(vx) || !isVelocity(vy)) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "the velocity of a box must be finite, of a magnitude up to %s, or NaN where it is not known, got (%s, %s)",
              MAX_MAGNITUDE,
              vx,
              vy));
    }
    if (attribute == null) {
      throw new NuScenesException(
          "the attribute of a box must be one of the eight names, or the empty string where it has"
              + " none, got null");
    }
    score += 0.0; // −0 is 0, also in sorting
  }

  private static boolean isUsable(double value) {
    return Math.abs(value) <= MAX_MAGNITUDE; // not of NaN
  }

  private static boolean isSize(double value) {
    return value > 0 && isUsable(value);
  }

  private static boolean isVelocity(double value) {
    return Double.isNaN(value) || isUsable(value);
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
