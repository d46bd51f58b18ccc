package dev.bevel.bench.nuscenes;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.Pose;
import java.util.SplittableRandom;

/**
 * An object of a scene: it goes straight on at one speed.
 *
 * @param first index of its first sample in the scene
 * @param samples number of its samples
 * @param middle its box in the global frame at the middle of its samples, with its velocity
 * @param attribute name, {@code ""} for none
 */
record SyntheticObject(ObjectKind kind, int first, int samples, Box3d middle, String attribute) {
  private static final double MOVING = 0.4;
  private static final double FARTHEST = 75;

  /**
   * @param sceneSamples of the scene
   * @param samples of the object
   */
  static SyntheticObject random(
      SplittableRandom random, EgoPath path, int sceneSamples, int samples) {
    int first = random.nextInt(sceneSamples - samples + 1);
    ObjectKind kind = ObjectKind.random(random);
    Pose ego = path.at(seconds(first + samples / 2));
    double distance = 4 + (FARTHEST - 4) * StrictMath.sqrt(random.nextDouble());
    double bearing = random.nextDouble(-StrictMath.PI, StrictMath.PI);
    double yaw = random.nextDouble(-StrictMath.PI, StrictMath.PI);
    boolean moves = kind.speed() > 0 && random.nextDouble() < MOVING;
    double speed = moves ? random.nextDouble(0.3, kind.speed()) : 0;
    double height = kind.height() * random.nextDouble(0.85, 1.15);
    Box3d middle =
        new Box3d(
            new Pose(
                StrictMath.cos(yaw / 2),
                0,
                0,
                StrictMath.sin(yaw / 2),
                ego.tx() + distance * StrictMath.cos(bearing),
                ego.ty() + distance * StrictMath.sin(bearing),
                height / 2),
            millimetres(kind.width() * random.nextDouble(0.85, 1.15)),
            millimetres(kind.length() * random.nextDouble(0.85, 1.15)),
            millimetres(height),
            speed * StrictMath.cos(yaw),
            speed * StrictMath.sin(yaw),
            0);
    boolean named = random.nextDouble() < 0.98; // a few objects of nuScenes have no attribute
    String attribute = named ? (moves ? kind.moving() : kind.still()) : "";
    return new SyntheticObject(kind, first, samples, middle, attribute);
  }

  private static double seconds(int sample) {
    return sample * SyntheticScene.SECONDS_A_SAMPLE;
  }

  /** The box in a sample of the scene, its centre in whole millimetres as in nuScenes. */
  Box3d at(int sample) {
    double since = seconds(sample - first - samples / 2);
    Pose pose = middle.pose();
    return new Box3d(
        new Pose(
            pose.qw(),
            pose.qx(),
            pose.qy(),
            pose.qz(),
            millimetres(pose.tx() + since * middle.vx()),
            millimetres(pose.ty() + since * middle.vy()),
            millimetres(pose.tz())),
        middle.width(),
        middle.length(),
        middle.height(),
        middle.vx(),
        middle.vy(),
        0);
  }

  static double millimetres(double metres) {
    return StrictMath.rint(metres * 1000) / 1000;
  }
}
