package dev.bevel.bench.nuscenes;

import dev.bevel.nuscenes.Pose;
import java.util.List;

/**
 * A sensor of the vehicle.
 *
 * @param rate files a second, as published
 * @param focal length in pixels, 0 if it is no camera
 * @param sensorToEgo where it sits
 */
record SyntheticSensor(
    String channel, String modality, double rate, double focal, Pose sensorToEgo) {
  static final List<SyntheticSensor> ALL =
      List.of(
          camera("CAM_FRONT", 1260, 1.7, 0, 0),
          camera("CAM_BACK", 800, 0, 0, 180),
          camera("CAM_BACK_LEFT", 1260, 1, 0.5, 110),
          camera("CAM_FRONT_LEFT", 1260, 1.5, 0.5, 55),
          camera("CAM_FRONT_RIGHT", 1260, 1.5, -0.5, -55),
          camera("CAM_BACK_RIGHT", 1260, 1, -0.5, -110),
          new SyntheticSensor("LIDAR_TOP", "lidar", 20, 0, turned(0.94, 0, 1.84, -90)),
          radar("RADAR_FRONT", 3.4, 0, 0),
          radar("RADAR_FRONT_RIGHT", 2.4, -0.8, -90),
          radar("RADAR_FRONT_LEFT", 2.4, 0.8, 90),
          radar("RADAR_BACK_LEFT", -0.6, 0.6, 175),
          radar("RADAR_BACK_RIGHT", -0.6, -0.6, -175));

  private static SyntheticSensor camera(
      String channel, double focal, double x, double y, double degrees) {
    Pose looking = turned(x, y, 1.5, degrees).compose(new Pose(.5, -.5, .5, -.5, 0, 0, 0));
    return new SyntheticSensor(channel, "camera", 12, focal, looking);
  }

  private static SyntheticSensor radar(String channel, double x, double y, double degrees) {
    return new SyntheticSensor(channel, "radar", 13, 0, turned(x, y, 0.5, degrees));
  }

  private static Pose turned(double x, double y, double z, double degrees) {
    double half = StrictMath.toRadians(degrees) / 2;
    return new Pose(StrictMath.cos(half), 0, 0, StrictMath.sin(half), x, y, z);
  }

  boolean isCamera() {
    return modality.equals("camera");
  }

  boolean isLidar() {
    return modality.equals("lidar");
  }

  /** Ending of its files' names. */
  String ending() {
    return isCamera() ? ".jpg" : isLidar() ? ".pcd.bin" : ".pcd";
  }
}
