package dev.bevel.javacpp;

import static dev.bevel.kernels.BevGrid.Axis.range;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.bevel.kernels.BevGrid;
import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.LiftSplat;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.kernels.TensorView;
import java.lang.foreign.Arena;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * The cuDNN example on a machine with a GPU, against the same on the CPU; elsewhere what is missing
 * is said.
 */
class CudnnExampleTest {
  private static final int CHANNELS = 16;
  private static final int OUTPUTS = 5;
  private static final int SIZE = 64;

  @Test
  void poolsAndConvolvesOnOneStream() {
    Optional<String> missing = CudaInterop.unavailable();
    assumeTrue(
        missing.isEmpty(), () -> "no CUDA through Bytedeco's presets: " + missing.orElseThrow());
    assumeTrue(
        Bevel.capabilities().cudaUsable(),
        () -> "no CUDA in Bevel: " + Bevel.capabilities().cudaReason());
    LiftSplatGeometry geometry =
        LiftSplatGeometry.builder()
            .grid(BevGrid.of(range(-25.6, 25.6, 0.8), range(-25.6, 25.6, 0.8), range(-5, 3, 8)))
            .depth(30, 1, 1)
            .imageSize(256, 704)
            .featureSize(16, 44)
            .intrinsics(new double[] {557, 0, 352, 0, 557, 128, 0, 0, 1})
            .cameraToBev(new double[] {0, 0, 1, 1.5, -1, 0, 0, 0, 0, -1, 0, 1.6, 0, 0, 0, 1})
            .build();
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(geometry)) {
      TensorView depth = random(arena, 1, plan.depthShape());
      TensorView context = random(arena, 2, plan.contextShape(CHANNELS, Layout.CHANNELS_FIRST));
      TensorView weights = random(arena, 3, OUTPUTS, CHANNELS, 3, 3);
      float[] map = new float[CHANNELS * SIZE * SIZE];
      TensorView out =
          TensorView.copyOf(arena, map, plan.outShape(CHANNELS, Layout.CHANNELS_FIRST));
      LiftSplat.forward(plan, depth, context, out);

      float[] convolved = CudnnExample.run(geometry, depth, context, weights, arena).toFloatArray();

      float[] expected = convolve(out.toFloatArray(), weights.toFloatArray());
      for (int i = 0; i < expected.length; i++) {
        assertThat(convolved[i])
            .as("element %d", i)
            .isCloseTo(expected[i], within(1e-4f * (1 + Math.abs(expected[i]))));
      }
    }
  }

  @Test
  void whatIsMissingIsSaid() {
    Optional<String> missing = CudaInterop.unavailable();
    assumeTrue(missing.isPresent(), "CUDA can be used here: nothing is missing");
    assertThat(missing.orElseThrow()).containsAnyOf("native files of org.bytedeco:cuda", "CUDA: ");
  }

  private static TensorView random(Arena arena, long seed, long... shape) {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    Random random = new Random(seed);
    float[] values = new float[(int) count];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return TensorView.copyOf(arena, values, shape);
  }

  private static float[] convolve(float[] map, float[] weights) {
    float[] result = new float[OUTPUTS * SIZE * SIZE];
    for (int i = 0; i < result.length; i++) {
      int row = i / SIZE % SIZE;
      int column = i % SIZE;
      double sum = 0;
      for (int c = 0; c < CHANNELS; c++) {
        for (int k = 0; k < 9; k++) {
          int r = row + k / 3 - 1;
          int s = column + k % 3 - 1;
          if (r >= 0 && r < SIZE && s >= 0 && s < SIZE) {
            sum +=
                map[(c * SIZE + r) * SIZE + s]
                    * weights[(i / (SIZE * SIZE) * CHANNELS + c) * 9 + k];
          }
        }
      }
      result[i] = (float) sum;
    }
    return result;
  }
}
