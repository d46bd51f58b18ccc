package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformAttnParams;
import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.Scratch;

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
  private static final DeformAttnParams.Forward FORWARD = DeformAttnParams.FORWARD;
  private static final DeformAttnParams.Backward BACKWARD = DeformAttnParams.BACKWARD;

  private DeformAttn() {}

  /**
   * The operator.
   *
   * @param inputs what is read
   * @param out written wholly: [B, Q, M · D], or [B, N, Q, M · D] with {@link
   *     MapCombination#SEPARATE}; float32, bfloat16 or float16, whatever value has; float64 where
   *     value is
   */
  public static void forward(DeformAttnInputs inputs, TensorView out) {
    forward(inputs, out, CallSettings.DEFAULT);
  }

  /**
   * The operator.
   *
   * @param inputs what is read
   * @param out written wholly: [B, Q, M · D], or [B, N, Q, M · D] with {@link
   *     MapCombination#SEPARATE}; float32, bfloat16 or float16, whatever value has; float64 where
   *     value is
   * @param settings how to work
   */
  public static void forward(DeformAttnInputs inputs, TensorView out, CallSettings settings) {
    Given.argument(inputs, DeformAttn.class, "inputs");
    Given.argument(out, DeformAttn.class, "out");
    Given.argument(settings, DeformAttn.class, "settings");
    try (Scratch call = FORWARD.begin(settings)) {
      inputs.writeForward(call);
      FORWARD.out.set(call, out);
      Native.FORWARD.call(call, settings.stream());
    }
  }

  /**
   * Gradients of value, reference, offsets and logits.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out: compact, out's shape, any of its dtypes
   * @param gradients those to be written
   */
  public static void backward(
      DeformAttnInputs inputs, TensorView gradOut, DeformAttnGradients gradients) {
    backward(inputs, gradOut, gradients, CallSettings.DEFAULT);
  }

  /**
   * Gradients of value, reference, offsets and logits.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out: compact, out's shape, any of its dtypes
   * @param gradients those to be written
   * @param settings how to work
   */
  public static void backward(
      DeformAttnInputs inputs,
      TensorView gradOut,
      DeformAttnGradients gradients,
      CallSettings settings) {
    requireAll(inputs, gradOut, gradients, settings);
    try (Scratch call = BACKWARD.begin(settings)) {
      write(call, inputs, gradOut, gradients);
      OperatorFrame.run(
          call,
          BACKWARD,
          Native.BACKWARD_WORKSPACE,
          Native.BACKWARD,
          settings,
          inputs.value().device());
    }
  }

  /**
   * Bytes of workspace that {@link #backward(DeformAttnInputs, TensorView, DeformAttnGradients)}
   * needs.
   */
  public static long workspaceBytes(
      DeformAttnInputs inputs, TensorView gradOut, DeformAttnGradients gradients) {
    return workspaceBytes(inputs, gradOut, gradients, CallSettings.DEFAULT);
  }

  /**
   * Bytes of workspace that {@link #backward(DeformAttnInputs, TensorView, DeformAttnGradients,
   * CallSettings)} needs with the same arguments; the settings' workspace itself is not read.
   */
  public static long workspaceBytes(
      DeformAttnInputs inputs,
      TensorView gradOut,
      DeformAttnGradients gradients,
      CallSettings settings) {
    requireAll(inputs, gradOut, gradients, settings);
    try (Scratch call = BACKWARD.begin(settings)) {
      write(call, inputs, gradOut, gradients);
      return Native.BACKWARD_WORKSPACE.query(call);
    }
  }

  /** Shape of out: [B, Q, M · D], or [B, N, Q, M · D] with {@link MapCombination#SEPARATE}. */
  public static long[] outShape(DeformAttnInputs inputs) {
    TensorView value = Given.argument(inputs, DeformAttn.class, "inputs").value();
    TensorView offsets = inputs.offsets();
    OperatorFrame.requireRank("deform_attn", "value", value, 5, "[B, N, S, M, D]");
    OperatorFrame.requireRank("deform_attn", "offsets", offsets, 7, "[B, N or 1, Q, M, L, P, 2]");
    long queries = offsets.size(2);
    long channels = OperatorFrame.product("deform_attn", "out", value.size(3), value.size(4));
    return inputs.combination() == MapCombination.SEPARATE
        ? new long[] {value.size(0), value.size(1), queries, channels}
        : new long[] {value.size(0), queries, channels};
  }

  /**
   * A new tensor for out on the CPU, of value's dtype; its memory goes with the last view of it.
   */
  public static TensorView allocateOut(DeformAttnInputs inputs) {
    return allocateOut(inputs, Given.argument(inputs, DeformAttn.class, "inputs").value().dtype());
  }

  /**
   * A new tensor for out on the CPU; its memory goes with the last view of it.
   *
   * @param inputs whose result it is to take
   * @param dtype of out
   */
  public static TensorView allocateOut(DeformAttnInputs inputs, DType dtype) {
    Given.argument(dtype, DeformAttn.class, "dtype");
    long[] shape = outShape(inputs);
    return OperatorFrame.allocate("deform_attn", inputs.value().device(), dtype, shape);
  }

  private static void requireAll(
      DeformAttnInputs inputs,
      TensorView gradOut,
      DeformAttnGradients gradients,
      CallSettings settings) {
    Given.argument(inputs, DeformAttn.class, "inputs");
    Given.argument(gradOut, DeformAttn.class, "gradOut");
    Given.argument(gradients, DeformAttn.class, "gradients");
    Given.argument(settings, DeformAttn.class, "settings");
    OperatorFrame.requireGradient(BACKWARD.operator(), gradients.any());
  }

  private static void write(
      Scratch call, DeformAttnInputs inputs, TensorView gradOut, DeformAttnGradients gradients) {
    BACKWARD.gradOut.set(call, gradOut);
    inputs.writeBackward(call);
    gradients.write(call);
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FORWARD = DeformAttn.FORWARD.function();
    static final NativeFunction BACKWARD_WORKSPACE = DeformAttn.BACKWARD.workspaceQuery();
    static final NativeFunction BACKWARD = DeformAttn.BACKWARD.function();
  }
}
