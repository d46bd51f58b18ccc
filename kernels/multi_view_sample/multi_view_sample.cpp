// The entry points of multi_view_sample: every argument is checked here, then the work goes to the CPU body
// of the chosen instruction set. (CUDA tensors are refused: there is no body for them yet.)
#include "multi_view_sample.h"

#include <array>
#include <cmath>

#include "call_tensors.hpp"
#include "cuda_loader.hpp"
#include "multi_view_sample/multi_view_sample_cpu.hpp"
#include "settings.hpp"
#include "status.hpp"
#include "tensor_check.hpp"

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

using LevelArguments = std::array<TensorArgument, kMostLevels>;

/// What is there of levels [0, count), else not given.
LevelArguments level_arguments(const char* op, const char* const (&names)[kMostLevels],
                               const DLTensor* const* tensors, int count) {
  auto level = [&](int l) { return TensorArgument(op, names[l], l < count ? tensors[l] : nullptr); };
  return {level(0), level(1), level(2), level(3), level(4), level(5), level(6), level(7)};
}

int checked_levels(const char* op, const bevel_multi_view& views) {
  if (views.levels < 1 || views.levels > kMostLevels) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: levels must be 1 to %d, got %d", op, kMostLevels, views.levels);
  }
  return views.levels;
}

/// What forward and backward have in common; out is out or grad_out.
struct Arguments {
  template <class Params>
  Arguments(const char* operator_name, const Params& p, const DLTensor* out_tensor, const char* out_name)
      : Arguments(operator_name, cpu_settings(operator_name, p), p.views, out_tensor, out_name) {}
  Arguments(const char* operator_name, CpuSettings settings, const bevel_multi_view& v,
            const DLTensor* out_tensor, const char* out_name)
      : op(operator_name),
        cpu(settings),
        views(v),
        levels(checked_levels(op, v)),
        features(level_arguments(op, kFeatureNames, v.features, levels)),
        lidar2img(op, "lidar2img", v.lidar2img),
        points(op, "points", v.points),
        locations(op, "locations", v.locations),
        image_sizes(op, "image_sizes", v.image_sizes),
        weights(op, "weights", v.weights),
        out(op, out_name, out_tensor) {}

  const char* op;
  CpuSettings cpu;
  const bevel_multi_view& views;
  int levels;
  LevelArguments features;
  TensorArgument lidar2img, points, locations, image_sizes, weights, out;

  bool double_precision() const { return features[0].element_type() == ElementType::kFloat64; }
  unsigned exact() const { return double_precision() ? kFloat64Only : kFloat32Only; }
};

void check_features(const Arguments& a, DLDevice device, MultiViewJob& job) {
  const int32_t layout = a.views.layout;
  if (layout != BEVEL_CHANNELS_FIRST && layout != BEVEL_CHANNELS_LAST) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: layout must be 0 or 1, got %d", a.op, layout);
  }
  job.channels_last = layout == BEVEL_CHANNELS_LAST;
  const int channel = job.channels_last ? 4 : 2, row = job.channels_last ? 2 : 3;
  for (int l = 0; l < a.levels; ++l) {
    const TensorArgument& level = a.features[static_cast<size_t>(l)];
    level.required().dtype(kFeatureTypes).rank(5).on(device).compact_from(2);
    if (l == 0) {
      job.feature_type = level.element_type();
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
  job.levels = a.levels;
}

void check_image_sizes(const Arguments& a, DLDevice device, MultiViewJob& job) {
  if (a.image_sizes.given()) {
    a.image_sizes.dtype(a.exact())
        .shape({job.batch, job.cameras, 2}, "to match features")
        .on(device)
        .compact_from(2);
    job.image_sizes = a.image_sizes.data();
    job.image_strides[0] = a.image_sizes.stride(0);
    job.image_strides[1] = a.image_sizes.stride(1);
    return;
  }
  job.image_width = a.views.image_width;
  job.image_height = a.views.image_height;
  auto is_size = [](double size) { return size > 0 && std::isfinite(static_cast<float>(size)); };
  if (!is_size(job.image_width) || !is_size(job.image_height)) {
    fail(BEVEL_INVALID_ARGUMENT,
         "%s: image_width and image_height must be positive where image_sizes is NULL, got %g × %g", a.op,
         job.image_width, job.image_height);
  }
}

void check_point_range(const Arguments& a, MultiViewJob& job) {
  const int32_t normalised = a.views.points_normalised;
  if (normalised != 0 && normalised != 1) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: points_normalised must be 0 or 1, got %d", a.op, normalised);
  }
  job.normalised = normalised == 1;
  if (!job.normalised) return;
  for (int axis = 0; axis < 3; ++axis) {
    const double lower = a.views.point_range[axis], upper = a.views.point_range[axis + 3];
    if (!(lower < upper) || !std::isfinite(static_cast<float>(lower)) ||
        !std::isfinite(static_cast<float>(upper - lower))) {
      fail(BEVEL_INVALID_ARGUMENT, "%s: point_range must have lower < upper bounds, got %g to %g for %c",
           a.op, lower, upper, "xyz"[axis]);
    }
    job.lower[axis] = lower;
    job.extent[axis] = upper - lower;
  }
}

/// Points and the cameras' matrices, or locations; from them the queries and points of each.
void check_places(const Arguments& a, DLDevice device, MultiViewJob& job) {
  if (a.points.given() == a.locations.given()) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: either points or locations must be given, got %s", a.op,
         a.points.given() ? "both" : "neither");
  }
  const TensorArgument& places = a.points.given() ? a.points : a.locations;
  places.dtype(a.exact()).rank(a.points.given() ? 4 : 5).on(device).compact();
  job.queries = places.extent(1);
  if (places.extent(2) > BEVEL_MULTI_VIEW_MAX_POINTS) {
    places.reject("must have at most " + std::to_string(BEVEL_MULTI_VIEW_MAX_POINTS) +
                  " points a query, got " + places.shape_text());
  }
  job.points = static_cast<int32_t>(places.extent(2));
  if (checked_product(a.op, "points a batch element", {job.queries, job.points}) > kInt32Max) {
    places.reject("must have fewer than 2^31 points a batch element, got " + places.shape_text());
  }
  if (a.locations.given()) {
    if (a.lidar2img.given()) {
      a.lidar2img.reject("must be NULL with locations");
    }
    a.locations.shape({job.batch, job.queries, job.points, job.cameras, 2}, "to match features");
    job.locations = a.locations.data();
    return;
  }
  a.points.shape({job.batch, job.queries, job.points, 3}, "to match features");
  a.lidar2img.required()
      .dtype(a.exact())
      .shape({job.batch, job.cameras, 4, 4}, "to match features")
      .on(device)
      .compact();
  job.points3 = a.points.data();
  job.lidar2img = a.lidar2img.data();
  check_image_sizes(a, device, job);
  check_point_range(a, job);
}

void check_weights(const Arguments& a, DLDevice device, MultiViewJob& job) {
  const TensorArgument& weights = a.weights.required();
  weights.dtype(a.exact()).on(device);
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

MultiViewJob check(const Arguments& a) {
  MultiViewJob job = {};
  job.cpu = a.cpu;
  a.out.required().on_known_device();
  const DLDevice device = a.out.device();
  check_reserved(a.op, "views.reserved", a.views.reserved);
  check_features(a, device, job);
  check_places(a, device, job);
  check_weights(a, device, job);
  a.out.dtype(a.double_precision() ? kFloat64Only : kFloat32Only | kSixteenBit)
      .shape({job.batch, job.queries, job.channels}, "to match features and points")
      .on(device)
      .compact();
  job.out_type = a.out.element_type();
  if (!is_cpu(device) && a.double_precision()) {
    fail(BEVEL_UNSUPPORTED, "%s: float64 is for gradient checks on the CPU, %s is on CUDA", a.op,
         a.out.name());
  }
  return job;
}

struct Gradients {
  explicit Gradients(const char* op, const bevel_multi_view_sample_backward_params& p)
      : features(level_arguments(op, kGradientNames, p.grad_features, kMostLevels)),
        points(op, "grad_points", p.grad_points),
        locations(op, "grad_locations", p.grad_locations),
        weights(op, "grad_weights", p.grad_weights) {}
  LevelArguments features;
  TensorArgument points, locations, weights;
};

/// Address of a gradient that is like `of`, or null where it is not wanted.
void* check_gradient(const TensorArgument& gradient, const TensorArgument& of, DLDevice device) {
  if (!gradient.given()) return nullptr;
  if (!of.given()) gradient.reject(std::string("must be NULL, for ") + of.name() + " is");
  gradient.dtype(kFeatureTypes).shaped_like(of).on(device).compact();
  if (gradient.element_type() != of.element_type()) {
    gradient.reject(std::string("must have the dtype of ") + of.name());
  }
  return gradient.data();
}

MultiViewBackwardJob check(const Arguments& a, const Gradients& g,
                           const bevel_multi_view_sample_backward_params& p) {
  MultiViewBackwardJob job = {};
  job.forward = check(a);
  job.fast = check_fast(a.op, p.determinism);
  check_reserved(a.op, "reserved", p.reserved);
  const DLDevice device = a.out.device();
  job.grad_out = a.out.data();
  bool any = g.points.given() || g.locations.given() || g.weights.given();
  for (size_t l = 0; l < kMostLevels; ++l) {
    job.grad_features[l] = check_gradient(g.features[l], a.features[l], device);
    any = any || g.features[l].given();
  }
  if (!any) fail(BEVEL_INVALID_ARGUMENT, "%s: no gradient is asked for", a.op);
  job.grad_points = check_gradient(g.points, a.points, device);
  job.grad_locations = check_gradient(g.locations, a.locations, device);
  job.grad_weights = check_gradient(g.weights, a.weights, device);
  return job;
}

/// Its workspace is the least that will do.
MultiViewBackwardJob on_one_thread(MultiViewBackwardJob job) {
  job.forward.cpu.threads = 1;
  return job;
}

CallTensors forward_tensors(const Arguments& a, const TensorArgument& visible) {
  const LevelArguments& f = a.features;
  return {a.op,
          {&a.out, &visible},
          {&f[0], &f[1], &f[2], &f[3], &f[4], &f[5], &f[6], &f[7], &a.lidar2img, &a.points, &a.locations,
           &a.image_sizes, &a.weights}};
}

CallTensors backward_tensors(const Arguments& a, const Gradients& g) {
  const LevelArguments &f = a.features, &d = g.features;
  return {a.op,
          {&d[0], &d[1], &d[2], &d[3], &d[4], &d[5], &d[6], &d[7], &g.points, &g.locations, &g.weights},
          {&a.out, &f[0], &f[1], &f[2], &f[3], &f[4], &f[5], &f[6], &f[7], &a.lidar2img, &a.points,
           &a.locations, &a.image_sizes, &a.weights}};
}

int64_t workspace_of(const char* op, const MultiViewBackwardJob& job, const CallTensors& tensors,
                     DLDevice device) {
  if (tensors.any_empty()) return 0;
  const MultiViewJob& f = job.forward;
  check_workspace_part(op, {f.batch, f.queries, f.channels});
  check_workspace_part(op, {f.batch, f.cameras, f.items(), 6});
  for (int level = 0; level < f.levels; ++level) {
    check_workspace_part(op, {f.features[level].height, f.features[level].width, f.channels});
  }
  if (is_cpu(device)) return BEVEL_ON_INSTRUCTION_SET(f.cpu, multi_view_sample_backward_workspace(job));
  int64_t bytes = 0;
  bevel_cuda_message message = {};
  check_cuda(op, cuda_functions(op).multi_view_sample_backward_workspace(&job, &bytes, &message), message);
  return bytes;
}

constexpr const char* kForward = "multi_view_sample_forward";
constexpr const char* kBackward = "multi_view_sample_backward";

}  // namespace
}  // namespace bevel

using namespace bevel;

bevel_status bevel_multi_view_sample_forward(const bevel_multi_view_sample_forward_params* params,
                                             void* stream) {
  return guarded(kForward, [=] {
    check_params(kForward, params);
    const Arguments a(kForward, *params, params->out, "out");
    const TensorArgument visible(kForward, "visible", params->visible);
    MultiViewJob job = check(a);
    const DLDevice device = a.out.device();
    check_stream(kForward, device, stream);
    if (visible.given()) {
      visible.dtype(kBytes)
          .shape({job.batch, job.cameras, job.queries, job.points}, "to match features and points")
          .on(device)
          .compact();
      job.visible = visible.data_as<uint8_t>();
    }
    const CallTensors tensors = forward_tensors(a, visible);
    tensors.check_apart();
    if (tensors.any_empty()) return tensors.write_zeros(device, stream);
    job.out = a.out.data();
    if (is_cpu(device)) {
      BEVEL_ON_INSTRUCTION_SET(a.cpu, multi_view_sample_forward(job));
      return;
    }
    bevel_cuda_message message = {};
    check_cuda(kForward,
               cuda_functions(kForward).multi_view_sample_forward(&job, device.device_id, stream, &message),
               message);
  });
}

bevel_status bevel_multi_view_sample_backward_workspace(const bevel_multi_view_sample_backward_params* params,
                                                        int64_t* bytes) {
  return guarded(kBackward, [=] {
    check_params(kBackward, params);
    if (!bytes) fail(BEVEL_INVALID_ARGUMENT, "%s: bytes must be given, got NULL", kBackward);
    const Arguments a(kBackward, *params, params->grad_out, "grad_out");
    const Gradients g(kBackward, *params);
    const MultiViewBackwardJob job = check(a, g, *params);
    *bytes = workspace_of(kBackward, job, backward_tensors(a, g), a.out.device());
  });
}

bevel_status bevel_multi_view_sample_backward(const bevel_multi_view_sample_backward_params* params,
                                              void* stream) {
  return guarded(kBackward, [=] {
    check_params(kBackward, params);
    const Arguments a(kBackward, *params, params->grad_out, "grad_out");
    const Gradients g(kBackward, *params);
    MultiViewBackwardJob job = check(a, g, *params);
    const DLDevice device = a.out.device();
    check_stream(kBackward, device, stream);
    const CallTensors tensors = backward_tensors(a, g);
    const TensorArgument workspace = check_workspace(
        kBackward, params->workspace, device, workspace_of(kBackward, on_one_thread(job), tensors, device));
    tensors.check_apart(workspace);
    if (tensors.any_empty()) return tensors.write_zeros(device, stream);
    job.workspace = workspace.given() ? workspace.data_as<char>() : nullptr;
    job.workspace_bytes = workspace.given() ? workspace.extent(0) : 0;
    if (is_cpu(device)) {
      BEVEL_ON_INSTRUCTION_SET(a.cpu, multi_view_sample_backward(job));
      return;
    }
    bevel_cuda_message message = {};
    check_cuda(kBackward,
               cuda_functions(kBackward).multi_view_sample_backward(&job, device.device_id, stream, &message),
               message);
  });
}
