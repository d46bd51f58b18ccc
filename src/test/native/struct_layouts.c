/* Prints "struct size" and "struct.field offset size" for every struct of the ABI, as this compiler lays them
 * out, and the version of the headers. A Java test compares the lines with the layouts of the Panama binding.
 */
#include <stddef.h>
#include <stdio.h>

#include "bev_pool/bev_pool.h"
#include "bevel.h"
#include "lift_splat/lift_splat.h"

#define STRUCT(type) printf("%s %zu\n", #type, sizeof(type))
#define FIELD(type, field) \
  printf("%s.%s %zu %zu\n", #type, #field, offsetof(type, field), sizeof(((type*)0)->field))

int main(void) {
  printf("version %d\n", BEVEL_VERSION_MAJOR * 10000 + BEVEL_VERSION_MINOR * 100 + BEVEL_VERSION_PATCH);

  STRUCT(DLTensor);
  FIELD(DLTensor, data);
  FIELD(DLTensor, device.device_type);
  FIELD(DLTensor, device.device_id);
  FIELD(DLTensor, ndim);
  FIELD(DLTensor, dtype.code);
  FIELD(DLTensor, dtype.bits);
  FIELD(DLTensor, dtype.lanes);
  FIELD(DLTensor, shape);
  FIELD(DLTensor, strides);
  FIELD(DLTensor, byte_offset);

  STRUCT(bevel_capabilities);
  FIELD(bevel_capabilities, struct_size);
  FIELD(bevel_capabilities, cuda_library);
  FIELD(bevel_capabilities, cuda_devices);
  FIELD(bevel_capabilities, cuda_runtime);
  FIELD(bevel_capabilities, cuda_driver);
  FIELD(bevel_capabilities, cuda_architectures);
  FIELD(bevel_capabilities, cuda_reason);

  STRUCT(bevel_grid);
  FIELD(bevel_grid, lower);
  FIELD(bevel_grid, cell_size);
  FIELD(bevel_grid, cells);
  FIELD(bevel_grid, rounding);
  FIELD(bevel_grid, row_axis);
  FIELD(bevel_grid, reserved);

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

  STRUCT(bevel_bev_pool_forward_params);
  FIELD(bevel_bev_pool_forward_params, struct_size);
  FIELD(bevel_bev_pool_forward_params, depth);
  FIELD(bevel_bev_pool_forward_params, feature);
  FIELD(bevel_bev_pool_forward_params, ranks_depth);
  FIELD(bevel_bev_pool_forward_params, ranks_feature);
  FIELD(bevel_bev_pool_forward_params, ranks_bev);
  FIELD(bevel_bev_pool_forward_params, interval_starts);
  FIELD(bevel_bev_pool_forward_params, interval_lengths);
  FIELD(bevel_bev_pool_forward_params, out);

  STRUCT(bevel_bev_pool_backward_params);
  FIELD(bevel_bev_pool_backward_params, struct_size);
  FIELD(bevel_bev_pool_backward_params, grad_out);
  FIELD(bevel_bev_pool_backward_params, depth);
  FIELD(bevel_bev_pool_backward_params, feature);
  FIELD(bevel_bev_pool_backward_params, ranks_depth);
  FIELD(bevel_bev_pool_backward_params, ranks_feature);
  FIELD(bevel_bev_pool_backward_params, ranks_bev);
  FIELD(bevel_bev_pool_backward_params, interval_starts);
  FIELD(bevel_bev_pool_backward_params, interval_lengths);
  FIELD(bevel_bev_pool_backward_params, grad_depth);
  FIELD(bevel_bev_pool_backward_params, grad_feature);
  FIELD(bevel_bev_pool_backward_params, workspace);
  return 0;
}
