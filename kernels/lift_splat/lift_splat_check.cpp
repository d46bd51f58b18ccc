#include "lift_splat/lift_splat_check.hpp"

#include <cmath>
#include <cstring>

#include "cuda_loader.hpp"
#include "settings.hpp"
#include "status.hpp"
#include "thread_pool.hpp"

namespace bevel {
namespace {

constexpr int64_t kInt32Max = INT32_MAX;

void check_range(const char* op, const char* name, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: %s must be %lld to %lld, got %lld", op, name,
         static_cast<long long>(low), static_cast<long long>(high), static_cast<long long>(value));
  }
}

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

LiftGeometry check_geometry(const char* op, const bevel_lift_splat_geometry& in, DLDevice device) {
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
    const TensorArgument cells_given(op, "cells", in.cells);
    cells_given.dtype(kInt32)
        .shape({in.batch, in.cameras, in.depth_bins, in.height, in.width})
        .compact()
        .on(device);
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
  const TensorArgument intrinsics(op, "intrinsics", in.intrinsics);
  intrinsics.required().dtype(kFloatOrDouble).shape({in.batch, in.cameras, 3, 3}).compact().on(device);
  const unsigned same = intrinsics.element_type() == ElementType::kFloat64 ? kFloat64Only : kFloat32Only;
  const TensorArgument to_bev(op, "camera_to_bev", in.camera_to_bev);
  to_bev.required().dtype(same).shape({in.batch, in.cameras, 4, 4}).compact().on(device);
  const TensorArgument image(op, "image_augmentation", in.image_augmentation);
  if (image.given()) image.dtype(same).shape({in.batch, in.cameras, 4, 4}).compact().on(device);
  const TensorArgument bev(op, "bev_augmentation", in.bev_augmentation);
  if (bev.given()) bev.dtype(same).shape({in.batch, 4, 4}).compact().on(device);
  g.matrices_are_double = same == kFloat64Only;
  g.intrinsics = intrinsics.data();
  g.camera_to_bev = to_bev.data();
  g.image_augmentation = image.given() ? image.data() : nullptr;
  g.bev_augmentation = bev.given() ? bev.data() : nullptr;
  if (g.image_augmentation && is_cpu(device)) check_image_augmentation(op, g);
  return g;
}

LiftSplatPlanJob check_plan_params(const char* op, const bevel_lift_splat_plan_params* params,
                                   DLDevice device) {
  LiftSplatPlanJob job = {};
  job.cpu = cpu_settings(op, *params);
  job.geometry = check_geometry(op, params->geometry, device);
  check_range(op, "method", params->method, BEVEL_LIFT_SPLAT_AUTO, BEVEL_LIFT_SPLAT_INTERVALS);
  check_reserved(op, "reserved", params->reserved);
  check_range(op, "max_points", params->max_points, 0, INT64_MAX);
  const LiftGeometry& g = job.geometry;
  const int64_t points = g.points();
  job.capacity = params->max_points == 0 || params->max_points > points ? points : params->max_points;
  job.method = params->method;
  job.layout =
      plan_layout(g.batch, g.cameras, g.depth_bins, g.height, g.width, g.cells_per_element(), job.capacity);
  return job;
}

SealedPlanHeader read_plan_header(const char* op, const TensorArgument& plan, void* stream) {
  plan.required().dtype(kInt32).rank(1).compact().aligned(8);
  if (plan.extent(0) < kPlanHeaderElements) plan.reject("is too short for a plan: " + plan.shape_text());
  SealedPlanHeader header;
  if (is_cpu(plan.device())) {
    std::memcpy(&header, plan.data(), sizeof header);
  } else {
    bevel_cuda_message message = {};
    check_cuda(op,
               cuda_functions(op).plan_read(plan.data_as<const int32_t>(), &header, sizeof header,
                                            plan.device().device_id, stream, &message),
               message);
  }
  if (header.counts.magic != kPlanMagic) plan.reject("is not a plan that bevel_lift_splat_plan_build wrote");
  if (header.header_sum != plan_header_sum(header)) {
    plan.reject("must be as bevel_lift_splat_plan_build wrote it, got a header that was changed since");
  }
  return header;
}

void check_plan_sections(const char* op, const LiftSplatCall& call, int threads) {
  if (!is_cpu(call.device)) return;
  Crew crew(threads, kMostSealTasks);
  if (call.header.sections_sum != plan_sections_sum(crew, call.shape.layout, call.header.counts, call.plan)) {
    fail(
        BEVEL_INVALID_ARGUMENT,
        "%s: plan must be as bevel_lift_splat_plan_build wrote it, got one whose indices were changed since: "
        "build it again",
        op);
  }
}

namespace {

struct CallArguments {
  const char* op;
  TensorArgument plan;
  TensorArgument depth;  ///< whichever tensor is [B, N, D, H, W]
  TensorArgument context;
  TensorArgument out;  ///< out or grad_out
  int32_t depth_kind, context_layout, out_layout, reserved;
  int64_t max_points;
  const bevel_lift_splat_plan_info* info;
  void* stream;
};

void check_layouts(const CallArguments& a) {
  check_range(a.op, "depth_kind", a.depth_kind, BEVEL_DEPTH_LOGITS, BEVEL_DEPTH_PROBABILITIES);
  check_range(a.op, "context_layout", a.context_layout, BEVEL_CHANNELS_FIRST, BEVEL_CHANNELS_LAST);
  check_range(a.op, "out_layout", a.out_layout, BEVEL_CHANNELS_FIRST, BEVEL_CHANNELS_LAST);
  check_reserved(a.op, "reserved", a.reserved);
  check_range(a.op, "max_points", a.max_points, 0, INT64_MAX);
}

/// Shapes of depth, context and out, as far as they agree with each other.
void check_tensors(const CallArguments& a, LiftSplatShape& s) {
  a.depth.required().dtype(kFloatOrDouble).rank(5).compact_from(2);
  s.batch = a.depth.extent(0);
  s.cameras = a.depth.extent(1);
  s.depth_bins = a.depth.extent(2);
  s.height = a.depth.extent(3);
  s.width = a.depth.extent(4);
  check_range(a.op, "depth bins", s.depth_bins, 1, 65535);
  check_range(a.op, "height", s.height, 1, 255);
  check_range(a.op, "width", s.width, 1, kInt32Max);
  s.depth_type = a.depth.element_type();
  const bool is_double = s.depth_type == ElementType::kFloat64;
  const unsigned features = is_double ? kFloat64Only : kFloat32Only | kSixteenBit;

  s.context_channels_last = a.context_layout == BEVEL_CHANNELS_LAST;
  a.context.required().dtype(features).rank(5).compact_from(2);
  if (s.context_channels_last) {
    a.context.shape({s.batch, s.cameras, s.height, s.width, kAny}, "to match depth");
    s.channels = a.context.extent(4);
  } else {
    a.context.shape({s.batch, s.cameras, kAny, s.height, s.width}, "to match depth");
    s.channels = a.context.extent(2);
  }
  check_range(a.op, "channels of context", s.channels, 0, kInt32Max);
  s.context_type = a.context.element_type();
  for (int i = 0; i < 2; ++i) {
    s.depth_strides[i] = a.depth.stride(i);
    s.context_strides[i] = a.context.stride(i);
  }

  s.out_channels_last = a.out_layout == BEVEL_CHANNELS_LAST;
  a.out.required().dtype(features).rank(5).compact();
  a.out.shape(s.out_channels_last ? std::vector<Extent>{s.batch, kAny, kAny, kAny, s.channels}
                                  : std::vector<Extent>{s.batch, kAny, s.channels, kAny, kAny},
              "to match context");
  s.out_type = a.out.element_type();
  s.grid_z = a.out.extent(1);
  s.grid_rows = a.out.extent(s.out_channels_last ? 2 : 3);
  s.grid_columns = a.out.extent(s.out_channels_last ? 3 : 4);
  for (int64_t extent : {s.grid_z, s.grid_rows, s.grid_columns}) {
    if (extent < 1) a.out.reject("must have at least one cell on each axis, got " + a.out.shape_text());
  }
}

/// A plan that can be read must have been built for just these shapes.
void check_header(const CallArguments& a, const LiftSplatPlanHeader& header, LiftSplatShape& s,
                  int64_t capacity) {
  const int64_t expected[] = {s.batch, s.cameras, s.depth_bins, s.height,
                              s.width, s.grid_z,  s.grid_rows,  s.grid_columns};
  const int64_t actual[] = {header.batch, header.cameras, header.depth_bins, header.height,
                            header.width, header.grid_z,  header.grid_rows,  header.grid_columns};
  if (std::memcmp(expected, actual, sizeof expected) != 0) {
    a.plan.reject("must be built for [B, N, D, H, W, Z, rows, columns] = " +
                  shape_text(std::vector<Extent>(expected, expected + 8)) + ", got a plan for " +
                  shape_text(std::vector<Extent>(actual, actual + 8)));
  }
  if (header.overflow) {
    a.plan.reject("did not fit: " + std::to_string(header.points) + " points, max_points " +
                  std::to_string(header.capacity));
  }
  if (header.capacity != capacity) {
    a.plan.reject("must be used with the max_points it was built with: capacity " +
                  std::to_string(header.capacity) + ", got " + std::to_string(capacity));
  }
  s.intervals = header.method == BEVEL_LIFT_SPLAT_INTERVALS;
  s.method_known = true;
  s.rows = header.rows;
  s.shared_rows = header.shared_rows;
}

/// Counts that the caller read from a plan on CUDA; they decide how large the workspace must be.
void check_info(const CallArguments& a, int64_t capacity) {
  check_struct(a.op, "plan_info", a.info, sizeof *a.info);
  check_range(a.op, "plan_info.method", a.info->method, BEVEL_LIFT_SPLAT_COLUMNS, BEVEL_LIFT_SPLAT_INTERVALS);
  check_range(a.op, "plan_info.rows", a.info->rows, 0, capacity);
  check_range(a.op, "plan_info.shared_rows", a.info->shared_rows, 0, a.info->rows);
  if (a.info->overflow) {
    a.plan.reject("did not fit: " + std::to_string(a.info->points) + " points, capacity " +
                  std::to_string(capacity));
  }
}

LiftSplatCall check_call(const CallArguments& a) {
  LiftSplatCall call = {};
  LiftSplatShape& s = call.shape;
  a.plan.required().dtype(kInt32).rank(1).compact().aligned(8).on_known_device();
  call.device = a.plan.device();
  call.plan = a.plan.data_as<const int32_t>();
  check_stream(a.op, call.device, a.stream);
  check_layouts(a);
  check_tensors(a, s);
  s.logits = a.depth_kind == BEVEL_DEPTH_LOGITS;
  for (const TensorArgument* argument : {&a.depth, &a.context, &a.out}) argument->on(call.device);

  checked_product(a.op, "cells", {s.grid_z, s.grid_rows, s.grid_columns});
  const int64_t cells = checked_product(a.op, "cells", {s.batch, s.grid_z, s.grid_rows, s.grid_columns});
  const int64_t points =
      checked_product(a.op, "points", {s.batch, s.cameras, s.depth_bins, s.height, s.width});
  check_range(a.op, "batch · grid cells", cells, 0, kInt32Max - 1);
  check_range(a.op, "number of frustum points", points, 0, kInt32Max / 2);
  const int64_t capacity = a.max_points == 0 || a.max_points > points ? points : a.max_points;
  s.layout =
      plan_layout(s.batch, s.cameras, s.depth_bins, s.height, s.width, s.cells_per_element(), capacity);
  if (a.plan.extent(0) < kPlanHeaderElements)
    a.plan.reject("is too short for a plan: " + a.plan.shape_text());
  if (is_cpu(call.device)) {
    call.header = read_plan_header(a.op, a.plan, a.stream);
    check_header(a, call.header.counts, s, capacity);
  } else {
    if (s.depth_type == ElementType::kFloat64) {
      fail(BEVEL_UNSUPPORTED, "%s: float64 is for gradient checks on the CPU, depth is on CUDA", a.op);
    }
    if (a.info) check_info(a, capacity);
    s.method_known = a.info != nullptr;
    s.intervals = a.info && a.info->method == BEVEL_LIFT_SPLAT_INTERVALS;
    s.rows = a.info ? a.info->rows : capacity;
    s.shared_rows = a.info ? a.info->shared_rows : capacity;
  }
  if (a.plan.extent(0) < s.layout.elements) {
    a.plan.reject("must have " + std::to_string(s.layout.elements) + " elements, got " + a.plan.shape_text());
  }
  return call;
}

/// Prior and its weight: both or none, of the depth's type.
void check_prior(const char* op, const LiftSplatCall& call, const DLTensor* prior, const DLTensor* weight,
                 const void*& prior_data, const void*& weight_data) {
  const LiftSplatShape& s = call.shape;
  const TensorArgument g(op, "prior", prior), f(op, "prior_weight", weight);
  if (g.given() != f.given()) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: prior and prior_weight must be given together", op);
  }
  if (!g.given()) return;
  const unsigned same = s.depth_type == ElementType::kFloat64 ? kFloat64Only : kFloat32Only;
  g.dtype(same)
      .shape({s.batch, s.cameras, s.depth_bins, s.height, s.width}, "to match depth")
      .compact()
      .on(call.device);
  f.dtype(same).shape({s.batch, s.cameras, s.height, s.width}, "to match depth").compact().on(call.device);
  prior_data = g.data();
  weight_data = f.data();
}

/// An optional [B, N, D, H, W] tensor of the depth's type.
void* check_volume(const LiftSplatCall& call, const TensorArgument& argument) {
  if (!argument.given()) return nullptr;
  const LiftSplatShape& s = call.shape;
  argument.dtype(s.depth_type == ElementType::kFloat64 ? kFloat64Only : kFloat32Only)
      .shape({s.batch, s.cameras, s.depth_bins, s.height, s.width}, "to match depth")
      .on(call.device);
  return argument.data();
}

}  // namespace

LiftSplatForwardJob check_forward(const char* op, const bevel_lift_splat_forward_params* p, void* stream,
                                  LiftSplatCall& call) {
  check_params(op, p);
  call = check_call({op,
                     {op, "plan", p->plan},
                     {op, "depth", p->depth},
                     {op, "context", p->context},
                     {op, "out", p->out},
                     p->depth_kind,
                     p->context_layout,
                     p->out_layout,
                     p->reserved,
                     p->max_points,
                     p->plan_info,
                     stream});
  LiftSplatForwardJob job = {};
  job.cpu = cpu_settings(op, *p);
  job.shape = call.shape;
  job.plan = call.plan;
  job.depth = TensorArgument(op, "depth", p->depth).data();
  job.context = TensorArgument(op, "context", p->context).data();
  job.out = TensorArgument(op, "out", p->out).data();
  check_prior(op, call, p->prior, p->prior_weight, job.prior, job.prior_weight);
  const TensorArgument probabilities(op, "probabilities", p->probabilities);
  if (probabilities.given() && !job.shape.logits)
    probabilities.reject("are only written when depth holds logits");
  if (probabilities.given() && job.shape.channels == 0)
    probabilities.reject("are only written when context has a channel");
  job.probabilities = check_volume(call, probabilities);
  if (probabilities.given()) probabilities.compact();
  return job;
}

LiftSplatBackwardJob check_backward(const char* op, const bevel_lift_splat_backward_params* p, void* stream,
                                    LiftSplatCall& call) {
  check_params(op, p);
  call = check_call({op,
                     {op, "plan", p->plan},
                     {op, "probabilities", p->probabilities},
                     {op, "context", p->context},
                     {op, "grad_out", p->grad_out},
                     p->depth_kind,
                     p->context_layout,
                     p->out_layout,
                     p->reserved,
                     p->max_points,
                     p->plan_info,
                     stream});
  LiftSplatBackwardJob job = {};
  job.cpu = cpu_settings(op, *p);
  job.plan = call.plan;
  const TensorArgument probabilities(op, "probabilities", p->probabilities);
  job.probabilities = probabilities.compact().data();
  job.context = TensorArgument(op, "context", p->context).data();
  job.grad_out = TensorArgument(op, "grad_out", p->grad_out).data();
  check_prior(op, call, p->prior, p->prior_weight, job.prior, job.prior_weight);

  const TensorArgument grad_depth(op, "grad_depth", p->grad_depth);
  job.grad_depth = check_volume(call, grad_depth);
  if (grad_depth.given()) {
    grad_depth.compact_from(2);
    for (int i = 0; i < 2; ++i) call.shape.depth_strides[i] = grad_depth.stride(i);
  }
  const TensorArgument grad_context(op, "grad_context", p->grad_context);
  if (grad_context.given()) {
    const TensorArgument context(op, "context", p->context);
    grad_context.dtype(kFeatureTypes).shaped_like(context).compact_from(2).on(call.device);
    if (grad_context.element_type() != context.element_type())
      grad_context.reject("must have the dtype of context");
    for (int i = 0; i < 2; ++i) job.grad_context_strides[i] = grad_context.stride(i);
    job.grad_context = grad_context.data();
  }
  job.shape = call.shape;
  return job;
}

void check_geometry_apart(const char* op, const bevel_lift_splat_geometry& geometry,
                          const ArgumentList& outputs) {
  const TensorArgument intrinsics(op, "intrinsics", geometry.intrinsics),
      to_bev(op, "camera_to_bev", geometry.camera_to_bev),
      image(op, "image_augmentation", geometry.image_augmentation),
      bev(op, "bev_augmentation", geometry.bev_augmentation), cells(op, "cells", geometry.cells);
  check_outputs_apart(outputs, {&intrinsics, &to_bev, &image, &bev, &cells});
}

void check_plan_apart(const char* op, const bevel_lift_splat_plan_params& params, const TensorArgument& plan,
                      const TensorArgument& workspace) {
  check_geometry_apart(op, params.geometry, {&plan, &workspace});
}

LiftSplatForwardTensors::LiftSplatForwardTensors(const char* op, const bevel_lift_splat_forward_params& p)
    : plan(op, "plan", p.plan),
      depth(op, "depth", p.depth),
      context(op, "context", p.context),
      prior(op, "prior", p.prior),
      prior_weight(op, "prior_weight", p.prior_weight),
      out(op, "out", p.out),
      probabilities(op, "probabilities", p.probabilities),
      all(op, {&out, &probabilities}, {&plan, &depth, &context, &prior, &prior_weight}) {}

LiftSplatBackwardTensors::LiftSplatBackwardTensors(const char* op, const bevel_lift_splat_backward_params& p)
    : plan(op, "plan", p.plan),
      grad_out(op, "grad_out", p.grad_out),
      probabilities(op, "probabilities", p.probabilities),
      context(op, "context", p.context),
      prior(op, "prior", p.prior),
      prior_weight(op, "prior_weight", p.prior_weight),
      grad_depth(op, "grad_depth", p.grad_depth),
      grad_context(op, "grad_context", p.grad_context),
      all(op, {&grad_depth, &grad_context},
          {&plan, &grad_out, &probabilities, &context, &prior, &prior_weight}) {}

void check_workspace_parts(const char* op, const LiftSplatShape& s) {
  check_workspace_part(op, {s.batch, s.cells_per_element(), s.channels});
  check_workspace_part(op, {s.shared_rows, s.channels});
  check_workspace_part(op, {s.batch, s.cameras, s.depth_bins, s.height, s.width});
  check_workspace_part(op, {s.batch, s.cameras, s.channels, s.height, s.width});
}

}  // namespace bevel
