package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformConvParams;
import dev.bevel.kernels.internal.Scratch;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * How the kernel of a {@link DeformConv} moves over the input, and what of it is shared.
 *
 * <p>Immutable; equal where all numbers are.
 */
public final class DeformConvSettings {
  private final int strideY;
  private final int strideX;
  private final int paddingY;
  private final int paddingX;
  private final int dilationY;
  private final int dilationX;
  private final int groups;
  private final int deformGroups;

  /**
   * The numbers. One below what is named here is a {@link BevelException}; the operator checks the
   * others against its tensors.
   *
   * @param strideY rows of the input from one output to the next, 1 or more
   * @param strideX columns, likewise
   * @param paddingY rows added above and below the input, 0 or more
   * @param paddingX columns added on either side
   * @param dilationY rows from one tap of the kernel to the next, 1 or more
   * @param dilationX columns, likewise
   * @param groups of the channels, each convolved on its own, 1 or more; divides inputs and outputs
   * @param deformGroups groups of input channels that share offsets and mask, 1 or more; divides
   *     the inputs
   */
  public DeformConvSettings(
      int strideY,
      int strideX,
      int paddingY,
      int paddingX,
      int dilationY,
      int dilationX,
      int groups,
      int deformGroups) {
    requirePair("stride", strideY, strideX, 1);
    requirePair("padding", paddingY, paddingX, 0);
    requirePair("dilation", dilationY, dilationX, 1);
    if (groups < 1 || deformGroups < 1) {
      throw invalid(
          String.format(
              Locale.ROOT,
              "groups and deformGroups must be at least 1, got %d and %d",
              groups,
              deformGroups));
    }
    this.strideY = strideY;
    this.strideX = strideX;
    this.paddingY = paddingY;
    this.paddingX = paddingX;
    this.dilationY = dilationY;
    this.dilationX = dilationX;
    this.groups = groups;
    this.deformGroups = deformGroups;
  }

  /** The same both ways, one group, one deformable group. */
  public static DeformConvSettings of(int stride, int padding, int dilation) {
    return new DeformConvSettings(stride, stride, padding, padding, dilation, dilation, 1, 1);
  }

  /** These settings with other numbers of groups. */
  public DeformConvSettings withGroups(int newGroups, int newDeformGroups) {
    return new DeformConvSettings(
        strideY, strideX, paddingY, paddingX, dilationY, dilationX, newGroups, newDeformGroups);
  }

  /** Rows of the input from one output to the next. */
  public int strideY() {
    return strideY;
  }

  /** Columns, likewise. */
  public int strideX() {
    return strideX;
  }

  /** Rows added above and below the input. */
  public int paddingY() {
    return paddingY;
  }

  /** Columns added on either side. */
  public int paddingX() {
    return paddingX;
  }

  /** Rows from one tap of the kernel to the next. */
  public int dilationY() {
    return dilationY;
  }

  /** Columns, likewise. */
  public int dilationX() {
    return dilationX;
  }

  /** Groups of the channels, each convolved on its own. */
  public int groups() {
    return groups;
  }

  /** Groups of input channels that share offsets and mask. */
  public int deformGroups() {
    return deformGroups;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof DeformConvSettings that && Arrays.equals(numbers(), that.numbers());
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(numbers());
  }

  @Override
  public String toString() {
    return "DeformConvSettings" + Arrays.toString(numbers());
  }

  private int[] numbers() {
    return new int[] {
      strideY, strideX, paddingY, paddingX, dilationY, dilationX, groups, deformGroups
    };
  }

  /**
   * Rows of the output for an input of {@code rows} rows; 0 if the kernel, spread by the dilation,
   * is higher than the padded input. The operator refuses such a call.
   *
   * @param rows of the input, 0 or more
   * @param kernelRows 1 or more
   * @throws BevelException if a number is below these, or the sizes exceed 63 bits
   */
  public long outRows(long rows, long kernelRows) {
    return outSide(rows, kernelRows, strideY, paddingY, dilationY);
  }

  /** Columns of the output, likewise. */
  public long outColumns(long columns, long kernelColumns) {
    return outSide(columns, kernelColumns, strideX, paddingX, dilationX);
  }

  private static long outSide(long side, long kernel, int stride, int padding, int dilation) {
    if (side < 0 || kernel < 1) {
      throw invalid(
          String.format(
              Locale.ROOT,
              "the input's side must be 0 or more and the kernel's at least 1, got %d and %d",
              side,
              kernel));
    }
    try {
      long padded = Math.addExact(side, 2L * padding);
      long reach = Math.addExact(Math.multiplyExact(kernel - 1, (long) dilation), 1);
      return reach > padded ? 0 : (padded - reach) / stride + 1;
    } catch (ArithmeticException overflow) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          String.format(
              Locale.ROOT,
              "DeformConvSettings: an input side of %d with padding %d, or a kernel side of %d with dilation %d, exceeds 63 bits",
              side,
              padding,
              kernel,
              dilation),
          overflow);
    }
  }

  private static void requirePair(String name, int y, int x, int least) {
    if (y < least || x < least) {
      throw invalid(
          String.format(
              Locale.ROOT,
              "%s must be at least %d both ways, got %d (y) and %d (x)",
              name,
              least,
              y,
              x));
    }
  }

  private static BevelException invalid(String message) {
    return new BevelException(Status.INVALID_ARGUMENT, "DeformConvSettings: " + message);
  }

  void write(Scratch call, DeformConvParams.Settings fields) {
    fields.stride.setInt(call, 0, strideY);
    fields.stride.setInt(call, 1, strideX);
    fields.padding.setInt(call, 0, paddingY);
    fields.padding.setInt(call, 1, paddingX);
    fields.dilation.setInt(call, 0, dilationY);
    fields.dilation.setInt(call, 1, dilationX);
    fields.groups.set(call, groups);
    fields.deformGroups.set(call, deformGroups);
  }
}
