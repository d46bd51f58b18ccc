// See sample_scatter.cuh.
//
// Division of work: a group of lanes, 16 bytes of a source row each, owns a value row; the groups of a block
// own a tile of neighbouring rows, so that the four owners who need a source row find it in L1. A group's
// lanes read the records of as many samples at once, then pass them round. A cell may hold any number of
// samples: aligned windows of the sorted order that lie wholly within one cell are summed beforehand, a warp
// each, for all four corners, and owners take these sums. So a walk has some hundred steps at most, and one
// more for each window of a crowded cell. Bound: per sample about one source row from L2 and four from L1,
// and the sort (20 bytes a pass).
#include "core/sample_scatter.cuh"

namespace bevel {

bool ScatterLevels::overlap() const {
  for (int a = 0; a < count; ++a) {
    for (int b = 0; b < a; ++b) {
      if (start[a] < start[b] + pixels(b) && start[b] < start[a] + pixels(a)) return true;
    }
  }
  return false;
}

bool ScatterLevels::covers(int64_t rows) const {
  int64_t covered = 0;
  for (bool grown = true; grown && covered < rows;) {
    grown = false;
    for (int level = 0; level < count; ++level) {
      const int64_t end = start[level] + pixels(level);
      if (start[level] <= covered && end > covered) {
        covered = end;
        grown = true;
      }
    }
  }
  return covered >= rows;
}

namespace {

constexpr int kRowsAtOnce = 4;  // source rows that a lane has in flight

struct Scatter {
  ScatterLevels levels;
  int64_t channels, samples;
  ScatterSource source;
  ScatterTarget target;
  bool target_whole;  ///< a lane's channels of a value row are vectors
  bool overlap;
  int vector;                   ///< channels of a lane
  int group;                    ///< lanes of a row, a power of two
  int tile_width, tile_height;  ///< value rows of a block
  int64_t first_tile[ScatterLevels::kMost];
  int64_t tiles;  ///< of a map
  int window;     ///< samples of a window
  SortBuffers sort;
  DeviceSpan<const uint32_t> keys, sorted_keys, sorted_samples;
  DeviceSpan<const float> records;
  DeviceSpan<int32_t> cell_bounds;  ///< [maps · cells][2] begin and end among the sorted samples
  DeviceSpan<float> window_sums;    ///< [samples / window][4][channels]
};

__device__ int64_t global_thread() { return blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x; }
__device__ int64_t global_threads() { return gridDim.x * static_cast<int64_t>(kBlockThreads); }

BEVEL_GLOBAL void sample_scatter_count_samples_kernel(Scatter s) {
  int32_t kept = 0;
  for (int64_t i = global_thread(); i < s.samples; i += global_threads()) kept += s.keys[i] != kNoKey;
  kept = block_sum(kept);
  if (threadIdx.x == 0) atomicAdd(&s.sort.state[kSortCount], kept);
  if (global_thread() == 0) s.sort.state[kSortWanted] = 1;
}

BEVEL_GLOBAL void sample_scatter_find_cells_kernel(Scatter s) {
  const int64_t count = s.sort.state[kSortCount];
  for (int64_t i = global_thread(); i < count; i += global_threads()) {
    const uint32_t cell = s.sorted_keys[i];
    if (i == 0 || s.sorted_keys[i - 1] != cell) s.cell_bounds[int64_t(cell) * 2] = static_cast<int32_t>(i);
    if (i + 1 == count || s.sorted_keys[i + 1] != cell)
      s.cell_bounds[int64_t(cell) * 2 + 1] = static_cast<int32_t>(i + 1);
  }
}

/// What a lane knows of one sample, to be passed round.
struct Entry {
  BilinearPoint<float> point = {};
  float weight = 0.0f;
  int64_t source = 0;

  __device__ Entry() {}
  __device__ Entry(const Scatter& s, int64_t position) {
    const int64_t sample = s.sorted_samples[position];
    const Float4 record = load_vector<4>(s.records + sample * 4);
    point.right = record[0];
    point.lower = record[1];
    weight = record[2];
    source = s.source.offset(__float_as_uint(record[3]));
  }
};

/// N channels of a source row, as they are stored.
template <typename T, int N>
__device__ __forceinline__ DeviceVector<T, N> load_source(const Scatter& s, int64_t offset, int64_t channel) {
  if constexpr (N == 1) {
    return {T((pointer_cast<const T>(s.source.map.bytes))[offset + channel * s.source.channel_stride])};
  } else {
    return load_vector<N>(pointer_cast<const T>(s.source.map.bytes) + (offset + channel));
  }
}

template <typename T, int N>
__device__ __forceinline__ void add_weighed(float weight, const DeviceVector<T, N>& row, float (&sums)[N]) {
#pragma unroll
  for (int c = 0; c < N; ++c) sums[c] = fmaf(weight, to_float(row[c]), sums[c]);
}

template <int N>
constexpr int kFloatsOfVector = N < 4 ? N : 4;

template <int N>
__device__ __forceinline__ void store_sums(const DeviceSpan<float>& to, int64_t at, const float (&sums)[N]) {
  constexpr int M = kFloatsOfVector<N>;
#pragma unroll
  for (int c = 0; c < N; c += M) {
    DeviceVector<float, M> part;
#pragma unroll
    for (int i = 0; i < M; ++i) part[i] = sums[c + i];
    store_vector_whole(to + (at + c), part);
  }
}

template <int N>
__device__ __forceinline__ void add_sums(const DeviceSpan<float>& from, int64_t at, float (&sums)[N]) {
  constexpr int M = kFloatsOfVector<N>;
#pragma unroll
  for (int c = 0; c < N; c += M) {
    const DeviceVector<float, M> part = load_vector<M>(from + (at + c));
#pragma unroll
    for (int i = 0; i < M; ++i) sums[c + i] += part[i];
  }
}

/// One window of samples of one cell, by a warp: its groups of lanes take every n-th sample and meet by
/// shuffles.
template <typename T, int N>
__device__ void sum_window(const Scatter& s, int64_t window) {
  const int lane = threadIdx.x % kWarpLanes;
  const int groups = kWarpLanes / s.group, group = lane / s.group;
  for (int64_t from = 0; from < s.channels; from += s.group * N) {
    const int64_t channel = from + lane % s.group * N;
    float sums[4][N] = {};
    for (int base = 0; base < s.window; base += kWarpLanes) {
      const Entry own(s, window * s.window + base + lane);
      for (int j = 0; j < s.group; ++j) {
        const int from_lane = j * groups + group;
        Entry entry;
        entry.point.right = __shfl_sync(kAllLanes, own.point.right, from_lane);
        entry.point.lower = __shfl_sync(kAllLanes, own.point.lower, from_lane);
        entry.weight = __shfl_sync(kAllLanes, own.weight, from_lane);
        entry.source = __shfl_sync(kAllLanes, own.source, from_lane);
        if (channel >= s.channels) continue;
        const DeviceVector<T, N> row = load_source<T, N>(s, entry.source, channel);
#pragma unroll
        for (int corner = 0; corner < 4; ++corner)
          add_weighed(entry.weight * bilinear_weight(entry.point, corner), row, sums[corner]);
      }
    }
    for (int other = s.group; other < kWarpLanes; other *= 2) {
#pragma unroll
      for (int corner = 0; corner < 4; ++corner) {
#pragma unroll
        for (int c = 0; c < N; ++c) sums[corner][c] += __shfl_xor_sync(kAllLanes, sums[corner][c], other);
      }
    }
#pragma unroll
    for (int corner = 0; corner < 4; ++corner) {
      if (channel < s.channels && group == corner % groups)
        store_sums<N>(s.window_sums, (window * 4 + corner) * s.channels + channel, sums[corner]);
    }
  }
}

/// The samples around a value row, as one list: corner after corner, without those in windows of one cell.
struct Walk {
  int32_t begin[4], head[4], skipped[4];  ///< `skipped` samples follow the first `head` ones
  int32_t end[4];                         ///< of each corner's part in the list
  int window_shift;

  __device__ Walk(const Scatter& s, int64_t map, int level, int32_t column, int32_t row, bool wanted) {
    window_shift = 31 - __clz(s.window);
    int32_t entries = 0;
#pragma unroll
    for (int corner = 0; corner < 4; ++corner) {
      begin[corner] = head[corner] = skipped[corner] = 0;
      if (wanted) {
        const int64_t cell = s.levels.cell(map, level, column - (corner & 1), row - (corner >> 1));
        const DeviceVector<int32_t, 2> bounds = load_vector<2>(s.cell_bounds + cell * 2);
        begin[corner] = bounds[0];
        const int32_t first = (bounds[0] + s.window - 1) >> window_shift, last = bounds[1] >> window_shift;
        const int32_t count = bounds[1] - bounds[0];
        head[corner] = count;
        if (first < last) {
          skipped[corner] = (last - first) << window_shift;
          head[corner] = (first << window_shift) - bounds[0];
        }
        entries += count - skipped[corner];
      }
      end[corner] = entries;
    }
  }
  __device__ int32_t entries() const { return end[3]; }
  __device__ bool has_windows() const { return (skipped[0] | skipped[1] | skipped[2] | skipped[3]) != 0; }

  /// An entry of the list and the weight of this value row in it.
  __device__ Entry entry(const Scatter& s, int32_t index, float& weight) const {
    int corner = 0;
    int32_t within = index, from = begin[0], before = head[0], jump = skipped[0];
#pragma unroll
    for (int k = 1; k < 4; ++k) {
      if (index >= end[k - 1]) {
        corner = k;
        within = index - end[k - 1];
        from = begin[k];
        before = head[k];
        jump = skipped[k];
      }
    }
    const Entry found(s, int64_t(from) + within + (within >= before ? jump : 0));
    weight = found.weight * bilinear_weight(found.point, corner);
    return found;
  }
};

template <typename T, int N>
__device__ void add_walk(const Scatter& s, const Walk& walk, int64_t channel, float (&sums)[N]) {
  const int lane = threadIdx.x % s.group;
  const int32_t longest = __reduce_max_sync(kAllLanes, walk.entries());
  for (int32_t base = 0; base < longest; base += s.group) {
    float own_weight = 0.0f;
    int64_t own_source = 0;
    if (base + lane < walk.entries()) own_source = walk.entry(s, base + lane, own_weight).source;
    const int steps = longest - base < s.group ? longest - base : s.group;
    for (int first = 0; first < steps; first += kRowsAtOnce) {
      float weight[kRowsAtOnce];
      DeviceVector<T, N> rows[kRowsAtOnce];
#pragma unroll
      for (int i = 0; i < kRowsAtOnce; ++i) {
        const int64_t source = __shfl_sync(kAllLanes, own_source, first + i, s.group);
        weight[i] = __shfl_sync(kAllLanes, own_weight, first + i, s.group);
        rows[i] = {};
        if (first + i < s.group && base + first + i < walk.entries() && channel < s.channels) {
          rows[i] = load_source<T, N>(s, source, channel);
        } else {
          weight[i] = 0.0f;
        }
      }
#pragma unroll
      for (int i = 0; i < kRowsAtOnce; ++i) add_weighed(weight[i], rows[i], sums);
    }
  }
  if (!walk.has_windows() || channel >= s.channels) return;
#pragma unroll
  for (int corner = 0; corner < 4; ++corner) {
    const int64_t first = (walk.begin[corner] + walk.head[corner]) >> walk.window_shift;
    const int64_t last = first + (walk.skipped[corner] >> walk.window_shift);
    for (int64_t window = first; window < last; ++window)
      add_sums<N>(s.window_sums, (window * 4 + corner) * s.channels + channel, sums);
  }
}

template <typename T, int N>
__device__ void own_rows(const Scatter& s) {
  const ScatterLevels& levels = s.levels;
  const int64_t map = blockIdx.x / s.tiles, tile = blockIdx.x % s.tiles;
  int level = 0;
  while (level + 1 < levels.count && tile >= s.first_tile[level + 1]) ++level;
  const int32_t across = (levels.width[level] + s.tile_width - 1) / s.tile_width;
  const int32_t of_level = static_cast<int32_t>(tile - s.first_tile[level]);
  const int of_block = threadIdx.x / s.group;
  const int32_t column = of_level % across * s.tile_width + of_block % s.tile_width;
  const int32_t row = of_level / across * s.tile_height + of_block / s.tile_width;
  const int64_t value_row = levels.start[level] + row * int64_t(levels.width[level]) + column;
  bool owner = column < levels.width[level] && row < levels.height[level];
  // Where levels overlap, the first one's owner sums for all that have the row.
  const auto pixel_of = [&](int other) { return value_row - levels.start[other]; };
  const auto has_row = [&](int other) {
    return pixel_of(other) >= 0 && pixel_of(other) < levels.pixels(other);
  };
  for (int other = 0; s.overlap && other < level; ++other) owner = owner && !has_row(other);
  const int end = s.overlap ? levels.count : level + 1;
  for (int64_t from = 0; from < s.channels; from += s.group * N) {
    const int64_t channel = from + threadIdx.x % s.group * N;
    float sums[N] = {};
    for (int other = level; other < end; ++other) {
      const bool wanted = owner && has_row(other);
      const int32_t pixel = wanted ? static_cast<int32_t>(pixel_of(other)) : 0, width = levels.width[other];
      add_walk<T, N>(s, Walk(s, map, other, pixel % width, pixel / width, wanted), channel, sums);
    }
    if (owner && channel < s.channels) {
      const int64_t at = s.target.offset(map, value_row) + channel * s.target.channel_stride;
      store_row<N>(s.target.map, at, sums, s.target_whole, s.target.channel_stride);
    }
  }
}

template <typename T, int N>
BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, 2) sample_scatter_sum_windows_kernel(Scatter s) {
  const int64_t windows = s.sort.state[kSortCount] / s.window;
  for (int64_t w = global_thread() / kWarpLanes; w < windows; w += global_threads() / kWarpLanes) {
    const uint32_t first = s.sorted_keys[w * s.window], last = s.sorted_keys[(w + 1) * s.window - 1];
    if (first == last) sum_window<T, N>(s, w);
  }
}

template <typename T, int N>
BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, N == 8 ? 2 : 3) sample_scatter_own_rows_kernel(Scatter s) {
  own_rows<T, N>(s);
}

template <typename T, int N>
void enqueue_sums(const Scatter& s, int64_t maps, cudaStream_t stream) {
  constexpr int64_t kMostBlocks = 4096;
  const int64_t windows = s.samples / s.window;
  if (windows > 0) {
    BEVEL_ENQUEUE((sample_scatter_sum_windows_kernel<T, N>), blocks_for(windows * kWarpLanes, kMostBlocks), 0,
                  stream, s);
  }
  BEVEL_ENQUEUE((sample_scatter_own_rows_kernel<T, N>), s.tiles * maps, 0, stream, s);
}

template <typename T>
void enqueue_sums_of(const Scatter& s, int64_t maps, cudaStream_t stream) {
  constexpr int kWhole = 16 / static_cast<int>(sizeof(T));
  if (s.vector == kWhole) {
    enqueue_sums<T, kWhole>(s, maps, stream);
  } else if (s.vector == 2) {
    enqueue_sums<T, 2>(s, maps, stream);
  } else {
    enqueue_sums<T, 1>(s, maps, stream);
  }
}

constexpr int64_t kMostKeys = 0xfffffffe;          // kNoKey is taken
constexpr int64_t kMostSamples = INT32_MAX - 512;  // a window may be added

int power_of_two_from(int64_t least, int most) {
  int power = 1;
  while (power < least && power < most) power *= 2;
  return power;
}

/// Samples of a window: sums of windows take 8 bytes a sample up to 256 channels.
int window_of(int64_t channels) { return power_of_two_from(channels * 2 < 64 ? 64 : channels * 2, 512); }

void divide_lanes(Scatter& s) {
  const ConstMap& map = s.source.map;
  const int whole = static_cast<int>(16 / element_size(map.type));
  const auto fits = [&](int length) {
    if (s.source.channel_stride != 1 || s.channels % length != 0) return false;
    const bool rows = s.source.outer_stride % length == 0 && s.source.inner_stride % length == 0;
    return rows && aligned_to(s.source.data, length * element_size(map.type));
  };
  s.vector = fits(whole) ? whole : fits(2) ? 2 : 1;
  s.group = power_of_two_from((s.channels + s.vector - 1) / s.vector, kWarpLanes);
  const ScatterTarget& t = s.target;
  const int length = s.vector < 4 ? s.vector : 4;
  s.target_whole = t.channel_stride == 1 && t.outer_stride % length == 0 && t.inner_stride % length == 0 &&
                   t.row_stride % length == 0 && aligned_to(t.data, length * element_size(t.map.type));
  const int rows = kBlockThreads / s.group;
  s.tile_height = 1;
  while (s.tile_height * s.tile_height * 4 <= rows) s.tile_height *= 2;
  s.tile_width = rows / s.tile_height;
  s.tiles = 0;
  for (int level = 0; level < s.levels.count; ++level) {
    s.first_tile[level] = s.tiles;
    const int64_t across = (int64_t(s.levels.width[level]) + s.tile_width - 1) / s.tile_width;
    const int64_t down = (int64_t(s.levels.height[level]) + s.tile_height - 1) / s.tile_height;
    s.tiles += across * down;
  }
}

}  // namespace

int64_t SampleScatter::maps_at_a_time(int64_t maps, int64_t samples_of_map, const ScatterLevels& levels) {
  constexpr int64_t kSamplesAtOnce = 1 << 23;
  if (samples_of_map > kMostSamples)
    throw CudaFailure{cudaErrorInvalidValue, "a scatter of 2^31 samples or more of one map"};
  if (levels.cells > kMostKeys) {
    throw CudaFailure{cudaErrorInvalidValue, "a scatter to a map of 2^32 cells or more"};
  }
  int64_t most = maps;
  if (samples_of_map > 0 && most > kSamplesAtOnce / samples_of_map) most = kSamplesAtOnce / samples_of_map;
  if (levels.cells > 0 && most > kMostKeys / levels.cells) most = kMostKeys / levels.cells;
  return most < 1 ? 1 : most;
}

SampleScatter::SampleScatter(const ScatterShape& shape, char* workspace) : shape_(shape) {
  const int64_t samples = shape.samples, cells = shape.maps * shape.levels.cells;
  if (samples > kMostSamples || cells > kMostKeys)
    throw CudaFailure{cudaErrorInvalidValue, "a scatter of 2^31 samples or 2^32 cells or more at once"};
  WorkspaceCutter cutter(workspace);
  cleared_bytes_ = (cells * 2 + kSortStateWords) * static_cast<int64_t>(sizeof(int32_t));
  cleared_ = cutter.take_bytes(cleared_bytes_);
  int32_t* const words = reinterpret_cast<int32_t*>(cleared_);
  cell_bounds_ = DeviceSpan<int32_t>(words, cells * 2, "scatter cell bounds");
  sort_.state = DeviceSpan<int32_t>(words ? words + cells * 2 : nullptr, kSortStateWords, "sort state");
  window_ = window_of(shape.channels);
  keys_ = cutter.take<uint32_t>(samples, "scatter keys");
  records_ = cutter.take<float>(samples * 4, "scatter records");
  window_sums_ = cutter.take<float>(samples / window_ * 4 * shape.channels, "scatter window sums");
  sorted_keys_ = cutter.take<uint32_t>(samples, "scatter sorted keys");
  sorted_samples_ = cutter.take<uint32_t>(samples, "scatter sorted samples");
  // A pass writes one side and reads the other; the last one's side is never read, and may be its result.
  const int passes = (bits_below(cells) + kDigitBits - 1) / kDigitBits;
  const int last = (passes - 1) % 2, other = passes % 2;
  sort_.keys[last] = sorted_keys_;
  sort_.values[last] = sorted_samples_;
  sort_.keys[other] = cutter.take<uint32_t>(samples, "scatter sort keys");
  sort_.values[other] = cutter.take<uint32_t>(samples, "scatter sort samples");
  sort_.digit_counts = cutter.take<int32_t>(kDigits * kMaxScanTiles, "scatter digit counts");
  sort_.digit_totals = cutter.take<int32_t>(kDigits, "scatter digit totals");
  bytes_ = cutter.bytes();
}

void SampleScatter::enqueue(const ScatterSource& source, const ScatterTarget& target,
                            cudaStream_t stream) const {
  constexpr int64_t kMostBlocks = 4096;
  const int64_t cells = shape_.maps * shape_.levels.cells;
  if (cells == 0 || shape_.channels == 0) return;
  Scatter s = {};
  s.levels = shape_.levels;
  s.channels = shape_.channels;
  s.samples = shape_.samples;
  s.source = source;
  s.target = target;
  s.overlap = shape_.levels.overlap();
  s.window = window_;
  s.sort = sort_;
  s.keys = keys_;
  s.records = records_;
  s.sorted_keys = sorted_keys_;
  s.sorted_samples = sorted_samples_;
  s.cell_bounds = cell_bounds_;
  s.window_sums = window_sums_;
  divide_lanes(s);
  check_cuda_call(cudaMemsetAsync(cleared_, 0, static_cast<size_t>(cleared_bytes_), stream),
                  "cudaMemsetAsync");
  if (s.samples > 0) {
    BEVEL_ENQUEUE(sample_scatter_count_samples_kernel, blocks_for(s.samples, kMostBlocks), 0, stream, s);
    radix_sort(keys_, s.samples, s.samples, bits_below(cells), sort_, sorted_keys_, sorted_samples_, stream);
    BEVEL_ENQUEUE(sample_scatter_find_cells_kernel, blocks_for(s.samples, kMostBlocks), 0, stream, s);
  }
  if (source.map.type == ElementType::kFloat32) {
    enqueue_sums_of<float>(s, shape_.maps, stream);
  } else if (source.map.type == ElementType::kBfloat16) {
    enqueue_sums_of<__nv_bfloat16>(s, shape_.maps, stream);
  } else {
    enqueue_sums_of<__half>(s, shape_.maps, stream);
  }
}

}  // namespace bevel
