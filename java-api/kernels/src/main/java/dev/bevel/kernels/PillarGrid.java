package dev.bevel.kernels;

import java.util.Locale;

/**
 * A BEV grid of pillars, one a query of BEVFormer: query {@code row · columns + column} stands at
 * the centre of its cell, and its anchors are spread evenly in height, the lowest and the highest
 * half a metre from the range's ends.
 *
 * @param rows cells along y
 * @param columns cells along x
 * @param anchors points of a pillar, 1 to 256
 * @param range the box that they fill
 */
public record PillarGrid(int rows, int columns, int anchors, PointRange range) {
  /** Checks the sizes. */
  public PillarGrid {
    Given.argument(range, PillarGrid.class, "range");
    if (rows < 1 || columns < 1 || anchors < 1 || anchors > 256) {
      throw invalid(
          String.format(
              Locale.ROOT,
              "a grid needs a row, a column and 1 to 256 anchors, got %d × %d × %d",
              rows,
              columns,
              anchors));
    }
  }

  /** Pillars. */
  public long queries() {
    return (long) rows * columns;
  }

  private static BevelException invalid(String message) {
    return new BevelException(Status.INVALID_ARGUMENT, "PillarGrid: " + message);
  }
}
