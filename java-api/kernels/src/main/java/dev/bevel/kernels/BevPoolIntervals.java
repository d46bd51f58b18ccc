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
 * <p>Immutable.
 */
public final class BevPoolIntervals {
  private final @Nullable TensorView ranksDepth;
  private final TensorView ranksFeature;
  private final TensorView ranksBev;
  private final TensorView intervalStarts;
  private final TensorView intervalLengths;

  /**
   * The arrays.
   *
   * @param ranksDepth [P], flat index into depth, each value at most once for backward; null for a
   *     weight of 1
   * @param ranksFeature [P], row of the feature tensor
   * @param ranksBev [P], cell of the point: flat over the dimensions of out but C
   * @param intervalStarts [I], first point of each interval
   * @param intervalLengths [I], points of each interval
   */
  public BevPoolIntervals(
      @Nullable TensorView ranksDepth,
      TensorView ranksFeature,
      TensorView ranksBev,
      TensorView intervalStarts,
      TensorView intervalLengths) {
    this.ranksDepth = ranksDepth;
    this.ranksFeature = Given.argument(ranksFeature, BevPoolIntervals.class, "ranksFeature");
    this.ranksBev = Given.argument(ranksBev, BevPoolIntervals.class, "ranksBev");
    this.intervalStarts = Given.argument(intervalStarts, BevPoolIntervals.class, "intervalStarts");
    this.intervalLengths =
        Given.argument(intervalLengths, BevPoolIntervals.class, "intervalLengths");
  }

  /** Index into depth of each point; null for a weight of 1. */
  public @Nullable TensorView ranksDepth() {
    return ranksDepth;
  }

  /** Feature row of each point. */
  public TensorView ranksFeature() {
    return ranksFeature;
  }

  /** Cell of each point. */
  public TensorView ranksBev() {
    return ranksBev;
  }

  /** First point of each interval. */
  public TensorView intervalStarts() {
    return intervalStarts;
  }

  /** Points of each interval. */
  public TensorView intervalLengths() {
    return intervalLengths;
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(
        BevPoolIntervals.class,
        "ranksDepth",
        ranksDepth,
        "ranksFeature",
        ranksFeature,
        "ranksBev",
        ranksBev,
        "intervalStarts",
        intervalStarts,
        "intervalLengths",
        intervalLengths);
  }
}
