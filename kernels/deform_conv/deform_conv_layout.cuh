// Tensors of deform_conv brought into the order and the dtype that its kernels read: float32, channels last.
#pragma once

#include "core/cuda_elements.cuh"
#include "core/cuda_workspace.cuh"

namespace bevel {

/// A part of a workspace that holds float32.
struct FloatBuffer {
  float* data = nullptr;
  int64_t count = 0;
  const char* name = "";

  FloatBuffer() = default;
  FloatBuffer(WorkspaceCutter& cutter, int64_t elements, const char* part)
      : data(reinterpret_cast<float*>(cutter.take_bytes(elements * static_cast<int64_t>(sizeof(float))))),
        count(elements),
        name(part) {}
  DeviceSpan<float> span() const { return {data, count, name}; }
  DeviceSpan<const float> const_span() const { return {data, count, name}; }
  ConstMap const_map() const { return {data, count, ElementType::kFloat32, name}; }
  Map map() const { return {data, count, ElementType::kFloat32, name}; }
};

/// to[batch][column][row] = from[batch][row][column].
void enqueue_transpose(const ConstMap& from, const Map& to, int64_t batch, int64_t rows, int64_t columns,
                       cudaStream_t stream);

/// to[i] = from[i].
void enqueue_widen(const ConstMap& from, const DeviceSpan<float>& to, int64_t elements, cudaStream_t stream);

}  // namespace bevel
