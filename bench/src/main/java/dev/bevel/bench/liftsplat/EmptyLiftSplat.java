package dev.bevel.bench.liftsplat;

import dev.bevel.bench.PermanentPointers;
import dev.bevel.bench.VerificationException;
import dev.bevel.javacpp.JavaCpp;
import dev.bevel.javacpp.Pointers;
import dev.bevel.javacpp.abi.BevelAbi;
import dev.bevel.javacpp.abi.DLTensor;
import dev.bevel.javacpp.abi.bevel_lift_splat_forward_params;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.DepthKind;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.LiftSplat;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.LiftSplatInputs;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.kernels.TensorView;
import java.lang.foreign.Arena;
import java.util.Locale;
import java.util.function.Function;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/** Lift-splat forward of a batch of no elements: a call without work, by Panama and JavaCPP. */
public final class EmptyLiftSplat implements AutoCloseable {
  private static final int CAMERAS = 6;
  private static final int CHANNELS = 64;

  private final Arena arena = Arena.ofShared();
  private final LiftSplatPlan plan;
  private final TensorView depth;
  private final TensorView context;
  private final TensorView out;
  private final TensorView workspace;
  private final LiftSplatInputs inputs;
  private final PermanentPointers owned = new PermanentPointers();

  /** The null pointer: the CPU. */
  private final Pointer noStream = owned.own(Pointer::new);

  private final bevel_lift_splat_forward_params prepared;
  private final long[] bytes = new long[1];

  /** Makes the plan and the tensors. */
  public EmptyLiftSplat() {
    JavaCpp.initialize();
    LiftSplatShape shape = LiftSplatShape.BEVDET;
    plan =
        LiftSplatPlan.build(
            LiftSplatGeometry.builder()
                .batch(0)
                .cameras(CAMERAS)
                .depth(shape.depthBins(), shape.depthStart(), shape.depthStep())
                .featureSize(shape.height(), shape.width())
                .imageSize(256, 704)
                .grid(shape.grid())
                .intrinsics(new double[0])
                .cameraToBev(new double[0])
                .build());
    depth = tensor(plan.depthShape());
    context = tensor(plan.contextShape(CHANNELS, Layout.CHANNELS_LAST));
    out = tensor(plan.outShape(CHANNELS, Layout.CHANNELS_LAST));
    inputs =
        new LiftSplatInputs(plan, depth, context)
            .withDepthKind(DepthKind.PROBABILITIES)
            .withContextLayout(Layout.CHANNELS_LAST)
            .withOutLayout(Layout.CHANNELS_LAST);
    workspace = TensorView.allocate(arena, DType.UINT8, LiftSplat.workspaceBytes(inputs, out));
    prepared = owned.own(() -> describe(view -> owned.own(() -> Pointers.descriptor(view))));
  }

  /** Calls it through {@code dev.bevel.kernels}. */
  public void panama() {
    LiftSplat.forward(inputs, out);
  }

  /** Calls it through {@code dev.bevel.javacpp}, describing the tensors anew. */
  @SuppressWarnings("try") // the scope is there to be closed
  public void javacpp() {
    try (PointerScope scope = new PointerScope()) {
      call(describe(Pointers::descriptor));
    }
  }

  /** Calls it through {@code dev.bevel.javacpp} with tensors described before. */
  public void javacppPrepared() {
    call(prepared);
  }

  private void call(bevel_lift_splat_forward_params params) {
    check(BevelAbi.bevel_lift_splat_forward_workspace(params, bytes));
    check(BevelAbi.bevel_lift_splat_forward(params, noStream));
  }

  private static void check(int status) {
    if (status != BevelAbi.BEVEL_OK) {
      throw new VerificationException(
          String.format(
              Locale.ROOT,
              "javacpp: status %d, %s",
              status,
              BevelAbi.bevel_last_error().getString()));
    }
  }

  private bevel_lift_splat_forward_params describe(Function<TensorView, DLTensor> descriptor) {
    bevel_lift_splat_forward_params params = new bevel_lift_splat_forward_params();
    return params
        .struct_size(params.sizeof())
        .plan(descriptor.apply(plan.memory()))
        .depth(descriptor.apply(depth))
        .context(descriptor.apply(context))
        .out(descriptor.apply(out))
        .workspace(descriptor.apply(workspace))
        .depth_kind(DepthKind.PROBABILITIES.value())
        .context_layout(Layout.CHANNELS_LAST.value())
        .out_layout(Layout.CHANNELS_LAST.value());
  }

  private TensorView tensor(long[] shape) {
    return TensorView.allocate(arena, DType.FLOAT32, shape);
  }

  @Override
  public void close() {
    owned.close();
    plan.close();
    arena.close();
  }
}
