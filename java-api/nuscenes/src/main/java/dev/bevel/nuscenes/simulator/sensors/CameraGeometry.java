package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.CameraIntrinsics;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.scene.CameraView;

/**
 * Where a camera stands and how it projects, with numbers at hand for inner loops. Image
 * coordinates are in samples: {@code scale} samples a pixel along each axis.
 */
final class CameraGeometry {
  final int columns;
  final int rows;
  final double fx;
  final double skew;
  final double fy;
  final double cx;
  final double cy;

  /** Camera → global rotation, row-major. */
  final double[] rotation;

  /** The camera's place in the global frame. */
  final double x;

  final double y;
  final double z;

  CameraGeometry(CameraView view, int scale) {
    this(
        view.intrinsics(),
        scale,
        Math.multiplyExact(view.width(), scale),
        Math.multiplyExact(view.height(), scale),
        view.cameraToGlobal().rotationMatrix(),
        new double[] {
          view.cameraToGlobal().tx(), view.cameraToGlobal().ty(), view.cameraToGlobal().tz()
        });
  }

  private CameraGeometry(
      CameraIntrinsics k, int scale, int columns, int rows, double[] rotation, double[] place) {
    this.columns = columns;
    this.rows = rows;
    this.rotation = rotation;
    fx = k.fx() * scale;
    skew = k.skew() * scale;
    fy = k.fy() * scale;
    cx = k.cx() * scale;
    cy = k.cy() * scale;
    x = place[0];
    y = place[1];
    z = place[2];
  }

  /** A square camera of {@code size} samples at the same place that looks along a unit vector. */
  CameraGeometry lookingAlong(double[] forward, int size, double focalLength) {
    double flat = Math.sqrt(forward[0] * forward[0] + forward[1] * forward[1]);
    boolean steep = flat < 1e-6;
    double rightX = steep ? 1 : forward[1] / flat;
    double rightY = steep ? 0 : -forward[0] / flat;
    double[] turned = {
      rightX,
      -forward[2] * rightY,
      forward[0],
      rightY,
      forward[2] * rightX,
      forward[1],
      0,
      forward[0] * rightY - forward[1] * rightX,
      forward[2]
    };
    CameraIntrinsics k = new CameraIntrinsics(focalLength, 0, focalLength, size / 2.0, size / 2.0);
    return new CameraGeometry(k, 1, size, size, turned, new double[] {x, y, z});
  }

  /**
   * The unit vector from here to a body's origin.
   *
   * @param out 3 numbers, global frame
   * @return the distance, metres
   */
  double directionTo(Pose bodyToGlobal, double[] out) {
    double dx = bodyToGlobal.tx() - x;
    double dy = bodyToGlobal.ty() - y;
    double dz = bodyToGlobal.tz() - z;
    double distance = Math.max(1e-9, Math.sqrt(dx * dx + dy * dy + dz * dz));
    out[0] = dx / distance;
    out[1] = dy / distance;
    out[2] = dz / distance;
    return distance;
  }

  /**
   * The place of the global frame that is seen at image point (u, v).
   *
   * @param depth along the optical axis
   * @param out 3 numbers
   */
  void place(double u, double v, double depth, double[] out) {
    double rx = rayX(u, v);
    double ry = rayY(v);
    double[] r = rotation;
    out[0] = x + depth * (r[0] * rx + r[1] * ry + r[2]);
    out[1] = y + depth * (r[3] * rx + r[4] * ry + r[5]);
    out[2] = z + depth * (r[6] * rx + r[7] * ry + r[8]);
  }

  /**
   * Projects a place of the global frame.
   *
   * @param out image coordinates
   * @return false if it is behind the camera
   */
  boolean project(double[] point, double[] out) {
    double dx = point[0] - x;
    double dy = point[1] - y;
    double dz = point[2] - z;
    double[] r = rotation;
    double depth = r[2] * dx + r[5] * dy + r[8] * dz;
    if (!(depth > 0)) {
      return false;
    }
    double py = (r[1] * dx + r[4] * dy + r[7] * dz) / depth;
    out[0] = (fx * (r[0] * dx + r[3] * dy + r[6] * dz)) / depth + skew * py + cx;
    out[1] = fy * py + cy;
    return true;
  }

  /** x of the ray (x, y, 1) through image point (u, v). */
  double rayX(double u, double v) {
    return (u - cx - skew * rayY(v)) / fx;
  }

  double rayY(double v) {
    return (v - cy) / fy;
  }

  /**
   * The 3×4 matrix from a body's frame to the camera's, row-major.
   *
   * @param out 12 numbers
   */
  void bodyToCamera(Pose bodyToGlobal, double[] out) {
    double[] b = bodyToGlobal.rotationMatrix();
    double tx = bodyToGlobal.tx() - x;
    double ty = bodyToGlobal.ty() - y;
    double tz = bodyToGlobal.tz() - z;
    for (int row = 0; row < 3; row++) {
      double r0 = rotation[row];
      double r1 = rotation[3 + row];
      double r2 = rotation[6 + row];
      for (int column = 0; column < 3; column++) {
        out[4 * row + column] = r0 * b[column] + r1 * b[3 + column] + r2 * b[6 + column];
      }
      out[4 * row + 3] = r0 * tx + r1 * ty + r2 * tz;
    }
  }

  /** Whether a sphere of the camera frame may be seen between {@code near} and {@code far}. */
  boolean maySee(double px, double py, double pz, double radius, double near, double far) {
    if (pz + radius < near || pz - radius > far) {
      return false;
    }
    return beforeEdge(px, pz, radius, rayX(0, cy), -1)
        && beforeEdge(px, pz, radius, rayX(columns, cy), 1)
        && beforeEdge(py, pz, radius, rayY(0), -1)
        && beforeEdge(py, pz, radius, rayY(rows), 1);
  }

  /** Whether a circle reaches inside the line {@code p = slope z}; {@code side} is the outside. */
  private static boolean beforeEdge(double p, double z, double radius, double slope, int side) {
    return side * (p - slope * z) <= radius * Math.sqrt(1 + slope * slope);
  }
}
