// Where in the input a pixel of the output reads: the one definition that forward and backward, CPU and CUDA
// share. Every multiplication and addition is rounded in one way only, so that backward finds the very
// weights that forward used.
#pragma once

#include "bevel/bev_warp.h"
#include "core/bilinear.hpp"
#include "core/host_device.hpp"
#include "core/multiply_add.hpp"

namespace bevel {

/// Position in pixels of the input = (a, b, c; d, e, f) · (column, row, 1) of the output.
template <class T>
struct PixelMatrix {
  T a, b, c, d, e, f;

  BEVEL_HD T x(int32_t column, int32_t row) const {
    return contracted_multiply_add(a, static_cast<T>(column),
                                   contracted_multiply_add(b, static_cast<T>(row), c));
  }
  BEVEL_HD T y(int32_t column, int32_t row) const {
    return contracted_multiply_add(d, static_cast<T>(column),
                                   contracted_multiply_add(e, static_cast<T>(row), f));
  }
};

/// One axis of a map in the coordinates of an operator: pixel = half · u + middle, u = step · pixel + first.
struct WarpAxis {
  double half, middle;

  BEVEL_HD WarpAxis(int32_t coordinates, int32_t extent)
      : half(coordinates == BEVEL_WARP_PIXELS       ? 1.0
             : coordinates == BEVEL_WARP_NORMALIZED ? 0.5 * extent
                                                    : 0.5 * (extent - 1)),
        middle(coordinates == BEVEL_WARP_PIXELS ? 0.0 : 0.5 * (extent - 1)) {}
};

/// A caller's matrix in pixels. Worked out in double; where matrix and sizes are those of the identity, or of
/// a shift by whole pixels, so is what comes out.
template <class T>
BEVEL_HD PixelMatrix<T> pixel_matrix(const T (&m)[6], int32_t coordinates, int32_t in_width,
                                     int32_t in_height, int32_t out_width, int32_t out_height) {
  const WarpAxis in_x(coordinates, in_width), in_y(coordinates, in_height);
  const WarpAxis out_x(coordinates, out_width), out_y(coordinates, out_height);
  auto ratio = [](double in, double out) { return out > 0 ? in / out : 0.0; };
  auto row = [&](const WarpAxis& in, T by_x, T by_y, T offset, T& column_step, T& row_step, T& start) {
    const double step_x = static_cast<double>(by_x) * ratio(in.half, out_x.half);
    const double step_y = static_cast<double>(by_y) * ratio(in.half, out_y.half);
    column_step = static_cast<T>(step_x);
    row_step = static_cast<T>(step_y);
    const double middle = contracted_multiply_add(static_cast<double>(offset), in.half, in.middle);
    start = static_cast<T>(contracted_multiply_add(-step_y, out_y.middle,
                                                   contracted_multiply_add(-step_x, out_x.middle, middle)));
  };
  PixelMatrix<T> pixels;
  row(in_x, m[0], m[1], m[2], pixels.a, pixels.b, pixels.c);
  row(in_y, m[3], m[4], m[5], pixels.d, pixels.e, pixels.f);
  return pixels;
}

/// One coordinate of a grid in pixels: half · (u + 1) + start, or u itself.
template <class T>
struct GridAxis {
  T half, start;
  bool pixels;

  BEVEL_HD GridAxis(int32_t coordinates, int32_t extent)
      : half(coordinates == BEVEL_WARP_PIXELS       ? T(1)
             : coordinates == BEVEL_WARP_NORMALIZED ? T(0.5) * static_cast<T>(extent)
                                                    : T(0.5) * static_cast<T>(extent - 1)),
        start(coordinates == BEVEL_WARP_NORMALIZED ? T(-0.5) : T(0)),
        pixels(coordinates == BEVEL_WARP_PIXELS) {}
  BEVEL_HD T pixel(T u) const { return pixels ? u : contracted_multiply_add(u + T(1), half, start); }
};

/// The input pixels that a position reads; nearest is the case of one corner with a weight of 1.
template <class T>
BEVEL_HD BilinearPoint<T> warp_point(T x, T y, int32_t width, int32_t height, bool nearest) {
  return nearest ? nearest_point(x, y, width, height) : bilinear_point(x, y, width, height);
}

}  // namespace bevel
