package dev.bevel.kernels;

import dev.bevel.kernels.internal.GeometryStruct;
import dev.bevel.kernels.internal.LiftSplatParams;
import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * Lift-splat, exact and without a frustum of features (Philion and Fidler, "Lift, Splat, Shoot",
 * ECCV 2020):
 *
 * <pre>
 *   out[cell, c] = Σ over frustum points (n, d, h, w) in cell of  p[n, d, h, w] · f[n, c, h, w]
 * </pre>
 *
 * with p the softmax of depth logits over the depth bins (or given probabilities, optionally mixed
 * with a prior) and f the context. The geometry enters as a {@link LiftSplatPlan}.
 *
 * <p>Deterministic: the same bits for any number of threads. NaN or infinity in depth or context
 * reaches exactly the cells that a point with that value falls in; values of points outside the
 * grid reach nothing.
 *
 * <p>On the CPU a call has finished when it returns; on CUDA it is enqueued on the stream, and can
 * be captured in a graph. Failures are {@link BevelException} and leave outputs as they were.
 */
public final class LiftSplat {
  private static final LiftSplatParams.Forward FORWARD = LiftSplatParams.FORWARD;
  private static final LiftSplatParams.Backward BACKWARD = LiftSplatParams.BACKWARD;
  private static final GeometryStruct GEOMETRY = LiftSplatParams.GEOMETRY;
  private static final String POINTS_NAME = "lift_splat_points";
  private static final String CELLS_NAME = "lift_splat_cells";

  private LiftSplat() {}

  /**
   * Pools channels-first tensors from depth logits.
   *
   * @param plan the geometry
   * @param depth logits, float32 or float64 [B, N, D, H, W]
   * @param context [B, N, C, H, W]
   * @param out written wholly: [B, Z, C, rows, columns]
   */
  public static void forward(
      LiftSplatPlan plan, TensorView depth, TensorView context, TensorView out) {
    Given.argument(plan, LiftSplat.class, "plan");
    Given.argument(depth, LiftSplat.class, "depth");
    Given.argument(context, LiftSplat.class, "context");
    forward(new LiftSplatInputs(plan, depth, context), out);
  }

  /**
   * The operator.
   *
   * @param inputs what is read
   * @param out written wholly: [B, Z, C, rows, columns], or [B, Z, rows, columns, C], as the inputs
   *     say
   */
  public static void forward(LiftSplatInputs inputs, TensorView out) {
    forward(inputs, out, CallSettings.DEFAULT);
  }

  /**
   * The operator.
   *
   * @param inputs what is read
   * @param out written wholly
   * @param settings how to work
   */
  public static void forward(LiftSplatInputs inputs, TensorView out, CallSettings settings) {
    forward(inputs, Given.argument(out, LiftSplat.class, "out"), null, settings);
  }

  /**
   * The operator, which also gives the softmax where the outputs ask for it.
   *
   * @param inputs what is read
   * @param outputs what is written
   */
  public static void forward(LiftSplatInputs inputs, LiftSplatOutputs outputs) {
    forward(inputs, outputs, CallSettings.DEFAULT);
  }

  /**
   * The operator, which also gives the softmax where the outputs ask for it.
   *
   * @param inputs what is read
   * @param outputs what is written
   * @param settings how to work
   */
  public static void forward(
      LiftSplatInputs inputs, LiftSplatOutputs outputs, CallSettings settings) {
    Given.argument(outputs, LiftSplat.class, "outputs");
    forward(inputs, outputs.out(), outputs.probabilities(), settings);
  }

  private static void forward(
      LiftSplatInputs inputs,
      TensorView out,
      @Nullable TensorView probabilities,
      CallSettings settings) {
    Given.argument(inputs, LiftSplat.class, "inputs");
    Given.argument(settings, LiftSplat.class, "settings");
    try (Scratch call = FORWARD.begin(settings)) {
      write(call, inputs, out, probabilities);
      OperatorFrame.run(
          call,
          FORWARD,
          Native.FORWARD_WORKSPACE,
          Native.FORWARD,
          settings,
          inputs.plan().device());
    }
  }

  private static void write(
      Scratch call, LiftSplatInputs inputs, TensorView out, @Nullable TensorView probabilities) {
    inputs.requireMapOfPlan(FORWARD.operator(), "out", out);
    inputs.writeForward(call);
    FORWARD.out.set(call, out);
    FORWARD.probabilities.set(call, probabilities);
  }

  /** Bytes of workspace that {@link #forward(LiftSplatInputs, TensorView)} needs. */
  public static long workspaceBytes(LiftSplatInputs inputs, TensorView out) {
    return workspaceBytes(inputs, out, CallSettings.DEFAULT);
  }

  /**
   * Bytes of workspace that {@link #forward(LiftSplatInputs, TensorView, CallSettings)} needs with
   * the same arguments; the settings' workspace itself is not read.
   */
  public static long workspaceBytes(LiftSplatInputs inputs, TensorView out, CallSettings settings) {
    return workspaceBytes(
        inputs, LiftSplatOutputs.of(Given.argument(out, LiftSplat.class, "out")), settings);
  }

  /** Bytes of workspace that {@link #forward(LiftSplatInputs, LiftSplatOutputs)} needs. */
  public static long workspaceBytes(LiftSplatInputs inputs, LiftSplatOutputs outputs) {
    return workspaceBytes(inputs, outputs, CallSettings.DEFAULT);
  }

  /**
   * Bytes of workspace that {@link #forward(LiftSplatInputs, LiftSplatOutputs, CallSettings)} needs
   * with the same arguments; the settings' workspace itself is not read.
   */
  public static long workspaceBytes(
      LiftSplatInputs inputs, LiftSplatOutputs outputs, CallSettings settings) {
    Given.argument(inputs, LiftSplat.class, "inputs");
    Given.argument(outputs, LiftSplat.class, "outputs");
    Given.argument(settings, LiftSplat.class, "settings");
    try (Scratch call = FORWARD.begin(settings)) {
      write(call, inputs, outputs.out(), outputs.probabilities());
      return Native.FORWARD_WORKSPACE.query(call);
    }
  }

  /**
   * Gradients, without atomics and deterministic like forward. Points outside the grid get zero.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out, its dtype, shape and layout
   * @param gradients those to be written
   */
  public static void backward(
      LiftSplatInputs inputs, TensorView gradOut, LiftSplatGradients gradients) {
    backward(inputs, gradOut, gradients, CallSettings.DEFAULT);
  }

  /**
   * Gradients, without atomics and deterministic like forward. Points outside the grid get zero.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out, its dtype, shape and layout
   * @param gradients those to be written
   * @param settings how to work
   */
  public static void backward(
      LiftSplatInputs inputs,
      TensorView gradOut,
      LiftSplatGradients gradients,
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
          inputs.plan().device());
    }
  }

  /**
   * Bytes of workspace that {@link #backward(LiftSplatInputs, TensorView, LiftSplatGradients)}
   * needs.
   */
  public static long workspaceBytes(
      LiftSplatInputs inputs, TensorView gradOut, LiftSplatGradients gradients) {
    return workspaceBytes(inputs, gradOut, gradients, CallSettings.DEFAULT);
  }

  /**
   * Bytes of workspace that {@link #backward(LiftSplatInputs, TensorView, LiftSplatGradients,
   * CallSettings)} needs with the same arguments; the settings' workspace itself is not read.
   */
  public static long workspaceBytes(
      LiftSplatInputs inputs,
      TensorView gradOut,
      LiftSplatGradients gradients,
      CallSettings settings) {
    requireAll(inputs, gradOut, gradients, settings);
    try (Scratch call = BACKWARD.begin(settings)) {
      write(call, inputs, gradOut, gradients);
      return Native.BACKWARD_WORKSPACE.query(call);
    }
  }

  /** Shape of out: [B, Z, C, rows, columns] or [B, Z, rows, columns, C], as the inputs say. */
  public static long[] outShape(LiftSplatInputs inputs) {
    return Given.argument(inputs, LiftSplat.class, "inputs").outShape();
  }

  /**
   * A new tensor for out on the CPU, of context's dtype; its memory goes with the last view of it.
   */
  public static TensorView allocateOut(LiftSplatInputs inputs) {
    return allocateOut(inputs, Given.argument(inputs, LiftSplat.class, "inputs").context().dtype());
  }

  /**
   * A new tensor for out on the CPU; its memory goes with the last view of it.
   *
   * @param inputs whose result it is to take
   * @param dtype of out
   */
  public static TensorView allocateOut(LiftSplatInputs inputs, DType dtype) {
    Given.argument(dtype, LiftSplat.class, "dtype");
    long[] shape = outShape(inputs);
    return OperatorFrame.allocate("lift_splat", inputs.plan().device(), dtype, shape);
  }

  /**
   * Coordinates of all frustum points in the BEV frame, in metres. CPU only.
   *
   * @param geometry with matrices
   * @param points written wholly: float32 or float64 [B, N, D, H, W, 3]
   */
  public static void points(LiftSplatGeometry geometry, TensorView points) {
    Given.argument(geometry, LiftSplat.class, "geometry");
    Given.argument(points, LiftSplat.class, "points");
    try (Scratch call = GEOMETRY.begin(POINTS_NAME)) {
      GEOMETRY.call(Native.POINTS, call, geometry, "points", points);
    }
  }

  /**
   * The cell of every frustum point, as {@link LiftSplatGeometry.Builder#cells} takes it. CPU only.
   *
   * @param geometry with matrices
   * @param cells written wholly: int32 [B, N, D, H, W], −1 for points outside the grid
   */
  public static void cells(LiftSplatGeometry geometry, TensorView cells) {
    Given.argument(geometry, LiftSplat.class, "geometry");
    Given.argument(cells, LiftSplat.class, "cells");
    try (Scratch call = GEOMETRY.begin(CELLS_NAME)) {
      GEOMETRY.call(Native.CELLS, call, geometry, "cells", cells);
    }
  }

  private static void requireAll(
      LiftSplatInputs inputs,
      TensorView gradOut,
      LiftSplatGradients gradients,
      CallSettings settings) {
    Given.argument(inputs, LiftSplat.class, "inputs");
    Given.argument(gradOut, LiftSplat.class, "gradOut");
    Given.argument(gradients, LiftSplat.class, "gradients");
    Given.argument(settings, LiftSplat.class, "settings");
    OperatorFrame.requireGradient(BACKWARD.operator(), gradients.any());
  }

  private static void write(
      Scratch call, LiftSplatInputs inputs, TensorView gradOut, LiftSplatGradients gradients) {
    inputs.requireMapOfPlan(BACKWARD.operator(), "gradOut", gradOut);
    BACKWARD.gradOut.set(call, gradOut);
    gradients.write(call, inputs); // a wrong shape is told before missing probabilities are
    inputs.writeBackward(call);
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FORWARD_WORKSPACE = LiftSplat.FORWARD.workspaceQuery();
    static final NativeFunction FORWARD = LiftSplat.FORWARD.function();
    static final NativeFunction BACKWARD_WORKSPACE = LiftSplat.BACKWARD.workspaceQuery();
    static final NativeFunction BACKWARD = LiftSplat.BACKWARD.function();
    static final NativeFunction POINTS = GEOMETRY.function(POINTS_NAME);
    static final NativeFunction CELLS = GEOMETRY.function(CELLS_NAME);
  }
}
