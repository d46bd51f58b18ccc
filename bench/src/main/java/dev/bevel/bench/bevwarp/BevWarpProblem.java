package dev.bevel.bench.bevwarp;

import java.util.Random;

/**
 * Maps and positions of a warp as a car's motion has them: each frame is turned by up to 5° about
 * the middle of the map and shifted by up to 8 pixels.
 */
public final class BevWarpProblem {
  private static final double MOST_DEGREES = 5;
  private static final double MOST_SHIFT = 8;

  /** How near a position may come to a pixel's border where a derivative jumps there. */
  private static final double MARGIN = 0.05;

  private final BevWarpShape shape;
  private final Random random;

  /**
   * A problem.
   *
   * @param shape sizes
   * @param seed of all numbers
   */
  public BevWarpProblem(BevWarpShape shape, long seed) {
    this.shape = shape;
    this.random = new Random(seed);
  }

  /** Numbers from −1 to 1, one for each element of the maps. */
  public double[] maps() {
    return random.doubles(shape.elements(), -1, 1).toArray();
  }

  /**
   * Matrices [T, 2, 3] as {@code affine_grid} takes them with {@code align_corners = true}.
   *
   * @param turned whether frames are turned; where not, shifts are whole pixels and 0.3 more, so
   *     that what is nearest does not depend on rounding
   */
  public double[] matrices(boolean turned) {
    double[] matrices = new double[6 * shape.frames()];
    double halfWidth = (shape.width() - 1) / 2.0;
    double halfHeight = (shape.height() - 1) / 2.0;
    for (int frame = 0; frame < shape.frames(); frame++) {
      double angle = turned ? Math.toRadians(random.nextDouble(-MOST_DEGREES, MOST_DEGREES)) : 0;
      double x = shift(turned);
      double y = shift(turned);
      double[] matrix = {
        Math.cos(angle),
        -Math.sin(angle) * halfHeight / halfWidth,
        x / halfWidth,
        Math.sin(angle) * halfWidth / halfHeight,
        Math.cos(angle),
        y / halfHeight
      };
      System.arraycopy(matrix, 0, matrices, 6 * frame, 6);
    }
    return matrices;
  }

  private double shift(boolean any) {
    double shift = random.nextDouble(-MOST_SHIFT, MOST_SHIFT);
    return any ? shift : Math.rint(shift) + 0.3;
  }

  /**
   * Positions [T, H, W, 2] in pixels, by matrices.
   *
   * @param matrices as {@link #matrices} makes them, rounded or not
   */
  public double[] positions(double[] matrices) {
    double[] positions = new double[2 * shape.frames() * shape.height() * shape.width()];
    double halfWidth = (shape.width() - 1) / 2.0;
    double halfHeight = (shape.height() - 1) / 2.0;
    int next = 0;
    for (int frame = 0; frame < shape.frames(); frame++) {
      int m = 6 * frame;
      for (int row = 0; row < shape.height(); row++) {
        for (int column = 0; column < shape.width(); column++) {
          double u = column / halfWidth - 1;
          double v = row / halfHeight - 1;
          double x = matrices[m] * u + matrices[m + 1] * v + matrices[m + 2];
          double y = matrices[m + 3] * u + matrices[m + 4] * v + matrices[m + 5];
          positions[next++] = (x + 1) * halfWidth;
          positions[next++] = (y + 1) * halfHeight;
        }
      }
    }
    return positions;
  }

  /**
   * A grid [T, H, W, 2] as {@code grid_sample} takes it with {@code align_corners = true}, of
   * positions that stay clear of the pixels' borders, where the gradient of the grid jumps.
   *
   * @param positions in pixels
   */
  public double[] grid(double[] positions) {
    double[] grid = new double[positions.length];
    for (int i = 0; i < grid.length; i++) {
      double cell = Math.floor(positions[i]);
      double clear = cell + MARGIN + (positions[i] - cell) * (1 - 2 * MARGIN);
      grid[i] = clear * 2 / ((i % 2 == 0 ? shape.width() : shape.height()) - 1) - 1;
    }
    return grid;
  }
}
