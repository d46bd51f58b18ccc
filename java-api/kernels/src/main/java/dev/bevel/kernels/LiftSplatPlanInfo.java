package dev.bevel.kernels;

/**
 * Counts of a built plan.
 *
 * @param method the method chosen, never {@link PoolingMethod#AUTO}
 * @param overflow true if the plan did not fit in its capacity and must not be used
 * @param points kept frustum points
 * @param runs contiguous runs of points of one (camera, column, depth bin) in one cell
 * @param rows (camera, column, cell) groups of runs; 0 for {@link PoolingMethod#INTERVALS}
 * @param sharedRows rows whose cell has other rows too
 * @param sharedCells cells with two rows or more
 * @param filledCells cells with a point
 */
public record LiftSplatPlanInfo(
    PoolingMethod method,
    boolean overflow,
    long points,
    long runs,
    long rows,
    long sharedRows,
    long sharedCells,
    long filledCells) {
  /** Checks for null. */
  public LiftSplatPlanInfo {
    Given.argument(method, LiftSplatPlanInfo.class, "method");
  }
}
