package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

/** The matrices of BEVDet4D and BEVFormer by what they must do to points. */
class WarpMatrixTest {
  private static final BevGrid GRID =
      BevGrid.of(
          BevGrid.Axis.range(-8, 8, 1),
          BevGrid.Axis.range(-6, 6, 0.5),
          BevGrid.Axis.range(-10, 10, 20));

  private static double[] position(WarpMatrix m, double column, double row) {
    return new double[] {
      m.a() * column + m.b() * row + m.c(), m.d() * column + m.e() * row + m.f()
    };
  }

  /** A pose turned about the vertical axis. */
  private static double[] pose(double yaw, double x, double y) {
    return WarpMatrix.pose(
        new double[] {Math.cos(yaw), -Math.sin(yaw), 0, Math.sin(yaw), Math.cos(yaw), 0, 0, 0, 1},
        new double[] {x, y, 1.5});
  }

  @Test
  void aCarThatStandsStillReadsEachCellWhereItIs() {
    double[] pose = pose(0.7, 3, -2);
    WarpMatrix warp = WarpMatrix.betweenFrames(pose, pose, GRID);
    assertThat(position(warp, 5, 9)).containsExactly(new double[] {5, 9}, within(1e-12));
  }

  /** A camera pose that is 3 m and 1 m further on reads cells 3 / 1 and 1 / 0.5 further on. */
  @Test
  void aStraightMotionShiftsByItsCells() {
    WarpMatrix warp = WarpMatrix.betweenFrames(pose(0, 3, 1), pose(0, 0, 0), GRID);
    assertThat(position(warp, 4, 7)).containsExactly(new double[] {7, 9}, within(1e-12));
    WarpMatrix rows =
        WarpMatrix.betweenFrames(pose(0, 3, 1), pose(0, 0, 0), GRID.withRowAxis(RowAxis.X));
    assertThat(position(rows, 7, 4)).containsExactly(new double[] {9, 7}, within(1e-12));
  }

  /** The index of a cell stands for the metres lower + index · size, which M carries over. */
  @Test
  void aTurnCarriesMetresOver() {
    double[] current = pose(0.3, 1, 2);
    double[] adjacent = pose(-0.2, -0.5, 0.25);
    WarpMatrix warp = WarpMatrix.betweenFrames(current, adjacent, GRID);
    double column = 6;
    double row = 15;
    double x = -8 + column;
    double y = -6 + 0.5 * row;
    // M = current · adjacent⁻¹: out of the adjacent pose, into the current one.
    double dx = x + 0.5;
    double dy = y - 0.25;
    double turn = 0.5;
    double mx = Math.cos(turn) * dx - Math.sin(turn) * dy + 1;
    double my = Math.sin(turn) * dx + Math.cos(turn) * dy + 2;
    assertThat(position(warp, column, row))
        .containsExactly(new double[] {mx + 8, (my + 6) / 0.5}, within(1e-12));
  }

  /**
   * A quarter turn counter-clockwise about the middle of 4 × 4 pixels, (2, 2) as torchvision
   * counts: the upper right pixel comes to the upper left.
   */
  @Test
  void aRotationTurnsCounterClockwise() {
    WarpMatrix turn = WarpMatrix.rotation(90, 2, 2);
    assertThat(position(turn, 0, 0)).containsExactly(new double[] {3, 0}, within(1e-12));
    assertThat(position(turn, 3, 0)).containsExactly(new double[] {3, 3}, within(1e-12));
  }

  @Test
  void aRotationKeepsItsCentre() {
    WarpMatrix turn = WarpMatrix.rotation(17, 100, 100);
    assertThat(position(turn, 99.5, 99.5))
        .containsExactly(new double[] {99.5, 99.5}, within(1e-10));
  }

  @Test
  void anInverseUndoes() {
    WarpMatrix warp = new WarpMatrix(0.9, -0.2, 3, 0.4, 1.1, -7);
    double[] there = position(warp, 5, 6);
    assertThat(position(warp.inverse(), there[0], there[1]))
        .containsExactly(new double[] {5, 6}, within(1e-12));
    assertThatThrownBy(() -> new WarpMatrix(1, 2, 0, 2, 4, 0).inverse())
        .isInstanceOf(BevelException.class)
        .hasMessageContaining("has no inverse");
  }

  @Test
  void badPosesAreRefused() {
    assertThatThrownBy(() -> WarpMatrix.betweenFrames(new double[12], pose(0, 0, 0), GRID))
        .isInstanceOf(BevelException.class)
        .hasMessageContaining("current must have 16 numbers, got 12");
    assertThatThrownBy(() -> WarpMatrix.betweenFrames(pose(0, 0, 0), new double[16], GRID))
        .isInstanceOf(BevelException.class)
        .hasMessageContaining("adjacent must be a pose that can be inverted");
    assertThatThrownBy(() -> WarpMatrix.pose(new double[8], new double[3]))
        .isInstanceOf(BevelException.class)
        .hasMessageContaining("rotation must have 9 numbers, got 8");
  }

  @Test
  void floatsAreRowMajor() {
    assertThat(WarpMatrix.floats(List.of(WarpMatrix.shift(2, 3), new WarpMatrix(1, 2, 3, 4, 5, 6))))
        .containsExactly(1, 0, 2, 0, 1, 3, 1, 2, 3, 4, 5, 6);
  }
}
