// Lift-splat in double and in plain loops, straight from its definition: the yardstick of every other
// implementation. The geometry is derived anew (general 4×4 inverse, homogeneous points), not taken from
// kernels/core.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "bevel/base.h"

namespace bevel::testing {

using Matrix4 = std::array<double, 16>;

inline Matrix4 identity4() { return {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}; }

inline Matrix4 multiply(const Matrix4& a, const Matrix4& b) {
  Matrix4 out = {};
  for (int r = 0; r < 4; ++r) {
    for (int c = 0; c < 4; ++c) {
      for (int k = 0; k < 4; ++k) out[4 * r + c] += a[4 * r + k] * b[4 * k + c];
    }
  }
  return out;
}

/// Gauss-Jordan with pivoting.
inline Matrix4 inverse(Matrix4 m) {
  Matrix4 out = identity4();
  for (int column = 0; column < 4; ++column) {
    int pivot = column;
    for (int r = column + 1; r < 4; ++r) {
      if (std::fabs(m[4 * r + column]) > std::fabs(m[4 * pivot + column])) pivot = r;
    }
    for (int k = 0; k < 4; ++k) {
      std::swap(m[4 * column + k], m[4 * pivot + k]);
      std::swap(out[4 * column + k], out[4 * pivot + k]);
    }
    const double scale = 1 / m[4 * column + column];
    for (int k = 0; k < 4; ++k) {
      m[4 * column + k] *= scale;
      out[4 * column + k] *= scale;
    }
    for (int r = 0; r < 4; ++r) {
      if (r == column) continue;
      const double factor = m[4 * r + column];
      for (int k = 0; k < 4; ++k) {
        m[4 * r + k] -= factor * m[4 * column + k];
        out[4 * r + k] -= factor * out[4 * column + k];
      }
    }
  }
  return out;
}

struct Sizes {
  int64_t batch, cameras, depth_bins, height, width, channels;
  int64_t nx, ny, nz;
  int64_t points() const { return batch * cameras * depth_bins * height * width; }
  int64_t pixels() const { return batch * cameras * height * width; }
  int64_t cells() const { return batch * nz * ny * nx; }
};

/// Cell (within the batch element) of one metric point, or −1.
inline int64_t reference_cell(const bevel_grid& grid, const double point[3]) {
  int64_t index[3];
  for (int axis = 0; axis < 3; ++axis) {
    const double f = (point[axis] - grid.lower[axis]) / grid.cell_size[axis];
    if (std::isnan(f) || std::fabs(f) > 1e15) return -1;
    index[axis] = static_cast<int64_t>(grid.rounding == BEVEL_TRUNC ? std::trunc(f) : std::floor(f));
    if (index[axis] < 0 || index[axis] >= grid.cells[axis]) return -1;
  }
  return grid.row_axis == BEVEL_ROW_Y ? (index[2] * grid.cells[1] + index[1]) * grid.cells[0] + index[0]
                                      : (index[2] * grid.cells[0] + index[0]) * grid.cells[1] + index[1];
}

/// The calibration of one call: matrices as the operator takes them.
struct Calibration {
  std::vector<double> intrinsics, camera_to_bev, image_augmentation, bev_augmentation;
};

/// A metric frustum point by its definition: undo the augmentation, scale by depth, undo the intrinsics, go
/// to the BEV frame.
inline void reference_point(const Calibration& calibration, int64_t cameras, int64_t camera, double u,
                            double v, double z, double out[3]) {
  Matrix4 image, intrinsics = identity4(), to_bev, bev;
  for (int i = 0; i < 16; ++i) {
    image[i] = calibration.image_augmentation[camera * 16 + i];
    to_bev[i] = calibration.camera_to_bev[camera * 16 + i];
    bev[i] = calibration.bev_augmentation[camera / cameras * 16 + i];
  }
  for (int i = 0; i < 9; ++i) intrinsics[i / 3 * 4 + i % 3] = calibration.intrinsics[camera * 9 + i];
  auto apply = [](const Matrix4& m, const std::array<double, 4>& p) {
    std::array<double, 4> q = {};
    for (int r = 0; r < 4; ++r) {
      for (int k = 0; k < 4; ++k) q[r] += m[4 * r + k] * p[k];
    }
    return q;
  };
  std::array<double, 4> p = apply(inverse(image), {u, v, z, 1});
  p = apply(inverse(intrinsics), {p[0] * p[2], p[1] * p[2], p[2], 1});
  p = apply(bev, apply(to_bev, p));
  for (int i = 0; i < 3; ++i) out[i] = p[i];
}

/// Arrays of the reference, all double: depth [B,N,D,H,W], context [B,N,C,H,W], out [B,Z,rows,columns,C].
struct ReferenceResult {
  std::vector<double> probabilities, out, grad_depth, grad_context;
};

/// Forward, and backward of `grad_out` ([B,Z,rows,columns,C]) where it is not empty. `cells` are within the
/// batch element; prior may be empty.
inline ReferenceResult reference_lift_splat(const Sizes& s, const std::vector<int32_t>& cells,
                                            const std::vector<double>& depth, bool logits,
                                            const std::vector<double>& context,
                                            const std::vector<double>& prior,
                                            const std::vector<double>& prior_weight,
                                            const std::vector<double>& grad_out) {
  ReferenceResult r;
  const int64_t plane = s.height * s.width, per_element = s.nz * s.ny * s.nx;
  r.probabilities = depth;
  auto at = [&](int64_t image, int64_t d, int64_t pixel) {
    return (image * s.depth_bins + d) * plane + pixel;
  };
  const int64_t images = s.batch * s.cameras;
  if (logits) {
    for (int64_t image = 0; image < images; ++image) {
      for (int64_t pixel = 0; pixel < plane; ++pixel) {
        double top = -INFINITY, sum = 0;
        for (int64_t d = 0; d < s.depth_bins; ++d) top = std::max(top, depth[at(image, d, pixel)]);
        for (int64_t d = 0; d < s.depth_bins; ++d) sum += std::exp(depth[at(image, d, pixel)] - top);
        for (int64_t d = 0; d < s.depth_bins; ++d) {
          r.probabilities[at(image, d, pixel)] = std::exp(depth[at(image, d, pixel)] - top) / sum;
        }
      }
    }
  }
  std::vector<double> mixed = r.probabilities;
  if (!prior.empty()) {
    for (int64_t image = 0; image < images; ++image) {
      for (int64_t d = 0; d < s.depth_bins; ++d) {
        for (int64_t pixel = 0; pixel < plane; ++pixel) {
          const double f = prior_weight[image * plane + pixel];
          mixed[at(image, d, pixel)] = f * prior[at(image, d, pixel)] + (1 - f) * mixed[at(image, d, pixel)];
        }
      }
    }
  }
  r.out.assign(static_cast<size_t>(s.cells() * s.channels), 0.0);
  const bool backward = !grad_out.empty();
  if (backward) {
    r.grad_depth.assign(depth.size(), 0.0);
    r.grad_context.assign(context.size(), 0.0);
  }
  for (int64_t image = 0; image < images; ++image) {
    for (int64_t d = 0; d < s.depth_bins; ++d) {
      for (int64_t pixel = 0; pixel < plane; ++pixel) {
        const int64_t point = at(image, d, pixel);
        if (cells[point] < 0) continue;
        const int64_t cell = image / s.cameras * per_element + cells[point];
        double dot = 0;
        for (int64_t c = 0; c < s.channels; ++c) {
          const int64_t feature = (image * s.channels + c) * plane + pixel;
          r.out[cell * s.channels + c] += mixed[point] * context[feature];
          if (!backward) continue;
          dot += grad_out[cell * s.channels + c] * context[feature];
          r.grad_context[feature] += mixed[point] * grad_out[cell * s.channels + c];
        }
        if (backward) r.grad_depth[point] = dot;
      }
    }
  }
  if (!backward) return r;
  for (int64_t image = 0; image < images; ++image) {
    for (int64_t pixel = 0; pixel < plane; ++pixel) {
      const double keep = prior.empty() ? 1 : 1 - prior_weight[image * plane + pixel];
      double mean = 0;
      for (int64_t d = 0; d < s.depth_bins; ++d) {
        r.grad_depth[at(image, d, pixel)] *= keep;
        mean += r.probabilities[at(image, d, pixel)] * r.grad_depth[at(image, d, pixel)];
      }
      if (!logits) continue;
      for (int64_t d = 0; d < s.depth_bins; ++d) {
        double& g = r.grad_depth[at(image, d, pixel)];
        g = r.probabilities[at(image, d, pixel)] * (g - mean);
      }
    }
  }
  return r;
}

}  // namespace bevel::testing
