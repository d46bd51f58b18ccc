package dev.bevel.kernels;

import dev.bevel.kernels.internal.BevPoolParams;
import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.Scratch;
import java.util.Arrays;

/**
 * Interval pooling: sums of weighted feature rows, one interval of points a cell.
 *
 * <ul>
 *   <li>With depth: bev_pool_v2 (Huang and Huang, arXiv 2211.17111), out[ranksBev[i]] +=
 *       depth[ranksDepth[i]] · feature[ranksFeature[i]].
 *   <li>Without: bev_pool of BEVFusion and voxel_pooling of BEVDepth, over a frustum of features
 *       that exists already.
 * </ul>
 *
 * <p>dtypes: depth float32; feature and out float32, bfloat16 or float16; sums float32; on the CPU
 * all may be float64. Everything compact. Deterministic, backward included. On the CPU a call has
 * finished when it returns; on CUDA it is enqueued on the stream. Failures are {@link
 * BevelException} and leave outputs as they were.
 */
public final class BevPool {
  private static final BevPoolParams.Forward FORWARD = BevPoolParams.FORWARD;
  private static final BevPoolParams.Backward BACKWARD = BevPoolParams.BACKWARD;

  private BevPool() {}

  /**
   * The operator.
   *
   * @param inputs what is read
   * @param out written wholly: [.., C]; cells of no interval become zero
   */
  public static void forward(BevPoolInputs inputs, TensorView out) {
    forward(inputs, out, CallSettings.DEFAULT);
  }

  /**
   * The operator.
   *
   * @param inputs what is read
   * @param out written wholly: [.., C]; cells of no interval become zero
   * @param settings how to work
   */
  public static void forward(BevPoolInputs inputs, TensorView out, CallSettings settings) {
    Given.argument(inputs, BevPool.class, "inputs");
    Given.argument(out, BevPool.class, "out");
    Given.argument(settings, BevPool.class, "settings");
    try (Scratch call = FORWARD.begin(settings)) {
      inputs.writeForward(call);
      FORWARD.out.set(call, out);
      Native.FORWARD.call(call, settings.stream());
    }
  }

  /**
   * Gradients: that of depth at ranksDepth[i] is ⟨gradOut[cell], feature row⟩, that of feature at
   * ranksFeature[i] is Σ depth · gradOut[cell]. Elements that no point names become zero.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out, [.., C]
   * @param gradients those to be written
   */
  public static void backward(
      BevPoolInputs inputs, TensorView gradOut, BevPoolGradients gradients) {
    backward(inputs, gradOut, gradients, CallSettings.DEFAULT);
  }

  /**
   * Gradients: that of depth at ranksDepth[i] is ⟨gradOut[cell], feature row⟩, that of feature at
   * ranksFeature[i] is Σ depth · gradOut[cell]. Elements that no point names become zero.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out, [.., C]
   * @param gradients those to be written
   * @param settings how to work
   */
  public static void backward(
      BevPoolInputs inputs, TensorView gradOut, BevPoolGradients gradients, CallSettings settings) {
    requireAll(inputs, gradOut, gradients, settings);
    try (Scratch call = BACKWARD.begin(settings)) {
      write(call, inputs, gradOut, gradients);
      OperatorFrame.run(
          call,
          BACKWARD,
          Native.BACKWARD_WORKSPACE,
          Native.BACKWARD,
          settings,
          inputs.feature().device());
    }
  }

  /**
   * Bytes of workspace that {@link #backward(BevPoolInputs, TensorView, BevPoolGradients)} needs.
   */
  public static long workspaceBytes(
      BevPoolInputs inputs, TensorView gradOut, BevPoolGradients gradients) {
    return workspaceBytes(inputs, gradOut, gradients, CallSettings.DEFAULT);
  }

  /**
   * Bytes of workspace that {@link #backward(BevPoolInputs, TensorView, BevPoolGradients,
   * CallSettings)} needs with the same arguments; the settings' workspace itself is not read.
   */
  public static long workspaceBytes(
      BevPoolInputs inputs, TensorView gradOut, BevPoolGradients gradients, CallSettings settings) {
    requireAll(inputs, gradOut, gradients, settings);
    try (Scratch call = BACKWARD.begin(settings)) {
      write(call, inputs, gradOut, gradients);
      return Native.BACKWARD_WORKSPACE.query(call);
    }
  }

  /**
   * Shape of out: the cells, then C.
   *
   * @param inputs what is pooled
   * @param cells sizes of the map without its channels, whose product is above all ranksBev
   */
  public static long[] outShape(BevPoolInputs inputs, long... cells) {
    TensorView feature = Given.argument(inputs, BevPool.class, "inputs").feature();
    Given.argument(cells, BevPool.class, "cells");
    if (feature.rank() == 0) {
      OperatorFrame.requireRank("bev_pool", "feature", feature, 1, "[.., C]");
    }
    long[] shape = Arrays.copyOf(cells, cells.length + 1);
    shape[cells.length] = feature.size(feature.rank() - 1);
    return shape;
  }

  /**
   * A new tensor for out on the CPU, of feature's dtype; its memory goes with the last view of it.
   *
   * @param inputs whose result it is to take
   * @param cells sizes of the map without its channels
   */
  public static TensorView allocateOut(BevPoolInputs inputs, long... cells) {
    return allocateOut(
        inputs, Given.argument(inputs, BevPool.class, "inputs").feature().dtype(), cells);
  }

  /**
   * A new tensor for out on the CPU; its memory goes with the last view of it.
   *
   * @param inputs whose result it is to take
   * @param dtype of out
   * @param cells sizes of the map without its channels
   */
  public static TensorView allocateOut(BevPoolInputs inputs, DType dtype, long... cells) {
    Given.argument(dtype, BevPool.class, "dtype");
    long[] shape = outShape(inputs, cells);
    return OperatorFrame.allocate("bev_pool", inputs.feature().device(), dtype, shape);
  }

  private static void requireAll(
      BevPoolInputs inputs, TensorView gradOut, BevPoolGradients gradients, CallSettings settings) {
    Given.argument(inputs, BevPool.class, "inputs");
    Given.argument(gradOut, BevPool.class, "gradOut");
    Given.argument(gradients, BevPool.class, "gradients");
    Given.argument(settings, BevPool.class, "settings");
    OperatorFrame.requireGradient(BACKWARD.operator(), gradients.any());
  }

  private static void write(
      Scratch call, BevPoolInputs inputs, TensorView gradOut, BevPoolGradients gradients) {
    BACKWARD.gradOut.set(call, gradOut);
    inputs.writeBackward(call);
    gradients.write(call);
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FORWARD = BevPool.FORWARD.function();
    static final NativeFunction BACKWARD_WORKSPACE = BevPool.BACKWARD.workspaceQuery();
    static final NativeFunction BACKWARD = BevPool.BACKWARD.function();
  }
}
