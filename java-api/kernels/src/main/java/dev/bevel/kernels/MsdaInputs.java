package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformAttnLayouts;
import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.Scratch;

/**
 * What {@link Msda} reads in both passes. Sizes: B batch elements, Q queries, M heads of D
 * channels, L levels of S rows in all, P points; L · P at most 256. All compact.
 *
 * @param value float32, bfloat16, float16 or float64 [B, S, M, D]
 * @param levels the L levels of value
 * @param locations float32 (float64 where value is) [B, Q, M, L, P, 2], (u, v) in [0, 1]: of a
 *     level of H × W pixels the pixel (u · W − 0.5, v · H − 0.5)
 * @param weights like locations [B, Q, M, L, P], after the softmax
 */
public record MsdaInputs(
    TensorView value, ValueLevels levels, TensorView locations, TensorView weights) {
  private static final long VALUE = offset("value");
  private static final long LEVELS = offset("levels") - VALUE;
  private static final long LOCATIONS = offset("locations") - VALUE;
  private static final long WEIGHTS = offset("weights") - VALUE;

  /** Checks for null. */
  public MsdaInputs {
    Given.argument(value, MsdaInputs.class, "value");
    Given.argument(levels, MsdaInputs.class, "levels");
    Given.argument(locations, MsdaInputs.class, "locations");
    Given.argument(weights, MsdaInputs.class, "weights");
  }

  /** Writes the fields, which follow value in the params of both passes. */
  void write(Scratch scratch, long valueOffset) {
    scratch.setInput(valueOffset, "value", value);
    levels.write(scratch, valueOffset + LEVELS);
    scratch.setInput(valueOffset + LOCATIONS, "locations", locations);
    scratch.setInput(valueOffset + WEIGHTS, "weights", weights);
  }

  private static long offset(String field) {
    return Layouts.offset(DeformAttnLayouts.MSDA_FORWARD, field);
  }
}
