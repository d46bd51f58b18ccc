package dev.bevel.nuscenes;

import java.util.List;
import java.util.Optional;

/**
 * An annotated object of one key frame, in a frame its holder names.
 *
 * @param box velocity NaN where the tables do not give one
 * @param category e.g. {@code vehicle.bus.rigid}
 * @param detectionClass empty for categories the detection task ignores
 * @param attributes names, none or one in released data
 * @param lidarPoints LiDAR points in the box in the key sweep, as the table says
 * @param radarPoints radar points in the box, as the table says
 */
public record GroundTruthBox(
    Box3d box,
    String category,
    Optional<DetectionClass> detectionClass,
    List<String> attributes,
    int lidarPoints,
    int radarPoints,
    String annotationToken,
    String instanceToken) {

  /**
   * Whether any sensor saw the object: the training filter of all detectors here and a filter of
   * the evaluation.
   */
  public boolean isObserved() {
    return lidarPoints > 0 || radarPoints > 0;
  }
}
