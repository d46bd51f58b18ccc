// A tile: a few neighbouring image columns of one camera in shared memory, and the weights of their rows.
// Forward and backward build on it.
//
// Shared memory holds, as float32: the context transposed to [column][h][channel], so that four channels are
// one 16-byte access; the depths transposed to [column][d][h], so that a run is contiguous; and the weights
// A[row][h] = Σ p[d, h] of a chunk of rows, eight rows a group, zero outside a row's range.
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
  int32_t tiles_a_row;  ///< tiles across an image
  int32_t channels;     ///< channels a tile, a multiple of 4
  int32_t channel_tiles;
  int32_t groups;          ///< groups a chunk
  int32_t padded_height;   ///< height to a multiple of 4
  int32_t feature_stride;  ///< floats between the features of two rows h: channels and 4 more, against bank
                           ///< conflicts
  int32_t group_stride;    ///< floats between the weights of two groups: likewise
  bool depth_in_shared;    ///< else the depths are read where they lie
  int32_t depth_vector, context_vector;  ///< columns read in one access
  int32_t prior_vector;
  int64_t shared_bytes;
};

/// Floats of a tile's features and of a chunk's weights.
BEVEL_HD int64_t tile_feature_floats(const TileShape& t) {
  return static_cast<int64_t>(t.columns) * t.padded_height * t.feature_stride;
}
BEVEL_HD int64_t tile_weight_floats(const TileShape& t) {
  return static_cast<int64_t>(t.groups) * t.group_stride;
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
  int32_t depth_vector, context_vector, prior_vector;  ///< the longest vectors that alignment allows
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

/// Copies lines of an image, `rows` of them W apart, to shared memory with the columns outermost. Threads
/// `thread` of `threads` work.
template <int N, typename Image>
__device__ void load_lines(Image image, const TileColumns& at, int64_t width, int rows, SharedSpan<float> out,
                           int thread, int threads) {
  const int vectors = at.columns / N;
  for (int v = 0; v < vectors; ++v) {
#pragma unroll 4
    for (int row = thread; row < rows; row += threads) {
      const Vector<float, N> line = load_vector<N>(image + (row * width + at.first_w + v * N));
#pragma unroll
      for (int i = 0; i < N; ++i) out[(v * N + i) * rows + row] = line[i];
    }
  }
}

__device__ inline void load_depth(const TileShape& shape, const TileSources& s, const TileColumns& at,
                                  SharedSpan<float> depths, int thread, int threads) {
  const auto image = subarray(s.depth + (at.batch * s.depth_strides[0] + at.camera * s.depth_strides[1]),
                              s.depth_bins * s.height * s.width, "depth of a camera");
  const int rows = static_cast<int>(s.depth_bins * s.height);
  if (shape.depth_vector == 4) {
    load_lines<4>(image, at, s.width, rows, depths, thread, threads);
  } else if (shape.depth_vector == 2) {
    load_lines<2>(image, at, s.width, rows, depths, thread, threads);
  } else {
    load_lines<1>(image, at, s.width, rows, depths, thread, threads);
  }
}

/// Context [C, H, W]: a warp a row h, lanes over channels, so that shared memory is written without bank
/// conflicts.
template <typename T, int N>
__device__ bool load_features_channels_first(const TileShape& shape, const TileSources& s,
                                             const TileColumns& at, int64_t base, int first_channel,
                                             int channels, SharedSpan<float> features, int thread,
                                             int threads) {
  bool all_finite = true;
  const int vectors = at.columns / N;
  for (int line = thread / kWarpLanes; line < static_cast<int>(s.height) * vectors;
       line += threads / kWarpLanes) {
    const int h = line / vectors, w = line % vectors * N;
    const int64_t from = base + h * s.width + at.first_w + w;
#pragma unroll 4
    for (int c = thread % kWarpLanes; c < channels; c += kWarpLanes) {
      const Vector<float, N> values =
          s.context.template load_floats<T, N>(from + (first_channel + c) * s.height * s.width);
#pragma unroll
      for (int i = 0; i < N; ++i) {
        features[((w + i) * shape.padded_height + h) * shape.feature_stride + c] = values[i];
        all_finite = all_finite && finite(values[i]);
      }
    }
  }
  return all_finite;
}

/// Context [H, W, C]: a warp a pixel, lanes over channels, N channels an access.
template <typename T, int N>
__device__ bool load_features_channels_last(const TileShape& shape, const TileSources& s,
                                            const TileColumns& at, int64_t base, int first_channel,
                                            int channels, SharedSpan<float> features, int thread,
                                            int threads) {
  bool all_finite = true;
  for (int pixel = thread / kWarpLanes; pixel < static_cast<int>(s.height) * at.columns;
       pixel += threads / kWarpLanes) {
    const int h = pixel / at.columns, w = pixel % at.columns;
    const int64_t from = base + (h * s.width + at.first_w + w) * s.channels + first_channel;
    const int to = (w * shape.padded_height + h) * shape.feature_stride;
#pragma unroll 2
    for (int c = thread % kWarpLanes * N; c < channels; c += kWarpLanes * N) {
      const Vector<float, N> values = s.context.template load_floats<T, N>(from + c);
      store_vector(features + (to + c), values);
#pragma unroll
      for (int i = 0; i < N; ++i) all_finite = all_finite && finite(values[i]);
    }
  }
  return all_finite;
}

/// Fills the features of a tile, and zeros where height and channels are padded. Returns whether this thread
/// saw only finite values.
__device__ inline bool load_features(const TileShape& shape, const TileSources& s, const TileColumns& at,
                                     int first_channel, SharedSpan<float> features, int thread, int threads) {
  const int channels = static_cast<int>(
      s.channels - first_channel < shape.channels ? s.channels - first_channel : shape.channels);
  const int64_t base = at.batch * s.context_strides[0] + at.camera * s.context_strides[1];
  bool all_finite = true;
  with_element_type(s.context.type, [&](auto tag) {
    using T = decltype(tag);
    const auto load = [&](auto length) {
      constexpr int N = decltype(length)::value;
      all_finite = s.context_channels_last
                       ? load_features_channels_last<T, N>(shape, s, at, base, first_channel, channels,
                                                           features, thread, threads)
                       : load_features_channels_first<T, N>(shape, s, at, base, first_channel, channels,
                                                            features, thread, threads);
    };
    if (shape.context_vector == 4) {
      load(std::integral_constant<int, 4>());
    } else if (shape.context_vector == 2) {
      load(std::integral_constant<int, 2>());
    } else {
      load(std::integral_constant<int, 1>());
    }
  });
  const int height = static_cast<int>(s.height);
  if (channels < shape.channels || height < shape.padded_height) {
    for (int line = thread; line < at.columns * shape.padded_height; line += threads) {
      const int begin = line % shape.padded_height < height ? channels : 0;
      for (int c = begin; c < shape.channels; ++c) features[line * shape.feature_stride + c] = 0.0f;
    }
  }
  return all_finite;
}

/// Softmax over the depth bins of every pixel of the tile, in place. Threads share a pixel's bins where there
/// are more threads than pixels; their partial results meet in `partial`, one float a thread. The whole block
/// calls it.
__device__ inline void softmax_tile(const TileSources& s, int columns, SharedSpan<float> depths,
                                    SharedSpan<float> partial) {
  const int height = static_cast<int>(s.height);
  const int pixels = columns * height;
  const int together = pixels < kBlockThreads ? pixels : kBlockThreads;
  const int parts = kBlockThreads / together;
  const int part = threadIdx.x / together;
  const int bins = static_cast<int>(s.depth_bins);
  for (int first = 0; first < pixels; first += together) {
    const int local = threadIdx.x % together;
    const int pixel = first + local;
    const bool active = part < parts && pixel < pixels;
    const SharedSpan<float> column = depths + (pixel / height * bins * height + pixel % height);
    float top = -INFINITY;
    if (active) {
      for (int d = part; d < bins; d += parts) top = fmaxf(top, column[d * height]);
    }
    partial[threadIdx.x] = top;
    __syncthreads();
    for (int other = 0; other < parts; ++other) top = fmaxf(top, partial[other * together + local]);
    __syncthreads();
    float sum = 0.0f;
    if (active) {
      for (int d = part; d < bins; d += parts) {
        const float e = expf(float(column[d * height]) - top);
        column[d * height] = e;
        sum += e;
      }
    }
    partial[threadIdx.x] = sum;
    __syncthreads();
    if (active) {
      sum = 0.0f;
      for (int other = 0; other < parts; ++other) sum += partial[other * together + local];
      const float scale = 1.0f / sum;
      for (int d = part; d < bins; d += parts) column[d * height] *= scale;
    }
    __syncthreads();
  }
}

/// Hands the softmax to the caller and mixes in the prior, f·G + (1 − f)·P, where they are wanted.
template <int N>
__device__ void finish_depths(const TileSources& s, const TileColumns& at, SharedSpan<float> depths,
                              bool write) {
  const int height = static_cast<int>(s.height);
  const int rows = static_cast<int>(s.depth_bins) * height;
  const int64_t image = at.image * rows * s.width;
  const int vectors = at.columns / N;
  for (int v = 0; v < vectors; ++v) {
    const int64_t w = at.first_w + v * N;
    for (int row = threadIdx.x; row < rows; row += kBlockThreads) {
      Vector<float, N> values;
#pragma unroll
      for (int i = 0; i < N; ++i) values[i] = depths[(v * N + i) * rows + row];
      if (write) store_vector(s.probabilities + (image + row * s.width + w), values);
      if (!s.prior) continue;
      const Vector<float, N> g = load_vector<N>(s.prior + (image + row * s.width + w));
      const Vector<float, N> f =
          load_vector<N>(s.prior_weight + ((at.image * height + row % height) * s.width + w));
#pragma unroll
      for (int i = 0; i < N; ++i) {
        depths[(v * N + i) * rows + row] = f[i] * g[i] + (1.0f - f[i]) * values[i];
      }
    }
  }
}

/// Loads a tile: half of the warps bring the depths, the other half the context, so that both are on their
/// way at once. On return the tile is ready for the block; the result says whether the context is finite.
__device__ inline bool load_tile(const TileShape& shape, const TileSources& s, const TileColumns& at,
                                 int first_channel, bool write_probabilities, SharedSpan<float> features,
                                 SharedSpan<float> depths, SharedSpan<float> partial) {
  constexpr int kHalf = kBlockThreads / 2;
  bool all_finite = true;
  if (!shape.depth_in_shared) {
    all_finite = load_features(shape, s, at, first_channel, features, threadIdx.x, kBlockThreads);
    return !__syncthreads_or(!all_finite);
  }
  if (threadIdx.x < kHalf) {
    load_depth(shape, s, at, depths, threadIdx.x, kHalf);
  } else {
    all_finite = load_features(shape, s, at, first_channel, features, threadIdx.x - kHalf, kHalf);
  }
  all_finite = !__syncthreads_or(!all_finite);
  if (s.logits) softmax_tile(s, at.columns, depths, partial);
  if (write_probabilities || s.prior) {
    if (shape.prior_vector == 4) {
      finish_depths<4>(s, at, depths, write_probabilities);
    } else if (shape.prior_vector == 2) {
      finish_depths<2>(s, at, depths, write_probabilities);
    } else {
      finish_depths<1>(s, at, depths, write_probabilities);
    }
    __syncthreads();
  }
  return all_finite;
}

/// The rows of a tile's columns, cut in groups of eight that lie in one column.
struct TileRows {
  SharedSpan<int32_t> first_row;    ///< [columns + 1]
  SharedSpan<int32_t> first_group;  ///< [columns + 1]

  /// The whole block calls it; the tables are ready after the next __syncthreads.
  __device__ void find(const PlanView& plan, const TileColumns& at, int64_t width) const {
    const int64_t column = at.image * width + at.first_w;
    if (static_cast<int>(threadIdx.x) <= at.columns)
      first_row[threadIdx.x] = plan.first_row(column + threadIdx.x);
    if (threadIdx.x == 0) {
      int32_t groups = 0, row = plan.first_row(column);
      for (int w = 0; w < at.columns; ++w) {
        first_group[w] = groups;
        const int32_t next = plan.first_row(column + w + 1);
        groups += (next - row + kGroupRows - 1) / kGroupRows;
        row = next;
      }
      first_group[at.columns] = groups;
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
  int bins, height;

  __device__ TileWeights(const TileShape& shape, const TileSources& s, const TileColumns& at,
                         SharedSpan<float> depths)
      : in_shared(shape.depth_in_shared),
        tile(depths),
        map(s.weights),
        image(at.image),
        width(s.width),
        first_w(at.first_w),
        bins(static_cast<int>(s.depth_bins)),
        height(static_cast<int>(s.height)) {}
  __device__ float at(int w, int d, int h) const {
    if (in_shared) return tile[(w * bins + d) * height + h];
    return map[((image * bins + d) * height + h) * width + first_w + w];
  }
};

/// Lanes that work on one row together, along h: no more than the height can use.
__device__ inline int lanes_a_row(const TileShape& shape) {
  int lanes = kWarpLanes;
  while (lanes > 4 && lanes / 2 >= shape.padded_height) lanes /= 2;
  return lanes;
}

/// Builds the weights of a chunk of `count` groups from its staged rows. The caller synchronises.
__device__ inline void build_weights(const TileShape& shape, const PlanView& plan, const TileWeights& from,
                                     int32_t first_run, int count, SharedSpan<float> weights,
                                     const ChunkRows& chunk) {
  const int lanes = lanes_a_row(shape);
  const int lane = threadIdx.x % lanes;
  for (int local = threadIdx.x / lanes; local < count * kGroupRows; local += kBlockThreads / lanes) {
    const int w = chunk.span[local] >> 16;
    const int32_t begin = chunk.run_begin[local], end = chunk.run_end[local];
    const SharedSpan<float> out =
        weights + (local / kGroupRows * shape.group_stride + local % kGroupRows * shape.padded_height);
    for (int h = lane; h < shape.padded_height; h += lanes) {
      float weight = 0.0f;
      for (int32_t i = begin; i < end; ++i) {
        const uint32_t run = chunk.run(plan, first_run, i);
        if (h >= span_begin(run) && h < span_end(run)) weight += from.at(w, run_depth(run), h);
      }
      out[h] = weight;
    }
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
