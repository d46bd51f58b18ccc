package dev.bevel.bench;

import dev.bevel.nuscenes.CameraIntrinsics;
import dev.bevel.nuscenes.CameraSample;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Pose;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Calibrated cameras around a vehicle, all with images of 1600 × 900 pixels.
 *
 * @param cameras each camera
 * @param lidarToEgo frame of the LiDAR (x right, y forward, z up) → ego frame, metres
 */
public record CameraRig(List<Camera> cameras, Pose lidarToEgo) {
  /** Width of a raw image in pixels. */
  public static final int RAW_WIDTH = 1600;

  /** Height of a raw image in pixels. */
  public static final int RAW_HEIGHT = 900;

  /** Takes the camera's axes (x right, y down, z forward) to x forward, y left, z up. */
  private static final Pose CAMERA_AXES = new Pose(0.5, -0.5, 0.5, -0.5, 0, 0, 0);

  /**
   * One camera.
   *
   * @param intrinsics pixels of the raw image
   * @param cameraToEgo camera frame → ego frame, metres
   */
  public record Camera(CameraIntrinsics intrinsics, Pose cameraToEgo) {}

  public CameraRig {
    cameras = List.copyOf(cameras);
  }

  /**
   * Six cameras like those of a nuScenes vehicle: yaws 0, ±55, ±110 and 180 degrees, focal lengths
   * of about 1266 pixels (rear 809), small pitch and roll.
   */
  public static CameraRig sixCameras() {
    return new CameraRig(
        List.of(
            camera(0, 0.3, 0.3, 1266.4, 816.3, 491.5, 1.70, 0.016, 1.51),
            camera(-55.5, 0.4, -0.4, 1260.8, 807.9, 495.3, 1.55, -0.49, 1.496),
            camera(-110.8, 0.5, 0.5, 1259.5, 807.2, 501.2, 1.0149, -0.4806, 1.5624),
            camera(180, -0.5, 0.2, 809.2, 829.2, 481.8, 0.0283, 0.0035, 1.5791),
            camera(108.5, 0.6, -0.6, 1256.7, 792.1, 492.8, 1.0357, 0.4848, 1.591),
            camera(55, 0.4, 0.4, 1272.6, 826.6, 479.8, 1.5239, 0.4946, 1.5093)),
        Pose.ofYaw(0.94, 0, 1.84, Math.toRadians(-90)));
  }

  /**
   * The six cameras of a data set's first sample, in the ego frame of its LiDAR sweep.
   *
   * @param data folder of a nuScenes data set; its images are not read
   * @throws NuScenesException naming the file, record or image size at fault
   */
  public static CameraRig ofFirstSample(Path data) {
    NuScenes set = NuScenes.load(data);
    DetectionSample sample =
        DetectionSample.of(
            set,
            set.samples().stream()
                .findFirst()
                .orElseThrow(() -> new NuScenesException(data + " has no sample")));
    return new CameraRig(
        sample.cameras().stream().map(CameraRig::camera).toList(), sample.lidarToEgo());
  }

  /** Row-major [N, 3, 3]. */
  public double[] intrinsics() {
    return concatenate(9, n -> cameras.get(n).intrinsics.matrix());
  }

  /** Row-major [N, 4, 4], camera frames → ego frame. */
  public double[] cameraToEgo() {
    return concatenate(16, n -> cameras.get(n).cameraToEgo.matrix());
  }

  /**
   * Row-major [N, 4, 4]: from homogeneous metres in the LiDAR's frame to pixels times depth, of
   * images scaled by a factor.
   *
   * @param scale size of the image, as a share of the raw one
   */
  public double[] lidarToImage(double scale) {
    return concatenate(
        16,
        n -> {
          Camera camera = cameras.get(n);
          double[] k = camera.intrinsics.matrix4();
          double[] p = camera.cameraToEgo.inverse().compose(lidarToEgo).matrix();
          double[] product = new double[16];
          for (int i = 0; i < 16; i++) {
            double sum = 0;
            for (int j = 0; j < 4; j++) {
              sum += k[i / 4 * 4 + j] * p[4 * j + i % 4];
            }
            product[i] = i < 8 ? scale * sum : sum;
          }
          return product;
        });
  }

  /** The same row-major 4 × 4 matrix for all cameras. */
  public double[] forAll(double[] matrix) {
    return concatenate(16, n -> matrix);
  }

  private double[] concatenate(int size, java.util.function.IntFunction<double[]> matrix) {
    double[] all = new double[size * cameras.size()];
    for (int n = 0; n < cameras.size(); n++) {
      System.arraycopy(matrix.apply(n), 0, all, size * n, size);
    }
    return all;
  }

  private static Camera camera(CameraSample sample) {
    if (sample.width() != RAW_WIDTH || sample.height() != RAW_HEIGHT) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "camera %s: images must have %d x %d pixels, got %d x %d",
              sample.channel(),
              RAW_WIDTH,
              RAW_HEIGHT,
              sample.width(),
              sample.height()));
    }
    return new Camera(sample.intrinsics(), sample.sensorToKeyEgo());
  }

  /** Angles in degrees, focal length and principal point in pixels, position in metres. */
  private static Camera camera(
      double yaw,
      double pitch,
      double roll,
      double focal,
      double cx,
      double cy,
      double x,
      double y,
      double z) {
    double halfPitch = Math.toRadians(pitch) / 2;
    double halfRoll = Math.toRadians(roll) / 2;
    Pose cameraToEgo =
        Pose.ofYaw(x, y, z, Math.toRadians(yaw))
            .compose(new Pose(Math.cos(halfPitch), 0, Math.sin(halfPitch), 0, 0, 0, 0))
            .compose(new Pose(Math.cos(halfRoll), Math.sin(halfRoll), 0, 0, 0, 0, 0))
            .compose(CAMERA_AXES);
    return new Camera(new CameraIntrinsics(focal, 0, focal, cx, cy), cameraToEgo);
  }
}
