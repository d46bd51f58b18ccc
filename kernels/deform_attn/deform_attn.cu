// Deformable attention forward.
//
// A warp works on one query and head at a time. Its lanes first place 32 samples at once (coordinates,
// softmax, validity, corner weights), then read value rows: a group of lanes takes a corner's row in 16-byte
// pieces, so that the warp has 32 / group corners a load and four loads in flight; groups meet by shuffles
// at the end. The maps that a query sees are looped over within the warp, the others cost nothing. A block
// takes a tile of neighbouring queries of one head (or of the heads that share a 128-byte line), and blocks
// that follow each other take the same heads: rows are found in L1 again. Bound: L1, four row pieces a
// sample; without that re-use L2.
#include "core/cuda_check.hpp"
#include "deform_attn/deform_attn_job.hpp"
#include "core/cuda_bodies.hpp"
#include "deform_attn/deform_attn_device.cuh"

namespace bevel {
namespace {

constexpr int kRowsAtOnce = 4;  // value rows that a lane has in flight

struct Forward {
  Attention a;
  Map out;
  bool out_whole;
};

/// Adds the corners of `count` samples to a lane's channels; `at` is where the channels begin in row 0.
template <typename T, int N>
__device__ __forceinline__ void add_corners(const Attention& a, const SharedSpan<float>& corners, int count,
                                            int64_t at, bool has_channels, float (&sums)[N]) {
  const int groups = kWarpLanes / a.group, group = threadIdx.x % kWarpLanes / a.group;
#pragma unroll 1
  for (int first = 0; first < count * 4; first += groups * kRowsAtOnce) {
    float weights[kRowsAtOnce];
    DeviceVector<T, N> rows[kRowsAtOnce];
#pragma unroll
    for (int i = 0; i < kRowsAtOnce; ++i) {
      const int corner = first + i * groups + group;
      weights[i] = 0.0f;
      rows[i] = {};
      if (corner < count * 4) {
        const DeviceVector<float, 2> known = load_vector<2>(corners + corner * 2);
        const int32_t row = __float_as_int(known[1]);
        if (row >= 0 && has_channels) {
          weights[i] = known[0];
          rows[i] = load_value<T, N>(a, at + row * a.value_strides.query);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < kRowsAtOnce; ++i) {
#pragma unroll
      for (int c = 0; c < N; ++c) sums[c] = fmaf(weights[i], to_float(rows[i][c]), sums[c]);
    }
  }
}

/// A lane's channels of what one query and head take from one map.
template <typename T, int N>
__device__ void attend(const Attention& a, const SharedSpan<int32_t>& rules, const SharedSpan<float>& corners,
                       int32_t b, int32_t map, int32_t query, int32_t head, float scale, int32_t channel,
                       float (&sums)[N]) {
  const int lane = threadIdx.x % kWarpLanes;
  const AttentionWeights weights(a, offset_of(a.weight_strides, b, map, query, head), scale);
  const int64_t locations = offset_of(a.location_strides, b, map, query, head);
  const int64_t references = a.fused ? offset_of(a.reference_strides, b, map, query, 0) : 0;
  const int64_t value = b * a.value_strides.batch + map * a.value_strides.map + head * a.value_strides.head;
#pragma unroll 1
  for (int first = 0; first < a.samples; first += kWarpLanes) {
    const int count = a.samples - first < kWarpLanes ? a.samples - first : kWarpLanes;
    __syncwarp();  // the corners before these have been read
    if (lane < count) {
      const AttentionSample sample(a, rules, first + lane, locations, references);
      write_corners(corners, sample, weights.weight(a, first + lane));
    }
    __syncwarp();
    add_corners<T, N>(a, corners, count, value + channel, channel < a.head_dim, sums);
  }
}

template <typename T, int N>
BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, 2) deform_attn_forward_kernel(Forward f) {
  BEVEL_SHARED(int32_t, rules, 4 * kMostAttentionSamples);
  BEVEL_SHARED(float, all_corners, kBlockWarps* kCornerWordsOfWarp);
  const Attention& a = f.a;
  fill_rules(a, rules);
  const int lane = threadIdx.x % kWarpLanes, warp = threadIdx.x / kWarpLanes;
  const SharedSpan<float> corners = subarray(all_corners + warp * kCornerWordsOfWarp, kCornerWordsOfWarp);
  const int32_t head_blocks = a.heads / a.tiles.heads;
  const int32_t tile = static_cast<int32_t>(blockIdx.x) % a.tiles.count;
  const int32_t rest = static_cast<int32_t>(blockIdx.x) / a.tiles.count;
  const int32_t head = rest % head_blocks * a.tiles.heads + warp % a.tiles.heads;
  const int32_t output = rest / head_blocks % a.outputs(), b = rest / head_blocks / a.outputs();
  const int32_t end = a.mean ? a.maps : output + 1;
  for (int place = warp / a.tiles.heads; place < a.tiles.rows * kTileColumns;
       place += kBlockWarps / a.tiles.heads) {
    const int32_t query = a.tiles.query(tile, place);
    if (query < 0) continue;
    const float scale = a.scale(b, query);
#pragma unroll 1
    for (int32_t from = 0; from < a.head_dim; from += a.group * N) {
      const int32_t channel = from + lane % a.group * N;
      float sums[N] = {};
      for (int32_t base = output; base < end; base += kWarpLanes) {
        const int32_t own = base + lane;
        uint32_t seen = __ballot_sync(kAllLanes, own < end && a.sees(b, own, query));
        for (; seen != 0; seen &= seen - 1) {
          const int32_t map = base + __ffs(static_cast<int>(seen)) - 1;
          attend<T, N>(a, rules, corners, b, map, query, head, scale, channel, sums);
        }
      }
      for (int other = a.group; other < kWarpLanes; other *= 2) {
#pragma unroll
        for (int c = 0; c < N; ++c) sums[c] += __shfl_xor_sync(kAllLanes, sums[c], other);
      }
      if (lane < a.group && channel < a.head_dim) {
        const int64_t row = ((int64_t(b) * a.outputs() + output) * a.queries + query) * a.heads + head;
        store_row<N>(f.out, row * a.head_dim + channel, sums, f.out_whole);
      }
    }
  }
}

int power_of_two_from(int64_t least, int most) {
  int power = 1;
  while (power < least && power < most) power *= 2;
  return power;
}

/// The columns of the grid that queries are thought to be: that of a level with as many pixels (a decoder's
/// own map, temporal self-attention), or a square (a BEV grid). It only decides which queries are neighbours.
int32_t grid_columns(const DeformAttnJob& job) {
  for (int level = 0; level < job.levels.levels; ++level) {
    if (int64_t(job.levels.height[level]) * job.levels.width[level] == job.queries)
      return job.levels.width[level];
  }
  int64_t side = 1;
  while (side * side < job.queries) ++side;
  return side * side == job.queries ? static_cast<int32_t>(side) : 0;
}

}  // namespace

Attention attention_of(const DeformAttnJob& job) {
  const auto extent = [](int64_t value) {
    if (value > INT32_MAX)
      throw CudaFailure{cudaErrorInvalidValue, "deform_attn with an extent of 2^31 or more"};
    return static_cast<int32_t>(value);
  };
  Attention a = {};
  a.batch = extent(job.batch);
  a.maps = extent(job.maps);
  a.queries = extent(job.queries);
  a.heads = extent(job.heads);
  a.head_dim = extent(job.head_dim);
  a.points = job.points;
  a.samples = job.levels.levels * job.points;
  a.references = job.references;
  a.levels = job.levels;
  a.fused = job.fused;
  a.mean = job.mean;
  a.boxes = job.boxes;
  a.reference_of_level = job.reference_of_level;
  a.value_strides = job.value_strides;
  a.location_strides = job.location_strides;
  a.weight_strides = job.weight_strides;
  a.reference_strides = job.reference_strides;
  const AttentionStrides& v = job.value_strides;
  const int whole = static_cast<int>(16 / element_size(job.value_type));
  const auto fits = [&](int length) {
    return aligned_to(job.value, length * element_size(job.value_type)) && job.head_dim % length == 0 &&
           v.batch % length == 0 && v.map % length == 0;
  };
  a.vector = fits(whole) ? whole : fits(2) ? 2 : 1;
  a.group = power_of_two_from((job.head_dim + a.vector - 1) / a.vector, kWarpLanes);
  const int64_t value_elements =
      job.batch == 0 || job.maps == 0
          ? 0
          : (job.batch - 1) * v.batch + (job.maps - 1) * v.map + job.rows * job.heads * job.head_dim;
  a.value = ConstMap(job.value, value_elements, job.value_type, "value");
  const auto span = [](const void* data, int64_t elements, const char* name) {
    return DeviceSpan<const float>(static_cast<const float*>(data), elements, name);
  };
  const AttentionStrides& l = job.location_strides;
  a.locations = span(job.locations, strided_elements(job, l, job.heads, a.samples * 2), "locations");
  a.pairs = aligned_to(job.locations, 8) && l.batch % 2 == 0 && l.map % 2 == 0 && l.query % 2 == 0 &&
            l.head % 2 == 0;
  a.weights = span(job.weights, strided_elements(job, job.weight_strides, job.heads, a.samples), "weights");
  if (job.fused) {
    a.reference = span(job.reference,
                       strided_elements(job, job.reference_strides, 1, job.references * (job.boxes ? 4 : 2)),
                       "reference");
  }
  if (job.visible) {
    a.has_visible = true;
    a.visible = DeviceSpan<const uint8_t>(job.visible, job.batch * job.maps * job.queries, "visible");
  }
  a.tiles.queries = a.queries;
  a.tiles.grid_columns = grid_columns(job);
  return a;
}

int64_t cut_tiles(Attention& a, int64_t outputs) {
  QueryTiles& t = a.tiles;
  const int64_t bytes = a.head_dim * element_size(a.value.type);
  t.heads = 1;
  while (t.heads < kBlockWarps && t.heads * bytes < 128 && a.heads % (t.heads * 2) == 0) t.heads *= 2;
  const auto parts = [](int64_t whole, int64_t part) {
    return static_cast<int32_t>((whole + part - 1) / part);
  };
  // Large tiles where there are enough of them to keep every multiprocessor busy.
  constexpr int64_t kEnoughBlocks = 1024;
  for (t.rows = kTileColumns;; t.rows /= 2) {
    if (t.grid_columns > 0) {
      t.across = parts(t.grid_columns, kTileColumns);
      t.count = t.across * parts(parts(t.queries, t.grid_columns), t.rows);
    } else {
      t.count = parts(t.queries, t.rows * kTileColumns);
    }
    const int64_t blocks = int64_t(a.batch) * outputs * (a.heads / t.heads) * t.count;
    if (t.rows == 1 || blocks >= kEnoughBlocks) return blocks;
  }
}

void cuda::deform_attn_forward(const DeformAttnJob& job, cudaStream_t stream) {
  const int64_t outputs = job.mean ? 1 : job.maps;
  const int64_t elements = job.batch * outputs * job.queries * job.heads * job.head_dim;
  if (elements == 0) return;
  Forward f = {};
  f.a = attention_of(job);
  f.out = Map(job.out, elements, job.out_type, "out");
  const int length = f.a.vector < 4 ? f.a.vector : 4;
  f.out_whole = aligned_to(job.out, length * element_size(job.out_type));
  const int64_t blocks = cut_tiles(f.a, outputs);
  with_value_type(f.a, [&](auto tag, auto vector) {
    BEVEL_ENQUEUE((deform_attn_forward_kernel<decltype(tag), decltype(vector)::value>), blocks, 0, stream, f);
  });
}

}  // namespace bevel
