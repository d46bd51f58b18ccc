// A tile: a few neighbouring image columns of one camera in shared memory, and the weights of their rows.
// Forward and backward build on it.
//
// Shared memory holds, as float32: the context transposed to [column][h][channel], so that four channels are
// one 16-byte access; the depths transposed to [column][d][h], so that a run is contiguous; and the weights
// A[row][h] = Σ p[d, h] of a chunk of rows, eight rows a group, zero outside a row's range. The first two are
// brought by lift_splat_load.cuh.
#pragma once

#include "lift_splat/lift_splat_view.cuh"

namespace bevel {

constexpr int kMaxTileColumns = 8;
constexpr int kGroupRows = 8;   ///< rows that a thread multiplies at once
constexpr int kMaxGroups = 32;  ///< groups a chunk
constexpr int kMaxChunkRows = kGroupRows * kMaxGroups;
constexpr int kMaxChunkRuns = 2 * kMaxChunkRows;  ///< runs of a chunk kept in shared memory

/// How the work is cut, chosen on the host.
struct TileShape {
  int32_t columns;      ///< image columns a tile: 1, 2, 4 or 8
  int32_t column_bits;  ///< their logarithm
  int32_t tiles_a_row;  ///< tiles across an image
  int32_t channels;     ///< channels a tile, a multiple of 4
  int32_t channel_tiles;
  int32_t groups;          ///< groups a chunk
  int32_t padded_height;   ///< height to a multiple of 4
  int32_t feature_stride;  ///< floats between the features of two rows h: channels and 4 more, against bank
                           ///< conflicts
  int32_t column_stride;   ///< floats between the features of two columns, and
  int32_t depth_stride;    ///< between the depths of two: the same h or d of all columns in different banks
  int32_t group_stride;    ///< floats between the weights of two groups
  bool depth_in_shared;    ///< else the depths are read where they lie
  int32_t context_vector;  ///< channels read in one access where they are last
  int32_t prior_vector;    ///< columns of prior and probabilities in one access
  int64_t shared_bytes;
  int64_t most_shared_bytes;  ///< that any tile may have on this device

  __device__ int feature_at(int w, int h) const { return w * column_stride + h * feature_stride; }
};

/// Floats of a tile's features, of a chunk's weights, and of a tile's depths.
BEVEL_HD int64_t tile_feature_floats(const TileShape& t) {
  return static_cast<int64_t>(t.columns) * t.column_stride;
}
BEVEL_HD int64_t tile_weight_floats(const TileShape& t) {
  return static_cast<int64_t>(t.groups) * t.group_stride;
}
BEVEL_HD int64_t tile_depth_floats(const TileShape& t) {
  return t.depth_in_shared ? static_cast<int64_t>(t.columns) * t.depth_stride : 0;
}

/// Depths and context of a call as tiles read them.
struct TileSources {
  int64_t cameras, depth_bins, height, width, channels;
  int64_t depth_strides[2], context_strides[2];
  DeviceSpan<const float> depth;  ///< [B, N, D, H, W], strides over B and N: logits, or probabilities
  DeviceSpan<const float>
      weights;  ///< compact, mixed with the prior; where the depths do not fit in shared memory
  DeviceSpan<const float> prior, prior_weight;  ///< compact, or null
  DeviceSpan<float> probabilities;              ///< compact, or null
  ConstMap context;
  bool logits, context_channels_last;
  int32_t context_vector, prior_vector;  ///< the longest vectors that alignment allows
};

/// Walks through the pairs (major, minor), minor < length, in steps of `step`, and divides only once.
struct Stepper {
  int major, minor, length, major_step, minor_step;

  __device__ Stepper(int first, int step, int length)
      : major(first / length),
        minor(first % length),
        length(length),
        major_step(step / length),
        minor_step(step % length) {}
  __device__ void next() {
    major += major_step;
    minor += minor_step;
    if (minor >= length) {
      minor -= length;
      ++major;
    }
  }
};

/// Which columns a block works on.
struct TileColumns {
  int64_t image, batch, camera;
  int64_t first_w;
  int columns;

  __device__ TileColumns(const TileShape& shape, const TileSources& s, int64_t tile)
      : image(tile / shape.tiles_a_row),
        batch(image / s.cameras),
        camera(image % s.cameras),
        first_w(tile % shape.tiles_a_row * shape.columns),
        columns(static_cast<int>(s.width - first_w < shape.columns ? s.width - first_w : shape.columns)) {}
};

/// The rows of a tile's columns, cut in groups of eight that lie in one column.
struct TileRows {
  SharedSpan<int32_t> first_row;    ///< [columns + 1]
  SharedSpan<int32_t> first_group;  ///< [columns + 1]

  /// The first warp fills the tables; they are ready after the next __syncthreads.
  __device__ void find(const PlanView& plan, const TileColumns& at, int64_t width) const {
    if (threadIdx.x >= kWarpLanes) return;
    const int lane = threadIdx.x;
    const bool used = lane <= at.columns;
    const int32_t row = used ? plan.first_row(at.image * width + at.first_w + lane) : 0;
    const int32_t next = __shfl_down_sync(kAllLanes, row, 1);
    const int32_t own = lane < at.columns ? (next - row + kGroupRows - 1) / kGroupRows : 0;
    int32_t groups = own;
    for (int offset = 1; offset <= kMaxTileColumns; offset *= 2) {
      const int32_t before = __shfl_up_sync(kAllLanes, groups, offset);
      if (lane >= offset) groups += before;
    }
    if (used) {
      first_row[lane] = row;
      first_group[lane] = groups - own;
    }
  }
  /// The first row of a group, which lies in column w.
  __device__ int64_t row_of(int w, int group) const {
    return first_row[w] + static_cast<int64_t>(group - first_group[w]) * kGroupRows;
  }
  __device__ int column_of(int group) const {
    int w = 0;
    while (group >= first_group[w + 1]) ++w;
    return w;
  }
};

/// What a chunk of rows needs besides its weights, in shared memory: [kMaxChunkRows] each, but for the runs.
struct ChunkRows {
  SharedSpan<int32_t> cell, slot;
  SharedSpan<int32_t> span;                ///< column << 16 | h0 << 8 | h1; 0 where the group has no such row
  SharedSpan<int32_t> run_begin, run_end;  ///< the row's runs, counted from the chunk's first
  SharedSpan<int32_t> runs;                ///< [kMaxChunkRuns] of them; further ones are read from the plan

  /// Brings the rows of groups [first, first + count), all at once: a row after the other would wait for
  /// memory every time. Returns the chunk's first run. The caller synchronises.
  __device__ int32_t stage(const PlanView& plan, const TileRows& rows, int first, int count) const {
    const int last = first + count - 1;
    const int last_column = rows.column_of(last);
    const int64_t after_last = rows.row_of(last_column, last) + kGroupRows;
    const int64_t column_end = rows.first_row[last_column + 1];
    const int32_t first_run = plan.first_run(rows.row_of(rows.column_of(first), first));
    const int32_t end_run = plan.first_run(after_last < column_end ? after_last : column_end);
    for (int local = threadIdx.x; local < count * kGroupRows; local += kBlockThreads) {
      const int w = rows.column_of(first + local / kGroupRows);
      const int64_t row = rows.row_of(w, first + local / kGroupRows) + local % kGroupRows;
      const bool exists = row < rows.first_row[w + 1];
      span[local] = exists ? w << 16 | plan.row_span(row) : 0;
      cell[local] = exists ? plan.row_cell(row) : 0;
      slot[local] = exists ? plan.row_slot(row) : 0;
      run_begin[local] = exists ? plan.first_run(row) - first_run : 0;
      run_end[local] = exists ? plan.first_run(row + 1) - first_run : 0;
    }
    const int staged = end_run - first_run < kMaxChunkRuns ? end_run - first_run : kMaxChunkRuns;
    for (int i = threadIdx.x; i < staged; i += kBlockThreads)
      runs[i] = static_cast<int32_t>(plan.run(first_run + i));
    return first_run;
  }
  __device__ uint32_t run(const PlanView& plan, int32_t first_run, int32_t index) const {
    return index < kMaxChunkRuns ? static_cast<uint32_t>(int32_t(runs[index])) : plan.run(first_run + index);
  }
  /// The column of a group of the chunk: that of its first row, which exists.
  __device__ int column(int local_group) const { return span[local_group * kGroupRows] >> 16; }
};

/// The weight of a point of the tile.
struct TileWeights {
  bool in_shared;
  SharedSpan<float> tile;
  DeviceSpan<const float> map;  ///< [B, N, D, H, W]
  int64_t image, width, first_w;
  int bins, height, stride;

  __device__ TileWeights(const TileShape& shape, const TileSources& s, const TileColumns& at,
                         SharedSpan<float> depths)
      : in_shared(shape.depth_in_shared),
        tile(depths),
        map(s.weights),
        image(at.image),
        width(s.width),
        first_w(at.first_w),
        bins(static_cast<int>(s.depth_bins)),
        height(static_cast<int>(s.height)),
        stride(shape.depth_stride) {}
  __device__ float at(int w, int d, int h) const {
    if (in_shared) return tile[w * stride + d * height + h];
    return map[((image * bins + d) * height + h) * width + first_w + w];
  }
  /// Those of h to h + 3 (h a multiple of 4), zero outside [begin, end).
  __device__ Float4 four(int w, int d, int h, int begin, int end) const {
    Float4 weights = {};
    if (in_shared && height % 4 == 0) {
      const Float4 all = load_vector<4>(tile + (w * stride + d * height + h));
#pragma unroll
      for (int i = 0; i < 4; ++i) weights[i] = h + i >= begin && h + i < end ? all[i] : 0.0f;
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (h + i >= begin && h + i < end) weights[i] = at(w, d, h + i);
      }
    }
    return weights;
  }
};

/// Builds the weights of a chunk of `count` groups from its staged rows, a thread four h of a row. The caller
/// synchronises.
__device__ inline void build_weights(const TileShape& shape, const PlanView& plan, const TileWeights& from,
                                     int32_t first_run, int count, SharedSpan<float> weights,
                                     const ChunkRows& chunk) {
  const int quads = shape.padded_height / 4;
  for (Stepper item(threadIdx.x, kBlockThreads, quads); item.major < count * kGroupRows; item.next()) {
    const int row = item.major, h = item.minor * 4;
    const int w = chunk.span[row] >> 16;
    const int32_t end = chunk.run_end[row];
    Float4 sum = {};
#pragma unroll 1
    for (int32_t i = chunk.run_begin[row]; i < end; ++i) {
      const uint32_t run = chunk.run(plan, first_run, i);
      if (h + 4 <= span_begin(run) || h >= span_end(run)) continue;
      const Float4 more = from.four(w, run_depth(run), h, span_begin(run), span_end(run));
#pragma unroll
      for (int k = 0; k < 4; ++k) sum[k] += more[k];
    }
    store_vector(
        weights + (row / kGroupRows * shape.group_stride + row % kGroupRows * shape.padded_height + h), sum);
  }
}

/// The rows h that the rows of a group cover together, widened to a multiple of 4 below.
struct GroupRange {
  int begin = 255, end = 0;
  __device__ GroupRange(const ChunkRows& chunk, int local_group) {
    for (int r = 0; r < kGroupRows; ++r) {
      const uint32_t span = static_cast<uint32_t>(int32_t(chunk.span[local_group * kGroupRows + r]));
      if (span == 0) continue;
      begin = span_begin(span) < begin ? span_begin(span) : begin;
      end = span_end(span) > end ? span_end(span) : end;
    }
    begin &= ~3;
  }
};

}  // namespace bevel
