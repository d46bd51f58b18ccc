// Sums of taps over channels-first maps on the CPU: each target pixel is a weighted sum of source pixels, the
// same for every channel. Included by CPU bodies only.
//
// A block is a vector of neighbouring targets. Its taps are sorted by source row; of each row a window of two
// vectors is loaded, and every lane takes its tap out of it by a permutation. So what a near-isometry reads
// costs one load and one permutation for a vector of taps, where a gather would cost a load for each, and the
// plan made of this (rows, permutations, weights) serves all channels, four at a time. What does not fit one
// window takes several: any taps come out right, only slower.
#pragma once

#include "core/cpu_dispatch.hpp"
#include "core/lane_select.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// One tap of each lane of a block, W weights a tap.
template <class T, int W>
struct LaneTaps {
  Indices<T> row, column;  ///< in the source map
  Vector<T> weight[W];
  uint32_t lanes;  ///< that have one
};

template <class T, int W = 1>
class TapTable {
 public:
  /// Taps of a lane at most.
  static constexpr int kMostTaps = 512 / kLanes<float>;

  struct Row {
    int64_t offset;  ///< of its window in the source map
    int64_t valid;   ///< elements of the source row from there on
    int end_slot;
  };
  struct Block {
    int64_t target;  ///< offset of the first lane in the target map
    int lanes;
    int end_row;
  };

  /// Whether a block of that many taps a lane surely fits.
  bool has_room(int taps) const { return blocks_ < kMostBlocks && slots_ + taps * kLanes<T> <= kMostSlots; }
  void clear() { blocks_ = rows_ = slots_ = 0; }

  /// A block of `lanes` targets from `target` on; each lane's taps are added in the order of the source's
  /// rows and columns, in which they must come. `width` is the source's.
  void add(const LaneTaps<T, W>* taps, int count, int64_t target, int lanes, int32_t width) {
    uint32_t left[kMostTaps];
    for (int k = 0; k < count; ++k) left[k] = taps[k].lanes;
    const Indices<T> most = broadcast(std::numeric_limits<Index<T>>::max());
    const uint32_t all = lanes_where<T>(most == most);
    for (;;) {
      Indices<T> rows = most;
      uint32_t any = 0;
      for (int k = 0; k < count; ++k) {
        const Indices<T> row = lanes_of<T>(left[k]) ? taps[k].row : most;
        rows = row < rows ? row : rows;
        any |= left[k];
      }
      if (!any) break;
      const Index<T> row = smallest<T>(rows, all);
      Indices<T> columns = most;
      for (int k = 0; k < count; ++k) {
        const Indices<T> column = lanes_of<T>(left[k]) & (taps[k].row == row) ? taps[k].column : most;
        columns = column < columns ? column : columns;
      }
      const Index<T> first = smallest<T>(columns, all);
      const int first_slot = slots_;
      for (int k = 0; k < count; ++k) {
        const Indices<T> index = taps[k].column - first;
        const uint32_t served =
            left[k] & lanes_where<T>((taps[k].row == row) & (index < Index<T>{2 * kLanes<T>}));
        if (!served) continue;
        left[k] &= ~served;
        put(taps[k], index, served, first_slot);
      }
      row_[rows_++] = {static_cast<int64_t>(row) * width + first, width - static_cast<int64_t>(first),
                       slots_};
    }
    block_[blocks_++] = {target, lanes, rows_};
  }

  /// Calls finish(block, sums) for each block with the sums of each of its W weights over the map at `source`
  /// and the C − 1 ones that follow every `stride` elements: Vector<T> sums[W][C].
  template <int C, class Source, class Finish>
  void sum(const Source* source, int64_t stride, Finish finish) const {
    constexpr int lanes = kLanes<T>;
    int row = 0, slot = 0;
    for (int b = 0; b < blocks_; ++b) {
      Vector<T> sums[W][C] = {};
      for (; row < block_[b].end_row; ++row) {
        const Source* from = source + row_[row].offset;
        const int valid = static_cast<int>(std::min<int64_t>(row_[row].valid, 2 * lanes));
        Vector<T> low[C], high[C];
#pragma GCC unroll 8
        for (int c = 0; c < C; ++c) low[c] = load_as<T>(from + c * stride, valid);
#pragma GCC unroll 8
        for (int c = 0; c < C; ++c) high[c] = load_as<T>(from + c * stride + lanes, valid - lanes);
        for (; slot < row_[row].end_slot; ++slot) {
          const Indices<T> index = index_[slot];
          const uint32_t served = lanes_[slot];
#pragma GCC unroll 8
          for (int c = 0; c < C; ++c) {
            const Vector<T> tap = select_lanes<T>(low[c], high[c], index, served);
#pragma GCC unroll 2
            for (int w = 0; w < W; ++w) sums[w][c] += weight_[slot][w] * tap;
          }
        }
      }
      finish(block_[b], sums);
    }
  }

 private:
  static constexpr int kMostSlots = 512, kMostBlocks = 128;

  /// Adds a tap of some lanes to the first slot after which none of these lanes has one, or to a new slot.
  void put(const LaneTaps<T, W>& tap, Indices<T> index, uint32_t lanes, int first_slot) {
    int slot = slots_;
    while (slot > first_slot && !(lanes_[slot - 1] & lanes)) --slot;
    if (slot == slots_) {
      index_[slot] = index;
      for (int w = 0; w < W; ++w) weight_[slot][w] = tap.weight[w];
      lanes_[slot] = lanes;
      ++slots_;
    } else {
      const Indices<T> mine = lanes_of<T>(lanes);
      index_[slot] = mine ? index : index_[slot];
      for (int w = 0; w < W; ++w) weight_[slot][w] = mine ? tap.weight[w] : weight_[slot][w];
      lanes_[slot] |= lanes;
    }
  }

  int blocks_ = 0, rows_ = 0, slots_ = 0;
  Vector<T> weight_[kMostSlots][W];
  Indices<T> index_[kMostSlots];
  uint32_t lanes_[kMostSlots];
  Row row_[kMostSlots];
  Block block_[kMostBlocks];
};

}  // namespace bevel::BEVEL_ISA_NAMESPACE
