package dev.bevel.kernels.internal;

import static dev.bevel.kernels.internal.Layouts.int32;
import static dev.bevel.kernels.internal.Layouts.int64;
import static dev.bevel.kernels.internal.Layouts.pointer;
import static dev.bevel.kernels.internal.Layouts.struct;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.util.List;

/** The structs of {@code deform_attn.h}. */
public final class DeformAttnLayouts {
  /** BEVEL_DEFORM_ATTN_MAX_LEVELS. */
  public static final int MAX_LEVELS = 8;

  /** {@code bevel_value_levels}. */
  public static final StructLayout LEVELS =
      struct(
          "bevel_value_levels",
          int32("levels"),
          int32("reserved"),
          MemoryLayout.sequenceLayout(MAX_LEVELS, JAVA_INT).withName("height"),
          MemoryLayout.sequenceLayout(MAX_LEVELS, JAVA_INT).withName("width"),
          MemoryLayout.sequenceLayout(MAX_LEVELS, JAVA_LONG).withName("start"));

  /** {@code bevel_msda_forward_params}. */
  public static final StructLayout MSDA_FORWARD =
      struct(
          "bevel_msda_forward_params",
          int64("struct_size"),
          pointer("value"),
          LEVELS.withName("levels"),
          pointer("locations"),
          pointer("weights"),
          pointer("out"),
          int64("threads"));

  /** {@code bevel_msda_backward_params}. */
  public static final StructLayout MSDA_BACKWARD =
      struct(
          "bevel_msda_backward_params",
          int64("struct_size"),
          pointer("grad_out"),
          pointer("value"),
          LEVELS.withName("levels"),
          pointer("locations"),
          pointer("weights"),
          pointer("grad_value"),
          pointer("grad_locations"),
          pointer("grad_weights"),
          pointer("workspace"),
          int32("determinism"),
          int32("reserved"),
          int64("threads"));

  /** {@code bevel_deform_attn_forward_params}. */
  public static final StructLayout FORWARD =
      struct(
          "bevel_deform_attn_forward_params",
          int64("struct_size"),
          pointer("value"),
          LEVELS.withName("levels"),
          int32("reference_kind"),
          int32("combination"),
          pointer("reference"),
          pointer("offsets"),
          pointer("logits"),
          pointer("visible"),
          pointer("out"),
          int64("threads"));

  /** {@code bevel_deform_attn_backward_params}. */
  public static final StructLayout BACKWARD =
      struct(
          "bevel_deform_attn_backward_params",
          int64("struct_size"),
          pointer("grad_out"),
          pointer("value"),
          LEVELS.withName("levels"),
          int32("reference_kind"),
          int32("combination"),
          pointer("reference"),
          pointer("offsets"),
          pointer("logits"),
          pointer("visible"),
          pointer("grad_value"),
          pointer("grad_reference"),
          pointer("grad_offsets"),
          pointer("grad_logits"),
          pointer("workspace"),
          int32("determinism"),
          int32("reserved"),
          int64("threads"));

  /** All of them. */
  public static final List<StructLayout> ALL =
      List.of(LEVELS, MSDA_FORWARD, MSDA_BACKWARD, FORWARD, BACKWARD);

  private DeformAttnLayouts() {}
}
