package dev.bevel.kernels.internal;

import static dev.bevel.kernels.internal.Layouts.int32;
import static dev.bevel.kernels.internal.Layouts.int64;
import static dev.bevel.kernels.internal.Layouts.pointer;
import static dev.bevel.kernels.internal.Layouts.struct;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.util.List;

/** The structs of {@code multi_view_sample.h}. */
public final class MultiViewSampleLayouts {
  /** BEVEL_MULTI_VIEW_MAX_LEVELS. */
  public static final int MAX_LEVELS = 8;

  /** {@code bevel_multi_view}. */
  public static final StructLayout VIEWS =
      struct(
          "bevel_multi_view",
          MemoryLayout.sequenceLayout(MAX_LEVELS, JAVA_LONG).withName("features"),
          int32("levels"),
          int32("layout"),
          pointer("lidar2img"),
          pointer("points"),
          pointer("locations"),
          pointer("image_sizes"),
          JAVA_DOUBLE.withName("image_width"),
          JAVA_DOUBLE.withName("image_height"),
          MemoryLayout.sequenceLayout(6, JAVA_DOUBLE).withName("point_range"),
          int32("points_normalised"),
          int32("reserved"),
          pointer("weights"));

  /** {@code bevel_multi_view_sample_forward_params}. */
  public static final StructLayout FORWARD =
      struct(
          "bevel_multi_view_sample_forward_params",
          int64("struct_size"),
          VIEWS.withName("views"),
          pointer("out"),
          pointer("visible"),
          int64("threads"));

  /** {@code bevel_multi_view_sample_backward_params}. */
  public static final StructLayout BACKWARD =
      struct(
          "bevel_multi_view_sample_backward_params",
          int64("struct_size"),
          pointer("grad_out"),
          VIEWS.withName("views"),
          MemoryLayout.sequenceLayout(MAX_LEVELS, JAVA_LONG).withName("grad_features"),
          pointer("grad_points"),
          pointer("grad_locations"),
          pointer("grad_weights"),
          pointer("workspace"),
          int32("determinism"),
          int32("reserved"),
          int64("threads"));

  /** All of them. */
  public static final List<StructLayout> ALL = List.of(VIEWS, FORWARD, BACKWARD);

  private MultiViewSampleLayouts() {}
}
