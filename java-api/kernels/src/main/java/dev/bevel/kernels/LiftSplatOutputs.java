package dev.bevel.kernels;

import org.jspecify.annotations.Nullable;

/**
 * What {@link LiftSplat}'s forward pass writes, where more than its result is wanted.
 *
 * <p>Immutable.
 */
public final class LiftSplatOutputs {
  private final TensorView out;
  private final @Nullable TensorView probabilities;

  private LiftSplatOutputs(TensorView out, @Nullable TensorView probabilities) {
    this.out = out;
    this.probabilities = probabilities;
  }

  /**
   * The result alone.
   *
   * @param out written wholly: [B, Z, C, Y, X], or [B, Z, Y, X, C] with {@link
   *     LiftSplatInputs#withOutLayout} CHANNELS_LAST; {@link RowAxis#X} swaps Y and X
   */
  public static LiftSplatOutputs of(TensorView out) {
    return new LiftSplatOutputs(Given.argument(out, LiftSplatOutputs.class, "out"), null);
  }

  /**
   * These and the softmax of the logits, before the prior; backward needs it.
   *
   * @param softmax [B, N, D, H, W], written wholly; null: not wanted
   */
  public LiftSplatOutputs withProbabilities(@Nullable TensorView softmax) {
    return new LiftSplatOutputs(out, softmax);
  }

  TensorView out() {
    return out;
  }

  @Nullable TensorView probabilities() {
    return probabilities;
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(LiftSplatOutputs.class, "out", out, "probabilities", probabilities);
  }
}
