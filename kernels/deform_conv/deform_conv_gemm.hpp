// Products of small matrices for deform_conv's CPU bodies: C += A · B in registers. Included by CPU bodies
// only.
//
// A strip of kStripRows rows of A against a panel of two vectors of columns of B: 28 sums with AVX-512, 12
// otherwise, so that every vector of B that is loaded serves each row and each number of A that is broadcast
// serves both vectors. Sums stay in registers over the whole depth, which the callers keep short enough for
// the panel to stay in the first-level cache. Bound: the fused multiply-adds.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/cpu_dispatch.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

#if BEVEL_ISA == 2
constexpr int kStripRows = 14;
#else
constexpr int kStripRows = 6;
#endif
constexpr int kPanelVectors = 2;
/// Columns of a panel of B.
template <class T>
constexpr int kPanel = kPanelVectors* kLanes<T>;

/// Depth of A at most.
constexpr int kMostDepth = 128;
/// Elements from one row of A to the next; no power of two, so that rows spread over the cache's sets.
constexpr int kRowStride = kMostDepth + 16;

template <class T, int Rows, int V>
inline void multiply_strip(const T* a, int depth, const T* b, int64_t b_stride, T* c, int64_t c_stride) {
  constexpr int lanes = kLanes<T>;
  Vector<T> sum[Rows][V];
#pragma GCC unroll 16
  for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sum[row][v] = load(c + row * c_stride + v * lanes);
  }
  for (int k = 0; k < depth; ++k, b += b_stride) {
    Vector<T> columns[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) columns[v] = load(b + v * lanes);
#pragma GCC unroll 16
    for (int row = 0; row < Rows; ++row) {
      const Vector<T> factor = broadcast(a[row * kRowStride + k]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[row][v] += factor * columns[v];
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) store(c + row * c_stride + v * lanes, sum[row][v]);
  }
}

/// C [rows, vectors · kLanes] += A [rows, depth] · B. A's rows are kRowStride apart, depth is at most
/// kMostDepth. B comes in panels of kPanelVectors vectors of columns, panel_stride elements apart, each with
/// `depth` rows b_stride elements apart; the last panel may have one vector only.
template <class T>
void multiply(const T* a, int64_t rows, int depth, const T* b, int64_t b_stride, int64_t panel_stride,
              int vectors, T* c, int64_t c_stride) {
  for (int first = 0; first < vectors; first += kPanelVectors, b += panel_stride, c += kPanel<T>) {
    for (int64_t row = 0; row < rows; row += kStripRows) {
      const T* strip = a + row * kRowStride;
      T* to = c + row * c_stride;
      with_constant<kStripRows>(std::min<int64_t>(rows - row, kStripRows), [&](auto height) {
        if (first + 1 < vectors) {
          multiply_strip<T, height, 2>(strip, depth, b, b_stride, to, c_stride);
        } else {
          multiply_strip<T, height, 1>(strip, depth, b, b_stride, to, c_stride);
        }
      });
    }
  }
}

template <class T>
constexpr int vectors_of(int64_t columns) {
  return static_cast<int>((columns + kLanes<T> - 1) / kLanes<T>);
}
template <class T>
constexpr int64_t panels_of(int64_t columns) {
  return (columns + kPanel<T> - 1) / kPanel<T>;
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
