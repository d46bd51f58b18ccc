// A problem of point_sampling on the six-camera rig, compared with its reference.
#pragma once

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>

#include "lift_splat_case.hpp"
#include "bevel/point_sampling.h"
#include "references/reference.h"

BEVEL_REFERENCE(point_sampling);

namespace bevel::testing {

struct PointSizes {
  int64_t batch, cameras;
  int32_t rows, columns, anchors;
  bool given = false;     ///< the points are given, one set for each batch element
  bool shared = false;    ///< or one for all
  bool of_first = false;  ///< visible is that of batch element 0

  int64_t queries() const { return static_cast<int64_t>(rows) * columns; }
};

/// Prints the sizes where a test of them fails.
inline void PrintTo(const PointSizes& s, std::ostream* out) {
  *out << s.batch << "x" << s.cameras << " cameras, " << s.rows << "x" << s.columns << "x" << s.anchors;
}

constexpr double kPointRange[6] = {-51.2, -51.2, -5, 51.2, 51.2, 3};
constexpr int32_t kImageHeight = 928, kImageWidth = 1600;

/// Matrices and points in M, the reference in T.
template <class T, class M = double>
class PointCase {
 public:
  PointCase(PointSizes sizes, uint64_t seed)
      : s(sizes),
        matrices({s.batch, s.cameras, 4, 4}),
        points({s.shared ? 1 : s.batch, s.queries(), s.anchors, 3}),
        reference({s.batch, s.cameras, s.queries(), s.anchors, 2}),
        mask({s.batch, s.cameras, s.queries(), s.anchors}),
        visible({s.batch, s.cameras, s.queries()}),
        mean_factor({s.batch, s.queries()}) {
    // Each batch element stands turned by 10 degrees more.
    const Calibration rig = rig_calibration(s.batch, s.cameras, 1600, 900, 1, 0, 10);
    for (int64_t i = 0; i < s.batch * s.cameras; ++i) {
      Matrix4 intrinsics = identity4(), camera_to_bev, turn;
      for (int r = 0; r < 9; ++r) intrinsics[4 * (r / 3) + r % 3] = rig.intrinsics[size_t(9 * i + r)];
      for (int k = 0; k < 16; ++k) {
        camera_to_bev[k] = rig.camera_to_bev[size_t(16 * i + k)];
        turn[k] = rig.bev_augmentation[size_t(16 * (i / s.cameras) + k)];
      }
      const Matrix4 m = multiply(intrinsics, inverse(multiply(turn, camera_to_bev)));
      for (int k = 0; k < 16; ++k) matrices[16 * i + k] = static_cast<M>(m[k]);
    }
    std::mt19937_64 random(seed);
    fill_random(points, random, -40, 40);
    for (int64_t i = 2; i < points.size(); i += 3) points[i] = static_cast<M>(to_double(points[i]) / 10);
  }

  bevel_point_sampling_params params() {
    bevel_point_sampling_params p = {};
    p.struct_size = sizeof p;
    p.lidar_to_image = matrices.view();
    if (s.given || s.shared) {
      p.points = points.view();
    } else {
      p.grid = {s.rows, s.columns, s.anchors, 0, {}};
      std::copy_n(kPointRange, 6, p.grid.range);
    }
    p.image_height = kImageHeight;
    p.image_width = kImageWidth;
    p.visible_of_first_element = s.of_first;
    p.reference = reference.view();
    p.mask = mask.view();
    p.visible = visible.view();
    p.mean_factor = mean_factor.view();
    return p;
  }

  void run() {
    const bevel_point_sampling_params p = params();
    ASSERT_BEVEL_OK(bevel_point_sampling(&p, nullptr));
  }

  /// Compares what was computed, here or elsewhere: flags exactly, places to a tolerance that allows for what
  /// cancels in a small depth.
  void compare(double tolerance) {
    Tensor<double> exact(reference.shape()), factor(mean_factor.shape());
    Tensor<uint8_t> exact_mask(mask.shape()), exact_visible(visible.shape());
    bevel_point_sampling_params p = params();
    p.reference = exact.view();
    p.mask = exact_mask.view();
    p.visible = exact_visible.view();
    p.mean_factor = factor.view();
    ASSERT_BEVEL_OK(bevel_reference_point_sampling(&p, nullptr));
    const auto far = [&](double actual, double expected, double allowed) {
      return !(std::fabs(actual - expected) <= allowed * (1 + std::fabs(expected)));
    };
    int64_t off = 0;
    // The least depth is 1e-5, where a rounding of 1e-12 metres is one of 1e-7.
    for (int64_t i = 0; i < exact.size(); ++i)
      off += far(to_double(reference[i]), exact[i], tolerance + 1e-7);
    for (int64_t i = 0; i < factor.size(); ++i) off += far(to_double(mean_factor[i]), factor[i], tolerance);
    EXPECT_EQ(0, off) << "numbers that differ";
    EXPECT_EQ(std::vector<uint8_t>(exact_mask.data(), exact_mask.data() + exact_mask.size()),
              std::vector<uint8_t>(mask.data(), mask.data() + mask.size()));
    EXPECT_EQ(std::vector<uint8_t>(exact_visible.data(), exact_visible.data() + exact_visible.size()),
              std::vector<uint8_t>(visible.data(), visible.data() + visible.size()));
  }

  PointSizes s;
  Tensor<M> matrices, points;
  Tensor<T> reference;
  Tensor<uint8_t> mask, visible;
  Tensor<T> mean_factor;
};

template <class U>
bool same_bits(const Tensor<U>& a, const Tensor<U>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), static_cast<size_t>(a.size()) * sizeof(U)) == 0;
}

/// Whether all outputs of two cases have the same bits.
template <class T, class M>
void expect_same_bits(const PointCase<T, M>& a, const PointCase<T, M>& b) {
  EXPECT_TRUE(same_bits(a.reference, b.reference)) << "reference";
  EXPECT_TRUE(same_bits(a.mask, b.mask)) << "mask";
  EXPECT_TRUE(same_bits(a.visible, b.visible)) << "visible";
  EXPECT_TRUE(same_bits(a.mean_factor, b.mean_factor)) << "mean_factor";
}

inline std::vector<PointSizes> all_point_sizes() {
  return {
      {1, 6, 50, 50, 4},
      {2, 6, 7, 13, 4, false, false, true},
      {3, 2, 5, 9, 1},
      {1, 6, 3, 2, 256},
      {2, 6, 9, 31, 3, true},
      {2, 5, 11, 3, 8, true, false, true},
      {2, 6, 33, 5, 4, false, true},
      {1, 1, 1, 1, 1},
      {0, 6, 3, 3, 4},
      {2, 0, 3, 3, 4},
      {2, 3, 0, 5, 4, true},
  };
}

/// Numbers that are none, in matrices and in points.
template <class T, class M>
void make_hostile(PointCase<T, M>& problem) {
  const M nan = std::numeric_limits<M>::quiet_NaN(), inf = std::numeric_limits<M>::infinity();
  const M bad[] = {nan, inf, -inf, std::numeric_limits<M>::max(), std::numeric_limits<M>::denorm_min(), -nan};
  for (int i = 0; i < 6; ++i) {
    problem.matrices[16 * i + 2 * i] = bad[i];
    problem.points[20 * i + i] = bad[i];
  }
}

}  // namespace bevel::testing
