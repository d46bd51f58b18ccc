// A random warp, its calls through the C ABI, and what plain loops in double make of it.
#pragma once

#include <gtest/gtest.h>

#include "bevel/bev_warp.h"
#include "references/bev_warp.hpp"
#include "lift_splat_case.hpp"

namespace bevel::testing {

/// Six numbers of a matrix in the operator's coordinates: a rotation by `degrees` about the middle of a map,
/// and a shift in pixels.
inline std::vector<double> rigid_matrix(const WarpSizes& s, double degrees, double shift_x, double shift_y,
                                        double scale = 1) {
  const double angle = degrees * std::acos(-1.0) / 180;
  const double cosine = scale * std::cos(angle), sine = scale * std::sin(angle);
  const double from_x = 0.5 * static_cast<double>(s.out_width - 1),
               from_y = 0.5 * static_cast<double>(s.out_height - 1);
  const double to_x = 0.5 * static_cast<double>(s.in_width - 1) + shift_x,
               to_y = 0.5 * static_cast<double>(s.in_height - 1) + shift_y;
  // In pixels: p = R (q − from) + to.
  const double pixels[6] = {cosine, -sine,  to_x - cosine * from_x + sine * from_y,
                            sine,   cosine, to_y - sine * from_x - cosine * from_y};
  // q = column_scale · a + column_offset, and u = (p − offset) / scale.
  const double column = warp_scale(s.coordinates, s.out_width), row = warp_scale(s.coordinates, s.out_height);
  const double column_0 = s.coordinates ? from_x : 0, row_0 = s.coordinates ? from_y : 0;
  std::vector<double> m;
  for (int axis = 0; axis < 2; ++axis) {
    const double* p = pixels + 3 * axis;
    const int64_t extent = axis ? s.in_height : s.in_width;
    const double by = warp_scale(s.coordinates, extent);
    const double offset = s.coordinates ? 0.5 * static_cast<double>(extent - 1) : 0;
    const double inverse = by > 0 ? 1 / by : 0;
    m.push_back(p[0] * column * inverse);
    m.push_back(p[1] * row * inverse);
    m.push_back((p[0] * column_0 + p[1] * row_0 + p[2] - offset) * inverse);
  }
  return m;
}

/// Positions in T (float or double), maps in In and Out.
template <class T, class In, class Out = In>
class WarpCase {
 public:
  WarpCase(WarpSizes sizes, uint64_t seed)
      : s(sizes),
        input(map_shape(s.in_height, s.in_width)),
        grad_input(map_shape(s.in_height, s.in_width)),
        matrices(with_frames({2, 3})),
        grid(with_frames({s.out_height, s.out_width, 2})),
        grad_grid(with_frames({s.out_height, s.out_width, 2})),
        out(map_shape(s.out_height, s.out_width)),
        grad_out(map_shape(s.out_height, s.out_width)) {
    std::mt19937_64 random(seed);
    fill_random(input, random);
    fill_random(grad_out, random);
    std::uniform_real_distribution<double> uniform(-1, 1);
    for (int64_t map = 0; map < s.maps(); ++map) {
      const std::vector<double> m =
          rigid_matrix(s, 40 * uniform(random), 4 * uniform(random), 4 * uniform(random));
      for (int i = 0; i < 6; ++i) matrices[map * 6 + i] = from_double<T>(m[static_cast<size_t>(i)]);
    }
    // Positions all over the map and somewhat beyond it.
    for (int64_t i = 0; i < grid.size(); ++i) {
      const int64_t extent = i % 2 ? s.in_height : s.in_width;
      const double pixel = (0.5 + 0.6 * uniform(random)) * static_cast<double>(extent) - 0.5;
      grid[i] = from_double<T>(warp_coordinate(s.coordinates, pixel, extent));
    }
  }

  bevel_bev_warp_forward_params forward() {
    return {sizeof(bevel_bev_warp_forward_params),
            layout(),
            s.nearest,
            s.coordinates,
            0,
            input.view(),
            s.grid ? nullptr : matrices.view(),
            s.grid ? grid.view() : nullptr,
            out.view()};
  }
  bevel_bev_warp_backward_params backward() {
    return {sizeof(bevel_bev_warp_backward_params),
            layout(),
            s.nearest,
            s.coordinates,
            BEVEL_STRICT,
            grad_out.view(),
            s.grid ? input.view() : nullptr,
            s.grid ? nullptr : matrices.view(),
            s.grid ? grid.view() : nullptr,
            grad_input.view(),
            s.grid ? grad_grid.view() : nullptr,
            nullptr};
  }

  void run_forward() {
    const bevel_bev_warp_forward_params p = forward();
    ASSERT_BEVEL_OK(bevel_bev_warp_forward(&p, nullptr));
  }
  void run_backward() {
    bevel_bev_warp_backward_params p = backward();
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_bev_warp_backward_workspace(&p, &bytes));
    Tensor<uint8_t> workspace({bytes});
    p.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_bev_warp_backward(&p, nullptr));
  }

  WarpData data() const {
    return {planes(input, s.in_pixels()), values(matrices), values(grid), planes(grad_out, s.out_pixels())};
  }
  WarpResult expected() const { return warp_reference(s, data()); }

  /// Compares what was computed, here or elsewhere, with the reference: largest difference over the largest
  /// expected.
  void compare(double in_tolerance, double out_tolerance, double grid_tolerance) const {
    const WarpResult e = expected();
    EXPECT_LE(relative_error(planes(out, s.out_pixels()), e.out), out_tolerance) << "out";
    EXPECT_LE(relative_error(planes(grad_input, s.in_pixels()), e.grad_input), in_tolerance) << "grad_input";
    if (s.grid) {
      EXPECT_LE(relative_error(values(grad_grid), e.grad_grid), grid_tolerance) << "grad_grid";
    }
  }
  void check(double in_tolerance, double out_tolerance, double grid_tolerance) {
    run_forward();
    run_backward();
    compare(in_tolerance, out_tolerance, grid_tolerance);
  }

  template <class U>
  static std::vector<double> values(const Tensor<U>& tensor) {
    std::vector<double> all(static_cast<size_t>(tensor.size()));
    for (int64_t i = 0; i < tensor.size(); ++i) all[static_cast<size_t>(i)] = to_double(tensor[i]);
    return all;
  }
  /// A map as [frame][channel][pixel].
  template <class U>
  std::vector<double> planes(const Tensor<U>& map, int64_t pixels) const {
    if (!s.channels_last) return values(map);
    std::vector<double> all(static_cast<size_t>(map.size()));
    for (int64_t i = 0; i < map.size(); ++i) {
      const int64_t channel = i % s.channels, pixel = i / s.channels % pixels,
                    frame = i / s.channels / pixels;
      all[static_cast<size_t>((frame * s.channels + channel) * pixels + pixel)] = to_double(map[i]);
    }
    return all;
  }

  WarpSizes s;
  Tensor<In> input, grad_input;
  Tensor<T> matrices, grid, grad_grid;
  Tensor<Out> out, grad_out;

 private:
  int32_t layout() const { return s.channels_last ? BEVEL_CHANNELS_LAST : BEVEL_CHANNELS_FIRST; }
  std::vector<int64_t> with_frames(std::vector<int64_t> tail) const {
    tail.insert(tail.begin(), s.with_batch ? s.frames : s.maps());
    if (s.with_batch) tail.insert(tail.begin(), s.batch);
    return tail;
  }
  std::vector<int64_t> map_shape(int64_t height, int64_t width) const {
    if (s.channels_last) return with_frames({height, width, s.channels});
    return with_frames({s.channels, height, width});
  }
};

}  // namespace bevel::testing
