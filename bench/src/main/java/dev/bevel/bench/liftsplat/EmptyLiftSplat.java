package dev.bevel.bench.liftsplat;

import dev.bevel.kernels.BevGrid;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.DepthKind;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.LiftSplat;
import dev.bevel.kernels.LiftSplatForward;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.kernels.TensorView;
import java.lang.foreign.Arena;

/** Lift-splat forward of a batch of no elements: a call without work. */
public final class EmptyLiftSplat implements AutoCloseable {
  private static final int CHANNELS = 64;

  private final Arena arena = Arena.ofShared();
  private final LiftSplatPlan plan;
  private final LiftSplatForward call;

  /**
   * @param rig gives the number of cameras
   */
  public EmptyLiftSplat(CameraRig rig) {
    LiftSplatShape shape = LiftSplatShape.BEVDET;
    BevGrid grid = shape.grid();
    plan =
        LiftSplatPlan.build(
            LiftSplatGeometry.builder()
                .batch(0)
                .cameras(rig.cameras().size())
                .depth(shape.depthBins(), shape.depthStart(), shape.depthStep())
                .featureSize(shape.height(), shape.width())
                .imageSize(256, 704)
                .grid(grid)
                .intrinsics(new double[0])
                .cameraToBev(new double[0])
                .build());
    call =
        new LiftSplatForward(
                plan,
                tensor(plan.depthShape()),
                tensor(plan.contextShape(CHANNELS, Layout.CHANNELS_LAST)),
                tensor(plan.outShape(CHANNELS, Layout.CHANNELS_LAST)))
            .depthKind(DepthKind.PROBABILITIES)
            .contextLayout(Layout.CHANNELS_LAST)
            .outLayout(Layout.CHANNELS_LAST);
  }

  /** Calls it through {@code dev.bevel.kernels}. */
  public void panama() {
    LiftSplat.forward(call);
  }

  private TensorView tensor(long[] shape) {
    return TensorView.allocate(arena, DType.FLOAT32, shape);
  }

  @Override
  public void close() {
    plan.close();
    arena.close();
  }
}
