// The part of multi_view_sample's backward that writes the gradients of features.
#pragma once

#include "core/cuda_target.hpp"
#include "multi_view_sample/multi_view_sample_job.hpp"

namespace bevel {

int64_t multi_view_sample_features_workspace(const MultiViewBackwardJob& job);
void enqueue_multi_view_sample_features(const MultiViewBackwardJob& job, cudaStream_t stream);

}  // namespace bevel
