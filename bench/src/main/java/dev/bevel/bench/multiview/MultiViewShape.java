package dev.bevel.bench.multiview;

import dev.bevel.kernels.PointRange;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The sizes of one call of {@link dev.bevel.kernels.MultiViewSample}, and what its numbers mean.
 * All images have one size.
 *
 * @param batch B
 * @param cameras N
 * @param queries Q
 * @param points P
 * @param channels C
 * @param groups G
 * @param levels the L levels of features
 * @param located whether places in the images are given, not points
 * @param range that points are normalised to; null: they are in metres
 * @param imageWidth pixels
 * @param imageHeight pixels
 */
public record MultiViewShape(
    int batch,
    int cameras,
    int queries,
    int points,
    int channels,
    int groups,
    List<Level> levels,
    boolean located,
    @Nullable PointRange range,
    int imageWidth,
    int imageHeight) {
  /** Pixels of a level. */
  public record Level(int height, int width) {}

  /** Copies the list. */
  public MultiViewShape {
    levels = List.copyOf(levels);
  }

  /** [B, N, C, H, W] of a level. */
  public long[] featureShape(int level) {
    Level size = levels.get(level);
    return new long[] {batch, cameras, channels, size.height, size.width};
  }

  /** [B, N, 4, 4]. */
  public long[] matrixShape() {
    return new long[] {batch, cameras, 4, 4};
  }

  /** [B, Q, P, 3] of points, or [B, Q, P, N, 2] of locations. */
  public long[] placeShape() {
    return located
        ? new long[] {batch, queries, points, cameras, 2}
        : new long[] {batch, queries, points, 3};
  }

  /** [B, Q, N, P, L, G]. */
  public long[] weightShape() {
    return new long[] {batch, queries, cameras, points, levels.size(), groups};
  }

  /** [B, Q, C]. */
  public long[] outShape() {
    return new long[] {batch, queries, channels};
  }

  /** Elements of a shape. */
  public static int count(long... shape) {
    long count = 1;
    for (long size : shape) {
      count = Math.multiplyExact(count, size);
    }
    return Math.toIntExact(count);
  }
}
