package dev.bevel.kernels;

/** How a backward pass adds up what several places of the output contribute to one gradient. */
public enum Determinism {
  /** In an order that is always the same: equal inputs give equal bits. */
  STRICT(0),
  /**
   * In the order in which threads come where that is faster (atomic additions on CUDA): the last
   * bits of a gradient may differ from run to run. On the CPU the same as {@link #STRICT}.
   */
  FAST(1);

  private final int value;

  Determinism(int value) {
    this.value = value;
  }

  /** The value in the C ABI. */
  public int value() {
    return value;
  }
}
