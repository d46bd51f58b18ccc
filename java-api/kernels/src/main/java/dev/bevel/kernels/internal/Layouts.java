package dev.bevel.kernels.internal;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;
import java.util.List;

/**
 * The structs of the C headers, field by field with the C names; a test compares every offset with
 * the C compiler's. Pointers are written as 64-bit integers: all platforms of Bevel are 64-bit, and
 * scratch memory then needs no segment per pointer.
 */
public final class Layouts {
  /** {@code DLTensor} of DLPack. */
  public static final StructLayout TENSOR =
      struct(
          "DLTensor",
          pointer("data"),
          int32("device.device_type"),
          int32("device.device_id"),
          int32("ndim"),
          JAVA_BYTE.withName("dtype.code"),
          JAVA_BYTE.withName("dtype.bits"),
          JAVA_SHORT.withName("dtype.lanes"),
          pointer("shape"),
          pointer("strides"),
          int64("byte_offset"));

  /** {@code bevel_capabilities}. */
  public static final StructLayout CAPABILITIES =
      struct(
          "bevel_capabilities",
          int64("struct_size"),
          int32("cuda_library"),
          int32("cuda_devices"),
          int32("cuda_runtime"),
          int32("cuda_driver"),
          MemoryLayout.sequenceLayout(64, JAVA_BYTE).withName("cuda_architectures"),
          MemoryLayout.sequenceLayout(256, JAVA_BYTE).withName("cuda_reason"));

  /** {@code bevel_grid}. */
  public static final StructLayout GRID =
      struct(
          "bevel_grid",
          MemoryLayout.sequenceLayout(3, JAVA_DOUBLE).withName("lower"),
          MemoryLayout.sequenceLayout(3, JAVA_DOUBLE).withName("cell_size"),
          MemoryLayout.sequenceLayout(3, JAVA_INT).withName("cells"),
          int32("rounding"),
          int32("row_axis"),
          int32("reserved"));

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
          GRID.withName("grid"),
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
          pointer("workspace"));

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
          pointer("plan_info"));

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
          pointer("plan_info"));

  /** {@code bevel_bev_pool_forward_params}. */
  public static final StructLayout POOL_FORWARD =
      struct(
          "bevel_bev_pool_forward_params",
          int64("struct_size"),
          pointer("depth"),
          pointer("feature"),
          pointer("ranks_depth"),
          pointer("ranks_feature"),
          pointer("ranks_bev"),
          pointer("interval_starts"),
          pointer("interval_lengths"),
          pointer("out"));

  /** {@code bevel_bev_pool_backward_params}. */
  public static final StructLayout POOL_BACKWARD =
      struct(
          "bevel_bev_pool_backward_params",
          int64("struct_size"),
          pointer("grad_out"),
          pointer("depth"),
          pointer("feature"),
          pointer("ranks_depth"),
          pointer("ranks_feature"),
          pointer("ranks_bev"),
          pointer("interval_starts"),
          pointer("interval_lengths"),
          pointer("grad_depth"),
          pointer("grad_feature"),
          pointer("workspace"));

  /** Every struct that crosses the ABI. */
  public static final List<StructLayout> ALL =
      List.of(
          TENSOR,
          CAPABILITIES,
          GRID,
          GEOMETRY,
          PLAN_INFO,
          PLAN,
          FORWARD,
          BACKWARD,
          POOL_FORWARD,
          POOL_BACKWARD);

  private Layouts() {}

  /** Offset of a field of a struct. */
  public static long offset(StructLayout struct, String field) {
    return struct.byteOffset(PathElement.groupElement(field));
  }

  private static StructLayout struct(String name, MemoryLayout... fields) {
    return MemoryLayout.structLayout(fields).withName(name);
  }

  private static MemoryLayout pointer(String name) {
    return JAVA_LONG.withName(name);
  }

  private static MemoryLayout int64(String name) {
    return JAVA_LONG.withName(name);
  }

  private static MemoryLayout int32(String name) {
    return JAVA_INT.withName(name);
  }
}
