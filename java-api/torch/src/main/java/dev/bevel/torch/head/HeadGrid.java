package dev.bevel.torch.head;

import java.util.Locale;

/**
 * The map of cells a CenterHead predicts on. The cell of a position is {@code (x − xMin) /
 * voxelSize / outSizeFactor}, evaluated in float32 in exactly this order as mmdetection3d does, so
 * that borders fall on the same side.
 *
 * @param xMin lower bound of x in metres
 * @param yMin lower bound of y in metres
 * @param voxelSize side of the base voxel in metres
 * @param outSizeFactor base voxels per cell and axis
 * @param width cells along x
 * @param height cells along y
 */
public record HeadGrid(
    double xMin, double yMin, double voxelSize, int outSizeFactor, int width, int height) {
  /**
   * @throws IllegalArgumentException if a size is not positive or a number is not finite
   */
  public HeadGrid {
    if (!Double.isFinite(xMin + yMin + voxelSize) || voxelSize <= 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "HeadGrid: bounds must be finite and voxelSize positive, got xMin %s, yMin %s, voxelSize %s",
              xMin,
              yMin,
              voxelSize));
    }
    if (outSizeFactor < 1 || width < 1 || height < 1 || (long) width * height > 1 << 24) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "HeadGrid: outSizeFactor, width and height must be positive and the map at most 2^24 cells, got %d, %d, %d",
              outSizeFactor,
              width,
              height));
    }
  }

  /** Cells of the map. */
  public int cells() {
    return width * height;
  }

  /** Side of a cell of the map in metres. */
  double cellSize() {
    return voxelSize * outSizeFactor;
  }

  /** Continuous cell coordinate of x (0 at the lower edge of the first cell). */
  float column(double x) {
    return toCells((float) x - (float) xMin);
  }

  /** Continuous cell coordinate of y. */
  float row(double y) {
    return toCells((float) y - (float) yMin);
  }

  /** A length in metres in units of cells. */
  float toCells(double metres) {
    return (float) metres / (float) voxelSize / outSizeFactor;
  }

  /** The x in metres of a continuous cell coordinate. */
  float x(float column) {
    return column * outSizeFactor * (float) voxelSize + (float) xMin;
  }

  /** The y in metres of a continuous cell coordinate. */
  float y(float row) {
    return row * outSizeFactor * (float) voxelSize + (float) yMin;
  }
}
