// The entry points of bev_pool: every argument is checked here, then the work goes to the CPU body of the
// chosen instruction set or to CUDA.
#include "bev_pool.h"

#include <atomic>

#include "bev_pool/bev_pool_cpu.hpp"
#include "core/work_shares.hpp"
#include "cuda_loader.hpp"
#include "memory_overlap.hpp"
#include "settings.hpp"
#include "status.hpp"
#include "tensor_check.hpp"

namespace bevel {

int64_t bev_pool_backward_workspace_cpu(const BevPoolBackwardJob& job) {
  if (!job.grad_feature) return 0;
  return 4 * (job.forward.feature_rows + 1 + job.forward.points) + job.forward.points;
}

namespace {

constexpr int64_t kInt32Max = INT32_MAX;

/// Arguments that forward and backward share; out is out or grad_out.
struct Arguments {
  const char* op;
  CpuSettings cpu;
  TensorArgument depth, feature, ranks_depth, ranks_feature, ranks_bev, starts, lengths, out;
};

int64_t rows_of(const TensorArgument& argument, int dimensions) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < dimensions; ++i) rows *= argument.extent(i);
  return rows;
}

/// Ranks and intervals can be read on the CPU, so they are: one parallel pass, the first offence is reported.
void check_ranks(const Arguments& a, const BevPoolForwardJob& job) {
  std::atomic<int64_t> bad_point{INT64_MAX}, bad_interval{INT64_MAX}, mixed_interval{INT64_MAX};
  auto note = [](std::atomic<int64_t>& worst, int64_t index) {
    int64_t seen = worst.load();
    while (index < seen && !worst.compare_exchange_weak(seen, index)) {
    }
  };
  auto inside = [](int64_t rank, int64_t size) { return rank >= 0 && rank < size; };
  Crew crew(job.cpu.threads);
  deal<1024>(crew, job.points, [&](int64_t i) {
    if (!inside(job.ranks_feature[i], job.feature_rows) || !inside(job.ranks_bev[i], job.cells) ||
        (job.depth_elements > 0 && job.ranks_depth && !inside(job.ranks_depth[i], job.depth_elements))) {
      note(bad_point, i);
    }
  });
  deal<64>(crew, job.intervals, [&](int64_t i) {
    const int64_t start = job.interval_starts[i], length = job.interval_lengths[i];
    if (start < 0 || length < 0 || start + length > job.points) {
      note(bad_interval, i);
      return;
    }
    for (int64_t point = start + 1; point < start + length; ++point) {
      if (job.ranks_bev[point] != job.ranks_bev[start]) note(mixed_interval, i);
    }
  });
  if (bad_point != INT64_MAX) {
    fail(BEVEL_INVALID_ARGUMENT,
         "%s: ranks of point %lld must lie within depth (%lld elements), feature (%lld rows) and the map "
         "(%lld cells), got "
         "depth %d, feature %d, bev %d",
         a.op, static_cast<long long>(bad_point), static_cast<long long>(job.depth_elements),
         static_cast<long long>(job.feature_rows), static_cast<long long>(job.cells),
         job.ranks_depth ? job.ranks_depth[bad_point] : 0, job.ranks_feature[bad_point],
         job.ranks_bev[bad_point]);
  }
  if (bad_interval != INT64_MAX) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: interval %lld must lie within the %lld points, got start %d, length %d",
         a.op, static_cast<long long>(bad_interval), static_cast<long long>(job.points),
         job.interval_starts[bad_interval], job.interval_lengths[bad_interval]);
  }
  if (mixed_interval != INT64_MAX) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: ranks_bev must be one cell throughout interval %lld, got several", a.op,
         static_cast<long long>(mixed_interval));
  }
}

/// `feature_needed` is false in a backward that only wants the feature's gradient; its shape then comes from
/// that gradient.
BevPoolForwardJob check_arguments(const Arguments& a, const TensorArgument& feature, int feature_dimensions,
                                  int out_dimensions, DLDevice device) {
  BevPoolForwardJob job = {};
  job.cpu = a.cpu;
  const bool is_double = feature.element_type() == ElementType::kFloat64;
  if (feature_dimensions < 1) feature.reject("must have a channel dimension, got " + feature.shape_text());
  feature.compact().on(device);
  job.feature_type = feature.element_type();
  job.channels = feature.extent(feature_dimensions - 1);
  job.feature_rows = rows_of(feature, feature_dimensions);
  if (job.channels < 1) feature.reject("must have at least one channel, got " + feature.shape_text());

  a.out.required().dtype(is_double ? kFloat64Only : kFloat32Only | kSixteenBit).compact().on(device);
  if (out_dimensions < 1 || a.out.extent(out_dimensions - 1) != job.channels) {
    a.out.reject("must have " + std::to_string(job.channels) + " channels last to match feature, got " +
                 a.out.shape_text());
  }
  job.out_type = a.out.element_type();
  job.cells = rows_of(a.out, out_dimensions);

  a.ranks_feature.required().dtype(kInt32).rank(1).compact().on(device);
  job.points = a.ranks_feature.extent(0);
  a.ranks_bev.required().dtype(kInt32).shape({job.points}, "to match ranks_feature").compact().on(device);
  a.starts.required().dtype(kInt32).rank(1).compact().on(device);
  job.intervals = a.starts.extent(0);
  a.lengths.required().dtype(kInt32).shape({job.intervals}, "to match interval_starts").compact().on(device);
  if (job.points > kInt32Max || job.cells > kInt32Max || job.feature_rows > kInt32Max) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: points, cells and feature rows must be below 2^31", a.op);
  }

  if (a.depth.given() != a.ranks_depth.given()) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: depth and ranks_depth must be given together", a.op);
  }
  job.depth_type = is_double ? ElementType::kFloat64 : ElementType::kFloat32;
  if (a.depth.given()) {
    a.depth.dtype(is_double ? kFloat64Only : kFloat32Only).compact().on(device);
    a.ranks_depth.dtype(kInt32).shape({job.points}, "to match ranks_feature").compact().on(device);
    job.depth = a.depth.data();
    job.depth_elements = a.depth.elements();
    job.ranks_depth = a.ranks_depth.data_as<const int32_t>();
    if (job.depth_elements == 0 && job.points > 0) a.depth.reject("must not be empty when there are points");
  }
  job.feature = a.feature.given() ? a.feature.data() : nullptr;
  job.ranks_feature = a.ranks_feature.data_as<const int32_t>();
  job.ranks_bev = a.ranks_bev.data_as<const int32_t>();
  job.interval_starts = a.starts.data_as<const int32_t>();
  job.interval_lengths = a.lengths.data_as<const int32_t>();
  if (is_cpu(device)) {
    check_ranks(a, job);
  } else if (is_double) {
    fail(BEVEL_UNSUPPORTED, "%s: float64 is for gradient checks on the CPU, feature is on CUDA", a.op);
  }
  return job;
}

BevPoolBackwardJob check_backward(const char* op, const bevel_bev_pool_backward_params* p, DLDevice& device) {
  check_params(op, p);
  const Arguments a = {op,
                       cpu_settings(op, *p),
                       {op, "depth", p->depth},
                       {op, "feature", p->feature},
                       {op, "ranks_depth", p->ranks_depth},
                       {op, "ranks_feature", p->ranks_feature},
                       {op, "ranks_bev", p->ranks_bev},
                       {op, "interval_starts", p->interval_starts},
                       {op, "interval_lengths", p->interval_lengths},
                       {op, "grad_out", p->grad_out}};
  const TensorArgument grad_depth(op, "grad_depth", p->grad_depth),
      grad_feature(op, "grad_feature", p->grad_feature);
  a.out.required().on_known_device();
  device = a.out.device();
  if (grad_depth.given()) a.feature.required();
  const bool from_feature = a.feature.given();
  if (!from_feature && !grad_feature.given())
    fail(BEVEL_INVALID_ARGUMENT, "%s: no gradient is asked for", op);
  const TensorArgument& feature = from_feature ? a.feature : grad_feature;
  const DLTensor* feature_tensor = from_feature ? p->feature : p->grad_feature;
  feature.dtype(kFeatureTypes);

  BevPoolBackwardJob job = {};
  job.forward = check_arguments(a, feature, feature_tensor->ndim, p->grad_out->ndim, device);
  job.grad_out = a.out.data();
  if (grad_feature.given()) {
    grad_feature.dtype(kFeatureTypes).compact().on(device);
    std::vector<int64_t> shape(feature_tensor->shape, feature_tensor->shape + feature_tensor->ndim);
    grad_feature.shape(shape, "like feature");
    if (grad_feature.element_type() != job.forward.feature_type)
      grad_feature.reject("must have the dtype of feature");
    job.grad_feature = grad_feature.data();
  }
  if (grad_depth.given()) {
    a.depth.required();
    std::vector<int64_t> shape(p->depth->shape, p->depth->shape + p->depth->ndim);
    grad_depth.dtype(job.forward.depth_type == ElementType::kFloat64 ? kFloat64Only : kFloat32Only)
        .shape(shape, "like depth")
        .compact()
        .on(device);
    job.grad_depth = grad_depth.data();
  }
  return job;
}

/// What backward writes shares no memory with what it reads.
void check_backward_apart(const char* op, const bevel_bev_pool_backward_params& p,
                          const TensorArgument& workspace) {
  const TensorArgument grad_out(op, "grad_out", p.grad_out), depth(op, "depth", p.depth),
      feature(op, "feature", p.feature), ranks_depth(op, "ranks_depth", p.ranks_depth),
      ranks_feature(op, "ranks_feature", p.ranks_feature), ranks_bev(op, "ranks_bev", p.ranks_bev),
      starts(op, "interval_starts", p.interval_starts), lengths(op, "interval_lengths", p.interval_lengths),
      grad_depth(op, "grad_depth", p.grad_depth), grad_feature(op, "grad_feature", p.grad_feature);
  check_outputs_apart(
      {&grad_depth, &grad_feature, &workspace},
      {&grad_out, &depth, &feature, &ranks_depth, &ranks_feature, &ranks_bev, &starts, &lengths});
}

int64_t backward_workspace(const char* op, const BevPoolBackwardJob& job, DLDevice device) {
  if (is_cpu(device)) return bev_pool_backward_workspace_cpu(job);
  int64_t bytes = 0;
  bevel_cuda_message message = {};
  check_cuda(op, cuda_functions(op).bev_pool_backward_workspace(&job, &bytes, &message), message);
  return bytes;
}

}  // namespace
}  // namespace bevel

using namespace bevel;

bevel_status bevel_bev_pool_forward(const bevel_bev_pool_forward_params* params, void* stream) {
  const char* op = "bev_pool_forward";
  return guarded(op, [=] {
    check_params(op, params);
    const Arguments a = {op,
                         cpu_settings(op, *params),
                         {op, "depth", params->depth},
                         {op, "feature", params->feature},
                         {op, "ranks_depth", params->ranks_depth},
                         {op, "ranks_feature", params->ranks_feature},
                         {op, "ranks_bev", params->ranks_bev},
                         {op, "interval_starts", params->interval_starts},
                         {op, "interval_lengths", params->interval_lengths},
                         {op, "out", params->out}};
    a.feature.required().dtype(kFeatureTypes);
    a.out.required().on_known_device();
    const DLDevice device = a.out.device();
    check_stream(op, device, stream);
    BevPoolForwardJob job = check_arguments(a, a.feature, params->feature->ndim, params->out->ndim, device);
    check_outputs_apart({&a.out}, {&a.depth, &a.feature, &a.ranks_depth, &a.ranks_feature, &a.ranks_bev,
                                   &a.starts, &a.lengths});
    job.out = a.out.data();
    if (is_cpu(device)) {
      BEVEL_ON_INSTRUCTION_SET(job.cpu, bev_pool_forward(job));
    } else {
      bevel_cuda_message message = {};
      check_cuda(op, cuda_functions(op).bev_pool_forward(&job, device.device_id, stream, &message), message);
    }
  });
}

bevel_status bevel_bev_pool_backward_workspace(const bevel_bev_pool_backward_params* params, int64_t* bytes) {
  const char* op = "bev_pool_backward";
  return guarded(op, [=] {
    if (!bytes) fail(BEVEL_INVALID_ARGUMENT, "%s: bytes must be given, got NULL", op);
    DLDevice device;
    const BevPoolBackwardJob job = check_backward(op, params, device);
    *bytes = backward_workspace(op, job, device);
  });
}

bevel_status bevel_bev_pool_backward(const bevel_bev_pool_backward_params* params, void* stream) {
  const char* op = "bev_pool_backward";
  return guarded(op, [=] {
    DLDevice device;
    BevPoolBackwardJob job = check_backward(op, params, device);
    check_stream(op, device, stream);
    const TensorArgument workspace =
        check_workspace(op, params->workspace, device, backward_workspace(op, job, device));
    check_backward_apart(op, *params, workspace);
    job.workspace = workspace.given() ? workspace.data_as<char>() : nullptr;
    job.workspace_bytes = workspace.given() ? workspace.extent(0) : 0;
    if (is_cpu(device)) {
      BEVEL_ON_INSTRUCTION_SET(job.forward.cpu, bev_pool_backward(job));
    } else {
      bevel_cuda_message message = {};
      check_cuda(op, cuda_functions(op).bev_pool_backward(&job, device.device_id, stream, &message), message);
    }
  });
}
