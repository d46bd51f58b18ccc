// The CUDA bodies of multi_view_sample as their launchers.
#pragma once

#include "core/cuda_target.hpp"
#include "multi_view_sample/multi_view_sample_job.hpp"

namespace bevel {

void enqueue_multi_view_sample_forward(const MultiViewJob& job, cudaStream_t stream);
int64_t multi_view_sample_backward_workspace_cuda(const MultiViewBackwardJob& job);
void enqueue_multi_view_sample_backward(const MultiViewBackwardJob& job, cudaStream_t stream);

/// The part of backward that writes the gradients of features.
int64_t multi_view_feature_gradient_workspace_cuda(const MultiViewBackwardJob& job);
void enqueue_multi_view_feature_gradient(const MultiViewBackwardJob& job, cudaStream_t stream);

}  // namespace bevel
