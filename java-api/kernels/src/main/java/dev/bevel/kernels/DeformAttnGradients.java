package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformAttnParams;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * Which gradients {@link DeformAttn}'s backward pass is to write, and where: one or more. Each is
 * written wholly. Where maps share offsets and logits, the gradients of these are sums over the
 * maps.
 *
 * <p>Immutable.
 */
public final class DeformAttnGradients {
  private static final DeformAttnGradients NONE = new DeformAttnGradients(null, null, null, null);

  private final @Nullable TensorView value;
  private final @Nullable TensorView reference;
  private final @Nullable TensorView offsets;
  private final @Nullable TensorView logits;

  private DeformAttnGradients(
      @Nullable TensorView value,
      @Nullable TensorView reference,
      @Nullable TensorView offsets,
      @Nullable TensorView logits) {
    this.value = value;
    this.reference = reference;
    this.offsets = offsets;
    this.logits = logits;
  }

  /** No gradient: what requests begin with. */
  public static DeformAttnGradients none() {
    return NONE;
  }

  /**
   * These and that of the value maps.
   *
   * @param gradient like value, compact; null: not wanted
   */
  public DeformAttnGradients withValue(@Nullable TensorView gradient) {
    return new DeformAttnGradients(gradient, reference, offsets, logits);
  }

  /**
   * These and that of the references.
   *
   * @param gradient like reference, compact; null: not wanted
   */
  public DeformAttnGradients withReference(@Nullable TensorView gradient) {
    return new DeformAttnGradients(value, gradient, offsets, logits);
  }

  /**
   * These and that of the offsets.
   *
   * @param gradient like offsets, strides as free as theirs; null: not wanted
   */
  public DeformAttnGradients withOffsets(@Nullable TensorView gradient) {
    return new DeformAttnGradients(value, reference, gradient, logits);
  }

  /**
   * These and that of the logits.
   *
   * @param gradient like logits, strides as free as theirs; null: not wanted
   */
  public DeformAttnGradients withLogits(@Nullable TensorView gradient) {
    return new DeformAttnGradients(value, reference, offsets, gradient);
  }

  boolean any() {
    return value != null || reference != null || offsets != null || logits != null;
  }

  void write(Scratch call) {
    DeformAttnParams.BACKWARD.gradValue.set(call, value);
    DeformAttnParams.BACKWARD.gradReference.set(call, reference);
    DeformAttnParams.BACKWARD.gradOffsets.set(call, offsets);
    DeformAttnParams.BACKWARD.gradLogits.set(call, logits);
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(
        DeformAttnGradients.class,
        "value",
        value,
        "reference",
        reference,
        "offsets",
        offsets,
        "logits",
        logits);
  }
}
