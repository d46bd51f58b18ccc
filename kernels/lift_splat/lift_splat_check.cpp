#include "lift_splat/lift_splat_check.hpp"

#include <cmath>
#include <cstring>

#include "cuda_loader.hpp"
#include "status.hpp"
#include "thread_pool.hpp"

namespace bevel {
namespace {

constexpr int64_t kInt32Max = INT32_MAX;

void check_finite(const char* op, const char* name, double value, bool positive) {
  if (!std::isfinite(value) || (positive && value <= 0)) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: %s must be %s, got %g", op, name,
         positive ? "finite and > 0" : "finite", value);
  }
}

CellGrid check_grid(const char* op, const bevel_grid& grid) {
  CellGrid out = {};
  const char* axes[] = {"x", "y", "z"};
  for (int axis = 0; axis < 3; ++axis) {
    const std::string suffix = std::string("[") + axes[axis] + "]";
    check_finite(op, ("grid.lower" + suffix).c_str(), grid.lower[axis], false);
    check_finite(op, ("grid.cell_size" + suffix).c_str(), grid.cell_size[axis], true);
    check_range(op, ("grid.cells" + suffix).c_str(), grid.cells[axis], 1, kInt32Max);
    out.lower[axis] = grid.lower[axis];
    out.cell_size[axis] = grid.cell_size[axis];
    out.cells[axis] = grid.cells[axis];
  }
  check_range(op, "grid.rounding", grid.rounding, BEVEL_TRUNC, BEVEL_FLOOR);
  check_range(op, "grid.row_axis", grid.row_axis, BEVEL_ROW_Y, BEVEL_ROW_X);
  check_reserved(op, "grid.reserved", grid.reserved);
  out.floor = grid.rounding == BEVEL_FLOOR;
  out.row_is_x = grid.row_axis == BEVEL_ROW_X;
  return out;
}

/// The augmentation must leave depth alone: its rows 2 and 3 and column 2 are the identity's. Checked where
/// the values can be read.
void check_image_augmentation(const char* op, const LiftGeometry& g) {
  for (int64_t camera = 0; camera < g.batch * g.cameras; ++camera) {
    for (int i = 0; i < 16; ++i) {
      const int row = i / 4, column = i % 4;
      if (row < 2 && column != 2) continue;
      const int64_t at = camera * 16 + i;
      const double value = g.matrices_are_double ? static_cast<const double*>(g.image_augmentation)[at]
                                                 : static_cast<const float*>(g.image_augmentation)[at];
      if (value != (row == column ? 1.0 : 0.0)) {
        fail(BEVEL_INVALID_ARGUMENT,
             "%s: image_augmentation must leave depth alone: element [%d][%d] of camera %lld must be %d, got "
             "%g",
             op, row, column, static_cast<long long>(camera), row == column, value);
      }
    }
  }
}

}  // namespace

LiftGeometry check_geometry(const bevel_lift_splat_geometry& in, Arguments& a) {
  const char* op = a.op();
  check_struct(op, "geometry", &in, sizeof in);
  LiftGeometry g = {};
  check_range(op, "batch", in.batch, 0, kInt32Max);
  check_range(op, "cameras", in.cameras, 0, kInt32Max);
  check_range(op, "depth_bins", in.depth_bins, 1, 65535);
  check_range(op, "height", in.height, 1, 255);
  check_range(op, "width", in.width, 1, kInt32Max);
  g.batch = in.batch;
  g.cameras = in.cameras;
  g.depth_bins = in.depth_bins;
  g.height = in.height;
  g.width = in.width;
  g.grid = check_grid(op, in.grid);
  const int64_t cells =
      checked_product(op, "grid cells", {in.batch, in.grid.cells[0], in.grid.cells[1], in.grid.cells[2]});
  const int64_t cells_an_element =
      checked_product(op, "grid cells", {in.grid.cells[0], in.grid.cells[1], in.grid.cells[2]});
  const int64_t points =
      checked_product(op, "frustum points", {in.batch, in.cameras, in.depth_bins, in.height, in.width});
  // Slots are stored with one bit beside them.
  check_range(op, "batch · grid cells", cells > cells_an_element ? cells : cells_an_element, 0,
              kInt32Max - 1);
  check_range(op, "number of frustum points", points, 0, kInt32Max / 2);

  if (in.cells) {
    const TensorArgument& cells_given = a.read("cells", in.cells, kInt32);
    cells_given.shape({in.batch, in.cameras, in.depth_bins, in.height, in.width}).compact();
    if (in.intrinsics || in.camera_to_bev || in.image_augmentation || in.bev_augmentation) {
      cells_given.reject("must not be given together with matrices");
    }
    g.cells = cells_given.data_as<const int32_t>();
    return g;
  }
  check_finite(op, "image_height", in.image_height, true);
  check_finite(op, "image_width", in.image_width, true);
  check_finite(op, "depth_start", in.depth_start, false);
  check_finite(op, "depth_step", in.depth_step, false);
  g.image_height = in.image_height;
  g.image_width = in.image_width;
  g.depth_start = in.depth_start;
  g.depth_step = in.depth_step;
  const TensorArgument& intrinsics = a.read("intrinsics", in.intrinsics, kFloatOrDouble);
  g.matrices_are_double = intrinsics.element_type() == ElementType::kFloat64;
  const unsigned same = g.matrices_are_double ? kFloat64Only : kFloat32Only;
  const TensorArgument& to_bev = a.read("camera_to_bev", in.camera_to_bev, same);
  const TensorArgument& image = a.read_if_given("image_augmentation", in.image_augmentation, same);
  const TensorArgument& bev = a.read_if_given("bev_augmentation", in.bev_augmentation, same);
  intrinsics.shape({in.batch, in.cameras, 3, 3}).compact();
  to_bev.shape({in.batch, in.cameras, 4, 4}).compact();
  if (image.given()) image.shape({in.batch, in.cameras, 4, 4}).compact();
  if (bev.given()) bev.shape({in.batch, 4, 4}).compact();
  g.intrinsics = intrinsics.data();
  g.camera_to_bev = to_bev.data();
  g.image_augmentation = image.data_if_given();
  g.bev_augmentation = bev.data_if_given();
  if (g.image_augmentation && a.on_cpu()) check_image_augmentation(op, g);
  return g;
}

LiftSplatPlanJob check_plan(const bevel_lift_splat_plan_params& p, Arguments& a) {
  LiftSplatPlanJob job = {};
  job.geometry = check_geometry(p.geometry, a);
  check_range(a.op(), "method", p.method, BEVEL_LIFT_SPLAT_AUTO, BEVEL_LIFT_SPLAT_INTERVALS);
  check_reserved(a.op(), "reserved", p.reserved);
  check_range(a.op(), "max_points", p.max_points, 0, INT64_MAX);
  const LiftGeometry& g = job.geometry;
  const int64_t points = g.points();
  job.capacity = p.max_points == 0 || p.max_points > points ? points : p.max_points;
  job.method = p.method;
  job.layout =
      plan_layout(g.batch, g.cameras, g.depth_bins, g.height, g.width, g.cells_per_element(), job.capacity);
  return job;
}

SealedPlanHeader read_plan_header(const Arguments& a, const TensorArgument& plan, void* stream) {
  plan.rank(1).compact().aligned(8);
  if (plan.extent(0) < kPlanHeaderElements) plan.reject("is too short for a plan: " + plan.shape_text());
  SealedPlanHeader header;
  if (a.on_cpu()) {
    std::memcpy(&header, plan.data(), sizeof header);
  } else {
    CudaMessage message = {};
    check_cuda(
        a.op(),
        cuda_table(a.op()).read(plan.data(), &header, sizeof header, a.device().device_id, stream, &message),
        message);
  }
  if (header.counts.magic != kPlanMagic) plan.reject("is not a plan that bevel_lift_splat_plan_build wrote");
  if (header.header_sum != plan_header_sum(header)) {
    plan.reject("must be as bevel_lift_splat_plan_build wrote it, got a header that was changed since");
  }
  return header;
}

void check_plan_sections(const Arguments& a, const PlanToRead& plan, const LiftSplatPlanLayout& layout) {
  if (!a.on_cpu()) return;
  Crew crew(a.cpu().threads, kMostSealTasks);
  if (plan.header.sections_sum != plan_sections_sum(crew, layout, plan.header.counts, plan.data)) {
    fail(
        BEVEL_INVALID_ARGUMENT,
        "%s: plan must be as bevel_lift_splat_plan_build wrote it, got one whose indices were changed since: "
        "build it again",
        a.op());
  }
}

namespace {

/// What both passes have: `depth` is whichever tensor is [B, N, D, H, W], `out` is out or grad_out.
struct LiftSplatTensors {
  const TensorArgument &plan, &depth, &context, &out, &prior, &prior_weight;
};

template <class Params>
LiftSplatTensors declare(const Params& p, Arguments& a, const char* depth_name,
                         const DLTensor* depth_tensor) {
  const TensorArgument& plan = a.read("plan", p.plan, kInt32);
  const TensorArgument& depth = a.read(depth_name, depth_tensor, kFloatOrDouble);
  a.set_precision(depth);
  const TensorArgument& context = a.read("context", p.context, a.features());
  return {plan,
          depth,
          context,
          declare_out(p, a),
          a.read_if_given("prior", p.prior, a.exact()),
          a.read_if_given("prior_weight", p.prior_weight, a.exact())};
}

/// Shapes of depth, context and out, as far as they agree with each other.
template <class Params>
void check_shapes(const Params& p, const Arguments& a, const LiftSplatTensors& t, LiftSplatShape& s) {
  check_range(a.op(), "depth_kind", p.depth_kind, BEVEL_DEPTH_LOGITS, BEVEL_DEPTH_PROBABILITIES);
  check_range(a.op(), "context_layout", p.context_layout, BEVEL_CHANNELS_FIRST, BEVEL_CHANNELS_LAST);
  check_range(a.op(), "out_layout", p.out_layout, BEVEL_CHANNELS_FIRST, BEVEL_CHANNELS_LAST);
  check_reserved(a.op(), "reserved", p.reserved);
  check_range(a.op(), "max_points", p.max_points, 0, INT64_MAX);
  t.depth.rank(5).compact_from(2);
  s.batch = t.depth.extent(0);
  s.cameras = t.depth.extent(1);
  s.depth_bins = t.depth.extent(2);
  s.height = t.depth.extent(3);
  s.width = t.depth.extent(4);
  check_range(a.op(), "depth bins", s.depth_bins, 1, 65535);
  check_range(a.op(), "height", s.height, 1, 255);
  check_range(a.op(), "width", s.width, 1, kInt32Max);
  s.logits = p.depth_kind == BEVEL_DEPTH_LOGITS;
  s.depth_type = t.depth.element_type();

  s.context_channels_last = p.context_layout == BEVEL_CHANNELS_LAST;
  t.context.rank(5).compact_from(2);
  t.context.shape(s.context_channels_last ? std::vector<Extent>{s.batch, s.cameras, s.height, s.width, kAny}
                                          : std::vector<Extent>{s.batch, s.cameras, kAny, s.height, s.width},
                  "to match depth");
  s.channels = t.context.extent(s.context_channels_last ? 4 : 2);
  check_range(a.op(), "channels of context", s.channels, 0, kInt32Max);
  s.context_type = t.context.element_type();
  for (int i = 0; i < 2; ++i) {
    s.depth_strides[i] = t.depth.stride(i);
    s.context_strides[i] = t.context.stride(i);
  }

  s.out_channels_last = p.out_layout == BEVEL_CHANNELS_LAST;
  t.out.rank(5).compact();
  t.out.shape(s.out_channels_last ? std::vector<Extent>{s.batch, kAny, kAny, kAny, s.channels}
                                  : std::vector<Extent>{s.batch, kAny, s.channels, kAny, kAny},
              "to match context");
  s.out_type = t.out.element_type();
  s.grid_z = t.out.extent(1);
  s.grid_rows = t.out.extent(s.out_channels_last ? 2 : 3);
  s.grid_columns = t.out.extent(s.out_channels_last ? 3 : 4);
  for (int64_t extent : {s.grid_z, s.grid_rows, s.grid_columns}) {
    if (extent < 1) t.out.reject("must have at least one cell on each axis, got " + t.out.shape_text());
  }
}

/// A plan that can be read must have been built for just these shapes. Where only the map's differ, it is the
/// map that is wrong.
void check_header(const TensorArgument& plan, const TensorArgument& out, const LiftSplatPlanHeader& header,
                  LiftSplatShape& s, int64_t capacity) {
  const int64_t expected[] = {s.batch, s.cameras, s.depth_bins, s.height,
                              s.width, s.grid_z,  s.grid_rows,  s.grid_columns};
  const int64_t actual[] = {header.batch, header.cameras, header.depth_bins, header.height,
                            header.width, header.grid_z,  header.grid_rows,  header.grid_columns};
  if (std::memcmp(expected, actual, 5 * sizeof(int64_t)) == 0) {
    const int64_t z = header.grid_z, rows = header.grid_rows, columns = header.grid_columns;
    out.shape(s.out_channels_last ? std::vector<Extent>{s.batch, z, rows, columns, s.channels}
                                  : std::vector<Extent>{s.batch, z, s.channels, rows, columns},
              "to match plan and context");
  } else {
    plan.reject("must be built for [B, N, D, H, W, Z, rows, columns] = " +
                shape_text(std::vector<Extent>(expected, expected + 8)) + ", got a plan for " +
                shape_text(std::vector<Extent>(actual, actual + 8)));
  }
  if (header.overflow) {
    plan.reject("did not fit: " + std::to_string(header.points) + " points, max_points " +
                std::to_string(header.capacity));
  }
  if (header.capacity != capacity) {
    plan.reject("must be used with the max_points it was built with: capacity " +
                std::to_string(header.capacity) + ", got " + std::to_string(capacity));
  }
  s.intervals = header.method == BEVEL_LIFT_SPLAT_INTERVALS;
  s.method_known = true;
  s.rows = header.rows;
  s.shared_rows = header.shared_rows;
}

/// Counts that the caller read from a plan on CUDA; they decide how large the workspace must be.
void check_info(const Arguments& a, const TensorArgument& plan, const bevel_lift_splat_plan_info* info,
                LiftSplatShape& s, int64_t capacity) {
  s.method_known = info != nullptr;
  s.rows = s.shared_rows = capacity;
  if (!info) return;
  check_struct(a.op(), "plan_info", info, sizeof *info);
  check_range(a.op(), "plan_info.method", info->method, BEVEL_LIFT_SPLAT_COLUMNS, BEVEL_LIFT_SPLAT_INTERVALS);
  check_range(a.op(), "plan_info.rows", info->rows, 0, capacity);
  check_range(a.op(), "plan_info.shared_rows", info->shared_rows, 0, info->rows);
  if (info->overflow) {
    plan.reject("did not fit: " + std::to_string(info->points) + " points, capacity " +
                std::to_string(capacity));
  }
  s.intervals = info->method == BEVEL_LIFT_SPLAT_INTERVALS;
  s.rows = info->rows;
  s.shared_rows = info->shared_rows;
}

/// Prior and its weight: both or none.
void check_prior(const Arguments& a, const LiftSplatTensors& t, const LiftSplatShape& s) {
  if (t.prior.given() != t.prior_weight.given()) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: prior and prior_weight must be given together", a.op());
  }
  if (!t.prior.given()) return;
  t.prior.shape({s.batch, s.cameras, s.depth_bins, s.height, s.width}, "to match depth").compact();
  t.prior_weight.shape({s.batch, s.cameras, s.height, s.width}, "to match depth").compact();
}

/// Everything that both passes have.
template <class Params>
LiftSplatShape check_both(const Params& p, const Arguments& a, const LiftSplatTensors& t, void* stream,
                          PlanToRead& plan) {
  LiftSplatShape s = {};
  t.plan.rank(1).compact().aligned(8);
  check_stream(a.op(), a.device(), stream);
  check_shapes(p, a, t, s);
  check_prior(a, t, s);
  checked_product(a.op(), "cells", {s.grid_z, s.grid_rows, s.grid_columns});
  const int64_t cells = checked_product(a.op(), "cells", {s.batch, s.grid_z, s.grid_rows, s.grid_columns});
  const int64_t points =
      checked_product(a.op(), "points", {s.batch, s.cameras, s.depth_bins, s.height, s.width});
  check_range(a.op(), "batch · grid cells", cells, 0, kInt32Max - 1);
  check_range(a.op(), "number of frustum points", points, 0, kInt32Max / 2);
  const int64_t capacity = p.max_points == 0 || p.max_points > points ? points : p.max_points;
  s.layout =
      plan_layout(s.batch, s.cameras, s.depth_bins, s.height, s.width, s.cells_per_element(), capacity);
  if (t.plan.extent(0) < kPlanHeaderElements)
    t.plan.reject("is too short for a plan: " + t.plan.shape_text());
  plan.data = t.plan.data_as<const int32_t>();
  if (a.on_cpu()) {
    plan.header = read_plan_header(a, t.plan, stream);
    check_header(t.plan, t.out, plan.header.counts, s, capacity);
  } else {
    check_info(a, t.plan, p.plan_info, s, capacity);
  }
  if (t.plan.extent(0) < s.layout.elements) {
    t.plan.reject("must have " + std::to_string(s.layout.elements) + " elements, got " + t.plan.shape_text());
  }
  a.limit_workspace({s.batch, s.cells_per_element(), s.channels});
  a.limit_workspace({s.shared_rows, s.channels});
  a.limit_workspace({s.batch, s.cameras, s.depth_bins, s.height, s.width});
  a.limit_workspace({s.batch, s.cameras, s.channels, s.height, s.width});
  return s;
}

}  // namespace

LiftSplatForwardJob check_forward(const bevel_lift_splat_forward_params& p, Arguments& a, void* stream,
                                  PlanToRead& plan) {
  const LiftSplatTensors t = declare(p, a, "depth", p.depth);
  const TensorArgument& probabilities = a.written_if_given("probabilities", p.probabilities, a.exact());
  LiftSplatForwardJob job = {};
  const LiftSplatShape& s = job.shape = check_both(p, a, t, stream, plan);
  job.plan = plan.data;
  job.depth = t.depth.data();
  job.context = t.context.data();
  job.prior = t.prior.data_if_given();
  job.prior_weight = t.prior_weight.data_if_given();
  job.out = t.out.data();
  if (probabilities.given()) {
    if (!s.logits) probabilities.reject("are only written when depth holds logits");
    if (s.channels == 0) probabilities.reject("are only written when context has a channel");
    probabilities.shape({s.batch, s.cameras, s.depth_bins, s.height, s.width}, "to match depth").compact();
  }
  job.probabilities = probabilities.data_if_given();
  return job;
}

LiftSplatBackwardJob check_backward(const bevel_lift_splat_backward_params& p, Arguments& a, void* stream,
                                    PlanToRead& plan) {
  const LiftSplatTensors t = declare(p, a, "probabilities", p.probabilities);
  LiftSplatBackwardJob job = {};
  job.shape = check_both(p, a, t, stream, plan);
  const TensorArgument& grad_depth = a.gradient("grad_depth", p.grad_depth, t.depth);
  const TensorArgument& grad_context = a.gradient("grad_context", p.grad_context, t.context);
  job.plan = plan.data;
  job.probabilities = t.depth.compact().data();
  job.context = t.context.data();
  job.grad_out = t.out.data();
  job.prior = t.prior.data_if_given();
  job.prior_weight = t.prior_weight.data_if_given();
  if (grad_depth.given()) {
    job.grad_depth = grad_depth.compact_from(2).data();
    for (int i = 0; i < 2; ++i) job.shape.depth_strides[i] = grad_depth.stride(i);
  }
  if (grad_context.given()) {
    job.grad_context = grad_context.compact_from(2).data();
    for (int i = 0; i < 2; ++i) job.grad_context_strides[i] = grad_context.stride(i);
  }
  return job;
}

}  // namespace bevel
