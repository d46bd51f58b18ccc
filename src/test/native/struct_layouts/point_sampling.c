#include "deform_attn/point_sampling.h"

#include "struct_layouts.h"

void point_sampling_layouts(void) {
  STRUCT(bevel_pillar_grid);
  FIELD(bevel_pillar_grid, rows);
  FIELD(bevel_pillar_grid, columns);
  FIELD(bevel_pillar_grid, anchors);
  FIELD(bevel_pillar_grid, reserved);
  FIELD(bevel_pillar_grid, range);

  STRUCT(bevel_point_sampling_params);
  FIELD(bevel_point_sampling_params, struct_size);
  FIELD(bevel_point_sampling_params, lidar_to_image);
  FIELD(bevel_point_sampling_params, points);
  FIELD(bevel_point_sampling_params, grid);
  FIELD(bevel_point_sampling_params, image_height);
  FIELD(bevel_point_sampling_params, image_width);
  FIELD(bevel_point_sampling_params, visible_of_first_element);
  FIELD(bevel_point_sampling_params, reserved);
  FIELD(bevel_point_sampling_params, reference);
  FIELD(bevel_point_sampling_params, mask);
  FIELD(bevel_point_sampling_params, visible);
  FIELD(bevel_point_sampling_params, mean_factor);
  FIELD(bevel_point_sampling_params, threads);
}
