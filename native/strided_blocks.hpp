// The memory of a strided tensor as equal blocks of bytes, and whether such memories meet: exact, without a
// list of the blocks. What it costs does not grow with the number of elements, unless strides interleave in
// ways that no slice of a larger tensor has; then the search ends after a fixed number of steps, and says so.
#pragma once

#include <algorithm>
#include <cstdint>

namespace bevel {

/// Whether elements share memory. kUnknown: the strides interleave so that the answer would take too long.
enum class Sharing { kNone, kSome, kUnknown };

struct StridedBlocks {
  static constexpr int kMostDimensions = 8;
  /// Pairs of parts that one question looks at, at most: some milliseconds.
  static constexpr int64_t kMostSteps = int64_t{1} << 20;

  struct Dimension {
    int64_t extent, stride;  ///< > 1, and in bytes ≥ 0
  };

  uintptr_t begin = 0;
  int64_t block = 0;    ///< bytes; 0: no memory at all
  int64_t span = 0;     ///< bytes from the first block's beginning to the last one's end
  int64_t blocks = 1;   ///< how many there are, without those that coincide
  bool shares = false;  ///< elements lie upon each other within a block, or blocks coincide (a stride of 0)
  int dimensions = 0;
  Dimension outer[kMostDimensions];  ///< over which the blocks are spread; strides ascend

  StridedBlocks() = default;

  /// From the dimensions of more than one element, in any order; false if the memory is larger than can be
  /// addressed.
  bool spread(uintptr_t at, int64_t element_bytes, const Dimension* from, int count) {
    Dimension sorted[kMostDimensions];
    for (int i = 0; i < count; ++i) {
      int place = i;
      for (; place > 0 && sorted[place - 1].stride > from[i].stride; --place)
        sorted[place] = sorted[place - 1];
      sorted[place] = from[i];
    }
    begin = at;
    block = span = element_bytes;
    for (int i = 0; i < count; ++i) {
      const Dimension& d = sorted[i];
      int64_t further;
      if (__builtin_mul_overflow(d.extent - 1, d.stride, &further) ||
          __builtin_add_overflow(span, further, &span)) {
        return false;
      }
      if (d.stride < block) shares = true;
      if (d.stride == 0) continue;
      if (dimensions == 0 && d.stride <= block) {
        block = span;  // no gap
        continue;
      }
      Dimension* last = dimensions ? &outer[dimensions - 1] : nullptr;
      if (__builtin_mul_overflow(blocks, d.extent, &blocks)) return false;
      if (last && d.stride % last->stride == 0 && d.stride / last->stride == last->extent) {
        last->extent *= d.extent;  // goes on as the last one does
      } else {
        outer[dimensions++] = d;
      }
    }
    uintptr_t end;
    return !__builtin_add_overflow(begin, static_cast<uintptr_t>(span), &end);
  }

  /// Whether two elements share memory.
  Sharing with_itself() const {
    if (shares) return Sharing::kSome;
    int64_t bytes;
    if (__builtin_mul_overflow(blocks, block, &bytes) || bytes > span) return Sharing::kSome;
    Search search;
    return search.result(search.within(*this, dimensions, span));
  }

  /// Whether an element of one shares memory with one of the other.
  static Sharing between(const StridedBlocks& a, const StridedBlocks& b) {
    if (a.block == 0 || b.block == 0) return Sharing::kNone;
    Search search;
    return search.result(search.meet({a, a.begin, a.dimensions, a.span}, {b, b.begin, b.dimensions, b.span}));
  }

  /// run(first byte) of each block.
  template <class Run>
  void for_each_block(Run run) const {
    if (block > 0) for_each_block(begin, dimensions, run);
  }

 private:
  /// The blocks over the first few dimensions.
  struct Part {
    const StridedBlocks& of;
    uintptr_t begin;
    int dimensions;
    int64_t span;

    const Dimension& last() const { return of.outer[dimensions - 1]; }
    int64_t stride() const { return dimensions ? last().stride : 0; }
    /// The part at one index of the last dimension.
    Part at(int64_t index) const {
      return {of, begin + static_cast<uintptr_t>(index * last().stride), dimensions - 1,
              span - (last().extent - 1) * last().stride};
    }
  };

  /// One question; true from meet and within also says that the steps have run out.
  struct Search {
    int64_t steps = kMostSteps;

    Sharing result(bool found) const {
      if (!found) return Sharing::kNone;
      return steps >= 0 ? Sharing::kSome : Sharing::kUnknown;
    }

    static int64_t floor_divided(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

    bool meet(const Part& a, const Part& b) {
      if (steps-- <= 0) return true;
      const int64_t distance = static_cast<int64_t>(b.begin - a.begin);
      if (distance >= a.span || -distance >= b.span) return false;
      if (a.dimensions == 0 && b.dimensions == 0) return true;
      if (a.stride() < b.stride()) return meet(b, a);
      const Part first = a.at(0);
      if (a.stride() == b.stride()) {
        // Index i of a and i + k of b: only the step k matters, and few steps bring the two near each other.
        const Part other = b.at(0);
        const int64_t low = floor_divided(-distance - other.span, a.stride()) + 1;
        const int64_t high = floor_divided(first.span - distance - 1, a.stride());
        for (int64_t k = std::max(low, 1 - a.last().extent); k <= std::min(high, b.last().extent - 1); ++k) {
          Part moved = other;
          moved.begin += static_cast<uintptr_t>(k * a.stride());
          if (meet(first, moved)) return true;
        }
        return false;
      }
      const int64_t low = floor_divided(distance - first.span, a.stride()) + 1;
      const int64_t high = floor_divided(distance + b.span - 1, a.stride());
      for (int64_t i = std::max<int64_t>(low, 0); i <= std::min(high, a.last().extent - 1); ++i) {
        if (meet(a.at(i), b)) return true;
      }
      return false;
    }

    bool within(const StridedBlocks& of, int count, int64_t width) {
      if (count == 0) return false;
      const Part whole = {of, of.begin, count, width};
      const Part inner = whole.at(0);
      for (int64_t k = 1; k < whole.last().extent && k * whole.stride() < inner.span; ++k) {
        if (meet(inner, whole.at(k))) return true;
      }
      return within(of, count - 1, inner.span);
    }
  };

  template <class Run>
  void for_each_block(uintptr_t at, int count, Run& run) const {
    if (count == 0) return run(at);
    const Dimension& d = outer[count - 1];
    for (int64_t i = 0; i < d.extent; ++i) {
      for_each_block(at + static_cast<uintptr_t>(i * d.stride), count - 1, run);
    }
  }
};

}  // namespace bevel
