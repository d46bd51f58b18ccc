// Stable sort of (key, value) pairs over many blocks, eight bits a pass, least significant digit first. Three
// launches a pass: counts of each digit in each tile; a scan of these over the tiles, a block for each digit;
// and the move. Nothing is ordered by atomics (those only count), so the result is the same whatever the
// order of threads. Bound by memory: a pass reads the keys twice and moves every pair once.
#pragma once

#include "core/block_scan.cuh"
#include "core/cuda_check.hpp"

namespace bevel {

/// Scans over many blocks cut their range in at most this many tiles, so that a block can add up all totals
/// before it.
constexpr int64_t kMaxScanTiles = 1024;

/// A range of elements cut in tiles, a block each.
struct ScanTiles {
  int64_t elements;
  int64_t tile;  ///< elements a tile, a multiple of the block

  static ScanTiles of(int64_t elements) {
    const int64_t step = kBlockThreads * 8;
    const int64_t least = elements / kMaxScanTiles + 1;
    return {elements, (least + step - 1) / step * step};
  }
  int64_t count() const { return elements == 0 ? 1 : (elements + tile - 1) / tile; }
  __device__ int64_t begin(int64_t index) const { return index * tile; }
  __device__ int64_t end(int64_t index) const {
    const int64_t end = (index + 1) * tile;
    return end < elements ? end : elements;
  }
};

constexpr int kDigitBits = 8;
constexpr int kDigits = 1 << kDigitBits;
static_assert(kDigits == kBlockThreads, "a thread for each digit");
constexpr uint32_t kNoKey = 0xffffffffu;  ///< pairs with this key are left out by the first pass

/// Words that tell the passes what an earlier kernel found.
enum SortState { kSortWanted = 0, kSortCount = 1, kSortStateWords = 2 };

/// Buffers of a sort; sized by radix_sort's caller.
struct SortBuffers {
  DeviceSpan<int32_t> state;
  DeviceSpan<uint32_t> keys[2], values[2];
  DeviceSpan<int32_t> digit_counts, digit_totals;
};

/// Sorts keys[i] (with value i) for all i < elements but those with kNoKey, by their lowest `bits` bits, into
/// sorted_keys and sorted_values. The first pass reads `keys`; `state[kSortCount]` must hold the number of
/// keys kept.
void radix_sort(DeviceSpan<const uint32_t> keys, int64_t elements, int64_t capacity, int bits,
                const SortBuffers& buffers, DeviceSpan<uint32_t> sorted_keys,
                DeviceSpan<uint32_t> sorted_values, cudaStream_t stream);

/// Bits needed to tell the numbers below `count` apart.
inline int bits_below(int64_t count) {
  int bits = 1;
  while (bits < 32 && int64_t(1) << bits < count) ++bits;
  return bits;
}

}  // namespace bevel
