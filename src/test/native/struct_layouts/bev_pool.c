#include "bev_pool/bev_pool.h"

#include "struct_layouts.h"

void bev_pool_layouts(void) {
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
  FIELD(bevel_bev_pool_forward_params, threads);

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
  FIELD(bevel_bev_pool_backward_params, threads);
}
