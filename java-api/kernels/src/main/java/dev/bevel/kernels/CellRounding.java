package dev.bevel.kernels;

/** How a metric coordinate becomes a cell index; f = (coordinate − lower bound) / cell size. */
public enum CellRounding {
  /**
   * C truncation, as every upstream project does: −1 &lt; f &lt; 0 falls in cell 0. Weights trained
   * upstream need it.
   */
  TRUNC(0),
  /** Mathematical: only 0 ≤ f &lt; n is inside. */
  FLOOR(1);

  private final int value;

  CellRounding(int value) {
    this.value = value;
  }

  /** The value in the C ABI. */
  public int value() {
    return value;
  }
}
