#include "lift_splat/lift_splat.h"

#include "struct_layouts.h"

void lift_splat_layouts(void) {
  STRUCT(bevel_lift_splat_geometry);
  FIELD(bevel_lift_splat_geometry, struct_size);
  FIELD(bevel_lift_splat_geometry, batch);
  FIELD(bevel_lift_splat_geometry, cameras);
  FIELD(bevel_lift_splat_geometry, depth_bins);
  FIELD(bevel_lift_splat_geometry, height);
  FIELD(bevel_lift_splat_geometry, width);
  FIELD(bevel_lift_splat_geometry, image_height);
  FIELD(bevel_lift_splat_geometry, image_width);
  FIELD(bevel_lift_splat_geometry, depth_start);
  FIELD(bevel_lift_splat_geometry, depth_step);
  FIELD(bevel_lift_splat_geometry, grid);
  FIELD(bevel_lift_splat_geometry, intrinsics);
  FIELD(bevel_lift_splat_geometry, camera_to_bev);
  FIELD(bevel_lift_splat_geometry, image_augmentation);
  FIELD(bevel_lift_splat_geometry, bev_augmentation);
  FIELD(bevel_lift_splat_geometry, cells);

  STRUCT(bevel_lift_splat_plan_info);
  FIELD(bevel_lift_splat_plan_info, struct_size);
  FIELD(bevel_lift_splat_plan_info, method);
  FIELD(bevel_lift_splat_plan_info, overflow);
  FIELD(bevel_lift_splat_plan_info, points);
  FIELD(bevel_lift_splat_plan_info, runs);
  FIELD(bevel_lift_splat_plan_info, rows);
  FIELD(bevel_lift_splat_plan_info, shared_rows);
  FIELD(bevel_lift_splat_plan_info, shared_cells);
  FIELD(bevel_lift_splat_plan_info, filled_cells);

  STRUCT(bevel_lift_splat_plan_params);
  FIELD(bevel_lift_splat_plan_params, struct_size);
  FIELD(bevel_lift_splat_plan_params, geometry);
  FIELD(bevel_lift_splat_plan_params, method);
  FIELD(bevel_lift_splat_plan_params, reserved);
  FIELD(bevel_lift_splat_plan_params, max_points);
  FIELD(bevel_lift_splat_plan_params, plan);
  FIELD(bevel_lift_splat_plan_params, workspace);
  FIELD(bevel_lift_splat_plan_params, threads);

  STRUCT(bevel_lift_splat_forward_params);
  FIELD(bevel_lift_splat_forward_params, struct_size);
  FIELD(bevel_lift_splat_forward_params, plan);
  FIELD(bevel_lift_splat_forward_params, depth);
  FIELD(bevel_lift_splat_forward_params, context);
  FIELD(bevel_lift_splat_forward_params, prior);
  FIELD(bevel_lift_splat_forward_params, prior_weight);
  FIELD(bevel_lift_splat_forward_params, out);
  FIELD(bevel_lift_splat_forward_params, probabilities);
  FIELD(bevel_lift_splat_forward_params, workspace);
  FIELD(bevel_lift_splat_forward_params, depth_kind);
  FIELD(bevel_lift_splat_forward_params, context_layout);
  FIELD(bevel_lift_splat_forward_params, out_layout);
  FIELD(bevel_lift_splat_forward_params, reserved);
  FIELD(bevel_lift_splat_forward_params, max_points);
  FIELD(bevel_lift_splat_forward_params, plan_info);
  FIELD(bevel_lift_splat_forward_params, threads);

  STRUCT(bevel_lift_splat_backward_params);
  FIELD(bevel_lift_splat_backward_params, struct_size);
  FIELD(bevel_lift_splat_backward_params, plan);
  FIELD(bevel_lift_splat_backward_params, grad_out);
  FIELD(bevel_lift_splat_backward_params, probabilities);
  FIELD(bevel_lift_splat_backward_params, context);
  FIELD(bevel_lift_splat_backward_params, prior);
  FIELD(bevel_lift_splat_backward_params, prior_weight);
  FIELD(bevel_lift_splat_backward_params, grad_depth);
  FIELD(bevel_lift_splat_backward_params, grad_context);
  FIELD(bevel_lift_splat_backward_params, workspace);
  FIELD(bevel_lift_splat_backward_params, depth_kind);
  FIELD(bevel_lift_splat_backward_params, context_layout);
  FIELD(bevel_lift_splat_backward_params, out_layout);
  FIELD(bevel_lift_splat_backward_params, reserved);
  FIELD(bevel_lift_splat_backward_params, max_points);
  FIELD(bevel_lift_splat_backward_params, plan_info);
  FIELD(bevel_lift_splat_backward_params, threads);
}
