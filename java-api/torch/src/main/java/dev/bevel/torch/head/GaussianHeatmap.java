package dev.bevel.torch.head;

/**
 * The Gaussian peaks of a centre heatmap, as CornerNet (Law and Deng, ECCV 2018) introduced them
 * and mmdetection3d draws them.
 */
public final class GaussianHeatmap {
  private GaussianHeatmap() {}

  /**
   * The largest shift of a box's corners, in cells, at which the shifted box still overlaps the box
   * by {@code overlap}: the smallest over three cases (one corner in and one out, both in, both
   * out). The roots are the published ones, which divide by 2 where the quadratic formula divides
   * by 2a; every checkpoint of this family was trained with them.
   *
   * @param length cells
   * @param width cells; the two may be exchanged
   * @param overlap least intersection over union, in (0, 1)
   */
  public static double radius(double length, double width, double overlap) {
    double sum = length + width;
    double area = length * width;
    double c1 = area * (1 - overlap) / (1 + overlap);
    double r1 = (sum + Math.sqrt(sum * sum - 4 * c1)) / 2;
    double b2 = 2 * sum;
    double c2 = (1 - overlap) * area;
    double r2 = (b2 + Math.sqrt(b2 * b2 - 16 * c2)) / 2;
    double a3 = 4 * overlap;
    double b3 = -2 * overlap * sum;
    double c3 = (overlap - 1) * area;
    double r3 = (b3 + Math.sqrt(b3 * b3 - 4 * a3 * c3)) / 2;
    return Math.min(r1, Math.min(r2, r3));
  }

  /**
   * Raises a map to {@code exp(−(dx² + dy²) / (2σ²))} with {@code σ = (2·radius + 1) / 6} in the
   * square of the given radius about a cell; the part outside the map is cut off, higher values
   * stay.
   *
   * @param map holds the channel, {@code [height, width]} from {@code offset} on
   * @param offset index of the channel's first cell
   * @param column cell of the peak, on the map
   * @param row cell of the peak, on the map
   * @param radius cells, not negative
   */
  static void draw(float[] map, int offset, HeadGrid grid, int column, int row, int radius) {
    double sigma = (2 * radius + 1) / 6.0;
    for (int dy = -Math.min(row, radius); dy <= Math.min(grid.height() - 1 - row, radius); dy++) {
      for (int dx = -Math.min(column, radius);
          dx <= Math.min(grid.width() - 1 - column, radius);
          dx++) {
        double value = Math.exp(-(dx * dx + dy * dy) / (2 * sigma * sigma));
        if (value < Math.ulp(1.0)) {
          continue; // upstream zeroes what lies below the double epsilon
        }
        int cell = offset + (row + dy) * grid.width() + column + dx;
        map[cell] = Math.max(map[cell], (float) value);
      }
    }
  }
}
