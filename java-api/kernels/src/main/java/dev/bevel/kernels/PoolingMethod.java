package dev.bevel.kernels;

/** How a {@link LiftSplatPlan} pools. */
public enum PoolingMethod {
  /** {@link #COLUMNS}, unless a run holds fewer than 3 points on average. */
  AUTO(0),
  /** Runs of points of one image column that fall in one cell. */
  COLUMNS(1),
  /** Points sorted by cell, as bev_pool does: for grids with several cells in z. */
  INTERVALS(2);

  private final int value;

  PoolingMethod(int value) {
    this.value = value;
  }

  /** The value in the C ABI. */
  public int value() {
    return value;
  }

  /** The method with this value in the C ABI. */
  static PoolingMethod of(int value) {
    for (PoolingMethod method : values()) {
      if (method.value == value) {
        return method;
      }
    }
    throw new BevelException(Status.INTERNAL, "unknown pooling method " + value);
  }
}
