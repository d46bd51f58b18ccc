#include "multi_view_sample/multi_view_sample.h"

#include "struct_layouts.h"

void multi_view_sample_layouts(void) {
  STRUCT(bevel_multi_view);
  FIELD(bevel_multi_view, features);
  FIELD(bevel_multi_view, levels);
  FIELD(bevel_multi_view, layout);
  FIELD(bevel_multi_view, lidar2img);
  FIELD(bevel_multi_view, points);
  FIELD(bevel_multi_view, locations);
  FIELD(bevel_multi_view, image_sizes);
  FIELD(bevel_multi_view, image_width);
  FIELD(bevel_multi_view, image_height);
  FIELD(bevel_multi_view, point_range);
  FIELD(bevel_multi_view, points_normalised);
  FIELD(bevel_multi_view, reserved);
  FIELD(bevel_multi_view, weights);

  STRUCT(bevel_multi_view_sample_forward_params);
  FIELD(bevel_multi_view_sample_forward_params, struct_size);
  FIELD(bevel_multi_view_sample_forward_params, views);
  FIELD(bevel_multi_view_sample_forward_params, out);
  FIELD(bevel_multi_view_sample_forward_params, visible);
  FIELD(bevel_multi_view_sample_forward_params, threads);

  STRUCT(bevel_multi_view_sample_backward_params);
  FIELD(bevel_multi_view_sample_backward_params, struct_size);
  FIELD(bevel_multi_view_sample_backward_params, grad_out);
  FIELD(bevel_multi_view_sample_backward_params, views);
  FIELD(bevel_multi_view_sample_backward_params, grad_features);
  FIELD(bevel_multi_view_sample_backward_params, grad_points);
  FIELD(bevel_multi_view_sample_backward_params, grad_locations);
  FIELD(bevel_multi_view_sample_backward_params, grad_weights);
  FIELD(bevel_multi_view_sample_backward_params, workspace);
  FIELD(bevel_multi_view_sample_backward_params, determinism);
  FIELD(bevel_multi_view_sample_backward_params, reserved);
  FIELD(bevel_multi_view_sample_backward_params, threads);
}
