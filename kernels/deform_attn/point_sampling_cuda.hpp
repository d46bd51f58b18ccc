// The CUDA body of point_sampling as its launcher; see lift_splat_cuda.hpp.
#pragma once

#include "core/cuda_target.hpp"
#include "deform_attn/point_sampling_job.hpp"

namespace bevel {

void enqueue_point_sampling(const PointSamplingJob& job, cudaStream_t stream);

}  // namespace bevel
