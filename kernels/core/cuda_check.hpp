// Errors of the CUDA runtime as exceptions; native/cuda/cuda_library.cu turns them into status codes.
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

/// Lets launches of a kernel have up to that much dynamic shared memory. It belongs to the kernel on the
/// current device, not to one launch: a call that asked for less than another thread is about to launch with
/// would make that launch fail, so a kernel always asks for the same.
template <typename Kernel>
void allow_shared(Kernel kernel, int64_t bytes) {
  check_cuda_call(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
      "cudaFuncSetAttribute");
}

/// A grid; what no grid can hold is refused and not cut short.
inline dim3 grid_of(int64_t x, int64_t y = 1) {
  if (x < 1 || x > 0x7fffffff || y < 1 || y > 65535)
    throw CudaFailure{cudaErrorInvalidConfiguration, "a launch of more blocks than a grid can have"};
  return dim3(static_cast<unsigned>(x), static_cast<unsigned>(y));
}
inline dim3 grid_of(dim3 grid) { return grid; }

}  // namespace bevel

/// Launches a kernel on a number of blocks (or a dim3 of them) of kBlockThreads threads; a refused launch
/// throws.
#define BEVEL_ENQUEUE(kernel, blocks, shared_bytes, stream, ...)                                  \
  ::bevel::check_cuda_call(BEVEL_LAUNCH(kernel, ::bevel::grid_of(blocks), ::bevel::kBlockThreads, \
                                        shared_bytes, stream, __VA_ARGS__),                       \
                           #kernel)
