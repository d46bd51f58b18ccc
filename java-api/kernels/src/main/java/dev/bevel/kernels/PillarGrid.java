package dev.bevel.kernels;

/**
 * A BEV grid of pillars, one a query of BEVFormer: query {@code row · columns + column} stands at
 * the centre of its cell, and its anchors are spread evenly in height, the lowest and the highest
 * half a metre from the range's ends.
 *
 * @param rows cells along y
 * @param columns cells along x
 * @param anchors points of a pillar, 1 to 256
 * @param range the point cloud's range in metres
 */
public record PillarGrid(int rows, int columns, int anchors, Range range) {
  /**
   * A box of space, metres in the frame of the points.
   *
   * @param minX lower end in x
   * @param minY lower end in y
   * @param minZ lower end in z
   * @param maxX upper end in x
   * @param maxY upper end in y
   * @param maxZ upper end in z
   */
  public record Range(
      double minX, double minY, double minZ, double maxX, double maxY, double maxZ) {
    /** Checks that each upper end is above its lower one, and finite. */
    public Range {
      if (!(rises(minX, maxX) && rises(minY, maxY) && rises(minZ, maxZ))) {
        throw invalid(
            "a range must be finite and rise in x, y and z, got x %s to %s, y %s to %s, z %s to %s"
                .formatted(minX, maxX, minY, maxY, minZ, maxZ));
      }
    }

    private static boolean rises(double lower, double upper) {
      return Double.isFinite(upper - lower) && lower < upper;
    }
  }

  /** Checks the sizes. */
  public PillarGrid {
    if (rows < 1 || columns < 1 || anchors < 1 || anchors > 256) {
      throw invalid(
          "a grid needs a row, a column and 1 to 256 anchors, got %d × %d × %d"
              .formatted(rows, columns, anchors));
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
