// Which pixels of the output may read a pixel of the input by a matrix: a few rows, and of each a few
// columns, found by inverting the matrix, wide enough that none is missed whatever the rounding and whatever
// the matrix. Who reads it indeed, and with what weight, is then asked of forward's own position.
#pragma once

#include "bev_warp/bev_warp_positions.hpp"

namespace bevel {

/// First and last of a range; empty when first > last.
struct WarpRange {
  int32_t first, last;
};

/// [low, high] widened to whole numbers and cut to [0, count − 1]; all of it where a bound is a NaN.
BEVEL_HD WarpRange whole_range(float low, float high, int32_t count) {
  const float last = static_cast<float>(count - 1);
  WarpRange range = {0, count - 1};
  if (low > last || high < 0.0f) return {0, -1};
  if (low > 0.0f) range.first = static_cast<int32_t>(low);
  if (high < last)
    range.last = static_cast<int32_t>(high) + 1 < count - 1 ? static_cast<int32_t>(high) + 1 : count - 1;
  return range;
}

/// For a matrix in pixels and the output's size.
class WarpReaders {
 public:
  /// `inverse` is inverse_determinant(matrix).
  BEVEL_HD WarpReaders(const PixelMatrix<float>& matrix, float inverse, int32_t width, int32_t height)
      : m_(matrix), width_(width), height_(height), inverse_(inverse) {
    const float w = static_cast<float>(width), h = static_cast<float>(height);
    // Positions are off by at most three roundings of their largest term.
    reach_x_ = 1.0f + 1e-6f * (magnitude(m_.a) * w + magnitude(m_.b) * h + magnitude(m_.c) + 1.0f);
    reach_y_ = 1.0f + 1e-6f * (magnitude(m_.d) * w + magnitude(m_.e) * h + magnitude(m_.f) + 1.0f);
  }

  /// 1 / (a e − b d); 0 where almost all of the two products cancels, or all, or where one is no number.
  /// (Each is exact: a product of floats.)
  BEVEL_HD static float inverse_determinant(const PixelMatrix<float>& m) {
    const double ae = static_cast<double>(m.a) * m.e, bd = static_cast<double>(m.b) * m.d;
    const bool regular = magnitude(ae - bd) > 1e-6 * (magnitude(ae) + magnitude(bd));
    return regular ? static_cast<float>(1.0 / (ae - bd)) : 0.0f;
  }

  /// Rows of the output that may read pixel (x, y).
  BEVEL_HD WarpRange rows(int32_t x, int32_t y) const {
    if (inverse_ == 0.0f) return {0, height_ - 1};
    // row = (a · (y − f) − d · (x − c)) / (a e − b d)
    const float by_y = m_.a * inverse_, by_x = m_.d * inverse_;
    const float to_y = static_cast<float>(y) - m_.f, to_x = static_cast<float>(x) - m_.c;
    const float middle = by_y * to_y - by_x * to_x;
    const float error = 1e-5f * (magnitude(by_y * to_y) + magnitude(by_x * to_x) + 1.0f) +
                        1e-6f * (magnitude(by_y) * magnitude(m_.f) + magnitude(by_x) * magnitude(m_.c));
    const float reach = (magnitude(by_y) * reach_y_ + magnitude(by_x) * reach_x_) * 1.00001f + error;
    return whole_range(middle - reach, middle + reach, height_);
  }

  /// Of such a row the columns.
  BEVEL_HD WarpRange columns(int32_t x, int32_t y, int32_t row) const {
    const WarpRange by_x = along(m_.a, static_cast<float>(x) - m_.x(0, row), reach_x_);
    const WarpRange by_y = along(m_.d, static_cast<float>(y) - m_.y(0, row), reach_y_);
    return {by_x.first > by_y.first ? by_x.first : by_y.first, by_x.last < by_y.last ? by_x.last : by_y.last};
  }

 private:
  template <class F>
  BEVEL_HD static F magnitude(F value) {
    return value < F(0) ? -value : value;
  }
  /// Columns with |slope · column − distance| ≤ reach.
  BEVEL_HD WarpRange along(float slope, float distance, float reach) const {
    // Where the row's first position is no number, none of the row's lies on the map.
    if (!(magnitude(distance) <= 3e38f)) return {0, -1};
    if (slope == 0.0f) {
      return magnitude(distance) > reach ? WarpRange{0, -1} : WarpRange{0, width_ - 1};
    }
    const float step = 1.0f / slope;
    const float middle = distance * step, half = reach * magnitude(step);
    const float error = 1e-6f * (magnitude(middle) + half) + 1e-3f;
    return whole_range(middle - half - error, middle + half + error, width_);
  }

  PixelMatrix<float> m_;
  int32_t width_, height_;
  float inverse_;  ///< 0: the matrix tells nothing of rows
  float reach_x_, reach_y_;
};

}  // namespace bevel
