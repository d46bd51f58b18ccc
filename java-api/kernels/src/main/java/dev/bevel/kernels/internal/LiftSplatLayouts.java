package dev.bevel.kernels.internal;

import static dev.bevel.kernels.internal.Layouts.int32;
import static dev.bevel.kernels.internal.Layouts.int64;
import static dev.bevel.kernels.internal.Layouts.pointer;
import static dev.bevel.kernels.internal.Layouts.struct;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import java.lang.foreign.StructLayout;
import java.util.List;

/** The structs of {@code lift_splat.h}. */
public final class LiftSplatLayouts {
  /** {@code bevel_lift_splat_geometry}. */
  public static final StructLayout GEOMETRY =
      struct(
          "bevel_lift_splat_geometry",
          int64("struct_size"),
          int64("batch"),
          int64("cameras"),
          int64("depth_bins"),
          int64("height"),
          int64("width"),
          JAVA_DOUBLE.withName("image_height"),
          JAVA_DOUBLE.withName("image_width"),
          JAVA_DOUBLE.withName("depth_start"),
          JAVA_DOUBLE.withName("depth_step"),
          Layouts.GRID.withName("grid"),
          pointer("intrinsics"),
          pointer("camera_to_bev"),
          pointer("image_augmentation"),
          pointer("bev_augmentation"),
          pointer("cells"));

  /** {@code bevel_lift_splat_plan_info}. */
  public static final StructLayout PLAN_INFO =
      struct(
          "bevel_lift_splat_plan_info",
          int64("struct_size"),
          int32("method"),
          int32("overflow"),
          int64("points"),
          int64("runs"),
          int64("rows"),
          int64("shared_rows"),
          int64("shared_cells"),
          int64("filled_cells"));

  /** {@code bevel_lift_splat_plan_params}. */
  public static final StructLayout PLAN =
      struct(
          "bevel_lift_splat_plan_params",
          int64("struct_size"),
          GEOMETRY.withName("geometry"),
          int32("method"),
          int32("reserved"),
          int64("max_points"),
          pointer("plan"),
          pointer("workspace"),
          int64("threads"));

  /** {@code bevel_lift_splat_forward_params}. */
  public static final StructLayout FORWARD =
      struct(
          "bevel_lift_splat_forward_params",
          int64("struct_size"),
          pointer("plan"),
          pointer("depth"),
          pointer("context"),
          pointer("prior"),
          pointer("prior_weight"),
          pointer("out"),
          pointer("probabilities"),
          pointer("workspace"),
          int32("depth_kind"),
          int32("context_layout"),
          int32("out_layout"),
          int32("reserved"),
          int64("max_points"),
          pointer("plan_info"),
          int64("threads"));

  /** {@code bevel_lift_splat_backward_params}. */
  public static final StructLayout BACKWARD =
      struct(
          "bevel_lift_splat_backward_params",
          int64("struct_size"),
          pointer("plan"),
          pointer("grad_out"),
          pointer("probabilities"),
          pointer("context"),
          pointer("prior"),
          pointer("prior_weight"),
          pointer("grad_depth"),
          pointer("grad_context"),
          pointer("workspace"),
          int32("depth_kind"),
          int32("context_layout"),
          int32("out_layout"),
          int32("reserved"),
          int64("max_points"),
          pointer("plan_info"),
          int64("threads"));

  /** All of them. */
  public static final List<StructLayout> ALL =
      List.of(GEOMETRY, PLAN_INFO, PLAN, FORWARD, BACKWARD);

  private LiftSplatLayouts() {}
}
