package dev.bevel.kernels;

import dev.bevel.kernels.internal.BevPoolLayouts;
import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.Scratch;
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
      Given.argument(gradOut, BevPool.class, "gradOut");
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
    forward(depth, feature, intervals, out, stream, 0);
  }

  /**
   * Pools.
   *
   * @param depth any shape, indexed flat by ranksDepth; null for a weight of 1
   * @param feature [.., C]
   * @param intervals the points
   * @param out [.., C]; cells of no interval become zero
   * @param stream a {@code cudaStream_t}; 0 on the CPU
   * @param threads of this call on the CPU, 1 to 4096; 0: {@link Bevel#threads()}
   */
  public static void forward(
      @Nullable TensorView depth,
      TensorView feature,
      BevPoolIntervals intervals,
      TensorView out,
      long stream,
      int threads) {
    OperatorCall.run(
        new ForwardCall(depth, feature, intervals, out).stream(stream).threads(threads),
        Native.FORWARD);
  }

  /**
   * Gradients on the CPU, with a workspace that is freed at the end; where backward is called
   * often, keep one.
   *
   * @param gradients the tensors
   * @param intervals the points, as in forward
   */
  public static void backward(Gradients gradients, BevPoolIntervals intervals) {
    run(new BackwardCall(gradients, intervals));
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
    backward(gradients, intervals, workspace, stream, 0);
  }

  /**
   * Gradients, as above.
   *
   * @param gradients the tensors
   * @param intervals the points, as in forward
   * @param workspace at least {@link #workspaceBytes}, or growable
   * @param stream a {@code cudaStream_t}; 0 on the CPU
   * @param threads of this call on the CPU, 1 to 4096; 0: {@link Bevel#threads()}
   */
  public static void backward(
      Gradients gradients,
      BevPoolIntervals intervals,
      Workspace workspace,
      long stream,
      int threads) {
    run(
        new BackwardCall(gradients, intervals)
            .workspace(workspace).stream(stream).threads(threads));
  }

  /**
   * Bytes of workspace that backward needs.
   *
   * @param gradients the tensors
   * @param intervals the points
   */
  public static long workspaceBytes(Gradients gradients, BevPoolIntervals intervals) {
    return WorkspaceCall.workspaceBytes(
        new BackwardCall(gradients, intervals), Native.BACKWARD_WORKSPACE);
  }

  private static void run(BackwardCall call) {
    WorkspaceCall.run(call, Native.BACKWARD_WORKSPACE, Native.BACKWARD);
  }

  /** The five index arrays stand in the same order in both structs. */
  private static void writeIntervals(Scratch scratch, long offset, BevPoolIntervals intervals) {
    scratch.setInput(offset, "ranks_depth", intervals.ranksDepth());
    scratch.setInput(offset + 8, "ranks_feature", intervals.ranksFeature());
    scratch.setInput(offset + 16, "ranks_bev", intervals.ranksBev());
    scratch.setInput(offset + 24, "interval_starts", intervals.intervalStarts());
    scratch.setInput(offset + 32, "interval_lengths", intervals.intervalLengths());
  }

  private static final class ForwardCall extends OperatorCall<ForwardCall> {
    private static final long INTERVALS = offset("ranks_depth");
    private static final long DEPTH = offset("depth");
    private static final long FEATURE = offset("feature");
    private static final long OUT = offset("out");

    private final @Nullable TensorView depth;
    private final TensorView feature;
    private final BevPoolIntervals intervals;
    private final TensorView out;

    ForwardCall(
        @Nullable TensorView depth,
        TensorView feature,
        BevPoolIntervals intervals,
        TensorView out) {
      super("bev_pool_forward");
      this.depth = depth;
      this.feature = Given.argument(feature, BevPool.class, "feature");
      this.intervals = Given.argument(intervals, BevPool.class, "intervals");
      this.out = Given.argument(out, BevPool.class, "out");
    }

    @Override
    long write(Scratch scratch, @Nullable TensorView workspace) {
      long params = params(scratch, BevPoolLayouts.FORWARD);
      scratch.setInput(params + DEPTH, "depth", depth);
      scratch.setInput(params + FEATURE, "feature", feature);
      writeIntervals(scratch, params + INTERVALS, intervals);
      scratch.setOutput(params + OUT, "out", out);
      return scratch.address(params);
    }

    private static long offset(String field) {
      return Layouts.offset(BevPoolLayouts.FORWARD, field);
    }
  }

  private static final class BackwardCall extends WorkspaceCall<BackwardCall> {
    private static final long INTERVALS = offset("ranks_depth");
    private static final long GRAD_OUT = offset("grad_out");
    private static final long DEPTH = offset("depth");
    private static final long FEATURE = offset("feature");
    private static final long GRAD_DEPTH = offset("grad_depth");
    private static final long GRAD_FEATURE = offset("grad_feature");
    private static final long WORKSPACE = offset("workspace");

    private final Gradients gradients;
    private final BevPoolIntervals intervals;

    BackwardCall(Gradients gradients, BevPoolIntervals intervals) {
      super("bev_pool_backward");
      this.gradients = Given.argument(gradients, BevPool.class, "gradients");
      this.intervals = Given.argument(intervals, BevPool.class, "intervals");
    }

    @Override
    Device device() {
      return gradients.gradOut.device();
    }

    @Override
    long write(Scratch scratch, @Nullable TensorView workspace) {
      long params = params(scratch, BevPoolLayouts.BACKWARD);
      scratch.setInput(params + GRAD_OUT, "grad_out", gradients.gradOut);
      scratch.setInput(params + DEPTH, "depth", gradients.depth);
      scratch.setInput(params + FEATURE, "feature", gradients.feature);
      writeIntervals(scratch, params + INTERVALS, intervals);
      scratch.setOutput(params + GRAD_DEPTH, "grad_depth", gradients.gradDepth);
      scratch.setOutput(params + GRAD_FEATURE, "grad_feature", gradients.gradFeature);
      scratch.setOutput(params + WORKSPACE, "workspace", workspace);
      return scratch.address(params);
    }

    private static long offset(String field) {
      return Layouts.offset(BevPoolLayouts.BACKWARD, field);
    }
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FORWARD = NativeFunction.of("bevel_bev_pool_forward", 8);
    static final NativeFunction BACKWARD_WORKSPACE =
        NativeFunction.of("bevel_bev_pool_backward_workspace", 10);
    static final NativeFunction BACKWARD = NativeFunction.of("bevel_bev_pool_backward", 11);
  }
}
