#include "runtime.hpp"

#include <cstring>
#include <map>
#include <stdexcept>

namespace {

// Limits of compute capability 9.0 (CUDA C++ Programming Guide, "Technical Specifications").
constexpr unsigned kMaxThreads = 1024, kMaxBlockZ = 64, kMaxGridX = 0x7FFFFFFF, kMaxGridYZ = 65535;
constexpr size_t kDefaultShared = 48 << 10, kMaxShared = 227 << 10;
constexpr int kMultiprocessors = 4;  // few, so that loops over a grid of resident blocks take several rounds

thread_local cudaError_t last_error = cudaSuccess;

cudaError_t report(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

std::map<const void*, size_t>& allowed_shared() {
  static thread_local std::map<const void*, size_t> value;
  return value;
}

}  // namespace

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last_error; }

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
  }
  return "unrecognized error code";
}

cudaError_t cudaMemsetAsync(void* target, int value, size_t bytes, cudaStream_t) {
  if (bytes > 0) std::memset(target, value, bytes);
  bevel::emulation::shadow().mark_initialized(reinterpret_cast<uintptr_t>(target), bytes);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  if (bytes > 0) std::memmove(target, source, bytes);
  bevel::emulation::shadow().mark_initialized(reinterpret_cast<uintptr_t>(target), bytes);
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }

cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus* status) {
  *status = cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    default:
      return "an error that the emulation does not know";
  }
}

cudaError_t cudaSetDevice(int device) { return report(device == 0 ? cudaSuccess : cudaErrorInvalidValue); }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMultiProcessorCount ? kMultiprocessors : static_cast<int>(kMaxShared);
  return cudaSuccess;
}

namespace bevel::emulation {

cudaError_t allow_dynamic_shared(const void* kernel, int bytes) {
  if (bytes < 0 || static_cast<size_t>(bytes) > kMaxShared) return report(cudaErrorInvalidValue);
  size_t& allowed = allowed_shared()[kernel];
  if (static_cast<size_t>(bytes) < allowed) {
    throw std::logic_error(
        "the dynamic shared memory that a kernel may have was lowered: another thread may be about to launch "
        "it with more");
  }
  allowed = static_cast<size_t>(bytes);
  return cudaSuccess;
}

cudaError_t check_launch(const void* kernel, dim3 grid, dim3 block, size_t dynamic_bytes) {
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > kMaxThreads || block.x > kMaxThreads || block.y > kMaxThreads ||
      block.z > kMaxBlockZ || grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > kMaxGridX ||
      grid.y > kMaxGridYZ || grid.z > kMaxGridYZ) {
    return report(cudaErrorInvalidConfiguration);
  }
  const auto allowed = allowed_shared().find(kernel);
  const size_t limit = std::max(kDefaultShared, allowed == allowed_shared().end() ? 0 : allowed->second);
  return dynamic_bytes > limit ? report(cudaErrorInvalidValue) : cudaSuccess;
}

}  // namespace bevel::emulation
