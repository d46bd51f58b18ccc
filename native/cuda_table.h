// The only symbol that libbevel_cuda exports, and what it returns: the CUDA bodies as plain function
// pointers. libbevel has checked every argument before it calls one.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bevel.h"

namespace bevel {
struct LiftSplatPlanJob;
struct LiftSplatForwardJob;
struct LiftSplatBackwardJob;
struct BevPoolForwardJob;
struct BevPoolBackwardJob;
struct PointSamplingJob;
struct DeformAttnJob;
struct DeformAttnBackwardJob;
struct MultiViewJob;
struct MultiViewBackwardJob;
struct DeformConvJob;
struct DeformConvBackwardJob;
struct BevWarpForwardJob;
struct BevWarpBackwardJob;
struct StridedBlocks;
}  // namespace bevel

/// Where a body writes its message when it fails.
struct bevel_cuda_message {
  char text[512];
};

struct bevel_cuda_functions {
  int32_t abi_version;      ///< BEVEL_CUDA_ABI_VERSION
  int32_t runtime_version;  ///< CUDART_VERSION the library was built with
  const char* architectures;

  /// Devices the driver offers and its version; a failure leaves the reason in the message.
  bevel_status (*probe)(int32_t* devices, int32_t* driver_version, bevel_cuda_message*);

  /// `device` is made current for the call and the caller's device restored.
  bevel_status (*plan_workspace)(const bevel::LiftSplatPlanJob*, int64_t* bytes, bevel_cuda_message*);
  bevel_status (*plan_build)(const bevel::LiftSplatPlanJob*, int32_t device, void* stream,
                             bevel_cuda_message*);
  /// Copies `bytes` from the plan to the host and waits for the stream.
  bevel_status (*plan_read)(const int32_t* plan, void* header, int64_t bytes, int32_t device, void* stream,
                            bevel_cuda_message*);
  bevel_status (*forward_workspace)(const bevel::LiftSplatForwardJob*, int64_t* bytes, bevel_cuda_message*);
  bevel_status (*forward)(const bevel::LiftSplatForwardJob*, int32_t device, void* stream,
                          bevel_cuda_message*);
  bevel_status (*backward_workspace)(const bevel::LiftSplatBackwardJob*, int64_t* bytes, bevel_cuda_message*);
  bevel_status (*backward)(const bevel::LiftSplatBackwardJob*, int32_t device, void* stream,
                           bevel_cuda_message*);

  bevel_status (*bev_pool_forward)(const bevel::BevPoolForwardJob*, int32_t device, void* stream,
                                   bevel_cuda_message*);
  bevel_status (*bev_pool_backward_workspace)(const bevel::BevPoolBackwardJob*, int64_t* bytes,
                                              bevel_cuda_message*);
  bevel_status (*bev_pool_backward)(const bevel::BevPoolBackwardJob*, int32_t device, void* stream,
                                    bevel_cuda_message*);

  bevel_status (*point_sampling)(const bevel::PointSamplingJob*, int32_t device, void* stream,
                                 bevel_cuda_message*);
  bevel_status (*deform_attn_forward)(const bevel::DeformAttnJob*, int32_t device, void* stream,
                                      bevel_cuda_message*);
  bevel_status (*deform_attn_backward_workspace)(const bevel::DeformAttnBackwardJob*, int64_t* bytes,
                                                 bevel_cuda_message*);
  bevel_status (*deform_attn_backward)(const bevel::DeformAttnBackwardJob*, int32_t device, void* stream,
                                       bevel_cuda_message*);

  bevel_status (*multi_view_sample_forward)(const bevel::MultiViewJob*, int32_t device, void* stream,
                                            bevel_cuda_message*);
  bevel_status (*multi_view_sample_backward_workspace)(const bevel::MultiViewBackwardJob*, int64_t* bytes,
                                                       bevel_cuda_message*);
  bevel_status (*multi_view_sample_backward)(const bevel::MultiViewBackwardJob*, int32_t device, void* stream,
                                             bevel_cuda_message*);
  bevel_status (*deform_conv_forward_workspace)(const bevel::DeformConvJob*, int64_t* bytes,
                                                bevel_cuda_message*);
  bevel_status (*deform_conv_forward)(const bevel::DeformConvJob*, int32_t device, void* stream,
                                      bevel_cuda_message*);
  bevel_status (*deform_conv_backward_workspace)(const bevel::DeformConvBackwardJob*, int64_t* bytes,
                                                 bevel_cuda_message*);
  bevel_status (*deform_conv_backward)(const bevel::DeformConvBackwardJob*, int32_t device, void* stream,
                                       bevel_cuda_message*);
  bevel_status (*bev_warp_forward)(const bevel::BevWarpForwardJob*, int32_t device, void* stream,
                                   bevel_cuda_message*);
  bevel_status (*bev_warp_backward_workspace)(const bevel::BevWarpBackwardJob*, int64_t* bytes,
                                              bevel_cuda_message*);
  bevel_status (*bev_warp_backward)(const bevel::BevWarpBackwardJob*, int32_t device, void* stream,
                                    bevel_cuda_message*);

  /// Zeros in all blocks.
  bevel_status (*clear)(const bevel::StridedBlocks*, int32_t device, void* stream, bevel_cuda_message*);
};

extern "C" BEVEL_API const bevel_cuda_functions* bevel_cuda_table(int32_t abi_version);
