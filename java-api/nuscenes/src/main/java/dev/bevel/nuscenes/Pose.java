package dev.bevel.nuscenes;

import java.util.Arrays;
import java.util.Locale;
import org.joml.Quaterniond;
import org.joml.Vector3d;

/**
 * A rigid transform {@code p' = R p + t} that takes points of one frame to another, in double.
 * Immutable. By custom a variable is named source-to-target, e.g. {@code sensorToEgo}.
 *
 * <p>The rotation is a unit quaternion (w, x, y, z), as nuScenes stores it; every way of making a
 * pose normalises it.
 */
public record Pose(double qw, double qx, double qy, double qz, double tx, double ty, double tz) {
  /** The transform that changes nothing. */
  public static final Pose IDENTITY = new Pose(1, 0, 0, 0, 0, 0, 0);

  /**
   * @throws NuScenesException if a number is not finite or the quaternion has no direction
   */
  public Pose {
    double norm = Math.sqrt(qw * qw + qx * qx + qy * qy + qz * qz);
    if (!Double.isFinite(norm) || norm < 1e-9 || !Double.isFinite(tx + ty + tz)) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "pose needs a non-zero quaternion and finite numbers, got rotation %s and translation %s",
              Arrays.toString(new double[] {qw, qx, qy, qz}),
              Arrays.toString(new double[] {tx, ty, tz})));
    }
    qw /= norm;
    qx /= norm;
    qy /= norm;
    qz /= norm;
  }

  /**
   * A pose from a table's two arrays.
   *
   * @param translation (x, y, z) in metres
   * @param rotation (w, x, y, z)
   */
  public static Pose of(double[] translation, double[] rotation) {
    if (translation.length != 3 || rotation.length != 4) {
      throw new NuScenesException(
          "pose needs 3 numbers of translation and 4 of rotation, got "
              + translation.length
              + " and "
              + rotation.length);
    }
    return new Pose(
        rotation[0],
        rotation[1],
        rotation[2],
        rotation[3],
        translation[0],
        translation[1],
        translation[2]);
  }

  /**
   * A rotation by {@code yaw} radians about z (counter-clockwise from +x), then a shift by (x, y,
   * z).
   */
  public static Pose ofYaw(double x, double y, double z, double yaw) {
    return new Pose(Math.cos(yaw / 2), 0, 0, Math.sin(yaw / 2), x, y, z);
  }

  /** {@code this ∘ first}: the transform that applies {@code first} and then this one. */
  public Pose compose(Pose first) {
    Quaterniond q = rotation().mul(first.rotation());
    Vector3d t = transform(first.tx, first.ty, first.tz);
    return new Pose(q.w, q.x, q.y, q.z, t.x, t.y, t.z);
  }

  /** The transform back. */
  public Pose inverse() {
    Quaterniond q = rotation().conjugate();
    Vector3d t = q.transform(new Vector3d(-tx, -ty, -tz));
    return new Pose(q.w, q.x, q.y, q.z, t.x, t.y, t.z);
  }

  /** {@code R p + t}. */
  public Vector3d transform(double x, double y, double z) {
    return rotate(x, y, z).add(tx, ty, tz);
  }

  /** {@code R v}: a direction or velocity, which no translation moves. */
  public Vector3d rotate(double x, double y, double z) {
    return rotation().transform(new Vector3d(x, y, z));
  }

  /** The heading in radians, in (−π, π]: atan2 of the image of the x axis in the xy plane. */
  public double yaw() {
    return Math.atan2(2 * (qw * qz + qx * qy), 1 - 2 * (qy * qy + qz * qz));
  }

  /** The rotation as a 3×3 matrix, row-major, 9 numbers. */
  public double[] rotationMatrix() {
    return new double[] {
      1 - 2 * (qy * qy + qz * qz),
      2 * (qx * qy - qw * qz),
      2 * (qx * qz + qw * qy),
      2 * (qx * qy + qw * qz),
      1 - 2 * (qx * qx + qz * qz),
      2 * (qy * qz - qw * qx),
      2 * (qx * qz - qw * qy),
      2 * (qy * qz + qw * qx),
      1 - 2 * (qx * qx + qy * qy)
    };
  }

  /** The transform as a homogeneous 4×4 matrix for column vectors, row-major, 16 numbers. */
  public double[] matrix() {
    double[] r = rotationMatrix();
    return new double[] {
      r[0], r[1], r[2], tx, r[3], r[4], r[5], ty, r[6], r[7], r[8], tz, 0, 0, 0, 1
    };
  }

  private Quaterniond rotation() {
    return new Quaterniond(qx, qy, qz, qw);
  }
}
