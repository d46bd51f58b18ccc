// Transposes of matrices in memory, in squares of registers, with a change of storage type on the way.
// Included by CPU bodies only.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/simd.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// to[c · to_stride + r] = from[r · from_stride + c] for r < rows and c < columns, converted from In to T and
/// from T to Out; one of In and Out is T.
template <class T, class In, class Out>
void transpose_matrix(const In* from, int64_t from_stride, int64_t rows, int64_t columns, Out* to,
                      int64_t to_stride) {
  constexpr int lanes = kLanes<T>;
  for (int64_t row = 0; row < rows; row += lanes) {
    const int high = static_cast<int>(std::min<int64_t>(lanes, rows - row));
    for (int64_t column = 0; column < columns; column += lanes) {
      const int wide = static_cast<int>(std::min<int64_t>(lanes, columns - column));
      Vector<T> square[lanes];
      for (int i = 0; i < lanes; ++i) {
        square[i] = i < high ? load_as<T>(from + (row + i) * from_stride + column, wide) : Vector<T>{};
      }
      transpose<T>(square);
      for (int i = 0; i < wide; ++i) store_as<T>(to + (column + i) * to_stride + row, square[i], high);
    }
  }
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
