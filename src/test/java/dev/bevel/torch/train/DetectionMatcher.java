package dev.bevel.torch.train;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.GroundTruthBox;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * Counts hits and false alarms on one sample: detections of the wanted classes with a sufficient
 * score take, by falling score, the nearest free box of their class within a distance in the ground
 * plane, one to one.
 */
final class DetectionMatcher {
  private static final Set<DetectionClass> CLASSES =
      EnumSet.of(DetectionClass.CAR, DetectionClass.TRUCK, DetectionClass.PEDESTRIAN);
  private static final double MIN_SCORE = 0.3;
  private static final double MAX_OFFSET = 1;
  private static final double RANGE = 40;
  private static final int MIN_LIDAR_POINTS = 5;

  /**
   * What was counted.
   *
   * @param truth boxes to find
   * @param matched boxes found
   * @param unmatched detections within range that found none
   */
  record Count(int truth, int matched, int unmatched) {}

  private DetectionMatcher() {}

  /** Boxes and detections in one frame, whose origin is the ego. */
  static Count count(List<GroundTruthBox> boxes, List<Detection> detections) {
    List<GroundTruthBox> truth = new ArrayList<>();
    for (GroundTruthBox box : boxes) {
      if (box.detectionClass().filter(CLASSES::contains).isPresent()
          && box.lidarPoints() >= MIN_LIDAR_POINTS
          && box.box().groundDistance() <= RANGE) {
        truth.add(box);
      }
    }
    List<GroundTruthBox> free = new ArrayList<>(truth);
    int unmatched = 0;
    for (Detection detection : candidates(detections)) {
      GroundTruthBox best = null;
      double nearest = MAX_OFFSET;
      for (GroundTruthBox box : free) {
        double offset = offset(box.box(), detection.box());
        if (box.detectionClass().orElseThrow() == detection.detectionClass() && offset <= nearest) {
          nearest = offset;
          best = box;
        }
      }
      if (best != null) {
        free.remove(best);
      } else if (detection.box().groundDistance() <= RANGE) {
        unmatched++;
      }
    }
    return new Count(truth.size(), truth.size() - free.size(), unmatched);
  }

  private static List<Detection> candidates(List<Detection> detections) {
    return detections.stream()
        .filter(d -> d.score() >= MIN_SCORE && CLASSES.contains(d.detectionClass()))
        .sorted(Comparator.comparingDouble(Detection::score).reversed())
        .toList();
  }

  private static double offset(Box3d a, Box3d b) {
    return Math.hypot(a.x() - b.x(), a.y() - b.y());
  }
}
