// Sums and scans over a block of kBlockThreads threads. Every thread of the block must call them; they begin
// and end with the block in step, so that they can follow each other.
#pragma once

#include "core/cuda_target.hpp"

namespace bevel {

constexpr int kWarpLanes = 32;
constexpr int kBlockThreads = 256;
constexpr int kBlockWarps = kBlockThreads / kWarpLanes;
constexpr uint32_t kAllLanes = 0xffffffffu;

/// Blocks for a thread an element, at least one, and at most `most` where the kernel strides over the rest.
inline int64_t blocks_for(int64_t elements, int64_t most = INT64_MAX) {
  const int64_t blocks = (elements + kBlockThreads - 1) / kBlockThreads;
  return blocks < 1 ? 1 : blocks < most ? blocks : most;
}

struct Plus {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

struct Maximum {
  template <typename T>
  __device__ T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};

/// The values of the threads before this one combined (`identity` for the first); `total` becomes the
/// combination of all.
template <typename T, typename Combine>
__device__ T block_exclusive_scan(T value, T identity, Combine combine, T& total) {
  BEVEL_SHARED(T, warp_totals, kBlockWarps);
  const int lane = threadIdx.x % kWarpLanes;
  const int warp = threadIdx.x / kWarpLanes;
  T inclusive = value;
  for (int offset = 1; offset < kWarpLanes; offset *= 2) {
    const T other = __shfl_up_sync(kAllLanes, inclusive, offset);
    if (lane >= offset) inclusive = combine(other, inclusive);
  }
  T exclusive = __shfl_up_sync(kAllLanes, inclusive, 1);
  if (lane == 0) exclusive = identity;
  if (lane == kWarpLanes - 1) warp_totals[warp] = inclusive;
  __syncthreads();
  T before = identity;
  total = identity;
  for (int w = 0; w < kBlockWarps; ++w) {
    const T of_warp = warp_totals[w];
    if (w < warp) before = combine(before, of_warp);
    total = combine(total, of_warp);
  }
  __syncthreads();
  return combine(before, exclusive);
}

template <typename T>
__device__ T block_exclusive_sum(T value, T& total) {
  return block_exclusive_scan(value, T(0), Plus(), total);
}

/// The sum over the block, in every thread.
template <typename T>
__device__ T block_sum(T value) {
  T total;
  block_exclusive_sum(value, total);
  return total;
}

}  // namespace bevel
