package dev.bevel.nuscenes;

import java.util.Locale;
import org.joml.Vector3d;

/**
 * An oriented box with a velocity, in any frame. Immutable.
 *
 * @param pose box frame → the frame the box is expressed in: the translation is the gravity centre
 *     (middle of the volume), and the box frame has x along the length (heading), y along the width
 *     (left), z along the height
 * @param width metres, along the box's y
 * @param length metres, along the box's x
 * @param height metres, along the box's z
 * @param vx velocity in m/s along the frame's axes; NaN where it is not known
 * @param vy as {@code vx}
 * @param vz as {@code vx}
 */
public record Box3d(
    Pose pose, double width, double length, double height, double vx, double vy, double vz) {
  /**
   * @throws NuScenesException if a size is not finite and positive, or a velocity infinite
   */
  public Box3d {
    if (!(width > 0 && length > 0 && height > 0) || !Double.isFinite(width + length + height)) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "box size (width, length, height) must be finite and positive, got (%s, %s, %s)",
              width,
              length,
              height));
    }
    if (Double.isInfinite(vx) || Double.isInfinite(vy) || Double.isInfinite(vz)) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "box velocity must be finite, or NaN where it is not known, got (%s, %s, %s)",
              vx,
              vy,
              vz));
    }
  }

  /** An upright box: gravity centre, size, heading about z, velocity in the ground plane. */
  public static Box3d upright(
      double x,
      double y,
      double z,
      double width,
      double length,
      double height,
      double yaw,
      double vx,
      double vy) {
    return new Box3d(Pose.ofYaw(x, y, z, yaw), width, length, height, vx, vy, 0);
  }

  public double x() {
    return pose.tx();
  }

  public double y() {
    return pose.ty();
  }

  public double z() {
    return pose.tz();
  }

  /** Heading about z in radians, counter-clockwise from +x, in (−π, π]. */
  public double yaw() {
    return pose.yaw();
  }

  /** ‖(vx, vy)‖ in m/s, NaN where the velocity is not known. */
  public double speed() {
    return Math.sqrt(vx * vx + vy * vy);
  }

  /** Distance of the centre from the frame's origin in the ground plane, metres. */
  public double groundDistance() {
    return Math.hypot(x(), y());
  }

  /**
   * The same box seen from another frame: centre and rotation moved, velocity rotated. NaN
   * velocities stay NaN.
   */
  public Box3d transformed(Pose frameToOther) {
    Vector3d v = frameToOther.rotate(vx, vy, vz);
    boolean known = Double.isFinite(vx + vy + vz);
    return new Box3d(
        frameToOther.compose(pose),
        width,
        length,
        height,
        known ? v.x : Double.NaN,
        known ? v.y : Double.NaN,
        known ? v.z : Double.NaN);
  }

  /** The same box with another velocity. */
  public Box3d withVelocity(double newVx, double newVy, double newVz) {
    return new Box3d(pose, width, length, height, newVx, newVy, newVz);
  }

  /**
   * The eight corners. Corners 0..3 are the front face (+x of the box) and 4..7 the rear face, each
   * in the order top left, top right, bottom right, bottom left as seen by someone who looks along
   * the heading.
   */
  public Vector3d[] corners() {
    Vector3d[] corners = new Vector3d[8];
    for (int i = 0; i < 8; i++) {
      double sx = i < 4 ? 0.5 : -0.5;
      double sy = i % 4 == 0 || i % 4 == 3 ? 0.5 : -0.5;
      double sz = i % 4 < 2 ? 0.5 : -0.5;
      corners[i] = pose.transform(sx * length, sy * width, sz * height);
    }
    return corners;
  }

  /** Whether a point of the same frame lies in the box, faces included. */
  public boolean contains(double px, double py, double pz) {
    Vector3d p = pose.inverse().transform(px, py, pz);
    return Math.abs(p.x) <= length / 2 && Math.abs(p.y) <= width / 2 && Math.abs(p.z) <= height / 2;
  }

  /**
   * How many LiDAR points lie in the box (faces included).
   *
   * @param points in any frame
   * @param pointsToBoxFrame takes those points to the frame of this box
   */
  public int countPoints(LidarPoints points, Pose pointsToBoxFrame) {
    double[] m = pose.inverse().compose(pointsToBoxFrame).matrix();
    int inside = 0;
    for (int i = 0; i < points.count(); i++) {
      double px = points.x(i);
      double py = points.y(i);
      double pz = points.z(i);
      if (Math.abs(m[0] * px + m[1] * py + m[2] * pz + m[3]) <= length / 2
          && Math.abs(m[4] * px + m[5] * py + m[6] * pz + m[7]) <= width / 2
          && Math.abs(m[8] * px + m[9] * py + m[10] * pz + m[11]) <= height / 2) {
        inside++;
      }
    }
    return inside;
  }
}
