package dev.bevel.kernels.internal;

import static dev.bevel.kernels.internal.Layouts.int32;
import static dev.bevel.kernels.internal.Layouts.int64;
import static dev.bevel.kernels.internal.Layouts.pointer;
import static dev.bevel.kernels.internal.Layouts.struct;

import java.lang.foreign.StructLayout;
import java.util.List;

/** The structs of {@code bev_warp.h}. */
public final class BevWarpLayouts {
  /** {@code bevel_bev_warp_forward_params}. */
  public static final StructLayout FORWARD =
      struct(
          "bevel_bev_warp_forward_params",
          int64("struct_size"),
          int32("layout"),
          int32("interpolation"),
          int32("coordinates"),
          int32("reserved"),
          pointer("input"),
          pointer("matrices"),
          pointer("grid"),
          pointer("out"),
          int64("threads"));

  /** {@code bevel_bev_warp_backward_params}. */
  public static final StructLayout BACKWARD =
      struct(
          "bevel_bev_warp_backward_params",
          int64("struct_size"),
          int32("layout"),
          int32("interpolation"),
          int32("coordinates"),
          int32("determinism"),
          pointer("grad_out"),
          pointer("input"),
          pointer("matrices"),
          pointer("grid"),
          pointer("grad_input"),
          pointer("grad_grid"),
          pointer("workspace"),
          int64("threads"));

  /** All of them. */
  public static final List<StructLayout> ALL = List.of(FORWARD, BACKWARD);

  private BevWarpLayouts() {}
}
