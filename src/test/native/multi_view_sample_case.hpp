// A random problem of feature sampling in several cameras, its calls through the C ABI, and what plain loops
// in double make of it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "lift_splat_case.hpp"
#include "bevel/multi_view_sample.h"
#include "references/multi_view_sample.hpp"

namespace bevel::testing {

/// Coordinates and weights in T (float or double), features and output in Storage. Cameras are those of the
/// rig; points lie all round it, some of them high above or below.
template <class T, class Storage>
class ViewCase {
 public:
  using Maps = std::vector<std::unique_ptr<Tensor<Storage>>>;

  ViewCase(ViewSizes sizes, uint64_t seed)
      : s(std::move(sizes)),
        lidar_to_image({s.batch, s.cameras, 4, 4}),
        image_sizes({s.batch, s.cameras, 2}),
        points({s.batch, s.queries, s.points, 3}),
        grad_points({s.batch, s.queries, s.points, 3}),
        locations({s.batch, s.queries, s.points, s.cameras, 2}),
        grad_locations({s.batch, s.queries, s.points, s.cameras, 2}),
        weights(weight_shape()),
        grad_weights(weight_shape()),
        out({s.batch, s.queries, s.channels}),
        grad_out({s.batch, s.queries, s.channels}),
        visible({s.batch, s.cameras, s.queries, s.points}) {
    std::mt19937_64 random(seed);
    for (const ViewSizes::Level& level : s.levels) {
      const std::vector<int64_t> shape =
          s.channels_last ? std::vector<int64_t>{s.batch, s.cameras, level.height, level.width, s.channels}
                          : std::vector<int64_t>{s.batch, s.cameras, s.channels, level.height, level.width};
      features.push_back(std::make_unique<Tensor<Storage>>(shape));
      grad_features.push_back(std::make_unique<Tensor<Storage>>(shape));
      fill_random(*features.back(), random);
    }
    fill_random(grad_out, random);
    fill_random(weights, random, 0, 1);
    fill_random(locations, random, -0.3, 1.3);
    const Calibration rig = rig_calibration(s.batch, s.cameras, 1600, 900, 1, 0, 0);
    for (int64_t camera = 0; camera < s.batch * s.cameras; ++camera) {
      Matrix4 to_bev, project = identity4();
      std::copy_n(rig.camera_to_bev.begin() + 16 * camera, 16, to_bev.begin());
      for (int i = 0; i < 9; ++i) {
        project[static_cast<size_t>(4 * (i / 3) + i % 3)] =
            rig.intrinsics[static_cast<size_t>(9 * camera + i)];
      }
      const Matrix4 matrix = multiply(project, inverse(to_bev));
      for (int i = 0; i < 16; ++i)
        lidar_to_image[16 * camera + i] = from_double<T>(matrix[static_cast<size_t>(i)]);
      image_sizes[2 * camera] = static_cast<T>(1600);
      image_sizes[2 * camera + 1] = static_cast<T>(900 + 28 * (camera % 2));
    }
    for (int64_t i = 0; i < points.size(); ++i) {
      const double reach = i % 3 == 2 ? 4 : 50;
      const double place = std::uniform_real_distribution<double>(-reach, reach)(random);
      points[i] =
          from_double<T>(s.normalised ? (place - range[i % 3]) / (range[i % 3 + 3] - range[i % 3]) : place);
    }
  }

  bevel_multi_view views() {
    bevel_multi_view v = {};
    for (size_t l = 0; l < features.size(); ++l) v.features[l] = features[l]->view();
    v.levels = static_cast<int32_t>(features.size());
    v.layout = s.channels_last ? BEVEL_CHANNELS_LAST : BEVEL_CHANNELS_FIRST;
    if (s.given_locations) {
      v.locations = locations.view();
    } else {
      v.lidar_to_image = lidar_to_image.view();
      v.points = points.view();
      v.image_sizes = image_sizes.view();
    }
    std::copy_n(range, 6, v.point_range);
    v.points_normalised = s.normalised ? 1 : 0;
    v.weights = weights.view();
    return v;
  }
  bevel_multi_view_sample_forward_params forward() {
    return {sizeof(bevel_multi_view_sample_forward_params), views(), out.view(), visible.view()};
  }
  bevel_multi_view_sample_backward_params backward() {
    bevel_multi_view_sample_backward_params p = {};
    p.struct_size = sizeof p;
    p.grad_out = grad_out.view();
    p.views = views();
    for (size_t l = 0; l < features.size(); ++l) p.grad_features[l] = grad_features[l]->view();
    if (s.given_locations) {
      p.grad_locations = grad_locations.view();
    } else {
      p.grad_points = grad_points.view();
    }
    p.grad_weights = grad_weights.view();
    return p;
  }

  void run_forward() {
    const bevel_multi_view_sample_forward_params p = forward();
    ASSERT_BEVEL_OK(bevel_multi_view_sample_forward(&p, nullptr));
  }
  void run_backward() {
    bevel_multi_view_sample_backward_params p = backward();
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_multi_view_sample_backward_workspace(&p, &bytes));
    Tensor<uint8_t> workspace({bytes});
    p.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_multi_view_sample_backward(&p, nullptr));
  }

  ViewData data() const {
    ViewData d;
    for (size_t l = 0; l < features.size(); ++l) d.features.push_back(map_values(*features[l], l));
    d.lidar_to_image = values(lidar_to_image);
    d.image_sizes = values(image_sizes);
    d.points = values(points);
    d.locations = values(locations);
    d.weights = values(weights);
    d.grad_out = values(grad_out);
    std::copy_n(range, 6, d.range);
    return d;
  }

  /// Compares what was computed, here or elsewhere, with the reference.
  void compare(double tolerance, double storage_tolerance) const {
    const ViewResult e = multi_view_reference(s, data(), true);
    EXPECT_EQ(e.visible, std::vector<uint8_t>(visible.data(), visible.data() + visible.size()));
    EXPECT_LE(relative_error(values(out), e.out), storage_tolerance) << "out";
    for (size_t l = 0; l < features.size(); ++l) {
      EXPECT_LE(relative_error(map_values(*grad_features[l], l), e.grad_features[l]), storage_tolerance)
          << "grad_features " << l;
    }
    EXPECT_LE(relative_error(values(grad_weights), e.grad_weights), tolerance) << "grad_weights";
    if (s.given_locations) {
      EXPECT_LE(relative_error(values(grad_locations), e.grad_locations), tolerance) << "grad_locations";
    } else {
      EXPECT_LE(relative_error(values(grad_points), e.grad_points), tolerance) << "grad_points";
    }
  }

  void check(double tolerance, double storage_tolerance) {
    run_forward();
    run_backward();
    compare(tolerance, storage_tolerance);
  }

  template <class U>
  static std::vector<double> values(const Tensor<U>& tensor) {
    std::vector<double> all(static_cast<size_t>(tensor.size()));
    for (int64_t i = 0; i < tensor.size(); ++i) all[static_cast<size_t>(i)] = to_double(tensor[i]);
    return all;
  }

  /// A level's maps as [B, N, H, W, C].
  std::vector<double> map_values(const Tensor<Storage>& map, size_t level) const {
    const std::vector<double> all = values(map);
    if (s.channels_last) return all;
    const int64_t pixels = s.levels[level].height * s.levels[level].width;
    std::vector<double> last(all.size());
    for (int64_t i = 0; i < map.size(); ++i) {
      const int64_t camera = i / (pixels * s.channels), channel = i / pixels % s.channels;
      last[static_cast<size_t>((camera * pixels + i % pixels) * s.channels + channel)] =
          all[static_cast<size_t>(i)];
    }
    return last;
  }

  ViewSizes s;
  double range[6] = {-51.2, -51.2, -5, 51.2, 51.2, 3};
  Maps features, grad_features;
  Tensor<T> lidar_to_image, image_sizes, points, grad_points, locations, grad_locations, weights,
      grad_weights;
  Tensor<Storage> out, grad_out;
  Tensor<uint8_t> visible;

 private:
  std::vector<int64_t> weight_shape() const {
    std::vector<int64_t> shape = {s.batch, s.queries, s.cameras, s.points, s.level_count()};
    if (s.groups != 1) shape.push_back(s.groups);
    return shape;
  }
};

}  // namespace bevel::testing
