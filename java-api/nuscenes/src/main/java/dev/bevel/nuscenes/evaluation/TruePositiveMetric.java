package dev.bevel.nuscenes.evaluation;

import dev.bevel.nuscenes.DetectionClass;

/** The five errors of a matched detection. */
public enum TruePositiveMetric {
  /** Distance of the centres in the ground plane, metres (ATE). */
  TRANSLATION("trans_err", "mATE") {
    @Override
    double error(EvaluationBox truth, EvaluationBox detection) {
      return truth.groundDistance(detection);
    }
  },

  /** One minus the IoU of the boxes with centres and headings aligned (ASE). */
  SCALE("scale_err", "mASE") {
    @Override
    double error(EvaluationBox truth, EvaluationBox detection) {
      double shared =
          Math.min(truth.width(), detection.width())
              * Math.min(truth.length(), detection.length())
              * Math.min(truth.height(), detection.height());
      double union = volume(truth) + volume(detection) - shared;
      boolean inRange = shared >= Double.MIN_NORMAL && Double.isFinite(union);
      return inRange ? 1 - shared / union : ofRatios(truth, detection);
    }

    /** The same without volumes, which of tiny or huge boxes are 0 or infinite. */
    private double ofRatios(EvaluationBox truth, EvaluationBox detection) {
      double width = truth.width() / detection.width();
      double length = truth.length() / detection.length();
      double height = truth.height() / detection.height();
      double truthOfShared = Math.max(1, width) * Math.max(1, length) * Math.max(1, height);
      double otherOfShared =
          Math.max(1, 1 / width) * Math.max(1, 1 / length) * Math.max(1, 1 / height);
      return 1 - 1 / (truthOfShared + otherOfShared - 1);
    }
  },

  /** Smallest difference of the headings, radians; barriers look the same from both sides (AOE). */
  ORIENTATION("orient_err", "mAOE") {
    @Override
    double error(EvaluationBox truth, EvaluationBox detection) {
      double period = truth.detectionClass() == DetectionClass.BARRIER ? Math.PI : 2 * Math.PI;
      return Math.abs(angleDifference(truth.yaw(), detection.yaw(), period));
    }
  },

  /** ‖difference of the velocities‖ in the ground plane, m/s; NaN where one is not known (AVE). */
  VELOCITY("vel_err", "mAVE") {
    @Override
    double error(EvaluationBox truth, EvaluationBox detection) {
      double dx = detection.vx() - truth.vx();
      double dy = detection.vy() - truth.vy();
      return Math.sqrt(dx * dx + dy * dy);
    }
  },

  /** 0 if the attributes are equal, else 1; NaN where the truth has none (AAE). */
  ATTRIBUTE("attr_err", "mAAE") {
    @Override
    double error(EvaluationBox truth, EvaluationBox detection) {
      if (truth.attribute().isEmpty()) {
        return Double.NaN;
      }
      return truth.attribute().equals(detection.attribute()) ? 0 : 1;
    }
  };

  private final String key;
  private final String meanName;

  TruePositiveMetric(String key, String meanName) {
    this.key = key;
    this.meanName = meanName;
  }

  abstract double error(EvaluationBox truth, EvaluationBox detection);

  /** The name in result files, e.g. {@code trans_err}. */
  public String key() {
    return key;
  }

  /** The name of its mean over the classes, e.g. {@code mATE}. */
  public String meanName() {
    return meanName;
  }

  /** Whether the metric means something for a class: cones and barriers do not move. */
  public boolean appliesTo(DetectionClass detectionClass) {
    return switch (this) {
      case TRANSLATION, SCALE -> true;
      case ORIENTATION -> detectionClass != DetectionClass.TRAFFIC_CONE;
      case VELOCITY, ATTRIBUTE ->
          detectionClass != DetectionClass.TRAFFIC_CONE && detectionClass != DetectionClass.BARRIER;
    };
  }

  private static double volume(EvaluationBox box) {
    return box.width() * box.length() * box.height();
  }

  /** a − b brought into [−period/2, period/2), and into [−π, π] where the period is longer. */
  static double angleDifference(double a, double b, double period) {
    double shifted = a - b + period / 2;
    double difference = shifted - Math.floor(shifted / period) * period - period / 2;
    return difference > Math.PI ? difference - 2 * Math.PI : difference;
  }
}
