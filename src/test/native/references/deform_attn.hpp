// Deformable attention in double and in plain loops, straight from its definition: the yardstick of every
// other implementation. Bilinear sampling is derived anew: a pixel weighs max(0, 1 − |dx|) · max(0, 1 −
// |dy|).
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace bevel::testing {

struct AttentionLevel {
  int64_t height, width, start;
};

/// A problem in the fused form's terms; the field's form is one map whose "references" are absent.
struct AttentionSizes {
  int64_t batch, maps, queries, heads, head_dim, points;
  std::vector<AttentionLevel> levels;
  int64_t references = 0;  ///< 0: the field's form
  bool of_level = false, boxes = false, mean = true, shared = false;
  int64_t padding_rows = 0;  ///< rows of value that no level names

  int64_t level_count() const { return static_cast<int64_t>(levels.size()); }
  int64_t samples() const { return level_count() * points; }
  int64_t rows() const {
    int64_t rows = padding_rows;
    for (const AttentionLevel& level : levels) rows += level.height * level.width;
    return rows;
  }
  int64_t sample_maps() const { return shared ? 1 : maps; }
  int64_t outputs() const { return mean ? 1 : maps; }
};

struct AttentionData {
  std::vector<double> value, locations, weights, reference, grad_out;
  std::vector<uint8_t> visible;  ///< empty: all
};

struct AttentionResult {
  std::vector<double> out, grad_value, grad_locations, grad_weights, grad_reference;
};

/// value(row, column) weighed at (x, y); its derivatives by x and y.
struct BilinearTerm {
  double weight, by_x, by_y;
};
inline BilinearTerm bilinear_term(double x, double y, int64_t column, int64_t row) {
  const double dx = x - static_cast<double>(column), dy = y - static_cast<double>(row);
  const double wx = 1 - std::fabs(dx), wy = 1 - std::fabs(dy);
  if (!(wx > 0 && wy > 0)) return {0, 0, 0};
  // At a pixel's own column the derivative is the one from the right, as the floor of the coordinate has it.
  return {wx * wy, (dx >= 0 ? -1 : 1) * wy, (dy >= 0 ? -1 : 1) * wx};
}

inline AttentionResult attention_reference(const AttentionSizes& s, const AttentionData& d, bool backward) {
  AttentionResult r;
  const int64_t channels = s.heads * s.head_dim, numbers = s.boxes ? 4 : 2;
  r.out.assign(static_cast<size_t>(s.batch * s.outputs() * s.queries * channels), 0.0);
  if (backward) {
    r.grad_value.assign(d.value.size(), 0.0);
    r.grad_locations.assign(d.locations.size(), 0.0);
    r.grad_weights.assign(d.weights.size(), 0.0);
    r.grad_reference.assign(d.reference.size(), 0.0);
  }
  auto at = [](const std::vector<double>& v, int64_t i) { return v[static_cast<size_t>(i)]; };
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t q = 0; q < s.queries; ++q) {
      auto sees = [&](int64_t n) {
        return d.visible.empty() || d.visible[static_cast<size_t>((b * s.maps + n) * s.queries + q)];
      };
      double seen = 0;
      for (int64_t n = 0; n < s.maps; ++n) seen += sees(n) ? 1 : 0;
      for (int64_t n = 0; n < s.maps; ++n) {
        if (!sees(n)) continue;
        const double scale = s.mean ? 1 / seen : 1;
        const int64_t out_row = (b * s.outputs() + (s.mean ? 0 : n)) * s.queries + q;
        for (int64_t m = 0; m < s.heads; ++m) {
          const int64_t first =
              (((b * s.sample_maps() + (s.shared ? 0 : n)) * s.queries + q) * s.heads + m) * s.samples();
          std::vector<double> a(static_cast<size_t>(s.samples()));
          double sum = 0, largest = -INFINITY;
          for (int64_t i = 0; i < s.samples(); ++i) largest = std::fmax(largest, at(d.weights, first + i));
          for (int64_t i = 0; i < s.samples(); ++i) {
            const double w = at(d.weights, first + i);
            a[static_cast<size_t>(i)] = s.references ? std::exp(w - largest) : w;
            sum += a[static_cast<size_t>(i)];
          }
          if (s.references) {
            for (double& x : a) x /= sum;
          }
          std::vector<double> by_weight(a.size(), 0.0);
          for (int64_t i = 0; i < s.samples(); ++i) {
            const int64_t l = i / s.points, p = i % s.points;
            const AttentionLevel& level = s.levels[static_cast<size_t>(l)];
            const double width = static_cast<double>(level.width), height = static_cast<double>(level.height);
            const double u = at(d.locations, 2 * (first + i)), v = at(d.locations, 2 * (first + i) + 1);
            const int64_t reference =
                (((b * s.maps + n) * s.queries + q) * s.references + (s.of_level     ? l
                                                                      : s.references ? p % s.references
                                                                                     : 0)) *
                numbers;
            double x, y, x_by_u, y_by_v, box_x = 0, box_y = 0;
            if (!s.references) {
              x = u * width - 0.5, y = v * height - 0.5, x_by_u = width, y_by_v = height;
            } else if (!s.boxes) {
              x = at(d.reference, reference) * width - 0.5 + u,
              y = at(d.reference, reference + 1) * height - 0.5 + v;
              x_by_u = y_by_v = 1;
            } else {
              const double half = 0.5 / static_cast<double>(s.points);
              box_x = u * half * width, box_y = v * half * height;
              x_by_u = at(d.reference, reference + 2) * half * width,
              y_by_v = at(d.reference, reference + 3) * half * height;
              x = at(d.reference, reference) * width - 0.5 + u * x_by_u;
              y = at(d.reference, reference + 1) * height - 0.5 + v * y_by_v;
            }
            if (!(x > -1 && y > -1 && x < width && y < height)) continue;
            double by_x = 0, by_y = 0;
            const double weight = a[static_cast<size_t>(i)] * scale;
            for (int64_t row = static_cast<int64_t>(std::floor(y)); row <= std::floor(y) + 1; ++row) {
              for (int64_t column = static_cast<int64_t>(std::floor(x)); column <= std::floor(x) + 1;
                   ++column) {
                if (row < 0 || column < 0 || row >= level.height || column >= level.width) continue;
                const BilinearTerm term = bilinear_term(x, y, column, row);
                const int64_t at_value =
                    (((b * s.maps + n) * s.rows() + level.start + row * level.width + column) * s.heads + m) *
                    s.head_dim;
                for (int64_t c = 0; c < s.head_dim; ++c) {
                  const double value = at(d.value, at_value + c);
                  const int64_t o = out_row * channels + m * s.head_dim + c;
                  r.out[static_cast<size_t>(o)] += weight * term.weight * value;
                  if (!backward) continue;
                  const double g = at(d.grad_out, o);
                  r.grad_value[static_cast<size_t>(at_value + c)] += weight * term.weight * g;
                  by_weight[static_cast<size_t>(i)] += term.weight * value * g;
                  by_x += weight * term.by_x * value * g;
                  by_y += weight * term.by_y * value * g;
                }
              }
            }
            if (!backward) continue;
            r.grad_locations[static_cast<size_t>(2 * (first + i))] += by_x * x_by_u;
            r.grad_locations[static_cast<size_t>(2 * (first + i) + 1)] += by_y * y_by_v;
            if (!s.references) continue;
            r.grad_reference[static_cast<size_t>(reference)] += by_x * width;
            r.grad_reference[static_cast<size_t>(reference + 1)] += by_y * height;
            if (!s.boxes) continue;
            r.grad_reference[static_cast<size_t>(reference + 2)] += by_x * box_x;
            r.grad_reference[static_cast<size_t>(reference + 3)] += by_y * box_y;
          }
          if (!backward) continue;
          double mean = 0;
          for (size_t i = 0; i < a.size(); ++i) mean += s.references ? a[i] * by_weight[i] : 0;
          for (size_t i = 0; i < a.size(); ++i) {
            r.grad_weights[static_cast<size_t>(first) + i] +=
                scale * (s.references ? a[i] * (by_weight[i] - mean) : by_weight[i]);
          }
        }
      }
    }
  }
  return r;
}

}  // namespace bevel::testing
