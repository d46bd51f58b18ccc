package dev.bevel.kernels;

import dev.bevel.kernels.internal.BevPoolParams;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * What {@link BevPool} reads in both passes.
 *
 * <p>Immutable.
 */
public final class BevPoolInputs {
  private final TensorView feature;
  private final BevPoolIntervals intervals;
  private final @Nullable TensorView depth;

  /**
   * Points of a weight of 1.
   *
   * @param feature [.., C]: rows indexed by ranksFeature, flat over all dimensions but C
   * @param intervals the points
   */
  public BevPoolInputs(TensorView feature, BevPoolIntervals intervals) {
    this(feature, intervals, null);
  }

  private BevPoolInputs(
      TensorView feature, BevPoolIntervals intervals, @Nullable TensorView depth) {
    this.feature = Given.argument(feature, BevPoolInputs.class, "feature");
    this.intervals = Given.argument(intervals, BevPoolInputs.class, "intervals");
    this.depth = depth;
  }

  /**
   * These inputs with weights.
   *
   * @param weights any shape, indexed flat by the intervals' ranksDepth, which must be there; null
   *     for a weight of 1
   */
  public BevPoolInputs withDepth(@Nullable TensorView weights) {
    return new BevPoolInputs(feature, intervals, weights);
  }

  /** The rows. */
  public TensorView feature() {
    return feature;
  }

  /** The points. */
  public BevPoolIntervals intervals() {
    return intervals;
  }

  /** Their weights; null: 1. */
  public @Nullable TensorView depth() {
    return depth;
  }

  void writeForward(Scratch call) {
    write(call, BevPoolParams.FORWARD.inputs);
  }

  void writeBackward(Scratch call) {
    write(call, BevPoolParams.BACKWARD.inputs);
  }

  private void write(Scratch call, BevPoolParams.InputFields fields) {
    fields.depth.set(call, depth);
    fields.feature.set(call, feature);
    fields.ranksDepth.set(call, intervals.ranksDepth());
    fields.ranksFeature.set(call, intervals.ranksFeature());
    fields.ranksBev.set(call, intervals.ranksBev());
    fields.intervalStarts.set(call, intervals.intervalStarts());
    fields.intervalLengths.set(call, intervals.intervalLengths());
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(
        BevPoolInputs.class, "feature", feature, "intervals", intervals, "depth", depth);
  }
}
