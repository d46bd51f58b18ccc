package dev.bevel.kernels;

/** What becomes of the several value maps of {@link DeformAttn}. */
public enum MapCombination {
  /** The result is the mean over the maps that the query sees, zero where it sees none. */
  MEAN(0),
  /** Each map has a result of its own, zero where the query does not see it. */
  SEPARATE(1);

  private final int value;

  MapCombination(int value) {
    this.value = value;
  }

  /** The value in the C ABI. */
  public int value() {
    return value;
  }
}
