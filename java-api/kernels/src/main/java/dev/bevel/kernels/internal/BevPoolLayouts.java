package dev.bevel.kernels.internal;

import static dev.bevel.kernels.internal.Layouts.int64;
import static dev.bevel.kernels.internal.Layouts.pointer;
import static dev.bevel.kernels.internal.Layouts.struct;

import java.lang.foreign.StructLayout;
import java.util.List;

/** The structs of {@code bev_pool.h}. */
public final class BevPoolLayouts {
  /** {@code bevel_bev_pool_forward_params}. */
  public static final StructLayout FORWARD =
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
          pointer("out"),
          int64("threads"));

  /** {@code bevel_bev_pool_backward_params}. */
  public static final StructLayout BACKWARD =
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
          pointer("workspace"),
          int64("threads"));

  /** All of them. */
  public static final List<StructLayout> ALL = List.of(FORWARD, BACKWARD);

  private BevPoolLayouts() {}
}
