package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformConvLayouts;
import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.Scratch;

/**
 * How the kernel of a {@link DeformConv} moves over the input, and what of it is shared. The
 * operator checks the numbers against its tensors.
 *
 * @param strideY rows of the input from one output to the next, 1 or more
 * @param strideX columns, likewise
 * @param paddingY rows added above and below the input, 0 or more
 * @param paddingX columns added on either side
 * @param dilationY rows from one tap of the kernel to the next, 1 or more
 * @param dilationX columns, likewise
 * @param groups of the channels, each convolved on its own; divides inputs and outputs
 * @param deformGroups groups of input channels that share offsets and mask; divides the inputs
 */
public record DeformConvSettings(
    int strideY,
    int strideX,
    int paddingY,
    int paddingX,
    int dilationY,
    int dilationX,
    int groups,
    int deformGroups) {
  private static final long STRIDE = offset("stride");
  private static final long PADDING = offset("padding");
  private static final long DILATION = offset("dilation");
  private static final long GROUPS = offset("groups");
  private static final long DEFORM_GROUPS = offset("deform_groups");

  /** The same both ways, one group, one deformable group. */
  public static DeformConvSettings of(int stride, int padding, int dilation) {
    return new DeformConvSettings(stride, stride, padding, padding, dilation, dilation, 1, 1);
  }

  /** These settings with other numbers of groups. */
  public DeformConvSettings withGroups(int newGroups, int newDeformGroups) {
    return new DeformConvSettings(
        strideY, strideX, paddingY, paddingX, dilationY, dilationX, newGroups, newDeformGroups);
  }

  /**
   * Rows of the output for an input of {@code rows} rows; less than 1 if the kernel is too high.
   */
  public long outRows(long rows, long kernelRows) {
    return outSide(rows, kernelRows, strideY, paddingY, dilationY);
  }

  /** Columns of the output, likewise. */
  public long outColumns(long columns, long kernelColumns) {
    return outSide(columns, kernelColumns, strideX, paddingX, dilationX);
  }

  private static long outSide(long side, long kernel, int stride, int padding, int dilation) {
    return Math.floorDiv(side + 2L * padding - dilation * (kernel - 1) - 1, (long) stride) + 1;
  }

  void write(Scratch scratch, long at) {
    scratch.setInt(at + STRIDE, strideY);
    scratch.setInt(at + STRIDE + Integer.BYTES, strideX);
    scratch.setInt(at + PADDING, paddingY);
    scratch.setInt(at + PADDING + Integer.BYTES, paddingX);
    scratch.setInt(at + DILATION, dilationY);
    scratch.setInt(at + DILATION + Integer.BYTES, dilationX);
    scratch.setInt(at + GROUPS, groups);
    scratch.setInt(at + DEFORM_GROUPS, deformGroups);
  }

  private static long offset(String field) {
    return Layouts.offset(DeformConvLayouts.SETTINGS, field);
  }
}
