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

struct SortPass {
  DeviceSpan<const int32_t> state;
  DeviceSpan<const uint32_t> keys,
      values;  ///< values are not read by the first pass: there they are 0, 1, 2…
  DeviceSpan<uint32_t> sorted_keys, sorted_values;
  DeviceSpan<int32_t> digit_counts;  ///< [kDigits][tiles]
  DeviceSpan<int32_t> digit_totals;  ///< [kDigits]
  ScanTiles tiles;
  int64_t tile_count;
  int shift;
  bool first;

  /// One past the last element of a tile; the first pass sees everything, later ones what it kept.
  __device__ int64_t end(int64_t tile) const {
    const int64_t end = tiles.end(tile);
    if (first) return end;
    const int64_t count = state[kSortCount];
    return end < count ? end : count;
  }
  __device__ int digit(uint32_t key) const { return static_cast<int>(key >> shift & (kDigits - 1)); }
};

BEVEL_GLOBAL void count_digits_kernel(SortPass pass) {
  if (!pass.state[kSortWanted]) return;
  BEVEL_SHARED(int32_t, counts, kDigits);
  counts[threadIdx.x] = 0;
  __syncthreads();
  const int64_t end = pass.end(blockIdx.x);
  for (int64_t i = pass.tiles.begin(blockIdx.x) + threadIdx.x; i < end; i += kBlockThreads) {
    const uint32_t key = pass.keys[i];
    if (key != kNoKey) atomicAdd(&counts[pass.digit(key)], 1);
  }
  __syncthreads();
  pass.digit_counts[threadIdx.x * pass.tile_count + blockIdx.x] = counts[threadIdx.x];
}

BEVEL_GLOBAL void scan_digit_counts_kernel(SortPass pass) {
  if (!pass.state[kSortWanted]) return;
  int32_t before = 0;
  for (int64_t first = 0; first < pass.tile_count; first += kBlockThreads) {
    const int64_t tile = first + threadIdx.x;
    const int64_t at = blockIdx.x * pass.tile_count + tile;
    int32_t total;
    const int32_t count = tile < pass.tile_count ? int32_t(pass.digit_counts[at]) : 0;
    const int32_t exclusive = block_exclusive_sum(count, total);
    if (tile < pass.tile_count) pass.digit_counts[at] = before + exclusive;
    before += total;
  }
  if (threadIdx.x == 0) pass.digit_totals[blockIdx.x] = before;
}

BEVEL_GLOBAL void move_pairs_kernel(SortPass pass) {
  if (!pass.state[kSortWanted]) return;
  BEVEL_SHARED(int32_t, next, kDigits);                       // where the next pair of a digit goes
  BEVEL_SHARED(int32_t, warp_places, kBlockWarps * kDigits);  // counts of each warp, then its first places
  const int lane = threadIdx.x % kWarpLanes;
  const int warp = threadIdx.x / kWarpLanes;
  int32_t total;
  const int32_t first_of_digit = block_exclusive_sum(int32_t(pass.digit_totals[threadIdx.x]), total);
  next[threadIdx.x] = first_of_digit + pass.digit_counts[threadIdx.x * pass.tile_count + blockIdx.x];
  for (int w = 0; w < kBlockWarps; ++w) warp_places[w * kDigits + threadIdx.x] = 0;
  __syncthreads();

  const int64_t end = pass.end(blockIdx.x);
  for (int64_t from = pass.tiles.begin(blockIdx.x); from < end; from += kBlockThreads) {
    const int64_t i = from + threadIdx.x;
    const uint32_t key = i < end ? uint32_t(pass.keys[i]) : kNoKey;
    const bool present = key != kNoKey;
    const int digit = pass.digit(key);
    uint32_t peers = __ballot_sync(kAllLanes, present);
    for (int bit = 0; bit < kDigitBits; ++bit) {
      const bool set = digit >> bit & 1;
      const uint32_t with_bit = __ballot_sync(kAllLanes, set);
      peers &= set ? with_bit : ~with_bit;
    }
    const int rank = __popc(peers & ((1u << lane) - 1));
    if (present && rank == 0) warp_places[warp * kDigits + digit] = __popc(peers);
    __syncthreads();
    int32_t place = next[threadIdx.x];
    for (int w = 0; w < kBlockWarps; ++w) {
      const int32_t count = warp_places[w * kDigits + threadIdx.x];
      warp_places[w * kDigits + threadIdx.x] = place;
      place += count;
    }
    next[threadIdx.x] = place;
    __syncthreads();
    if (present) {
      const int32_t to = warp_places[warp * kDigits + digit] + rank;
      pass.sorted_keys[to] = key;
      pass.sorted_values[to] = pass.first ? static_cast<uint32_t>(i) : uint32_t(pass.values[i]);
    }
    __syncthreads();
    for (int w = 0; w < kBlockWarps; ++w) warp_places[w * kDigits + threadIdx.x] = 0;
    __syncthreads();
  }
}

/// Buffers of a sort; sized by radix_sort's caller.
struct SortBuffers {
  DeviceSpan<int32_t> state;
  DeviceSpan<uint32_t> keys[2], values[2];
  DeviceSpan<int32_t> digit_counts, digit_totals;
};

/// Sorts keys[i] (with value i) for all i < elements but those with kNoKey, by their lowest `bits` bits, into
/// sorted_keys and sorted_values. The first pass reads `keys`; `state[kSortCount]` must hold the number of
/// keys kept.
inline void radix_sort(DeviceSpan<const uint32_t> keys, int64_t elements, int64_t capacity, int bits,
                       const SortBuffers& buffers, DeviceSpan<uint32_t> sorted_keys,
                       DeviceSpan<uint32_t> sorted_values, cudaStream_t stream) {
  const int passes = bits <= kDigitBits ? 1 : (bits + kDigitBits - 1) / kDigitBits;
  DeviceSpan<const uint32_t> from_keys = keys, from_values;
  for (int p = 0; p < passes; ++p) {
    const bool last = p + 1 == passes;
    SortPass pass;
    pass.state = buffers.state;
    pass.keys = from_keys;
    pass.values = from_values;
    pass.sorted_keys = last ? sorted_keys : buffers.keys[p % 2];
    pass.sorted_values = last ? sorted_values : buffers.values[p % 2];
    pass.digit_counts = buffers.digit_counts;
    pass.digit_totals = buffers.digit_totals;
    pass.tiles = ScanTiles::of(p == 0 ? elements : capacity);
    pass.tile_count = pass.tiles.count();
    pass.shift = p * kDigitBits;
    pass.first = p == 0;
    const unsigned tiles = static_cast<unsigned>(pass.tile_count);
    BEVEL_ENQUEUE(count_digits_kernel, tiles, 0, stream, pass);
    BEVEL_ENQUEUE(scan_digit_counts_kernel, kDigits, 0, stream, pass);
    BEVEL_ENQUEUE(move_pairs_kernel, tiles, 0, stream, pass);
    from_keys = pass.sorted_keys;
    from_values = pass.sorted_values;
  }
}

/// Bits needed to tell the numbers below `count` apart.
inline int bits_below(int64_t count) {
  int bits = 1;
  while (bits < 32 && int64_t(1) << bits < count) ++bits;
  return bits;
}

}  // namespace bevel
