package dev.bevel.nuscenes;

import java.util.Arrays;

/** The points of a LiDAR sweep that a camera sees, in file order; nothing hides anything. */
public final class ProjectedPoints {
  /** The nuScenes devkit's least depth, metres, which keeps the vehicle's own roof away. */
  public static final double DEVKIT_MIN_DEPTH = 1;

  /** The nuScenes devkit's margin, pixels. */
  public static final double DEVKIT_MARGIN = 1;

  private final int[] indices;
  private final double[] pixels;

  private ProjectedPoints(int[] indices, double[] pixels) {
    this.indices = indices;
    this.pixels = pixels;
  }

  /**
   * Projects a sweep into a camera at the camera's own time.
   *
   * @param lidarToGlobal LIDAR_TOP frame at the sweep's time → global frame
   * @param minDepth metres; a point must lie farther along the camera's axis
   * @param margin pixels; a point must lie strictly inside the image less this
   */
  public static ProjectedPoints of(
      CameraSample camera, LidarPoints points, Pose lidarToGlobal, double minDepth, double margin) {
    CameraProjection projection = new CameraProjection(camera, lidarToGlobal);
    int[] indices = new int[points.count()];
    double[] pixels = new double[3 * points.count()];
    int count = 0;
    for (int i = 0; i < points.count(); i++) {
      if (projection.project(points.x(i), points.y(i), points.z(i))
          && projection.depth() > minDepth
          && projection.isInside(margin)) {
        indices[count] = i;
        pixels[3 * count] = projection.u();
        pixels[3 * count + 1] = projection.v();
        pixels[3 * count + 2] = projection.depth();
        count++;
      }
    }
    return new ProjectedPoints(Arrays.copyOf(indices, count), Arrays.copyOf(pixels, 3 * count));
  }

  /** The same by the nuScenes devkit's rule: deeper than 1 m, 1 pixel from the border. */
  public static ProjectedPoints of(CameraSample camera, LidarPoints points, Pose lidarToGlobal) {
    return of(camera, points, lidarToGlobal, DEVKIT_MIN_DEPTH, DEVKIT_MARGIN);
  }

  /** Number of points seen. */
  public int count() {
    return indices.length;
  }

  /** Which point of the sweep the i-th seen one is. */
  public int index(int i) {
    return indices[i];
  }

  /** Pixel column. */
  public double u(int i) {
    return pixels[3 * i];
  }

  /** Pixel row. */
  public double v(int i) {
    return pixels[3 * i + 1];
  }

  /** Metres along the camera's z axis. */
  public double depth(int i) {
    return pixels[3 * i + 2];
  }
}
