package dev.bevel.kernels;

import dev.bevel.kernels.internal.Abi;
import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.Scratch;
import java.lang.ref.Reference;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

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
  private static final String FORWARD = "bev_pool_forward";
  private static final String BACKWARD = "bev_pool_backward";

  private static final long FORWARD_INTERVALS = Layouts.offset(Layouts.POOL_FORWARD, "ranks_depth");
  private static final long FORWARD_DEPTH = Layouts.offset(Layouts.POOL_FORWARD, "depth");
  private static final long FORWARD_FEATURE = Layouts.offset(Layouts.POOL_FORWARD, "feature");
  private static final long FORWARD_OUT = Layouts.offset(Layouts.POOL_FORWARD, "out");

  private static final long BACKWARD_INTERVALS =
      Layouts.offset(Layouts.POOL_BACKWARD, "ranks_depth");
  private static final long BACKWARD_GRAD_OUT = Layouts.offset(Layouts.POOL_BACKWARD, "grad_out");
  private static final long BACKWARD_DEPTH = Layouts.offset(Layouts.POOL_BACKWARD, "depth");
  private static final long BACKWARD_FEATURE = Layouts.offset(Layouts.POOL_BACKWARD, "feature");
  private static final long BACKWARD_GRAD_DEPTH =
      Layouts.offset(Layouts.POOL_BACKWARD, "grad_depth");
  private static final long BACKWARD_GRAD_FEATURE =
      Layouts.offset(Layouts.POOL_BACKWARD, "grad_feature");
  private static final long BACKWARD_WORKSPACE = Layouts.offset(Layouts.POOL_BACKWARD, "workspace");

  private BevPool() {}

  /**
   * What backward reads and which gradients it writes.
   *
   * @param gradOut gradient of the map, [.., C]
   * @param depth as in forward; null for a weight of 1
   * @param feature as in forward; may be null where gradDepth is
   * @param gradDepth written wholly: as depth; null if not wanted
   * @param gradFeature written wholly: as feature; null if not wanted
   */
  public record Gradients(
      TensorView gradOut,
      @Nullable TensorView depth,
      @Nullable TensorView feature,
      @Nullable TensorView gradDepth,
      @Nullable TensorView gradFeature) {
    /** Checks for null. */
    public Gradients {
      Objects.requireNonNull(gradOut, "gradOut");
    }
  }

  /**
   * Pools on the CPU.
   *
   * @param depth any shape, indexed flat by ranksDepth; null for a weight of 1
   * @param feature [.., C]
   * @param intervals the points
   * @param out [.., C]; cells of no interval become zero
   */
  public static void forward(
      @Nullable TensorView depth, TensorView feature, BevPoolIntervals intervals, TensorView out) {
    forward(depth, feature, intervals, out, 0);
  }

  /**
   * Pools.
   *
   * @param depth any shape, indexed flat by ranksDepth; null for a weight of 1
   * @param feature [.., C]
   * @param intervals the points
   * @param out [.., C]; cells of no interval become zero
   * @param stream a {@code cudaStream_t}; 0 on the CPU
   */
  public static void forward(
      @Nullable TensorView depth,
      TensorView feature,
      BevPoolIntervals intervals,
      TensorView out,
      long stream) {
    Objects.requireNonNull(feature, "feature");
    Objects.requireNonNull(out, "out");
    try (Scratch scratch = Scratch.begin(FORWARD)) {
      long params = scratch.struct(Layouts.POOL_FORWARD);
      scratch.setInput(params + FORWARD_DEPTH, "depth", depth);
      scratch.setInput(params + FORWARD_FEATURE, "feature", feature);
      writeIntervals(scratch, params + FORWARD_INTERVALS, intervals);
      scratch.setOutput(params + FORWARD_OUT, "out", out);
      Abi.poolForward(scratch, scratch.address(params), stream);
    } finally {
      Reference.reachabilityFence(depth);
      Reference.reachabilityFence(feature);
      Reference.reachabilityFence(intervals);
      Reference.reachabilityFence(out);
    }
  }

  /**
   * Gradients on the CPU, with a workspace that is freed at the end; where backward is called
   * often, keep one.
   *
   * @param gradients the tensors
   * @param intervals the points, as in forward
   */
  public static void backward(Gradients gradients, BevPoolIntervals intervals) {
    try (Workspace workspace = Workspace.cpu()) {
      backward(gradients, intervals, workspace, 0);
    }
  }

  /**
   * Gradients: gradDepth[ranksDepth[i]] = ⟨gradOut[cell], feature row⟩,
   * gradFeature[ranksFeature[i]] = Σ depth · gradOut[cell]. Elements that no point names become
   * zero.
   *
   * @param gradients the tensors
   * @param intervals the points, as in forward
   * @param workspace at least {@link #workspaceBytes}, or growable
   * @param stream a {@code cudaStream_t}; 0 on the CPU
   */
  public static void backward(
      Gradients gradients, BevPoolIntervals intervals, Workspace workspace, long stream) {
    TensorView memory = workspace.acquire(BACKWARD, workspaceBytes(gradients, intervals));
    try (Scratch scratch = Scratch.begin(BACKWARD)) {
      Abi.poolBackward(scratch, writeBackward(scratch, gradients, intervals, memory), stream);
    } finally {
      workspace.release();
      Reference.reachabilityFence(gradients);
      Reference.reachabilityFence(intervals);
    }
  }

  /**
   * Bytes of workspace that backward needs.
   *
   * @param gradients the tensors
   * @param intervals the points
   */
  public static long workspaceBytes(Gradients gradients, BevPoolIntervals intervals) {
    try (Scratch scratch = Scratch.begin(BACKWARD)) {
      long bytes = scratch.longs(1);
      long params = writeBackward(scratch, gradients, intervals, null);
      Abi.poolBackwardWorkspace(scratch, params, scratch.address(bytes));
      return scratch.getLong(bytes);
    } finally {
      Reference.reachabilityFence(gradients);
      Reference.reachabilityFence(intervals);
    }
  }

  private static long writeBackward(
      Scratch scratch,
      Gradients gradients,
      BevPoolIntervals intervals,
      @Nullable TensorView workspace) {
    long params = scratch.struct(Layouts.POOL_BACKWARD);
    scratch.setInput(params + BACKWARD_GRAD_OUT, "grad_out", gradients.gradOut);
    scratch.setInput(params + BACKWARD_DEPTH, "depth", gradients.depth);
    scratch.setInput(params + BACKWARD_FEATURE, "feature", gradients.feature);
    writeIntervals(scratch, params + BACKWARD_INTERVALS, intervals);
    scratch.setOutput(params + BACKWARD_GRAD_DEPTH, "grad_depth", gradients.gradDepth);
    scratch.setOutput(params + BACKWARD_GRAD_FEATURE, "grad_feature", gradients.gradFeature);
    scratch.setOutput(params + BACKWARD_WORKSPACE, "workspace", workspace);
    return scratch.address(params);
  }

  /** The five index arrays stand in the same order in both structs. */
  private static void writeIntervals(Scratch scratch, long offset, BevPoolIntervals intervals) {
    scratch.setInput(offset, "ranks_depth", intervals.ranksDepth());
    scratch.setInput(offset + 8, "ranks_feature", intervals.ranksFeature());
    scratch.setInput(offset + 16, "ranks_bev", intervals.ranksBev());
    scratch.setInput(offset + 24, "interval_starts", intervals.intervalStarts());
    scratch.setInput(offset + 32, "interval_lengths", intervals.intervalLengths());
  }
}
