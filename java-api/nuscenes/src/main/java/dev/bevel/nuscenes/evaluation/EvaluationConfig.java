package dev.bevel.nuscenes.evaluation;

import static dev.bevel.nuscenes.DetectionClass.BARRIER;
import static dev.bevel.nuscenes.DetectionClass.BICYCLE;
import static dev.bevel.nuscenes.DetectionClass.BUS;
import static dev.bevel.nuscenes.DetectionClass.CAR;
import static dev.bevel.nuscenes.DetectionClass.CONSTRUCTION_VEHICLE;
import static dev.bevel.nuscenes.DetectionClass.MOTORCYCLE;
import static dev.bevel.nuscenes.DetectionClass.PEDESTRIAN;
import static dev.bevel.nuscenes.DetectionClass.TRAFFIC_CONE;
import static dev.bevel.nuscenes.DetectionClass.TRAILER;
import static dev.bevel.nuscenes.DetectionClass.TRUCK;

import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.SubmissionWriter;
import java.util.List;

/** Constants of the benchmark: {@code detection_cvpr_2019}. */
public final class EvaluationConfig {
  /** The classes in the order of the benchmark's tables. */
  public static final List<DetectionClass> CLASSES =
      List.of(
          CAR,
          TRUCK,
          BUS,
          TRAILER,
          CONSTRUCTION_VEHICLE,
          PEDESTRIAN,
          MOTORCYCLE,
          BICYCLE,
          TRAFFIC_CONE,
          BARRIER);

  /** Distances in metres below which a detection matches; AP is their mean. */
  public static final List<Double> MATCH_DISTANCES = List.of(0.5, 1.0, 2.0, 4.0);

  /** The match distance at which the errors of true positives are taken, metres. */
  public static final double TRUE_POSITIVE_DISTANCE = 2.0;

  /** Recall and precision up to which a curve does not count. */
  public static final double MIN_RECALL = 0.1;

  /** As {@link #MIN_RECALL}. */
  public static final double MIN_PRECISION = 0.1;

  /** Detections a sample may have. */
  public static final int MAX_BOXES = SubmissionWriter.MAX_BOXES;

  /** Weight of mAP in NDS; each of the five errors weighs one. */
  public static final double MEAN_AP_WEIGHT = 5;

  private EvaluationConfig() {}

  /** Distance from the ego car in the ground plane below which a class counts, metres. */
  public static double range(DetectionClass detectionClass) {
    return switch (detectionClass) {
      case CAR, TRUCK, BUS, TRAILER, CONSTRUCTION_VEHICLE -> 50;
      case PEDESTRIAN, MOTORCYCLE, BICYCLE -> 40;
      case TRAFFIC_CONE, BARRIER -> 30;
    };
  }
}
