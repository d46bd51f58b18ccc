// The CUDA bodies of bev_warp as their launchers; see lift_splat_cuda.hpp.
#pragma once

#include "bev_warp/bev_warp_job.hpp"
#include "core/cuda_target.hpp"

namespace bevel {

void enqueue_bev_warp_forward(const BevWarpForwardJob& job, cudaStream_t stream);
int64_t bev_warp_backward_workspace_cuda(const BevWarpBackwardJob& job);
void enqueue_bev_warp_backward(const BevWarpBackwardJob& job, cudaStream_t stream);

}  // namespace bevel
