// The entry points of lift_splat.
#include "bevel/lift_splat.h"

#include "lift_splat/lift_splat_check.hpp"

namespace bevel {
namespace {

constexpr const char* kForward = "lift_splat_forward";
constexpr const char* kBackward = "lift_splat_backward";

void fill_info(const LiftSplatPlanHeader& header, bevel_lift_splat_plan_info* info) {
  info->method = header.method;
  info->overflow = header.overflow;
  info->points = header.points;
  info->runs = header.runs;
  info->rows = header.rows;
  info->shared_rows = header.shared_rows;
  info->shared_cells = header.shared_cells;
  info->filled_cells = header.filled_cells;
}

/// An entry point that writes what the geometry alone determines, on the CPU.
template <class Write>
bevel_status write_geometry(const char* op, const bevel_lift_splat_geometry* geometry, Write write) {
  return guarded(op, [&] {
    if (!geometry) fail(BEVEL_INVALID_ARGUMENT, "%s: geometry must be given, got NULL", op);
    Arguments a(op, cpu_settings());
    a.set_device({kDLCPU, 0});
    write(a, check_geometry(*geometry, a));
  });
}

}  // namespace
}  // namespace bevel

using namespace bevel;

bevel_status bevel_lift_splat_plan_size(const bevel_lift_splat_plan_params* params, int32_t device_type,
                                        int64_t* plan_elements, int64_t* workspace_bytes_out) {
  const char* op = "lift_splat_plan_size";
  return guarded(op, [=] {
    if (!plan_elements || !workspace_bytes_out) {
      fail(BEVEL_INVALID_ARGUMENT, "%s: plan_elements and workspace_bytes must be given, got NULL", op);
    }
    if (device_type != kDLCPU && device_type != kDLCUDAHost && device_type != kDLCUDA) {
      fail(BEVEL_INVALID_ARGUMENT, "%s: device_type must be 1 (CPU), 2 (CUDA) or 3 (pinned), got %d", op,
           device_type);
    }
    check_params(op, params);
    const DLTensor* any = params->geometry.cells ? params->geometry.cells : params->geometry.intrinsics;
    Arguments a(op, cpu_settings(op, *params));
    a.run_when_empty();
    a.set_device({static_cast<DLDeviceType>(device_type), any ? any->device.device_id : 0});
    const LiftSplatPlanJob job = check_plan(*params, a);
    const int64_t bytes = workspace_bytes<bodies::lift_splat_plan_build>(a, job);
    *plan_elements = job.layout.elements;
    *workspace_bytes_out = bytes;
  });
}

bevel_status bevel_lift_splat_plan_build(const bevel_lift_splat_plan_params* params, void* stream) {
  const auto check = [](const bevel_lift_splat_plan_params& p, Arguments& a) {
    a.run_when_empty();  // a plan of no points is a plan
    const TensorArgument& plan = a.written("plan", p.plan, kInt32);
    plan.rank(1).compact().aligned(8);
    LiftSplatPlanJob job = check_plan(p, a);
    if (plan.extent(0) < job.layout.elements) {
      plan.reject("must have at least " + std::to_string(job.layout.elements) + " elements, got " +
                  plan.shape_text());
    }
    job.plan = plan.data_as<int32_t>();
    return job;
  };
  return run_operator<bodies::lift_splat_plan_build>("lift_splat_plan_build", params, stream, check);
}

bevel_status bevel_lift_splat_plan_read_info(const DLTensor* plan, bevel_lift_splat_plan_info* info,
                                             void* stream) {
  const char* op = "lift_splat_plan_read_info";
  return guarded(op, [=] {
    check_struct(op, "info", info, sizeof *info);
    Arguments a(op, cpu_settings());
    const TensorArgument& argument = a.read("plan", plan, kInt32);
    check_stream(op, a.device(), stream);
    fill_info(read_plan_header(a, argument, stream).counts, info);
  });
}

bevel_status bevel_lift_splat_points(const bevel_lift_splat_geometry* geometry, DLTensor* points) {
  return write_geometry("lift_splat_points", geometry, [=](Arguments& a, const LiftGeometry& g) {
    if (g.cells) fail(BEVEL_INVALID_ARGUMENT, "%s: geometry must have matrices, not cells", a.op());
    const TensorArgument& out = a.written("points", points, kFloatOrDouble);
    out.shape({g.batch, g.cameras, g.depth_bins, g.height, g.width, 3}, "to match the geometry").compact();
    a.check_apart();
    write_points_cpu(g, a.cpu().threads, out.data(), out.element_type() == ElementType::kFloat64);
  });
}

bevel_status bevel_lift_splat_cells(const bevel_lift_splat_geometry* geometry, DLTensor* cells) {
  return write_geometry("lift_splat_cells", geometry, [=](Arguments& a, const LiftGeometry& g) {
    const TensorArgument& out = a.written("cells", cells, kInt32);
    out.shape({g.batch, g.cameras, g.depth_bins, g.height, g.width}, "to match the geometry").compact();
    a.check_apart();
    write_cells_cpu(g, a.cpu().threads, out.data_as<int32_t>());
  });
}

bevel_status bevel_lift_splat_forward_workspace(const bevel_lift_splat_forward_params* params,
                                                int64_t* bytes) {
  PlanToRead plan = {};
  return query_workspace<bodies::lift_splat_forward>(
      kForward, params, bytes,
      [&](const auto& p, Arguments& a) { return check_forward(p, a, nullptr, plan); });
}

bevel_status bevel_lift_splat_forward(const bevel_lift_splat_forward_params* params, void* stream) {
  PlanToRead plan = {};
  return run_operator<bodies::lift_splat_forward>(
      kForward, params, stream,
      [&](const auto& p, Arguments& a) { return check_forward(p, a, stream, plan); },
      [&](const Arguments& a, const auto& job) { check_plan_sections(a, plan, job.shape.layout); });
}

bevel_status bevel_lift_splat_backward_workspace(const bevel_lift_splat_backward_params* params,
                                                 int64_t* bytes) {
  PlanToRead plan = {};
  return query_workspace<bodies::lift_splat_backward>(
      kBackward, params, bytes,
      [&](const auto& p, Arguments& a) { return check_backward(p, a, nullptr, plan); });
}

bevel_status bevel_lift_splat_backward(const bevel_lift_splat_backward_params* params, void* stream) {
  PlanToRead plan = {};
  return run_operator<bodies::lift_splat_backward>(
      kBackward, params, stream,
      [&](const auto& p, Arguments& a) { return check_backward(p, a, stream, plan); },
      [&](const Arguments& a, const auto& job) { check_plan_sections(a, plan, job.shape.layout); });
}
