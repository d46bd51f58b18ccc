// The CUDA bodies of bev_pool as their launchers; see lift_splat_cuda.hpp.
#pragma once

#include "bev_pool/bev_pool_job.hpp"
#include "core/cuda_target.hpp"

namespace bevel {

void enqueue_bev_pool_forward(const BevPoolForwardJob& job, cudaStream_t stream);
int64_t bev_pool_backward_workspace_cuda(const BevPoolBackwardJob& job);
void enqueue_bev_pool_backward(const BevPoolBackwardJob& job, cudaStream_t stream);

}  // namespace bevel
