package dev.bevel.kernels;

/**
 * Where the pixels of an output read: what {@link BevWarp} takes in both passes.
 *
 * @param tensor matrices [B, T, 2, 3] (a position in the input is matrix · (x, y, 1) of the
 *     output's pixel) or a grid [B, T, H', W', 2] of positions (x, y) in the input; compact,
 *     float32, or float64 where maps are; B may be left out
 * @param isGrid whether it is a grid
 * @param coordinates how positions are written
 * @param interpolation what is read between pixels
 */
public record WarpPositions(
    TensorView tensor, boolean isGrid, WarpCoordinates coordinates, Interpolation interpolation) {
  /** Checks for null. */
  public WarpPositions {
    Given.argument(tensor, WarpPositions.class, "tensor");
    Given.argument(coordinates, WarpPositions.class, "coordinates");
    Given.argument(interpolation, WarpPositions.class, "interpolation");
  }

  /**
   * Bilinear positions by matrices.
   *
   * @param matrices [B, T, 2, 3]
   * @param coordinates how they are written
   */
  public static WarpPositions matrices(TensorView matrices, WarpCoordinates coordinates) {
    return new WarpPositions(matrices, false, coordinates, Interpolation.BILINEAR);
  }

  /**
   * Bilinear positions one by one.
   *
   * @param grid [B, T, H', W', 2]
   * @param coordinates how they are written
   */
  public static WarpPositions grid(TensorView grid, WarpCoordinates coordinates) {
    return new WarpPositions(grid, true, coordinates, Interpolation.BILINEAR);
  }

  /**
   * The same positions with another interpolation.
   *
   * @param other the interpolation
   */
  public WarpPositions with(Interpolation other) {
    return new WarpPositions(tensor, isGrid, coordinates, other);
  }
}
