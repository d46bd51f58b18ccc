// Tiles of lift-splat's CPU bodies: blocks of kBlock image columns moved between the tensors' layouts (w
// fastest) and the columns' (h or channel fastest), with the softmax and the prior on the way. Included by
// the CPU bodies only.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/cpu_dispatch.hpp"
#include "core/simd.hpp"
#include "lift_splat/lift_splat_job.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// Image columns that a task owns: 64 bytes of float.
constexpr int kBlock = 16;

inline int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Sizes in elements of T of one image's tiles.
struct TileShape {
  int64_t depth_bins, height, width, channels;
  int64_t padded_height;    ///< rows of a column, a multiple of 16
  int64_t padded_channels;  ///< channels of a row, a multiple of 16

  explicit TileShape(const LiftSplatShape& shape)
      : depth_bins(shape.depth_bins),
        height(shape.height),
        width(shape.width),
        channels(shape.channels),
        padded_height(round_up(shape.height, 16)),
        padded_channels(round_up(shape.channels, 16)) {}
  int64_t pixels() const { return height * width; }
};

/// Gathers a plane [rows][W] (stride `row_stride`) of `count` columns from w0 on into columns[w][row], for
/// all rows; columns are `column_stride` apart. Rows up to the next multiple of the vector are written with
/// zeros, or not at all if not Padded.
template <class T, class Storage, bool Padded = true>
inline void gather_columns(const Storage* plane, int64_t row_stride, int64_t rows, int count, T* columns,
                           int64_t column_stride) {
  constexpr int lanes = kLanes<T>;
  for (int64_t row = 0; row < rows; row += lanes) {
    const int row_count = static_cast<int>(std::min<int64_t>(lanes, rows - row));
    for (int w = 0; w < count; w += lanes) {
      Vector<T> square[lanes];
      const Storage* from = plane + row * row_stride + w;
      const int columns_now = std::min(lanes, count - w);
      if (row_count == lanes && columns_now == lanes) {
#pragma GCC unroll 16
        for (int i = 0; i < lanes; ++i) square[i] = load_as<T>(from + i * row_stride, lanes);
      } else {
#pragma GCC unroll 16
        for (int i = 0; i < lanes; ++i) {
          square[i] = load_as<T>(from + i * row_stride, i < row_count ? columns_now : 0);
        }
      }
      transpose<T>(square);
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) {
        if (i >= columns_now) continue;
        T* to = columns + (w + i) * column_stride + row;
        Padded ? store(to, square[i]) : store_partial(to, square[i], row_count);
      }
    }
  }
}

/// The reverse: columns[w][row] to a plane; past the caches with `streamed`, which wants whole vectors at
/// aligned places.
template <class T, class Storage>
inline void scatter_columns(const T* columns, int64_t column_stride, int64_t rows, int count, Storage* plane,
                            int64_t row_stride, bool streamed = false) {
  constexpr int lanes = kLanes<T>;
  for (int64_t row = 0; row < rows; row += lanes) {
    const int row_count = static_cast<int>(std::min<int64_t>(lanes, rows - row));
    for (int w = 0; w < count; w += lanes) {
      Vector<T> square[lanes];
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) {
        square[i] = w + i < count ? load(columns + (w + i) * column_stride + row) : Vector<T>{};
      }
      transpose<T>(square);
      Storage* to = plane + row * row_stride + w;
      if constexpr (std::is_same_v<T, Storage>) {
        if (streamed && count - w >= lanes) {
#pragma GCC unroll 16
          for (int i = 0; i < lanes; ++i) {
            if (i < row_count) stream(to + i * row_stride, square[i]);
          }
          continue;
        }
      }
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) {
        if (i < row_count) store_as<T>(to + i * row_stride, square[i], count - w);
      }
    }
  }
}

/// Depth of one vector of pixels, all bins: softmax over the bins where the input is logits, the prior mixed
/// in where there is one. The softmax itself goes to `probabilities` if that is not null. Inputs are at the
/// vector's first pixel, bins a plane apart; `out` has bins `out_stride` apart; `valid` lanes are read and
/// written.
template <class T>
inline void lift_depth(const TileShape& tile, const T* depth, bool logits, const T* prior,
                       const T* prior_weight, T* probabilities, int valid, T* out, int64_t out_stride) {
  const int64_t plane = tile.pixels();
  Vector<T> scale = broadcast(T(1));
  if (logits) {
    Vector<T> top = broadcast(-static_cast<T>(INFINITY));
    for (int64_t d = 0; d < tile.depth_bins; ++d)
      top = maximum<T>(top, load_partial(depth + d * plane, valid));
    Vector<T> sum = {};
    for (int64_t d = 0; d < tile.depth_bins; ++d) {
      const Vector<T> e = exponential(load_partial(depth + d * plane, valid) - top);
      sum += e;
      store_partial(out + d * out_stride, e, valid);
    }
    scale = T(1) / sum;
  }
  const Vector<T> f = prior ? load_partial(prior_weight, valid) : Vector<T>{};
  for (int64_t d = 0; d < tile.depth_bins; ++d) {
    Vector<T> p =
        logits ? load_partial(out + d * out_stride, valid) * scale : load_partial(depth + d * plane, valid);
    if (probabilities) store_partial(probabilities + d * plane, p, valid);
    if (prior) p = f * load_partial(prior + d * plane, valid) + (T(1) - f) * p;
    store_partial(out + d * out_stride, p, valid);
  }
}

/// Depth of a block of columns, ready to be summed: out[w][d][padded_height], softmax and prior as above. All
/// pointers are at the block's first column of the image; `staged` is scratch.
template <class T>
void load_depth_block(const TileShape& tile, const T* depth, bool logits, const T* prior,
                      const T* prior_weight, T* probabilities, int count, T* staged, T* out) {
  constexpr int lanes = kLanes<T>;
  const int64_t column_stride = tile.depth_bins * tile.padded_height;
  if (!logits && !prior) {
    for (int64_t d = 0; d < tile.depth_bins; ++d) {
      // The block's part of a bin is strips a row apart, which the hardware's prefetchers do not follow.
      if (d + 2 < tile.depth_bins) {
        for (int64_t h = 0; h < tile.height; ++h) {
          __builtin_prefetch(depth + (d + 2) * tile.pixels() + h * tile.width);
        }
      }
      gather_columns<T>(depth + d * tile.pixels(), tile.width, tile.height, count,
                        out + d * tile.padded_height, column_stride);
    }
    return;
  }
  // One strip of `lanes` rows at a time: [D][lanes][kBlock] in scratch, then square by square to columns.
  for (int64_t h0 = 0; h0 < tile.height; h0 += lanes) {
    const int row_count = static_cast<int>(std::min<int64_t>(lanes, tile.height - h0));
    for (int row = 0; row < row_count; ++row) {
      for (int w = 0; w < count; w += lanes) {
        const int64_t pixel = (h0 + row) * tile.width + w;
        lift_depth<T>(tile, depth + pixel, logits, prior ? prior + pixel : nullptr,
                      prior ? prior_weight + pixel : nullptr, probabilities ? probabilities + pixel : nullptr,
                      count - w, staged + row * kBlock + w, lanes * kBlock);
      }
    }
    for (int64_t d = 0; d < tile.depth_bins; ++d) {
      gather_columns<T>(staged + d * lanes * kBlock, kBlock, row_count, count,
                        out + d * tile.padded_height + h0, column_stride);
    }
  }
}

/// Elements of `staged` above.
template <class T>
int64_t staged_elements(const TileShape& tile) {
  return tile.depth_bins * kLanes<T> * kBlock;
}

/// Context of a block of columns as rows of channels: out[w][h][padded_channels], padding zero. `image` is
/// one image's context, w0 the block's first column.
template <class T, class Storage>
void load_context_block(const TileShape& tile, const Storage* image, bool channels_last, int64_t w0,
                        int count, T* out) {
  const int64_t column_stride = tile.height * tile.padded_channels;
  for (int64_t h = 0; h < tile.height; ++h) {
    T* row = out + h * tile.padded_channels;
    if (channels_last) {
      for (int w = 0; w < count; ++w) {
        const Storage* from = image + (h * tile.width + w0 + w) * tile.channels;
        for (int64_t c = 0; c < tile.padded_channels; c += kLanes<T>) {
          store(row + w * column_stride + c,
                load_as<T>(from + std::min(c, tile.channels),
                           static_cast<int>(std::max<int64_t>(0, tile.channels - c))));
        }
      }
    } else {
      gather_columns<T>(image + h * tile.width + w0, tile.pixels(), tile.channels, count, row, column_stride);
      for (int w = 0; w < count; ++w) {
        for (int64_t c = round_up(tile.channels, kLanes<T>); c < tile.padded_channels; c += kLanes<T>) {
          store(row + w * column_stride + c, Vector<T>{});
        }
      }
    }
  }
}

/// Sums the depths of several runs into `summed` (indexed by h; whole vectors around the span are written).
/// Not inlined: the case of one run stays short.
template <class T>
__attribute__((noinline)) void sum_runs(const uint32_t* runs, int64_t begin, int64_t end, int32_t span,
                                        const T* column, int64_t padded_height, T* summed) {
  for (int32_t h = span_begin(span) & -kLanes<T>; h < span_end(span); h += kLanes<T>) {
    Vector<T> sum = {};
    for (int64_t i = begin; i < end; ++i) {
      const T* depth = column + run_depth(runs[i]) * padded_height;
      sum += lanes_between<T>(load(depth + h), span_begin(runs[i]) - h, span_end(runs[i]) - h);
    }
    store(summed + h, sum);
  }
}

/// The depth of a row, indexed by h: the run's own where it is one, else the sum of its runs in `summed`.
/// `column` is the column's [D][padded_height].
template <class T>
inline const T* row_depth(const uint32_t* runs, int64_t begin, int64_t end, int32_t span, const T* column,
                          int64_t padded_height, T* summed) {
  if (end - begin == 1) return column + run_depth(runs[begin]) * padded_height;
  sum_runs(runs, begin, end, span, column, padded_height, summed);
  return summed;
}

/// Calls action(T{}, Context{}, Out{}) for the element types of a call.
template <class Action>
auto with_map_types(const LiftSplatShape& shape, Action&& action) {
  return with_map_types(shape.context_type, shape.out_type, action);
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
