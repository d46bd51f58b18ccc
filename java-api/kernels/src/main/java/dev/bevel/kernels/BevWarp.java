package dev.bevel.kernels;

import dev.bevel.kernels.internal.NativeFunction;

/**
 * Warps of bird's-eye-view maps: BEVDet4D's alignment of the previous frame's map (Huang and Huang,
 * arXiv 2203.17054), the rotation of BEVFormer's history (Li et al., ECCV 2022), and sampling at
 * any positions (spatial transformers, Jaderberg et al., NIPS 2015).
 *
 * <p>Each pixel of the output reads the input at a position (x, y), bilinear or nearest, zero
 * outside:
 *
 * <pre>
 *   out[c, j, i] = Σ over pixels (m, n) of max(0, 1 − |x − m|) · max(0, 1 − |y − n|) · input[c, n, m]
 * </pre>
 *
 * <p>The positions come from a 2×3 matrix a frame ({@link WarpMatrix} makes those of BEVDet4D and
 * BEVFormer) or from a grid with one position a pixel. A position that is no number, or off the
 * map, gives zero.
 *
 * <p>Shapes, with B batch elements of T frames (B may be left out of all): maps [B, T, C, H, W], or
 * [B, T, H, W, C] with {@link Layout#CHANNELS_LAST}; matrices [B, T, 2, 3]; grid [B, T, H', W', 2].
 * Strides of B, T and C, or of B, T and W, are free, so that an output may be a part of what a
 * convolution over several frames reads; the rest is compact.
 *
 * <p>dtypes: input and out float32, bfloat16 or float16, independently; the rest and all sums
 * float32; on the CPU all may be float64. Deterministic, the same bits for any number of threads,
 * backward included unless {@link Determinism#FAST} is asked for. On the CPU a call has finished
 * when it returns; on CUDA it is enqueued on the stream. Failures are {@link BevelException} and
 * leave outputs as they were.
 */
public final class BevWarp {
  private BevWarp() {}

  /**
   * The operator.
   *
   * @param call its arguments
   */
  public static void forward(BevWarpForward call) {
    OperatorCall.run(Given.argument(call, BevWarp.class, "call"), Native.FORWARD);
  }

  /**
   * Gradients of the input and of the grid. Matrices, which are poses, get none.
   *
   * @param call its arguments
   */
  public static void backward(BevWarpBackward call) {
    WorkspaceCall.run(
        Given.argument(call, BevWarp.class, "call"), Native.BACKWARD_WORKSPACE, Native.BACKWARD);
  }

  /**
   * Bytes of workspace that a backward call needs.
   *
   * @param call its arguments; the workspace itself may be missing
   */
  public static long workspaceBytes(BevWarpBackward call) {
    return WorkspaceCall.workspaceBytes(
        Given.argument(call, BevWarp.class, "call"), Native.BACKWARD_WORKSPACE);
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FORWARD = NativeFunction.of("bevel_bev_warp_forward", 3);
    static final NativeFunction BACKWARD_WORKSPACE =
        NativeFunction.of("bevel_bev_warp_backward_workspace", 5);
    static final NativeFunction BACKWARD = NativeFunction.of("bevel_bev_warp_backward", 6);
  }
}
