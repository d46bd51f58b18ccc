// Backward of lift-splat by column runs: owner-computes, without atomics.
//
// lift_splat_columns_gradient_kernel: a block owns a few image columns of one camera and everything their
// gradients need. For a chunk of rows it gathers G[row] = ∂out[cell of row] once, adds Aᵀ·G to the context
// gradient in shared memory (a thread four h × four channels), multiplies G·Fᵀ (a thread four rows × four h,
// summed over channels) and hands each product to the points of its runs. When all rows are done it applies
// the softmax backward to its depth columns and writes both gradients, once. Bound by the gather of G, one
// row of C a plan row, and by shared memory; forward's traffic of depths and context comes on top.
#include "lift_splat/lift_splat_job.hpp"
#include "core/cuda_bodies.hpp"
#include "lift_splat/lift_splat_intervals_backward.cuh"
#include "lift_splat/lift_splat_load.cuh"

namespace bevel {
namespace {

constexpr int kDotRows = 4;  ///< rows a thread multiplies with the features at once

struct GradientShared {
  SharedSpan<float> features, weights, row_gradients, feature_gradients, depths, depth_gradients;

  __device__ GradientShared(const GradientLaunch& launch, SharedSpan<float> shared) {
    const TileShape& t = launch.tile;
    const int64_t feature_floats = tile_feature_floats(t), weight_floats = tile_weight_floats(t);
    features = shared;
    feature_gradients = features + feature_floats;
    weights = feature_gradients + feature_floats;
    row_gradients = weights + weight_floats;
    depths = row_gradients + static_cast<int64_t>(t.groups) * kGroupRows * t.feature_stride;
    depth_gradients = depths + tile_depth_floats(t);
  }
};

/// Brings the output gradients of a chunk's rows, as float32, and notes the range of each group. Returns
/// whether this thread saw only finite values.
__device__ bool gather_rows(const GradientLaunch& launch, const ChunkRows& chunk, int groups,
                            int first_channel, SharedSpan<float> row_gradients, SharedSpan<int32_t> ranges) {
  const TileShape& t = launch.tile;
  const int lane = threadIdx.x % kWarpLanes;
  bool all_finite = true;
  with_element_type(launch.grad_out.type, [&](auto tag) {
    using T = decltype(tag);
    for (int row = threadIdx.x / kWarpLanes; row < groups * kGroupRows; row += kBlockWarps) {
      const bool exists = chunk.span[row] != 0;
      const int64_t from = chunk.cell[row] * launch.grad_out_stride + first_channel;
      for (int c = lane * 4; c < t.channels; c += kWarpLanes * 4) {
        Float4 g = {};
        if (exists && first_channel + c < launch.sources.channels)
          g = load_channels<T>(launch, from, first_channel + c, c);
        for (int i = 0; i < 4; ++i) all_finite = all_finite && finite(g[i]);
        store_vector(row_gradients + (row * t.feature_stride + c), g);
      }
    }
  });
  if (static_cast<int>(threadIdx.x) < groups) {
    const GroupRange range(chunk, threadIdx.x);
    ranges[threadIdx.x] = range.begin << 8 | range.end;
  }
  return all_finite;
}

/// Adds a chunk's rows to the context gradient: for each column, Aᵀ·G. Weights are zero outside a row's
/// range; `exact`: there is a NaN or Inf in G, which must not reach beyond its row's range even so.
template <bool exact>
__device__ void add_feature_gradients(const GradientLaunch& launch, const GradientShared& shared,
                                      const TileRows& rows, const ChunkRows& chunk,
                                      SharedSpan<int32_t> ranges, int columns, int first, int count) {
  const TileShape& t = launch.tile;
  const int quads = t.channels / 4, heights = t.padded_height / 4;
  for (int item = threadIdx.x; item < columns * heights * quads; item += kBlockThreads) {
    const int channel = item % quads * 4;
    const int h = item / quads % heights * 4;
    const int w = item / (quads * heights);
    const int first_group = rows.first_group[w], end_group = rows.first_group[w + 1];
    const int begin = (first_group > first ? first_group : first) - first;
    const int end = (end_group < first + count ? end_group : first + count) - first;
    if (begin >= end) continue;
    const SharedSpan<float> at = shared.feature_gradients + (t.feature_at(w, h) + channel);
    Float4 sums[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) sums[i] = load_vector<4>(at + i * t.feature_stride);
    for (int group = begin; group < end; ++group) {
      const int range = ranges[group];
      if (range >> 8 >= h + 4 || (range & 255) <= h) continue;
#pragma unroll exact ? 1 : kGroupRows
      for (int r = 0; r < kGroupRows; ++r) {
        const int row = group * kGroupRows + r;
        const Float4 a = load_vector<4>(shared.weights + (group * t.group_stride + r * t.padded_height + h));
        const Float4 g = load_vector<4>(shared.row_gradients + (row * t.feature_stride + channel));
        const uint32_t span = exact ? static_cast<uint32_t>(int32_t(chunk.span[row])) : 0u;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          if (exact && (h + i < span_begin(span) || h + i >= span_end(span))) continue;
#pragma unroll
          for (int c = 0; c < 4; ++c) sums[i][c] = fmaf(a[i], g[c], sums[i][c]);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) store_vector(at + i * t.feature_stride, sums[i]);
  }
}

/// Replaces the weights of a chunk by <G[row], F[h]>. A thread's four h lie a quarter of the height apart, so
/// that neighbouring threads read neighbouring features, in other banks.
__device__ void multiply_features(const GradientLaunch& launch, const GradientShared& shared,
                                  const ChunkRows& chunk, int count) {
  const TileShape& t = launch.tile;
  const int quarter = t.padded_height / 4;
  for (int item = threadIdx.x; item < count * (kGroupRows / kDotRows) * quarter; item += kBlockThreads) {
    const int h = item % quarter;
    const int row = item / quarter * kDotRows;
    const int group = row / kGroupRows;
    const int w = chunk.column(group);
    const SharedSpan<float> f = shared.features + t.feature_at(w, h);
    const SharedSpan<float> g = shared.row_gradients + row * t.feature_stride;
    float sums[kDotRows][4] = {};
    for (int c = 0; c < t.channels; c += 4) {
      Float4 features[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) features[i] = load_vector<4>(f + (i * quarter * t.feature_stride + c));
#pragma unroll
      for (int r = 0; r < kDotRows; ++r) {
        const Float4 gradient = load_vector<4>(g + (r * t.feature_stride + c));
#pragma unroll
        for (int i = 0; i < 4; ++i) {
#pragma unroll
          for (int k = 0; k < 4; ++k) sums[r][i] = fmaf(gradient[k], features[i][k], sums[r][i]);
        }
      }
    }
#pragma unroll
    for (int r = 0; r < kDotRows; ++r) {
      const SharedSpan<float> out =
          shared.weights + (group * t.group_stride + (row % kGroupRows + r) * t.padded_height + h);
#pragma unroll
      for (int i = 0; i < 4; ++i) out[i * quarter] = sums[r][i];
    }
  }
}

/// Lanes that work on one row together, along h: no more than the height can use.
__device__ int lanes_a_row(const TileShape& shape) {
  int lanes = kWarpLanes;
  while (lanes > 4 && lanes / 2 >= shape.padded_height) lanes /= 2;
  return lanes;
}

/// Hands the products of a chunk to the points of its runs. Every point belongs to one run, so each place has
/// one writer.
__device__ void scatter_to_points(const GradientLaunch& launch, const GradientShared& shared,
                                  const TileColumns& at, const ChunkRows& chunk, int32_t first_run,
                                  int count) {
  const TileShape& t = launch.tile;
  const TileSources& s = launch.sources;
  const int lanes = lanes_a_row(t);
  const int lane = threadIdx.x % lanes;
  const int height = static_cast<int>(s.height);
  for (int local = threadIdx.x / lanes; local < count * kGroupRows; local += kBlockThreads / lanes) {
    const int w = chunk.span[local] >> 16;
    const SharedSpan<float> products =
        shared.weights + (local / kGroupRows * t.group_stride + local % kGroupRows * t.padded_height);
    const int32_t end = chunk.run_end[local];
    for (int32_t i = chunk.run_begin[local]; i < end; ++i) {
      const uint32_t run = chunk.run(launch.plan, first_run, i);
      const int d = run_depth(run);
      for (int h = span_begin(run) + lane; h < span_end(run); h += lanes) {
        const float product = products[h];
        if (t.depth_in_shared) {
          shared.depth_gradients[w * t.depth_stride + d * height + h] += product;
        } else {
          launch.grad_depth[launch.grad_depth_at(at, d * s.height + h) + at.first_w + w] += product;
        }
      }
    }
  }
}

/// Softmax backward and prior over the tile's depth gradients, in place; threads share pixels as in
/// softmax_tile().
__device__ void finish_depth_gradients(const GradientLaunch& launch, const TileColumns& at,
                                       const GradientShared& shared, SharedSpan<float> partial) {
  const TileSources& s = launch.sources;
  if (!launch.logits && !s.prior) return;
  const int height = static_cast<int>(s.height);
  const int pixels = at.columns * height;
  const int together = pixels < kBlockThreads ? pixels : kBlockThreads;
  const int parts = kBlockThreads / together;
  const int part = threadIdx.x / together, local = threadIdx.x % together;
  const int64_t plane = s.height * s.width;
  for (int first = 0; first < pixels; first += together) {
    const int pixel = first + local;
    const bool active = part < parts && pixel < pixels;
    const int h = pixel % height, w = pixel / height;
    const int column = w * launch.tile.depth_stride + h;
    const int64_t there = h * s.width + at.first_w + w;  // in an image
    // The tile holds what the context was weighted with; before the prior was mixed in, the probabilities lie
    // where they lay.
    const auto probability = [&](int64_t d) -> float {
      if (s.prior) return s.depth[at.image * s.depth_bins * plane + d * plane + there];
      return shared.depths[column + d * height];
    };
    const float share = active && s.prior ? 1.0f - float(s.prior_weight[at.image * plane + there]) : 1.0f;
    float mean = 0.0f;
    if (active && launch.logits) {
      for (int64_t d = part; d < s.depth_bins; d += parts) {
        mean = fmaf(probability(d), share * float(shared.depth_gradients[column + d * height]), mean);
      }
    }
    partial[threadIdx.x] = mean;
    __syncthreads();
    if (active) {
      mean = 0.0f;
      for (int other = 0; other < parts; ++other) mean += partial[other * together + local];
      for (int64_t d = part; d < s.depth_bins; d += parts) {
        const float gradient = share * float(shared.depth_gradients[column + d * height]);
        shared.depth_gradients[column + d * height] =
            launch.logits ? probability(d) * (gradient - mean) : gradient;
      }
    }
    __syncthreads();
  }
}

template <int N>
__device__ void store_depth_gradients(const GradientLaunch& launch, const TileColumns& at,
                                      SharedSpan<float> gradients) {
  const TileSources& s = launch.sources;
  const int64_t rows = s.depth_bins * s.height;
  for (int v = 0; v < at.columns / N; ++v) {
    for (int64_t row = threadIdx.x; row < rows; row += kBlockThreads) {
      DeviceVector<float, N> values;
#pragma unroll
      for (int i = 0; i < N; ++i) values[i] = gradients[(v * N + i) * launch.tile.depth_stride + row];
      store_vector(launch.grad_depth + (launch.grad_depth_at(at, row) + at.first_w + v * N), values);
    }
  }
}

/// Writes the context gradient of the tile: lanes over channels, as it was loaded.
__device__ void store_feature_gradients(const GradientLaunch& launch, const TileColumns& at,
                                        int first_channel, SharedSpan<float> gradients) {
  const TileShape& t = launch.tile;
  const TileSources& s = launch.sources;
  const int64_t left = s.channels - first_channel;
  const int channels = left < t.channels ? static_cast<int>(left) : t.channels;
  const int64_t base = launch.grad_context_base(at.batch, at.camera);
  with_element_type(launch.grad_context.type, [&](auto tag) {
    using T = decltype(tag);
    for (int line = threadIdx.x / kWarpLanes; line < static_cast<int>(s.height) * at.columns;
         line += kBlockWarps) {
      const int h = line / at.columns, w = line % at.columns;
      for (int c = threadIdx.x % kWarpLanes; c < channels; c += kWarpLanes) {
        DeviceVector<float, 1> value;
        value[0] = gradients[t.feature_at(w, h) + c];
        const int64_t pixel = h * s.width + at.first_w + w;
        const int64_t to = s.context_channels_last ? pixel * s.channels + first_channel + c
                                                   : (first_channel + c) * s.height * s.width + pixel;
        launch.grad_context.template store_as<T, 1>(base + to, value);
      }
    }
  });
}

__device__ void clear(SharedSpan<float> floats, int64_t count) {
  const int end = static_cast<int>(count);
  for (int i = threadIdx.x; i < end; i += kBlockThreads) floats[i] = 0.0f;
}

/// Zeros for the block's own depth gradients where they are summed up in device memory.
__device__ void clear_depth_gradients(const GradientLaunch& launch, const TileColumns& at) {
  const int64_t rows = launch.sources.depth_bins * launch.sources.height;
  for (int64_t i = threadIdx.x; i < rows * at.columns; i += kBlockThreads) {
    launch.grad_depth[launch.grad_depth_at(at, i / at.columns) + at.first_w + i % at.columns] = 0.0f;
  }
}

BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, 2)
    lift_splat_columns_gradient_kernel(GradientLaunch launch) {
  BEVEL_DYNAMIC_SHARED(float, dynamic);
  BEVEL_SHARED(float, partial, kBlockThreads);
  BEVEL_SHARED(int32_t, first_row, kMaxTileColumns + 1);
  BEVEL_SHARED(int32_t, first_group, kMaxTileColumns + 1);
  BEVEL_SHARED(int32_t, chunk_cell, kMaxChunkRows);
  BEVEL_SHARED(int32_t, chunk_slot, kMaxChunkRows);
  BEVEL_SHARED(int32_t, chunk_span, kMaxChunkRows);
  BEVEL_SHARED(int32_t, chunk_run_begin, kMaxChunkRows);
  BEVEL_SHARED(int32_t, chunk_run_end, kMaxChunkRows);
  BEVEL_SHARED(int32_t, chunk_runs, kMaxChunkRuns);
  BEVEL_SHARED(int32_t, ranges, kMaxGroups);
  // Where the caller did not say what the plan holds, it is looked at before anything is brought.
  if (launch.plan.expected_method == kNoMethod && launch.plan.method() == BEVEL_LIFT_SPLAT_INTERVALS) return;

  const TileShape& shape = launch.tile;
  const TileSources& s = launch.sources;
  const GradientShared shared(launch, dynamic);
  const TileColumns at(shape, s, blockIdx.x);
  const TileRows rows = {first_row, first_group};
  const ChunkRows chunk = {chunk_cell, chunk_slot, chunk_span, chunk_run_begin, chunk_run_end, chunk_runs};
  // The depths and the rows of the plan come at the same time.
  if (shape.depth_in_shared) start_depth(shape, s, at, shared.depths);
  if (launch.plan.method() == BEVEL_LIFT_SPLAT_COLUMNS) {
    rows.find(launch.plan, at, s.width);
  } else if (threadIdx.x <= kMaxTileColumns) {
    first_row[threadIdx.x] = 0;
    first_group[threadIdx.x] = 0;
  }
  __syncthreads();
  const int groups = first_group[at.columns];
  const int first_count = groups < shape.groups ? groups : shape.groups;
  int32_t first_run = groups > 0 ? chunk.stage(launch.plan, rows, 0, first_count) : 0;
  const TileWeights from(shape, s, at, shared.depths);
  if (launch.wants_depth) {
    if (shape.depth_in_shared) {
      clear(shared.depth_gradients, tile_depth_floats(shape));
    } else {
      clear_depth_gradients(launch, at);
    }
  }

  for (int tile = 0; tile < shape.channel_tiles; ++tile) {
    const int first_channel = tile * shape.channels;
    start_features<2>(shape, s, at, first_channel, shared.features);
    if (launch.wants_context) clear(shared.feature_gradients, tile_feature_floats(shape));
    await_copies();
    __syncthreads();
    if (tile == 0) weigh_depths(shape, s, at, false, shared.depths, partial);
    for (int first = 0; first < groups; first += shape.groups) {
      const int count = groups - first < shape.groups ? groups - first : shape.groups;
      if (tile > 0 || first > 0) {
        first_run = chunk.stage(launch.plan, rows, first, count);
        __syncthreads();
      }
      build_weights(shape, launch.plan, from, first_run, count, shared.weights, chunk);
      __syncthreads();
      const bool all_finite =
          !__syncthreads_or(!gather_rows(launch, chunk, count, first_channel, shared.row_gradients, ranges));
      if (launch.wants_context) {
        if (all_finite) {
          add_feature_gradients<false>(launch, shared, rows, chunk, ranges, at.columns, first, count);
        } else {
          add_feature_gradients<true>(launch, shared, rows, chunk, ranges, at.columns, first, count);
        }
        __syncthreads();
      }
      if (launch.wants_depth) {
        multiply_features(launch, shared, chunk, count);
        __syncthreads();
        scatter_to_points(launch, shared, at, chunk, first_run, count);
      }
      __syncthreads();
    }
    __syncthreads();
    if (launch.wants_context) {
      store_feature_gradients(launch, at, first_channel, shared.feature_gradients);
      __syncthreads();
    }
  }

  if (!launch.wants_depth || !shape.depth_in_shared) return;
  finish_depth_gradients(launch, at, shared, partial);
  if (launch.grad_vector == 4) {
    store_depth_gradients<4>(launch, at, shared.depth_gradients);
  } else if (launch.grad_vector == 2) {
    store_depth_gradients<2>(launch, at, shared.depth_gradients);
  } else {
    store_depth_gradients<1>(launch, at, shared.depth_gradients);
  }
}

/// The same whichever gradients are wanted: how sums are cut, and with it their bits, must not depend on
/// that.
constexpr TileNeeds kBackwardNeeds = {2, 2, true};

/// Parts of the workspace, in the order in which they are cut.
struct BackwardWorkspace {
  DeviceSpan<float> weights;
  char* grad_out;
  int64_t grad_out_stride;
  int64_t bytes;
  bool columns, intervals;  ///< methods that the plan may have
  bool makes_weights, copies_grad_out;

  BackwardWorkspace(const LiftSplatBackwardJob& job, char* base) {
    const LiftSplatShape& s = job.shape;
    columns = !s.method_known || !s.intervals;
    intervals = !s.method_known || s.intervals;
    makes_weights = job.prior && (intervals || !depths_fit(s, kBackwardNeeds));
    copies_grad_out = !s.out_channels_last;
    grad_out_stride = s.out_channels_last ? s.channels : (s.channels + 3) / 4 * 4;
    WorkspaceCutter cutter(base);
    weights = cutter.take<float>(makes_weights ? s.batch * s.cameras * s.depth_bins * s.height * s.width : 0,
                                 "weights");
    grad_out =
        cutter.take_bytes(copies_grad_out ? s.layout.cells * grad_out_stride * element_size(s.out_type) : 0);
    bytes = cutter.bytes();
  }
};

/// Sources whose depths are the probabilities: compact, and no softmax to do.
TileSources backward_sources(const LiftSplatBackwardJob& job) {
  LiftSplatShape s = job.shape;
  s.depth_strides[1] = s.depth_bins * s.height * s.width;
  s.depth_strides[0] = s.cameras * s.depth_strides[1];
  s.logits = false;
  return tile_sources(s, job.probabilities, job.context, job.prior, job.prior_weight, nullptr);
}

GradientLaunch make_launch(const LiftSplatBackwardJob& job, const TileSources& sources, const TileShape& tile,
                           const BackwardWorkspace& workspace) {
  const LiftSplatShape& s = job.shape;
  const int64_t images = s.batch * s.cameras;
  GradientLaunch launch;
  launch.plan = PlanView::of(s, job.plan, INT64_MAX);  // backward has no scratch rows
  launch.sources = sources;
  if (workspace.makes_weights) {
    launch.sources.weights = workspace.weights;
  } else {
    launch.sources.weights = sources.depth;
  }
  launch.tile = tile;
  const void* grad_out = workspace.copies_grad_out ? workspace.grad_out : job.grad_out;
  launch.grad_out = ConstMap(grad_out, s.layout.cells * workspace.grad_out_stride, s.out_type, "grad_out");
  launch.grad_out_stride = workspace.grad_out_stride;
  launch.grad_out_whole = vector_length(grad_out, s.out_type, {workspace.grad_out_stride}) == 4;
  launch.logits = s.logits;
  launch.wants_depth = job.grad_depth != nullptr;
  launch.wants_context = job.grad_context != nullptr;
  for (int i = 0; i < 2; ++i) {
    launch.grad_depth_strides[i] = s.depth_strides[i];
    launch.grad_context_strides[i] = job.grad_context_strides[i];
  }
  const auto extent = [&](const int64_t* strides, int64_t image) {
    return images == 0 ? 0 : (s.batch - 1) * strides[0] + (s.cameras - 1) * strides[1] + image;
  };
  launch.grad_depth =
      DeviceSpan<float>(static_cast<float*>(job.grad_depth),
                        extent(s.depth_strides, s.depth_bins * s.height * s.width), "grad_depth");
  launch.grad_context =
      Map(job.grad_context, extent(job.grad_context_strides, s.channels * s.height * s.width), s.context_type,
          "grad_context");
  launch.grad_vector =
      vector_length(job.grad_depth, ElementType::kFloat32, {s.width, s.depth_strides[0], s.depth_strides[1]});
  if (launch.grad_vector > tile.columns) launch.grad_vector = tile.columns;
  return launch;
}

}  // namespace

int64_t cuda::lift_splat_backward_workspace(const LiftSplatBackwardJob& job) {
  return BackwardWorkspace(job, nullptr).bytes;
}

void cuda::lift_splat_backward(const LiftSplatBackwardJob& job, cudaStream_t stream) {
  const LiftSplatShape& s = job.shape;
  const int64_t images = s.batch * s.cameras;
  if (images * s.height * s.width == 0 || (!job.grad_depth && !job.grad_context)) return;
  const TileSources sources = backward_sources(job);
  const TileShape tile = choose_tile(s, sources, kBackwardNeeds);
  const BackwardWorkspace workspace(job, job.workspace);
  const GradientLaunch launch = make_launch(job, sources, tile, workspace);

  if (workspace.copies_grad_out) {
    Transposition copy;
    copy.planes = s.batch * s.grid_z;
    copy.inner_planes = 1;
    copy.channels = s.channels;
    copy.pixels = s.grid_rows * s.grid_columns;
    copy.from = ConstMap(job.grad_out, s.layout.cells * s.channels, s.out_type, "grad_out");
    copy.to = Map(workspace.grad_out, s.layout.cells * workspace.grad_out_stride, s.out_type,
                  "grad_out, channels last");
    copy.outer_stride = s.channels * copy.pixels;
    copy.inner_stride = 0;
    copy.to_stride = workspace.grad_out_stride;
    copy.from_channels_last = false;
    enqueue_channels_last(copy, launch.plan, For::kEvery, stream);
  }
  if (workspace.makes_weights) {
    enqueue_weights(sources, launch.plan, images, tile.depth_in_shared ? For::kIntervals : For::kEvery,
                    workspace.weights, stream);
  }
  if (workspace.columns) {
    allow_shared(lift_splat_columns_gradient_kernel, tile.most_shared_bytes);
    BEVEL_ENQUEUE(lift_splat_columns_gradient_kernel, images * tile.tiles_a_row,
                  static_cast<size_t>(tile.shared_bytes), stream, launch);
  }
  if (workspace.intervals) enqueue_intervals_backward(launch, images, stream);
  const bool needs_softmax = job.grad_depth && (s.logits || job.prior);
  if (needs_softmax && (workspace.intervals || !tile.depth_in_shared)) {
    SoftmaxGradient gradient;
    gradient.probabilities = sources.depth;
    gradient.prior_weight = sources.prior_weight;
    gradient.grad = launch.grad_depth;
    gradient.images = images;
    gradient.cameras = s.cameras;
    gradient.depth_bins = s.depth_bins;
    gradient.pixels = s.height * s.width;
    gradient.strides[0] = s.depth_strides[0];
    gradient.strides[1] = s.depth_strides[1];
    gradient.logits = s.logits;
    enqueue_softmax_gradient(gradient, launch.plan, tile.depth_in_shared ? For::kIntervals : For::kEvery,
                             stream);
  }
}

}  // namespace bevel
