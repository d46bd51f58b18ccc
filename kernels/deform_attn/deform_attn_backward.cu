// Deformable attention backward.
//
// Gradients of locations, weights and references: warps take queries and heads as in forward. Groups of lanes
// multiply value rows with the output's gradient, four corners each at a time, whose sums over lanes are
// then formed together, each exchange halving what a lane still holds. A lane finishes the sample it has
// placed; each gradient is written by one lane, over maps that share locations in their order. What a head
// gives its references goes to the workspace, and a second kernel adds the heads in order. Bound: L1 or L2 as
// forward, four row pieces a sample.
//
// Gradient of the value, fast: the same pass adds weight · gradient to the four rows by vector atomics.
// Strict: a pass that places the samples, and core/sample_scatter. Bound: see there.
#include "core/cuda_check.hpp"
#include "core/cuda_workspace.cuh"
#include "core/sample_scatter.cuh"
#include "deform_attn/deform_attn_job.hpp"
#include "core/cuda_bodies.hpp"
#include "deform_attn/deform_attn_device.cuh"

namespace bevel {
namespace {

constexpr int kRowsAtOnce = 4;  // corners whose products are summed together

struct Backward {
  Attention a;
  ConstMap grad_out;
  bool grad_out_whole;
  DeviceSpan<float> grad_locations, grad_weights;
  AttentionStrides grad_location_strides, grad_weight_strides;
  bool wants_locations, wants_weights, wants_references;
  bool maps_share;                   ///< one gradient of locations and weights for all maps
  bool wants_products;               ///< any of these
  bool wants_value;                  ///< by atomics
  DeviceSpan<float> value_sums;      ///< [batch][maps][rows][heads][head_dim]
  bool value_sums_whole;             ///< a lane's channels of it are vectors
  int64_t rows;                      ///< of a value map
  DeviceSpan<float> reference_sums;  ///< [batch][maps][queries][heads][references][2 or 4]
  int numbers;                       ///< of a reference: 2 or 4
};

/// Shared memory of a warp.
struct WarpScratch {
  SharedSpan<float> corners;                ///< see write_corners
  SharedSpan<float> dots;                   ///< [32][4] products of value row and gradient
  SharedSpan<float> by_weight, by_x, by_y;  ///< [samples] gradients; x and y in pixels
};

/// Sums `Count` numbers over the lanes of a group, halving what a lane holds at each exchange between lanes
/// `other` apart. Gives f(i, sum) for each i, in one lane of the group.
template <int Count, int Size, typename F>
__device__ __forceinline__ void sum_over_group(float (&values)[Size], int other, int first, F f) {
  const int lane = threadIdx.x % kWarpLanes;
  if constexpr (Count == 1) {
    bool holds = true;
    for (; other > 0; other /= 2) {
      values[0] += __shfl_xor_sync(kAllLanes, values[0], other);
      holds = holds && (lane & other) == 0;
    }
    if (holds) f(first, values[0]);
  } else {
    if (other == 0) {
#pragma unroll
      for (int i = 0; i < Count; ++i) f(first + i, values[i]);
      return;
    }
    constexpr int kHalf = Count / 2;
    const bool upper = (lane & other) != 0;
#pragma unroll
    for (int i = 0; i < kHalf; ++i) {
      const float given = __shfl_xor_sync(kAllLanes, upper ? values[i] : values[i + kHalf], other);
      values[i] = (upper ? values[i + kHalf] : values[i]) + given;
    }
    sum_over_group<kHalf>(values, other / 2, upper ? first + kHalf : first, f);
  }
}

/// Adds `weight` · row to N channels, which other threads may be adding to.
template <int N>
__device__ __forceinline__ void add_atomically(const DeviceSpan<float>& sums, int64_t at, float weight,
                                               const float (&row)[N], bool whole) {
  constexpr int M = N < 4 ? N : 4;
#pragma unroll
  for (int c = 0; c < N; c += M) {
    DeviceVector<float, M> part;
#pragma unroll
    for (int i = 0; i < M; ++i) part[i] = weight * row[c + i];
    if (whole) {
      add_vector(sums + (at + c), part);
    } else {
#pragma unroll
      for (int i = 0; i < M; ++i) atomicAdd(sums + (at + c + i), part[i]);
    }
  }
}

/// The corners of `count` samples with a lane's N channels of the output's gradient: products into `dots`
/// (added to what is there unless `begins`), weighed gradients to the value's.
template <typename T, int N>
__device__ void pass_corners(const Backward& g, const WarpScratch& scratch, int count, int64_t value_at,
                             int64_t sums_at, bool has_channels, const float (&gradient)[N], bool begins) {
  const Attention& a = g.a;
  const int groups = kWarpLanes / a.group, group = threadIdx.x % kWarpLanes / a.group;
#pragma unroll 1
  for (int first = 0; first < count * 4; first += groups * kRowsAtOnce) {
    float products[kRowsAtOnce] = {};
    DeviceVector<T, N> rows[kRowsAtOnce];
    bool inside[kRowsAtOnce];
#pragma unroll
    for (int i = 0; i < kRowsAtOnce; ++i) {
      const int corner = first + i * groups + group;
      inside[i] = false;
      rows[i] = {};
      if (corner < count * 4 && has_channels) {
        const DeviceVector<float, 2> known = load_vector<2>(scratch.corners + corner * 2);
        const int32_t row = __float_as_int(known[1]);
        inside[i] = row >= 0;
        if (inside[i]) {
          if (g.wants_products) rows[i] = load_value<T, N>(a, value_at + row * a.value_strides.query);
          if (g.wants_value)
            add_atomically<N>(g.value_sums, sums_at + int64_t(row) * a.heads * a.head_dim, known[0], gradient,
                              g.value_sums_whole);
        }
      }
    }
    if (!g.wants_products) continue;
#pragma unroll
    for (int i = 0; i < kRowsAtOnce; ++i) {
#pragma unroll
      for (int c = 0; c < N; ++c) products[i] = fmaf(gradient[c], to_float(rows[i][c]), products[i]);
      if (!inside[i]) products[i] = 0.0f;  // a gradient of Inf would have made a NaN
    }
    sum_over_group<kRowsAtOnce>(products, a.group / 2, 0, [&](int i, float sum) {
      const int corner = first + i * groups + group;
      if (corner < count * 4) {
        const float before = begins ? 0.0f : float(scratch.dots[corner]);
        scratch.dots[corner] = before + sum;
      }
    });
  }
}

/// Where the gradients of one query and head on one map go, and whether they are added to what is there.
struct GradientPlaces {
  int64_t locations, weights;
  bool add;
};

__device__ __forceinline__ void put(const DeviceSpan<float>& to, int64_t at, float value, bool add) {
  const float before = add ? float(to[at]) : 0.0f;
  to[at] = before + value;
}

/// Softmax: with w = scale · softmax(logits), ∂/∂logit_i = w_i (g_i − Σ_j w_j g_j / scale).
__device__ void write_weight_gradients(const Backward& g, const SharedSpan<float>& by_weight,
                                       const AttentionWeights& weights, float scale,
                                       const GradientPlaces& to) {
  const Attention& a = g.a;
  const int lane = threadIdx.x % kWarpLanes;
  float mean = 0.0f;
  if (a.fused) {
#pragma unroll 1
    for (int i = lane; i < a.samples; i += kWarpLanes) mean = fmaf(weights.weight(a, i), by_weight[i], mean);
    for (int other = kWarpLanes / 2; other > 0; other /= 2) mean += __shfl_xor_sync(kAllLanes, mean, other);
    mean /= scale;
  }
#pragma unroll 1
  for (int i = lane; i < a.samples; i += kWarpLanes) {
    const float own = by_weight[i];
    put(g.grad_weights, to.weights + i, a.fused ? weights.weight(a, i) * (own - mean) : own, to.add);
  }
}

/// What one head gives the references of one query and map: a lane sums a number of a reference over its
/// samples in their order.
__device__ void write_reference_sums(const Backward& g, const WarpScratch& scratch, int64_t locations,
                                     int64_t sums_at) {
  const Attention& a = g.a;
  const int32_t levels = a.levels.levels;
#pragma unroll 1
  for (int j = threadIdx.x % kWarpLanes; j < a.references * g.numbers; j += kWarpLanes) {
    const int reference = j / g.numbers, number = j % g.numbers;
    float sum = 0.0f;
#pragma unroll 1
    for (int level = a.reference_of_level ? reference : 0;
         level < (a.reference_of_level ? reference + 1 : levels); ++level) {
      const float extent = static_cast<float>(number & 1 ? a.levels.height[level] : a.levels.width[level]);
#pragma unroll 1
      for (int point = a.reference_of_level ? 0 : reference; point < a.points;
           point += a.reference_of_level ? 1 : a.references) {
        const int i = level * a.points + point;
        const float pixels = number & 1 ? float(scratch.by_y[i]) : float(scratch.by_x[i]);
        const float offset = number < 2 ? 0.0f : float(a.locations[locations + 2 * i + (number & 1)]);
        sum += pixels * (number < 2 ? extent : box_step(extent, a.points) * offset);
      }
    }
    g.reference_sums[sums_at + j] = sum;
  }
}

/// One query and head on one map.
template <typename T, int N>
__device__ void pass_map(const Backward& g, const SharedSpan<int32_t>& rules, const WarpScratch& scratch,
                         int32_t b, int32_t map, int32_t query, int32_t head, float scale,
                         const GradientPlaces& to) {
  const Attention& a = g.a;
  const int lane = threadIdx.x % kWarpLanes;
  const AttentionWeights weights(a, offset_of(a.weight_strides, b, map, query, head), scale);
  const int64_t locations = offset_of(a.location_strides, b, map, query, head);
  const int64_t references = a.fused ? offset_of(a.reference_strides, b, map, query, 0) : 0;
  const int64_t value = b * a.value_strides.batch + map * a.value_strides.map + head * a.value_strides.head;
  const int64_t sums = ((int64_t(b) * a.maps + map) * g.rows * a.heads + head) * a.head_dim;
  const int64_t out_row =
      ((int64_t(b) * a.outputs() + (a.mean ? 0 : map)) * a.queries + query) * a.heads + head;
#pragma unroll 1
  for (int first = 0; first < a.samples; first += kWarpLanes) {
    const int count = a.samples - first < kWarpLanes ? a.samples - first : kWarpLanes;
    __syncwarp();  // what the last samples left in shared memory has been read
    AttentionSample sample;
    float weight = 0.0f;
    if (lane < count) {
      sample = AttentionSample(a, rules, first + lane, locations, references);
      weight = weights.weight(a, first + lane);
      write_corners(scratch.corners, sample, weight);
    }
    __syncwarp();
#pragma unroll 1
    for (int32_t from = 0; from < a.head_dim; from += a.group * N) {
      const int32_t channel = from + lane % a.group * N;
      float gradient[N] = {};
      if (channel < a.head_dim)
        load_channels<N>(g.grad_out, out_row * a.head_dim + channel, g.grad_out_whole, gradient);
      pass_corners<T, N>(g, scratch, count, value + channel, sums + channel, channel < a.head_dim, gradient,
                         from == 0);
      __syncwarp();
    }
    if (!g.wants_products || lane >= count) continue;
    const Float4 dots = load_vector<4>(scratch.dots + lane * 4);
    const BilinearValue<float> by =
        bilinear_value(sample.point.right, sample.point.lower, dots[0], dots[1], dots[2], dots[3]);
    const float by_x = weight * by.by_x, by_y = weight * by.by_y;
    scratch.by_weight[first + lane] = by.value;
    scratch.by_x[first + lane] = by_x;
    scratch.by_y[first + lane] = by_y;
    if (g.wants_locations) {
      const int64_t at = to.locations + 2 * (first + lane);
      put(g.grad_locations, at, by_x * sample.along_x.step, to.add);
      put(g.grad_locations, at + 1, by_y * sample.along_y.step, to.add);
    }
  }
  __syncwarp();
  if (g.wants_weights) write_weight_gradients(g, scratch.by_weight, weights, scale, to);
  if (g.wants_references) {
    const int64_t place = ((int64_t(b) * a.maps + map) * a.queries + query) * a.heads + head;
    write_reference_sums(g, scratch, locations, place * a.references * g.numbers);
  }
}

/// Zeros for a query and head that no map shows.
__device__ void write_zeros(const Backward& g, const GradientPlaces& to) {
#pragma unroll 1
  for (int i = threadIdx.x % kWarpLanes; i < g.a.samples; i += kWarpLanes) {
    if (g.wants_locations) {
      g.grad_locations[to.locations + 2 * i] = 0.0f;
      g.grad_locations[to.locations + 2 * i + 1] = 0.0f;
    }
    if (g.wants_weights) g.grad_weights[to.weights + i] = 0.0f;
  }
}

template <typename T, int N>
BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, 2) deform_attn_gradients_kernel(Backward g) {
  BEVEL_SHARED(int32_t, rules, 4 * kMostAttentionSamples);
  BEVEL_SHARED(float, all_corners, kBlockWarps* kCornerWordsOfWarp);
  BEVEL_SHARED(float, all_dots, kBlockWarps* kCornersOfWarp);
  BEVEL_DYNAMIC_SHARED(float, of_samples);
  const Attention& a = g.a;
  fill_rules(a, rules);
  const int warp = threadIdx.x / kWarpLanes;
  WarpScratch scratch;
  scratch.corners = subarray(all_corners + warp * kCornerWordsOfWarp, kCornerWordsOfWarp);
  scratch.dots = subarray(all_dots + warp * kCornersOfWarp, kCornersOfWarp);
  scratch.by_weight = subarray(of_samples + warp * 3 * a.samples, a.samples);
  scratch.by_x = subarray(of_samples + (warp * 3 + 1) * a.samples, a.samples);
  scratch.by_y = subarray(of_samples + (warp * 3 + 2) * a.samples, a.samples);
  const int32_t head_blocks = a.heads / a.tiles.heads;
  const int32_t tile = static_cast<int32_t>(blockIdx.x) % a.tiles.count;
  const int32_t rest = static_cast<int32_t>(blockIdx.x) / a.tiles.count;
  const int32_t head = rest % head_blocks * a.tiles.heads + warp % a.tiles.heads, b = rest / head_blocks;
  for (int place = warp / a.tiles.heads; place < a.tiles.rows * kTileColumns;
       place += kBlockWarps / a.tiles.heads) {
    const int32_t query = a.tiles.query(tile, place);
    if (query < 0) continue;
    const float scale = a.scale(b, query);
    bool any = false;
    const auto places = [&](int32_t map) -> GradientPlaces {
      return {offset_of(g.grad_location_strides, b, map, query, head),
              offset_of(g.grad_weight_strides, b, map, query, head), g.maps_share && any};
    };
#pragma unroll 1
    for (int32_t map = 0; map < a.maps; ++map) {
      if (a.sees(b, map, query)) {
        pass_map<T, N>(g, rules, scratch, b, map, query, head, scale, places(map));
        any = true;
      } else if (!g.maps_share) {
        write_zeros(g, places(map));
      }
    }
    if (g.maps_share && !any) write_zeros(g, places(0));
  }
}

/// Adds what the heads gave each number of a reference, in their order.
BEVEL_GLOBAL void deform_attn_sum_heads_kernel(Backward g, DeviceSpan<float> grad_reference, int64_t count) {
  const Attention& a = g.a;
  const int64_t numbers = int64_t(a.references) * g.numbers;
  const int64_t step = gridDim.x * static_cast<int64_t>(kBlockThreads);
  for (int64_t i = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x; i < count; i += step) {
    const int64_t seen_at = i / numbers;  // batch, map and query
    float sum = 0.0f;
    if (!a.has_visible || uint8_t(a.visible[seen_at]) != 0) {
      const int64_t from = seen_at * a.heads * numbers + i % numbers;
      for (int32_t head = 0; head < a.heads; ++head) sum += g.reference_sums[from + head * numbers];
    }
    grad_reference[i] = sum;
  }
}

/// Samples of some maps for the scatter: a map here is a batch element's map and head, in that order.
struct Placing {
  Attention a;
  ScatterLevels levels;
  ScatterSamples to;
  int64_t first_map, maps;
};

/// A warp places the samples of one query and one such map.
BEVEL_GLOBAL void deform_attn_place_samples_kernel(Placing p) {
  BEVEL_SHARED(int32_t, rules, 4 * kMostAttentionSamples);
  const Attention& a = p.a;
  fill_rules(a, rules);
  const int lane = threadIdx.x % kWarpLanes;
  const int64_t step = gridDim.x * static_cast<int64_t>(kBlockWarps);
  for (int64_t item = blockIdx.x * static_cast<int64_t>(kBlockWarps) + threadIdx.x / kWarpLanes;
       item < p.maps * a.queries; item += step) {
    const int64_t local_map = item / a.queries, whole = p.first_map + local_map;
    const int32_t query = static_cast<int32_t>(item % a.queries),
                  head = static_cast<int32_t>(whole % a.heads);
    const int32_t map = static_cast<int32_t>(whole / a.heads % a.maps);
    const int32_t b = static_cast<int32_t>(whole / a.heads / a.maps);
    const bool seen = a.sees(b, map, query);
    if (!seen) {
      for (int i = lane; i < a.samples; i += kWarpLanes) p.to.drop(item * a.samples + i);
      continue;
    }
    const AttentionWeights weights(a, offset_of(a.weight_strides, b, map, query, head), a.scale(b, query));
    const int64_t locations = offset_of(a.location_strides, b, map, query, head);
    const int64_t references = a.fused ? offset_of(a.reference_strides, b, map, query, 0) : 0;
    const int64_t out_row =
        ((int64_t(b) * a.outputs() + (a.mean ? 0 : map)) * a.queries + query) * a.heads + head;
    for (int i = lane; i < a.samples; i += kWarpLanes) {
      const AttentionSample sample(a, rules, i, locations, references);
      p.to.put(item * a.samples + i, p.levels, local_map, i / a.points, sample.point, weights.weight(a, i),
               static_cast<uint32_t>(out_row));
    }
  }
}

BEVEL_GLOBAL void deform_attn_store_value_gradient_kernel(DeviceSpan<const float> sums, Map to,
                                                          int64_t count) {
  const int64_t step = gridDim.x * static_cast<int64_t>(kBlockThreads);
  for (int64_t i = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x; i < count; i += step)
    to.store(i, sums[i]);
}

ScatterLevels scatter_levels(const bevel_value_levels& levels) {
  ScatterLevels result;
  for (int level = 0; level < levels.levels; ++level)
    result.add(levels.height[level], levels.width[level], levels.start[level]);
  return result;
}

/// How a backward's workspace is cut, and what its passes take at a time.
struct Plan {
  bool strict = false, atomic = false;
  int64_t value_elements = 0, out_rows = 0;
  int64_t scatter_maps = 0;   ///< all of them
  ScatterShape scatter = {};  ///< of the maps at a time
  DeviceSpan<float> reference_sums, value_sums;
  char* sums = nullptr;  ///< value_sums, to be cleared
  char* scatter_workspace = nullptr;
  int64_t bytes = 0;

  Plan(const DeformAttnBackwardJob& job, char* workspace) {
    const DeformAttnJob& f = job.forward;
    value_elements = f.batch * f.maps * f.rows * f.heads * f.head_dim;
    out_rows = f.batch * (f.mean ? 1 : f.maps) * f.queries * f.heads;
    strict = job.grad_value && !job.fast && value_elements > 0;
    atomic = job.grad_value && job.fast && value_elements > 0;
    WorkspaceCutter cutter(workspace);
    if (job.grad_reference) {
      const int64_t numbers = f.references * (f.boxes ? 4 : 2);
      reference_sums = cutter.take<float>(f.batch * f.maps * f.queries * f.heads * numbers, "reference sums");
    }
    if (atomic) {
      sums = f.value_type == ElementType::kFloat32 ? static_cast<char*>(job.grad_value)
                                                   : cutter.take_bytes(value_elements * 4);
      value_sums = DeviceSpan<float>(reinterpret_cast<float*>(sums), value_elements, "value sums");
    }
    if (strict) {
      const int64_t samples = f.queries * f.levels.levels * f.points;
      scatter_maps = f.batch * f.maps * f.heads;
      scatter.levels = scatter_levels(f.levels);
      scatter.maps = SampleScatter::maps_at_a_time(scatter_maps, samples, scatter.levels);
      scatter.samples = scatter.maps * samples;
      scatter.channels = f.head_dim;
      if (out_rows > int64_t(UINT32_MAX))
        throw CudaFailure{cudaErrorInvalidValue, "a strict value gradient of 2^32 or more output rows"};
      scatter_workspace = cutter.take_bytes(SampleScatter::workspace_bytes(scatter));
    }
    bytes = cutter.bytes();
  }
};

void clear(void* data, int64_t bytes, cudaStream_t stream) {
  if (bytes > 0)
    check_cuda_call(cudaMemsetAsync(data, 0, static_cast<size_t>(bytes), stream), "cudaMemsetAsync");
}

void enqueue_strict_value(const DeformAttnBackwardJob& job, const Attention& a, const Plan& plan,
                          cudaStream_t stream) {
  constexpr int64_t kMostBlocks = 1 << 14;
  const DeformAttnJob& f = job.forward;
  if (!plan.scatter.levels.covers(f.rows))
    clear(job.grad_value, plan.value_elements * element_size(f.value_type), stream);
  const ScatterSource source(job.grad_out, plan.out_rows * f.head_dim, f.out_type, f.head_dim);
  ScatterTarget target(job.grad_value, plan.value_elements, f.value_type, f.rows * f.heads * f.head_dim,
                       f.heads * f.head_dim);
  target.inner = f.heads;
  target.inner_stride = f.head_dim;
  for (int64_t first = 0; first < plan.scatter_maps; first += plan.scatter.maps) {
    ScatterShape shape = plan.scatter;
    if (shape.maps > plan.scatter_maps - first) {
      shape.maps = plan.scatter_maps - first;
      shape.samples = plan.scatter.samples / plan.scatter.maps * shape.maps;
    }
    const SampleScatter scatter(shape, plan.scatter_workspace);
    const int64_t items = shape.maps * f.queries;
    if (items > 0) {
      const Placing placing = {a, shape.levels, scatter.samples(), first, shape.maps};
      BEVEL_ENQUEUE(deform_attn_place_samples_kernel, blocks_for(items * kWarpLanes, kMostBlocks), 0, stream,
                    placing);
    }
    target.first_map = first;
    scatter.enqueue(source, target, stream);
  }
}

}  // namespace

int64_t cuda::deform_attn_backward_workspace(const DeformAttnBackwardJob& job) {
  return Plan(job, nullptr).bytes;
}

void cuda::deform_attn_backward(const DeformAttnBackwardJob& job, cudaStream_t stream) {
  const DeformAttnJob& f = job.forward;
  const Plan plan(job, job.workspace);
  Backward g = {};
  g.a = attention_of(f);
  g.grad_out = ConstMap(job.grad_out, plan.out_rows * f.head_dim, f.out_type, "grad_out");
  const int length = g.a.vector < 4 ? g.a.vector : 4;
  g.grad_out_whole = aligned_to(job.grad_out, length * element_size(f.out_type));
  g.wants_locations = job.grad_locations != nullptr;
  g.wants_weights = job.grad_weights != nullptr;
  g.wants_references = job.grad_reference != nullptr;
  g.wants_products = g.wants_locations || g.wants_weights || g.wants_references;
  g.wants_value = plan.atomic;
  const AttentionStrides& own = job.grad_locations ? job.grad_location_strides : job.grad_weight_strides;
  g.maps_share = own.map == 0;
  g.grad_location_strides = job.grad_location_strides;
  g.grad_weight_strides = job.grad_weight_strides;
  if (job.grad_locations) {
    g.grad_locations = DeviceSpan<float>(
        static_cast<float*>(job.grad_locations),
        strided_elements(f, job.grad_location_strides, f.heads, g.a.samples * 2), "grad_locations");
  }
  if (job.grad_weights) {
    g.grad_weights =
        DeviceSpan<float>(static_cast<float*>(job.grad_weights),
                          strided_elements(f, job.grad_weight_strides, f.heads, g.a.samples), "grad_weights");
  }
  g.rows = f.rows;
  g.value_sums = plan.value_sums;
  g.value_sums_whole = aligned_to(plan.sums, length * 4);
  g.reference_sums = plan.reference_sums;
  g.numbers = f.boxes ? 4 : 2;
  if (plan.atomic) clear(plan.sums, plan.value_elements * 4, stream);
  if (f.batch * f.queries > 0 && (g.wants_products || g.wants_value)) {
    const int64_t blocks = cut_tiles(g.a, 1);
    const int64_t shared = int64_t(kBlockWarps) * 3 * g.a.samples * 4;
    with_value_type(g.a, [&](auto tag, auto vector) {
      BEVEL_ENQUEUE((deform_attn_gradients_kernel<decltype(tag), decltype(vector)::value>), blocks, shared,
                    stream, g);
    });
  }
  const int64_t count = f.batch * f.maps * f.queries * f.references * g.numbers;
  if (g.wants_references && count > 0) {
    const DeviceSpan<float> to(static_cast<float*>(job.grad_reference), count, "grad_reference");
    BEVEL_ENQUEUE(deform_attn_sum_heads_kernel, blocks_for(count, 1 << 14), 0, stream, g, to, count);
  }
  if (plan.atomic && f.value_type != ElementType::kFloat32) {
    const Map to(job.grad_value, plan.value_elements, f.value_type, "grad_value");
    BEVEL_ENQUEUE(deform_attn_store_value_gradient_kernel, blocks_for(plan.value_elements, 1 << 14), 0,
                  stream, plan.value_sums, to, plan.value_elements);
  }
  if (plan.strict) enqueue_strict_value(job, g.a, plan, stream);
}

}  // namespace bevel
