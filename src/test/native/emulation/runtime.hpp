// The part of the CUDA runtime that launchers use. Device memory is host memory; every call has finished when
// it returns.
#pragma once

#include <cstddef>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "pointer.hpp"

struct CUstream_st;
using cudaStream_t = CUstream_st*;

#define CUDART_VERSION 13000

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorStreamCaptureUnsupported = 900
};
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone = 0, cudaStreamCaptureStatusActive = 1 };
enum cudaMemcpyKind {
  cudaMemcpyHostToHost = 0,
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost = 2,
  cudaMemcpyDeviceToDevice = 3,
  cudaMemcpyDefault = 4
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaDeviceAttr { cudaDevAttrMultiProcessorCount = 16, cudaDevAttrMaxSharedMemoryPerBlockOptin = 97 };

/** The error of the last failing call, which is then forgotten. */
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaMemsetAsync(void* target, int value, size_t bytes, cudaStream_t stream = nullptr);
cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream = nullptr);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
/** Emulated streams never are. */
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaDriverGetVersion(int* version);
const char* cudaGetErrorName(cudaError_t error);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);

namespace bevel::emulation {

cudaError_t allow_dynamic_shared(const void* kernel, int bytes);

/** Checks a launch as the driver does; the error also becomes the last error. */
cudaError_t check_launch(const void* kernel, dim3 grid, dim3 block, size_t dynamic_bytes);

template <class... Parameters, class... Arguments>
cudaError_t launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block,
                   size_t dynamic_bytes, cudaStream_t, Arguments&&... arguments) {
  const cudaError_t error = check_launch(reinterpret_cast<const void*>(kernel), grid, block, dynamic_bytes);
  if (error != cudaSuccess) return error;
  const std::tuple<std::decay_t<Parameters>...> values(std::forward<Arguments>(arguments)...);
  Launch(name, grid, block, dynamic_bytes).run([&] { std::apply(kernel, values); });
  return cudaSuccess;
}

/** Device memory of a test: full of 0xFF and, for the emulation, uninitialized until it is written. */
template <class T>
class DeviceBuffer {
 public:
  explicit DeviceBuffer(size_t count) : values_(count) {
    std::memset(static_cast<void*>(values_.data()), 0xFF, bytes());
    shadow().mark_uninitialized(address(), bytes());
  }
  explicit DeviceBuffer(std::vector<T> values) : values_(std::move(values)) {
    shadow().mark_initialized(address(), bytes());
  }
  ~DeviceBuffer() { shadow().mark_initialized(address(), bytes()); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  T* data() { return values_.data(); }
  size_t size() const { return values_.size(); }
  size_t bytes() const { return values_.size() * sizeof(T); }
  const std::vector<T>& values() const { return values_; }

 private:
  uintptr_t address() const { return reinterpret_cast<uintptr_t>(values_.data()); }
  std::vector<T> values_;
};

}  // namespace bevel::emulation

template <class... Parameters>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...), cudaFuncAttribute, int bytes) {
  return bevel::emulation::allow_dynamic_shared(reinterpret_cast<const void*>(kernel), bytes);
}
