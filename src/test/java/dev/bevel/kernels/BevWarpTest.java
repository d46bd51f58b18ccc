package dev.bevel.kernels;

import static dev.bevel.kernels.TensorValues.assertClose;
import static dev.bevel.kernels.TensorValues.floats;
import static dev.bevel.kernels.TensorValues.reference;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.bench.bevwarp.BevWarpProblem;
import dev.bevel.bench.bevwarp.BevWarpShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Warps through the binding, against their definition in double. */
class BevWarpTest {
  private static final long SEED = 20261121;

  private static TensorView store(Arena arena, double[] values, long... shape) {
    MemorySegment memory = arena.allocateFrom(ValueLayout.JAVA_FLOAT, floats(values));
    return TensorView.of(memory, DType.FLOAT32, shape);
  }

  @ParameterizedTest
  @CsvSource({"false,false", "true,false", "false,true", "true,true"})
  void agreesWithTheDefinition(boolean channelsLast, boolean byGrid) {
    BevWarpShape shape = new BevWarpShape(3, 7, 21, 26, channelsLast);
    BevWarpProblem problem = new BevWarpProblem(shape, SEED);
    double[] maps = problem.maps();
    double[] gradients = problem.maps();
    double[] matrices = problem.matrices(true);
    double[] grid = problem.grid(problem.positions(matrices));
    try (Arena arena = Arena.ofConfined()) {
      WarpPositions positions =
          byGrid
              ? WarpPositions.grid(
                  store(arena, grid, 3, 21, 26, 2), WarpCoordinates.NORMALIZED_CORNERS)
              : WarpPositions.matrices(
                  store(arena, matrices, 3, 2, 3), WarpCoordinates.NORMALIZED_CORNERS);
      Layout layout = channelsLast ? Layout.CHANNELS_LAST : Layout.CHANNELS_FIRST;
      TensorView input = store(arena, maps, shape.mapShape());
      TensorView gradOut = store(arena, gradients, shape.mapShape());
      TensorView out = TensorView.allocate(arena, DType.FLOAT32, shape.mapShape());
      TensorView gradInput = TensorView.allocate(arena, DType.FLOAT32, shape.mapShape());
      TensorView gradGrid = TensorView.allocate(arena, DType.FLOAT32, 3, 21, 26, 2);
      BevWarpInputs inputs = new BevWarpInputs(input, positions).withLayout(layout);
      BevWarp.forward(inputs, out);
      BevWarpGradients gradientsOf =
          BevWarpGradients.none().withInput(gradInput).withGrid(byGrid ? gradGrid : null);
      CallSettings settings =
          CallSettings.DEFAULT.withDeterminism(byGrid ? Determinism.FAST : Determinism.STRICT);
      assertThat(BevWarp.workspaceBytes(inputs, gradOut, gradientsOf, settings)).isPositive();
      BevWarp.backward(inputs, gradOut, gradientsOf, settings);
      assertClose(
          TensorValues.doubles(out),
          reference(exact -> BevWarp.forward(inputs, exact), out.shape()),
          3e-5);
      assertClose(
          TensorValues.doubles(gradInput),
          reference(
              exact -> BevWarp.backward(inputs, gradOut, BevWarpGradients.none().withInput(exact)),
              out.shape()),
          3e-5);
      if (byGrid) {
        double[] expected =
            reference(
                exact -> BevWarp.backward(inputs, gradOut, BevWarpGradients.none().withGrid(exact)),
                gradGrid.shape());
        assertClose(TensorValues.doubles(gradGrid), expected, 1e-3);
      }
    }
  }

  /** BEVFormer's history is [H · W, C]: a quarter turn moves rows of channels and changes none. */
  @Test
  void aNearestQuarterTurnMovesPixels() {
    try (Arena arena = Arena.ofConfined()) {
      int size = 6;
      int channels = 5;
      double[] map = new Random(SEED).doubles((long) size * size * channels).toArray();
      TensorView input = store(arena, map, 1, size, size, channels);
      TensorView out = TensorView.allocate(arena, DType.FLOAT32, 1, size, size, channels);
      float[] turn = WarpMatrix.floats(List.of(WarpMatrix.rotation(90, size / 2.0, size / 2.0)));
      TensorView matrices =
          TensorView.of(arena.allocateFrom(ValueLayout.JAVA_FLOAT, turn), DType.FLOAT32, 1, 2, 3);
      WarpPositions positions =
          WarpPositions.matrices(matrices, WarpCoordinates.PIXELS).with(Interpolation.NEAREST);
      BevWarp.forward(new BevWarpInputs(input, positions).withLayout(Layout.CHANNELS_LAST), out);
      float[] turned = out.toFloatArray();
      for (int row = 0; row < size; row++) {
        for (int column = 0; column < size; column++) {
          for (int c = 0; c < channels; c++) {
            double expected = map[(column * size + size - 1 - row) * channels + c];
            assertThat(turned[(row * size + column) * channels + c]).isEqualTo((float) expected);
          }
        }
      }
    }
  }

  @Test
  void errorsNameTheArgument() {
    try (Arena arena = Arena.ofConfined()) {
      TensorView map = TensorView.allocate(arena, DType.FLOAT32, 2, 3, 4, 5);
      TensorView out = TensorView.allocate(arena, DType.FLOAT32, 2, 3, 4, 5);
      TensorView matrices = TensorView.allocate(arena, DType.FLOAT32, 3, 2, 3);
      WarpPositions positions = WarpPositions.matrices(matrices, WarpCoordinates.PIXELS);
      assertThatThrownBy(() -> BevWarp.forward(new BevWarpInputs(map, positions), out))
          .isInstanceOf(BevelException.class)
          .hasMessageContaining(
              "bev_warp_forward: matrices must be [2, 2, 3] to match input, got [3, 2, 3]");
      assertThatThrownBy(
              () ->
                  BevWarp.backward(new BevWarpInputs(map, positions), out, BevWarpGradients.none()))
          .isInstanceOf(BevelException.class)
          .hasMessageContaining("bev_warp_backward: no gradient is asked for");
    }
  }
}
