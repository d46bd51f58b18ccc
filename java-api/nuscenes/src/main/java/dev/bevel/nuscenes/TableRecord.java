package dev.bevel.nuscenes;

import java.util.List;
import java.util.Optional;

/**
 * A record of one of the thirteen nuScenes tables. Component names are the schema's, in camel case;
 * tokens are what the tables hold ({@code ""} where the schema allows none). Links are checked when
 * the tables are loaded.
 */
public sealed interface TableRecord {
  /** The record's key, unique within its table. */
  String token();

  /** An object taxonomy entry, e.g. {@code vehicle.bus.rigid}. */
  record Category(String token, String name, String description) implements TableRecord {}

  /** A property of an instance that can change, e.g. {@code vehicle.moving}. */
  record Attribute(String token, String name, String description) implements TableRecord {}

  /** How much of an annotation is visible in the six cameras, e.g. {@code v60-80}. */
  record Visibility(String token, String level, String description) implements TableRecord {}

  /** One object followed through one scene. */
  record Instance(
      String token,
      String categoryToken,
      int annotationCount,
      String firstAnnotationToken,
      String lastAnnotationToken)
      implements TableRecord {}

  /**
   * One sensor of the vehicle.
   *
   * @param modality {@code camera}, {@code lidar} or {@code radar}
   */
  record Sensor(String token, String channel, String modality) implements TableRecord {}

  /**
   * Mounting of a sensor during one drive, and its lens.
   *
   * @param sensorToEgo where the sensor sits on the vehicle
   * @param intrinsics present for cameras
   */
  record CalibratedSensor(
      String token, String sensorToken, Pose sensorToEgo, Optional<CameraIntrinsics> intrinsics)
      implements TableRecord {}

  /**
   * Where the vehicle was at one time.
   *
   * @param timestamp microseconds
   */
  record EgoPose(String token, long timestamp, Pose egoToGlobal) implements TableRecord {}

  /** One drive. */
  record Log(String token, String logfile, String vehicle, String dateCaptured, String location)
      implements TableRecord {}

  /** About 20 seconds of a drive. */
  record Scene(
      String token,
      String name,
      String description,
      String logToken,
      int sampleCount,
      String firstSampleToken,
      String lastSampleToken)
      implements TableRecord {}

  /**
   * A key frame, annotated, at 2 Hz.
   *
   * @param timestamp microseconds, that of the LIDAR_TOP sweep
   * @param prev token of the key frame before, {@code ""} at the start of a scene
   * @param next token of the key frame after, {@code ""} at the end of a scene
   */
  record Sample(String token, long timestamp, String sceneToken, String prev, String next)
      implements TableRecord {}

  /**
   * One file of one sensor.
   *
   * @param filename relative to the data root, {@code /} as separator
   * @param width pixels, 0 if no image
   * @param height pixels, 0 if no image
   * @param timestamp microseconds
   */
  record SampleData(
      String token,
      String sampleToken,
      String egoPoseToken,
      String calibratedSensorToken,
      String filename,
      String fileFormat,
      int width,
      int height,
      long timestamp,
      boolean isKeyFrame,
      String prev,
      String next)
      implements TableRecord {}

  /**
   * One object in one key frame.
   *
   * @param visibilityToken {@code ""} where it is not known
   * @param box in the global frame; velocities NaN (see {@link NuScenes#velocity})
   */
  record SampleAnnotation(
      String token,
      String sampleToken,
      String instanceToken,
      List<String> attributeTokens,
      String visibilityToken,
      Box3d box,
      int lidarPoints,
      int radarPoints,
      String prev,
      String next)
      implements TableRecord {}

  /**
   * A raster map; detection does not use it, and {@code logTokens} may name logs of a larger set
   * than the one loaded.
   */
  record MapMask(String token, String category, String filename, List<String> logTokens)
      implements TableRecord {}
}
