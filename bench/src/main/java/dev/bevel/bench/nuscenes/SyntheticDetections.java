package dev.bevel.bench.nuscenes;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.Pose;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** What a made-up detector finds: most objects, not quite where they are, and many that are not. */
final class SyntheticDetections {
  /** Boxes a sample. */
  static final int BOXES = 300;

  /** Detections are in the global frame. */
  static final Pose FRAME = Pose.IDENTITY;

  private static final double FOUND = 0.85;
  private static final double RANGE = 60;

  private SyntheticDetections() {}

  static List<Detection> of(SyntheticScene scene, int sample, SplittableRandom random) {
    List<Detection> detections = new ArrayList<>(BOXES);
    for (SyntheticObject object : scene.objects()) {
      boolean seen = sample >= object.first() && sample < object.first() + object.samples();
      var detectionClass = DetectionClass.ofCategory(object.kind().category());
      if (seen && detectionClass.isPresent() && detections.size() < BOXES) {
        if (random.nextDouble() < FOUND) {
          detections.add(near(object.at(sample), detectionClass.get(), random));
        }
      }
    }
    Pose ego = scene.path().at(scene.seconds(scene.time(sample)));
    while (detections.size() < BOXES) {
      detections.add(invented(ego, random));
    }
    return detections;
  }

  /** The box moved, resized and turned a little. */
  private static Detection near(Box3d box, DetectionClass kind, SplittableRandom random) {
    double error = random.nextDouble(0.05, 1.5);
    Pose pose = box.pose();
    Pose turn = turned(random.nextDouble(-0.3, 0.3), 0, 0, 0);
    Box3d moved =
        new Box3d(
            new Pose(pose.qw(), pose.qx(), pose.qy(), pose.qz(), 0, 0, 0).compose(turn),
            box.width() * random.nextDouble(0.85, 1.15),
            box.length() * random.nextDouble(0.85, 1.15),
            box.height() * random.nextDouble(0.85, 1.15),
            box.vx() + random.nextDouble(-0.5, 0.5),
            box.vy() + random.nextDouble(-0.5, 0.5),
            0);
    Pose away =
        new Pose(
            1,
            0,
            0,
            0,
            pose.tx() + error * random.nextDouble(-1, 1),
            pose.ty() + error * random.nextDouble(-1, 1),
            pose.tz() + 0.2 * random.nextDouble(-1, 1));
    double score = Math.max(0.05, 0.95 - 0.4 * error - 0.2 * random.nextDouble());
    return new Detection(moved.transformed(away), kind, score);
  }

  private static Detection invented(Pose ego, SplittableRandom random) {
    ObjectKind kind = ObjectKind.random(random);
    var detectionClass = DetectionClass.ofCategory(kind.category());
    Pose pose =
        turned(
            random.nextDouble(-StrictMath.PI, StrictMath.PI),
            ego.tx() + random.nextDouble(-RANGE, RANGE),
            ego.ty() + random.nextDouble(-RANGE, RANGE),
            kind.height() / 2);
    double low = random.nextDouble();
    return new Detection(
        new Box3d(
            pose,
            kind.width() * random.nextDouble(0.85, 1.15),
            kind.length() * random.nextDouble(0.85, 1.15),
            kind.height() * random.nextDouble(0.85, 1.15),
            random.nextDouble(-1, 1),
            random.nextDouble(-1, 1),
            0),
        detectionClass.orElse(DetectionClass.CAR),
        0.6 * low * low * low);
  }

  private static Pose turned(double yaw, double x, double y, double z) {
    return new Pose(StrictMath.cos(yaw / 2), 0, 0, StrictMath.sin(yaw / 2), x, y, z);
  }
}
