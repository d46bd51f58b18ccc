package dev.bevel.nuscenes;

import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The two ways mmdetection3d writes a box as nine numbers {@code (x, y, z, d0, d1, d2, yaw, vx,
 * vy)}. This is the only place that knows them. In both, (x, y, z) is the gravity centre, as in the
 * training targets (mmdetection3d's box objects store the centre of the bottom face instead). Only
 * the heading about z survives: roll and pitch of the box are dropped, as upstream does. The
 * heading is the direction of the box's x axis in the ground plane, as in the evaluation;
 * upstream's data files hold an Euler angle that differs from it by up to 2e-3 rad in frames that
 * are not level.
 */
public enum BoxConvention {
  /**
   * mmdetection3d before 1.0 and det3d: sizes (width, length, height), {@code yaw = −heading −
   * π/2}. BEVDet v1, BEVFormer, DETR3D, BEVFusion, CenterPoint.
   */
  MMDET3D_0("mmdet3d-0") {
    @Override
    public double[] encode(Box3d b) {
      return new double[] {
        b.x(),
        b.y(),
        b.z(),
        b.width(),
        b.length(),
        b.height(),
        -b.yaw() - Math.PI / 2,
        b.vx(),
        b.vy()
      };
    }

    @Override
    Box3d decodeChecked(double[] v) {
      return Box3d.upright(v[0], v[1], v[2], v[3], v[4], v[5], -v[6] - Math.PI / 2, v[7], v[8]);
    }
  },
  /**
   * mmdetection3d from 1.0: sizes (length, width, height), {@code yaw = heading}. BEVDepth, BEVDet
   * dev2 and dev3.
   */
  MMDET3D_1("mmdet3d-1") {
    @Override
    public double[] encode(Box3d b) {
      return new double[] {
        b.x(), b.y(), b.z(), b.length(), b.width(), b.height(), b.yaw(), b.vx(), b.vy()
      };
    }

    @Override
    Box3d decodeChecked(double[] v) {
      return Box3d.upright(v[0], v[1], v[2], v[4], v[3], v[5], v[6], v[7], v[8]);
    }
  };

  private final String stamp;

  BoxConvention(String stamp) {
    this.stamp = stamp;
  }

  /** The name and version to store beside numbers of this convention, e.g. {@code mmdet3d-1}. */
  public String stamp() {
    return stamp;
  }

  /**
   * The convention of something stored.
   *
   * @param stamp what it says, null if it says nothing
   * @param artefact names it in errors, e.g. {@code checkpoint run/last.safetensors}
   * @throws NuScenesException if the stamp is missing or unknown
   */
  public static BoxConvention ofStamp(@Nullable String stamp, String artefact) {
    for (BoxConvention convention : values()) {
      if (convention.stamp.equals(stamp)) {
        return convention;
      }
    }
    throw new NuScenesException(
        String.format(
            Locale.ROOT,
            "%s %s, expected one of %s",
            artefact,
            stamp == null
                ? "does not say which box convention it is in"
                : "is in an unknown box convention '" + stamp + "'",
            Arrays.stream(values()).map(BoxConvention::stamp).toList()));
  }

  /** Nine numbers of a box, in the frame the box is in. */
  public abstract double[] encode(Box3d box);

  abstract Box3d decodeChecked(double[] values);

  /**
   * The upright box that nine numbers describe.
   *
   * @throws NuScenesException if there are not nine numbers, a size is not positive, or a position
   *     is not finite
   */
  public Box3d decode(double[] values) {
    if (values.length != 9) {
      throw new NuScenesException(
          "a box must be 9 numbers (x, y, z, d0, d1, d2, yaw, vx, vy), got " + values.length);
    }
    return decodeChecked(values);
  }
}
