// Warps in double and in plain loops, straight from the definition: the yardstick of every other
// implementation. A pixel weighs max(0, 1 − |dx|) · max(0, 1 − |dy|); every output pixel looks at every input
// pixel near its position.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace bevel::testing {

struct WarpSizes {
  int64_t batch, frames, channels, in_height, in_width, out_height, out_width;
  int coordinates = 0;  ///< bevel_warp_coordinates
  bool nearest = false, grid = false, channels_last = false;
  bool with_batch = true;  ///< shapes begin with the batch

  int64_t maps() const { return batch * frames; }
  int64_t in_pixels() const { return in_height * in_width; }
  int64_t out_pixels() const { return out_height * out_width; }
};

/// Maps are [frame][channel][row][column] here, whatever the layout under test.
struct WarpData {
  std::vector<double> input, matrices, grid, grad_out;
};

struct WarpResult {
  std::vector<double> out, grad_input, grad_grid;
};

/// u in the operator's coordinates for pixel i of `extent`, and back.
inline double warp_coordinate(int coordinates, double i, int64_t extent) {
  const double n = static_cast<double>(extent);
  if (coordinates == 0) return i;
  if (coordinates == 1) return (2 * i + 1) / n - 1;
  return extent > 1 ? 2 * i / (n - 1) - 1 : 0;
}
inline double warp_pixel(int coordinates, double u, int64_t extent) {
  const double n = static_cast<double>(extent);
  return coordinates == 0 ? u : coordinates == 1 ? ((u + 1) * n - 1) / 2 : (u + 1) / 2 * (n - 1);
}
/// Its derivative.
inline double warp_scale(int coordinates, int64_t extent) {
  return coordinates == 0 ? 1 : 0.5 * static_cast<double>(coordinates == 1 ? extent : extent - 1);
}

struct WarpPosition {
  double x, y;
};
inline WarpPosition warp_position(const WarpSizes& s, const WarpData& d, int64_t map, int64_t row,
                                  int64_t column) {
  double u, v;
  if (s.grid) {
    const size_t at = static_cast<size_t>(((map * s.out_height + row) * s.out_width + column) * 2);
    u = d.grid[at];
    v = d.grid[at + 1];
  } else {
    const double* m = d.matrices.data() + map * 6;
    const double a = warp_coordinate(s.coordinates, static_cast<double>(column), s.out_width);
    const double b = warp_coordinate(s.coordinates, static_cast<double>(row), s.out_height);
    u = m[0] * a + m[1] * b + m[2];
    v = m[3] * a + m[4] * b + m[5];
  }
  return {warp_pixel(s.coordinates, u, s.in_width), warp_pixel(s.coordinates, v, s.in_height)};
}

/// Weight of a pixel for a position, and its derivatives.
struct WarpWeight {
  double weight, by_x, by_y;
};
inline WarpWeight warp_weight(const WarpSizes& s, const WarpPosition& p, int64_t row, int64_t column) {
  const double dx = p.x - static_cast<double>(column), dy = p.y - static_cast<double>(row);
  if (s.nearest) {
    const bool hit =
        std::nearbyint(p.x) == static_cast<double>(column) && std::nearbyint(p.y) == static_cast<double>(row);
    return {hit ? 1.0 : 0.0, 0, 0};
  }
  const double wx = 1 - std::fabs(dx), wy = 1 - std::fabs(dy);
  if (!(wx >= 0 && wy >= 0)) return {0, 0, 0};
  // At a pixel's own column the derivative is the one from the right, as the floor of the position has it.
  const double slope_x = dx >= 0 ? (dx < 1 ? -1 : 0) : 1, slope_y = dy >= 0 ? (dy < 1 ? -1 : 0) : 1;
  return {wx * wy, dy >= 1 ? 0 : slope_x * wy, dx >= 1 ? 0 : slope_y * wx};
}

inline WarpResult warp_reference(const WarpSizes& s, const WarpData& d) {
  WarpResult r;
  r.out.assign(static_cast<size_t>(s.maps() * s.channels * s.out_pixels()), 0.0);
  r.grad_input.assign(static_cast<size_t>(s.maps() * s.channels * s.in_pixels()), 0.0);
  if (s.grid) r.grad_grid.assign(static_cast<size_t>(s.maps() * s.out_pixels() * 2), 0.0);
  for (int64_t map = 0; map < s.maps(); ++map) {
    for (int64_t j = 0; j < s.out_height; ++j) {
      for (int64_t i = 0; i < s.out_width; ++i) {
        const WarpPosition p = warp_position(s, d, map, j, i);
        const double width = static_cast<double>(s.in_width), height = static_cast<double>(s.in_height);
        if (!(p.x > -1 && p.y > -1 && p.x < width && p.y < height)) continue;
        double by_x = 0, by_y = 0;
        for (int64_t row = static_cast<int64_t>(std::floor(p.y)); row <= std::floor(p.y) + 1; ++row) {
          for (int64_t column = static_cast<int64_t>(std::floor(p.x)); column <= std::floor(p.x) + 1;
               ++column) {
            if (row < 0 || column < 0 || row >= s.in_height || column >= s.in_width) continue;
            const WarpWeight w = warp_weight(s, p, row, column);
            for (int64_t c = 0; c < s.channels; ++c) {
              const size_t from =
                  static_cast<size_t>((map * s.channels + c) * s.in_pixels() + row * s.in_width + column);
              const size_t to =
                  static_cast<size_t>((map * s.channels + c) * s.out_pixels() + j * s.out_width + i);
              r.out[to] += w.weight * d.input[from];
              r.grad_input[from] += w.weight * d.grad_out[to];
              by_x += w.by_x * d.input[from] * d.grad_out[to];
              by_y += w.by_y * d.input[from] * d.grad_out[to];
            }
          }
        }
        if (!s.grid) continue;
        const size_t at = static_cast<size_t>(((map * s.out_height + j) * s.out_width + i) * 2);
        r.grad_grid[at] = by_x * warp_scale(s.coordinates, s.in_width);
        r.grad_grid[at + 1] = by_y * warp_scale(s.coordinates, s.in_height);
      }
    }
  }
  return r;
}

}  // namespace bevel::testing
