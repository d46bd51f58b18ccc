package dev.bevel.kernels;

import dev.bevel.kernels.internal.NativeFunction;

/**
 * Deformable attention from reference points, offsets and logits: softmax, sampling locations,
 * sampling and the mean over value maps in one pass, without tensors in between.
 *
 * <pre>
 *   a[b, n, q, m] = softmax over levels and points of logits[b, n, q, m]
 *   out[b, n, q, m] = Σ over levels l, points p of  a[l, p] · sample(value[b, n, :, m], l, x[l, p], y[l, p])
 * </pre>
 *
 * <p>From a reference (u, v) in [0, 1], x = u · width − 0.5 + offset_x: offsets are in pixels of
 * their level. From a box (u, v, w, h), x = (u + offset_x · w / (2 P)) · width − 0.5; y likewise.
 * (Zhu et al., "Deformable DETR", ICLR 2021.) What a sample is, and which count, see {@link Msda}.
 *
 * <p>Several value maps make it
 *
 * <ul>
 *   <li>spatial cross-attention of BEVFormer (Li et al., ECCV 2022): the maps are cameras, {@code
 *       visible} says which of them a query is projected into, {@link ReferenceKind#OF_POINT} walks
 *       the anchors of a pillar, {@link MapCombination#MEAN} divides by the cameras seen. Nothing
 *       is gathered by camera, padded or scattered;
 *   <li>its temporal self-attention: the maps are the previous and the present BEV map;
 *   <li>paired sampling, {@link MapCombination#SEPARATE} with offsets and logits shared: the same
 *       places with the same weights on a student's and a teacher's map.
 * </ul>
 *
 * <p>Sums are float32, or float64 where everything is. Forward is deterministic, the same bits for
 * any number of threads; backward is by default. On the CPU a call has finished when it returns; on
 * CUDA it is enqueued on the stream. Failures are {@link BevelException} and leave outputs as they
 * were.
 */
public final class DeformAttn {
  private DeformAttn() {}

  /**
   * The operator.
   *
   * @param call its arguments
   */
  public static void forward(DeformAttnForward call) {
    OperatorCall.run(Given.argument(call, DeformAttn.class, "call"), Native.FORWARD);
  }

  /**
   * Gradients of value, reference, offsets and logits.
   *
   * @param call its arguments
   */
  public static void backward(DeformAttnBackward call) {
    WorkspaceCall.run(
        Given.argument(call, DeformAttn.class, "call"), Native.BACKWARD_WORKSPACE, Native.BACKWARD);
  }

  /**
   * Bytes of workspace that a backward call needs.
   *
   * @param call its arguments; the workspace itself may be missing
   */
  public static long workspaceBytes(DeformAttnBackward call) {
    return WorkspaceCall.workspaceBytes(
        Given.argument(call, DeformAttn.class, "call"), Native.BACKWARD_WORKSPACE);
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FORWARD = NativeFunction.of("bevel_deform_attn_forward", 6);
    static final NativeFunction BACKWARD_WORKSPACE =
        NativeFunction.of("bevel_deform_attn_backward_workspace", 10);
    static final NativeFunction BACKWARD = NativeFunction.of("bevel_deform_attn_backward", 11);
  }
}
