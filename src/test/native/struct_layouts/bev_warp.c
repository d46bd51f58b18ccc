#include "bev_warp/bev_warp.h"

#include "struct_layouts.h"

void bev_warp_layouts(void) {
  STRUCT(bevel_bev_warp_forward_params);
  FIELD(bevel_bev_warp_forward_params, struct_size);
  FIELD(bevel_bev_warp_forward_params, layout);
  FIELD(bevel_bev_warp_forward_params, interpolation);
  FIELD(bevel_bev_warp_forward_params, coordinates);
  FIELD(bevel_bev_warp_forward_params, reserved);
  FIELD(bevel_bev_warp_forward_params, input);
  FIELD(bevel_bev_warp_forward_params, matrices);
  FIELD(bevel_bev_warp_forward_params, grid);
  FIELD(bevel_bev_warp_forward_params, out);
  FIELD(bevel_bev_warp_forward_params, threads);

  STRUCT(bevel_bev_warp_backward_params);
  FIELD(bevel_bev_warp_backward_params, struct_size);
  FIELD(bevel_bev_warp_backward_params, layout);
  FIELD(bevel_bev_warp_backward_params, interpolation);
  FIELD(bevel_bev_warp_backward_params, coordinates);
  FIELD(bevel_bev_warp_backward_params, determinism);
  FIELD(bevel_bev_warp_backward_params, grad_out);
  FIELD(bevel_bev_warp_backward_params, input);
  FIELD(bevel_bev_warp_backward_params, matrices);
  FIELD(bevel_bev_warp_backward_params, grid);
  FIELD(bevel_bev_warp_backward_params, grad_input);
  FIELD(bevel_bev_warp_backward_params, grad_grid);
  FIELD(bevel_bev_warp_backward_params, workspace);
  FIELD(bevel_bev_warp_backward_params, threads);
}
