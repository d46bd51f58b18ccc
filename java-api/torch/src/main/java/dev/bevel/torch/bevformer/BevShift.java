package dev.bevel.torch.bevformer;

import dev.bevel.torch.nn.Tensors;
import java.util.Locale;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * By how much the BEV map of the previous frame lies elsewhere, in shares of the map, as BEVFormer
 * computes it from the vehicle's motion; and the centres of a map's cells.
 *
 * <p>With α the heading less the direction of motion, both in the global frame: shift_y = d · cos α
 * / length of a cell / rows, shift_x = d · sin α / length of a cell / columns. (The map's frame has
 * x to the right and y forward.)
 *
 * @param rows H of the map
 * @param columns W of the map
 * @param cellHeight metres of a cell along y
 * @param cellWidth metres of a cell along x
 */
public record BevShift(int rows, int columns, double cellHeight, double cellWidth) {
  /** Checks the sizes. */
  public BevShift {
    if (rows < 1 || columns < 1 || !(cellHeight > 0) || !(cellWidth > 0)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "BevShift: sizes must be positive, got %d × %d cells of %s × %s m",
              rows,
              columns,
              cellHeight,
              cellWidth));
    }
  }

  /**
   * A shift in shares of the map.
   *
   * @param x of its width
   * @param y of its height
   */
  public record Shift(double x, double y) {}

  /**
   * The shift of one step.
   *
   * @param dx metres that the vehicle moved along the global x axis since the previous frame
   * @param dy metres along the global y axis
   * @param yaw the vehicle's heading in the global frame, radians, counter-clockwise from x
   */
  public Shift of(double dx, double dy, double yaw) {
    double length = Math.hypot(dx, dy);
    double angle = yaw - Math.atan2(dy, dx);
    return new Shift(
        length * Math.sin(angle) / cellWidth / columns,
        length * Math.cos(angle) / cellHeight / rows);
  }

  /** Shifts as a tensor [B, 2] of (x, y), float32, for {@link TemporalSelfAttention#references}. */
  public static Tensor tensor(Shift... shifts) {
    float[] values = new float[2 * shifts.length];
    for (int i = 0; i < shifts.length; i++) {
      values[2 * i] = (float) shifts[i].x;
      values[2 * i + 1] = (float) shifts[i].y;
    }
    return Tensors.of(values, shifts.length, 2);
  }

  /** The centres (x, y) of the map's cells in [0, 1], row by row: float32 [1, H·W, 1, 2]. */
  public Tensor cellCentres() {
    double[] centres = new double[2 * rows * columns];
    for (int cell = 0; cell < rows * columns; cell++) {
      centres[2 * cell] = (cell % columns + 0.5) / columns;
      centres[2 * cell + 1] = (cell / columns + 0.5) / rows;
    }
    return Tensors.of(centres, 1, (long) rows * columns, 1, 2).to(ScalarType.Float);
  }
}
