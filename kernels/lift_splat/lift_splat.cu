// Forward of lift-splat by column runs.
//
// lift_splat_columns_kernel: a block takes a few neighbouring image columns of one camera, brings their
// depths and context to shared memory, does the softmax there, and multiplies: rows of the plan × channels, a
// thread eight rows and four channels in registers, over the rows h that its eight rows cover (K ≤ H). A cell
// with one row is final and stored at once; rows of shared cells go to float32 scratch slots. Further blocks
// write the zeros of empty cells meanwhile. At the field's sizes (H = 16 or 32) it is bound by the traffic of
// inputs and output, not by the 2·rows·H·C operations; every output byte is written once.
// lift_splat_merge_cells_kernel adds up the slots of shared cells in plan order. For channels-first output
// lift_splat_merge_planes_kernel does that on tiles of 32 cells which it transposes in shared memory on the
// way out.
#include "bev_pool/bev_pool_intervals.cuh"
#include "lift_splat/lift_splat_job.hpp"
#include "core/cuda_bodies.hpp"
#include "lift_splat/lift_splat_load.cuh"
#include "lift_splat/lift_splat_passes.cuh"

namespace bevel {
namespace {

struct ForwardLaunch {
  PlanView plan;
  TileSources sources;
  TileShape tile;
  int64_t column_blocks;  ///< tiles of columns; blocks beyond write zeros
  int64_t cells;          ///< over the whole batch
  int64_t channels, scratch_stride;
  DeviceSpan<float> scratch;  ///< [shared rows][scratch_stride]
  Map direct;  ///< channels-last: the output, or a map in the workspace for channels-first output
  int64_t direct_stride;
  bool direct_whole;  ///< four channels of it are one access
  Map out;
  int64_t planes, plane_cells;
};

constexpr int kZeroCells = kBlockThreads;  ///< cells that a block looks through for empty ones

/// Zeros for the empty cells among 32 neighbours, 32 lanes side by side.
template <typename T, int N>
__device__ void zero_cells(const ForwardLaunch& launch, int64_t first_cell, uint32_t empty) {
  DeviceVector<float, N> zeros;
  for (int i = 0; i < N; ++i) zeros[i] = 0.0f;
  const int pieces = static_cast<int>(launch.channels / N);
  for (Stepper piece(threadIdx.x % kWarpLanes, kWarpLanes, pieces); piece.major < kWarpLanes; piece.next()) {
    if (empty >> piece.major & 1u) {
      launch.direct.template store_as<T, N>(
          (first_cell + piece.major) * launch.direct_stride + piece.minor * N, zeros);
    }
  }
}

__device__ void zero_empty_cells(const ForwardLaunch& launch, int64_t block, bool pools) {
  const int64_t first = block * kZeroCells + threadIdx.x / kWarpLanes * kWarpLanes;
  const int64_t cell = first + threadIdx.x % kWarpLanes;
  const bool is_empty = cell < launch.cells && !(pools && launch.plan.filled(cell));
  const uint32_t empty = __ballot_sync(kAllLanes, is_empty);
  with_element_type(launch.direct.type, [&](auto tag) {
    if (launch.direct_whole) {
      zero_cells<decltype(tag), 4>(launch, first, empty);
    } else {
      zero_cells<decltype(tag), 1>(launch, first, empty);
    }
  });
}

/// Eight rows × four channels.
struct RowTile {
  float sums[kGroupRows][4];

  __device__ RowTile() {
#pragma unroll
    for (int r = 0; r < kGroupRows; ++r) {
#pragma unroll
      for (int c = 0; c < 4; ++c) sums[r][c] = 0.0f;
    }
  }

  /// Weights are zero outside a row's range, and zero times a finite feature adds nothing.
  __device__ void multiply(SharedSpan<float> weights, int weight_stride, SharedSpan<float> features,
                           int feature_stride, const GroupRange& range) {
    for (int h = range.begin; h < range.end; h += 4) {
      Float4 f[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) f[i] = load_vector<4>(features + (h + i) * feature_stride);
#pragma unroll
      for (int r = 0; r < kGroupRows; ++r) {
        const Float4 a = load_vector<4>(weights + (r * weight_stride + h));
#pragma unroll
        for (int i = 0; i < 4; ++i) {
#pragma unroll
          for (int c = 0; c < 4; ++c) sums[r][c] = fmaf(a[i], f[i][c], sums[r][c]);
        }
      }
    }
  }

  /// Whether every sum is: then no feature of the range was NaN or Inf, which no later addend takes away.
  __device__ bool finite() const {
    float sum = 0.0f;
#pragma unroll
    for (int r = 0; r < kGroupRows; ++r) {
#pragma unroll
      for (int c = 0; c < 4; ++c) sum = fmaf(sums[r][c], 0.0f, sum);
    }
    return bevel::finite(sum);
  }

  /// With a NaN or Inf among the features, each row takes its own range and nothing else.
  __device__ void multiply_exactly(SharedSpan<float> weights, int weight_stride, SharedSpan<float> features,
                                   int feature_stride, SharedSpan<int32_t> spans) {
#pragma unroll
    for (int r = 0; r < kGroupRows; ++r) {
      const uint32_t span = static_cast<uint32_t>(int32_t(spans[r]));
#pragma unroll
      for (int c = 0; c < 4; ++c) sums[r][c] = 0.0f;
#pragma unroll 1
      for (int h = span_begin(span); h < span_end(span); ++h) {
        const float a = weights[r * weight_stride + h];
        const Float4 f = load_vector<4>(features + h * feature_stride);
#pragma unroll
        for (int c = 0; c < 4; ++c) sums[r][c] = fmaf(a, f[c], sums[r][c]);
      }
    }
  }

  __device__ void store(const ForwardLaunch& launch, const ChunkRows& chunk, int first,
                        int64_t channel) const {
    const int64_t left = launch.channels - channel;
    const int count = left < 4 ? static_cast<int>(left) : 4;
#pragma unroll
    for (int r = 0; r < kGroupRows; ++r) {
      if (chunk.span[first + r] == 0) continue;
      Float4 values;
#pragma unroll
      for (int c = 0; c < 4; ++c) values[c] = sums[r][c];
      const int64_t slot = chunk.slot[first + r];
      if (slot >= 0) {
        store_vector(launch.scratch + (slot * launch.scratch_stride + channel), values);
      } else {
        const int64_t cell = chunk.cell[first + r];
        launch.direct.store_some(cell * launch.direct_stride + channel, values, count, launch.direct_whole);
      }
    }
  }
};

BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, 2) lift_splat_columns_kernel(ForwardLaunch launch) {
  BEVEL_DYNAMIC_SHARED(float, shared);
  BEVEL_SHARED(float, partial, kBlockThreads);
  BEVEL_SHARED(int32_t, first_row, kMaxTileColumns + 1);
  BEVEL_SHARED(int32_t, first_group, kMaxTileColumns + 1);
  BEVEL_SHARED(int32_t, chunk_cell, kMaxChunkRows);
  BEVEL_SHARED(int32_t, chunk_slot, kMaxChunkRows);
  BEVEL_SHARED(int32_t, chunk_span, kMaxChunkRows);
  BEVEL_SHARED(int32_t, chunk_run_begin, kMaxChunkRows);
  BEVEL_SHARED(int32_t, chunk_run_end, kMaxChunkRows);
  BEVEL_SHARED(int32_t, chunk_runs, kMaxChunkRuns);
  if (blockIdx.x >= launch.column_blocks) {
    const int32_t method = launch.plan.method();
    if (blockIdx.y == 0 && method != BEVEL_LIFT_SPLAT_INTERVALS)
      zero_empty_cells(launch, blockIdx.x - launch.column_blocks, method != kNoMethod);
    return;
  }
  // Where the caller did not say what the plan holds, it is looked at before anything is brought.
  if (launch.plan.expected_method == kNoMethod && launch.plan.method() != BEVEL_LIFT_SPLAT_COLUMNS) return;

  const TileShape& shape = launch.tile;
  const SharedSpan<float> features = subarray(shared + 0, tile_feature_floats(shape), "features");
  const SharedSpan<float> weights =
      subarray(shared + tile_feature_floats(shape), tile_weight_floats(shape), "weights");
  const SharedSpan<float> depths = subarray(shared + (tile_feature_floats(shape) + tile_weight_floats(shape)),
                                            tile_depth_floats(shape), "depths");
  const TileColumns at(shape, launch.sources, blockIdx.x);
  const int first_channel = blockIdx.y * shape.channels;
  const TileRows rows = {first_row, first_group};
  const ChunkRows chunk = {chunk_cell, chunk_slot, chunk_span, chunk_run_begin, chunk_run_end, chunk_runs};
  // The tile and the rows of the plan come at the same time.
  if (shape.depth_in_shared) start_depth(shape, launch.sources, at, depths);
  start_features<8>(shape, launch.sources, at, first_channel, features);
  if (launch.plan.method() != BEVEL_LIFT_SPLAT_COLUMNS) {
    await_copies();
    return;
  }
  rows.find(launch.plan, at, launch.sources.width);
  __syncthreads();
  const int groups = first_group[at.columns];
  const int first_count = groups < shape.groups ? groups : shape.groups;
  int32_t first_run = groups > 0 ? chunk.stage(launch.plan, rows, 0, first_count) : 0;
  await_copies();
  __syncthreads();
  weigh_depths(shape, launch.sources, at, launch.sources.probabilities && blockIdx.y == 0, depths, partial);

  const TileWeights from(shape, launch.sources, at, depths);
  const int64_t channels_left = launch.channels - first_channel;
  const int quads =
      static_cast<int>(((channels_left < shape.channels ? channels_left : shape.channels) + 3) / 4);
  for (int first = 0; first < groups; first += shape.groups) {
    const int count = groups - first < shape.groups ? groups - first : shape.groups;
    if (first > 0) {
      first_run = chunk.stage(launch.plan, rows, first, count);
      __syncthreads();
    }
    build_weights(shape, launch.plan, from, first_run, count, weights, chunk);
    __syncthreads();
    for (int item = threadIdx.x; item < count * quads; item += kBlockThreads) {
      const int group = item / quads;
      const int channel = (item - group * quads) * 4;
      const int w = chunk.column(group);
      const SharedSpan<float> f = features + (shape.feature_at(w, 0) + channel);
      const SharedSpan<float> a = weights + group * shape.group_stride;
      RowTile tile;
      tile.multiply(a, shape.padded_height, f, shape.feature_stride, GroupRange(chunk, group));
      if (!tile.finite())
        tile.multiply_exactly(a, shape.padded_height, f, shape.feature_stride,
                              chunk.span + group * kGroupRows);
      tile.store(launch, chunk, group * kGroupRows, first_channel + channel);
    }
    __syncthreads();
  }
}

constexpr int kMergeCells = 8;  ///< cells a warp looks at

/// Adds up a cell's slots from `begin` to `end`, four channels.
__device__ Float4 sum_slots(const ForwardLaunch& launch, int32_t begin, int32_t end, int64_t channel) {
  Float4 sum = load_vector<4>(launch.scratch + (begin * launch.scratch_stride + channel));
#pragma unroll 4
  for (int32_t slot = begin + 1; slot < end; ++slot) {
    const Float4 more = load_vector<4>(launch.scratch + (slot * launch.scratch_stride + channel));
#pragma unroll
    for (int c = 0; c < 4; ++c) sum[c] += more[c];
  }
  return sum;
}

/// A warp looks at eight cells and writes those that are shared, lanes over channels.
BEVEL_GLOBAL void lift_splat_merge_cells_kernel(ForwardLaunch launch) {
  if (launch.plan.method() != BEVEL_LIFT_SPLAT_COLUMNS) return;
  const int lane = threadIdx.x % kWarpLanes;
  const int64_t first =
      (blockIdx.x * static_cast<int64_t>(kBlockWarps) + threadIdx.x / kWarpLanes) * kMergeCells;
  if (first >= launch.cells) return;
  const int64_t cell = first + lane < launch.cells ? first + lane : launch.cells;
  const int32_t slot = lane <= kMergeCells ? launch.plan.first_slot(cell) : 0;
  for (int i = 0; i < kMergeCells && first + i < launch.cells; ++i) {
    const int32_t begin = __shfl_sync(kAllLanes, slot, i);
    const int32_t end = __shfl_sync(kAllLanes, slot, i + 1);
    if (begin == end) continue;
    for (int64_t channel = lane * 4; channel < launch.channels; channel += kWarpLanes * 4) {
      const int64_t left = launch.channels - channel;
      launch.direct.store_some((first + i) * launch.direct_stride + channel,
                               sum_slots(launch, begin, end, channel), left < 4 ? static_cast<int>(left) : 4,
                               launch.direct_whole);
    }
  }
}

constexpr int kPlaneCells = 32, kPlaneChannels = 128;

/// Value of a cell for channels-first output, gathered from wherever it lies.
__device__ Float4 cell_values(const ForwardLaunch& launch, int32_t method, int64_t cell, int64_t channel) {
  Float4 values = {};
  if (method == kNoMethod) return values;
  if (method == BEVEL_LIFT_SPLAT_COLUMNS) {
    if (!launch.plan.filled(cell)) return values;
    const int32_t begin = launch.plan.first_slot(cell), end = launch.plan.first_slot(cell + 1);
    if (begin < end) return sum_slots(launch, begin, end, channel);
  }
  with_element_type(launch.direct.type, [&](auto tag) {
    const ConstMap map = launch.direct.as_const();
    values = map.template load_floats<decltype(tag), 4>(cell * launch.direct_stride + channel);
  });
  return values;
}

/// A block writes 32 cells of a plane, all channels: gathered channel by channel, stored cell by cell.
BEVEL_GLOBAL void lift_splat_merge_planes_kernel(ForwardLaunch launch) {
  BEVEL_SHARED(float, tile, kPlaneChannels*(kPlaneCells + 1));
  const int32_t method = launch.plan.method();
  const int64_t tiles = (launch.plane_cells + kPlaneCells - 1) / kPlaneCells;
  const int64_t plane = blockIdx.x / tiles;
  const int64_t first = blockIdx.x % tiles * kPlaneCells;
  const int lane = threadIdx.x % kWarpLanes, warp = threadIdx.x / kWarpLanes;
  for (int64_t channel = 0; channel < launch.channels; channel += kPlaneChannels) {
    const int64_t left = launch.channels - channel;
    const int channels = left < kPlaneChannels ? static_cast<int>(left) : kPlaneChannels;
    for (int i = warp; i < kPlaneCells && first + i < launch.plane_cells; i += kBlockWarps) {
      const int c = lane * 4;
      if (c < channels) {
        const Float4 values =
            cell_values(launch, method, plane * launch.plane_cells + first + i, channel + c);
        for (int k = 0; k < 4; ++k) tile[(c + k) * (kPlaneCells + 1) + i] = values[k];
      }
    }
    __syncthreads();
    if (first + lane < launch.plane_cells) {
      with_element_type(launch.out.type, [&](auto tag) {
        using T = decltype(tag);
        for (int c = warp; c < channels; c += kBlockWarps) {
          DeviceVector<float, 1> value;
          value[0] = tile[c * (kPlaneCells + 1) + lane];
          const int64_t line = plane * launch.channels + channel + c;
          launch.out.template store_as<T, 1>(line * launch.plane_cells + first + lane, value);
        }
      });
    }
    __syncthreads();
  }
}

constexpr TileNeeds kForwardNeeds = {1, 1, false};

/// Parts of the workspace, in the order in which they are cut.
struct ForwardWorkspace {
  DeviceSpan<float> scratch, weights;
  char* direct;
  char* features;
  int64_t direct_stride;
  int64_t bytes;
  bool columns, intervals;  ///< methods that the plan may have
  bool copies_features, makes_weights;

  ForwardWorkspace(const LiftSplatForwardJob& job, char* base) {
    const LiftSplatShape& s = job.shape;
    columns = !s.method_known || !s.intervals;
    intervals = !s.method_known || s.intervals;
    const int64_t images = s.batch * s.cameras;
    const int64_t pixels = s.height * s.width;
    const int64_t padded = (s.channels + 3) / 4 * 4;
    const bool compact_depth = (s.batch <= 1 || s.depth_strides[0] == s.cameras * s.depth_strides[1]) &&
                               (images <= 1 || s.depth_strides[1] == s.depth_bins * pixels);
    const bool compact_context = (s.batch <= 1 || s.context_strides[0] == s.cameras * s.context_strides[1]) &&
                                 (images <= 1 || s.context_strides[1] == s.channels * pixels);
    const bool reads_weights = intervals || !depths_fit(s, kForwardNeeds);
    makes_weights = reads_weights && (s.logits || job.prior || !compact_depth);
    copies_features = intervals && !(s.context_channels_last && compact_context);
    direct_stride = s.out_channels_last ? s.channels : padded;

    WorkspaceCutter cutter(base);
    scratch = cutter.take<float>(columns ? shared_rows(s) * padded : 0, "scratch rows");
    weights = cutter.take<float>(makes_weights ? images * s.depth_bins * pixels : 0, "weights");
    const int64_t direct_bytes = s.out_channels_last ? 0 : s.layout.cells * padded * element_size(s.out_type);
    direct = cutter.take_bytes(direct_bytes);
    features =
        cutter.take_bytes(copies_features ? images * pixels * s.channels * element_size(s.context_type) : 0);
    bytes = cutter.bytes();
  }
};

}  // namespace

int64_t cuda::lift_splat_forward_workspace(const LiftSplatForwardJob& job) {
  return ForwardWorkspace(job, nullptr).bytes;
}

namespace {

void pool_intervals(const ForwardLaunch& launch, const LiftSplatForwardJob& job,
                    const ForwardWorkspace& workspace, cudaStream_t stream) {
  const LiftSplatShape& s = job.shape;
  const int64_t images = s.batch * s.cameras, pixels = s.height * s.width;
  ConstMap features = launch.sources.context;
  if (workspace.copies_features) {
    Transposition copy;
    copy.from = features;
    copy.to = Map(workspace.features, images * pixels * s.channels, s.context_type, "features");
    copy.planes = images;
    copy.inner_planes = s.cameras;
    copy.channels = s.channels;
    copy.pixels = pixels;
    copy.outer_stride = s.context_strides[0];
    copy.inner_stride = s.context_strides[1];
    copy.to_stride = s.channels;
    copy.from_channels_last = s.context_channels_last;
    enqueue_channels_last(copy, launch.plan, For::kIntervals, stream);
    features = ConstMap(workspace.features, images * pixels * s.channels, s.context_type, "features");
  }
  const int64_t direct_elements = launch.cells * launch.direct_stride;
  enqueue_zeros(s.out_channels_last ? job.out : workspace.direct, direct_elements * element_size(s.out_type),
                launch.plan, For::kAllButColumns, stream);
  const LiftSplatPlanLayout& at = s.layout;
  const int64_t capacity = at.ranks_feature - at.ranks_depth;
  const int64_t most_intervals = at.interval_lengths - at.interval_starts;
  const auto section = [&](int64_t begin, int64_t elements, const char* name) {
    return DeviceSpan<const int32_t>(job.plan + begin, elements, name);
  };
  IntervalPool pool;
  pool.has_plan = true;
  pool.plan = launch.plan;
  pool.points = capacity;
  pool.intervals = most_intervals;
  pool.depth_elements = images * s.depth_bins * pixels;
  pool.feature_rows = images * pixels;
  pool.cells = launch.cells;
  pool.channels = s.channels;
  pool.depth = launch.sources.weights;
  pool.feature = features;
  pool.out = launch.direct;
  pool.out_stride = launch.direct_stride;
  pool.feature_whole =
      s.channels % 4 == 0 && aligned_to(workspace.copies_features ? workspace.features : job.context,
                                        4 * element_size(s.context_type));
  pool.out_whole = launch.direct_whole;
  pool.ranks_depth = section(at.ranks_depth, capacity, "ranks_depth");
  pool.ranks_feature = section(at.ranks_feature, capacity, "ranks_feature");
  pool.ranks_bev = section(at.ranks_bev, capacity, "ranks_bev");
  pool.interval_starts = section(at.interval_starts, most_intervals, "interval_starts");
  pool.interval_lengths = section(at.interval_lengths, most_intervals, "interval_lengths");
  enqueue_interval_pool(pool, stream);
}

}  // namespace

void cuda::lift_splat_forward(const LiftSplatForwardJob& job, cudaStream_t stream) {
  const LiftSplatShape& s = job.shape;
  const int64_t images = s.batch * s.cameras;
  const int64_t points = images * s.depth_bins * s.height * s.width;
  if (s.layout.cells == 0 || s.channels == 0) return;
  ForwardLaunch launch;
  launch.sources = tile_sources(s, job.depth, job.context, job.prior, job.prior_weight, job.probabilities);
  launch.tile = choose_tile(s, launch.sources, kForwardNeeds);
  const ForwardWorkspace workspace(job, job.workspace);
  launch.plan = PlanView::of(s, job.plan, workspace.columns ? shared_rows(s) : 0);
  launch.cells = s.layout.cells;
  launch.channels = s.channels;
  launch.scratch = workspace.scratch;
  launch.scratch_stride = (s.channels + 3) / 4 * 4;
  launch.direct_stride = workspace.direct_stride;
  void* const direct = s.out_channels_last ? job.out : workspace.direct;
  launch.direct = Map(direct, launch.cells * launch.direct_stride, s.out_type,
                      s.out_channels_last ? "out" : "map of single rows");
  launch.direct_whole = launch.direct_stride % 4 == 0 && aligned_to(direct, 4 * element_size(s.out_type));
  launch.out = Map(job.out, launch.cells * s.channels, s.out_type, "out");
  launch.planes = s.batch * s.grid_z;
  launch.plane_cells = s.grid_rows * s.grid_columns;
  launch.sources.weights = DeviceSpan<const float>(static_cast<const float*>(job.depth), points, "depth");
  if (workspace.makes_weights) launch.sources.weights = workspace.weights;

  if (workspace.makes_weights && points > 0) {
    enqueue_weights(launch.sources, launch.plan, images,
                    launch.tile.depth_in_shared ? For::kIntervals : For::kEvery, workspace.weights, stream);
  }
  if (workspace.columns) {
    launch.column_blocks = images * launch.tile.tiles_a_row;
    const int64_t zero_blocks = s.out_channels_last ? (launch.cells + kZeroCells - 1) / kZeroCells : 0;
    const int64_t blocks = launch.column_blocks + zero_blocks;
    if (blocks > 0) {
      allow_shared(lift_splat_columns_kernel, launch.tile.most_shared_bytes);
      BEVEL_ENQUEUE(lift_splat_columns_kernel, grid_of(blocks, launch.tile.channel_tiles),
                    static_cast<size_t>(launch.tile.shared_bytes), stream, launch);
    }
  }
  if (workspace.intervals) pool_intervals(launch, job, workspace, stream);
  if (!s.out_channels_last) {
    const int64_t tiles = (launch.plane_cells + kPlaneCells - 1) / kPlaneCells;
    BEVEL_ENQUEUE(lift_splat_merge_planes_kernel, launch.planes * tiles, 0, stream, launch);
  } else if (workspace.columns) {
    constexpr int64_t kBlockCells = kBlockWarps * kMergeCells;
    BEVEL_ENQUEUE(lift_splat_merge_cells_kernel, (launch.cells + kBlockCells - 1) / kBlockCells, 0, stream,
                  launch);
  }
}

}  // namespace bevel
