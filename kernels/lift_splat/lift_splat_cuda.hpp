// The CUDA bodies of lift_splat as their launchers, which native/cuda_library.cu puts in the table. They only
// enqueue; a refused launch throws CudaFailure.
#pragma once

#include "core/cuda_target.hpp"
#include "lift_splat/lift_splat_job.hpp"

namespace bevel {

int64_t plan_workspace_cuda(const LiftSplatPlanJob& job);
void enqueue_plan(const LiftSplatPlanJob& job, cudaStream_t stream);

int64_t forward_workspace_cuda(const LiftSplatForwardJob& job);
void enqueue_forward(const LiftSplatForwardJob& job, cudaStream_t stream);

int64_t backward_workspace_cuda(const LiftSplatBackwardJob& job);
void enqueue_backward(const LiftSplatBackwardJob& job, cudaStream_t stream);

}  // namespace bevel
