package dev.bevel.bench.bevwarp;

/**
 * Warps in double and in plain loops: what every implementation is checked with. A pixel weighs
 * max(0, 1 − |dx|) · max(0, 1 − |dy|), or, nearest, 1 where the position rounds to it.
 */
public final class BevWarpReference {
  private final BevWarpShape shape;
  private final double[] maps;
  private final double[] positions;
  private final boolean nearest;

  /**
   * Takes an output pixel, an input pixel of the same channel, and what the one adds of the other.
   */
  @FunctionalInterface
  private interface Tap {
    void visit(int out, int in, double weight);
  }

  /** Takes the same with the derivatives of the weight by x and y. */
  @FunctionalInterface
  private interface Corner {
    void visit(int frame, int out, int in, double weight, double byX, double byY);
  }

  /**
   * A warp.
   *
   * @param shape sizes
   * @param maps in the shape's order
   * @param positions [T, H, W, 2], (x, y) in pixels of the input
   * @param nearest instead of bilinear
   */
  public BevWarpReference(BevWarpShape shape, double[] maps, double[] positions, boolean nearest) {
    this.shape = shape;
    this.maps = maps;
    this.positions = positions;
    this.nearest = nearest;
  }

  /** The output, in the shape's order. */
  public double[] forward() {
    double[] out = new double[maps.length];
    forEachTap((to, from, weight) -> out[to] += weight * maps[from]);
    return out;
  }

  /**
   * The gradient of the maps.
   *
   * @param gradOut like the output
   */
  public double[] gradMaps(double[] gradOut) {
    double[] gradient = new double[maps.length];
    forEachTap((to, from, weight) -> gradient[from] += weight * gradOut[to]);
    return gradient;
  }

  /**
   * The gradient of the positions, in pixels.
   *
   * @param gradOut like the output
   */
  public double[] gradPositions(double[] gradOut) {
    double[] gradient = new double[positions.length];
    if (nearest) {
      return gradient;
    }
    int step = shape.channelStep();
    forEachCorner(
        (position, out, in, weight, byX, byY) -> {
          double sum = 0;
          for (int c = 0; c < shape.channels(); c++) {
            sum += maps[in + c * step] * gradOut[out + c * step];
          }
          gradient[2 * position] += byX * sum;
          gradient[2 * position + 1] += byY * sum;
        });
    return gradient;
  }

  private void forEachTap(Tap tap) {
    int step = shape.channelStep();
    forEachCorner(
        (frame, out, in, weight, byX, byY) -> {
          for (int c = 0; c < shape.channels(); c++) {
            tap.visit(out + c * step, in + c * step, weight);
          }
        });
  }

  private void forEachCorner(Corner corner) {
    int pixels = shape.height() * shape.width();
    for (int position = 0; position < shape.frames() * pixels; position++) {
      double x = positions[2 * position];
      double y = positions[2 * position + 1];
      if (!(x > -1 && y > -1 && x < shape.width() && y < shape.height())) {
        continue;
      }
      int frame = position / pixels;
      int out = shape.offset(frame, position % pixels);
      int column = (int) (nearest ? Math.rint(x) : Math.floor(x));
      int row = (int) (nearest ? Math.rint(y) : Math.floor(y));
      for (int k = 0; k < (nearest ? 1 : 4); k++) {
        int m = column + k % 2;
        int n = row + k / 2;
        if (m < 0 || n < 0 || m >= shape.width() || n >= shape.height()) {
          continue;
        }
        double wx = nearest ? 1 : 1 - Math.abs(x - m);
        double wy = nearest ? 1 : 1 - Math.abs(y - n);
        int in = shape.offset(frame, n * shape.width() + m);
        corner.visit(position, out, in, wx * wy, k % 2 == 0 ? -wy : wy, k / 2 == 0 ? -wx : wx);
      }
    }
  }
}
