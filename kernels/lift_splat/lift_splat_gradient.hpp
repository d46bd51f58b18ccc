// What lift-splat's backward bodies share: the output gradient as rows of channels, the softmax backward, and
// the store of a context gradient. Included by the CPU bodies only.
#pragma once

#include "lift_splat/lift_splat_tiles.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// Row c of cell q, whatever the layout and type of grad_out: read in place where it is channels-last in T
/// with whole vectors, else brought into the workspace first.
template <class T, class Out>
class OutputGradient {
 public:
  explicit OutputGradient(const LiftSplatBackwardJob& job)
      : job_(job),
        tile_(job.shape),
        direct_(std::is_same_v<T, Out> && job.shape.out_channels_last && job.shape.channels % 16 == 0) {}

  /// Elements of T needed in the workspace.
  int64_t elements() const { return direct_ ? 0 : job_.shape.layout.cells * tile_.padded_channels; }
  int64_t stride() const { return tile_.padded_channels; }
  int64_t strips() const { return direct_ ? 0 : (job_.shape.layout.cells + kStrip - 1) / kStrip; }
  const T* rows(const T* map) const { return direct_ ? static_cast<const T*>(job_.grad_out) : map; }

  /// Converts one strip of cells.
  void prepare(int64_t strip, T* map) const {
    const LiftSplatShape& shape = job_.shape;
    const Out* from = static_cast<const Out*>(job_.grad_out);
    int64_t begin = strip * kStrip;
    const int64_t end = std::min(begin + kStrip, shape.layout.cells);
    std::fill(map + begin * tile_.padded_channels, map + end * tile_.padded_channels, T(0));
    if (shape.out_channels_last) {
      for (int64_t cell = begin; cell < end; ++cell) {
        for (int64_t c = 0; c < tile_.channels; c += kLanes<T>) {
          store(map + cell * tile_.padded_channels + c,
                load_as<T>(from + cell * tile_.channels + c, static_cast<int>(tile_.channels - c)));
        }
      }
      return;
    }
    const int64_t plane = shape.grid_rows * shape.grid_columns;
    while (begin < end) {
      const int64_t index = begin / plane, stop = std::min(end, (index + 1) * plane);
      for (int64_t cell = begin; cell < stop; cell += kBlock) {
        gather_columns<T>(from + index * tile_.channels * plane + cell % plane, plane, tile_.channels,
                          static_cast<int>(std::min<int64_t>(kBlock, stop - cell)),
                          map + cell * tile_.padded_channels, tile_.padded_channels);
      }
      begin = stop;
    }
  }

 private:
  static constexpr int64_t kStrip = 64;
  const LiftSplatBackwardJob& job_;
  const TileShape tile_;
  const bool direct_;
};

/// Turns gradients of the mixed depth, in place, into those of the given depth: times (1 − f) under a prior,
/// then through the softmax. Pointers are at the block's first column.
template <class T>
void finish_depth_gradient(const TileShape& tile, const T* probabilities, const T* prior_weight, bool logits,
                           int count, T* gradient) {
  if (!logits && !prior_weight) return;
  for (int64_t h = 0; h < tile.height; ++h) {
    for (int w = 0; w < count; w += kLanes<T>) {
      const int64_t pixel = h * tile.width + w;
      const int valid = count - w;
      const Vector<T> keep =
          prior_weight ? T(1) - load_partial(prior_weight + pixel, valid) : broadcast(T(1));
      Vector<T> mean = {};
      if (logits) {
        for (int64_t d = 0; d < tile.depth_bins; ++d) {
          const int64_t at = d * tile.pixels() + pixel;
          mean += load_partial(probabilities + at, valid) * (keep * load_partial(gradient + at, valid));
        }
      }
      for (int64_t d = 0; d < tile.depth_bins; ++d) {
        const int64_t at = d * tile.pixels() + pixel;
        Vector<T> g = keep * load_partial(gradient + at, valid);
        if (logits) g = load_partial(probabilities + at, valid) * (g - mean);
        store_partial(gradient + at, g, valid);
      }
    }
  }
}

/// The reverse of load_context_block.
template <class T, class Storage>
void store_context_block(const TileShape& tile, const T* columns, bool channels_last, int64_t w0, int count,
                         Storage* image) {
  const int64_t column_stride = tile.height * tile.padded_channels;
  for (int64_t h = 0; h < tile.height; ++h) {
    const T* row = columns + h * tile.padded_channels;
    if (channels_last) {
      for (int w = 0; w < count; ++w) {
        Storage* to = image + (h * tile.width + w0 + w) * tile.channels;
        for (int64_t c = 0; c < tile.channels; c += kLanes<T>) {
          store_as<T>(to + c, load(row + w * column_stride + c), static_cast<int>(tile.channels - c));
        }
      }
    } else {
      scatter_columns<T>(row, column_stride, tile.channels, count, image + h * tile.width + w0,
                         tile.pixels());
    }
  }
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
