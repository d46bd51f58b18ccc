package dev.bevel.kernels;

import dev.bevel.kernels.internal.MultiViewSampleParams;
import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

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
  private static final MultiViewSampleParams.Forward FORWARD = MultiViewSampleParams.FORWARD;
  private static final MultiViewSampleParams.Backward BACKWARD = MultiViewSampleParams.BACKWARD;

  private MultiViewSample() {}

  /**
   * The operator.
   *
   * @param inputs what is read
   * @param out written wholly: [B, Q, C]; float32, bfloat16 or float16, whatever features have;
   *     float64 where they are
   */
  public static void forward(MultiViewSampleInputs inputs, TensorView out) {
    forward(inputs, out, CallSettings.DEFAULT);
  }

  /**
   * The operator.
   *
   * @param inputs what is read
   * @param out written wholly: [B, Q, C]
   * @param settings how to work
   */
  public static void forward(MultiViewSampleInputs inputs, TensorView out, CallSettings settings) {
    forward(inputs, Given.argument(out, MultiViewSample.class, "out"), null, settings);
  }

  /**
   * The operator, telling which cameras see which points where the outputs ask for it.
   *
   * @param inputs what is read
   * @param outputs what is written
   */
  public static void forward(MultiViewSampleInputs inputs, MultiViewSampleOutputs outputs) {
    forward(inputs, outputs, CallSettings.DEFAULT);
  }

  /**
   * The operator, telling which cameras see which points where the outputs ask for it.
   *
   * @param inputs what is read
   * @param outputs what is written
   * @param settings how to work
   */
  public static void forward(
      MultiViewSampleInputs inputs, MultiViewSampleOutputs outputs, CallSettings settings) {
    Given.argument(outputs, MultiViewSample.class, "outputs");
    forward(inputs, outputs.out(), outputs.visible(), settings);
  }

  private static void forward(
      MultiViewSampleInputs inputs,
      TensorView out,
      @Nullable TensorView visible,
      CallSettings settings) {
    Given.argument(inputs, MultiViewSample.class, "inputs");
    Given.argument(settings, MultiViewSample.class, "settings");
    try (Scratch call = FORWARD.begin(settings)) {
      inputs.writeForward(call);
      FORWARD.out.set(call, out);
      FORWARD.visible.set(call, visible);
      Native.FORWARD.call(call, settings.stream());
    }
  }

  /**
   * Gradients of features, points or locations, and weights. No order of additions known is faster
   * than the strict one, so {@link Determinism#FAST} does the same.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out: compact, out's shape, any of its dtypes
   * @param gradients those to be written
   */
  public static void backward(
      MultiViewSampleInputs inputs, TensorView gradOut, MultiViewSampleGradients gradients) {
    backward(inputs, gradOut, gradients, CallSettings.DEFAULT);
  }

  /**
   * Gradients of features, points or locations, and weights. No order of additions known is faster
   * than the strict one, so {@link Determinism#FAST} does the same.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out: compact, out's shape, any of its dtypes
   * @param gradients those to be written
   * @param settings how to work
   */
  public static void backward(
      MultiViewSampleInputs inputs,
      TensorView gradOut,
      MultiViewSampleGradients gradients,
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
          inputs.weights().device());
    }
  }

  /**
   * Bytes of workspace that {@link #backward(MultiViewSampleInputs, TensorView,
   * MultiViewSampleGradients)} needs.
   */
  public static long workspaceBytes(
      MultiViewSampleInputs inputs, TensorView gradOut, MultiViewSampleGradients gradients) {
    return workspaceBytes(inputs, gradOut, gradients, CallSettings.DEFAULT);
  }

  /**
   * Bytes of workspace that {@link #backward(MultiViewSampleInputs, TensorView,
   * MultiViewSampleGradients, CallSettings)} needs with the same arguments; the settings' workspace
   * itself is not read.
   */
  public static long workspaceBytes(
      MultiViewSampleInputs inputs,
      TensorView gradOut,
      MultiViewSampleGradients gradients,
      CallSettings settings) {
    requireAll(inputs, gradOut, gradients, settings);
    try (Scratch call = BACKWARD.begin(settings)) {
      write(call, inputs, gradOut, gradients);
      return Native.BACKWARD_WORKSPACE.query(call);
    }
  }

  /** Shape of out: [B, Q, C]. */
  public static long[] outShape(MultiViewSampleInputs inputs) {
    TensorView map = Given.argument(inputs, MultiViewSample.class, "inputs").features().getFirst();
    TensorView weights = inputs.weights();
    boolean first = inputs.layout() == Layout.CHANNELS_FIRST;
    OperatorFrame.requireRank(
        "multi_view_sample", "features[0]", map, 5, first ? "[B, N, C, H, W]" : "[B, N, H, W, C]");
    if (weights.rank() != 6) {
      OperatorFrame.requireRank(
          "multi_view_sample", "weights", weights, 5, "[B, Q, N, P, L] or [B, Q, N, P, L, G]");
    }
    return new long[] {weights.size(0), weights.size(1), map.size(first ? 2 : 4)};
  }

  /**
   * A new tensor for out on the CPU, of features's dtype; its memory goes with the last view of it.
   */
  public static TensorView allocateOut(MultiViewSampleInputs inputs) {
    return allocateOut(
        inputs,
        Given.argument(inputs, MultiViewSample.class, "inputs").features().getFirst().dtype());
  }

  /**
   * A new tensor for out on the CPU; its memory goes with the last view of it.
   *
   * @param inputs whose result it is to take
   * @param dtype of out
   */
  public static TensorView allocateOut(MultiViewSampleInputs inputs, DType dtype) {
    Given.argument(dtype, MultiViewSample.class, "dtype");
    long[] shape = outShape(inputs);
    return OperatorFrame.allocate(
        "multi_view_sample", inputs.features().getFirst().device(), dtype, shape);
  }

  private static void requireAll(
      MultiViewSampleInputs inputs,
      TensorView gradOut,
      MultiViewSampleGradients gradients,
      CallSettings settings) {
    Given.argument(inputs, MultiViewSample.class, "inputs");
    Given.argument(gradOut, MultiViewSample.class, "gradOut");
    Given.argument(gradients, MultiViewSample.class, "gradients");
    Given.argument(settings, MultiViewSample.class, "settings");
    OperatorFrame.requireGradient(BACKWARD.operator(), gradients.any());
    gradients.requireLevels(inputs.features().size());
  }

  private static void write(
      Scratch call,
      MultiViewSampleInputs inputs,
      TensorView gradOut,
      MultiViewSampleGradients gradients) {
    BACKWARD.gradOut.set(call, gradOut);
    inputs.writeBackward(call);
    gradients.write(call);
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FORWARD = MultiViewSample.FORWARD.function();
    static final NativeFunction BACKWARD_WORKSPACE = MultiViewSample.BACKWARD.workspaceQuery();
    static final NativeFunction BACKWARD = MultiViewSample.BACKWARD.function();
  }
}
