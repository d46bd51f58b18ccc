package dev.bevel.kernels;

/** What the depth tensor of {@link LiftSplat} holds. */
public enum DepthKind {
  /** Logits; the softmax over the depth bins is part of the operator. */
  LOGITS(0),
  /** Probabilities, used as they are; they need not sum to one. */
  PROBABILITIES(1);

  private final int value;

  DepthKind(int value) {
    this.value = value;
  }

  /** The value in the C ABI. */
  public int value() {
    return value;
  }
}
