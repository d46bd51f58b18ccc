// The CUDA bodies' declarations, made from kernels/bodies.def. They only enqueue; a refused launch throws
// CudaFailure.
#pragma once

#include "core/cuda_target.hpp"

namespace bevel {

#define BEVEL_BODY(name, Job, workspace)                       \
  struct Job;                                                  \
  namespace cuda {                                             \
  void name(const Job& job, cudaStream_t stream);              \
  BEVEL_##workspace(int64_t name##_workspace(const Job& job);) \
  }
#include "bodies.def"

}  // namespace bevel
