package dev.bevel.nuscenes;

/**
 * Projects points of another sensor into a camera, through both ego poses. Holds the last projected
 * point, so an instance serves one thread.
 */
public final class CameraProjection {
  private final CameraSample camera;
  private final double[] pointsToCamera;
  private double u;
  private double v;
  private double depth;

  /**
   * @param pointsToGlobal frame of the points at their own time → global frame, for example {@link
   *     DetectionSample#lidarToGlobal}
   */
  public CameraProjection(CameraSample camera, Pose pointsToGlobal) {
    this.camera = camera;
    this.pointsToCamera = camera.sensorToGlobal().inverse().compose(pointsToGlobal).matrix();
  }

  /**
   * Projects one point. What {@link #u}, {@link #v} and {@link #depth} give is of this point then.
   *
   * @return false if the point is not in front of the camera; it has no pixel then
   */
  public boolean project(double x, double y, double z) {
    double[] m = pointsToCamera;
    depth = m[8] * x + m[9] * y + m[10] * z + m[11];
    if (!(depth > 0)) {
      return false;
    }
    double cameraX = m[0] * x + m[1] * y + m[2] * z + m[3];
    double cameraY = m[4] * x + m[5] * y + m[6] * z + m[7];
    u = camera.intrinsics().u(cameraX, cameraY, depth);
    v = camera.intrinsics().v(cameraY, depth);
    return true;
  }

  /** Pixel column in the image of the file, not rounded; the first column's centre is 0. */
  public double u() {
    return u;
  }

  /** Pixel row. */
  public double v() {
    return v;
  }

  /** Metres along the camera's z axis. */
  public double depth() {
    return depth;
  }

  /** Whether the pixel lies strictly inside the image less a margin of so many pixels. */
  public boolean isInside(double margin) {
    return u > margin && u < camera.width() - margin && v > margin && v < camera.height() - margin;
  }
}
