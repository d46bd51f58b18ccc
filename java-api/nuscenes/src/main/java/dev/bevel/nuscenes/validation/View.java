package dev.bevel.nuscenes.validation;

import org.jspecify.annotations.Nullable;

/**
 * A picture: where its camera stood and what it sees.
 *
 * @param data its record of {@code sample_data}
 * @param globalToCamera x right, y down, z forward
 * @param k camera matrix, {@code [3, 3]} row-major
 * @param width pixels
 * @param height pixels
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record View(int data, RigidTransform globalToCamera, double[] k, int width, int height) {
  /** The picture of a record; null if not all of its calibration could be read. */
  static @Nullable View of(DataSet set, int data) {
    TableData calibrations = set.table("calibrated_sensor");
    TableData poses = set.table("ego_pose");
    TableData files = set.table("sample_data");
    int calibration = set.dataCalibration[data];
    int pose = set.dataPose[data];
    if (!RigidTransform.isKnown(calibrations, calibration)
        || !RigidTransform.isKnown(poses, pose)
        || calibrations.doubles("camera_intrinsic").isMissing(calibration)
        || files.ints("width").get(data) <= 0
        || files.ints("height").get(data) <= 0) {
      return null;
    }
    return new View(
        data,
        RigidTransform.of(poses, pose)
            .after(RigidTransform.of(calibrations, calibration))
            .inverse(),
        calibrations.doubles("camera_intrinsic").get(calibration),
        files.ints("width").get(data),
        files.ints("height").get(data));
  }

  /** Whether an annotation's box could be read. */
  static boolean hasBox(TableData annotations, int row) {
    return RigidTransform.isKnown(annotations, row) && !annotations.doubles("size").isMissing(row);
  }

  /** The corners of an annotation's box in the camera's frame, {@code [8, 3]}. */
  double[] corners(TableData annotations, int row) {
    RigidTransform box = globalToCamera.after(RigidTransform.of(annotations, row));
    Column.Doubles size = annotations.doubles("size");
    double[] corners = new double[24];
    for (int c = 0; c < 8; c++) {
      double x = ((c & 1) == 0 ? -0.5 : 0.5) * size.get(row, 1);
      double y = ((c & 2) == 0 ? -0.5 : 0.5) * size.get(row, 0);
      double z = ((c & 4) == 0 ? -0.5 : 0.5) * size.get(row, 2);
      corners[3 * c] = box.x(x, y, z);
      corners[3 * c + 1] = box.y(x, y, z);
      corners[3 * c + 2] = box.z(x, y, z);
    }
    return corners;
  }
}
