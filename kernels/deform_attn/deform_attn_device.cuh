// What the CUDA kernels of deformable attention share: which query and head a warp works on, and what its
// lanes know of 32 samples at a time.
#pragma once

#include "core/bilinear.hpp"
#include "core/block_scan.cuh"
#include "core/cuda_elements.cuh"
#include "deform_attn/deform_attn_job.hpp"
#include "deform_attn/deform_attn_position.hpp"

namespace bevel {

constexpr int kMostAttentionSamples = BEVEL_DEFORM_ATTN_MAX_SAMPLES;
constexpr int kTileColumns = 8;  ///< queries side by side in a tile

/// Which queries and heads the blocks of a launch take. A block takes a tile of queries that are near each
/// other, of as many heads as fill a 128-byte line of a value row: so its warps find rows in L1.
struct QueryTiles {
  int32_t queries;
  int32_t grid_columns;  ///< queries are a grid of so many columns, row-major; 0: they follow each other
  int32_t across, count;
  int rows;   ///< of a tile, kTileColumns queries each
  int heads;  ///< of a block, a power of two

  /// −1 where the tile's place has no query.
  __device__ int32_t query(int32_t tile, int place) const {
    if (grid_columns == 0) {
      const int64_t query = int64_t(tile) * rows * kTileColumns + place;
      return query < queries ? static_cast<int32_t>(query) : -1;
    }
    const int32_t column = tile % across * kTileColumns + place % kTileColumns;
    const int64_t query = (int64_t(tile) / across * rows + place / kTileColumns) * grid_columns + column;
    return column < grid_columns && query < queries ? static_cast<int32_t>(query) : -1;
  }
};

/// A job as kernels take it.
struct Attention {
  int32_t batch, maps, queries, heads, head_dim;
  int32_t points, samples, references;  ///< samples: levels · points
  bevel_value_levels levels;
  bool fused, mean, boxes, reference_of_level;
  bool pairs;  ///< x and y of a location are one access
  int vector;  ///< channels of a lane, in one access
  int group;   ///< lanes of a row, a power of two
  QueryTiles tiles;
  ConstMap value;
  DeviceSpan<const float> locations, weights, reference;
  AttentionStrides value_strides, location_strides, weight_strides, reference_strides;
  bool has_visible;
  DeviceSpan<const uint8_t> visible;

  __device__ int32_t outputs() const { return mean ? 1 : maps; }
  __device__ bool sees(int32_t b, int32_t map, int32_t query) const {
    return !has_visible || uint8_t(visible[(int64_t(b) * maps + map) * queries + query]) != 0;
  }
  /// One over the number of maps that a query sees, where their mean is taken; the whole warp calls it.
  __device__ float scale(int32_t b, int32_t query) const {
    if (!mean) return 1.0f;
    int count = maps;
    if (has_visible) {
      count = 0;
      for (int32_t map = 0; map < maps; map += kWarpLanes) {
        const int32_t own = map + static_cast<int32_t>(threadIdx.x % kWarpLanes);
        count += __popc(__ballot_sync(kAllLanes, own < maps && sees(b, own, query)));
      }
    }
    return count > 1 ? 1.0f / static_cast<float>(count) : 1.0f;
  }
};

/// Throws CudaFailure where an extent is 2^31 or more.
Attention attention_of(const DeformAttnJob& job);
/// Cuts a launch in tiles; the blocks it needs for each of the batch's outputs.
int64_t cut_tiles(Attention& attention, int64_t outputs);

/// Elements from the first to the last of a tensor [batch, maps, queries, heads] of `inner` numbers each.
inline int64_t strided_elements(const DeformAttnJob& job, const AttentionStrides& s, int64_t heads,
                                int64_t inner) {
  if (job.batch == 0 || job.queries == 0) return 0;
  const int64_t last_map = job.maps > 0 ? job.maps - 1 : 0;
  return (job.batch - 1) * s.batch + last_map * s.map + (job.queries - 1) * s.query + (heads - 1) * s.head +
         inner;
}

__device__ inline int64_t offset_of(const AttentionStrides& s, int32_t b, int32_t map, int32_t query,
                                    int32_t head) {
  return b * s.batch + map * s.map + query * s.query + head * s.head;
}

/// What is the same of a sample for each query and head: [samples][4] width, height, first row of its level,
/// its reference.
__device__ inline void fill_rules(const Attention& a, const SharedSpan<int32_t>& rules) {
  for (int i = threadIdx.x; i < a.samples; i += kBlockThreads) {
    const int level = i / a.points, point = i % a.points;
    DeviceVector<int32_t, 4> rule;
    rule[0] = a.levels.width[level];
    rule[1] = a.levels.height[level];
    rule[2] = static_cast<int32_t>(a.levels.start[level]);
    rule[3] = a.reference_of_level ? level : a.references > 0 ? point % a.references : 0;
    store_vector(rules + i * 4, rule);
  }
  __syncthreads();
}

/// One sample, as its lane knows it.
struct AttentionSample {
  BilinearPoint<float> point = {};
  SampleAxis<float> along_x = {}, along_y = {};
  float location_x = 0.0f, location_y = 0.0f;
  int32_t width = 0, height = 0, row = 0, reference = 0;  ///< row: of corner 0; may lie outside the map

  __device__ AttentionSample() {}
  /// Sample i of a head, whose locations and the query's references begin there.
  __device__ AttentionSample(const Attention& a, const SharedSpan<int32_t>& rules, int i, int64_t location_at,
                             int64_t reference_at) {
    const DeviceVector<int32_t, 4> rule = load_vector<4>(rules + i * 4);
    width = rule[0];
    height = rule[1];
    reference = rule[3];
    if (a.pairs) {
      const DeviceVector<float, 2> pair = load_vector_readonly<2>(a.locations + (location_at + 2 * i));
      location_x = pair[0];
      location_y = pair[1];
    } else {
      location_x = a.locations[location_at + 2 * i];
      location_y = a.locations[location_at + 2 * i + 1];
    }
    const float wide = static_cast<float>(width), high = static_cast<float>(height);
    if (!a.fused) {
      along_x = axis_of_location(wide);
      along_y = axis_of_location(high);
    } else if (a.boxes) {
      const int64_t at = reference_at + reference * 4;
      along_x = axis_of_box(float(a.reference[at]), float(a.reference[at + 2]), wide, a.points);
      along_y = axis_of_box(float(a.reference[at + 1]), float(a.reference[at + 3]), high, a.points);
    } else {
      const int64_t at = reference_at + reference * 2;
      along_x = axis_of_point(float(a.reference[at]), wide);
      along_y = axis_of_point(float(a.reference[at + 1]), high);
    }
    point = bilinear_point(along_x.at(location_x), along_y.at(location_y), width, height);
    row = rule[2] + point.row * width + point.column;
  }
};

/// The weights of a head's samples: as given, or scale · softmax of the logits. The whole warp makes it.
struct AttentionWeights {
  int64_t at;
  float largest = 0.0f, factor = 1.0f;

  __device__ AttentionWeights(const Attention& a, int64_t weight_at, float scale) : at(weight_at) {
    if (!a.fused) return;
    const int lane = threadIdx.x % kWarpLanes;
    largest = -INFINITY;
#pragma unroll 1
    for (int i = lane; i < a.samples; i += kWarpLanes) largest = fmaxf(largest, float(a.weights[at + i]));
    for (int other = kWarpLanes / 2; other > 0; other /= 2)
      largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, other));
    float sum = 0.0f;
#pragma unroll 1
    for (int i = lane; i < a.samples; i += kWarpLanes) sum += expf(float(a.weights[at + i]) - largest);
    for (int other = kWarpLanes / 2; other > 0; other /= 2) sum += __shfl_xor_sync(kAllLanes, sum, other);
    factor = scale / sum;
  }
  __device__ float weight(const Attention& a, int i) const {
    const float given = a.weights[at + i];
    return a.fused ? expf(given - largest) * factor : given;
  }
};

/// Corners of 32 samples in a warp's shared memory, [32 · 4][2]: weight, and value row or −1 (its bits).
constexpr int kCornersOfWarp = kWarpLanes * 4;
constexpr int kCornerWordsOfWarp = kCornersOfWarp * 2;

__device__ inline void write_corners(const SharedSpan<float>& corners, const AttentionSample& sample,
                                     float weight) {
  const int lane = threadIdx.x % kWarpLanes;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    Float4 two;
#pragma unroll
    for (int side = 0; side < 2; ++side) {
      const int corner = half * 2 + side;
      const int32_t row = sample.row + half * sample.width + side;
      two[side * 2] = weight * bilinear_weight(sample.point, corner);
      two[side * 2 + 1] = __int_as_float(sample.point.inside >> corner & 1u ? row : -1);
    }
    store_vector(corners + (lane * 8 + half * 4), two);
  }
}

/// N channels of a value row, as they are stored.
template <typename T, int N>
__device__ __forceinline__ DeviceVector<T, N> load_value(const Attention& a, int64_t at) {
  return load_vector_readonly<N>(pointer_cast<const T>(a.value.bytes) + at);
}

/// N channels of a map of any element type: in vectors if `whole`, else one by one.
template <int N>
__device__ __forceinline__ void load_channels(const ConstMap& map, int64_t at, bool whole,
                                              float (&values)[N]) {
  constexpr int M = N < 4 ? N : 4;
  with_element_type(map.type, [&](auto tag) {
    using T = decltype(tag);
#pragma unroll
    for (int c = 0; c < N; c += M) {
      if (whole) {
        const DeviceVector<T, M> part = load_vector_readonly<M>(pointer_cast<const T>(map.bytes) + (at + c));
#pragma unroll
        for (int i = 0; i < M; ++i) values[c + i] = to_float(part[i]);
      } else {
#pragma unroll
        for (int i = 0; i < M; ++i) values[c + i] = map.template load<T>(at + c + i);
      }
    }
  });
}

/// Calls f with a value of the value's element type and a lane's channels as a constant.
template <typename F>
void with_value_type(const Attention& a, F f) {
  const auto with_vector = [&](auto tag) {
    constexpr int kWhole = 16 / static_cast<int>(sizeof tag);
    if (a.vector == kWhole) {
      f(tag, std::integral_constant<int, kWhole>());
    } else if (a.vector == 2) {
      f(tag, std::integral_constant<int, 2>());
    } else {
      f(tag, std::integral_constant<int, 1>());
    }
  };
  if (a.value.type == ElementType::kFloat32) {
    with_vector(float{});
  } else if (a.value.type == ElementType::kBfloat16) {
    with_vector(__nv_bfloat16{});
  } else {
    with_vector(__half{});
  }
}

}  // namespace bevel
