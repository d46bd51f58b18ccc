package dev.bevel.kernels;

import org.jspecify.annotations.Nullable;

/**
 * The index arrays of {@link BevPool}: P points, grouped in I intervals of one cell each. All
 * int32.
 *
 * <p>Within an interval all of ranksBev are equal, no two intervals share a cell, and intervals do
 * not overlap. On the CPU every rank is checked; on CUDA points whose rank is out of bounds are
 * skipped.
 *
 * @param ranksDepth [P], flat index into depth, each value at most once for backward; null for a
 *     weight of 1
 * @param ranksFeature [P], row of the feature tensor
 * @param ranksBev [P], cell of the point: flat over the dimensions of out but C
 * @param intervalStarts [I], first point of each interval
 * @param intervalLengths [I], points of each interval
 */
public record BevPoolIntervals(
    @Nullable TensorView ranksDepth,
    TensorView ranksFeature,
    TensorView ranksBev,
    TensorView intervalStarts,
    TensorView intervalLengths) {
  /** Checks for null. */
  public BevPoolIntervals {
    Given.argument(ranksFeature, BevPoolIntervals.class, "ranksFeature");
    Given.argument(ranksBev, BevPoolIntervals.class, "ranksBev");
    Given.argument(intervalStarts, BevPoolIntervals.class, "intervalStarts");
    Given.argument(intervalLengths, BevPoolIntervals.class, "intervalLengths");
  }
}
