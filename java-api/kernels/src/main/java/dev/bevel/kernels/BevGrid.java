package dev.bevel.kernels;

import java.util.Locale;

/**
 * A bird's-eye-view grid in metres. Cell i of an axis spans [lower + i·cellSize, lower + (i +
 * 1)·cellSize).
 *
 * @param x the x axis of the BEV frame
 * @param y the y axis
 * @param z the height axis; one cell for a flat map
 * @param rounding how coordinates become cell indices
 * @param rowAxis which axis is the row axis of a map
 */
public record BevGrid(Axis x, Axis y, Axis z, CellRounding rounding, RowAxis rowAxis) {
  /**
   * One axis of a grid.
   *
   * @param lower lower end in metres
   * @param cellSize size of a cell in metres, greater than 0
   * @param cells number of cells, 1 or more
   */
  public record Axis(double lower, double cellSize, int cells) {
    /** Checks that the axis has an extent. */
    public Axis {
      if (!Double.isFinite(lower) || !Double.isFinite(cellSize) || cellSize <= 0 || cells < 1) {
        throw invalid(
            String.format(
                Locale.ROOT,
                "an axis needs a finite lower end, a cell size > 0 and 1 cell or more, got lower %s, cell size %s, cells %s",
                lower,
                cellSize,
                cells));
      }
      if (!Double.isFinite(lower + cells * cellSize)) {
        throw invalid(
            String.format(
                Locale.ROOT,
                "the upper end of an axis must be finite, got lower %s and %s cells of %s",
                lower,
                cells,
                cellSize));
      }
    }

    /**
     * An axis from its two ends, as upstream configurations write it: {@code [-51.2, 51.2, 0.8]}
     * has 128 cells.
     *
     * @param lower lower end in metres
     * @param upper upper end in metres, above the lower one
     * @param cellSize size of a cell in metres; (upper − lower) must be a multiple of it to 1e-3 of
     *     a cell
     */
    public static Axis range(double lower, double upper, double cellSize) {
      if (!(cellSize > 0) || !(upper > lower)) {
        throw invalid(
            String.format(
                Locale.ROOT,
                "the range from %s to %s by %s must have its upper end above the lower one, and cells larger than 0",
                lower,
                upper,
                cellSize));
      }
      double cells = (upper - lower) / cellSize;
      long rounded = Math.round(cells);
      if (!(Math.abs(cells - rounded) <= 1e-3) || rounded < 1 || rounded > Integer.MAX_VALUE) {
        throw invalid(
            String.format(
                Locale.ROOT,
                "the range from %s to %s must be a whole number of cells of %s, got %s",
                lower,
                upper,
                cellSize,
                cells));
      }
      return new Axis(lower, cellSize, (int) rounded);
    }

    /** Upper end in metres. */
    public double upper() {
      return lower + cells * cellSize;
    }
  }

  /** Checks for null. */
  public BevGrid {
    Given.argument(x, BevGrid.class, "x");
    Given.argument(y, BevGrid.class, "y");
    Given.argument(z, BevGrid.class, "z");
    Given.argument(rounding, BevGrid.class, "rounding");
    Given.argument(rowAxis, BevGrid.class, "rowAxis");
  }

  /**
   * A grid with the conventions of BEVDet and BEVDepth: {@link CellRounding#TRUNC} and {@link
   * RowAxis#Y}.
   *
   * @param x the x axis
   * @param y the y axis
   * @param z the height axis
   */
  public static BevGrid of(Axis x, Axis y, Axis z) {
    return new BevGrid(x, y, z, CellRounding.TRUNC, RowAxis.Y);
  }

  /**
   * This grid with another rounding.
   *
   * @param other the rounding
   */
  public BevGrid withRounding(CellRounding other) {
    return new BevGrid(x, y, z, other, rowAxis);
  }

  /**
   * This grid with another row axis.
   *
   * @param other the row axis
   */
  public BevGrid withRowAxis(RowAxis other) {
    return new BevGrid(x, y, z, rounding, other);
  }

  /** Rows of a map: cells along the row axis. */
  public int rows() {
    return rowAxis == RowAxis.Y ? y.cells : x.cells;
  }

  /** Columns of a map. */
  public int columns() {
    return rowAxis == RowAxis.Y ? x.cells : y.cells;
  }

  private static BevelException invalid(String message) {
    return new BevelException(Status.INVALID_ARGUMENT, "BevGrid: " + message);
  }
}
