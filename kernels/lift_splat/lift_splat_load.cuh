// Brings a tile to shared memory.
//
// Float32 goes there without a detour through registers (cp.async), so that every thread has all its copies
// under way at once and can ask for the plan meanwhile: start_depth() and start_features() only begin them.
// 16-bit context must be widened and is read in batches. Neighbouring threads copy neighbouring columns, or
// channels where those are last: whole memory sectors, as far as the tile has them.
#pragma once

#include "lift_splat/lift_splat_tile.cuh"

namespace bevel {

__device__ inline void start_depth(const TileShape& shape, const TileSources& s, const TileColumns& at,
                                   SharedSpan<float> depths) {
  const auto image = subarray(s.depth + (at.batch * s.depth_strides[0] + at.camera * s.depth_strides[1]),
                              s.depth_bins * s.height * s.width, "depth of a camera");
  const int rows = static_cast<int>(s.depth_bins * s.height);
  const int w = threadIdx.x & (shape.columns - 1);
  if (w >= at.columns) return;
  const int first = threadIdx.x >> shape.column_bits, step = kBlockThreads >> shape.column_bits;
  auto from = image + (first * s.width + at.first_w + w);
  auto to = depths + (w * shape.depth_stride + first);
  const int64_t step_from = step * s.width;
#pragma unroll 4
  for (int row = first; row < rows; row += step) {
    copy_async<1>(to, from);
    from += step_from;
    to += step;
  }
}

/// The pieces of N channels of one pixel that a thread copies from a context [H, W, C].
template <int N>
class LastPieces {
 public:
  __device__ LastPieces(const TileShape& shape, const TileSources& s, const TileColumns& at, int channels)
      : shape_(shape), s_(s), at_(at), step_(threadIdx.x, kBlockThreads, channels / N) {}
  __device__ bool more() const { return row() < s_.height; }
  __device__ bool inside() const { return more() && column() < at_.columns; }
  __device__ int64_t from() const {
    return (row() * s_.width + at_.first_w + column()) * s_.channels + step_.minor * N;
  }
  __device__ int to() const { return shape_.feature_at(column(), row()) + step_.minor * N; }
  __device__ void next() { step_.next(); }

 private:
  __device__ int row() const { return step_.major >> shape_.column_bits; }
  __device__ int column() const { return step_.major & (shape_.columns - 1); }
  const TileShape& shape_;
  const TileSources& s_;
  const TileColumns& at_;
  Stepper step_;
};

/// The elements of one column that a thread copies from a context [C, H, W].
class FirstPieces {
 public:
  __device__ FirstPieces(const TileShape& shape, const TileSources& s, const TileColumns& at, int channels)
      : shape_(shape),
        s_(s),
        at_(at),
        channels_(channels),
        column_(threadIdx.x & (shape.columns - 1)),
        step_(threadIdx.x >> shape.column_bits, kBlockThreads >> shape.column_bits,
              static_cast<int>(s.height)) {}
  __device__ bool more() const { return step_.major < channels_; }
  __device__ bool inside() const { return more() && column_ < at_.columns; }
  __device__ int64_t from() const {
    return (step_.major * s_.height + step_.minor) * s_.width + at_.first_w + column_;
  }
  __device__ int to() const { return shape_.feature_at(column_, step_.minor) + step_.major; }
  __device__ void next() { step_.next(); }

 private:
  const TileShape& shape_;
  const TileSources& s_;
  const TileColumns& at_;
  int channels_, column_;
  Stepper step_;
};

/// Copies a thread's pieces of N elements each. What is not float32 is widened on the way; `batch` reads are
/// under way before the first is waited for.
template <int batch, typename T, int N, typename Pieces, typename Source>
__device__ void copy_pieces(Pieces pieces, Source source, SharedSpan<float> features) {
  if constexpr (std::is_same_v<T, float>) {
    for (; pieces.more(); pieces.next()) {
      if (pieces.inside()) copy_async<N>(features + pieces.to(), source + pieces.from());
    }
  } else {
    while (pieces.more()) {
      DeviceVector<T, N> values[batch];
      int to[batch];
#pragma unroll
      for (int i = 0; i < batch; ++i) {
        to[i] = pieces.inside() ? pieces.to() : -1;
        if (to[i] >= 0) values[i] = load_vector<N>(source + pieces.from());
        pieces.next();
      }
#pragma unroll
      for (int i = 0; i < batch; ++i) {
        if (to[i] < 0) continue;
        DeviceVector<float, N> wide;
#pragma unroll
        for (int k = 0; k < N; ++k) wide[k] = to_float(values[i][k]);
        store_vector(features + to[i], wide);
      }
    }
  }
}

/// Starts to fill the features of a tile with channels from `first_channel` on, and zeros where height and
/// channels are padded. Float32 is there after await_copies(). The longer the batch, the more registers.
template <int batch>
__device__ inline void start_features(const TileShape& shape, const TileSources& s, const TileColumns& at,
                                      int first_channel, SharedSpan<float> features) {
  const int channels = static_cast<int>(
      s.channels - first_channel < shape.channels ? s.channels - first_channel : shape.channels);
  const int64_t base = at.batch * s.context_strides[0] + at.camera * s.context_strides[1] +
                       first_channel * (s.context_channels_last ? 1 : s.height * s.width);
  with_element_type(s.context.type, [&](auto tag) {
    using T = decltype(tag);
    const auto source = pointer_cast<const T>(s.context.bytes) + base;
    if (!s.context_channels_last) {
      copy_pieces<batch, T, 1>(FirstPieces(shape, s, at, channels), source, features);
    } else if (shape.context_vector == 4) {
      copy_pieces<batch, T, 4>(LastPieces<4>(shape, s, at, channels), source, features);
    } else if (shape.context_vector == 2) {
      copy_pieces<batch, T, 2>(LastPieces<2>(shape, s, at, channels), source, features);
    } else {
      copy_pieces<batch, T, 1>(LastPieces<1>(shape, s, at, channels), source, features);
    }
  });
  const int height = static_cast<int>(s.height);
  if (channels < shape.channels || height < shape.padded_height) {
    for (Stepper line(threadIdx.x, kBlockThreads, shape.padded_height); line.major < at.columns;
         line.next()) {
      const SharedSpan<float> pixel = features + shape.feature_at(line.major, line.minor);
      for (int c = line.minor < height ? channels : 0; c < shape.channels; ++c) pixel[c] = 0.0f;
    }
  }
}

/// Softmax over the depth bins of every pixel of the tile, in place. Threads share a pixel's bins where there
/// are more threads than pixels; their partial results meet in `partial`, one float a thread. The whole block
/// calls it.
__device__ inline void softmax_tile(const TileShape& shape, const TileSources& s, int columns,
                                    SharedSpan<float> depths, SharedSpan<float> partial) {
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
    const SharedSpan<float> column = depths + (pixel / height * shape.depth_stride + pixel % height);
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
__device__ void finish_depths(const TileShape& shape, const TileSources& s, const TileColumns& at,
                              SharedSpan<float> depths, bool write) {
  const int height = static_cast<int>(s.height);
  const int rows = static_cast<int>(s.depth_bins) * height;
  const int64_t image = at.image * rows * s.width;
  for (int first = 0; first < at.columns; first += N) {
    const int64_t w = at.first_w + first;
    for (int row = threadIdx.x; row < rows; row += kBlockThreads) {
      DeviceVector<float, N> values;
#pragma unroll
      for (int i = 0; i < N; ++i) values[i] = depths[(first + i) * shape.depth_stride + row];
      if (write) store_vector(s.probabilities + (image + row * s.width + w), values);
      if (!s.prior) continue;
      const DeviceVector<float, N> g = load_vector<N>(s.prior + (image + row * s.width + w));
      const DeviceVector<float, N> f =
          load_vector<N>(s.prior_weight + ((at.image * height + row % height) * s.width + w));
#pragma unroll
      for (int i = 0; i < N; ++i) {
        depths[(first + i) * shape.depth_stride + row] = f[i] * g[i] + (1.0f - f[i]) * values[i];
      }
    }
  }
}

/// Turns the depths of a tile that is there into weights. The whole block calls it, and may read them
/// afterwards.
__device__ inline void weigh_depths(const TileShape& shape, const TileSources& s, const TileColumns& at,
                                    bool write_probabilities, SharedSpan<float> depths,
                                    SharedSpan<float> partial) {
  if (!shape.depth_in_shared) return;
  if (s.logits) softmax_tile(shape, s, at.columns, depths, partial);
  if (write_probabilities || s.prior) {
    if (shape.prior_vector == 4) {
      finish_depths<4>(shape, s, at, depths, write_probabilities);
    } else if (shape.prior_vector == 2) {
      finish_depths<2>(shape, s, at, depths, write_probabilities);
    } else {
      finish_depths<1>(shape, s, at, depths, write_probabilities);
    }
    __syncthreads();
  }
}

}  // namespace bevel
