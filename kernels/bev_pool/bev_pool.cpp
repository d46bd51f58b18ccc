// The entry points of bev_pool: every argument is checked here, then the work goes to the CPU body of the
// chosen instruction set or to CUDA.
#include "bev_pool.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "bev_pool/bev_pool_cpu.hpp"
#include "call_tensors.hpp"
#include "core/work_shares.hpp"
#include "cuda_loader.hpp"
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
  TensorArgument grad_depth = {op, "grad_depth", nullptr}, grad_feature = {op, "grad_feature", nullptr};

  CallTensors forward_tensors() const {
    return {op, {&out}, {&depth, &feature, &ranks_depth, &ranks_feature, &ranks_bev, &starts, &lengths}};
  }
  CallTensors backward_tensors() const {
    return {op,
            {&grad_depth, &grad_feature},
            {&out, &depth, &feature, &ranks_depth, &ranks_feature, &ranks_bev, &starts, &lengths}};
  }
};

template <class Params>
Arguments arguments(const char* op, const Params& p, const char* out_name, const DLTensor* out) {
  return {op,
          cpu_settings(op, p),
          {op, "depth", p.depth},
          {op, "feature", p.feature},
          {op, "ranks_depth", p.ranks_depth},
          {op, "ranks_feature", p.ranks_feature},
          {op, "ranks_bev", p.ranks_bev},
          {op, "interval_starts", p.interval_starts},
          {op, "interval_lengths", p.interval_lengths},
          {op, out_name, out}};
}

int64_t rows_of(const TensorArgument& argument, int dimensions) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < dimensions; ++i) rows *= argument.extent(i);
  return rows;
}

/// A mark for each rank; no more of them than the largest one, so it is bounded by what the ranks are.
std::vector<bool> marks(const int32_t* ranks, int64_t count) {
  return std::vector<bool>(count > 0 ? static_cast<size_t>(*std::max_element(ranks, ranks + count)) + 1 : 0);
}

/// Throws where two intervals hold one cell: each would write its own sum. They mostly come in the order of
/// their cells, and then each has another one.
void check_cells_differ(const Arguments& a, const BevPoolForwardJob& job) {
  int64_t last = -1, interval = 0;
  for (; interval < job.intervals; ++interval) {
    if (job.interval_lengths[interval] == 0) continue;
    const int64_t cell = job.ranks_bev[job.interval_starts[interval]];
    if (cell <= last) break;
    last = cell;
  }
  if (interval == job.intervals) return;
  std::vector<bool> seen = marks(job.ranks_bev, job.points);
  for (interval = 0; interval < job.intervals; ++interval) {
    if (job.interval_lengths[interval] == 0) continue;
    const int32_t cell = job.ranks_bev[job.interval_starts[interval]];
    if (seen[static_cast<size_t>(cell)]) {
      fail(BEVEL_INVALID_ARGUMENT,
           "%s: ranks_bev must be sorted so that a cell has one interval, got a second one, interval %lld, "
           "for "
           "cell %d",
           a.op, static_cast<long long>(interval), cell);
    }
    seen[static_cast<size_t>(cell)] = true;
  }
}

/// Throws where two points of the intervals hold one element of depth, whose gradient would be that of
/// either.
void check_depths_differ(const Arguments& a, const BevPoolForwardJob& job) {
  std::vector<bool> seen = marks(job.ranks_depth, job.points);
  for (int64_t interval = 0; interval < job.intervals; ++interval) {
    const int64_t start = job.interval_starts[interval];
    for (int64_t point = start; point < start + job.interval_lengths[interval]; ++point) {
      const auto depth = static_cast<size_t>(job.ranks_depth[point]);
      if (seen[depth]) {
        fail(BEVEL_INVALID_ARGUMENT,
             "%s: ranks_depth must name each element of depth once at most, got %zu again at point %lld",
             a.op, depth, static_cast<long long>(point));
      }
      seen[depth] = true;
    }
  }
}

/// Ranks and intervals can be read on the CPU, so they are: the first offence is reported.
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
        (job.ranks_depth && !inside(job.ranks_depth[i], job.depth_elements))) {
      note(bad_point, i);
    }
  });
  deal<64>(crew, job.intervals, [&](int64_t i) {
    const int64_t start = job.interval_starts[i], length = job.interval_lengths[i];
    if (start < 0 || length < 0 || start + length > job.points) note(bad_interval, i);
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
  // Intervals that begin with cells of their own are read for as long as they hold them: at most all points.
  check_cells_differ(a, job);
  deal<64>(crew, job.intervals, [&](int64_t i) {
    const int64_t start = job.interval_starts[i], end = start + job.interval_lengths[i];
    int64_t point = start + 1;
    while (point < end && job.ranks_bev[point] == job.ranks_bev[start]) ++point;
    if (point < end) note(mixed_interval, i);
  });
  if (mixed_interval != INT64_MAX) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: ranks_bev must be one cell throughout interval %lld, got several", a.op,
         static_cast<long long>(mixed_interval));
  }
}

/// `feature` is feature, or grad_feature in a backward without it.
BevPoolForwardJob check_arguments(const Arguments& a, const TensorArgument& feature, DLDevice device) {
  BevPoolForwardJob job = {};
  job.cpu = a.cpu;
  const int feature_dimensions = feature.dimensions(), out_dimensions = a.out.dimensions();
  const bool is_double = feature.element_type() == ElementType::kFloat64;
  if (feature_dimensions < 1) feature.reject("must have a channel dimension, got " + feature.shape_text());
  feature.compact().on(device);
  job.feature_type = feature.element_type();
  job.channels = feature.extent(feature_dimensions - 1);
  job.feature_rows = rows_of(feature, feature_dimensions);

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
    if (a.grad_depth.given() && a.depth.given()) check_depths_differ(a, job);
  } else if (is_double) {
    fail(BEVEL_UNSUPPORTED, "%s: float64 is for gradient checks on the CPU, feature is on CUDA", a.op);
  }
  return job;
}

Arguments arguments(const char* op, const bevel_bev_pool_backward_params& p) {
  Arguments a = arguments(op, p, "grad_out", p.grad_out);
  a.grad_depth = {op, "grad_depth", p.grad_depth};
  a.grad_feature = {op, "grad_feature", p.grad_feature};
  return a;
}

BevPoolBackwardJob check_backward(const Arguments& a) {
  a.out.required().on_known_device();
  const DLDevice device = a.out.device();
  if (a.grad_depth.given()) a.feature.required();
  if (!a.feature.given() && !a.grad_feature.given()) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: no gradient is asked for", a.op);
  }
  const TensorArgument& feature = a.feature.given() ? a.feature : a.grad_feature;
  feature.dtype(kFeatureTypes);

  BevPoolBackwardJob job = {};
  job.forward = check_arguments(a, feature, device);
  job.grad_out = a.out.data();
  if (a.grad_feature.given()) {
    a.grad_feature.dtype(kFeatureTypes).compact().on(device).shaped_like(feature);
    if (a.grad_feature.element_type() != job.forward.feature_type)
      a.grad_feature.reject("must have the dtype of feature");
    job.grad_feature = a.grad_feature.data();
  }
  if (a.grad_depth.given()) {
    a.depth.required();
    a.grad_depth.dtype(job.forward.depth_type == ElementType::kFloat64 ? kFloat64Only : kFloat32Only)
        .shaped_like(a.depth)
        .compact()
        .on(device);
    job.grad_depth = a.grad_depth.data();
  }
  return job;
}

int64_t backward_workspace(const Arguments& a, const BevPoolBackwardJob& job) {
  if (a.backward_tensors().any_empty()) return 0;
  if (is_cpu(a.out.device())) return bev_pool_backward_workspace_cpu(job);
  int64_t bytes = 0;
  bevel_cuda_message message = {};
  check_cuda(a.op, cuda_functions(a.op).bev_pool_backward_workspace(&job, &bytes, &message), message);
  return bytes;
}

}  // namespace
}  // namespace bevel

using namespace bevel;

bevel_status bevel_bev_pool_forward(const bevel_bev_pool_forward_params* params, void* stream) {
  const char* op = "bev_pool_forward";
  return guarded(op, [=] {
    check_params(op, params);
    const Arguments a = arguments(op, *params, "out", params->out);
    a.feature.required().dtype(kFeatureTypes);
    a.out.required().on_known_device();
    const DLDevice device = a.out.device();
    check_stream(op, device, stream);
    BevPoolForwardJob job = check_arguments(a, a.feature, device);
    const CallTensors tensors = a.forward_tensors();
    tensors.check_apart();
    if (tensors.any_empty()) return tensors.write_zeros(device, stream);
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
    check_params(op, params);
    const Arguments a = arguments(op, *params);
    *bytes = backward_workspace(a, check_backward(a));
  });
}

bevel_status bevel_bev_pool_backward(const bevel_bev_pool_backward_params* params, void* stream) {
  const char* op = "bev_pool_backward";
  return guarded(op, [=] {
    check_params(op, params);
    const Arguments a = arguments(op, *params);
    BevPoolBackwardJob job = check_backward(a);
    const DLDevice device = a.out.device();
    check_stream(op, device, stream);
    const TensorArgument workspace =
        check_workspace(op, params->workspace, device, backward_workspace(a, job));
    const CallTensors tensors = a.backward_tensors();
    tensors.check_apart(workspace);
    if (tensors.any_empty()) return tensors.write_zeros(device, stream);
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
