package dev.bevel.nuscenes.simulator;

import dev.bevel.nuscenes.CameraIntrinsics;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.scene.Seeds;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * The sensors of one drive: six cameras and a LiDAR, mounted about as on nuScenes' vehicles (no
 * radar). Each drive has its own calibration, a few millimetres and tenths of a degree off the
 * design.
 *
 * @param sensors cameras in the order of {@link #CAMERAS}, then the LiDAR
 * @param width of the images, pixels
 * @param height of the images, pixels
 */
record SensorRig(List<Mounted> sensors, int width, int height) {
  static final String LIDAR = "LIDAR_TOP";

  /** Size of the images for which {@link #DESIGN} has focal lengths. */
  private static final double DESIGN_WIDTH = 1600;

  private static final double DESIGN_HEIGHT = 900;
  private static final double DESIGN_CENTRE_Y = 490;

  /** One sensor, with its intrinsics if it is a camera. */
  record Mounted(String channel, Pose sensorToEgo, Optional<CameraIntrinsics> intrinsics) {}

  /**
   * A camera as it is designed.
   *
   * @param yaw where it looks, degrees counter-clockwise from ahead
   * @param focalLength pixels
   * @param delay microseconds from its exposure to the end of the LiDAR's turn
   */
  record Camera(
      String channel, double x, double y, double z, double yaw, double focalLength, int delay) {}

  private static final List<Camera> DESIGN =
      List.of(
          new Camera("CAM_FRONT", 1.7, 0, 1.51, 0, 1265, 35_600),
          new Camera("CAM_FRONT_RIGHT", 1.55, -0.49, 1.5, -55.5, 1260, 27_500),
          new Camera("CAM_BACK_RIGHT", 1.02, -0.48, 1.56, -110, 1260, 19_800),
          new Camera("CAM_BACK", 0.03, 0, 1.57, 180, 810, 10_400),
          new Camera("CAM_BACK_LEFT", 1.03, 0.48, 1.58, 109, 1257, 700),
          new Camera("CAM_FRONT_LEFT", 1.53, 0.49, 1.51, 55.5, 1270, 43_200));

  /** The cameras' channels. */
  static final List<String> CAMERAS = DESIGN.stream().map(Camera::channel).toList();

  SensorRig {
    sensors = List.copyOf(sensors);
  }

  /**
   * The rig of one drive. The width settles the focal lengths; images that are not 16:9 see more or
   * less above and below.
   */
  static SensorRig of(int width, int height, long seed) {
    SplittableRandom random = Seeds.random(seed, "rig");
    List<Mounted> sensors = new ArrayList<>();
    for (Camera camera : DESIGN) {
      Pose mounting =
          mounting(camera.x, camera.y, camera.z, camera.yaw, random)
              // Camera axes (right, down, forward) in a frame that looks along x.
              .compose(new Pose(0.5, -0.5, 0.5, -0.5, 0, 0, 0));
      sensors.add(
          new Mounted(
              camera.channel,
              mounting,
              Optional.of(intrinsics(camera.focalLength, width, height, random))));
    }
    sensors.add(new Mounted(LIDAR, mounting(0.94, 0, 1.84, -90, random), Optional.empty()));
    return new SensorRig(sensors, width, height);
  }

  /** Microseconds from a camera's exposure to the end of the LiDAR's turn that passes it. */
  static int delay(String camera) {
    return DESIGN.get(CAMERAS.indexOf(camera)).delay;
  }

  private static CameraIntrinsics intrinsics(
      double focalLength, int width, int height, SplittableRandom random) {
    double scaleX = width / DESIGN_WIDTH;
    double scaleY = height / DESIGN_HEIGHT;
    double focal = Seeds.near(random, focalLength, 3) * scaleX;
    return new CameraIntrinsics(
        focal,
        0,
        focal,
        Seeds.near(random, DESIGN_WIDTH / 2 + 14, 6) * scaleX,
        Seeds.near(random, DESIGN_CENTRE_Y, 5) * scaleY);
  }

  private static Pose mounting(
      double x, double y, double z, double yawDegrees, SplittableRandom random) {
    double yaw = StrictMath.toRadians(Seeds.near(random, yawDegrees, 0.3));
    double pitch = StrictMath.toRadians(Seeds.near(random, 0, 0.25));
    double roll = StrictMath.toRadians(Seeds.near(random, 0, 0.2));
    Pose turned =
        new Pose(
            StrictMath.cos(yaw / 2),
            0,
            0,
            StrictMath.sin(yaw / 2),
            Seeds.near(random, x, 0.006),
            Seeds.near(random, y, 0.004),
            Seeds.near(random, z, 0.006));
    return turned
        .compose(new Pose(StrictMath.cos(pitch / 2), 0, StrictMath.sin(pitch / 2), 0, 0, 0, 0))
        .compose(new Pose(StrictMath.cos(roll / 2), StrictMath.sin(roll / 2), 0, 0, 0, 0, 0));
  }

  Mounted sensor(String channel) {
    int camera = CAMERAS.indexOf(channel);
    return camera >= 0 ? sensors.get(camera) : sensors.getLast();
  }
}
