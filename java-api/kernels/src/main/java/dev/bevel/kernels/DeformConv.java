package dev.bevel.kernels;

import dev.bevel.kernels.internal.NativeFunction;

/**
 * Deformable convolution: version 1 (Dai et al., ICCV 2017) and the modulated version 2 (Zhu et
 * al., CVPR 2019), with the conventions of mmcv.
 *
 * <pre>
 *   out[b, o, i, j] = bias[o] + Σ over taps t, channels c of
 *       weight[o, c, t] · mask[b, d·K + t, i, j] · sample(input[b, c], y, x)
 *   y = i · strideY − paddingY + tY · dilationY + offset[b, 2·(d·K + t), i, j]
 *   x = j · strideX − paddingX + tX · dilationX + offset[b, 2·(d·K + t) + 1, i, j]
 * </pre>
 *
 * <p>over the K = kh · kw taps t = tY · kw + tX and the input channels c of the group of o; d is
 * the deformable group of c. Coordinates are pixels of the input, (0, 0) the centre of the first. A
 * sample counts iff −1 &lt; x &lt; W and −1 &lt; y &lt; H, and is the bilinear mean of its four
 * neighbours, those outside the map being zero. One that does not count, also for a NaN or infinite
 * offset, gives zero whatever its mask.
 *
 * <p>With all offsets zero and a mask of 1 it is an ordinary convolution.
 *
 * <p>Sums are float32, or float64 where everything is. Forward is deterministic, the same bits for
 * any number of threads; backward is by default. On the CPU a call has finished when it returns; on
 * CUDA it is enqueued on the stream. Failures are {@link BevelException} and leave outputs as they
 * were.
 */
public final class DeformConv {
  private DeformConv() {}

  /**
   * The operator.
   *
   * @param call its arguments
   */
  public static void forward(DeformConvForward call) {
    WorkspaceCall.run(
        Given.argument(call, DeformConv.class, "call"), Native.FORWARD_WORKSPACE, Native.FORWARD);
  }

  /**
   * Bytes of workspace that a forward call needs; on the CPU it depends on {@link Bevel#threads}.
   *
   * @param call its arguments; the workspace itself may be missing
   */
  public static long workspaceBytes(DeformConvForward call) {
    return WorkspaceCall.workspaceBytes(
        Given.argument(call, DeformConv.class, "call"), Native.FORWARD_WORKSPACE);
  }

  /**
   * Gradients of input, offset, mask, weight and bias. Those of offset and mask are zero where the
   * sample does not count.
   *
   * @param call its arguments
   */
  public static void backward(DeformConvBackward call) {
    WorkspaceCall.run(
        Given.argument(call, DeformConv.class, "call"), Native.BACKWARD_WORKSPACE, Native.BACKWARD);
  }

  /**
   * Bytes of workspace that a backward call needs; on the CPU it depends on {@link Bevel#threads}.
   *
   * @param call its arguments; the workspace itself may be missing
   */
  public static long workspaceBytes(DeformConvBackward call) {
    return WorkspaceCall.workspaceBytes(
        Given.argument(call, DeformConv.class, "call"), Native.BACKWARD_WORKSPACE);
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FORWARD_WORKSPACE =
        NativeFunction.of("bevel_deform_conv_forward_workspace", 6);
    static final NativeFunction FORWARD = NativeFunction.of("bevel_deform_conv_forward", 7);
    static final NativeFunction BACKWARD_WORKSPACE =
        NativeFunction.of("bevel_deform_conv_backward_workspace", 10);
    static final NativeFunction BACKWARD = NativeFunction.of("bevel_deform_conv_backward", 11);
  }
}
