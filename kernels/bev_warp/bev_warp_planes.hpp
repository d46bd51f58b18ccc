// Channels-first maps cut into tiles, and a tile's tap table run over its channels. Included by CPU bodies
// only.
#pragma once

#include "bev_warp/bev_warp_job.hpp"
#include "bev_warp/bev_warp_taps.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// A part of one frame of a map.
struct PlaneTile {
  int64_t batch, frame;
  int32_t first_row, end_row, first_column;
  int columns;

  int64_t offset(const WarpMap& map) const { return batch * map.batch + frame * map.frame; }
};

/// The tiles of all frames of a map. As high as they are, a tile's source rows are little more than its own;
/// and a row of one is a few whole cache lines.
class PlaneTiles {
 public:
  static constexpr int kRows = 16, kColumns = 64;

  PlaneTiles(int64_t batch, int64_t frames, const WarpMap& map)
      : frames_(frames),
        height_(map.height),
        width_(map.width),
        down_((map.height + kRows - 1) / kRows),
        across_((map.width + kColumns - 1) / kColumns),
        count_(batch * frames * down_ * across_) {}

  int64_t count() const { return count_; }
  PlaneTile tile(int64_t index) const {
    const int64_t column = index % across_, row = index / across_ % down_, frame = index / across_ / down_;
    PlaneTile tile;
    tile.batch = frame / frames_;
    tile.frame = frame % frames_;
    tile.first_row = static_cast<int32_t>(row * kRows);
    tile.end_row = std::min(tile.first_row + kRows, height_);
    tile.first_column = static_cast<int32_t>(column * kColumns);
    tile.columns = std::min(kColumns, width_ - tile.first_column);
    return tile;
  }

 private:
  int64_t frames_;
  int32_t height_, width_;
  int64_t down_, across_, count_;
};

/// Outputs that are larger do not stay in the caches anyway.
constexpr int64_t kStreamedBytes = int64_t{8} << 20;

template <class T, class Out>
inline bool may_stream(const Out* target, const WarpMap& map, int64_t bytes) {
  if constexpr (!std::is_same_v<T, Out>) {
    return false;
  } else {
    auto whole = [](int64_t elements) { return elements % kLanes<T> == 0; };
    return bytes >= kStreamedBytes && reinterpret_cast<uintptr_t>(target) % BEVEL_VECTOR_BYTES == 0 &&
           whole(map.channel) && whole(map.width);
  }
}

/// Writes the table's blocks in every channel, and empties the table. `source` and `target` are of channel 0.
template <class T, class In, class Out>
void run_planes(TapTable<T>& table, const In* source, const WarpMap& in, Out* target, const WarpMap& out,
                int64_t channels, int64_t all_bytes) {
  constexpr int most = 4;
  const bool streaming = may_stream<T>(target, out, all_bytes);
  for (int64_t channel = 0; channel < channels; channel += most) {
    with_constant<most>(std::min<int64_t>(channels - channel, most), [&](auto together) {
      constexpr int C = together;
      Out* planes = target + channel * out.channel;
      table.template sum<C>(source + channel * in.channel, in.channel,
                            [&](const auto& block, const auto& sums) {
                              for (int c = 0; c < C; ++c) {
                                Out* to = planes + c * out.channel + block.target;
                                if constexpr (std::is_same_v<T, Out>) {
                                  if (streaming && block.lanes == kLanes<T>) {
                                    stream(to, sums[0][c]);
                                    continue;
                                  }
                                }
                                store_as<T>(to, sums[0][c], block.lanes);
                              }
                            });
    });
  }
  table.clear();
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
