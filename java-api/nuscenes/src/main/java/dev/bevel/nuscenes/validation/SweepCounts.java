package dev.bevel.nuscenes.validation;

import java.util.Locale;

/**
 * Points of LiDAR sweeps between key frames lie in the boxes of objects that stand still, about as
 * many as in the key frames before and after. A sweep with the pose, the calibration or the points
 * of another time does not. Safe for many threads.
 */
final class SweepCounts {
  /** Metres that an object may have moved between two key frames and still count as standing. */
  private static final double STANDING = 0.05;

  /** Metres that boxes are made wider and longer by, for noise; below them is the ground. */
  private static final double MARGIN = 0.1;

  /** Key-frame points of all standing objects; fewer may be hidden by others for a moment. */
  private static final double LEAST_POINTS = 1000;

  /** Simulated sets stay above 0.7. */
  private static final double LEAST_SHARE = 0.5;

  private final DataSet set;
  private final Findings findings;
  private final TableData annotations;
  private final Members objects;
  private final int[] prev;
  private final int[] prevSample;

  SweepCounts(DataSet set, Findings findings) {
    this.set = set;
    this.findings = findings;
    this.annotations = set.table("sample_annotation");
    this.objects = new Members(set.annotationSample, set.table("sample").rows());
    this.prev = annotations.resolve("prev", annotations);
    this.prevSample = set.table("sample").resolve("prev", set.table("sample"));
  }

  /**
   * Compares one sweep with the key frames around it.
   *
   * @param data the record of a LIDAR_TOP file that is no key frame
   * @param points {@code [n, 5]} in the sensor's frame
   */
  void compare(int data, float[] points) {
    int sample = set.dataSample[data];
    double[] global = PointCounts.global(set, data, points);
    if (sample == TableData.NONE || prevSample[sample] == TableData.NONE || global == null) {
      return;
    }
    double expected = 0;
    long found = 0;
    for (int i = 0; i < objects.count(sample); i++) {
      int row = objects.row(sample, i);
      if (isStanding(row, prevSample[sample])) {
        Column.Ints stated = annotations.ints("num_lidar_pts");
        expected += 0.5 * (stated.get(row) + (double) stated.get(prev[row]));
        found += inside(row, global);
      }
    }
    if (expected >= LEAST_POINTS && found < LEAST_SHARE * expected) {
      findings.add(
          new Finding(
              Rule.POINT_COUNT,
              "sample_data",
              set.table("sample_data").label(data),
              "ego_pose_token",
              String.format(
                  Locale.ROOT,
                  "about %.0f points in the boxes of standing objects, as in the key frames around it",
                  expected),
              String.valueOf(found)));
    }
  }

  private boolean isStanding(int row, int sampleBefore) {
    int before = prev[row];
    if (before == TableData.NONE
        || set.annotationSample[before] != sampleBefore
        || !View.hasBox(annotations, row)
        || annotations.ints("num_lidar_pts").get(row) < 0
        || annotations.ints("num_lidar_pts").get(before) < 0) {
      return false;
    }
    Column.Doubles at = annotations.doubles("translation");
    return Math.hypot(at.get(row, 0) - at.get(before, 0), at.get(row, 1) - at.get(before, 1))
        < STANDING;
  }

  private long inside(int row, double[] points) {
    Column.Doubles size = annotations.doubles("size");
    double halfLength = size.get(row, 1) / 2 + MARGIN;
    double halfWidth = size.get(row, 0) / 2 + MARGIN;
    double halfHeight = size.get(row, 2) / 2;
    double reach = Math.hypot(halfLength, halfWidth);
    RigidTransform box = RigidTransform.of(annotations, row);
    RigidTransform inverse = box.inverse();
    long count = 0;
    for (int i = 0; i < points.length; i += 3) {
      double x = points[i];
      double y = points[i + 1];
      double z = points[i + 2];
      if (Math.abs(x - box.translation(0)) <= reach
          && Math.abs(y - box.translation(1)) <= reach
          && Math.abs(inverse.x(x, y, z)) <= halfLength
          && Math.abs(inverse.y(x, y, z)) <= halfWidth
          && Math.abs(inverse.z(x, y, z)) <= halfHeight) {
        count++;
      }
    }
    return count;
  }
}
