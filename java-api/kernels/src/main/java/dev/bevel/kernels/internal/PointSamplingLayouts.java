package dev.bevel.kernels.internal;

import static dev.bevel.kernels.internal.Layouts.int32;
import static dev.bevel.kernels.internal.Layouts.int64;
import static dev.bevel.kernels.internal.Layouts.pointer;
import static dev.bevel.kernels.internal.Layouts.struct;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.util.List;

/** The structs of {@code point_sampling.h}. */
public final class PointSamplingLayouts {
  /** {@code bevel_pillar_grid}. */
  public static final StructLayout GRID =
      struct(
          "bevel_pillar_grid",
          int32("rows"),
          int32("columns"),
          int32("anchors"),
          int32("reserved"),
          MemoryLayout.sequenceLayout(6, JAVA_DOUBLE).withName("range"));

  /** {@code bevel_point_sampling_params}. */
  public static final StructLayout PARAMS =
      struct(
          "bevel_point_sampling_params",
          int64("struct_size"),
          pointer("lidar_to_image"),
          pointer("points"),
          GRID.withName("grid"),
          int32("image_height"),
          int32("image_width"),
          int32("visible_of_first_element"),
          int32("reserved"),
          pointer("reference"),
          pointer("mask"),
          pointer("visible"),
          pointer("mean_factor"),
          int64("threads"));

  /** All of them. */
  public static final List<StructLayout> ALL = List.of(GRID, PARAMS);

  private PointSamplingLayouts() {}
}
