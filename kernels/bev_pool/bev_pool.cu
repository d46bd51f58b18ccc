// bev_pool forward: sums over intervals of points.
//
// A thread owns four channels of an interval, so a group of C/4 neighbouring threads reads each feature row
// in 16-byte pieces side by side and shares the point's rank and depth from one cache line; the points of an
// interval follow each other in registers. An interval of more than kLongInterval points is taken by the
// whole block instead: groups take every n-th point and meet in shared memory in a fixed order, so a crowded
// cell holds nothing up and the sum does not depend on the order of threads. Bound by L2: one feature row a
// point.
#include "bev_pool/bev_pool_job.hpp"
#include "core/cuda_bodies.hpp"
#include "bev_pool/bev_pool_intervals.cuh"
#include "core/cuda_check.hpp"

namespace bevel {
namespace {

constexpr int kLongInterval = 128;

/// Points [begin, end) of an interval, within the arrays, and its cell; empty if the ranks make no sense.
struct Interval {
  int64_t begin = 0, end = 0, cell = -1;

  __device__ Interval(const IntervalPool& pool, int64_t index) {
    const int64_t start = pool.interval_starts[index];
    const int64_t length = pool.interval_lengths[index];
    if (start < 0 || start >= pool.points || length <= 0) return;
    cell = pool.ranks_bev[start];
    if (cell < 0 || cell >= pool.cells) {
      cell = -1;
      return;
    }
    begin = start;
    end = start + length < pool.points ? start + length : pool.points;
  }
};

/// Adds points begin, begin + step, … of an interval to `sum`, channels [channel, channel + 4).
template <typename T, bool whole>
__device__ void add_points(const IntervalPool& pool, int64_t begin, int64_t end, int64_t step,
                           int64_t channel, Float4& sum) {
#pragma unroll 4
  for (int64_t i = begin; i < end; i += step) {
    const int64_t row = pool.ranks_feature[i];
    const int64_t at = pool.depth ? int64_t(pool.ranks_depth[i]) : 0;
    if (row < 0 || row >= pool.feature_rows || at < 0 || (pool.depth && at >= pool.depth_elements)) continue;
    const float weight = pool.depth ? float(pool.depth[at]) : 1.0f;
    if constexpr (whole) {
      const Float4 f = pool.feature.template load_floats<T, 4>(row * pool.channels + channel);
#pragma unroll
      for (int c = 0; c < 4; ++c) sum[c] = fmaf(weight, f[c], sum[c]);
    } else {
      for (int c = 0; c < 4 && channel + c < pool.channels; ++c) {
        sum[c] = fmaf(weight, pool.feature.template load<T>(row * pool.channels + channel + c), sum[c]);
      }
    }
  }
}

template <typename T, bool whole>
__device__ void pool_intervals(const IntervalPool& pool, SharedSpan<float> partial) {
  const int64_t count = pool.interval_count();
  const int quads = static_cast<int>((pool.channels + 3) / 4);
  const int group_threads = quads < kBlockThreads ? quads : kBlockThreads;
  const int groups = kBlockThreads / group_threads;
  const int group = threadIdx.x / group_threads;
  const int lane = threadIdx.x % group_threads;
  for (int64_t first = blockIdx.x * static_cast<int64_t>(groups); first < count;
       first += gridDim.x * static_cast<int64_t>(groups)) {
    if (group < groups && first + group < count) {
      const Interval interval(pool, first + group);
      if (interval.cell >= 0 && interval.end - interval.begin <= kLongInterval) {
        for (int64_t quad = lane; quad < quads; quad += group_threads) {
          Float4 sum = {};
          add_points<T, whole>(pool, interval.begin, interval.end, 1, quad * 4, sum);
          const int64_t left = pool.channels - quad * 4;
          pool.out.store_some(interval.cell * pool.out_stride + quad * 4, sum,
                              left < 4 ? static_cast<int>(left) : 4, pool.out_whole);
        }
      }
    }
    for (int64_t index = first; index < first + groups && index < count; ++index) {
      const Interval interval(pool, index);
      if (interval.cell < 0 || interval.end - interval.begin <= kLongInterval) continue;
      for (int64_t from = 0; from < quads; from += group_threads) {
        const int64_t quad = from + lane;
        Float4 sum = {};
        if (group < groups && quad < quads) {
          add_points<T, whole>(pool, interval.begin + group, interval.end, groups, quad * 4, sum);
        }
        store_vector(partial + threadIdx.x * 4, sum);
        __syncthreads();
        if (group == 0 && quad < quads) {
          for (int other = 1; other < groups; ++other) {
            const Float4 more = load_vector<4>(partial + (other * group_threads + lane) * 4);
            for (int c = 0; c < 4; ++c) sum[c] += more[c];
          }
          const int64_t left = pool.channels - quad * 4;
          pool.out.store_some(interval.cell * pool.out_stride + quad * 4, sum,
                              left < 4 ? static_cast<int>(left) : 4, pool.out_whole);
        }
        __syncthreads();
      }
    }
  }
}

BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, 3) bev_pool_intervals_kernel(IntervalPool pool) {
  BEVEL_SHARED(float, partial, 4 * kBlockThreads);
  with_element_type(pool.feature.type, [&](auto tag) {
    if (pool.feature_whole) {
      pool_intervals<decltype(tag), true>(pool, partial);
    } else {
      pool_intervals<decltype(tag), false>(pool, partial);
    }
  });
}

}  // namespace

void enqueue_interval_pool(const IntervalPool& pool, cudaStream_t stream) {
  if (pool.intervals == 0 || pool.channels == 0) return;
  const int64_t quads = (pool.channels + 3) / 4;
  const int64_t groups = quads < kBlockThreads ? kBlockThreads / quads : 1;
  constexpr int64_t kMostBlocks = 1 << 16;
  const int64_t blocks = (pool.intervals + groups - 1) / groups;
  BEVEL_ENQUEUE(bev_pool_intervals_kernel, blocks < kMostBlocks ? blocks : kMostBlocks, 0, stream, pool);
}

void cuda::bev_pool_forward(const BevPoolForwardJob& job, cudaStream_t stream) {
  const int64_t out_elements = job.cells * job.channels;
  if (out_elements == 0) return;
  check_cuda_call(
      cudaMemsetAsync(job.out, 0, static_cast<size_t>(out_elements * element_size(job.out_type)), stream),
      "cudaMemsetAsync");
  if (job.points == 0 || job.feature_rows == 0) return;
  const auto ranks = [](const int32_t* data, int64_t count, const char* name) {
    return DeviceSpan<const int32_t>(data, count, name);
  };
  IntervalPool pool = {};
  pool.points = job.points;
  pool.intervals = job.intervals;
  pool.depth_elements = job.depth_elements;
  pool.feature_rows = job.feature_rows;
  pool.cells = job.cells;
  pool.channels = job.channels;
  if (job.depth) {
    pool.depth = DeviceSpan<const float>(static_cast<const float*>(job.depth), job.depth_elements, "depth");
    pool.ranks_depth = ranks(job.ranks_depth, job.points, "ranks_depth");
  }
  pool.feature = ConstMap(job.feature, job.feature_rows * job.channels, job.feature_type, "feature");
  pool.out = Map(job.out, out_elements, job.out_type, "out");
  pool.out_stride = job.channels;
  pool.feature_whole = vector_length(job.feature, job.feature_type, {job.channels}) == 4;
  pool.out_whole = vector_length(job.out, job.out_type, {job.channels}) == 4;
  pool.ranks_feature = ranks(job.ranks_feature, job.points, "ranks_feature");
  pool.ranks_bev = ranks(job.ranks_bev, job.points, "ranks_bev");
  pool.interval_starts = ranks(job.interval_starts, job.intervals, "interval_starts");
  pool.interval_lengths = ranks(job.interval_lengths, job.intervals, "interval_lengths");
  enqueue_interval_pool(pool, stream);
}

}  // namespace bevel
