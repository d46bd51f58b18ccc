// Sums across the lanes of many vectors at a time. Included by CPU bodies only.
#pragma once

#include "core/simd.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// One stage of a sum across lanes: row r takes the pairwise sums of itself in the lanes without bit `Block`
/// and those of row r + Block in the others.
template <int Block, class T, int... Lane>
inline __attribute__((always_inline)) void fold(Vector<T> (&rows)[kLanes<T>],
                                                std::integer_sequence<int, Lane...>) {
  constexpr int lanes = kLanes<T>;
  using Index = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
  typedef Index Mask __attribute__((vector_size(BEVEL_VECTOR_BYTES)));
  constexpr Mask low = {(Lane & Block ? lanes + Lane - Block : Lane)...};
  constexpr Mask high = {(Lane & Block ? lanes + Lane : Lane + Block)...};
#pragma GCC unroll 8
  for (int row = 0; row < Block; ++row) {
    const Vector<T> a = rows[row], b = rows[row + Block];
    rows[row] = __builtin_shuffle(a, b, low) + __builtin_shuffle(a, b, high);
  }
}

/// Lane i of the result is the sum of the lanes of rows[i].
template <class T>
inline __attribute__((always_inline)) Vector<T> lane_sums(Vector<T> (&rows)[kLanes<T>]) {
  constexpr auto all = std::make_integer_sequence<int, kLanes<T>>();
  if constexpr (kLanes < T >> 8) fold<8, T>(rows, all);
  if constexpr (kLanes < T >> 4) fold<4, T>(rows, all);
  if constexpr (kLanes < T >> 2) fold<2, T>(rows, all);
  fold<1, T>(rows, all);
  return rows[0];
}

/// sums[i] = the sum of the lanes of products[i], for i < count.
template <class T>
void sum_lanes(const T (*products)[kLanes<T>], int count, T* sums) {
  constexpr int lanes = kLanes<T>;
  for (int i = 0; i < count; i += lanes) {
    Vector<T> rows[lanes];
    for (int row = 0; row < lanes; ++row) rows[row] = i + row < count ? load(products[i + row]) : Vector<T>{};
    store_partial(sums + i, lane_sums<T>(rows), count - i);
  }
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
