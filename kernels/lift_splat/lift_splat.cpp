// The entry points of lift_splat: arguments are checked, then the work goes to the CPU body of the chosen
// instruction set or to CUDA.
#include "lift_splat.h"

#include "cuda_loader.hpp"
#include "lift_splat/lift_splat_check.hpp"
#include "lift_splat/lift_splat_cpu.hpp"
#include "settings.hpp"
#include "status.hpp"

namespace bevel {
namespace {

int64_t plan_workspace(const char* op, const LiftSplatPlanJob& job, DLDevice device) {
  if (is_cpu(device)) return plan_workspace_cpu(job);
  int64_t bytes = 0;
  bevel_cuda_message message = {};
  check_cuda(op, cuda_functions(op).plan_workspace(&job, &bytes, &message), message);
  return bytes;
}

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

/// Its workspace is the least that will do.
template <class Job>
Job on_one_thread(Job job) {
  job.cpu.threads = 1;
  return job;
}

int64_t forward_workspace(const char* op, const LiftSplatForwardJob& job, const LiftSplatCall& call,
                          const CallTensors& tensors) {
  if (tensors.any_empty()) return 0;
  check_workspace_parts(op, job.shape);
  if (is_cpu(call.device)) {
    return job.shape.intervals
               ? BEVEL_ON_INSTRUCTION_SET(job.cpu, lift_splat_intervals_forward_workspace(job))
               : BEVEL_ON_INSTRUCTION_SET(job.cpu, lift_splat_forward_workspace(job));
  }
  int64_t bytes = 0;
  bevel_cuda_message message = {};
  check_cuda(op, cuda_functions(op).forward_workspace(&job, &bytes, &message), message);
  return bytes;
}

int64_t backward_workspace(const char* op, const LiftSplatBackwardJob& job, const LiftSplatCall& call,
                           const CallTensors& tensors) {
  if (tensors.any_empty()) return 0;
  check_workspace_parts(op, job.shape);
  if (is_cpu(call.device)) {
    return job.shape.intervals
               ? BEVEL_ON_INSTRUCTION_SET(job.cpu, lift_splat_intervals_backward_workspace(job))
               : BEVEL_ON_INSTRUCTION_SET(job.cpu, lift_splat_backward_workspace(job));
  }
  int64_t bytes = 0;
  bevel_cuda_message message = {};
  check_cuda(op, cuda_functions(op).backward_workspace(&job, &bytes, &message), message);
  return bytes;
}

}  // namespace
}  // namespace bevel

using namespace bevel;

bevel_status bevel_lift_splat_plan_size(const bevel_lift_splat_plan_params* params, int32_t device_type,
                                        int64_t* plan_elements, int64_t* workspace_bytes) {
  const char* op = "lift_splat_plan_size";
  return guarded(op, [=] {
    if (!plan_elements || !workspace_bytes) {
      fail(BEVEL_INVALID_ARGUMENT, "%s: plan_elements and workspace_bytes must be given, got NULL", op);
    }
    if (device_type != kDLCPU && device_type != kDLCUDAHost && device_type != kDLCUDA) {
      fail(BEVEL_INVALID_ARGUMENT, "%s: device_type must be 1 (CPU), 2 (CUDA) or 3 (pinned), got %d", op,
           device_type);
    }
    check_params(op, params);
    const DLTensor* any = params->geometry.cells ? params->geometry.cells : params->geometry.intrinsics;
    const DLDevice device = {static_cast<DLDeviceType>(device_type), any ? any->device.device_id : 0};
    const LiftSplatPlanJob job = check_plan_params(op, params, device);
    const int64_t bytes = plan_workspace(op, job, device);
    *plan_elements = job.layout.elements;
    *workspace_bytes = bytes;
  });
}

bevel_status bevel_lift_splat_plan_build(const bevel_lift_splat_plan_params* params, void* stream) {
  const char* op = "lift_splat_plan_build";
  return guarded(op, [=] {
    check_params(op, params);
    const TensorArgument plan(op, "plan", params->plan);
    plan.required().dtype(kInt32).rank(1).compact().aligned(8).on_known_device();
    const DLDevice device = plan.device();
    check_stream(op, device, stream);
    LiftSplatPlanJob job = check_plan_params(op, params, device);
    if (plan.extent(0) < job.layout.elements) {
      plan.reject("must have at least " + std::to_string(job.layout.elements) + " elements, got " +
                  plan.shape_text());
    }
    const TensorArgument workspace =
        check_workspace(op, params->workspace, device, plan_workspace(op, job, device));
    check_plan_apart(op, *params, plan, workspace);
    job.plan = plan.data_as<int32_t>();
    job.workspace = workspace.given() ? workspace.data_as<char>() : nullptr;
    if (is_cpu(device)) {
      build_plan_cpu(job);
    } else {
      bevel_cuda_message message = {};
      check_cuda(op, cuda_functions(op).plan_build(&job, device.device_id, stream, &message), message);
    }
  });
}

bevel_status bevel_lift_splat_plan_read_info(const DLTensor* plan, bevel_lift_splat_plan_info* info,
                                             void* stream) {
  const char* op = "lift_splat_plan_read_info";
  return guarded(op, [=] {
    check_struct(op, "info", info, sizeof *info);
    const TensorArgument argument(op, "plan", plan);
    argument.required().on_known_device();
    check_stream(op, argument.device(), stream);
    fill_info(read_plan_header(op, argument, stream).counts, info);
  });
}

bevel_status bevel_lift_splat_points(const bevel_lift_splat_geometry* geometry, DLTensor* points) {
  const char* op = "lift_splat_points";
  return guarded(op, [=] {
    if (!geometry) fail(BEVEL_INVALID_ARGUMENT, "%s: geometry must be given, got NULL", op);
    const LiftGeometry g = check_geometry(op, *geometry, {kDLCPU, 0});
    if (g.cells) fail(BEVEL_INVALID_ARGUMENT, "%s: geometry must have matrices, not cells", op);
    const TensorArgument out(op, "points", points);
    out.required()
        .dtype(kFloatOrDouble)
        .shape({g.batch, g.cameras, g.depth_bins, g.height, g.width, 3}, "to match the geometry")
        .compact()
        .on({kDLCPU, 0});
    check_geometry_apart(op, *geometry, {&out});
    write_points_cpu(g, cpu_settings().threads, out.data(), out.element_type() == ElementType::kFloat64);
  });
}

bevel_status bevel_lift_splat_cells(const bevel_lift_splat_geometry* geometry, DLTensor* cells) {
  const char* op = "lift_splat_cells";
  return guarded(op, [=] {
    if (!geometry) fail(BEVEL_INVALID_ARGUMENT, "%s: geometry must be given, got NULL", op);
    const LiftGeometry g = check_geometry(op, *geometry, {kDLCPU, 0});
    const TensorArgument out(op, "cells", cells);
    out.required()
        .dtype(kInt32)
        .shape({g.batch, g.cameras, g.depth_bins, g.height, g.width}, "to match the geometry")
        .compact()
        .on({kDLCPU, 0});
    check_geometry_apart(op, *geometry, {&out});
    write_cells_cpu(g, cpu_settings().threads, out.data_as<int32_t>());
  });
}

bevel_status bevel_lift_splat_forward_workspace(const bevel_lift_splat_forward_params* params,
                                                int64_t* bytes) {
  const char* op = "lift_splat_forward";
  return guarded(op, [=] {
    if (!bytes) fail(BEVEL_INVALID_ARGUMENT, "%s: bytes must be given, got NULL", op);
    LiftSplatCall call;
    const LiftSplatForwardJob job = check_forward(op, params, nullptr, call);
    *bytes = forward_workspace(op, job, call, LiftSplatForwardTensors(op, *params).all);
  });
}

bevel_status bevel_lift_splat_forward(const bevel_lift_splat_forward_params* params, void* stream) {
  const char* op = "lift_splat_forward";
  return guarded(op, [=] {
    LiftSplatCall call;
    LiftSplatForwardJob job = check_forward(op, params, stream, call);
    const LiftSplatForwardTensors tensors(op, *params);
    const TensorArgument workspace = check_workspace(
        op, params->workspace, call.device, forward_workspace(op, on_one_thread(job), call, tensors.all));
    tensors.all.check_apart(workspace);
    if (tensors.all.any_empty()) return tensors.all.write_zeros(call.device, stream);
    check_plan_sections(op, call, job.cpu.threads);
    job.workspace = workspace.given() ? workspace.data_as<char>() : nullptr;
    job.workspace_bytes = workspace.given() ? workspace.extent(0) : 0;
    if (is_cpu(call.device)) {
      job.shape.intervals ? BEVEL_ON_INSTRUCTION_SET(job.cpu, lift_splat_intervals_forward(job))
                          : BEVEL_ON_INSTRUCTION_SET(job.cpu, lift_splat_forward(job));
    } else {
      bevel_cuda_message message = {};
      check_cuda(op, cuda_functions(op).forward(&job, call.device.device_id, stream, &message), message);
    }
  });
}

bevel_status bevel_lift_splat_backward_workspace(const bevel_lift_splat_backward_params* params,
                                                 int64_t* bytes) {
  const char* op = "lift_splat_backward";
  return guarded(op, [=] {
    if (!bytes) fail(BEVEL_INVALID_ARGUMENT, "%s: bytes must be given, got NULL", op);
    LiftSplatCall call;
    const LiftSplatBackwardJob job = check_backward(op, params, nullptr, call);
    *bytes = backward_workspace(op, job, call, LiftSplatBackwardTensors(op, *params).all);
  });
}

bevel_status bevel_lift_splat_backward(const bevel_lift_splat_backward_params* params, void* stream) {
  const char* op = "lift_splat_backward";
  return guarded(op, [=] {
    LiftSplatCall call;
    LiftSplatBackwardJob job = check_backward(op, params, stream, call);
    const LiftSplatBackwardTensors tensors(op, *params);
    const TensorArgument workspace = check_workspace(
        op, params->workspace, call.device, backward_workspace(op, on_one_thread(job), call, tensors.all));
    tensors.all.check_apart(workspace);
    if (tensors.all.any_empty()) return tensors.all.write_zeros(call.device, stream);
    check_plan_sections(op, call, job.cpu.threads);
    job.workspace = workspace.given() ? workspace.data_as<char>() : nullptr;
    job.workspace_bytes = workspace.given() ? workspace.extent(0) : 0;
    if (is_cpu(call.device)) {
      job.shape.intervals ? BEVEL_ON_INSTRUCTION_SET(job.cpu, lift_splat_intervals_backward(job))
                          : BEVEL_ON_INSTRUCTION_SET(job.cpu, lift_splat_backward(job));
    } else {
      bevel_cuda_message message = {};
      check_cuda(op, cuda_functions(op).backward(&job, call.device.device_id, stream, &message), message);
    }
  });
}
