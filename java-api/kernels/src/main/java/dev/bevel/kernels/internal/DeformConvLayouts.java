package dev.bevel.kernels.internal;

import static dev.bevel.kernels.internal.Layouts.int32;
import static dev.bevel.kernels.internal.Layouts.int64;
import static dev.bevel.kernels.internal.Layouts.pointer;
import static dev.bevel.kernels.internal.Layouts.struct;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.util.List;

/** The structs of {@code deform_conv.h}. */
public final class DeformConvLayouts {
  /** {@code bevel_deform_conv_settings}. */
  public static final StructLayout SETTINGS =
      struct(
          "bevel_deform_conv_settings",
          MemoryLayout.sequenceLayout(2, JAVA_INT).withName("stride"),
          MemoryLayout.sequenceLayout(2, JAVA_INT).withName("padding"),
          MemoryLayout.sequenceLayout(2, JAVA_INT).withName("dilation"),
          int32("groups"),
          int32("deform_groups"));

  /** {@code bevel_deform_conv_forward_params}. */
  public static final StructLayout FORWARD =
      struct(
          "bevel_deform_conv_forward_params",
          int64("struct_size"),
          pointer("input"),
          pointer("offset"),
          pointer("mask"),
          pointer("weight"),
          pointer("bias"),
          pointer("out"),
          pointer("workspace"),
          SETTINGS.withName("settings"),
          int64("threads"));

  /** {@code bevel_deform_conv_backward_params}. */
  public static final StructLayout BACKWARD =
      struct(
          "bevel_deform_conv_backward_params",
          int64("struct_size"),
          pointer("grad_out"),
          pointer("input"),
          pointer("offset"),
          pointer("mask"),
          pointer("weight"),
          pointer("grad_input"),
          pointer("grad_offset"),
          pointer("grad_mask"),
          pointer("grad_weight"),
          pointer("grad_bias"),
          pointer("workspace"),
          SETTINGS.withName("settings"),
          int32("determinism"),
          int32("reserved"),
          int64("threads"));

  /** All of them. */
  public static final List<StructLayout> ALL = List.of(SETTINGS, FORWARD, BACKWARD);

  private DeformConvLayouts() {}
}
