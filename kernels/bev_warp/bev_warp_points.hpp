// The positions of a run of output pixels on the CPU. Included by CPU bodies only.
#pragma once

#include <algorithm>

#include "bev_warp/bev_warp_job.hpp"
#include "bev_warp/bev_warp_positions.hpp"
#include "core/lane_select.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// Where `count` neighbouring pixels of an output row read the input.
template <class T>
struct WarpPoints {
  static constexpr int kMost = 64;
  int count;
  alignas(64) Index<T> column[kMost];  ///< of corner 0
  alignas(64) Index<T> row[kMost];
  alignas(64) Index<T> inside[kMost];  ///< bit k: corner k lies on the map
  alignas(64) T right[kMost];
  alignas(64) T lower[kMost];
};

/// Weight of corner k of a bilinear point in terms of its right and lower weights.
template <class T>
inline T corner_weight(T right, T lower, int k) {
  return bilinear_weight(BilinearPoint<T>{0, 0, right, lower, 0}, k);
}

/// The positions of one frame.
template <class T>
class FramePositions {
 public:
  FramePositions(const BevWarpForwardJob& job, int64_t batch, int64_t frame)
      : job_(job), x_(job.coordinates, job.in.width), y_(job.coordinates, job.in.height) {
    const int64_t index = batch * job.frames + frame;
    if (job.grid) {
      grid_ = static_cast<const T*>(job.grid) + index * job.out.height * job.out.width * 2;
    } else {
      T matrix[6];
      std::copy_n(static_cast<const T*>(job.matrices) + index * 6, 6, matrix);
      matrix_ =
          pixel_matrix(matrix, job.coordinates, job.in.width, job.in.height, job.out.width, job.out.height);
    }
  }

  /// Those of pixels [first, first + count) of a row of the output.
  void points(int32_t row, int32_t first, int count, WarpPoints<T>& points) const {
    alignas(64) T x[WarpPoints<T>::kMost], y[WarpPoints<T>::kMost];
    if (grid_) {
      const T* u = grid_ + (static_cast<int64_t>(row) * job_.out.width + first) * 2;
      for (int i = 0; i < count; ++i) {
        x[i] = x_.pixel(u[2 * i]);
        y[i] = y_.pixel(u[2 * i + 1]);
      }
    } else {
      for (int i = 0; i < count; ++i) {
        x[i] = matrix_.x(first + i, row);
        y[i] = matrix_.y(first + i, row);
      }
    }
    points.count = count;
    if (job_.nearest) {
      place<true>(x, y, points);
    } else {
      place<false>(x, y, points);
    }
  }

  /// Pixels of the input by a unit of the grid.
  T grid_step_x() const { return x_.half; }
  T grid_step_y() const { return y_.half; }

 private:
  template <bool nearest>
  void place(const T* x, const T* y, WarpPoints<T>& points) const {
    for (int i = 0; i < points.count; ++i) {
      const BilinearPoint<T> point = warp_point(x[i], y[i], job_.in.width, job_.in.height, nearest);
      points.column[i] = point.column;
      points.row[i] = point.row;
      points.inside[i] = static_cast<Index<T>>(point.inside);
      points.right[i] = point.right;
      points.lower[i] = point.lower;
    }
  }

  const BevWarpForwardJob& job_;
  const T* grid_ = nullptr;
  PixelMatrix<T> matrix_ = {};
  GridAxis<T> x_, y_;
};

}  // namespace bevel::BEVEL_ISA_NAMESPACE
