package dev.bevel.bench.deformattn;

import dev.bevel.kernels.ValueLevels;

/**
 * How far results may be from the double reference, relative to its largest magnitude.
 *
 * <p>Whoever computes in fp32 rounds a place on a map W pixels wide by up to W / 2<sup>24</sup>
 * pixels twice, and a pixel's change of place changes a sample by up to twice the largest value.
 *
 * @param result of the result and the gradient of the value
 * @param sampling of gradients of places and weights, in which large terms cancel
 */
record Bounds(double result, double sampling) {
  private static final double SUM = 1e-5;
  private static final double CANCELLED_SUM = 1e-4;
  private static final double PLACE = 4.0 / (1 << 24);

  /** In fp32 on these levels. */
  static Bounds of(ValueLevels levels) {
    int widest =
        levels.levels().stream()
            .mapToInt(level -> Math.max(level.width(), level.height()))
            .max()
            .orElse(1);
    return new Bounds(SUM + PLACE * widest, CANCELLED_SUM + PLACE * widest);
  }
}
