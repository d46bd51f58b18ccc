// What the kernels of bev_warp share: maps with their strides, the division of a map's pixels and channels
// among threads, and positions.
//
// Division of work: a thread has one pixel and N channels of it. Channels last, these are the 16 bytes of one
// access, and neighbouring threads have neighbouring channels. Channels first, they lie in N planes, and
// neighbouring threads have neighbouring pixels; where the pixel reads is worked out once for all N.
#pragma once

#include "bev_warp/bev_warp_job.hpp"
#include "bev_warp/bev_warp_positions.hpp"
#include "core/block_scan.cuh"
#include "core/cuda_check.hpp"
#include "core/cuda_elements.cuh"

namespace bevel {

constexpr int kPlanesAtOnce = 8;    ///< N of channels-first maps
constexpr int kPixelsOfThread = 2;  ///< one after the other, so that a block's preparation pays

/// Where a map's elements lie.
struct WarpLayout {
  int32_t height = 0, width = 0;
  int64_t batch = 0, frame = 0, channel = 0, pixel = 0;

  WarpLayout() = default;
  explicit WarpLayout(const WarpMap& map)
      : height(map.height),
        width(map.width),
        batch(map.batch),
        frame(map.frame),
        channel(map.channel),
        pixel(map.pixel) {}
  __host__ __device__ int64_t pixels() const { return int64_t(height) * width; }
};

/// Elements from a map's first to behind its last.
inline int64_t warp_span(const BevWarpForwardJob& job, const WarpMap& map) {
  const int64_t pixels = int64_t{map.height} * map.width;
  if (job.batch == 0 || job.frames == 0 || job.channels == 0 || pixels == 0) return 0;
  return (job.batch - 1) * map.batch + (job.frames - 1) * map.frame + (job.channels - 1) * map.channel +
         (pixels - 1) * map.pixel + 1;
}

/// The matrices or grid of a call, and the sizes of its maps.
struct WarpView {
  int64_t frames, channels;
  WarpLayout in, out;
  bool nearest;
  int32_t coordinates;
  DeviceSpan<const float> matrices, grid;  ///< one of them is there
  bool has_grid;

  explicit WarpView(const BevWarpForwardJob& job)
      : frames(job.frames),
        channels(job.channels),
        in(job.in),
        out(job.out),
        nearest(job.nearest),
        coordinates(job.coordinates),
        has_grid(job.grid != nullptr) {
    const int64_t maps = job.batch * job.frames;
    if (job.matrices) {
      matrices = DeviceSpan<const float>(static_cast<const float*>(job.matrices), maps * 6, "matrices");
    } else {
      grid = DeviceSpan<const float>(static_cast<const float*>(job.grid), maps * out.pixels() * 2, "grid");
    }
  }
  __device__ int64_t offset(const WarpLayout& layout, int64_t map) const {
    // A grid has fewer than 2³¹ blocks, and a map takes one at least.
    const uint32_t of_batch = static_cast<uint32_t>(map) / static_cast<uint32_t>(frames);
    return of_batch * layout.batch + (map - of_batch * frames) * layout.frame;
  }
};

/// The matrix of a block's map in pixels, in shared memory: worked out by one thread.
__device__ __forceinline__ void prepare_matrix(const WarpView& view, int64_t map, SharedSpan<float> shared) {
  if (threadIdx.x == 0 && !view.has_grid) {
    float m[6];
    for (int i = 0; i < 6; ++i) m[i] = view.matrices[map * 6 + i];
    const PixelMatrix<float> pixels =
        pixel_matrix(m, view.coordinates, view.in.width, view.in.height, view.out.width, view.out.height);
    shared[0] = pixels.a;
    shared[1] = pixels.b;
    shared[2] = pixels.c;
    shared[3] = pixels.d;
    shared[4] = pixels.e;
    shared[5] = pixels.f;
  }
  __syncthreads();
}
__device__ __forceinline__ PixelMatrix<float> prepared_matrix(SharedSpan<float> shared) {
  return {shared[0], shared[1], shared[2], shared[3], shared[4], shared[5]};
}

/// Where a pixel of the output reads; `matrix` counts where there is no grid.
__device__ __forceinline__ BilinearPoint<float> warp_point_of(const WarpView& view,
                                                              const PixelMatrix<float>& matrix, int64_t map,
                                                              int32_t row, int32_t column) {
  float x, y;
  if (view.has_grid) {
    const int64_t at = (map * view.out.pixels() + int64_t(row) * view.out.width + column) * 2;
    x = GridAxis<float>(view.coordinates, view.in.width).pixel(view.grid[at]);
    y = GridAxis<float>(view.coordinates, view.in.height).pixel(view.grid[at + 1]);
  } else {
    x = matrix.x(column, row);
    y = matrix.y(column, row);
  }
  return warp_point(x, y, view.in.width, view.in.height, view.nearest);
}

/// The pixels and channel groups of all maps, dealt to blocks: a block stays within one map.
struct WarpDivision {
  int64_t pixels;  ///< of a map
  int64_t groups;  ///< of channels
  int64_t blocks;  ///< of a map
  bool channels_last;

  WarpDivision(int64_t map_pixels, int64_t channels, int channels_of_thread, bool last)
      : pixels(map_pixels),
        groups((channels + channels_of_thread - 1) / channels_of_thread),
        blocks((pixels * groups + kBlockThreads * kPixelsOfThread - 1) / (kBlockThreads * kPixelsOfThread)),
        channels_last(last) {}

  __device__ uint32_t map() const { return blockIdx.x / static_cast<uint32_t>(blocks); }
  /// The k-th pixel of this thread and its channel group; false when there is none.
  __device__ bool item(int k, int32_t& pixel, int64_t& group) const {
    const uint32_t block = blockIdx.x % static_cast<uint32_t>(blocks);
    const int64_t first = (int64_t{block} * kPixelsOfThread + k) * kBlockThreads;
    // The faster of the two that an item counts, and how many of it there are.
    const uint32_t inner = static_cast<uint32_t>(channels_last ? groups : pixels);
    const int64_t whole = first / inner;
    const uint32_t beyond = static_cast<uint32_t>(first - whole * inner) + threadIdx.x;
    const int64_t slow = whole + beyond / inner;
    const uint32_t fast = beyond % inner;
    pixel = static_cast<int32_t>(channels_last ? slow : fast);
    group = channels_last ? fast : slow;
    return slow < (channels_last ? pixels : groups);
  }
};

/// Adds weight · N channels from `offset` on to sums. With `planes` they lie `stride` elements apart, and
/// `count` of them are there; else they are one vector.
template <typename T, int N, bool planes>
__device__ __forceinline__ void add_channels(const ConstMap& map, int64_t offset, int64_t stride, int count,
                                             float weight, float (&sums)[N]) {
  if constexpr (planes) {
#pragma unroll
    for (int c = 0; c < N; ++c) {
      if (c < count) sums[c] = fmaf(weight, map.template load<T>(offset + c * stride), sums[c]);
    }
  } else {
    const DeviceVector<T, N> row = load_vector<N>(pointer_cast<const T>(map.bytes) + offset);
#pragma unroll
    for (int c = 0; c < N; ++c) sums[c] = fmaf(weight, to_float(row[c]), sums[c]);
  }
}

/// Stores what add_channels added up. `whole`: vectors of up to four may be stored.
template <int N, bool planes>
__device__ __forceinline__ void store_channels(const Map& map, int64_t offset, int64_t stride, int count,
                                               bool whole, const float (&sums)[N]) {
  if constexpr (planes) {
    with_element_type(map.type, [&](auto tag) {
      using Value = decltype(tag);
#pragma unroll
      for (int c = 0; c < N; ++c) {
        Value value;
        from_float(sums[c], value);
        if (c < count) (pointer_cast<Value>(map.bytes))[offset + c * stride] = value;
      }
    });
  } else if constexpr (N >= 4) {
    with_element_type(map.type, [&](auto tag) {
      using Value = decltype(tag);
#pragma unroll
      for (int c = 0; c < N; c += 4) {
        DeviceVector<Value, 4> part;
#pragma unroll
        for (int i = 0; i < 4; ++i) from_float(sums[c + i], part[i]);
        if (whole) {
          store_vector_whole(pointer_cast<Value>(map.bytes) + (offset + c), part);
        } else {
#pragma unroll
          for (int i = 0; i < 4; ++i) (pointer_cast<Value>(map.bytes))[offset + c + i] = part[i];
        }
      }
    });
  } else {
#pragma unroll
    for (int c = 0; c < N; ++c) map.store(offset + c, sums[c]);
  }
}

/// Channels of a thread for a channels-last map: 16 bytes, or fewer where rows are not aligned to that.
inline int warp_vector(const void* data, const WarpMap& map, int64_t channels) {
  for (int length = static_cast<int>(16 / element_size(map.type)); length > 1; length /= 2) {
    const bool fits = channels % length == 0 && map.pixel % length == 0 && map.frame % length == 0 &&
                      map.batch % length == 0 && aligned_to(data, length * element_size(map.type));
    if (fits && length != 2) return length;
  }
  return 1;
}
/// Whether vectors of four may be stored to a channels-last map.
inline bool warp_whole(const void* data, const WarpMap& map, int64_t channels) {
  return vector_length(data, map.type, {map.pixel, map.frame, map.batch, channels}) == 4;
}

/// Calls launch(T{}, std::integral_constant<int, N>{}, std::bool_constant<planes>{}) for a map that is read.
template <typename Launch>
void with_warp_channels(const void* data, const WarpMap& map, int64_t channels, bool channels_last,
                        Launch launch) {
  const auto of_type = [&](auto tag) {
    using T = decltype(tag);
    constexpr int kWhole = 16 / static_cast<int>(sizeof(T));
    if (!channels_last) {
      launch(tag, std::integral_constant<int, kPlanesAtOnce>{}, std::true_type{});
      return;
    }
    const int length = warp_vector(data, map, channels);
    if (length == kWhole) {
      launch(tag, std::integral_constant<int, kWhole>{}, std::false_type{});
    } else if (length == 4) {
      launch(tag, std::integral_constant<int, 4>{}, std::false_type{});
    } else {
      launch(tag, std::integral_constant<int, 1>{}, std::false_type{});
    }
  };
  if (map.type == ElementType::kFloat32) {
    of_type(float{});
  } else if (map.type == ElementType::kBfloat16) {
    of_type(__nv_bfloat16{});
  } else {
    of_type(__half{});
  }
}

}  // namespace bevel
