package dev.bevel.nuscenes.validation;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Counts the points of a key frame's LiDAR file inside each of its boxes, in double precision and
 * in the global frame, and compares them with {@code num_lidar_pts}. Points on a face are inside.
 * Safe for many threads.
 */
final class PointCounts {
  /** Metres from a face within which rounding decides. */
  private static final double BORDER = 1e-5;

  private final DataSet set;
  private final Findings findings;
  private final TableData annotations;
  private final Members objects;

  PointCounts(DataSet set, Findings findings) {
    this.set = set;
    this.findings = findings;
    this.annotations = set.table("sample_annotation");
    this.objects = new Members(set.annotationSample, set.table("sample").rows());
  }

  /**
   * Counts the points of one file.
   *
   * @param data the record of the key-frame LIDAR_TOP file
   * @param points {@code [n, 5]} in the sensor's frame
   * @return boxes compared; 0 if the file cannot be placed
   */
  int compare(int data, float[] points) {
    int sample = set.dataSample[data];
    double[] global = global(set, data, points);
    if (sample == TableData.NONE || global == null) {
      return 0;
    }
    int compared = 0;
    for (int i = 0; i < objects.count(sample); i++) {
      int row = objects.row(sample, i);
      if (View.hasBox(annotations, row)
          && annotations.ints("num_lidar_pts").get(row) != Column.Ints.MISSING) {
        object(row, data, global);
        compared++;
      }
    }
    return compared;
  }

  /**
   * Points of a file in the global frame, {@code [n, 3]}.
   *
   * @param points {@code [n, 5]} in the sensor's frame
   * @return null if the file cannot be placed
   */
  static double @Nullable [] global(DataSet set, int data, float[] points) {
    TableData poses = set.table("ego_pose");
    TableData calibrations = set.table("calibrated_sensor");
    if (!RigidTransform.isKnown(poses, set.dataPose[data])
        || !RigidTransform.isKnown(calibrations, set.dataCalibration[data])) {
      return null;
    }
    RigidTransform transform =
        RigidTransform.of(poses, set.dataPose[data])
            .after(RigidTransform.of(calibrations, set.dataCalibration[data]));
    double[] result = new double[points.length / 5 * 3];
    for (int i = 0, j = 0; j < result.length; i += 5, j += 3) {
      result[j] = transform.x(points[i], points[i + 1], points[i + 2]);
      result[j + 1] = transform.y(points[i], points[i + 1], points[i + 2]);
      result[j + 2] = transform.z(points[i], points[i + 1], points[i + 2]);
    }
    return result;
  }

  private void object(int row, int data, double[] points) {
    Column.Doubles size = annotations.doubles("size");
    double halfLength = size.get(row, 1) / 2;
    double halfWidth = size.get(row, 0) / 2;
    double halfHeight = size.get(row, 2) / 2;
    double radius = Math.hypot(halfLength, halfWidth) + BORDER;
    RigidTransform box = RigidTransform.of(annotations, row);
    RigidTransform inverse = box.inverse();
    double reach = radius * radius + halfHeight * halfHeight;
    int certain = 0;
    int possible = 0;
    for (int i = 0; i < points.length; i += 3) {
      double dx = points[i] - box.translation(0);
      double dy = points[i + 1] - box.translation(1);
      double dz = points[i + 2] - box.translation(2);
      if (dx * dx + dy * dy + dz * dz > reach + 2 * BORDER) {
        continue;
      }
      double x = Math.abs(inverse.x(points[i], points[i + 1], points[i + 2])) - halfLength;
      double y = Math.abs(inverse.y(points[i], points[i + 1], points[i + 2])) - halfWidth;
      double z = Math.abs(inverse.z(points[i], points[i + 1], points[i + 2])) - halfHeight;
      double outside = Math.max(x, Math.max(y, z));
      if (outside <= BORDER) {
        possible++;
        if (outside <= -BORDER) {
          certain++;
        }
      }
    }
    int stated = annotations.ints("num_lidar_pts").get(row);
    if (stated < certain || stated > possible) {
      findings.add(
          new Finding(
              Rule.POINT_COUNT,
              "sample_annotation",
              annotations.label(row),
              "num_lidar_pts",
              String.format(
                  Locale.ROOT,
                  "%s points of %s in the box",
                  certain == possible ? "the " + certain : certain + " to " + possible,
                  set.table("sample_data").text("filename", data)),
              String.valueOf(stated)));
    }
  }
}
