package dev.bevel.kernels.internal;

import dev.bevel.kernels.BevGrid;
import dev.bevel.kernels.LiftSplatGeometry;

/** Writes {@code bevel_lift_splat_geometry}. */
public final class GeometryStruct {
  /** Tensors of a geometry. */
  public static final int TENSORS = 5;

  private static final long BATCH = offset("batch");
  private static final long CAMERAS = offset("cameras");
  private static final long DEPTH_BINS = offset("depth_bins");
  private static final long HEIGHT = offset("height");
  private static final long WIDTH = offset("width");
  private static final long IMAGE_HEIGHT = offset("image_height");
  private static final long IMAGE_WIDTH = offset("image_width");
  private static final long DEPTH_START = offset("depth_start");
  private static final long DEPTH_STEP = offset("depth_step");
  private static final long GRID = offset("grid");
  private static final long INTRINSICS = offset("intrinsics");
  private static final long CAMERA_TO_BEV = offset("camera_to_bev");
  private static final long IMAGE_AUGMENTATION = offset("image_augmentation");
  private static final long BEV_AUGMENTATION = offset("bev_augmentation");
  private static final long CELLS = offset("cells");

  private static final long GRID_LOWER = GRID + Layouts.offset(Layouts.GRID, "lower");
  private static final long GRID_CELL_SIZE = GRID + Layouts.offset(Layouts.GRID, "cell_size");
  private static final long GRID_CELLS = GRID + Layouts.offset(Layouts.GRID, "cells");
  private static final long GRID_ROUNDING = GRID + Layouts.offset(Layouts.GRID, "rounding");
  private static final long GRID_ROW_AXIS = GRID + Layouts.offset(Layouts.GRID, "row_axis");

  private GeometryStruct() {}

  /** Writes a geometry as a struct of its own and returns its offset in the scratch memory. */
  public static long write(Scratch scratch, LiftSplatGeometry geometry) {
    long struct = scratch.struct(LiftSplatLayouts.GEOMETRY);
    write(scratch, struct, geometry);
    return struct;
  }

  /** Writes a geometry into zeroed scratch memory. */
  public static void write(Scratch scratch, long struct, LiftSplatGeometry geometry) {
    scratch.setLong(struct, LiftSplatLayouts.GEOMETRY.byteSize());
    scratch.setLong(struct + BATCH, geometry.batch());
    scratch.setLong(struct + CAMERAS, geometry.cameras());
    scratch.setLong(struct + DEPTH_BINS, geometry.depthBins());
    scratch.setLong(struct + HEIGHT, geometry.height());
    scratch.setLong(struct + WIDTH, geometry.width());
    scratch.setDouble(struct + IMAGE_HEIGHT, geometry.imageHeight());
    scratch.setDouble(struct + IMAGE_WIDTH, geometry.imageWidth());
    scratch.setDouble(struct + DEPTH_START, geometry.depthStart());
    scratch.setDouble(struct + DEPTH_STEP, geometry.depthStep());
    writeGrid(scratch, struct, geometry.grid());
    scratch.setInput(struct + INTRINSICS, "intrinsics", geometry.intrinsics());
    scratch.setInput(struct + CAMERA_TO_BEV, "camera_to_bev", geometry.cameraToBev());
    scratch.setInput(
        struct + IMAGE_AUGMENTATION, "image_augmentation", geometry.imageAugmentation());
    scratch.setInput(struct + BEV_AUGMENTATION, "bev_augmentation", geometry.bevAugmentation());
    scratch.setInput(struct + CELLS, "cells", geometry.cells());
  }

  private static void writeGrid(Scratch scratch, long struct, BevGrid grid) {
    writeAxis(scratch, struct, 0, grid.x());
    writeAxis(scratch, struct, 1, grid.y());
    writeAxis(scratch, struct, 2, grid.z());
    scratch.setInt(struct + GRID_ROUNDING, grid.rounding().value());
    scratch.setInt(struct + GRID_ROW_AXIS, grid.rowAxis().value());
  }

  private static void writeAxis(Scratch scratch, long struct, int index, BevGrid.Axis axis) {
    scratch.setDouble(struct + GRID_LOWER + 8L * index, axis.lower());
    scratch.setDouble(struct + GRID_CELL_SIZE + 8L * index, axis.cellSize());
    scratch.setInt(struct + GRID_CELLS + 4L * index, axis.cells());
  }

  private static long offset(String field) {
    return Layouts.offset(LiftSplatLayouts.GEOMETRY, field);
  }
}
