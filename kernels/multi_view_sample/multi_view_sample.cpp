// The entry points of multi_view_sample, and the checks of its arguments.
#include "bevel/multi_view_sample.h"

#include <array>
#include <cmath>

#include "multi_view_sample/multi_view_sample_job.hpp"
#include "operator_frame.hpp"

namespace bevel {
namespace {

constexpr int64_t kInt32Max = INT32_MAX;
constexpr int kMostLevels = BEVEL_MULTI_VIEW_MAX_LEVELS;
constexpr const char* kFeatureNames[kMostLevels] = {"features[0]", "features[1]", "features[2]",
                                                    "features[3]", "features[4]", "features[5]",
                                                    "features[6]", "features[7]"};
constexpr const char* kGradientNames[kMostLevels] = {
    "grad_features[0]", "grad_features[1]", "grad_features[2]", "grad_features[3]",
    "grad_features[4]", "grad_features[5]", "grad_features[6]", "grad_features[7]"};

/// What both passes have; `out` is out or grad_out. Of features the first views.levels are there.
struct ViewTensors {
  std::array<const TensorArgument*, kMostLevels> features;
  const TensorArgument &out, &lidar_to_image, &points, &locations, &image_sizes, &weights;
};

template <class Params>
ViewTensors declare(const Params& p, Arguments& a) {
  const bevel_multi_view& views = p.views;
  check_range(a.op(), "levels", views.levels, 1, kMostLevels);
  std::array<const TensorArgument*, kMostLevels> features;
  for (size_t l = 0; l < kMostLevels; ++l) {
    features[l] = l < static_cast<size_t>(views.levels)
                      ? &a.read(kFeatureNames[l], views.features[l], kFeatureTypes)
                      : &a.read_if_given(kFeatureNames[l], nullptr, kFeatureTypes);
  }
  a.set_precision(*features[0]);
  return {features,
          declare_out(p, a),
          a.read_if_given("lidar_to_image", views.lidar_to_image, a.exact()),
          a.read_if_given("points", views.points, a.exact()),
          a.read_if_given("locations", views.locations, a.exact()),
          a.read_if_given("image_sizes", views.image_sizes, a.exact()),
          a.read("weights", views.weights, a.exact())};
}

void check_features(const Arguments& a, const bevel_multi_view& views, const ViewTensors& t,
                    MultiViewJob& job) {
  check_range(a.op(), "layout", views.layout, BEVEL_CHANNELS_FIRST, BEVEL_CHANNELS_LAST);
  job.channels_last = views.layout == BEVEL_CHANNELS_LAST;
  job.levels = views.levels;
  job.feature_type = t.features[0]->element_type();
  const int channel = job.channels_last ? 4 : 2, row = job.channels_last ? 2 : 3;
  for (size_t l = 0; l < static_cast<size_t>(job.levels); ++l) {
    const TensorArgument& level = *t.features[l];
    level.rank(5).compact_from(2);
    if (l == 0) {
      job.batch = level.extent(0);
      if (level.extent(1) > BEVEL_MULTI_VIEW_MAX_CAMERAS) {
        level.reject("must have at most " + std::to_string(BEVEL_MULTI_VIEW_MAX_CAMERAS) + " cameras, got " +
                     level.shape_text());
      }
      job.cameras = static_cast<int32_t>(level.extent(1));
      job.channels = level.extent(channel);
    }
    if (level.element_type() != job.feature_type) level.reject("must have the dtype of features[0]");
    level.shape(job.channels_last ? std::vector<Extent>{job.batch, job.cameras, kAny, kAny, job.channels}
                                  : std::vector<Extent>{job.batch, job.cameras, job.channels, kAny, kAny},
                "to match features[0]");
    const int64_t height = level.extent(row), width = level.extent(row + 1);
    if (height < 1 || width < 1) {
      level.reject("must have at least one pixel, got " + level.shape_text());
    }
    if (height > kInt32Max || width > kInt32Max || height * width > kInt32Max) {
      level.reject("must have fewer than 2^31 pixels, got " + level.shape_text());
    }
    job.features[l] = {level.data(), level.stride(0), level.stride(1), static_cast<int32_t>(height),
                       static_cast<int32_t>(width)};
  }
}

void check_image_sizes(const Arguments& a, const bevel_multi_view& views, const ViewTensors& t,
                       MultiViewJob& job) {
  if (t.image_sizes.given()) {
    t.image_sizes.shape({job.batch, job.cameras, 2}, "to match features").compact_from(2);
    job.image_sizes = t.image_sizes.data();
    job.image_strides[0] = t.image_sizes.stride(0);
    job.image_strides[1] = t.image_sizes.stride(1);
    return;
  }
  job.image_width = views.image_width;
  job.image_height = views.image_height;
  auto is_size = [](double size) { return size > 0 && std::isfinite(static_cast<float>(size)); };
  if (!is_size(job.image_width) || !is_size(job.image_height)) {
    fail(BEVEL_INVALID_ARGUMENT,
         "%s: image_width and image_height must be positive where image_sizes is NULL, got %g × %g", a.op(),
         job.image_width, job.image_height);
  }
}

void check_point_range(const Arguments& a, const bevel_multi_view& views, MultiViewJob& job) {
  const int32_t normalised = views.points_normalised;
  if (normalised != 0 && normalised != 1) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: points_normalised must be 0 or 1, got %d", a.op(), normalised);
  }
  job.normalised = normalised == 1;
  if (!job.normalised) return;
  for (int axis = 0; axis < 3; ++axis) {
    const double lower = views.point_range[axis], upper = views.point_range[axis + 3];
    if (!(lower < upper) || !std::isfinite(static_cast<float>(lower)) ||
        !std::isfinite(static_cast<float>(upper - lower))) {
      fail(BEVEL_INVALID_ARGUMENT, "%s: point_range must have lower < upper bounds, got %g to %g for %c",
           a.op(), lower, upper, "xyz"[axis]);
    }
    job.lower[axis] = lower;
    job.extent[axis] = upper - lower;
  }
}

/// Points and the cameras' matrices, or locations; from them the queries and points of each.
void check_places(const Arguments& a, const bevel_multi_view& views, const ViewTensors& t,
                  MultiViewJob& job) {
  if (t.points.given() == t.locations.given()) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: either points or locations must be given, got %s", a.op(),
         t.points.given() ? "both" : "neither");
  }
  const TensorArgument& places = t.points.given() ? t.points : t.locations;
  places.rank(t.points.given() ? 4 : 5).compact();
  job.queries = places.extent(1);
  if (places.extent(2) > BEVEL_MULTI_VIEW_MAX_POINTS) {
    places.reject("must have at most " + std::to_string(BEVEL_MULTI_VIEW_MAX_POINTS) +
                  " points a query, got " + places.shape_text());
  }
  job.points = static_cast<int32_t>(places.extent(2));
  if (checked_product(a.op(), "points a batch element", {job.queries, job.points}) > kInt32Max) {
    places.reject("must have fewer than 2^31 points a batch element, got " + places.shape_text());
  }
  job.locations = t.locations.data_if_given();
  job.points3 = t.points.data_if_given();
  if (t.locations.given()) {
    if (t.lidar_to_image.given()) t.lidar_to_image.reject("must be NULL with locations");
    t.locations.shape({job.batch, job.queries, job.points, job.cameras, 2}, "to match features");
    return;
  }
  t.points.shape({job.batch, job.queries, job.points, 3}, "to match features");
  t.lidar_to_image.required().shape({job.batch, job.cameras, 4, 4}, "to match features").compact();
  job.lidar_to_image = t.lidar_to_image.data();
  check_image_sizes(a, views, t, job);
  check_point_range(a, views, job);
}

void check_weights(const TensorArgument& weights, MultiViewJob& job) {
  const bool grouped = weights.dimensions() == 6;
  std::vector<Extent> shape = {job.batch, job.queries, job.cameras, job.points, job.levels};
  if (grouped) shape.push_back(kAny);
  weights.shape(shape, "(and a last dimension of groups, or none) to match features and points")
      .compact_from(4);
  const int64_t groups = grouped ? weights.extent(5) : 1;
  if (groups < 1 || job.channels % groups != 0 || groups > kInt32Max) {
    weights.reject("must have groups that divide the " + std::to_string(job.channels) + " channels, got " +
                   weights.shape_text());
  }
  job.groups = static_cast<int32_t>(groups);
  job.weights = weights.data();
  for (int i = 0; i < 4; ++i) job.weight_strides[i] = weights.stride(i);
}

MultiViewJob check_both(const Arguments& a, const bevel_multi_view& views, const ViewTensors& t) {
  MultiViewJob job = {};
  check_reserved(a.op(), "views.reserved", views.reserved);
  check_features(a, views, t, job);
  check_places(a, views, t, job);
  check_weights(t.weights, job);
  t.out.shape({job.batch, job.queries, job.channels}, "to match features and points").compact();
  job.out_type = t.out.element_type();
  return job;
}

MultiViewJob check_forward(const bevel_multi_view_sample_forward_params& p, Arguments& a) {
  const ViewTensors t = declare(p, a);
  const TensorArgument& visible = a.written_if_given("visible", p.visible, kBytes);
  MultiViewJob job = check_both(a, p.views, t);
  if (visible.given()) {
    if (job.channels == 0) visible.reject("is only written when features have a channel");
    visible.shape({job.batch, job.cameras, job.queries, job.points}, "to match features and points")
        .compact();
  }
  job.visible = visible.data_if_given<uint8_t>();
  job.out = t.out.data();
  return job;
}

MultiViewBackwardJob check_backward(const bevel_multi_view_sample_backward_params& p, Arguments& a) {
  const ViewTensors t = declare(p, a);
  MultiViewBackwardJob job = {};
  job.forward = check_both(a, p.views, t);
  job.grad_out = t.out.data();
  for (size_t l = 0; l < kMostLevels; ++l) {
    job.grad_features[l] = a.compact_gradient(kGradientNames[l], p.grad_features[l], *t.features[l]);
  }
  job.grad_points = a.compact_gradient("grad_points", p.grad_points, t.points);
  job.grad_locations = a.compact_gradient("grad_locations", p.grad_locations, t.locations);
  job.grad_weights = a.compact_gradient("grad_weights", p.grad_weights, t.weights);
  job.fast = check_fast(a.op(), p.determinism);
  check_reserved(a.op(), "reserved", p.reserved);
  const MultiViewJob& f = job.forward;
  a.limit_workspace({f.batch, f.queries, f.channels});
  a.limit_workspace({f.batch, f.cameras, f.items(), 6});
  for (int level = 0; level < f.levels; ++level) {
    a.limit_workspace({f.features[level].height, f.features[level].width, f.channels});
  }
  return job;
}

}  // namespace
}  // namespace bevel

using namespace bevel;

bevel_status bevel_multi_view_sample_forward(const bevel_multi_view_sample_forward_params* params,
                                             void* stream) {
  return run_operator<bodies::multi_view_sample_forward>("multi_view_sample_forward", params, stream,
                                                         check_forward);
}

bevel_status bevel_multi_view_sample_backward_workspace(const bevel_multi_view_sample_backward_params* params,
                                                        int64_t* bytes) {
  return query_workspace<bodies::multi_view_sample_backward>("multi_view_sample_backward", params, bytes,
                                                             check_backward);
}

bevel_status bevel_multi_view_sample_backward(const bevel_multi_view_sample_backward_params* params,
                                              void* stream) {
  return run_operator<bodies::multi_view_sample_backward>("multi_view_sample_backward", params, stream,
                                                          check_backward);
}
