package dev.bevel.torch.head;

/**
 * What one task of a CenterHead should predict for a batch. All arrays are row-major.
 *
 * @param batch B
 * @param classes C, the task's classes
 * @param grid H = {@code grid.height()}, W = {@code grid.width()}
 * @param maxObjects M slots per sample
 * @param heatmap {@code [B, C, H, W]}, 1 at box centres
 * @param boxes {@code [B, M, 10]}: offset in x and y of the centre from its cell's corner (cells),
 *     z (m), logarithms of d0, d1, d2, sine and cosine of yaw, vx, vy (m/s, NaN where not known)
 * @param cells {@code [B, M]}: {@code row · W + column} of the centre's cell
 * @param used {@code [B, M]}: whether a slot holds a box
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record TaskTarget(
    int batch,
    int classes,
    HeadGrid grid,
    int maxObjects,
    float[] heatmap,
    float[] boxes,
    long[] cells,
    boolean[] used) {
  /** Numbers per regressed box. */
  public static final int BOX_SIZE = 10;

  /** Zeros of the right sizes. */
  static TaskTarget empty(int batch, int classes, HeadGrid grid, int maxObjects) {
    int slots = batch * maxObjects;
    return new TaskTarget(
        batch,
        classes,
        grid,
        maxObjects,
        new float[Math.multiplyExact(batch * classes, grid.cells())],
        new float[slots * BOX_SIZE],
        new long[slots],
        new boolean[slots]);
  }

  /** How many slots hold a box. */
  public int count() {
    int n = 0;
    for (boolean u : used) {
      n += u ? 1 : 0;
    }
    return n;
  }
}
