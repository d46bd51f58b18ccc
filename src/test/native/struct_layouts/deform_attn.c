#include "deform_attn/deform_attn.h"

#include "struct_layouts.h"

void deform_attn_layouts(void) {
  STRUCT(bevel_value_levels);
  FIELD(bevel_value_levels, levels);
  FIELD(bevel_value_levels, reserved);
  FIELD(bevel_value_levels, height);
  FIELD(bevel_value_levels, width);
  FIELD(bevel_value_levels, start);

  STRUCT(bevel_msda_forward_params);
  FIELD(bevel_msda_forward_params, struct_size);
  FIELD(bevel_msda_forward_params, value);
  FIELD(bevel_msda_forward_params, levels);
  FIELD(bevel_msda_forward_params, locations);
  FIELD(bevel_msda_forward_params, weights);
  FIELD(bevel_msda_forward_params, out);
  FIELD(bevel_msda_forward_params, threads);

  STRUCT(bevel_msda_backward_params);
  FIELD(bevel_msda_backward_params, struct_size);
  FIELD(bevel_msda_backward_params, grad_out);
  FIELD(bevel_msda_backward_params, value);
  FIELD(bevel_msda_backward_params, levels);
  FIELD(bevel_msda_backward_params, locations);
  FIELD(bevel_msda_backward_params, weights);
  FIELD(bevel_msda_backward_params, grad_value);
  FIELD(bevel_msda_backward_params, grad_locations);
  FIELD(bevel_msda_backward_params, grad_weights);
  FIELD(bevel_msda_backward_params, workspace);
  FIELD(bevel_msda_backward_params, determinism);
  FIELD(bevel_msda_backward_params, reserved);
  FIELD(bevel_msda_backward_params, threads);

  STRUCT(bevel_deform_attn_forward_params);
  FIELD(bevel_deform_attn_forward_params, struct_size);
  FIELD(bevel_deform_attn_forward_params, value);
  FIELD(bevel_deform_attn_forward_params, levels);
  FIELD(bevel_deform_attn_forward_params, reference_kind);
  FIELD(bevel_deform_attn_forward_params, combination);
  FIELD(bevel_deform_attn_forward_params, reference);
  FIELD(bevel_deform_attn_forward_params, offsets);
  FIELD(bevel_deform_attn_forward_params, logits);
  FIELD(bevel_deform_attn_forward_params, visible);
  FIELD(bevel_deform_attn_forward_params, out);
  FIELD(bevel_deform_attn_forward_params, threads);

  STRUCT(bevel_deform_attn_backward_params);
  FIELD(bevel_deform_attn_backward_params, struct_size);
  FIELD(bevel_deform_attn_backward_params, grad_out);
  FIELD(bevel_deform_attn_backward_params, value);
  FIELD(bevel_deform_attn_backward_params, levels);
  FIELD(bevel_deform_attn_backward_params, reference_kind);
  FIELD(bevel_deform_attn_backward_params, combination);
  FIELD(bevel_deform_attn_backward_params, reference);
  FIELD(bevel_deform_attn_backward_params, offsets);
  FIELD(bevel_deform_attn_backward_params, logits);
  FIELD(bevel_deform_attn_backward_params, visible);
  FIELD(bevel_deform_attn_backward_params, grad_value);
  FIELD(bevel_deform_attn_backward_params, grad_reference);
  FIELD(bevel_deform_attn_backward_params, grad_offsets);
  FIELD(bevel_deform_attn_backward_params, grad_logits);
  FIELD(bevel_deform_attn_backward_params, workspace);
  FIELD(bevel_deform_attn_backward_params, determinism);
  FIELD(bevel_deform_attn_backward_params, reserved);
  FIELD(bevel_deform_attn_backward_params, threads);
}
