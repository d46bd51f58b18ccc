package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformAttnParams;
import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.Scratch;

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
 * <pre>{@code
 * MsdaInputs inputs = new MsdaInputs(value, levels, locations, weights);
 * TensorView out = Msda.allocateOut(inputs);
 * Msda.forward(inputs, out);
 * Msda.backward(inputs, gradOut, MsdaGradients.none().withValue(gradValue));
 * }</pre>
 *
 * <p>Forward is deterministic, the same bits for any number of threads; backward is by default. On
 * the CPU a call has finished when it returns; on CUDA it is enqueued on the stream. Failures are
 * {@link BevelException} and leave outputs as they were.
 */
public final class Msda {
  private static final DeformAttnParams.MsdaForward FORWARD = DeformAttnParams.MSDA_FORWARD;
  private static final DeformAttnParams.MsdaBackward BACKWARD = DeformAttnParams.MSDA_BACKWARD;

  private Msda() {}

  /**
   * The operator.
   *
   * @param inputs what is read
   * @param out written wholly: [B, Q, M · D] in float32, bfloat16 or float16, whatever value has;
   *     float64 where value is
   */
  public static void forward(MsdaInputs inputs, TensorView out) {
    forward(inputs, out, CallSettings.DEFAULT);
  }

  /**
   * The operator.
   *
   * @param inputs what is read
   * @param out written wholly: [B, Q, M · D]
   * @param settings how to work
   */
  public static void forward(MsdaInputs inputs, TensorView out, CallSettings settings) {
    Given.argument(inputs, Msda.class, "inputs");
    Given.argument(out, Msda.class, "out");
    Given.argument(settings, Msda.class, "settings");
    try (Scratch call = FORWARD.begin(settings)) {
      inputs.writeForward(call);
      FORWARD.out.set(call, out);
      Native.FORWARD.call(call, settings.stream());
    }
  }

  /**
   * Gradients of value, locations and weights.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out: [B, Q, M · D], compact, any of out's dtypes
   * @param gradients those to be written
   */
  public static void backward(MsdaInputs inputs, TensorView gradOut, MsdaGradients gradients) {
    backward(inputs, gradOut, gradients, CallSettings.DEFAULT);
  }

  /**
   * Gradients of value, locations and weights.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out: [B, Q, M · D], compact, any of out's dtypes
   * @param gradients those to be written
   * @param settings how to work
   */
  public static void backward(
      MsdaInputs inputs, TensorView gradOut, MsdaGradients gradients, CallSettings settings) {
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

  /** Bytes of workspace that {@link #backward(MsdaInputs, TensorView, MsdaGradients)} needs. */
  public static long workspaceBytes(
      MsdaInputs inputs, TensorView gradOut, MsdaGradients gradients) {
    return workspaceBytes(inputs, gradOut, gradients, CallSettings.DEFAULT);
  }

  /**
   * Bytes of workspace that {@link #backward(MsdaInputs, TensorView, MsdaGradients, CallSettings)}
   * needs with the same arguments; the settings' workspace itself is not read.
   */
  public static long workspaceBytes(
      MsdaInputs inputs, TensorView gradOut, MsdaGradients gradients, CallSettings settings) {
    requireAll(inputs, gradOut, gradients, settings);
    try (Scratch call = BACKWARD.begin(settings)) {
      write(call, inputs, gradOut, gradients);
      return Native.BACKWARD_WORKSPACE.query(call);
    }
  }

  /** Shape of out: [B, Q, M · D]. */
  public static long[] outShape(MsdaInputs inputs) {
    TensorView value = Given.argument(inputs, Msda.class, "inputs").value();
    TensorView locations = inputs.locations();
    OperatorFrame.requireRank("msda", "value", value, 4, "[B, S, M, D]");
    OperatorFrame.requireRank("msda", "locations", locations, 6, "[B, Q, M, L, P, 2]");
    long channels = OperatorFrame.product("msda", "out", value.size(2), value.size(3));
    return new long[] {value.size(0), locations.size(1), channels};
  }

  /**
   * A new tensor for out on the CPU, of value's dtype; its memory goes with the last view of it.
   */
  public static TensorView allocateOut(MsdaInputs inputs) {
    return allocateOut(inputs, Given.argument(inputs, Msda.class, "inputs").value().dtype());
  }

  /**
   * A new tensor for out on the CPU; its memory goes with the last view of it.
   *
   * @param inputs whose result it is to take
   * @param dtype of out
   */
  public static TensorView allocateOut(MsdaInputs inputs, DType dtype) {
    Given.argument(dtype, Msda.class, "dtype");
    long[] shape = outShape(inputs);
    return OperatorFrame.allocate("msda", inputs.value().device(), dtype, shape);
  }

  private static void requireAll(
      MsdaInputs inputs, TensorView gradOut, MsdaGradients gradients, CallSettings settings) {
    Given.argument(inputs, Msda.class, "inputs");
    Given.argument(gradOut, Msda.class, "gradOut");
    Given.argument(gradients, Msda.class, "gradients");
    Given.argument(settings, Msda.class, "settings");
    OperatorFrame.requireGradient(BACKWARD.operator(), gradients.any());
  }

  private static void write(
      Scratch call, MsdaInputs inputs, TensorView gradOut, MsdaGradients gradients) {
    BACKWARD.gradOut.set(call, gradOut);
    inputs.writeBackward(call);
    gradients.write(call);
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FORWARD = Msda.FORWARD.function();
    static final NativeFunction BACKWARD_WORKSPACE = Msda.BACKWARD.workspaceQuery();
    static final NativeFunction BACKWARD = Msda.BACKWARD.function();
  }
}
