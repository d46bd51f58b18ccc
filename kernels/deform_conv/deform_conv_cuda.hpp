// The CUDA bodies of deform_conv as their launchers; see lift_splat_cuda.hpp.
#pragma once

#include "core/cuda_target.hpp"
#include "deform_conv/deform_conv_job.hpp"

namespace bevel {

int64_t deform_conv_forward_workspace_cuda(const DeformConvJob& job);
void enqueue_deform_conv_forward(const DeformConvJob& job, cudaStream_t stream);
int64_t deform_conv_backward_workspace_cuda(const DeformConvBackwardJob& job);
void enqueue_deform_conv_backward(const DeformConvBackwardJob& job, cudaStream_t stream);

}  // namespace bevel
