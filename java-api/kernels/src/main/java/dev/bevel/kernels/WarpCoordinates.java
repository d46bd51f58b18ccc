package dev.bevel.kernels;

/** How positions on a map are written. */
public enum WarpCoordinates {
  /** 0 is the centre of the first pixel, 1 that of the second. */
  PIXELS(0),
  /**
   * −1 and 1 are the outer edges of the first and last pixel: grid_sample's {@code align_corners =
   * false}.
   */
  NORMALIZED(1),
  /**
   * −1 and 1 are the centres of the first and last pixel: grid_sample's {@code align_corners =
   * true}.
   */
  NORMALIZED_CORNERS(2);

  private final int value;

  WarpCoordinates(int value) {
    this.value = value;
  }

  /** The value in the C ABI. */
  public int value() {
    return value;
  }
}
