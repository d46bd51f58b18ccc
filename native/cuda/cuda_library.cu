// libbevel_cuda: the table of CUDA bodies. Nothing but bevel_cuda_table is exported.
#include <cstdio>
#include <exception>

#include "bodies_version.hpp"
#include "core/cuda_bodies.hpp"
#include "core/cuda_check.hpp"
#include "strided_blocks.hpp"

#ifndef BEVEL_CUDA_ARCHITECTURES
#error "BEVEL_CUDA_ARCHITECTURES must name what this library holds code for"
#endif

namespace bevel {
namespace {

/// Makes a device current and puts the caller's back.
class DeviceGuard {
 public:
  explicit DeviceGuard(int32_t device) : device_(device) {
    check_cuda_call(cudaGetDevice(&callers_), "cudaGetDevice");
    if (callers_ != device_) check_cuda_call(cudaSetDevice(device_), "cudaSetDevice");
  }
  ~DeviceGuard() {
    // An error here is taken, or the next launch would report it as its own.
    if (callers_ != device_ && cudaSetDevice(callers_) != cudaSuccess) static_cast<void>(cudaGetLastError());
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int callers_ = 0, device_;
};

bevel_status report(const CudaFailure& failure, CudaMessage* message) {
  std::snprintf(message->text, sizeof message->text, "%s failed: %s (%s)", failure.what,
                cudaGetErrorString(failure.error), cudaGetErrorName(failure.error));
  // The runtime repeats an error at the next call unless it is taken.
  static_cast<void>(cudaGetLastError());
  return failure.error == cudaErrorMemoryAllocation ? BEVEL_OUT_OF_MEMORY : BEVEL_CUDA_ERROR;
}

template <typename Body>
bevel_status guarded(CudaMessage* message, Body body) {
  try {
    body();
    return BEVEL_OK;
  } catch (const CudaFailure& failure) {
    return report(failure, message);
  } catch (const std::exception& exception) {  // nothing may leave the library
    std::snprintf(message->text, sizeof message->text, "%s", exception.what());
    return BEVEL_INTERNAL;
  }
}

template <typename Body>
bevel_status on_device(int32_t device, CudaMessage* message, Body body) {
  return guarded(message, [&] {
    const DeviceGuard guard(device);
    body();
  });
}

bevel_status probe(int32_t* devices, int32_t* driver_version, CudaMessage* message) {
  *devices = 0;
  *driver_version = 0;
  int version = 0;
  if (cudaDriverGetVersion(&version) != cudaSuccess || version == 0) {
    static_cast<void>(cudaGetLastError());
    std::snprintf(message->text, sizeof message->text, "no CUDA driver is installed (libcuda.so.1)");
    return BEVEL_NO_CUDA;
  }
  *driver_version = version;
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    std::snprintf(
        message->text, sizeof message->text,
        "the CUDA driver (version %d.%d) offers no device: %s; this library was built with CUDA %d.%d",
        version / 1000, version % 1000 / 10, cudaGetErrorString(error), CUDART_VERSION / 1000,
        CUDART_VERSION % 1000 / 10);
    return BEVEL_NO_CUDA;
  }
  *devices = count;
  return BEVEL_OK;
}

cudaStream_t stream_of(void* stream) { return static_cast<cudaStream_t>(stream); }

/// The wrappers of a body: the functions that the table holds.
template <auto body, class Job>
bevel_status run(const Job* job, int32_t device, void* stream, CudaMessage* message) {
  return on_device(device, message, [&] { body(*job, stream_of(stream)); });
}
template <auto workspace, class Job>
bevel_status query(const Job* job, int64_t* bytes, CudaMessage* message) {
  return guarded(message, [&] { *bytes = workspace(*job); });
}

bevel_status read(const void* from, void* to, int64_t bytes, int32_t device, void* stream,
                  CudaMessage* message) {
  return on_device(device, message, [&] {
    // Waiting would break off the capture, not only this call.
    cudaStreamCaptureStatus capturing;
    check_cuda_call(cudaStreamIsCapturing(stream_of(stream), &capturing), "cudaStreamIsCapturing");
    if (capturing != cudaStreamCaptureStatusNone) {
      throw CudaFailure{cudaErrorStreamCaptureUnsupported,
                        "reading a plan's counts while its stream is captured in a graph"};
    }
    check_cuda_call(
        cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, stream_of(stream)),
        "cudaMemcpyAsync");
    check_cuda_call(cudaStreamSynchronize(stream_of(stream)), "cudaStreamSynchronize");
  });
}

bevel_status clear(const StridedBlocks* memory, int32_t device, void* stream, CudaMessage* message) {
  return on_device(device, message, [&] {
    memory->for_each_block([&](uintptr_t block) {
      check_cuda_call(cudaMemsetAsync(reinterpret_cast<void*>(block), 0, static_cast<size_t>(memory->block),
                                      stream_of(stream)),
                      "cudaMemsetAsync");
    });
  });
}

constexpr CudaTable make_table() {
  CudaTable table = {};
  table.version = bodies_version();
  table.runtime_version = CUDART_VERSION;
  table.architectures = BEVEL_CUDA_ARCHITECTURES;
  table.probe = probe;
  table.read = read;
  table.clear = clear;
#define BEVEL_BODY(name, Job, workspace) \
  table.name = run<cuda::name, Job>;     \
  BEVEL_##workspace(table.name##_workspace = query<cuda::name##_workspace, Job>;)
#include "bodies.def"
  return table;
}

}  // namespace
}  // namespace bevel

const bevel::CudaTable* bevel_cuda_table(uint64_t version) {
  static constexpr bevel::CudaTable table = bevel::make_table();
  return version == table.version ? &table : nullptr;
}
