package dev.bevel.examples;

import static dev.bevel.kernels.BevGrid.Axis.range;

import dev.bevel.kernels.*;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Locale;

/** Pools a bird's-eye-view map from one camera, with bevel-kernels alone. */
public final class EmbeddingExample {
  public static void main(String[] arguments) {
    LiftSplatGeometry geometry =
        LiftSplatGeometry.builder()
            .grid(BevGrid.of(range(-51.2, 51.2, 0.8), range(-51.2, 51.2, 0.8), range(-5, 3, 8)))
            .depth(59, 1, 1) // 59 bins, 1 m to 59 m
            .imageSize(256, 704)
            .featureSize(16, 44) // the image at stride 16
            .intrinsics(new double[] {557, 0, 352, 0, 557, 128, 0, 0, 1})
            .cameraToBev(new double[] {0, 0, 1, 1.5, -1, 0, 0, 0, 0, -1, 0, 1.6, 0, 0, 0, 1})
            .build();
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(geometry)) {
      float[] features = new float[64 * 16 * 44]; // 64 channels from your image network
      Arrays.fill(features, 1);
      TensorView context =
          TensorView.copyOf(arena, features, plan.contextShape(64, Layout.CHANNELS_FIRST));
      TensorView depthLogits = TensorView.allocate(arena, DType.FLOAT32, plan.depthShape());
      TensorView map =
          TensorView.allocate(arena, DType.FLOAT32, plan.outShape(64, Layout.CHANNELS_FIRST));
      LiftSplat.forward(plan, depthLogits, context, map);
      System.out.printf(
          Locale.ROOT,
          "%s: %d points in %d cells%n",
          map,
          plan.info().points(),
          plan.info().filledCells());
    }
  }
}
