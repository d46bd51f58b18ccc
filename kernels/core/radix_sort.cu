// See radix_sort.cuh.
#include "core/radix_sort.cuh"

namespace bevel {
namespace {

struct SortPass {
  DeviceSpan<const int32_t> state;
  DeviceSpan<const uint32_t> keys;
  DeviceSpan<const uint32_t> values;  ///< not read by the first pass: there they are 0, 1, 2…
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

BEVEL_GLOBAL void radix_sort_count_digits_kernel(SortPass pass) {
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

BEVEL_GLOBAL void radix_sort_scan_digit_counts_kernel(SortPass pass) {
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

BEVEL_GLOBAL void radix_sort_move_pairs_kernel(SortPass pass) {
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

}  // namespace

void radix_sort(DeviceSpan<const uint32_t> keys, int64_t elements, int64_t capacity, int bits,
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
    BEVEL_ENQUEUE(radix_sort_count_digits_kernel, pass.tile_count, 0, stream, pass);
    BEVEL_ENQUEUE(radix_sort_scan_digit_counts_kernel, kDigits, 0, stream, pass);
    BEVEL_ENQUEUE(radix_sort_move_pairs_kernel, pass.tile_count, 0, stream, pass);
    from_keys = pass.sorted_keys;
    from_values = pass.sorted_values;
  }
}

}  // namespace bevel
