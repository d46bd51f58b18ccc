package dev.bevel.nuscenes.validation;

/**
 * A rotation and a translation, {@code p ↦ R p + t}, as twelve plain numbers.
 *
 * @param m {@code [3, 4]} row-major: (R | t)
 */
@SuppressWarnings("ArrayRecordComponent") // never compared, never handed out
record RigidTransform(double[] m) {
  /**
   * @param t three metres
   * @param q quaternion (w, x, y, z) of about unit norm; normalised here
   */
  static RigidTransform of(double[] t, double[] q) {
    double n = 1 / Math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    double w = q[0] * n;
    double x = q[1] * n;
    double y = q[2] * n;
    double z = q[3] * n;
    return new RigidTransform(
        new double[] {
          w * w + x * x - y * y - z * z,
          2 * (x * y - w * z),
          2 * (x * z + w * y),
          t[0],
          2 * (x * y + w * z),
          w * w - x * x + y * y - z * z,
          2 * (y * z - w * x),
          t[1],
          2 * (x * z - w * y),
          2 * (y * z + w * x),
          w * w - x * x - y * y + z * z,
          t[2]
        });
  }

  /** The row of a table with {@code translation} and {@code rotation}. */
  static RigidTransform of(TableData table, int row) {
    return of(table.doubles("translation").get(row), table.doubles("rotation").get(row));
  }

  /** Whether a row's translation and rotation could be read. */
  static boolean isKnown(TableData table, int row) {
    return row != TableData.NONE
        && !table.doubles("translation").isMissing(row)
        && !table.doubles("rotation").isMissing(row);
  }

  double x(double px, double py, double pz) {
    return m[0] * px + m[1] * py + m[2] * pz + m[3];
  }

  double y(double px, double py, double pz) {
    return m[4] * px + m[5] * py + m[6] * pz + m[7];
  }

  double z(double px, double py, double pz) {
    return m[8] * px + m[9] * py + m[10] * pz + m[11];
  }

  /** First {@code inner}, then this. */
  RigidTransform after(RigidTransform inner) {
    double[] r = new double[12];
    for (int i = 0; i < 3; i++) {
      for (int j = 0; j < 4; j++) {
        double sum = j == 3 ? m[4 * i + 3] : 0;
        for (int k = 0; k < 3; k++) {
          sum += m[4 * i + k] * inner.m[4 * k + j];
        }
        r[4 * i + j] = sum;
      }
    }
    return new RigidTransform(r);
  }

  RigidTransform inverse() {
    double[] r = new double[12];
    for (int i = 0; i < 3; i++) {
      for (int j = 0; j < 3; j++) {
        r[4 * i + j] = m[4 * j + i];
        r[4 * i + 3] -= m[4 * j + i] * m[4 * j + 3];
      }
    }
    return new RigidTransform(r);
  }

  /** Where axis 0 (x), 1 (y) or 2 (z) points: component 0, 1 or 2 of its unit vector. */
  double axis(int axis, int component) {
    return m[4 * component + axis];
  }

  double translation(int component) {
    return m[4 * component + 3];
  }
}
