package dev.bevel.kernels;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.Supplier;

/** A small, valid call of each operator, for the tests of what all of them have in common. */
final class Operators {
  private Operators() {}

  /** A forward pass. */
  interface Forward {
    /** Runs it. */
    void run(TensorView out, CallSettings settings);
  }

  /** A backward pass that is asked for the gradient of the first input, or for none. */
  interface Backward {
    /** Runs it; null: no gradient is asked for. */
    void run(TensorView gradOut, TensorView gradient, CallSettings settings);
  }

  /** The bytes of workspace of the backward pass. */
  interface BackwardBytes {
    /** Asks for them. */
    long of(TensorView gradOut, TensorView gradient, CallSettings settings);
  }

  /** One operator with inputs. */
  record Operator(
      String name,
      long[] outShape,
      Supplier<TensorView> allocateOut,
      TensorView first,
      Forward forward,
      Backward backward,
      BackwardBytes backwardBytes) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static TensorView tensor(Arena arena, long... shape) {
    TensorView view = TensorView.allocate(arena, DType.FLOAT32, shape);
    for (long i = 0; i < view.elementCount(); i++) {
      view.segment().setAtIndex(java.lang.foreign.ValueLayout.JAVA_FLOAT, i, 0.25f + i % 7 / 16f);
    }
    return view;
  }

  private static TensorView ints(Arena arena, int... values) {
    return TensorView.copyOf(arena, values, values.length);
  }

  /** All operators with a backward pass. The plan is the caller's. */
  static List<Operator> all(Arena arena, LiftSplatPlan plan) {
    return List.of(
        msda(arena),
        deformAttn(arena),
        deformConv(arena),
        bevWarp(arena),
        multiViewSample(arena),
        bevPool(arena),
        liftSplat(arena, plan));
  }

  private static Operator msda(Arena arena) {
    MsdaInputs in =
        new MsdaInputs(
            tensor(arena, 1, 6, 2, 4),
            ValueLevels.of(2, 3),
            tensor(arena, 1, 5, 2, 1, 3, 2),
            tensor(arena, 1, 5, 2, 1, 3));
    return new Operator(
        "msda",
        Msda.outShape(in),
        () -> Msda.allocateOut(in),
        in.value(),
        (out, settings) -> Msda.forward(in, out, settings),
        (gradOut, gradient, settings) ->
            Msda.backward(in, gradOut, MsdaGradients.none().withValue(gradient), settings),
        (gradOut, gradient, settings) ->
            Msda.workspaceBytes(in, gradOut, MsdaGradients.none().withValue(gradient), settings));
  }

  private static Operator deformAttn(Arena arena) {
    DeformAttnInputs in =
        new DeformAttnInputs(
            tensor(arena, 1, 2, 6, 2, 4),
            ValueLevels.of(2, 3),
            tensor(arena, 1, 2, 5, 1, 2),
            tensor(arena, 1, 1, 5, 2, 1, 3, 2),
            tensor(arena, 1, 1, 5, 2, 1, 3));
    return new Operator(
        "deform_attn",
        DeformAttn.outShape(in),
        () -> DeformAttn.allocateOut(in),
        in.value(),
        (out, settings) -> DeformAttn.forward(in, out, settings),
        (gradOut, gradient, settings) ->
            DeformAttn.backward(
                in, gradOut, DeformAttnGradients.none().withValue(gradient), settings),
        (gradOut, gradient, settings) ->
            DeformAttn.workspaceBytes(
                in, gradOut, DeformAttnGradients.none().withValue(gradient), settings));
  }

  private static Operator deformConv(Arena arena) {
    DeformConvInputs in =
        new DeformConvInputs(
            tensor(arena, 1, 4, 5, 6),
            tensor(arena, 1, 18, 3, 3),
            tensor(arena, 1, 9, 3, 3),
            tensor(arena, 2, 4, 3, 3),
            DeformConvSettings.of(2, 1, 1));
    return new Operator(
        "deform_conv",
        DeformConv.outShape(in),
        () -> DeformConv.allocateOut(in),
        in.input(),
        (out, settings) -> DeformConv.forward(in, out, settings),
        (gradOut, gradient, settings) ->
            DeformConv.backward(
                in, gradOut, DeformConvGradients.none().withInput(gradient), settings),
        (gradOut, gradient, settings) ->
            DeformConv.workspaceBytes(
                in, gradOut, DeformConvGradients.none().withInput(gradient), settings));
  }

  private static Operator bevWarp(Arena arena) {
    WarpPositions positions =
        WarpPositions.grid(tensor(arena, 2, 3, 4, 2), WarpCoordinates.NORMALIZED);
    BevWarpInputs in = new BevWarpInputs(tensor(arena, 2, 5, 6, 7), positions);
    return new Operator(
        "bev_warp",
        BevWarp.outShape(in),
        () -> BevWarp.allocateOut(in),
        in.input(),
        (out, settings) -> BevWarp.forward(in, out, settings),
        (gradOut, gradient, settings) ->
            BevWarp.backward(in, gradOut, BevWarpGradients.none().withInput(gradient), settings),
        (gradOut, gradient, settings) ->
            BevWarp.workspaceBytes(
                in, gradOut, BevWarpGradients.none().withInput(gradient), settings));
  }

  private static Operator multiViewSample(Arena arena) {
    MultiViewSampleInputs in =
        MultiViewSampleInputs.located(
            List.of(tensor(arena, 1, 2, 3, 4, 8)),
            Layout.CHANNELS_LAST,
            tensor(arena, 1, 5, 3, 2, 2),
            tensor(arena, 1, 5, 2, 3, 1));
    return new Operator(
        "multi_view_sample",
        MultiViewSample.outShape(in),
        () -> MultiViewSample.allocateOut(in),
        in.features().getFirst(),
        (out, settings) -> MultiViewSample.forward(in, out, settings),
        (gradOut, gradient, settings) ->
            MultiViewSample.backward(
                in, gradOut, MultiViewSampleGradients.none().withFeatures(0, gradient), settings),
        (gradOut, gradient, settings) ->
            MultiViewSample.workspaceBytes(
                in, gradOut, MultiViewSampleGradients.none().withFeatures(0, gradient), settings));
  }

  private static Operator bevPool(Arena arena) {
    BevPoolIntervals intervals =
        new BevPoolIntervals(
            ints(arena, 0, 1, 2),
            ints(arena, 1, 0, 1),
            ints(arena, 3, 3, 5),
            ints(arena, 0, 2),
            ints(arena, 2, 1));
    BevPoolInputs in =
        new BevPoolInputs(tensor(arena, 2, 4), intervals).withDepth(tensor(arena, 3));
    return new Operator(
        "bev_pool",
        BevPool.outShape(in, 2, 3),
        () -> BevPool.allocateOut(in, 2, 3),
        in.feature(),
        (out, settings) -> BevPool.forward(in, out, settings),
        (gradOut, gradient, settings) ->
            BevPool.backward(in, gradOut, BevPoolGradients.none().withFeature(gradient), settings),
        (gradOut, gradient, settings) ->
            BevPool.workspaceBytes(
                in, gradOut, BevPoolGradients.none().withFeature(gradient), settings));
  }

  private static Operator liftSplat(Arena arena, LiftSplatPlan plan) {
    TensorView context = tensor(arena, plan.contextShape(3, Layout.CHANNELS_FIRST));
    LiftSplatInputs in =
        new LiftSplatInputs(plan, tensor(arena, plan.depthShape()), context)
            .withDepthKind(DepthKind.PROBABILITIES);
    return new Operator(
        "lift_splat",
        LiftSplat.outShape(in),
        () -> LiftSplat.allocateOut(in),
        context,
        (out, settings) -> LiftSplat.forward(in, out, settings),
        (gradOut, gradient, settings) ->
            LiftSplat.backward(
                in, gradOut, LiftSplatGradients.none().withContext(gradient), settings),
        (gradOut, gradient, settings) ->
            LiftSplat.workspaceBytes(
                in, gradOut, LiftSplatGradients.none().withContext(gradient), settings));
  }
}
