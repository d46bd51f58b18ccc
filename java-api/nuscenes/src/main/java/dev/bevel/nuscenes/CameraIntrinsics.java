package dev.bevel.nuscenes;

import java.util.Locale;

/**
 * A pinhole camera {@code K = [[fx, skew, cx], [0, fy, cy], [0, 0, 1]]} in pixels of the
 * undistorted image. A point (x, y, z) of the camera frame is seen at {@code u = (fx x + skew y) /
 * z + cx}, {@code v = fy y / z + cy}.
 */
public record CameraIntrinsics(double fx, double skew, double fy, double cx, double cy) {
  /**
   * @throws NuScenesException unless the numbers are finite and the focal lengths positive
   */
  public CameraIntrinsics {
    if (!(fx > 0 && fy > 0) || !Double.isFinite(fx + skew + fy + cx + cy)) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "camera intrinsics must be finite with positive focal lengths, got fx %s, skew %s, fy %s, cx %s, cy %s",
              fx,
              skew,
              fy,
              cx,
              cy));
    }
  }

  /** K, row-major, 9 numbers. */
  public double[] matrix() {
    return new double[] {fx, skew, cx, 0, fy, cy, 0, 0, 1};
  }

  /** K in a homogeneous 4×4 matrix, row-major, 16 numbers. */
  public double[] matrix4() {
    return new double[] {fx, skew, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0, 0, 0, 0, 1};
  }

  /** Pixel column of a camera-frame point; {@code z} must not be 0. */
  public double u(double x, double y, double z) {
    return (fx * x + skew * y) / z + cx;
  }

  /** Pixel row of a camera-frame point; {@code z} must not be 0. */
  public double v(double y, double z) {
    return fy * y / z + cy;
  }
}
