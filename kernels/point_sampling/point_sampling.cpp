// The entry point of point_sampling, and the checks of its arguments.
#include "bevel/point_sampling.h"

#include <cmath>

#include "operator_frame.hpp"
#include "point_sampling/point_sampling_job.hpp"

namespace bevel {
namespace {

constexpr const char* kOp = "point_sampling";
constexpr int64_t kInt32Max = INT32_MAX;

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
void check_pillars(const TensorArgument& points, const bevel_pillar_grid& grid, PointSamplingJob& job) {
  if (!points.given()) {
    check_grid(grid);
    job.grid = grid;
    job.queries = checked_product(kOp, "cells of grid", {grid.rows, grid.columns});
    job.anchors = grid.anchors;
  } else {
    check_no_grid(grid);
    points.rank(4).compact();
    const int64_t elements = points.extent(0) == 1 ? 1 : job.batch;
    points.shape({elements, kAny, kAny, 3}, "to match lidar_to_image");
    check_anchors(points.extent(2), 0);
    job.points = points.data();
    job.point_type = points.element_type();
    job.queries = points.extent(1);
    job.anchors = static_cast<int32_t>(points.extent(2));
    job.points_of_batch = elements == 1 ? 0 : job.queries * job.anchors * 3;
  }
  if (job.queries > kInt32Max) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: queries must be below 2^31, got %lld", kOp,
         static_cast<long long>(job.queries));
  }
}

PointSamplingJob check(const bevel_point_sampling_params& p, Arguments& a) {
  const TensorArgument& reference = a.written("reference", p.reference, kFloatOrDouble);
  a.set_precision(reference);
  const TensorArgument& lidar_to_image = a.read("lidar_to_image", p.lidar_to_image, kFloatOrDouble);
  const TensorArgument& points = a.read_if_given("points", p.points, kFloatOrDouble);
  const TensorArgument& mask = a.written_if_given("mask", p.mask, kBytes);
  const TensorArgument& visible = a.written("visible", p.visible, kBytes);
  const TensorArgument& mean_factor = a.written_if_given("mean_factor", p.mean_factor, a.exact());

  PointSamplingJob job = {};
  lidar_to_image.shape({kAny, kAny, 4, 4}).compact();
  job.batch = lidar_to_image.extent(0);
  job.cameras = lidar_to_image.extent(1);
  if (job.cameras > kInt32Max) lidar_to_image.reject("must be of fewer than 2^31 cameras");
  job.lidar_to_image = lidar_to_image.data();
  job.matrix_type = lidar_to_image.element_type();
  check_pillars(points, p.grid, job);
  if (p.image_height < 1 || p.image_width < 1) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: image_height and image_width must be at least 1, got %d × %d", kOp,
         p.image_height, p.image_width);
  }
  job.image_height = p.image_height;
  job.image_width = p.image_width;
  check_range(kOp, "visible_of_first_element", p.visible_of_first_element, 0, 1);
  job.visible_of_first_element = p.visible_of_first_element == 1;
  check_reserved(kOp, "reserved", p.reserved);

  const char* reason = "to match lidar_to_image and the pillars";
  checked_product(kOp, "elements of reference", {job.batch, job.cameras, job.queries, job.anchors, 2});
  reference.shape({job.batch, job.cameras, job.queries, job.anchors, 2}, reason)
      .compact()
      .aligned(2 * reference.element_bytes());
  if (mask.given()) mask.shape({job.batch, job.cameras, job.queries, job.anchors}, reason).compact();
  visible.shape({job.batch, job.cameras, job.queries}, reason).compact();
  if (mean_factor.given()) mean_factor.shape({job.batch, job.queries}, reason).compact();
  job.reference_type = reference.element_type();
  job.reference = reference.data();
  job.mask = mask.data_if_given<uint8_t>();
  job.visible = visible.data_as<uint8_t>();
  job.mean_factor = mean_factor.data_if_given();
  return job;
}

}  // namespace
}  // namespace bevel

bevel_status bevel_point_sampling(const bevel_point_sampling_params* params, void* stream) {
  using namespace bevel;
  return run_operator<bodies::point_sampling>(kOp, params, stream, check);
}
