package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformAttnParams;
import dev.bevel.kernels.internal.Scratch;

/**
 * What {@link Msda} reads in both passes. Sizes: B batch elements, Q queries, M heads of D
 * channels, L levels of S rows in all, P points; L · P at most 256. All compact.
 *
 * <p>Immutable.
 */
public final class MsdaInputs {
  private final TensorView value;
  private final ValueLevels levels;
  private final TensorView locations;
  private final TensorView weights;

  /**
   * The inputs.
   *
   * @param value float32, bfloat16, float16 or float64 [B, S, M, D]
   * @param levels the L levels of value
   * @param locations float32 (float64 where value is) [B, Q, M, L, P, 2], (u, v) in [0, 1]: of a
   *     level of H × W pixels the pixel (u · W − 0.5, v · H − 0.5)
   * @param weights like locations [B, Q, M, L, P], after the softmax
   */
  public MsdaInputs(
      TensorView value, ValueLevels levels, TensorView locations, TensorView weights) {
    this.value = Given.argument(value, MsdaInputs.class, "value");
    this.levels = Given.argument(levels, MsdaInputs.class, "levels");
    this.locations = Given.argument(locations, MsdaInputs.class, "locations");
    this.weights = Given.argument(weights, MsdaInputs.class, "weights");
  }

  /** The value map. */
  public TensorView value() {
    return value;
  }

  /** Its levels. */
  public ValueLevels levels() {
    return levels;
  }

  /** Where it is sampled. */
  public TensorView locations() {
    return locations;
  }

  /** What samples count. */
  public TensorView weights() {
    return weights;
  }

  void writeForward(Scratch call) {
    write(call, DeformAttnParams.MSDA_FORWARD.inputs);
  }

  void writeBackward(Scratch call) {
    write(call, DeformAttnParams.MSDA_BACKWARD.inputs);
  }

  private void write(Scratch call, DeformAttnParams.MsdaInputFields fields) {
    fields.value.set(call, value);
    levels.write(call, fields.levels);
    fields.locations.set(call, locations);
    fields.weights.set(call, weights);
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(
        MsdaInputs.class,
        "value",
        value,
        "levels",
        levels,
        "locations",
        locations,
        "weights",
        weights);
  }
}
