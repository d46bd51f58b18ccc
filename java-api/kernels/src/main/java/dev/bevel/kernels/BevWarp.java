package dev.bevel.kernels;

import dev.bevel.kernels.internal.BevWarpParams;
import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.Scratch;

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
  private static final BevWarpParams.Forward FORWARD = BevWarpParams.FORWARD;
  private static final BevWarpParams.Backward BACKWARD = BevWarpParams.BACKWARD;

  private BevWarp() {}

  /**
   * The operator.
   *
   * @param inputs what is read
   * @param out written wholly: [B, T, C, H', W'] in the inputs' layout; by matrices of any size
   */
  public static void forward(BevWarpInputs inputs, TensorView out) {
    forward(inputs, out, CallSettings.DEFAULT);
  }

  /**
   * The operator.
   *
   * @param inputs what is read
   * @param out written wholly: [B, T, C, H', W'] in the inputs' layout; by matrices of any size
   * @param settings how to work
   */
  public static void forward(BevWarpInputs inputs, TensorView out, CallSettings settings) {
    Given.argument(inputs, BevWarp.class, "inputs");
    Given.argument(out, BevWarp.class, "out");
    Given.argument(settings, BevWarp.class, "settings");
    inputs.requireSizeOfGrid(FORWARD.operator(), "out", out);
    try (Scratch call = FORWARD.begin(settings)) {
      inputs.writeForward(call);
      FORWARD.out.set(call, out);
      Native.FORWARD.call(call, settings.stream());
    }
  }

  /**
   * Gradients of the input and of the grid. Matrices, which are poses, get none. {@link
   * Determinism#FAST} allows atomics on CUDA for a float32 gradient by a grid; all else is strict
   * anyway.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out, its shape and layout
   * @param gradients those to be written
   */
  public static void backward(
      BevWarpInputs inputs, TensorView gradOut, BevWarpGradients gradients) {
    backward(inputs, gradOut, gradients, CallSettings.DEFAULT);
  }

  /**
   * Gradients of the input and of the grid. Matrices, which are poses, get none. {@link
   * Determinism#FAST} allows atomics on CUDA for a float32 gradient by a grid; all else is strict
   * anyway.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out, its shape and layout
   * @param gradients those to be written
   * @param settings how to work
   */
  public static void backward(
      BevWarpInputs inputs, TensorView gradOut, BevWarpGradients gradients, CallSettings settings) {
    requireAll(inputs, gradOut, gradients, settings);
    try (Scratch call = BACKWARD.begin(settings)) {
      write(call, inputs, gradOut, gradients);
      OperatorFrame.run(
          call,
          BACKWARD,
          Native.BACKWARD_WORKSPACE,
          Native.BACKWARD,
          settings,
          inputs.positions().tensor().device());
    }
  }

  /**
   * Bytes of workspace that {@link #backward(BevWarpInputs, TensorView, BevWarpGradients)} needs.
   */
  public static long workspaceBytes(
      BevWarpInputs inputs, TensorView gradOut, BevWarpGradients gradients) {
    return workspaceBytes(inputs, gradOut, gradients, CallSettings.DEFAULT);
  }

  /**
   * Bytes of workspace that {@link #backward(BevWarpInputs, TensorView, BevWarpGradients,
   * CallSettings)} needs with the same arguments; the settings' workspace itself is not read.
   */
  public static long workspaceBytes(
      BevWarpInputs inputs, TensorView gradOut, BevWarpGradients gradients, CallSettings settings) {
    requireAll(inputs, gradOut, gradients, settings);
    try (Scratch call = BACKWARD.begin(settings)) {
      write(call, inputs, gradOut, gradients);
      return Native.BACKWARD_WORKSPACE.query(call);
    }
  }

  /**
   * Shape of out: [B, T, C, H', W'] in the inputs' layout, H' and W' the grid's; by matrices, which
   * serve any size, the input's own.
   */
  public static long[] outShape(BevWarpInputs inputs) {
    return Given.argument(inputs, BevWarp.class, "inputs").outShape();
  }

  /**
   * A new tensor for out on the CPU, of input's dtype; its memory goes with the last view of it.
   */
  public static TensorView allocateOut(BevWarpInputs inputs) {
    return allocateOut(inputs, Given.argument(inputs, BevWarp.class, "inputs").input().dtype());
  }

  /**
   * A new tensor for out on the CPU; its memory goes with the last view of it.
   *
   * @param inputs whose result it is to take
   * @param dtype of out
   */
  public static TensorView allocateOut(BevWarpInputs inputs, DType dtype) {
    Given.argument(dtype, BevWarp.class, "dtype");
    long[] shape = outShape(inputs);
    return OperatorFrame.allocate("bev_warp", inputs.input().device(), dtype, shape);
  }

  private static void requireAll(
      BevWarpInputs inputs, TensorView gradOut, BevWarpGradients gradients, CallSettings settings) {
    Given.argument(inputs, BevWarp.class, "inputs");
    Given.argument(gradOut, BevWarp.class, "gradOut");
    Given.argument(gradients, BevWarp.class, "gradients");
    Given.argument(settings, BevWarp.class, "settings");
    OperatorFrame.requireGradient(BACKWARD.operator(), gradients.any());
    inputs.requireSizeOfGrid(BACKWARD.operator(), "gradOut", gradOut);
  }

  private static void write(
      Scratch call, BevWarpInputs inputs, TensorView gradOut, BevWarpGradients gradients) {
    BACKWARD.gradOut.set(call, gradOut);
    // The input is read for the grid's gradient alone, so nobody needs to keep it for another.
    inputs.writeBackward(call, gradients.hasGrid());
    gradients.write(call);
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FORWARD = BevWarp.FORWARD.function();
    static final NativeFunction BACKWARD_WORKSPACE = BevWarp.BACKWARD.workspaceQuery();
    static final NativeFunction BACKWARD = BevWarp.BACKWARD.function();
  }
}
