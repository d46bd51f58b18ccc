// Sums across the lanes of many vectors at a time. Included by CPU bodies only.
#pragma once

#include "core/simd.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// sums[i] = the sum of the lanes of products[i], for i < count.
template <class T>
void sum_lanes(const T (*products)[kLanes<T>], int count, T* sums) {
  constexpr int lanes = kLanes<T>;
  for (int i = 0; i < count; i += lanes) {
    Vector<T> rows[lanes];
    for (int row = 0; row < lanes; ++row) rows[row] = i + row < count ? load(products[i + row]) : Vector<T>{};
    transpose<T>(rows);
    for (int step = 1; step < lanes; step *= 2) {
      for (int row = 0; row + step < lanes; row += 2 * step) rows[row] += rows[row + step];
    }
    store_partial(sums + i, rows[0], count - i);
  }
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
