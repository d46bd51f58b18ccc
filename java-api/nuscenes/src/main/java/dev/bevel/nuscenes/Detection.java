package dev.bevel.nuscenes;

/**
 * One detected object, in a frame its holder names (detectors of the BEVDepth family: the key ego
 * frame).
 *
 * @param score confidence, higher is better
 */
public record Detection(Box3d box, DetectionClass detectionClass, double score) {
  /**
   * @throws NuScenesException if the score is not finite
   */
  public Detection {
    if (!Double.isFinite(score)) {
      throw new NuScenesException("detection score must be finite, got " + score);
    }
  }
}
