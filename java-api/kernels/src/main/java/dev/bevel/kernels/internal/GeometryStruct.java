package dev.bevel.kernels.internal;

import dev.bevel.kernels.BevGrid;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.TensorView;

/** {@code bevel_lift_splat_geometry}. */
public final class GeometryStruct extends CStruct {
  private final Int64 structSize = int64("struct_size");
  private final Int64 batch = int64("batch");
  private final Int64 cameras = int64("cameras");
  private final Int64 depthBins = int64("depth_bins");
  private final Int64 height = int64("height");
  private final Int64 width = int64("width");
  private final Float64 imageHeight = float64("image_height");
  private final Float64 imageWidth = float64("image_width");
  private final Float64 depthStart = float64("depth_start");
  private final Float64 depthStep = float64("depth_step");
  private final GridStruct grid = struct("grid", GridStruct::new);
  private final TensorField intrinsics = read("intrinsics");
  private final TensorField cameraToBev = read("camera_to_bev");
  private final TensorField imageAugmentation = read("image_augmentation");
  private final TensorField bevAugmentation = read("bev_augmentation");
  private final TensorField cells = read("cells");

  GeometryStruct(long start) {
    super("bevel_lift_splat_geometry", start);
  }

  /** {@code bevel_grid}. */
  static final class GridStruct extends CStruct {
    final Numbers lower = float64s("lower", 3);
    final Numbers cellSize = float64s("cell_size", 3);
    final Numbers cells = int32s("cells", 3);
    final Int32 rounding = int32("rounding");
    final Int32 rowAxis = int32("row_axis");

    {
      reserved();
    }

    GridStruct(long start) {
      super("bevel_grid", start);
    }

    private void write(Scratch scratch, BevGrid grid) {
      write(scratch, 0, grid.x());
      write(scratch, 1, grid.y());
      write(scratch, 2, grid.z());
      rounding.set(scratch, grid.rounding().value());
      rowAxis.set(scratch, grid.rowAxis().value());
    }

    private void write(Scratch scratch, int index, BevGrid.Axis axis) {
      lower.setDouble(scratch, index, axis.lower());
      cellSize.setDouble(scratch, index, axis.cellSize());
      cells.setInt(scratch, index, axis.cells());
    }
  }

  /**
   * A function of a geometry and one more tensor that it writes.
   *
   * @param operator its name without {@code bevel_}
   */
  public NativeFunction function(String operator) {
    return NativeFunction.of("bevel_" + operator, this, tensors() + 1);
  }

  /**
   * Begins a call of such a function.
   *
   * @param operator its name without {@code bevel_}
   */
  public Scratch begin(String operator) {
    return Scratch.begin(operator, this, tensors() + 1);
  }

  /**
   * Calls such a function.
   *
   * @param scratch begun for it
   * @param argument named in errors
   * @param written the other tensor
   */
  public void call(
      NativeFunction function,
      Scratch scratch,
      LiftSplatGeometry geometry,
      String argument,
      TensorView written) {
    write(scratch, geometry);
    function.call(scratch, scratch.describe(argument, written, written.dtype(), true));
  }

  /** Writes a geometry. */
  public void write(Scratch scratch, LiftSplatGeometry geometry) {
    structSize.set(scratch, byteSize());
    batch.set(scratch, geometry.batch());
    cameras.set(scratch, geometry.cameras());
    depthBins.set(scratch, geometry.depthBins());
    height.set(scratch, geometry.height());
    width.set(scratch, geometry.width());
    imageHeight.set(scratch, geometry.imageHeight());
    imageWidth.set(scratch, geometry.imageWidth());
    depthStart.set(scratch, geometry.depthStart());
    depthStep.set(scratch, geometry.depthStep());
    grid.write(scratch, geometry.grid());
    intrinsics.set(scratch, geometry.intrinsics());
    cameraToBev.set(scratch, geometry.cameraToBev());
    imageAugmentation.set(scratch, geometry.imageAugmentation());
    bevAugmentation.set(scratch, geometry.bevAugmentation());
    cells.set(scratch, geometry.cells());
  }
}
