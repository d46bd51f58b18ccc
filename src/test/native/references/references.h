/* The definitions of Bevel's operators in double and in plain loops, by the very params of the operators:
 * what they, their peers and their gradients are compared with. Tensors may have any dtype and strides; those
 * that are NULL are not written; workspaces, threads and streams are not read. The caller vouches for all
 * shapes. */
#ifndef BEVEL_REFERENCES_H_
#define BEVEL_REFERENCES_H_

#include "bevel/bev_pool.h"
#include "bevel/bev_warp.h"
#include "bevel/deform_attn.h"
#include "bevel/deform_conv.h"
#include "bevel/lift_splat.h"
#include "bevel/multi_view_sample.h"
#include "bevel/point_sampling.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BEVEL_REFERENCE(pass)            \
  __attribute__((visibility("default"))) \
  bevel_status bevel_reference_##pass(const bevel_##pass##_params* params, void* stream)

BEVEL_REFERENCE(bev_pool_forward);
BEVEL_REFERENCE(bev_pool_backward);
BEVEL_REFERENCE(bev_warp_forward);
BEVEL_REFERENCE(bev_warp_backward);
BEVEL_REFERENCE(deform_attn_forward);
BEVEL_REFERENCE(deform_attn_backward);
BEVEL_REFERENCE(deform_conv_forward);
BEVEL_REFERENCE(deform_conv_backward);
BEVEL_REFERENCE(msda_forward);
BEVEL_REFERENCE(msda_backward);
BEVEL_REFERENCE(multi_view_sample_forward);
BEVEL_REFERENCE(multi_view_sample_backward);
BEVEL_REFERENCE(point_sampling);

#ifdef __cplusplus
}
#endif
#endif /* BEVEL_REFERENCES_H_ */
