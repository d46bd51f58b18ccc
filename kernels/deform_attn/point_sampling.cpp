// The entry point of point_sampling: every argument is checked here, then the work goes to the CPU body of
// the chosen instruction set or to CUDA.
#include "point_sampling.h"

#include <cmath>

#include "call_tensors.hpp"
#include "cuda_loader.hpp"
#include "deform_attn/point_sampling_cpu.hpp"
#include "settings.hpp"
#include "status.hpp"
#include "tensor_check.hpp"

namespace bevel {
namespace {

constexpr const char* kOp = "point_sampling";
constexpr int64_t kInt32Max = INT32_MAX;

struct Arguments {
  TensorArgument lidar_to_image, points, reference, mask, visible, mean_factor;

  explicit Arguments(const bevel_point_sampling_params& p)
      : lidar_to_image(kOp, "lidar_to_image", p.lidar_to_image),
        points(kOp, "points", p.points),
        reference(kOp, "reference", p.reference),
        mask(kOp, "mask", p.mask),
        visible(kOp, "visible", p.visible),
        mean_factor(kOp, "mean_factor", p.mean_factor) {}
};

void check_anchors(int64_t anchors, int64_t least) {
  if (anchors < least || anchors > BEVEL_POINT_SAMPLING_MAX_ANCHORS) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: a pillar must have %lld to %d anchors, got %lld", kOp,
         static_cast<long long>(least), BEVEL_POINT_SAMPLING_MAX_ANCHORS, static_cast<long long>(anchors));
  }
}

void check_grid(const bevel_pillar_grid& grid) {
  check_reserved(kOp, "grid.reserved", grid.reserved);
  if (grid.rows < 1 || grid.columns < 1) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: grid must have at least one row and one column, got %d × %d", kOp,
         grid.rows, grid.columns);
  }
  check_anchors(grid.anchors, 1);
  for (int axis = 0; axis < 3; ++axis) {
    const double lower = grid.range[axis], upper = grid.range[axis + 3];
    if (!(std::isfinite(upper - lower) && lower < upper)) {
      fail(BEVEL_INVALID_ARGUMENT, "%s: grid.range must be finite and rise in %c, got %g to %g", kOp,
           "xyz"[axis], lower, upper);
    }
  }
}

void check_no_grid(const bevel_pillar_grid& grid) {
  bool empty = grid.rows == 0 && grid.columns == 0 && grid.anchors == 0 && grid.reserved == 0;
  for (const double bound : grid.range) empty = empty && bound == 0;
  if (!empty) fail(BEVEL_INVALID_ARGUMENT, "%s: grid must be all 0 where points are given", kOp);
}

/// Queries and anchors, from the points or from the grid.
void check_pillars(const Arguments& a, const bevel_pillar_grid& grid, DLDevice device,
                   PointSamplingJob& job) {
  if (!a.points.given()) {
    check_grid(grid);
    job.grid = grid;
    job.queries = checked_product(kOp, "cells of grid", {grid.rows, grid.columns});
    job.anchors = grid.anchors;
  } else {
    check_no_grid(grid);
    a.points.dtype(kFloatOrDouble).rank(4).compact().on(device);
    const int64_t elements = a.points.extent(0) == 1 ? 1 : job.batch;
    a.points.shape({elements, kAny, kAny, 3}, "to match lidar_to_image");
    check_anchors(a.points.extent(2), 0);
    job.points = a.points.data();
    job.point_type = a.points.element_type();
    job.queries = a.points.extent(1);
    job.anchors = static_cast<int32_t>(a.points.extent(2));
    job.points_of_batch = elements == 1 ? 0 : job.queries * job.anchors * 3;
  }
  if (job.queries > kInt32Max) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: queries must be below 2^31, got %lld", kOp,
         static_cast<long long>(job.queries));
  }
}

PointSamplingJob check(const Arguments& a, const bevel_point_sampling_params& p, DLDevice device) {
  PointSamplingJob job = {};
  job.cpu = cpu_settings(kOp, p);
  a.lidar_to_image.required().dtype(kFloatOrDouble).shape({kAny, kAny, 4, 4}).compact().on(device);
  job.batch = a.lidar_to_image.extent(0);
  job.cameras = a.lidar_to_image.extent(1);
  if (job.cameras > kInt32Max) a.lidar_to_image.reject("must be of fewer than 2^31 cameras");
  job.lidar_to_image = a.lidar_to_image.data();
  job.matrix_type = a.lidar_to_image.element_type();
  check_pillars(a, p.grid, device, job);
  if (p.image_height < 1 || p.image_width < 1) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: image_height and image_width must be at least 1, got %d × %d", kOp,
         p.image_height, p.image_width);
  }
  job.image_height = p.image_height;
  job.image_width = p.image_width;
  if (p.visible_of_first_element != 0 && p.visible_of_first_element != 1) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: visible_of_first_element must be 0 or 1, got %d", kOp,
         p.visible_of_first_element);
  }
  job.visible_of_first_element = p.visible_of_first_element == 1;
  check_reserved(kOp, "reserved", p.reserved);
  return job;
}

void check_outputs(const Arguments& a, DLDevice device, PointSamplingJob& job) {
  const char* reason = "to match lidar_to_image and the pillars";
  checked_product(kOp, "elements of reference", {job.batch, job.cameras, job.queries, job.anchors, 2});
  a.reference.dtype(kFloatOrDouble)
      .shape({job.batch, job.cameras, job.queries, job.anchors, 2}, reason)
      .compact()
      .on(device);
  a.reference.aligned(2 * a.reference.element_bytes());
  job.reference_type = a.reference.element_type();
  if (job.reference_type == ElementType::kFloat64 && !is_cpu(device)) {
    fail(BEVEL_UNSUPPORTED, "%s: float64 is for gradient checks on the CPU, reference is on CUDA", kOp);
  }
  job.reference = a.reference.data();
  if (a.mask.given()) {
    a.mask.dtype(kBytes)
        .shape({job.batch, job.cameras, job.queries, job.anchors}, reason)
        .compact()
        .on(device);
    job.mask = a.mask.data_as<uint8_t>();
  }
  a.visible.required()
      .dtype(kBytes)
      .shape({job.batch, job.cameras, job.queries}, reason)
      .compact()
      .on(device);
  job.visible = a.visible.data_as<uint8_t>();
  if (a.mean_factor.given()) {
    a.mean_factor.dtype(job.reference_type == ElementType::kFloat64 ? kFloat64Only : kFloat32Only)
        .shape({job.batch, job.queries}, reason)
        .compact()
        .on(device);
    job.mean_factor = a.mean_factor.data();
  }
}

}  // namespace
}  // namespace bevel

using namespace bevel;

bevel_status bevel_point_sampling(const bevel_point_sampling_params* params, void* stream) {
  return guarded(kOp, [=] {
    check_params(kOp, params);
    const Arguments a(*params);
    a.reference.required().on_known_device();
    const DLDevice device = a.reference.device();
    check_stream(kOp, device, stream);
    PointSamplingJob job = check(a, *params, device);
    check_outputs(a, device, job);
    const CallTensors tensors(kOp, {&a.reference, &a.mask, &a.visible, &a.mean_factor},
                              {&a.lidar_to_image, &a.points});
    tensors.check_apart();
    if (tensors.any_empty()) return tensors.write_zeros(device, stream);
    if (is_cpu(device)) {
      BEVEL_ON_INSTRUCTION_SET(job.cpu, point_sampling(job));
    } else {
      bevel_cuda_message message = {};
      check_cuda(kOp, cuda_functions(kOp).point_sampling(&job, device.device_id, stream, &message), message);
    }
  });
}
