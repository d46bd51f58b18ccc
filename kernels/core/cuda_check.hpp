// Errors of the CUDA runtime as exceptions; native/cuda_library.cu turns them into status codes.
#pragma once

#include "core/cuda_target.hpp"

namespace bevel {

struct CudaFailure {
  cudaError_t error;
  const char* what;  ///< the call or kernel that failed
};

inline void check_cuda_call(cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw CudaFailure{error, what};
}

/// Lets a kernel have that much dynamic shared memory. It must be asked for where static and dynamic together
/// exceed 48 KiB.
template <typename Kernel>
void allow_shared(Kernel kernel, int64_t bytes) {
  if (bytes > 32 << 10) {
    check_cuda_call(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
        "cudaFuncSetAttribute");
  }
}

}  // namespace bevel

/// Launches a kernel with blocks of kBlockThreads threads; a refused launch throws.
#define BEVEL_ENQUEUE(kernel, blocks, shared_bytes, stream, ...) \
  ::bevel::check_cuda_call(                                      \
      BEVEL_LAUNCH(kernel, blocks, ::bevel::kBlockThreads, shared_bytes, stream, __VA_ARGS__), #kernel)
