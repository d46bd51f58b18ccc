// What the two ways of backward share: the launch, and the entry of the interval way
// (lift_splat_intervals_backward.cu).
#pragma once

#include "lift_splat/lift_splat_passes.cuh"

namespace bevel {

struct GradientLaunch {
  PlanView plan;
  TileSources sources;  ///< depths are the probabilities, compact
  TileShape tile;
  ConstMap grad_out;  ///< channels-last, cells grad_out_stride apart
  int64_t grad_out_stride;
  bool grad_out_whole;  ///< four channels are one access
  bool logits, wants_depth, wants_context;
  int32_t grad_vector;  ///< columns of grad_depth written in one access
  int64_t grad_depth_strides[2], grad_context_strides[2];
  DeviceSpan<float> grad_depth;
  Map grad_context;

  /// Where a line (d, h) of a camera's depth gradient begins.
  __device__ int64_t grad_depth_at(const TileColumns& at, int64_t line) const {
    return at.batch * grad_depth_strides[0] + at.camera * grad_depth_strides[1] + line * sources.width;
  }
  __device__ int64_t grad_context_base(int64_t batch, int64_t camera) const {
    return batch * grad_context_strides[0] + camera * grad_context_strides[1];
  }
};

/// Four channels of an output gradient at `from + offset`, `channel` being the first; zero beyond the last.
template <typename T>
__device__ Float4 load_channels(const GradientLaunch& launch, int64_t from, int64_t channel, int64_t offset) {
  if (launch.grad_out_whole) return launch.grad_out.template load_floats<T, 4>(from + offset);
  Float4 values = {};
  for (int i = 0; i < 4 && channel + i < launch.sources.channels; ++i) {
    values[i] = launch.grad_out.template load<T>(from + offset + i);
  }
  return values;
}

/// Gradients of a plan of intervals; the softmax is left to enqueue_softmax_gradient().
void enqueue_intervals_backward(const GradientLaunch& launch, int64_t images, cudaStream_t stream);

}  // namespace bevel
