package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformAttnLayouts;
import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * What {@link DeformAttn} reads in both passes. Sizes: B batch elements of N value maps each
 * (cameras; the queues of temporal self-attention; a student's and a teacher's), Q queries, M heads
 * of D channels, L levels of S rows in all, P points, R references; L · P and R at most 256.
 *
 * <p>Offsets and logits that are the same for all maps are given once, with 1 in place of N:
 * spatial cross-attention makes them once a query, not once a camera.
 *
 * <p>dtypes: value float32, bfloat16, float16 or float64; reference, offsets and logits float32, or
 * float64 where value is.
 *
 * <p>Strides over B and N of value and reference, over all but (L, P, 2) of offsets and over all
 * but (L, P) of logits are free, so that views of wider tensors serve; the rest is compact.
 *
 * @param value [B, N, S, M, D]
 * @param levels the L levels of value
 * @param reference [B, N, Q, R, 2], (u, v) in [0, 1], or [B, N, Q, R, 4], boxes (u, v, width,
 *     height); R is L with {@link ReferenceKind#OF_LEVEL}
 * @param offsets [B, N or 1, Q, M, L, P, 2], (x, y): in pixels of their level from a point; in
 *     shares of half a box's size divided by P from a box
 * @param logits [B, N or 1, Q, M, L, P], before the softmax over levels and points
 * @param visible uint8 [B, N, Q], compact, not 0 where the query sees the map; null: all see all
 * @param referenceKind which reference a sample starts from
 * @param combination what becomes of the maps
 */
public record DeformAttnInputs(
    TensorView value,
    ValueLevels levels,
    TensorView reference,
    TensorView offsets,
    TensorView logits,
    @Nullable TensorView visible,
    ReferenceKind referenceKind,
    MapCombination combination) {
  private static final long VALUE = offset("value");
  private static final long LEVELS = offset("levels") - VALUE;
  private static final long REFERENCE_KIND = offset("reference_kind") - VALUE;
  private static final long COMBINATION = offset("combination") - VALUE;
  private static final long REFERENCE = offset("reference") - VALUE;
  private static final long OFFSETS = offset("offsets") - VALUE;
  private static final long LOGITS = offset("logits") - VALUE;
  private static final long VISIBLE = offset("visible") - VALUE;

  /** Checks for null. */
  public DeformAttnInputs {
    Given.argument(value, DeformAttnInputs.class, "value");
    Given.argument(levels, DeformAttnInputs.class, "levels");
    Given.argument(reference, DeformAttnInputs.class, "reference");
    Given.argument(offsets, DeformAttnInputs.class, "offsets");
    Given.argument(logits, DeformAttnInputs.class, "logits");
    Given.argument(referenceKind, DeformAttnInputs.class, "referenceKind");
    Given.argument(combination, DeformAttnInputs.class, "combination");
  }

  /**
   * References of levels, all maps seen by every query, the mean over them.
   *
   * @param value [B, N, S, M, D]
   * @param levels the L levels of value
   * @param reference [B, N, Q, L, 2 or 4]
   * @param offsets [B, N or 1, Q, M, L, P, 2]
   * @param logits [B, N or 1, Q, M, L, P]
   */
  public DeformAttnInputs(
      TensorView value,
      ValueLevels levels,
      TensorView reference,
      TensorView offsets,
      TensorView logits) {
    this(
        value,
        levels,
        reference,
        offsets,
        logits,
        null,
        ReferenceKind.OF_LEVEL,
        MapCombination.MEAN);
  }

  /** These inputs where each query sees some of the maps; null for all. */
  public DeformAttnInputs withVisible(@Nullable TensorView seen) {
    return new DeformAttnInputs(
        value, levels, reference, offsets, logits, seen, referenceKind, combination);
  }

  /** These inputs with another kind of reference. */
  public DeformAttnInputs withReferenceKind(ReferenceKind kind) {
    return new DeformAttnInputs(
        value, levels, reference, offsets, logits, visible, kind, combination);
  }

  /** These inputs with another combination of the maps. */
  public DeformAttnInputs withCombination(MapCombination choice) {
    return new DeformAttnInputs(
        value, levels, reference, offsets, logits, visible, referenceKind, choice);
  }

  /** Writes the fields, which follow value in the params of both passes. */
  void write(Scratch scratch, long valueOffset) {
    scratch.setInput(valueOffset, "value", value);
    levels.write(scratch, valueOffset + LEVELS);
    scratch.setInt(valueOffset + REFERENCE_KIND, referenceKind.value());
    scratch.setInt(valueOffset + COMBINATION, combination.value());
    scratch.setInput(valueOffset + REFERENCE, "reference", reference);
    scratch.setInput(valueOffset + OFFSETS, "offsets", offsets);
    scratch.setInput(valueOffset + LOGITS, "logits", logits);
    scratch.setInput(valueOffset + VISIBLE, "visible", visible);
  }

  private static long offset(String field) {
    return Layouts.offset(DeformAttnLayouts.FORWARD, field);
  }
}
