package dev.bevel.torch.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.GroundTruthBox;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class DetectionMatcherTest {
  private static Box3d box(double x, double y) {
    return Box3d.upright(x, y, 0, 2, 4, 1.5, 0, 0, 0);
  }

  private static GroundTruthBox truth(DetectionClass c, double x, double y, int points) {
    return new GroundTruthBox(box(x, y), c.name(), Optional.of(c), List.of(), points, 0, "", "");
  }

  private static Detection found(DetectionClass c, double x, double y, double score) {
    return new Detection(box(x, y), c, score);
  }

  @Test
  void matchesOneToOneByScore() {
    List<GroundTruthBox> boxes =
        List.of(
            truth(DetectionClass.CAR, 10, 0, 5),
            truth(DetectionClass.CAR, 11.5, 0, 5),
            truth(DetectionClass.PEDESTRIAN, 0, 10, 9));
    // The best takes the nearer car; the next is left with the other, which is 0.9 m away; the
    // third finds none free.
    List<Detection> detections =
        List.of(
            found(DetectionClass.CAR, 10.6, 0, 0.5),
            found(DetectionClass.CAR, 10.7, 0, 0.9),
            found(DetectionClass.CAR, 10.8, 0, 0.4),
            found(DetectionClass.TRUCK, 0, 10, 0.8));
    assertThat(DetectionMatcher.count(boxes, detections))
        .isEqualTo(new DetectionMatcher.Count(3, 2, 2));
  }

  @Test
  void scoreRangePointsAndClassesDecideWhatCounts() {
    List<GroundTruthBox> boxes =
        List.of(
            truth(DetectionClass.CAR, 10, 0, 4),
            truth(DetectionClass.CAR, 30, 30, 50),
            truth(DetectionClass.BUS, 5, 5, 50),
            truth(DetectionClass.CAR, 39.8, 0, 50));
    List<Detection> detections =
        List.of(
            found(DetectionClass.CAR, 10, 0, 0.9), // a car with too few points
            found(DetectionClass.CAR, 30, 30, 0.9), // too far away
            found(DetectionClass.BUS, 5, 5, 0.9), // another class
            found(DetectionClass.CAR, 0, 0, 0.29), // too unsure
            found(DetectionClass.CAR, 40.5, 0, 0.9)); // itself out of range, its box is not
    assertThat(DetectionMatcher.count(boxes, detections))
        .isEqualTo(new DetectionMatcher.Count(1, 1, 1));
  }

  @Test
  void nothingFoundIsNothingMatched() {
    assertThat(DetectionMatcher.count(List.of(truth(DetectionClass.TRUCK, 1, 1, 5)), List.of()))
        .isEqualTo(new DetectionMatcher.Count(1, 0, 0));
  }
}
