package dev.bevel.kernels;

import dev.bevel.kernels.internal.NativeFunction;

/**
 * Multi-scale deformable attention with the signature of the field (mmcv's {@code ms_deform_attn}
 * without its im2col step; Zhu et al., "Deformable DETR", ICLR 2021, equation 3):
 *
 * <pre>
 *   out[b, q, m] = Σ over levels l, points p of  weights[b, q, m, l, p] · sample(value[b, :, m], l, locations[b, q, m, l, p])
 * </pre>
 *
 * <p>A sample at the pixel (x, y), (0, 0) being the centre of the level's first, counts iff −1 &lt;
 * x &lt; width and −1 &lt; y &lt; height, and is the bilinear mean of its four neighbours, those
 * outside the level being zero: {@code grid_sample} with zeros padding and {@code
 * align_corners=False}. A sample that does not count, one with a NaN coordinate for example, gives
 * zero and has zero gradients; what its location would have hit reaches nothing.
 *
 * <p>Any head width, 1 to {@value ValueLevels#MAX_LEVELS} levels, levels · points up to 256. Sums
 * are float32, or float64 where everything is; 16-bit coordinates would be off by up to a pixel, so
 * there are none. {@link DeformAttn} takes reference points, offsets and logits instead, and
 * several value maps.
 *
 * <p>Forward is deterministic, the same bits for any number of threads; backward is by default. On
 * the CPU a call has finished when it returns; on CUDA it is enqueued on the stream. Failures are
 * {@link BevelException} and leave outputs as they were.
 */
public final class Msda {
  private Msda() {}

  /**
   * The operator.
   *
   * @param call its arguments
   */
  public static void forward(MsdaForward call) {
    OperatorCall.run(Given.argument(call, Msda.class, "call"), Native.FORWARD);
  }

  /**
   * Gradients of value, locations and weights.
   *
   * @param call its arguments
   */
  public static void backward(MsdaBackward call) {
    WorkspaceCall.run(
        Given.argument(call, Msda.class, "call"), Native.BACKWARD_WORKSPACE, Native.BACKWARD);
  }

  /**
   * Bytes of workspace that a backward call needs.
   *
   * @param call its arguments; the workspace itself may be missing
   */
  public static long workspaceBytes(MsdaBackward call) {
    return WorkspaceCall.workspaceBytes(
        Given.argument(call, Msda.class, "call"), Native.BACKWARD_WORKSPACE);
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FORWARD = NativeFunction.of("bevel_msda_forward", 4);
    static final NativeFunction BACKWARD_WORKSPACE =
        NativeFunction.of("bevel_msda_backward_workspace", 7);
    static final NativeFunction BACKWARD = NativeFunction.of("bevel_msda_backward", 8);
  }
}
