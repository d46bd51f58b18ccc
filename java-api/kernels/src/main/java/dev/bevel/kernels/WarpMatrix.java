package dev.bevel.kernels;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * An affine warp in {@link WarpCoordinates#PIXELS}: output pixel (column, row) reads the input at x
 * = a · column + b · row + c, y = d · column + e · row + f. Worked out in double.
 *
 * @param a x by column
 * @param b x by row
 * @param c x of the first pixel
 * @param d y by column
 * @param e y by row
 * @param f y of the first pixel
 */
public record WarpMatrix(double a, double b, double c, double d, double e, double f) {
  /** Reads each pixel where it stands. */
  public static final WarpMatrix IDENTITY = new WarpMatrix(1, 0, 0, 0, 1, 0);

  private static final int POSE = 16;

  /**
   * The map of an adjacent frame as the current one sees it: BEVDet4D's {@code shift_feature}. With
   * M = current · adjacent⁻¹ without its z row and column, and F from a cell's indices to metres, T
   * = F⁻¹ M F; the output's cell q reads the input's cell T q.
   *
   * <p>F takes index 0 to the lower bound of the grid, not to the first cell's centre, as upstream
   * has it. Upstream inverts in float32; here all is double, and only the result is rounded.
   *
   * @param current 4×4 row-major, from camera 0 of the current frame to the BEV frame; with BEV
   *     augmentation multiplied on its left where upstream does so
   * @param adjacent 4×4 row-major, from camera 0 of the adjacent frame to the current BEV frame,
   *     likewise
   * @param grid of the maps
   */
  public static WarpMatrix betweenFrames(double[] current, double[] adjacent, BevGrid grid) {
    Given.argument(current, WarpMatrix.class, "current");
    Given.argument(adjacent, WarpMatrix.class, "adjacent");
    Given.argument(grid, WarpMatrix.class, "grid");
    requireLength("current", current, POSE);
    requireLength("adjacent", adjacent, POSE);
    double[] motion = multiply(current, inverse(adjacent));
    BevGrid.Axis x = grid.x();
    BevGrid.Axis y = grid.y();
    double ratio = y.cellSize() / x.cellSize();
    double a = motion[0];
    double b = motion[1] * ratio;
    double d = motion[4] / ratio;
    double e = motion[5];
    double c =
        (motion[0] * x.lower() + motion[1] * y.lower() + motion[3] - x.lower()) / x.cellSize();
    double f =
        (motion[4] * x.lower() + motion[5] * y.lower() + motion[7] - y.lower()) / y.cellSize();
    WarpMatrix byRowY = new WarpMatrix(a, b, c, d, e, f);
    return grid.rowAxis() == RowAxis.Y ? byRowY : byRowY.transposed();
  }

  /**
   * A camera's pose as 4×4.
   *
   * @param rotation 3×3 row-major
   * @param translation 3
   */
  public static double[] pose(double[] rotation, double[] translation) {
    Given.argument(rotation, WarpMatrix.class, "rotation");
    Given.argument(translation, WarpMatrix.class, "translation");
    requireLength("rotation", rotation, 9);
    requireLength("translation", translation, 3);
    double[] pose = new double[POSE];
    for (int row = 0; row < 3; row++) {
      System.arraycopy(rotation, 3 * row, pose, 4 * row, 3);
      pose[4 * row + 3] = translation[row];
    }
    pose[15] = 1;
    return pose;
  }

  /**
   * The rotation of BEVFormer's history, which is torchvision's {@code rotate}: the picture turns
   * counter-clockwise as one sees it with row 0 on top. To be used with {@link
   * Interpolation#NEAREST}.
   *
   * <p>The centre is in torchvision's coordinates, in which the first pixel spans 0 to 1. BEVFormer
   * gives (100, 100) whatever the size of its map: on one of 200 × 200 that is the middle, on
   * smaller ones it is not, and checkpoints were trained so.
   *
   * @param degrees the angle; BEVFormer's is the change of yaw
   * @param centreX of the rotation
   * @param centreY of the rotation
   */
  public static WarpMatrix rotation(double degrees, double centreX, double centreY) {
    double angle = Math.toRadians(degrees);
    double cosine = StrictMath.cos(angle);
    double sine = StrictMath.sin(angle);
    double x = centreX - 0.5;
    double y = centreY - 0.5;
    return new WarpMatrix(
        cosine, -sine, x - cosine * x + sine * y, sine, cosine, y - sine * x - cosine * y);
  }

  /**
   * A shift: output pixel (column, row) reads the input at (column + x, row + y).
   *
   * @param x in pixels
   * @param y in pixels
   */
  public static WarpMatrix shift(double x, double y) {
    return new WarpMatrix(1, 0, x, 0, 1, y);
  }

  /**
   * The warp that undoes this one.
   *
   * @throws BevelException if this one is singular
   */
  public WarpMatrix inverse() {
    double determinant = a * e - b * d;
    if (determinant == 0 || !Double.isFinite(determinant)) {
      throw invalid(this + " has no inverse");
    }
    double p = e / determinant;
    double q = -b / determinant;
    double r = -d / determinant;
    double s = a / determinant;
    return new WarpMatrix(p, q, -(p * c + q * f), r, s, -(r * c + s * f));
  }

  /** The same warp of maps whose rows and columns are exchanged. */
  public WarpMatrix transposed() {
    return new WarpMatrix(e, d, f, b, a, c);
  }

  /**
   * Matrices as the kernels take them: [matrices, 2, 3], row-major.
   *
   * @param matrices in order
   */
  public static float[] floats(List<WarpMatrix> matrices) {
    float[] values = new float[6 * Given.argument(matrices, WarpMatrix.class, "matrices").size()];
    for (int i = 0; i < matrices.size(); i++) {
      WarpMatrix m = matrices.get(i);
      double[] row = {m.a, m.b, m.c, m.d, m.e, m.f};
      for (int k = 0; k < row.length; k++) {
        values[6 * i + k] = (float) row[k];
      }
    }
    return values;
  }

  private static void requireLength(String argument, double[] numbers, int length) {
    if (numbers.length != length) {
      throw invalid(
          String.format(
              Locale.ROOT, "%s must have %d numbers, got %d", argument, length, numbers.length));
    }
  }

  private static BevelException invalid(String message) {
    return new BevelException(Status.INVALID_ARGUMENT, "WarpMatrix: " + message);
  }

  private static double[] multiply(double[] left, double[] right) {
    double[] product = new double[POSE];
    for (int row = 0; row < 4; row++) {
      for (int column = 0; column < 4; column++) {
        for (int k = 0; k < 4; k++) {
          product[4 * row + column] += left[4 * row + k] * right[4 * k + column];
        }
      }
    }
    return product;
  }

  /** Gauss-Jordan elimination with pivoting: an augmented pose need not be a rigid one. */
  private static double[] inverse(double[] matrix) {
    double[][] rows = new double[4][];
    for (int row = 0; row < 4; row++) {
      rows[row] = Arrays.copyOf(Arrays.copyOfRange(matrix, 4 * row, 4 * row + 4), 8);
      rows[row][4 + row] = 1;
    }
    for (int column = 0; column < 4; column++) {
      int pivot = column;
      for (int row = column + 1; row < 4; row++) {
        if (Math.abs(rows[row][column]) > Math.abs(rows[pivot][column])) {
          pivot = row;
        }
      }
      double[] chosen = rows[pivot];
      rows[pivot] = rows[column];
      rows[column] = chosen;
      double scale = chosen[column];
      if (scale == 0 || !Double.isFinite(scale)) {
        throw invalid("adjacent must be a pose that can be inverted, got a singular matrix");
      }
      for (int k = 0; k < 8; k++) {
        chosen[k] /= scale;
      }
      for (int row = 0; row < 4; row++) {
        double factor = rows[row][column];
        for (int k = 0; row != column && k < 8; k++) {
          rows[row][k] -= factor * chosen[k];
        }
      }
    }
    double[] inverse = new double[POSE];
    for (int row = 0; row < 4; row++) {
      System.arraycopy(rows[row], 4, inverse, 4 * row, 4);
    }
    return inverse;
  }
}
