package dev.bevel.kernels.checks;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Matrices of calibrations: one that is not finite or cannot be inverted belongs to no camera. */
public final class CameraMatrices {
  /** Of a determinant to the product of its rows' lengths, below which it is one of rounding. */
  private static final double SINGULAR = 1e-12;

  /** By which rounding may have moved the last row of a 4×4 transform. */
  private static final double LAST_ROW = 1e-4;

  private CameraMatrices() {}

  /**
   * What is wrong with the first matrix of a row of them that is no camera's: it is not finite or
   * singular, or, of 4×4, does not end with the row 0 0 0 1.
   *
   * @param values of square matrices, row-major, one after the other
   * @param size of each matrix
   * @param inverted how many of its first rows and columns must be invertible: 3 of a 3×3 K or of
   *     the rotation and scale in a 4×4 transform, 2 of a transform of pixels
   * @return for example {@code [2] holds NaN in row 0, column 1}, to follow the matrices' name, or
   *     null
   */
  public static @Nullable String fault(double[] values, int size, int inverted) {
    int each = size * size;
    for (int matrix = 0; matrix < values.length / each; matrix++) {
      for (int i = 0; i < each; i++) {
        double value = values[matrix * each + i];
        if (!Double.isFinite(value)) {
          return String.format(
              Locale.ROOT, "[%d] holds %s in row %d, column %d", matrix, value, i / size, i % size);
        }
      }
      if (isSingular(values, matrix * each, size, inverted)) {
        return String.format(
            Locale.ROOT,
            "[%d] is singular: its first %d rows and columns cannot be inverted",
            matrix,
            inverted);
      }
      if (size == 4 && !hasLastRow(values, matrix * each + 12)) {
        return String.format(
            Locale.ROOT,
            "[%d]: its last row must be 0 0 0 1, got %s %s %s %s (is it transposed? row-major it must be)",
            matrix,
            values[matrix * each + 12],
            values[matrix * each + 13],
            values[matrix * each + 14],
            values[matrix * each + 15]);
      }
    }
    return null;
  }

  private static boolean hasLastRow(double[] m, int at) {
    return Math.abs(m[at]) <= LAST_ROW
        && Math.abs(m[at + 1]) <= LAST_ROW
        && Math.abs(m[at + 2]) <= LAST_ROW
        && Math.abs(m[at + 3] - 1) <= LAST_ROW;
  }

  private static boolean isSingular(double[] m, int at, int size, int inverted) {
    double lengths = 1;
    for (int row = 0; row < inverted; row++) {
      double square = 0;
      for (int column = 0; column < inverted; column++) {
        square += m[at + row * size + column] * m[at + row * size + column];
      }
      lengths *= Math.sqrt(square);
    }
    double determinant =
        inverted == 2
            ? minor(m, at, size, 0, 1, 0, 1)
            : m[at] * minor(m, at, size, 1, 2, 1, 2)
                - m[at + 1] * minor(m, at, size, 1, 2, 0, 2)
                + m[at + 2] * minor(m, at, size, 1, 2, 0, 1);
    return !(Math.abs(determinant) > SINGULAR * lengths);
  }

  private static double minor(double[] m, int at, int size, int r0, int r1, int c0, int c1) {
    return m[at + r0 * size + c0] * m[at + r1 * size + c1]
        - m[at + r0 * size + c1] * m[at + r1 * size + c0];
  }
}
