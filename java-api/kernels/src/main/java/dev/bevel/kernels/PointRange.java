package dev.bevel.kernels;

import dev.bevel.kernels.internal.CStruct;
import dev.bevel.kernels.internal.Scratch;
import java.util.Locale;

/**
 * The box that normalised points lie in, metres: upstream's {@code pc_range}. A coordinate r in [0,
 * 1] stands for lower + r · (upper − lower).
 *
 * @param lowerX lower bound of x
 * @param lowerY lower bound of y
 * @param lowerZ lower bound of z
 * @param upperX upper bound of x, above the lower one
 * @param upperY upper bound of y, above the lower one
 * @param upperZ upper bound of z, above the lower one
 */
public record PointRange(
    double lowerX, double lowerY, double lowerZ, double upperX, double upperY, double upperZ) {
  /**
   * Checks that the bounds are in order.
   *
   * @throws BevelException if a bound is not finite, or a lower one not below its upper one
   */
  public PointRange {
    if (!(isRange(lowerX, upperX) && isRange(lowerY, upperY) && isRange(lowerZ, upperZ))) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          String.format(
              Locale.ROOT,
              "PointRange: bounds must be finite, lower ones below upper ones, got (%s, %s, %s) to (%s, %s, %s)",
              lowerX,
              lowerY,
              lowerZ,
              upperX,
              upperY,
              upperZ));
    }
  }

  /** Also where the extent of two finite bounds is not finite. */
  private static boolean isRange(double lower, double upper) {
    return lower < upper && Double.isFinite(upper - lower);
  }

  /** x, y, z of the lower corner, then of the upper one. */
  public double[] bounds() {
    return new double[] {lowerX, lowerY, lowerZ, upperX, upperY, upperZ};
  }

  void write(Scratch call, CStruct.Numbers field) {
    field.setDouble(call, 0, lowerX);
    field.setDouble(call, 1, lowerY);
    field.setDouble(call, 2, lowerZ);
    field.setDouble(call, 3, upperX);
    field.setDouble(call, 4, upperY);
    field.setDouble(call, 5, upperZ);
  }
}
