package dev.bevel.cli;

import static dev.bevel.kernels.BevGrid.Axis.range;

import dev.bevel.kernels.BevGrid;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.LiftSplat;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.kernels.TensorView;
import dev.bevel.nuscenes.Counted;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Locale;

/** Pools a map whose sum is known. */
final class KernelCheck {
  private static final int CHANNELS = 8;
  private static final int PIXELS = 4 * 6;

  private KernelCheck() {}

  /**
   * Lifts a feature of ones through one forward camera, every point of which lies on the grid: the
   * map's sum must be the number of pixels times channels, since each pixel's depth probabilities
   * add up to one.
   *
   * @return a sentence for people
   * @throws IllegalStateException if the sum is wrong
   */
  static String run() {
    LiftSplatGeometry geometry =
        LiftSplatGeometry.builder()
            .grid(BevGrid.of(range(0, 64, 1), range(-64, 64, 1), range(-64, 64, 128)))
            .depth(40, 1, 1)
            .imageSize(64, 96)
            .featureSize(4, 6)
            .intrinsics(new double[] {60, 0, 48, 0, 60, 32, 0, 0, 1})
            .cameraToBev(new double[] {0, 0, 1, 1, -1, 0, 0, 0, 0, -1, 0, 1.5, 0, 0, 0, 1})
            .build();
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(geometry)) {
      float[] ones = new float[CHANNELS * PIXELS];
      Arrays.fill(ones, 1);
      TensorView context =
          TensorView.copyOf(arena, ones, plan.contextShape(CHANNELS, Layout.CHANNELS_FIRST));
      TensorView logits = TensorView.allocate(arena, DType.FLOAT32, plan.depthShape());
      long[] shape = plan.outShape(CHANNELS, Layout.CHANNELS_FIRST);
      MemorySegment memory =
          arena.allocate(ValueLayout.JAVA_FLOAT, Arrays.stream(shape).reduce(1, (a, b) -> a * b));
      TensorView map = TensorView.of(memory, DType.FLOAT32, shape);
      LiftSplat.forward(plan, logits, context, map);
      double sum =
          memory
              .elements(ValueLayout.JAVA_FLOAT)
              .mapToDouble(s -> s.get(ValueLayout.JAVA_FLOAT, 0))
              .sum();
      if (!(Math.abs(sum - CHANNELS * PIXELS) < 1e-3)) {
        throw new IllegalStateException(
            String.format(
                Locale.ROOT, "lift_splat: a map must sum to %d, got %s", CHANNELS * PIXELS, sum));
      }
      return "lift_splat pools " + Counted.of(plan.info().points(), "point") + " right";
    }
  }
}
