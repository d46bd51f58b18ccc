package dev.bevel.kernels;

/** Which BEV axis is the row (slow) axis of a map. */
public enum RowAxis {
  /** Maps are {@code [.., Y, X]}: BEVDet, BEVDepth, CenterPoint. */
  Y(0),
  /** Maps are {@code [.., X, Y]}: BEVFusion. */
  X(1);

  private final int value;

  RowAxis(int value) {
    this.value = value;
  }

  /** The value in the C ABI. */
  public int value() {
    return value;
  }
}
