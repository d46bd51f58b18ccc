package dev.bevel.kernels;

import dev.bevel.kernels.internal.NativeFunction;

/**
 * Feature sampling in several cameras: what DETR3D (Wang et al., CoRL 2021, section 3.2) does with
 * its reference points, and Sparse4D (Lin et al., 2022) with its key points, in one pass.
 *
 * <pre>
 *   out[b, q, c] = Σ over points p, cameras n that see p, levels l of
 *       weights[b, q, n, p, l, group of c] · sample(features[l][b, n, c], u, v)
 * </pre>
 *
 * <p>A point is projected by lidarToImage to (x · depth, y · depth, depth); u = x / max(depth,
 * 1e-5) / image width, v likewise. A camera sees it iff depth &gt; 1e-5, 0 &lt; u &lt; 1 and 0 &lt;
 * v &lt; 1. Cameras that do not cost nothing. In a level of H × W pixels the sample lies at (u · W
 * − 0.5, v · H − 0.5), the bilinear mean of its four neighbours, those outside the map being zero:
 * LibTorch's grid_sample with zeros padding and align_corners = false. As upstream's nan_to_num has
 * it, a sample that is NaN counts as zero and an infinite one as the largest finite number of the
 * features' dtype.
 *
 * <p>Sums are float32, or float64 where everything is. Deterministic, backward included, the same
 * bits for any number of threads; what is visible is the same on the CPU and on CUDA. On the CPU a
 * call has finished when it returns; on CUDA it is enqueued on the stream. Failures are {@link
 * BevelException} and leave outputs as they were.
 */
public final class MultiViewSample {
  private MultiViewSample() {}

  /**
   * The operator.
   *
   * @param call its arguments
   */
  public static void forward(MultiViewSampleForward call) {
    OperatorCall.run(Given.argument(call, MultiViewSample.class, "call"), Native.FORWARD);
  }

  /**
   * Gradients of features, points or locations, and weights.
   *
   * @param call its arguments
   */
  public static void backward(MultiViewSampleBackward call) {
    WorkspaceCall.run(
        Given.argument(call, MultiViewSample.class, "call"),
        Native.BACKWARD_WORKSPACE,
        Native.BACKWARD);
  }

  /**
   * Bytes of workspace that a backward call needs.
   *
   * @param call its arguments; the workspace itself may be missing
   */
  public static long workspaceBytes(MultiViewSampleBackward call) {
    return WorkspaceCall.workspaceBytes(
        Given.argument(call, MultiViewSample.class, "call"), Native.BACKWARD_WORKSPACE);
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FORWARD = NativeFunction.of("bevel_multi_view_sample_forward", 14);
    static final NativeFunction BACKWARD_WORKSPACE =
        NativeFunction.of("bevel_multi_view_sample_backward_workspace", 23);
    static final NativeFunction BACKWARD =
        NativeFunction.of("bevel_multi_view_sample_backward", 24);
  }
}
