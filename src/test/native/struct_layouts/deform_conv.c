#include "deform_conv/deform_conv.h"

#include "struct_layouts.h"

void deform_conv_layouts(void) {
  STRUCT(bevel_deform_conv_settings);
  FIELD(bevel_deform_conv_settings, stride);
  FIELD(bevel_deform_conv_settings, padding);
  FIELD(bevel_deform_conv_settings, dilation);
  FIELD(bevel_deform_conv_settings, groups);
  FIELD(bevel_deform_conv_settings, deform_groups);

  STRUCT(bevel_deform_conv_forward_params);
  FIELD(bevel_deform_conv_forward_params, struct_size);
  FIELD(bevel_deform_conv_forward_params, input);
  FIELD(bevel_deform_conv_forward_params, offset);
  FIELD(bevel_deform_conv_forward_params, mask);
  FIELD(bevel_deform_conv_forward_params, weight);
  FIELD(bevel_deform_conv_forward_params, bias);
  FIELD(bevel_deform_conv_forward_params, out);
  FIELD(bevel_deform_conv_forward_params, workspace);
  FIELD(bevel_deform_conv_forward_params, settings);
  FIELD(bevel_deform_conv_forward_params, threads);

  STRUCT(bevel_deform_conv_backward_params);
  FIELD(bevel_deform_conv_backward_params, struct_size);
  FIELD(bevel_deform_conv_backward_params, grad_out);
  FIELD(bevel_deform_conv_backward_params, input);
  FIELD(bevel_deform_conv_backward_params, offset);
  FIELD(bevel_deform_conv_backward_params, mask);
  FIELD(bevel_deform_conv_backward_params, weight);
  FIELD(bevel_deform_conv_backward_params, grad_input);
  FIELD(bevel_deform_conv_backward_params, grad_offset);
  FIELD(bevel_deform_conv_backward_params, grad_mask);
  FIELD(bevel_deform_conv_backward_params, grad_weight);
  FIELD(bevel_deform_conv_backward_params, grad_bias);
  FIELD(bevel_deform_conv_backward_params, workspace);
  FIELD(bevel_deform_conv_backward_params, settings);
  FIELD(bevel_deform_conv_backward_params, determinism);
  FIELD(bevel_deform_conv_backward_params, reserved);
  FIELD(bevel_deform_conv_backward_params, threads);
}
