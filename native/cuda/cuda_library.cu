// libbevel_cuda: the table of CUDA bodies. Nothing but bevel_cuda_table is exported.
#include <cstdio>
#include <exception>

#include "bev_pool/bev_pool_cuda.hpp"
#include "bev_warp/bev_warp_cuda.hpp"
#include "core/cuda_check.hpp"
#include "cuda_table.h"
#include "deform_attn/point_sampling_cuda.hpp"
#include "deform_conv/deform_conv_cuda.hpp"
#include "lift_splat/lift_splat_cuda.hpp"
#include "deform_attn/deform_attn_cuda.hpp"
#include "multi_view_sample/multi_view_sample_cuda.hpp"
#include "strided_blocks.hpp"

#ifndef BEVEL_CUDA_ARCHITECTURES
#error "BEVEL_CUDA_ARCHITECTURES must name what this library holds code for"
#endif

namespace {

using bevel::check_cuda_call;
using bevel::CudaFailure;

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

bevel_status report(const CudaFailure& failure, bevel_cuda_message* message) {
  std::snprintf(message->text, sizeof message->text, "%s failed: %s (%s)", failure.what,
                cudaGetErrorString(failure.error), cudaGetErrorName(failure.error));
  // The runtime repeats an error at the next call unless it is taken.
  static_cast<void>(cudaGetLastError());
  return failure.error == cudaErrorMemoryAllocation ? BEVEL_OUT_OF_MEMORY : BEVEL_CUDA_ERROR;
}

template <typename Body>
bevel_status guarded(bevel_cuda_message* message, Body body) {
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
bevel_status on_device(int32_t device, bevel_cuda_message* message, Body body) {
  return guarded(message, [&] {
    const DeviceGuard guard(device);
    body();
  });
}

bevel_status probe(int32_t* devices, int32_t* driver_version, bevel_cuda_message* message) {
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

bevel_status plan_workspace(const bevel::LiftSplatPlanJob* job, int64_t* bytes, bevel_cuda_message* message) {
  return guarded(message, [&] { *bytes = bevel::plan_workspace_cuda(*job); });
}
bevel_status plan_build(const bevel::LiftSplatPlanJob* job, int32_t device, void* stream,
                        bevel_cuda_message* message) {
  return on_device(device, message, [&] { bevel::enqueue_plan(*job, stream_of(stream)); });
}
bevel_status plan_read(const int32_t* plan, void* header, int64_t bytes, int32_t device, void* stream,
                       bevel_cuda_message* message) {
  return on_device(device, message, [&] {
    // Waiting would break off the capture, not only this call.
    cudaStreamCaptureStatus capturing;
    check_cuda_call(cudaStreamIsCapturing(stream_of(stream), &capturing), "cudaStreamIsCapturing");
    if (capturing != cudaStreamCaptureStatusNone) {
      throw CudaFailure{cudaErrorStreamCaptureUnsupported,
                        "reading a plan's counts while its stream is captured in a graph"};
    }
    check_cuda_call(
        cudaMemcpyAsync(header, plan, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, stream_of(stream)),
        "cudaMemcpyAsync");
    check_cuda_call(cudaStreamSynchronize(stream_of(stream)), "cudaStreamSynchronize");
  });
}
bevel_status forward_workspace(const bevel::LiftSplatForwardJob* job, int64_t* bytes,
                               bevel_cuda_message* message) {
  return guarded(message, [&] { *bytes = bevel::forward_workspace_cuda(*job); });
}
bevel_status forward(const bevel::LiftSplatForwardJob* job, int32_t device, void* stream,
                     bevel_cuda_message* message) {
  return on_device(device, message, [&] { bevel::enqueue_forward(*job, stream_of(stream)); });
}
bevel_status backward_workspace(const bevel::LiftSplatBackwardJob* job, int64_t* bytes,
                                bevel_cuda_message* message) {
  return guarded(message, [&] { *bytes = bevel::backward_workspace_cuda(*job); });
}
bevel_status backward(const bevel::LiftSplatBackwardJob* job, int32_t device, void* stream,
                      bevel_cuda_message* message) {
  return on_device(device, message, [&] { bevel::enqueue_backward(*job, stream_of(stream)); });
}
bevel_status bev_pool_forward(const bevel::BevPoolForwardJob* job, int32_t device, void* stream,
                              bevel_cuda_message* message) {
  return on_device(device, message, [&] { bevel::enqueue_bev_pool_forward(*job, stream_of(stream)); });
}
bevel_status bev_pool_backward_workspace(const bevel::BevPoolBackwardJob* job, int64_t* bytes,
                                         bevel_cuda_message* message) {
  return guarded(message, [&] { *bytes = bevel::bev_pool_backward_workspace_cuda(*job); });
}
bevel_status bev_pool_backward(const bevel::BevPoolBackwardJob* job, int32_t device, void* stream,
                               bevel_cuda_message* message) {
  return on_device(device, message, [&] { bevel::enqueue_bev_pool_backward(*job, stream_of(stream)); });
}
bevel_status point_sampling(const bevel::PointSamplingJob* job, int32_t device, void* stream,
                            bevel_cuda_message* message) {
  return on_device(device, message, [&] { bevel::enqueue_point_sampling(*job, stream_of(stream)); });
}
bevel_status deform_conv_forward_workspace(const bevel::DeformConvJob* job, int64_t* bytes,
                                           bevel_cuda_message* message) {
  return guarded(message, [&] { *bytes = bevel::deform_conv_forward_workspace_cuda(*job); });
}
bevel_status deform_conv_forward(const bevel::DeformConvJob* job, int32_t device, void* stream,
                                 bevel_cuda_message* message) {
  return on_device(device, message, [&] { bevel::enqueue_deform_conv_forward(*job, stream_of(stream)); });
}
bevel_status deform_conv_backward_workspace(const bevel::DeformConvBackwardJob* job, int64_t* bytes,
                                            bevel_cuda_message* message) {
  return guarded(message, [&] { *bytes = bevel::deform_conv_backward_workspace_cuda(*job); });
}
bevel_status deform_conv_backward(const bevel::DeformConvBackwardJob* job, int32_t device, void* stream,
                                  bevel_cuda_message* message) {
  return on_device(device, message, [&] { bevel::enqueue_deform_conv_backward(*job, stream_of(stream)); });
}
bevel_status bev_warp_forward(const bevel::BevWarpForwardJob* job, int32_t device, void* stream,
                              bevel_cuda_message* message) {
  return on_device(device, message, [&] { bevel::enqueue_bev_warp_forward(*job, stream_of(stream)); });
}
bevel_status bev_warp_backward_workspace(const bevel::BevWarpBackwardJob* job, int64_t* bytes,
                                         bevel_cuda_message* message) {
  return guarded(message, [&] { *bytes = bevel::bev_warp_backward_workspace_cuda(*job); });
}
bevel_status bev_warp_backward(const bevel::BevWarpBackwardJob* job, int32_t device, void* stream,
                               bevel_cuda_message* message) {
  return on_device(device, message, [&] { bevel::enqueue_bev_warp_backward(*job, stream_of(stream)); });
}

bevel_status deform_attn_forward(const bevel::DeformAttnJob* job, int32_t device, void* stream,
                                 bevel_cuda_message* message) {
  return on_device(device, message, [&] { bevel::enqueue_deform_attn_forward(*job, stream_of(stream)); });
}
bevel_status deform_attn_backward_workspace(const bevel::DeformAttnBackwardJob* job, int64_t* bytes,
                                            bevel_cuda_message* message) {
  return guarded(message, [&] { *bytes = bevel::deform_attn_backward_workspace_cuda(*job); });
}
bevel_status deform_attn_backward(const bevel::DeformAttnBackwardJob* job, int32_t device, void* stream,
                                  bevel_cuda_message* message) {
  return on_device(device, message, [&] { bevel::enqueue_deform_attn_backward(*job, stream_of(stream)); });
}
bevel_status multi_view_sample_forward(const bevel::MultiViewJob* job, int32_t device, void* stream,
                                       bevel_cuda_message* message) {
  return on_device(device, message,
                   [&] { bevel::enqueue_multi_view_sample_forward(*job, stream_of(stream)); });
}
bevel_status multi_view_sample_backward_workspace(const bevel::MultiViewBackwardJob* job, int64_t* bytes,
                                                  bevel_cuda_message* message) {
  return guarded(message, [&] { *bytes = bevel::multi_view_sample_backward_workspace_cuda(*job); });
}
bevel_status multi_view_sample_backward(const bevel::MultiViewBackwardJob* job, int32_t device, void* stream,
                                        bevel_cuda_message* message) {
  return on_device(device, message,
                   [&] { bevel::enqueue_multi_view_sample_backward(*job, stream_of(stream)); });
}

bevel_status clear(const bevel::StridedBlocks* memory, int32_t device, void* stream,
                   bevel_cuda_message* message) {
  return on_device(device, message, [&] {
    memory->for_each_block([&](uintptr_t block) {
      check_cuda_call(cudaMemsetAsync(reinterpret_cast<void*>(block), 0, static_cast<size_t>(memory->block),
                                      stream_of(stream)),
                      "cudaMemsetAsync");
    });
  });
}

}  // namespace

const bevel_cuda_functions* bevel_cuda_table(int32_t abi_version) {
  static constexpr bevel_cuda_functions functions = {BEVEL_CUDA_ABI_VERSION,
                                                     CUDART_VERSION,
                                                     BEVEL_CUDA_ARCHITECTURES,
                                                     probe,
                                                     plan_workspace,
                                                     plan_build,
                                                     plan_read,
                                                     forward_workspace,
                                                     forward,
                                                     backward_workspace,
                                                     backward,
                                                     bev_pool_forward,
                                                     bev_pool_backward_workspace,
                                                     bev_pool_backward,
                                                     point_sampling,
                                                     deform_attn_forward,
                                                     deform_attn_backward_workspace,
                                                     deform_attn_backward,
                                                     multi_view_sample_forward,
                                                     multi_view_sample_backward_workspace,
                                                     multi_view_sample_backward,
                                                     deform_conv_forward_workspace,
                                                     deform_conv_forward,
                                                     deform_conv_backward_workspace,
                                                     deform_conv_backward,
                                                     bev_warp_forward,
                                                     bev_warp_backward_workspace,
                                                     bev_warp_backward,
                                                     clear};
  return abi_version == BEVEL_CUDA_ABI_VERSION ? &functions : nullptr;
}
