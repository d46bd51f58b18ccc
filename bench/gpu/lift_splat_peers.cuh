// The peers' algorithms for pooling a lifted frustum, written from their descriptions as yardsticks: nothing
// of theirs is copied.
//  - interval_channel: a thread for each (interval, channel), scalar loads, as BEVDet's bev_pool_v2 (arXiv
//  2211.17111) divides the work.
//  - warp_interval: a warp for each interval, depth loaded once a point, vector loads, as NVIDIA describes
//  "BEVPoolV3" (developer blog,
//    24 June 2026).
//  - atomic_gradient: bev_pool_v2's faster backward: a thread for each (feature row, channel), the depth
//  gradient by one atomic addition for
//    every point and channel. Its sums depend on the order of threads.
#pragma once

#include <cstdint>

#include "device_values.cuh"

namespace bevel::bench {

struct Ranks {
  const int32_t* depth;
  const int32_t* feature;
  const int32_t* bev;
  const int32_t* starts;
  const int32_t* lengths;
  int32_t intervals;
};

/// Needs the output cleared before.
template <typename T>
__global__ void interval_channel_kernel(Ranks ranks, const float* depth, const T* feature, T* out,
                                        int channels) {
  const int64_t index = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  const int interval = static_cast<int>(index / channels), channel = static_cast<int>(index % channels);
  if (interval >= ranks.intervals) return;
  const int start = ranks.starts[interval], length = ranks.lengths[interval];
  float sum = 0;
  for (int i = start; i < start + length; ++i) {
    sum +=
        depth[ranks.depth[i]] * widen(feature[static_cast<int64_t>(ranks.feature[i]) * channels + channel]);
  }
  narrow(sum, &out[static_cast<int64_t>(ranks.bev[start]) * channels + channel]);
}

/// Needs the output cleared before; channels must be a multiple of four.
template <typename T>
__global__ void warp_interval_kernel(Ranks ranks, const float* depth, const T* feature, T* out,
                                     int channels) {
  const int interval = static_cast<int>((blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x) / 32);
  const int lane = threadIdx.x % 32;
  if (interval >= ranks.intervals) return;
  const int start = ranks.starts[interval], length = ranks.lengths[interval];
  for (int channel = lane * 4; channel < channels; channel += 128) {
    float sums[4] = {};
#pragma unroll 4
    for (int i = start; i < start + length; ++i) {
      const float weight = __ldg(&depth[ranks.depth[i]]);
      const auto four = *reinterpret_cast<const Pack<T, 4>*>(
          &feature[static_cast<int64_t>(ranks.feature[i]) * channels + channel]);
      for (int c = 0; c < 4; ++c) sums[c] = fmaf(weight, widen(four.values[c]), sums[c]);
    }
    Pack<T, 4> result;
    for (int c = 0; c < 4; ++c) narrow(sums[c], &result.values[c]);
    *reinterpret_cast<Pack<T, 4>*>(&out[static_cast<int64_t>(ranks.bev[start]) * channels + channel]) =
        result;
  }
}

/// Ranks are sorted by feature row here, and the intervals are those of feature rows. Needs both gradients
/// cleared before.
template <typename T>
__global__ void atomic_gradient_kernel(Ranks ranks, const float* depth, const T* feature, const T* grad_out,
                                       float* grad_depth, T* grad_feature, int channels) {
  const int64_t index = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  const int interval = static_cast<int>(index / channels), channel = static_cast<int>(index % channels);
  if (interval >= ranks.intervals) return;
  const int start = ranks.starts[interval], length = ranks.lengths[interval];
  const int64_t at = static_cast<int64_t>(ranks.feature[start]) * channels + channel;
  const float own = widen(feature[at]);
  float sum = 0;
  for (int i = start; i < start + length; ++i) {
    const float gradient = widen(grad_out[static_cast<int64_t>(ranks.bev[i]) * channels + channel]);
    atomicAdd(&grad_depth[ranks.depth[i]], gradient * own);
    sum += gradient * depth[ranks.depth[i]];
  }
  narrow(sum, &grad_feature[at]);
}

}  // namespace bevel::bench
