// See deform_conv_layout.cuh. A block transposes a square in shared memory; both sides are read and written
// in whole rows of it. Bound by memory.
#include "deform_conv/deform_conv_layout.cuh"

#include "core/block_scan.cuh"
#include "core/cuda_check.hpp"

namespace bevel {
namespace {

constexpr int kSquare = 32;
constexpr int kSquareStride = kSquare + 1;  // a column of it lies in as many banks

struct Transpose {
  ConstMap from;
  Map to;
  int64_t rows, columns, row_squares, column_squares;
};

BEVEL_GLOBAL void deform_conv_transpose_kernel(Transpose t) {
  BEVEL_SHARED(float, square, kSquare* kSquareStride);
  const int64_t column_square = blockIdx.x % t.column_squares;
  const int64_t row_square = blockIdx.x / t.column_squares % t.row_squares;
  const int64_t batch = blockIdx.x / t.column_squares / t.row_squares;
  const int lane = threadIdx.x % kSquare;
  with_element_type(t.from.type, [&](auto tag) {
    for (int i = threadIdx.x / kSquare; i < kSquare; i += kBlockThreads / kSquare) {
      const int64_t row = row_square * kSquare + i, column = column_square * kSquare + lane;
      if (row < t.rows && column < t.columns) {
        square[i * kSquareStride + lane] =
            t.from.template load<decltype(tag)>((batch * t.rows + row) * t.columns + column);
      }
    }
  });
  __syncthreads();
  for (int i = threadIdx.x / kSquare; i < kSquare; i += kBlockThreads / kSquare) {
    const int64_t column = column_square * kSquare + i, row = row_square * kSquare + lane;
    if (row < t.rows && column < t.columns) {
      t.to.store((batch * t.columns + column) * t.rows + row, square[lane * kSquareStride + i]);
    }
  }
}

BEVEL_GLOBAL void deform_conv_widen_kernel(ConstMap from, DeviceSpan<float> to, int64_t elements) {
  with_element_type(from.type, [&](auto tag) {
    for (int64_t i = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x; i < elements;
         i += gridDim.x * static_cast<int64_t>(kBlockThreads)) {
      to[i] = from.template load<decltype(tag)>(i);
    }
  });
}

}  // namespace

void enqueue_transpose(const ConstMap& from, const Map& to, int64_t batch, int64_t rows, int64_t columns,
                       cudaStream_t stream) {
  const int64_t row_squares = (rows + kSquare - 1) / kSquare;
  const int64_t column_squares = (columns + kSquare - 1) / kSquare;
  if (batch * row_squares * column_squares == 0) return;
  const Transpose transpose = {from, to, rows, columns, row_squares, column_squares};
  BEVEL_ENQUEUE(deform_conv_transpose_kernel, batch * row_squares * column_squares, 0, stream, transpose);
}

void enqueue_widen(const ConstMap& from, const DeviceSpan<float>& to, int64_t elements, cudaStream_t stream) {
  constexpr int64_t kMostBlocks = 4096;
  if (elements == 0) return;
  BEVEL_ENQUEUE(deform_conv_widen_kernel, blocks_for(elements, kMostBlocks), 0, stream, from, to, elements);
}

}  // namespace bevel
