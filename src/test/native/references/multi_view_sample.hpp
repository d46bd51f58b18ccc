// Feature sampling in several cameras in double and in plain loops, straight from its definition: the
// yardstick of every other implementation. Features are [B, N, H, W, C] here, whatever their layout.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "deform_attn.hpp"

namespace bevel::testing {

struct ViewSizes {
  struct Level {
    int64_t height, width;
  };

  int64_t batch, cameras, queries, points, channels;
  std::vector<Level> levels;
  int64_t groups = 1;
  bool given_locations = false;
  bool normalised = false;
  bool channels_last = true;
  double largest = 3.4028234663852886e38;  ///< finite number of the features' dtype

  int64_t level_count() const { return static_cast<int64_t>(levels.size()); }
  int64_t items() const { return queries * points; }
};

struct ViewData {
  std::vector<std::vector<double>> features;  ///< by level
  std::vector<double> lidar_to_image, points, locations, weights, grad_out;
  std::vector<double> image_sizes;  ///< [B, N, 2]
  double range[6] = {};
};

struct ViewResult {
  std::vector<double> out;
  std::vector<uint8_t> visible;
  std::vector<std::vector<double>> grad_features;
  std::vector<double> grad_points, grad_locations, grad_weights;
};

inline ViewResult multi_view_reference(const ViewSizes& s, const ViewData& d, bool backward) {
  auto at = [](const std::vector<double>& v, int64_t i) { return v[static_cast<size_t>(i)]; };
  ViewResult r;
  r.out.assign(static_cast<size_t>(s.batch * s.queries * s.channels), 0.0);
  r.visible.assign(static_cast<size_t>(s.batch * s.cameras * s.items()), 0);
  if (backward) {
    for (const std::vector<double>& level : d.features) r.grad_features.emplace_back(level.size(), 0.0);
    r.grad_points.assign(d.points.size(), 0.0);
    r.grad_locations.assign(d.locations.size(), 0.0);
    r.grad_weights.assign(d.weights.size(), 0.0);
  }
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t q = 0; q < s.queries; ++q) {
      for (int64_t p = 0; p < s.points; ++p) {
        for (int64_t n = 0; n < s.cameras; ++n) {
          const int64_t item = (b * s.queries + q) * s.points + p, camera = b * s.cameras + n;
          double u, v, depth = 1, u_by[3] = {}, v_by[3] = {};
          if (s.given_locations) {
            u = at(d.locations, 2 * (item * s.cameras + n));
            v = at(d.locations, 2 * (item * s.cameras + n) + 1);
          } else {
            double point[3], image[3];
            for (int64_t k = 0; k < 3; ++k) {
              point[k] = at(d.points, 3 * item + k);
              if (s.normalised) point[k] = d.range[k] + point[k] * (d.range[k + 3] - d.range[k]);
            }
            for (int64_t row = 0; row < 3; ++row) {
              image[row] = at(d.lidar_to_image, 16 * camera + 4 * row + 3);
              for (int64_t k = 0; k < 3; ++k)
                image[row] += at(d.lidar_to_image, 16 * camera + 4 * row + k) * point[k];
            }
            depth = image[2];
            const double width = at(d.image_sizes, 2 * camera), height = at(d.image_sizes, 2 * camera + 1);
            u = image[0] / std::fmax(depth, 1e-5) / width;
            v = image[1] / std::fmax(depth, 1e-5) / height;
            for (int64_t k = 0; k < 3; ++k) {
              const double scale = s.normalised ? d.range[k + 3] - d.range[k] : 1;
              const double* m = d.lidar_to_image.data() + 16 * camera + k;
              // d(a/b) = (da · b − a · db) / b²
              u_by[k] = scale * (m[0] * depth - image[0] * m[8]) / (depth * depth) / width;
              v_by[k] = scale * (m[4] * depth - image[1] * m[8]) / (depth * depth) / height;
            }
          }
          if (!(depth > 1e-5 && u > 0 && u < 1 && v > 0 && v < 1)) continue;
          r.visible[static_cast<size_t>((camera * s.queries + q) * s.points + p)] = 1;
          double by_u = 0, by_v = 0;
          for (int64_t l = 0; l < s.level_count(); ++l) {
            const auto [height, width] = s.levels[static_cast<size_t>(l)];
            const std::vector<double>& map = d.features[static_cast<size_t>(l)];
            const double x = u * static_cast<double>(width) - 0.5, y = v * static_cast<double>(height) - 0.5;
            for (int64_t c = 0; c < s.channels; ++c) {
              const int64_t g = c * s.groups / s.channels;
              const int64_t weight_at =
                  ((((b * s.queries + q) * s.cameras + n) * s.points + p) * s.level_count() + l) * s.groups +
                  g;
              const double weight = at(d.weights, weight_at);
              const int64_t o = (b * s.queries + q) * s.channels + c;
              double sample = 0, by_x = 0, by_y = 0;
              for (int64_t row = static_cast<int64_t>(std::floor(y)); row <= std::floor(y) + 1; ++row) {
                for (int64_t column = static_cast<int64_t>(std::floor(x)); column <= std::floor(x) + 1;
                     ++column) {
                  if (row < 0 || column < 0 || row >= height || column >= width) continue;
                  const BilinearTerm term = bilinear_term(x, y, column, row);
                  const int64_t pixel = ((camera * height + row) * width + column) * s.channels + c;
                  sample += term.weight * at(map, pixel);
                  by_x += term.by_x * at(map, pixel);
                  by_y += term.by_y * at(map, pixel);
                  if (backward) {
                    r.grad_features[static_cast<size_t>(l)][static_cast<size_t>(pixel)] +=
                        weight * term.weight * at(d.grad_out, o);
                  }
                }
              }
              if (!std::isfinite(sample)) {
                sample = std::isnan(sample) ? 0 : std::copysign(s.largest, sample);
                by_x = by_y = 0;
              }
              r.out[static_cast<size_t>(o)] += weight * sample;
              if (!backward) continue;
              const double g_out = at(d.grad_out, o);
              r.grad_weights[static_cast<size_t>(weight_at)] += g_out * sample;
              by_u += g_out * weight * by_x * static_cast<double>(width);
              by_v += g_out * weight * by_y * static_cast<double>(height);
            }
          }
          if (!backward) continue;
          if (s.given_locations) {
            r.grad_locations[static_cast<size_t>(2 * (item * s.cameras + n))] = by_u;
            r.grad_locations[static_cast<size_t>(2 * (item * s.cameras + n) + 1)] = by_v;
          } else {
            for (int64_t k = 0; k < 3; ++k) {
              r.grad_points[static_cast<size_t>(3 * item + k)] += by_u * u_by[k] + by_v * v_by[k];
            }
          }
        }
      }
    }
  }
  return r;
}

}  // namespace bevel::testing
