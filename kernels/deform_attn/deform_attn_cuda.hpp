// The CUDA bodies of deform_attn as their launchers; see lift_splat_cuda.hpp.
#pragma once

#include "core/cuda_target.hpp"
#include "deform_attn/deform_attn_job.hpp"

namespace bevel {

void enqueue_deform_attn_forward(const DeformAttnJob& job, cudaStream_t stream);
int64_t deform_attn_backward_workspace_cuda(const DeformAttnBackwardJob& job);
void enqueue_deform_attn_backward(const DeformAttnBackwardJob& job, cudaStream_t stream);

}  // namespace bevel
