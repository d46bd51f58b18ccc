// The entry points of bev_pool, and the checks of its arguments.
#include "bevel/bev_pool.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "bev_pool/bev_pool_job.hpp"
#include "core/work_shares.hpp"
#include "operator_frame.hpp"

namespace bevel {
namespace {

constexpr int64_t kInt32Max = INT32_MAX;

/// What both passes have; `out` is out or grad_out, and `feature` is not given in a backward that does not
/// read it.
struct PoolTensors {
  const TensorArgument &feature, &out, &depth, &ranks_depth, &ranks_feature, &ranks_bev, &starts, &lengths;
};

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
           a.op(), static_cast<long long>(interval), cell);
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
             a.op(), depth, static_cast<long long>(point));
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
  Crew crew(a.cpu().threads);
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
         a.op(), static_cast<long long>(bad_point), static_cast<long long>(job.depth_elements),
         static_cast<long long>(job.feature_rows), static_cast<long long>(job.cells),
         job.ranks_depth ? job.ranks_depth[bad_point] : 0, job.ranks_feature[bad_point],
         job.ranks_bev[bad_point]);
  }
  if (bad_interval != INT64_MAX) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: interval %lld must lie within the %lld points, got start %d, length %d",
         a.op(), static_cast<long long>(bad_interval), static_cast<long long>(job.points),
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
    fail(BEVEL_INVALID_ARGUMENT, "%s: ranks_bev must be one cell throughout interval %lld, got several",
         a.op(), static_cast<long long>(mixed_interval));
  }
}

/// Declares what both passes have but feature, which has decided the precision.
template <class Params>
PoolTensors declare(const Params& p, Arguments& a, const TensorArgument& feature, const TensorArgument& out) {
  return {feature,
          out,
          a.read_if_given("depth", p.depth, a.exact()),
          a.read_if_given("ranks_depth", p.ranks_depth, kInt32),
          a.read("ranks_feature", p.ranks_feature, kInt32),
          a.read("ranks_bev", p.ranks_bev, kInt32),
          a.read("interval_starts", p.interval_starts, kInt32),
          a.read("interval_lengths", p.interval_lengths, kInt32)};
}

/// `feature` is feature, or grad_feature in a backward without it.
BevPoolForwardJob check_both(const Arguments& a, const PoolTensors& t, const TensorArgument& feature) {
  BevPoolForwardJob job = {};
  const int feature_dimensions = feature.dimensions(), out_dimensions = t.out.dimensions();
  if (feature_dimensions < 1) feature.reject("must have a channel dimension, got " + feature.shape_text());
  feature.compact();
  job.feature_type = feature.element_type();
  job.channels = feature.extent(feature_dimensions - 1);
  job.feature_rows = rows_of(feature, feature_dimensions);

  t.out.compact();
  if (out_dimensions < 1 || t.out.extent(out_dimensions - 1) != job.channels) {
    t.out.reject("must have " + std::to_string(job.channels) + " channels last to match " + feature.name() +
                 ", got " + t.out.shape_text());
  }
  job.out_type = t.out.element_type();
  job.cells = rows_of(t.out, out_dimensions);

  t.ranks_feature.rank(1).compact();
  job.points = t.ranks_feature.extent(0);
  t.ranks_bev.shape({job.points}, "to match ranks_feature").compact();
  t.starts.rank(1).compact();
  job.intervals = t.starts.extent(0);
  t.lengths.shape({job.intervals}, "to match interval_starts").compact();
  if (job.points > kInt32Max || job.cells > kInt32Max || job.feature_rows > kInt32Max) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: points, cells and feature rows must be below 2^31", a.op());
  }

  if (t.depth.given() != t.ranks_depth.given()) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: depth and ranks_depth must be given together", a.op());
  }
  job.depth_type = a.double_precision() ? ElementType::kFloat64 : ElementType::kFloat32;
  if (t.depth.given()) {
    t.depth.compact();
    t.ranks_depth.shape({job.points}, "to match ranks_feature").compact();
    job.depth_elements = t.depth.elements();
    if (job.depth_elements == 0 && job.points > 0) t.depth.reject("must not be empty when there are points");
  }
  job.depth = t.depth.data_if_given();
  job.ranks_depth = t.ranks_depth.data_if_given<const int32_t>();
  job.feature = t.feature.data_if_given();
  job.ranks_feature = t.ranks_feature.data_as<const int32_t>();
  job.ranks_bev = t.ranks_bev.data_as<const int32_t>();
  job.interval_starts = t.starts.data_as<const int32_t>();
  job.interval_lengths = t.lengths.data_as<const int32_t>();
  if (a.on_cpu()) check_ranks(a, job);
  return job;
}

BevPoolForwardJob check_forward(const bevel_bev_pool_forward_params& p, Arguments& a) {
  const TensorArgument& feature = a.read("feature", p.feature, kFeatureTypes);
  a.set_precision(feature);
  const PoolTensors t = declare(p, a, feature, declare_out(p, a));
  BevPoolForwardJob job = check_both(a, t, feature);
  job.out = t.out.data();
  return job;
}

BevPoolBackwardJob check_backward(const bevel_bev_pool_backward_params& p, Arguments& a) {
  const TensorArgument& feature = a.read_if_given("feature", p.feature, kFeatureTypes);
  const TensorArgument& grad_feature = a.gradient_alone("grad_feature", p.grad_feature);
  if (p.grad_depth && p.depth) feature.required();
  const TensorArgument& like_feature = feature.given() ? feature : grad_feature;
  if (!like_feature.given()) a.check_any_gradient();
  a.set_precision(like_feature);
  const PoolTensors t = declare(p, a, feature, declare_out(p, a));
  BevPoolBackwardJob job = {};
  job.forward = check_both(a, t, like_feature);
  job.grad_out = t.out.data();
  a.check_like(grad_feature, feature);
  if (grad_feature.given()) job.grad_feature = grad_feature.compact().data();
  job.grad_depth = a.compact_gradient("grad_depth", p.grad_depth, t.depth);
  if (a.on_cpu() && job.grad_depth) check_depths_differ(a, job.forward);
  return job;
}

}  // namespace
}  // namespace bevel

using namespace bevel;

bevel_status bevel_bev_pool_forward(const bevel_bev_pool_forward_params* params, void* stream) {
  return run_operator<bodies::bev_pool_forward>("bev_pool_forward", params, stream, check_forward);
}

bevel_status bevel_bev_pool_backward_workspace(const bevel_bev_pool_backward_params* params, int64_t* bytes) {
  return query_workspace<bodies::bev_pool_backward>("bev_pool_backward", params, bytes, check_backward);
}

bevel_status bevel_bev_pool_backward(const bevel_bev_pool_backward_params* params, void* stream) {
  return run_operator<bodies::bev_pool_backward>("bev_pool_backward", params, stream, check_backward);
}
