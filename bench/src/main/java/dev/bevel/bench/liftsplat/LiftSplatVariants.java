package dev.bevel.bench.liftsplat;

import static dev.bevel.bench.BenchmarkReport.BEVEL;

import dev.bevel.bench.CameraRig;
import dev.bevel.bench.PeerLibrary.LoopOrder;
import dev.bevel.bench.Variant;
import dev.bevel.bench.VerificationException;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.kernels.LiftSplatPlanInfo;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Locale;

/** Everybody who computes one {@link LiftSplatProblem}, and the reference they must agree with. */
public final class LiftSplatVariants implements AutoCloseable {
  /** One run of a plan: cell, bin and rows; the least that must be written for it. */
  private static final long RUN_BYTES = 8;

  private static final String LIBTORCH = "libtorch";
  private static final String LOOP = "interval_loop";
  private static final String LOOP_BY_POINT = "interval_loop_by_point";
  private static final String FROM_LOGITS = "bevel_logits";
  private static final String CHANNELS_FIRST = "bevel_channels_first";
  private static final String AFTER_LIBTORCH = "bevel_after_libtorch";

  private final LiftSplatProblem problem;
  private final LiftSplatReference reference;
  private final LibTorchLiftSplat libTorch;
  private final LibTorchPreparation preparation;
  private final IntervalLoop loop;

  /**
   * @param shape sizes
   * @param rig cameras
   * @param seed of the inputs
   */
  public LiftSplatVariants(LiftSplatShape shape, CameraRig rig, long seed) {
    problem = new LiftSplatProblem(shape, rig, seed);
    reference = new LiftSplatReference(problem);
    libTorch = new LibTorchLiftSplat(problem);
    preparation = new LibTorchPreparation(problem);
    loop = new IntervalLoop(problem);
  }

  /** The inputs. */
  LiftSplatProblem problem() {
    return problem;
  }

  /** Runs a variant once over results filled with NaN, and checks what it wrote. */
  public void verify(Variant variant) {
    problem.poisonResults();
    variant.call().run();
    variant.verify().run();
  }

  /** Maps from probabilities or logits. */
  public List<Variant> forward() {
    FeatureMaps out = problem.out();
    long bytes = problem.forwardBytes(DType.FLOAT32);
    Runnable fromProbabilities = problem.forward();
    Runnable fromLogits = problem.forwardFromLogits();
    Runnable channelsFirst = problem.forwardChannelsFirst();
    Runnable bfloat16 = problem.forwardBfloat16();
    return List.of(
        Variant.fp32(BEVEL, bytes, fromProbabilities, () -> reference.checkOut(BEVEL, out::atLast)),
        Variant.fp32(
            LIBTORCH,
            bytes,
            libTorch::forward,
            () -> {
              float[] result = libTorch.result();
              reference.checkOut(LIBTORCH, i -> result[i]);
            }),
        Variant.fp32(
                LOOP,
                bytes,
                () -> loop.forward(LoopOrder.CHANNEL_POINT),
                () -> reference.checkOut(LOOP, out::atLast))
            .onOneThread(),
        Variant.fp32(
                LOOP_BY_POINT,
                bytes,
                () -> loop.forward(LoopOrder.POINT_CHANNEL),
                () -> reference.checkOut(LOOP_BY_POINT, out::atLast))
            .onOneThread(),
        Variant.fp32(
            FROM_LOGITS,
            bytes,
            fromLogits,
            () -> reference.checkOutFromLogits(FROM_LOGITS, out::atLast)),
        Variant.fp32(
            CHANNELS_FIRST,
            bytes,
            channelsFirst,
            () -> reference.checkOut(CHANNELS_FIRST, out::atFirst)),
        Variant.fp32(
                AFTER_LIBTORCH,
                bytes,
                fromProbabilities,
                () -> reference.checkOut(AFTER_LIBTORCH, out::atLast))
            .after(libTorch::elementwise),
        Variant.fp32(
                BEVEL,
                problem.forwardBytes(DType.BFLOAT16),
                bfloat16,
                () -> reference.checkOutBfloat16("bevel in bf16", out::atBfloat16))
            .in("bf16"));
  }

  /** Gradients of probabilities or logits, and context. */
  public List<Variant> backward() {
    FeatureMaps context = problem.gradContext();
    LiftSplatReference.Actual depth = this::gradDepthAt;
    long bytes = problem.backwardBytes();
    Runnable toProbabilities = problem.backward();
    Runnable toLogits = problem.backwardToLogits();
    Runnable channelsFirst = problem.backwardChannelsFirst();
    return List.of(
        Variant.fp32(
            BEVEL,
            bytes,
            toProbabilities,
            () -> reference.checkGradients(BEVEL, depth, context::atLast)),
        Variant.fp32(
            LIBTORCH,
            bytes,
            libTorch::backward,
            () -> {
              float[][] result = libTorch.gradientValues();
              reference.checkGradients(LIBTORCH, i -> result[0][i], i -> result[1][i]);
            }),
        Variant.fp32(
                LOOP,
                bytes,
                () -> loop.backward(LoopOrder.CHANNEL_POINT),
                () -> reference.checkGradients(LOOP, depth, context::atLast))
            .onOneThread(),
        Variant.fp32(
                LOOP_BY_POINT,
                bytes,
                () -> loop.backward(LoopOrder.POINT_CHANNEL),
                () -> reference.checkGradients(LOOP_BY_POINT, depth, context::atLast))
            .onOneThread(),
        Variant.fp32(
            FROM_LOGITS,
            bytes,
            toLogits,
            () -> reference.checkLogitGradients(FROM_LOGITS, depth, context::atLast)),
        Variant.fp32(
            CHANNELS_FIRST,
            bytes,
            channelsFirst,
            () -> reference.checkGradients(CHANNELS_FIRST, depth, context::atFirst)));
  }

  /** Maps from probabilities, and then the gradients: what a training step pays. */
  public List<Variant> forwardBackward() {
    FeatureMaps out = problem.out();
    FeatureMaps context = problem.gradContext();
    long bytes = problem.forwardBytes(DType.FLOAT32) + problem.backwardBytes();
    Runnable forward = problem.forward();
    Runnable backward = problem.backward();
    return List.of(
        Variant.fp32(
            BEVEL,
            bytes,
            () -> {
              forward.run();
              backward.run();
            },
            () -> {
              reference.checkOut(BEVEL, out::atLast);
              reference.checkGradients(BEVEL, this::gradDepthAt, context::atLast);
            }),
        Variant.fp32(
            LIBTORCH,
            bytes,
            libTorch::forwardBackward,
            () -> {
              float[][] result = libTorch.forwardBackwardValues();
              reference.checkOut(LIBTORCH, i -> result[0][i]);
              reference.checkGradients(LIBTORCH, i -> result[1][i], i -> result[2][i]);
            }));
  }

  private float gradDepthAt(int index) {
    return problem.gradDepth().segment().getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }

  /** Plan or ranks from the geometry. */
  public List<Variant> planning() {
    long bytes = RUN_BYTES * problem.plan().info().runs();
    return List.of(
        Variant.fp32(
                BEVEL,
                bytes,
                () -> LiftSplatPlan.build(problem.geometry()).close(),
                () -> {
                  try (LiftSplatPlan plan = LiftSplatPlan.build(problem.geometry())) {
                    checkPlan(plan.info());
                  }
                })
            .in("int32"),
        Variant.fp32(
                "libtorch_argsort",
                bytes,
                preparation::prepare,
                () -> preparation.verify(problem.plan().info()))
            .in("int32"));
  }

  /** What a plan holds is verified by forward and backward; here that every build is the same. */
  private void checkPlan(LiftSplatPlanInfo info) {
    IntervalRanks ranks = IntervalRanks.byCell(problem.shape(), problem.cells());
    if (!info.equals(problem.plan().info())
        || info.points() != ranks.bev().length
        || info.filledCells() != ranks.starts().length) {
      throw new VerificationException(
          String.format(
              Locale.ROOT,
              "plan: expected %s with %d points in %d cells, got %s",
              problem.plan().info(),
              ranks.bev().length,
              ranks.starts().length,
              info));
    }
  }

  @Override
  public void close() {
    loop.close();
    preparation.close();
    libTorch.close();
    problem.close();
  }
}
