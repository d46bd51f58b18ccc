package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformAttnParams;
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
 * <p>Immutable.
 */
public final class DeformAttnInputs {
  private final TensorView value;
  private final ValueLevels levels;
  private final TensorView reference;
  private final TensorView offsets;
  private final TensorView logits;
  private final @Nullable TensorView visible;
  private final ReferenceKind referenceKind;
  private final MapCombination combination;

  /**
   * References of levels, all maps seen by every query, the mean over them.
   *
   * @param value [B, N, S, M, D]
   * @param levels the L levels of value
   * @param reference [B, N, Q, R, 2], (u, v) in [0, 1], or [B, N, Q, R, 4], boxes (u, v, width,
   *     height); R is L with {@link ReferenceKind#OF_LEVEL}
   * @param offsets [B, N or 1, Q, M, L, P, 2], (x, y): in pixels of their level from a point; in
   *     shares of half a box's size divided by P from a box
   * @param logits [B, N or 1, Q, M, L, P], before the softmax over levels and points
   */
  public DeformAttnInputs(
      TensorView value,
      ValueLevels levels,
      TensorView reference,
      TensorView offsets,
      TensorView logits) {
    this.value = Given.argument(value, DeformAttnInputs.class, "value");
    this.levels = Given.argument(levels, DeformAttnInputs.class, "levels");
    this.reference = Given.argument(reference, DeformAttnInputs.class, "reference");
    this.offsets = Given.argument(offsets, DeformAttnInputs.class, "offsets");
    this.logits = Given.argument(logits, DeformAttnInputs.class, "logits");
    this.visible = null;
    this.referenceKind = ReferenceKind.OF_LEVEL;
    this.combination = MapCombination.MEAN;
  }

  private DeformAttnInputs(
      DeformAttnInputs like,
      @Nullable TensorView visible,
      ReferenceKind referenceKind,
      MapCombination combination) {
    this.value = like.value;
    this.levels = like.levels;
    this.reference = like.reference;
    this.offsets = like.offsets;
    this.logits = like.logits;
    this.visible = visible;
    this.referenceKind = referenceKind;
    this.combination = combination;
  }

  /**
   * These inputs where each query sees some of the maps.
   *
   * @param seen uint8 or bool [B, N, Q], compact, not 0 where the query sees the map; null: all see
   *     all
   */
  public DeformAttnInputs withVisible(@Nullable TensorView seen) {
    return new DeformAttnInputs(this, seen, referenceKind, combination);
  }

  /**
   * These inputs with another kind of reference.
   *
   * @param kind which reference a sample starts from
   */
  public DeformAttnInputs withReferenceKind(ReferenceKind kind) {
    Given.argument(kind, DeformAttnInputs.class, "kind");
    return new DeformAttnInputs(this, visible, kind, combination);
  }

  /**
   * These inputs with another combination of the maps.
   *
   * @param choice what becomes of the maps
   */
  public DeformAttnInputs withCombination(MapCombination choice) {
    Given.argument(choice, DeformAttnInputs.class, "choice");
    return new DeformAttnInputs(this, visible, referenceKind, choice);
  }

  /** The value maps. */
  public TensorView value() {
    return value;
  }

  /** Their levels. */
  public ValueLevels levels() {
    return levels;
  }

  /** Where samples start from. */
  public TensorView reference() {
    return reference;
  }

  /** How far from there samples are. */
  public TensorView offsets() {
    return offsets;
  }

  /** What samples count, before the softmax. */
  public TensorView logits() {
    return logits;
  }

  /** Which maps a query sees; null: all. */
  public @Nullable TensorView visible() {
    return visible;
  }

  /** Which reference a sample starts from. */
  public ReferenceKind referenceKind() {
    return referenceKind;
  }

  /** What becomes of the maps. */
  public MapCombination combination() {
    return combination;
  }

  void writeForward(Scratch call) {
    write(call, DeformAttnParams.FORWARD.inputs);
  }

  void writeBackward(Scratch call) {
    write(call, DeformAttnParams.BACKWARD.inputs);
  }

  private void write(Scratch call, DeformAttnParams.InputFields fields) {
    fields.value.set(call, value);
    levels.write(call, fields.levels);
    fields.referenceKind.set(call, referenceKind.value());
    fields.combination.set(call, combination.value());
    fields.reference.set(call, reference);
    fields.offsets.set(call, offsets);
    fields.logits.set(call, logits);
    fields.visible.set(call, visible);
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(
        DeformAttnInputs.class,
        "value",
        value,
        "levels",
        levels,
        "reference",
        reference,
        "offsets",
        offsets,
        "logits",
        logits,
        "visible",
        visible,
        "referenceKind",
        referenceKind,
        "combination",
        combination);
  }
}
