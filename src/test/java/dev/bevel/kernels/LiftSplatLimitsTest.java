package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.kernels.BevGrid.Axis;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Sizes that a plan's 32-bit indices cannot hold are refused by a sentence, the largest are not.
 */
class LiftSplatLimitsTest {
  @Test
  void pointsUpToTheLimit() {
    // 2979 · 217 · 1661 = 2³⁰ − 1.
    LiftSplatPlan.Size size = size(1, 1, 2979, 217, 1661, 128, 128);
    assertThat(size.planElements()).isGreaterThan(1L << 32);
    assertThat(size.workspaceBytes()).isGreaterThan(1L << 33);
  }

  @Test
  void cellsUpToTheLimit() {
    // 2 · 1073741823 = 2³¹ − 2.
    assertThat(size(2, 1, 1, 1, 1, 1073741823, 1).planElements()).isGreaterThan((1L << 31) - 2);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1024, 64, 16384, 'number of frustum points must be 0 to 1073741823, got 1073741824'",
    "2, 3, 65535, 255, 1073741823, 'number of frustum points must be 0 to 1073741823, got 107662535666566650'",
    "2147483647, 2147483647, 65535, 255, 2147483647, frustum points pass 2^63 - 1"
  })
  void morePointsAreRefused(
      long batch, long cameras, long bins, long rows, long columns, String message) {
    assertThatThrownBy(() -> size(batch, cameras, bins, rows, columns, 1, 1))
        .isInstanceOf(BevelException.class)
        .hasMessage("lift_splat_plan_size: " + message)
        .extracting(e -> ((BevelException) e).status())
        .isEqualTo(Status.INVALID_ARGUMENT);
  }

  @ParameterizedTest
  @CsvSource({"1, 46341, 46341", "2, 1073741824, 1", "3, 2147483647, 2147483647"})
  void moreCellsAreRefused(long batch, int xCells, int yCells) {
    assertThatThrownBy(() -> size(batch, 1, 1, 1, 1, xCells, yCells))
        .isInstanceOf(BevelException.class)
        .hasMessageContaining("lift_splat_plan_size: ")
        .hasMessageContaining("grid cells");
  }

  @ParameterizedTest
  @CsvSource({
    "65536, 1, 1, depthBins must be 1 to 65535",
    "1, 256, 1, 'featureSize must have 1 to 255 rows and 1 column or more, got 256 x 1;'",
    "1, 1, 2147483648, width must be 1 to 2147483647"
  })
  void whatIsPackedIntoARunHasALimit(long bins, long rows, long columns, String message) {
    assertThatThrownBy(() -> size(1, 1, bins, rows, columns, 1, 1))
        .isInstanceOf(BevelException.class)
        .hasMessageContaining(message);
  }

  @Test
  void forwardRefusesMorePointsThanThePlanHas() {
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan =
            LiftSplatPlan.build(
                new LiftSplatScene(
                        1,
                        new int[] {1, 1, 2, 2, 2, 1},
                        LiftSplatScene.grid(1, CellRounding.TRUNC, RowAxis.Y))
                    .withMatrices())) {
      TensorView small =
          TensorView.allocate(arena, DType.FLOAT32, plan.outShape(1, Layout.CHANNELS_FIRST));
      // Nobody reads it: the sizes are refused before.
      TensorView depth =
          TensorView.ofAddress(small.address(), DType.FLOAT32, Device.CPU, 1, 1, 1024, 64, 16384);
      TensorView context =
          TensorView.ofAddress(small.address(), DType.FLOAT32, Device.CPU, 1, 1, 1, 64, 16384);
      assertThatThrownBy(() -> LiftSplat.forward(plan, depth, context, small))
          .isInstanceOf(BevelException.class)
          .hasMessageContaining(
              "depth must be [1, 1, 2, 2, 2] to match the plan, got [1, 1, 1024, 64, 16384]");
    }
  }

  private static LiftSplatPlan.Size size(
      long batch, long cameras, long bins, long rows, long columns, int xCells, int yCells) {
    // An empty cells tensor: sizes are looked at first.
    TensorView cells =
        TensorView.ofAddress(
            64, DType.INT32, Device.CPU, clipped(batch, cameras, bins, rows, columns));
    return LiftSplatPlan.size(
        LiftSplatGeometry.builder()
            .batch(batch)
            .cameras(cameras)
            .depth(bins, 1, 1)
            .featureSize(rows, columns)
            .grid(BevGrid.of(new Axis(0, 1, xCells), new Axis(0, 1, yCells), new Axis(0, 1, 1)))
            .cells(cells)
            .build(),
        PoolingMethod.COLUMNS,
        0,
        Device.Type.CPU);
  }

  /** The shape, or an empty one where its elements cannot be counted. */
  private static long[] clipped(long... shape) {
    long count = 1;
    for (long size : shape) {
      if (Long.MAX_VALUE / 4 / count < size) {
        return new long[] {0};
      }
      count *= size;
    }
    return shape;
  }
}
