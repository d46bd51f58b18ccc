package dev.bevel.kernels;

import dev.bevel.kernels.internal.GeometryStruct;
import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.NativeLibrary;
import dev.bevel.kernels.internal.Scratch;
import java.lang.ref.Reference;

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
  private LiftSplat() {}

  /**
   * Pools channels-first tensors from depth logits, on the CPU, with the plan's own workspace.
   *
   * @param plan the geometry
   * @param depth logits, float32 or float64 [B, N, D, H, W]
   * @param context [B, N, C, H, W]
   * @param out written wholly: [B, Z, C, rows, columns]
   */
  public static void forward(
      LiftSplatPlan plan, TensorView depth, TensorView context, TensorView out) {
    forward(new LiftSplatForward(plan, depth, context, out));
  }

  /**
   * The operator.
   *
   * @param call its arguments
   */
  public static void forward(LiftSplatForward call) {
    WorkspaceCall.run(
        Given.argument(call, LiftSplat.class, "call"), Native.FORWARD_WORKSPACE, Native.FORWARD);
  }

  /**
   * Bytes of workspace that a forward call needs.
   *
   * @param call its arguments; the workspace itself may be missing
   */
  public static long workspaceBytes(LiftSplatForward call) {
    return WorkspaceCall.workspaceBytes(
        Given.argument(call, LiftSplat.class, "call"), Native.FORWARD_WORKSPACE);
  }

  /**
   * Gradients of channels-first tensors with respect to logits and context, on the CPU, with the
   * plan's own workspace.
   *
   * @param plan the geometry
   * @param gradOut gradient of the map, as out
   * @param probabilities the softmax that forward returned
   * @param context as in forward
   * @param gradDepth written wholly: [B, N, D, H, W]
   * @param gradContext written wholly: as context
   */
  public static void backward(
      LiftSplatPlan plan,
      TensorView gradOut,
      TensorView probabilities,
      TensorView context,
      TensorView gradDepth,
      TensorView gradContext) {
    backward(
        new LiftSplatBackward(plan, gradOut, probabilities, context)
            .gradDepth(gradDepth)
            .gradContext(gradContext));
  }

  /**
   * Gradients, without atomics and deterministic like forward. Points outside the grid get zero.
   *
   * @param call its arguments
   */
  public static void backward(LiftSplatBackward call) {
    WorkspaceCall.run(
        Given.argument(call, LiftSplat.class, "call"), Native.BACKWARD_WORKSPACE, Native.BACKWARD);
  }

  /**
   * Bytes of workspace that a backward call needs.
   *
   * @param call its arguments; the workspace itself may be missing
   */
  public static long workspaceBytes(LiftSplatBackward call) {
    return WorkspaceCall.workspaceBytes(
        Given.argument(call, LiftSplat.class, "call"), Native.BACKWARD_WORKSPACE);
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
    NativeLibrary.require();
    try (Scratch scratch = Scratch.begin("lift_splat_points", Native.POINTS.tensors())) {
      long struct = GeometryStruct.write(scratch, geometry);
      Native.POINTS.call(
          scratch, scratch.address(struct), scratch.outputDescriptor("points", points));
    } finally {
      Reference.reachabilityFence(geometry);
      Reference.reachabilityFence(points);
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
    NativeLibrary.require();
    try (Scratch scratch = Scratch.begin("lift_splat_cells", Native.CELLS.tensors())) {
      long struct = GeometryStruct.write(scratch, geometry);
      Native.CELLS.call(scratch, scratch.address(struct), scratch.outputDescriptor("cells", cells));
    } finally {
      Reference.reachabilityFence(geometry);
      Reference.reachabilityFence(cells);
    }
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FORWARD_WORKSPACE =
        NativeFunction.of("bevel_lift_splat_forward_workspace", 7);
    static final NativeFunction FORWARD = NativeFunction.of("bevel_lift_splat_forward", 8);
    static final NativeFunction BACKWARD_WORKSPACE =
        NativeFunction.of("bevel_lift_splat_backward_workspace", 8);
    static final NativeFunction BACKWARD = NativeFunction.of("bevel_lift_splat_backward", 9);
    static final NativeFunction POINTS =
        NativeFunction.of("bevel_lift_splat_points", GeometryStruct.TENSORS + 1);
    static final NativeFunction CELLS =
        NativeFunction.of("bevel_lift_splat_cells", GeometryStruct.TENSORS + 1);
  }
}
