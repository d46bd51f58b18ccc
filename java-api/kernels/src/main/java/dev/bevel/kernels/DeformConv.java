package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformConvParams;
import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.Scratch;

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
  private static final DeformConvParams.Forward FORWARD = DeformConvParams.FORWARD;
  private static final DeformConvParams.Backward BACKWARD = DeformConvParams.BACKWARD;

  private DeformConv() {}

  /**
   * The operator.
   *
   * @param inputs what is read
   * @param out written wholly: float32, bfloat16 or float16 (float64 with input) [B, O, Ho, Wo]
   */
  public static void forward(DeformConvInputs inputs, TensorView out) {
    forward(inputs, out, CallSettings.DEFAULT);
  }

  /**
   * The operator.
   *
   * @param inputs what is read
   * @param out written wholly: float32, bfloat16 or float16 (float64 with input) [B, O, Ho, Wo]
   * @param settings how to work
   */
  public static void forward(DeformConvInputs inputs, TensorView out, CallSettings settings) {
    Given.argument(inputs, DeformConv.class, "inputs");
    Given.argument(out, DeformConv.class, "out");
    Given.argument(settings, DeformConv.class, "settings");
    try (Scratch call = FORWARD.begin(settings)) {
      inputs.writeForward(call);
      FORWARD.out.set(call, out);
      OperatorFrame.run(
          call,
          FORWARD,
          Native.FORWARD_WORKSPACE,
          Native.FORWARD,
          settings,
          inputs.input().device());
    }
  }

  /** Bytes of workspace that {@link #forward(DeformConvInputs, TensorView)} needs. */
  public static long workspaceBytes(DeformConvInputs inputs, TensorView out) {
    return workspaceBytes(inputs, out, CallSettings.DEFAULT);
  }

  /**
   * Bytes of workspace that {@link #forward(DeformConvInputs, TensorView, CallSettings)} needs with
   * the same arguments; the settings' workspace itself is not read. On the CPU it depends on the
   * number of threads.
   */
  public static long workspaceBytes(
      DeformConvInputs inputs, TensorView out, CallSettings settings) {
    Given.argument(inputs, DeformConv.class, "inputs");
    Given.argument(out, DeformConv.class, "out");
    Given.argument(settings, DeformConv.class, "settings");
    try (Scratch call = FORWARD.begin(settings)) {
      inputs.writeForward(call);
      FORWARD.out.set(call, out);
      return Native.FORWARD_WORKSPACE.query(call);
    }
  }

  /**
   * Gradients of input, offset, mask, weight and bias. Those of offset and mask are zero where the
   * sample does not count.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out: [B, O, Ho, Wo], compact, any of out's dtypes
   * @param gradients those to be written
   */
  public static void backward(
      DeformConvInputs inputs, TensorView gradOut, DeformConvGradients gradients) {
    backward(inputs, gradOut, gradients, CallSettings.DEFAULT);
  }

  /**
   * Gradients of input, offset, mask, weight and bias. Those of offset and mask are zero where the
   * sample does not count.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out: [B, O, Ho, Wo], compact, any of out's dtypes
   * @param gradients those to be written
   * @param settings how to work
   */
  public static void backward(
      DeformConvInputs inputs,
      TensorView gradOut,
      DeformConvGradients gradients,
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
          inputs.input().device());
    }
  }

  /**
   * Bytes of workspace that {@link #backward(DeformConvInputs, TensorView, DeformConvGradients)}
   * needs.
   */
  public static long workspaceBytes(
      DeformConvInputs inputs, TensorView gradOut, DeformConvGradients gradients) {
    return workspaceBytes(inputs, gradOut, gradients, CallSettings.DEFAULT);
  }

  /**
   * Bytes of workspace that {@link #backward(DeformConvInputs, TensorView, DeformConvGradients,
   * CallSettings)} needs with the same arguments; the settings' workspace itself is not read.
   */
  public static long workspaceBytes(
      DeformConvInputs inputs,
      TensorView gradOut,
      DeformConvGradients gradients,
      CallSettings settings) {
    requireAll(inputs, gradOut, gradients, settings);
    try (Scratch call = BACKWARD.begin(settings)) {
      write(call, inputs, gradOut, gradients);
      return Native.BACKWARD_WORKSPACE.query(call);
    }
  }

  /** Shape of out: [B, O, Ho, Wo]. */
  public static long[] outShape(DeformConvInputs inputs) {
    TensorView input = Given.argument(inputs, DeformConv.class, "inputs").input();
    TensorView weight = inputs.weight();
    OperatorFrame.requireRank("deform_conv", "input", input, 4, "[B, C, H, W]");
    OperatorFrame.requireRank("deform_conv", "weight", weight, 4, "[O, C/groups, kh, kw]");
    DeformConvSettings settings = inputs.settings();
    return new long[] {
      input.size(0),
      weight.size(0),
      settings.outRows(input.size(2), weight.size(2)),
      settings.outColumns(input.size(3), weight.size(3))
    };
  }

  /**
   * A new tensor for out on the CPU, of input's dtype; its memory goes with the last view of it.
   */
  public static TensorView allocateOut(DeformConvInputs inputs) {
    return allocateOut(inputs, Given.argument(inputs, DeformConv.class, "inputs").input().dtype());
  }

  /**
   * A new tensor for out on the CPU; its memory goes with the last view of it.
   *
   * @param inputs whose result it is to take
   * @param dtype of out
   */
  public static TensorView allocateOut(DeformConvInputs inputs, DType dtype) {
    Given.argument(dtype, DeformConv.class, "dtype");
    long[] shape = outShape(inputs);
    return OperatorFrame.allocate("deform_conv", inputs.input().device(), dtype, shape);
  }

  private static void requireAll(
      DeformConvInputs inputs,
      TensorView gradOut,
      DeformConvGradients gradients,
      CallSettings settings) {
    Given.argument(inputs, DeformConv.class, "inputs");
    Given.argument(gradOut, DeformConv.class, "gradOut");
    Given.argument(gradients, DeformConv.class, "gradients");
    Given.argument(settings, DeformConv.class, "settings");
    OperatorFrame.requireGradient(BACKWARD.operator(), gradients.any());
  }

  private static void write(
      Scratch call, DeformConvInputs inputs, TensorView gradOut, DeformConvGradients gradients) {
    BACKWARD.gradOut.set(call, gradOut);
    inputs.writeBackward(call);
    gradients.write(call);
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FORWARD_WORKSPACE = DeformConv.FORWARD.workspaceQuery();
    static final NativeFunction FORWARD = DeformConv.FORWARD.function();
    static final NativeFunction BACKWARD_WORKSPACE = DeformConv.BACKWARD.workspaceQuery();
    static final NativeFunction BACKWARD = DeformConv.BACKWARD.function();
  }
}
