// Bilinear sampling with zeros outside, as grid_sample and multi-scale deformable attention have it: where
// the four corners of a sample lie, which of them count, and with what weight.
#pragma once

#include <cstdint>

#include "core/host_device.hpp"

namespace bevel {

#if defined(__CUDA_ARCH__)
BEVEL_HD float round_to_even(float x) { return ::rintf(x); }
BEVEL_HD double round_to_even(double x) { return ::rint(x); }
#else
BEVEL_HD float round_to_even(float x) { return __builtin_rintf(x); }
BEVEL_HD double round_to_even(double x) { return __builtin_rint(x); }
#endif

/// The corners of one sample. Corner 0 is the upper left one, 1 the upper right, 2 the lower left, 3 the
/// lower right.
template <class T>
struct BilinearPoint {
  int32_t column, row;  ///< of corner 0, −1 to width − 1 and −1 to height − 1
  T right, lower;       ///< weight of the right column and of the lower row, 0 to 1
  uint32_t inside;      ///< bit k: corner k lies on the map; 0 when the sample does not count
};

/// A sample at (x, y) in pixels, (0, 0) being the centre of the first. It counts iff −1 < x < width and −1 <
/// y < height; so one with a NaN does not. Branch-free, so that loops over samples become vector code.
template <class T>
BEVEL_HD BilinearPoint<T> bilinear_point(T x, T y, int32_t width, int32_t height) {
  const bool counts = (x > T(-1)) & (y > T(-1)) & (x < static_cast<T>(width)) & (y < static_cast<T>(height));
  const T known_x = counts ? x : T(-1), known_y = counts ? y : T(-1);
  BilinearPoint<T> point;
  // Both exceed −1, and truncation of what was moved to the positive side is the floor.
  point.column = static_cast<int32_t>(known_x + T(1)) - 1;
  point.row = static_cast<int32_t>(known_y + T(1)) - 1;
  // x + 1 may round up to the next whole number; the floor of x itself is then one less.
  point.column -= static_cast<T>(point.column) > known_x ? 1 : 0;
  point.row -= static_cast<T>(point.row) > known_y ? 1 : 0;
  point.right = known_x - static_cast<T>(point.column);
  point.lower = known_y - static_cast<T>(point.row);
  const uint32_t left_in = point.column >= 0 ? 5u : 0u, right_in = point.column + 1 < width ? 10u : 0u;
  const uint32_t upper_in = point.row >= 0 ? 3u : 0u, lower_in = point.row + 1 < height ? 12u : 0u;
  point.inside = counts ? (left_in | right_in) & (upper_in | lower_in) : 0u;
  return point;
}

/// Nearest-neighbour sampling as a point of one corner with a weight of 1: the pixel that x and y round to,
/// halves to the even one, if it lies on the map. A NaN gives none.
template <class T>
BEVEL_HD BilinearPoint<T> nearest_point(T x, T y, int32_t width, int32_t height) {
  const bool counts = (x > T(-1)) & (y > T(-1)) & (x < static_cast<T>(width)) & (y < static_cast<T>(height));
  BilinearPoint<T> point;
  point.column = static_cast<int32_t>(round_to_even(counts ? x : T(-1)));
  point.row = static_cast<int32_t>(round_to_even(counts ? y : T(-1)));
  point.right = point.lower = T(0);
  point.inside =
      (point.column >= 0) & (point.row >= 0) & (point.column < width) & (point.row < height) ? 1u : 0u;
  return point;
}

/// Weight of a corner.
template <class T>
BEVEL_HD T bilinear_weight(const BilinearPoint<T>& point, int corner) {
  return (corner & 1 ? point.right : T(1) - point.right) * (corner & 2 ? point.lower : T(1) - point.lower);
}

/// What a sample of a map gives, and its derivatives by the sample's x and y in pixels.
template <class T>
struct BilinearValue {
  T value, by_x, by_y;
};

/// From a value (or a product with one) at each corner, 0 where that is not on the map.
template <class T>
BEVEL_HD BilinearValue<T> bilinear_value(T right, T lower, T c0, T c1, T c2, T c3) {
  const T above = c0 + right * (c1 - c0), below = c2 + right * (c3 - c2);
  return {above + lower * (below - above), (c1 - c0) + lower * ((c3 - c2) - (c1 - c0)), below - above};
}

}  // namespace bevel
