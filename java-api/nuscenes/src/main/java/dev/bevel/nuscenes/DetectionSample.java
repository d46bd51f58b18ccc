package dev.bevel.nuscenes;

import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleAnnotation;
import dev.bevel.nuscenes.TableRecord.SampleData;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * All that a camera detector needs of one key frame. The <em>key ego frame</em> is the ego frame at
 * the time of the LIDAR_TOP sweep; boxes are in it.
 *
 * @param token of the sample
 * @param timestamp microseconds, of the LIDAR_TOP sweep
 * @param cameras in the order asked for
 * @param lidar the LIDAR_TOP file, which may be absent until it is read
 * @param lidarToEgo LIDAR_TOP frame → key ego frame
 * @param egoToGlobal key ego frame → global frame
 * @param boxes all annotations, also of ignored categories, in table order, in the key ego frame;
 *     velocities are NaN where the tables do not give them
 */
public record DetectionSample(
    String token,
    String sceneName,
    long timestamp,
    List<CameraSample> cameras,
    Path lidar,
    Pose lidarToEgo,
    Pose egoToGlobal,
    List<GroundTruthBox> boxes) {

  /** The six cameras in the order of the BEVDet and BEVDepth code bases. */
  public static final List<String> CAMERA_ORDER =
      List.of(
          "CAM_FRONT_LEFT",
          "CAM_FRONT",
          "CAM_FRONT_RIGHT",
          "CAM_BACK_LEFT",
          "CAM_BACK",
          "CAM_BACK_RIGHT");

  /** The channel whose time and pose a key frame takes. */
  public static final String LIDAR_CHANNEL = "LIDAR_TOP";

  public DetectionSample {
    cameras = List.copyOf(cameras);
    boxes = List.copyOf(boxes);
  }

  /**
   * A key frame with its six cameras in {@link #CAMERA_ORDER}.
   *
   * @throws NuScenesException if a camera or the LiDAR has no key frame in this sample, or a camera
   *     no intrinsics
   */
  public static DetectionSample of(NuScenes set, Sample sample) {
    return of(set, sample, CAMERA_ORDER);
  }

  /** A key frame with the cameras of the given channels, in that order. */
  public static DetectionSample of(NuScenes set, Sample sample, List<String> channels) {
    SampleData lidar = set.keyFrame(sample, LIDAR_CHANNEL);
    Pose egoToGlobal = set.egoPose(lidar).egoToGlobal();
    Pose globalToEgo = egoToGlobal.inverse();
    return new DetectionSample(
        sample.token(),
        set.scene(sample).name(),
        lidar.timestamp(),
        channels.stream()
            .map(channel -> camera(set, set.keyFrame(sample, channel), channel, globalToEgo))
            .toList(),
        set.path(lidar),
        set.calibratedSensor(lidar).sensorToEgo(),
        egoToGlobal,
        set.annotations(sample).stream().map(a -> box(set, a, globalToEgo)).toList());
  }

  private static CameraSample camera(
      NuScenes set, SampleData data, String channel, Pose globalToKeyEgo) {
    var calibrated = set.calibratedSensor(data);
    CameraIntrinsics intrinsics =
        calibrated
            .intrinsics()
            .orElseThrow(
                () ->
                    new NuScenesException(
                        String.format(
                            Locale.ROOT,
                            "table calibrated_sensor, record %s of channel %s: field camera_intrinsic is empty, expected a 3×3 matrix",
                            calibrated.token(),
                            channel)));
    if (data.width() == 0 || data.height() == 0) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "table sample_data, record %s of channel %s: fields width and height must be an image's, got %d×%d",
              data.token(),
              channel,
              data.width(),
              data.height()));
    }
    return new CameraSample(
        channel,
        set.path(data),
        data.width(),
        data.height(),
        data.timestamp(),
        intrinsics,
        calibrated.sensorToEgo(),
        set.egoPose(data).egoToGlobal(),
        globalToKeyEgo.compose(set.sensorToGlobal(data)));
  }

  private static GroundTruthBox box(NuScenes set, SampleAnnotation a, Pose globalToEgo) {
    return new GroundTruthBox(
        set.globalBox(a).transformed(globalToEgo),
        set.categoryName(a),
        set.detectionClass(a),
        set.attributeNames(a),
        a.lidarPoints(),
        a.radarPoints(),
        a.token(),
        a.instanceToken());
  }

  /** LIDAR_TOP frame → global frame. */
  public Pose lidarToGlobal() {
    return egoToGlobal.compose(lidarToEgo);
  }

  /**
   * Reads the key sweep, in the LIDAR_TOP frame.
   *
   * @throws NuScenesException as {@link LidarPoints#read}
   */
  public LidarPoints readLidar() {
    return LidarPoints.read(lidar);
  }

  /** Whether the images of all cameras are there; they are not looked into. */
  public boolean hasImages() {
    return cameras.stream().map(CameraSample::image).allMatch(Files::exists);
  }

  /** Whether the key sweep is there; it is not looked into. */
  public boolean hasLidar() {
    return Files.exists(lidar);
  }

  /**
   * Looks at the size of the key sweep.
   *
   * @throws NuScenesException naming the file if it is missing or does not hold whole points
   */
  public void requireLidar() {
    LidarPoints.requireWhole(lidar);
  }

  /** The boxes to train on: of the ten classes, seen by at least one LiDAR or radar point. */
  public List<GroundTruthBox> trainingBoxes() {
    return boxes.stream().filter(b -> b.detectionClass().isPresent() && b.isObserved()).toList();
  }
}
