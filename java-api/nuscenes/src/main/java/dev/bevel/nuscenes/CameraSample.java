package dev.bevel.nuscenes;

import java.nio.file.Path;

/**
 * One camera of a key frame.
 *
 * @param channel e.g. {@code CAM_FRONT}
 * @param image the JPEG file, which may be absent until it is read
 * @param width pixels, as the table says
 * @param height pixels, as the table says
 * @param timestamp microseconds, the camera's own
 * @param sensorToEgo camera frame → ego frame at the camera's time
 * @param egoToGlobal ego frame at the camera's time → global frame
 * @param sensorToKeyEgo camera frame → ego frame at the LIDAR_TOP time, through the global frame:
 *     the matrix that ego-frame detectors lift with
 */
public record CameraSample(
    String channel,
    Path image,
    int width,
    int height,
    long timestamp,
    CameraIntrinsics intrinsics,
    Pose sensorToEgo,
    Pose egoToGlobal,
    Pose sensorToKeyEgo) {

  /** Camera frame at the camera's time → global frame. */
  public Pose sensorToGlobal() {
    return egoToGlobal.compose(sensorToEgo);
  }

  /**
   * Reads the image.
   *
   * @throws NuScenesException as {@link RgbImage#readJpeg(Path, int, int)}
   */
  public RgbImage readImage() {
    return RgbImage.readJpeg(image, width, height);
  }
}
