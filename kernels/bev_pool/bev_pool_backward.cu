// bev_pool backward: owner-computes, without atomics on floats.
//
// The depth gradient is a dot product a point: eight lanes share its channels. For the feature gradient the
// points are sorted by feature row, stably, so that a row's points follow in ascending order; a thread then
// owns four channels of a row and adds them up. Bound by L2: two rows of C values a point for the depth, one
// for the feature.
#include "bev_pool/bev_pool_job.hpp"
#include "core/cuda_bodies.hpp"
#include "core/cuda_elements.cuh"
#include "core/cuda_workspace.cuh"
#include "core/radix_sort.cuh"

namespace bevel {
namespace {

constexpr int kLanesAPoint = 8;

struct BackwardPool {
  int64_t points, intervals, depth_elements, feature_rows, cells, channels;
  DeviceSpan<const float> depth;  ///< or null: weight 1
  ConstMap feature, grad_out;
  bool feature_whole, grad_out_whole;  ///< four channels are one access
  DeviceSpan<const int32_t> ranks_depth, ranks_feature, ranks_bev, interval_starts, interval_lengths;
  DeviceSpan<float> grad_depth;
  Map grad_feature;
  bool grad_feature_whole;
  // Workspace
  DeviceSpan<int32_t> point_cells;           ///< [points] cell of a point in an interval, or −1
  DeviceSpan<uint32_t> keys;                 ///< [points] its feature row, or kNoKey
  DeviceSpan<int32_t> row_begins, row_ends;  ///< [feature_rows] its points among the sorted ones
  DeviceSpan<uint32_t> sorted_keys, sorted_points;
  SortBuffers sort;
};

__device__ int64_t global_thread() { return blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x; }
__device__ int64_t global_threads() { return gridDim.x * static_cast<int64_t>(kBlockThreads); }

BEVEL_GLOBAL void bev_pool_clear_kernel(BackwardPool pool) {
  for (int64_t i = global_thread(); i < pool.points; i += global_threads()) {
    pool.point_cells[i] = -1;
    pool.keys[i] = kNoKey;
  }
  for (int64_t row = global_thread(); row < pool.feature_rows; row += global_threads()) {
    pool.row_begins[row] = 0;
    pool.row_ends[row] = 0;
  }
  if (global_thread() == 0) {
    pool.sort.state[kSortWanted] = 1;
    pool.sort.state[kSortCount] = 0;
  }
}

/// A warp an interval notes the cell and feature row of its points whose ranks lie within their tensors.
BEVEL_GLOBAL void bev_pool_mark_points_kernel(BackwardPool pool) {
  const int lane = threadIdx.x % kWarpLanes;
  const int64_t warps = global_threads() / kWarpLanes;
  for (int64_t interval = global_thread() / kWarpLanes; interval < pool.intervals; interval += warps) {
    const int64_t start = pool.interval_starts[interval];
    const int64_t length = pool.interval_lengths[interval];
    if (start < 0 || start >= pool.points || length <= 0) continue;
    const int32_t cell = pool.ranks_bev[start];
    if (cell < 0 || cell >= pool.cells) continue;
    const int64_t end = start + length < pool.points ? start + length : pool.points;
    for (int64_t i = start + lane; i < end; i += kWarpLanes) {
      const int32_t row = pool.ranks_feature[i];
      const int32_t at = pool.depth ? int32_t(pool.ranks_depth[i]) : 0;
      if (row < 0 || row >= pool.feature_rows || at < 0 || (pool.depth && at >= pool.depth_elements))
        continue;
      pool.point_cells[i] = cell;
      pool.keys[i] = static_cast<uint32_t>(row);
    }
  }
}

BEVEL_GLOBAL void bev_pool_count_points_kernel(BackwardPool pool) {
  int32_t kept = 0;
  for (int64_t i = global_thread(); i < pool.points; i += global_threads()) kept += pool.keys[i] != kNoKey;
  kept = block_sum(kept);
  if (threadIdx.x == 0) atomicAdd(&pool.sort.state[kSortCount], kept);
}

/// Where each feature row's points begin and end among the sorted ones.
BEVEL_GLOBAL void bev_pool_find_rows_kernel(BackwardPool pool) {
  const int64_t count = pool.sort.state[kSortCount];
  for (int64_t i = global_thread(); i < count; i += global_threads()) {
    const uint32_t row = pool.sorted_keys[i];
    if (i == 0 || pool.sorted_keys[i - 1] != row) pool.row_begins[row] = static_cast<int32_t>(i);
    if (i + 1 == count || pool.sorted_keys[i + 1] != row) pool.row_ends[row] = static_cast<int32_t>(i + 1);
  }
}

template <typename T>
__device__ Float4 load_four(const ConstMap& map, bool whole, int64_t row, int64_t channel, int64_t channels) {
  if (whole) return map.template load_floats<T, 4>(row * channels + channel);
  Float4 values = {};
  for (int c = 0; c < 4 && channel + c < channels; ++c)
    values[c] = map.template load<T>(row * channels + channel + c);
  return values;
}

BEVEL_GLOBAL void bev_pool_feature_gradient_kernel(BackwardPool pool) {
  const int64_t quads = (pool.channels + 3) / 4;
  with_element_type(pool.grad_out.type, [&](auto tag) {
    for (int64_t item = global_thread(); item < pool.feature_rows * quads; item += global_threads()) {
      const int64_t row = item / quads, channel = item % quads * 4;
      const int32_t end = pool.row_ends[row];
      Float4 sum = {};
#pragma unroll 4
      for (int32_t i = pool.row_begins[row]; i < end; ++i) {
        const int64_t point = pool.sorted_points[i];
        const float weight = pool.depth ? float(pool.depth[int64_t(pool.ranks_depth[point])]) : 1.0f;
        const Float4 g = load_four<decltype(tag)>(pool.grad_out, pool.grad_out_whole, pool.point_cells[point],
                                                  channel, pool.channels);
#pragma unroll
        for (int c = 0; c < 4; ++c) sum[c] = fmaf(weight, g[c], sum[c]);
      }
      const int64_t left = pool.channels - channel;
      pool.grad_feature.store_some(row * pool.channels + channel, sum, left < 4 ? static_cast<int>(left) : 4,
                                   pool.grad_feature_whole);
    }
  });
}

template <typename FeatureT, typename GradT>
__device__ float dot_part(const BackwardPool& pool, int64_t row, int64_t cell, int lane) {
  float sum = 0.0f;
  for (int64_t channel = lane * 4; channel < pool.channels; channel += kLanesAPoint * 4) {
    const Float4 f = load_four<FeatureT>(pool.feature, pool.feature_whole, row, channel, pool.channels);
    const Float4 g = load_four<GradT>(pool.grad_out, pool.grad_out_whole, cell, channel, pool.channels);
#pragma unroll
    for (int c = 0; c < 4; ++c) {
      if (channel + c < pool.channels) sum = fmaf(g[c], f[c], sum);
    }
  }
  return sum;
}

BEVEL_GLOBAL void bev_pool_depth_gradient_kernel(BackwardPool pool) {
  const int64_t point = global_thread() / kLanesAPoint;
  const int lane = threadIdx.x % kLanesAPoint;
  const int32_t cell = point < pool.points ? int32_t(pool.point_cells[point]) : -1;
  float sum = 0.0f;
  if (cell >= 0) {
    const int64_t row = pool.ranks_feature[point];
    with_element_type(pool.feature.type, [&](auto feature) {
      with_element_type(pool.grad_out.type, [&](auto grad) {
        sum = dot_part<decltype(feature), decltype(grad)>(pool, row, cell, lane);
      });
    });
  }
  for (int other = kLanesAPoint / 2; other > 0; other /= 2) sum += __shfl_xor_sync(kAllLanes, sum, other);
  if (cell >= 0 && lane == 0) pool.grad_depth[int64_t(pool.ranks_depth[point])] = sum;
}

void cut_workspace(const BevPoolBackwardJob& job, char* base, BackwardPool& pool, int64_t& bytes) {
  const int64_t points = job.forward.points;
  const int64_t sorted = job.grad_feature ? points : 0;
  const int64_t rows = job.grad_feature ? job.forward.feature_rows : 0;
  WorkspaceCutter cutter(base);
  pool.point_cells = cutter.take<int32_t>(points, "point_cells");
  pool.keys = cutter.take<uint32_t>(points, "keys");
  pool.row_begins = cutter.take<int32_t>(job.forward.feature_rows, "row_begins");
  pool.row_ends = cutter.take<int32_t>(job.forward.feature_rows, "row_ends");
  pool.sort.state = cutter.take<int32_t>(kSortStateWords, "sort state");
  pool.sorted_keys = cutter.take<uint32_t>(sorted, "sorted_keys");
  pool.sorted_points = cutter.take<uint32_t>(sorted, "sorted_points");
  for (int side = 0; side < 2; ++side) {
    pool.sort.keys[side] = cutter.take<uint32_t>(sorted, "sort keys");
    pool.sort.values[side] = cutter.take<uint32_t>(sorted, "sort values");
  }
  pool.sort.digit_counts = cutter.take<int32_t>(rows > 0 ? kDigits * kMaxScanTiles : 0, "digit_counts");
  pool.sort.digit_totals = cutter.take<int32_t>(rows > 0 ? kDigits : 0, "digit_totals");
  bytes = cutter.bytes();
}

void clear(void* data, int64_t bytes, cudaStream_t stream) {
  if (bytes > 0)
    check_cuda_call(cudaMemsetAsync(data, 0, static_cast<size_t>(bytes), stream), "cudaMemsetAsync");
}

BackwardPool make_pool(const BevPoolBackwardJob& job) {
  const BevPoolForwardJob& f = job.forward;
  BackwardPool pool = {};
  pool.points = f.points;
  pool.intervals = f.intervals;
  pool.depth_elements = f.depth_elements;
  pool.feature_rows = f.feature_rows;
  pool.cells = f.cells;
  pool.channels = f.channels;
  const auto ranks = [](const int32_t* data, int64_t count, const char* name) {
    return DeviceSpan<const int32_t>(data, count, name);
  };
  if (f.depth) {
    pool.depth = DeviceSpan<const float>(static_cast<const float*>(f.depth), f.depth_elements, "depth");
    pool.ranks_depth = ranks(f.ranks_depth, f.points, "ranks_depth");
  }
  pool.ranks_feature = ranks(f.ranks_feature, f.points, "ranks_feature");
  pool.ranks_bev = ranks(f.ranks_bev, f.points, "ranks_bev");
  pool.interval_starts = ranks(f.interval_starts, f.intervals, "interval_starts");
  pool.interval_lengths = ranks(f.interval_lengths, f.intervals, "interval_lengths");
  pool.feature = ConstMap(f.feature, f.feature_rows * f.channels, f.feature_type, "feature");
  pool.feature_whole = vector_length(f.feature, f.feature_type, {f.channels}) == 4;
  pool.grad_out = ConstMap(job.grad_out, f.cells * f.channels, f.out_type, "grad_out");
  pool.grad_out_whole = vector_length(job.grad_out, f.out_type, {f.channels}) == 4;
  pool.grad_depth = DeviceSpan<float>(static_cast<float*>(job.grad_depth), f.depth_elements, "grad_depth");
  pool.grad_feature = Map(job.grad_feature, f.feature_rows * f.channels, f.feature_type, "grad_feature");
  pool.grad_feature_whole = vector_length(job.grad_feature, f.feature_type, {f.channels}) == 4;
  int64_t bytes;
  cut_workspace(job, job.workspace, pool, bytes);
  return pool;
}

}  // namespace

int64_t cuda::bev_pool_backward_workspace(const BevPoolBackwardJob& job) {
  BackwardPool pool = {};
  int64_t bytes;
  cut_workspace(job, nullptr, pool, bytes);
  return bytes;
}

void cuda::bev_pool_backward(const BevPoolBackwardJob& job, cudaStream_t stream) {
  const BevPoolForwardJob& f = job.forward;
  if (job.grad_depth) clear(job.grad_depth, f.depth_elements * 4, stream);
  if (f.points == 0 || f.intervals == 0 || f.channels == 0 || f.feature_rows == 0) {
    if (job.grad_feature)
      clear(job.grad_feature, f.feature_rows * f.channels * element_size(f.feature_type), stream);
    return;
  }
  constexpr int64_t kMostBlocks = 2048;
  const BackwardPool pool = make_pool(job);
  const int64_t to_clear = f.points > f.feature_rows ? f.points : f.feature_rows;
  BEVEL_ENQUEUE(bev_pool_clear_kernel, blocks_for(to_clear, kMostBlocks), 0, stream, pool);
  BEVEL_ENQUEUE(bev_pool_mark_points_kernel, blocks_for(f.intervals * kWarpLanes, kMostBlocks), 0, stream,
                pool);
  if (job.grad_depth) {
    BEVEL_ENQUEUE(bev_pool_depth_gradient_kernel, blocks_for(f.points * kLanesAPoint), 0, stream, pool);
  }
  if (job.grad_feature) {
    BEVEL_ENQUEUE(bev_pool_count_points_kernel, blocks_for(f.points, kMostBlocks), 0, stream, pool);
    radix_sort(pool.keys, f.points, f.points, bits_below(f.feature_rows), pool.sort, pool.sorted_keys,
               pool.sorted_points, stream);
    BEVEL_ENQUEUE(bev_pool_find_rows_kernel, blocks_for(f.points, kMostBlocks), 0, stream, pool);
    const int64_t items = f.feature_rows * ((f.channels + 3) / 4);
    BEVEL_ENQUEUE(bev_pool_feature_gradient_kernel, blocks_for(items, 1 << 16), 0, stream, pool);
  }
}

}  // namespace bevel
