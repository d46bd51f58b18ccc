// Interval pooling on the CPU.
//
// Forward: a thread owns whole intervals, so each cell is summed by one thread in the order of its points,
// with up to eight vectors of channels in registers. Backward: a point's depth gradient is one dot product; a
// feature row's gradient is owned by one thread, which walks the points that read the row, listed beforehand
// by a counting sort. Bound: one feature row of C read for each point.
#include "bev_pool/bev_pool_job.hpp"
#include "bodies.hpp"

#include <algorithm>

#include "core/weighted_sum.hpp"
#include "core/work_shares.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {
namespace {

template <class T, class A, class B>
inline T dot(const A* a, const B* b, int64_t channels) {
  Vector<T> sum = {};
  for (int64_t c = 0; c < channels; c += kLanes<T>) {
    const int valid = static_cast<int>(channels - c);
    sum += load_as<T>(a + c, valid) * load_as<T>(b + c, valid);
  }
  T total = 0;
  for (int i = 0; i < kLanes<T>; ++i) total += sum[i];
  return total;
}

template <class T, class Feature, class Out>
void forward(const BevPoolForwardJob& job) {
  const T* depth = static_cast<const T*>(job.depth);
  const Feature* feature = static_cast<const Feature*>(job.feature);
  Out* out = static_cast<Out*>(job.out);
  Crew crew(job.cpu.threads);
  deal<64>(crew, job.cells,
           [&](int64_t cell) { std::fill_n(out + cell * job.channels, job.channels, Out{}); });
  deal<64>(crew, job.intervals, [&](int64_t interval) {
    const int64_t length = job.interval_lengths[interval];
    if (length == 0) return;
    const int64_t start = job.interval_starts[interval];
    weighted_sum<T, Feature>(
        length, job.channels, [&](int64_t i) { return depth ? depth[job.ranks_depth[start + i]] : T(1); },
        [&](int64_t i) { return feature + job.ranks_feature[start + i] * job.channels; },
        out + job.ranks_bev[start] * job.channels);
  });
}

/// Which points read each feature row.
struct PointsOfRows {
  int32_t* first;  ///< [feature_rows + 1]
  int32_t* point;  ///< [points]
  uint8_t* used;   ///< [points] 1 where an interval holds the point

  explicit PointsOfRows(const BevPoolBackwardJob& job)
      : first(reinterpret_cast<int32_t*>(job.workspace)),
        point(first + job.forward.feature_rows + 1),
        used(reinterpret_cast<uint8_t*>(point + job.forward.points)) {}

  void list(const BevPoolForwardJob& job) {
    std::fill_n(used, job.points, uint8_t{0});
    for (int64_t interval = 0; interval < job.intervals; ++interval) {
      std::fill_n(used + job.interval_starts[interval], job.interval_lengths[interval], uint8_t{1});
    }
    std::fill_n(first, job.feature_rows + 1, 0);
    for (int64_t i = 0; i < job.points; ++i) first[job.ranks_feature[i]] += used[i];
    int32_t start = 0;
    for (int64_t row = 0; row <= job.feature_rows; ++row) {
      const int32_t count = row < job.feature_rows ? first[row] : 0;
      first[row] = start;
      start += count;
    }
    for (int64_t i = 0; i < job.points; ++i) {
      if (used[i]) point[first[job.ranks_feature[i]]++] = static_cast<int32_t>(i);
    }
    // Each first[row] has moved on to the row's end, which is the next row's beginning.
    std::copy_backward(first, first + job.feature_rows, first + job.feature_rows + 1);
    first[0] = 0;
  }
};

template <class T, class Feature, class Out>
void backward(const BevPoolBackwardJob& backward_job) {
  const BevPoolForwardJob& job = backward_job.forward;
  const T* depth = static_cast<const T*>(job.depth);
  const Feature* feature = static_cast<const Feature*>(job.feature);
  const Out* grad_out = static_cast<const Out*>(backward_job.grad_out);
  auto gradient_row = [&](int64_t i) { return grad_out + job.ranks_bev[i] * job.channels; };
  Crew crew(job.cpu.threads);
  if (T* grad_depth = static_cast<T*>(backward_job.grad_depth)) {
    deal<4096>(crew, job.depth_elements, [&](int64_t i) { grad_depth[i] = T(0); });
    deal<64>(crew, job.intervals, [&](int64_t interval) {
      const int64_t start = job.interval_starts[interval];
      for (int64_t i = start; i < start + job.interval_lengths[interval]; ++i) {
        grad_depth[job.ranks_depth[i]] =
            dot<T>(gradient_row(i), feature + job.ranks_feature[i] * job.channels, job.channels);
      }
    });
  }
  if (Feature* grad_feature = static_cast<Feature*>(backward_job.grad_feature)) {
    PointsOfRows points(backward_job);
    points.list(job);
    deal<64>(crew, job.feature_rows, [&](int64_t row) {
      const int32_t* point = points.point + points.first[row];
      weighted_sum<T, Out>(
          points.first[row + 1] - points.first[row], job.channels,
          [&](int64_t i) { return depth ? depth[job.ranks_depth[point[i]]] : T(1); },
          [&](int64_t i) { return gradient_row(point[i]); }, grad_feature + row * job.channels);
    });
  }
}

}  // namespace

void bev_pool_forward(const BevPoolForwardJob& job) {
  with_map_types(job.feature_type, job.out_type, [&](auto t, auto feature, auto out) {
    forward<decltype(t), decltype(feature), decltype(out)>(job);
  });
}

/// The points of each feature row, as compressed rows.
int64_t bev_pool_backward_workspace(const BevPoolBackwardJob& job) {
  if (!job.grad_feature) return 0;
  return 4 * (job.forward.feature_rows + 1 + job.forward.points) + job.forward.points;
}

void bev_pool_backward(const BevPoolBackwardJob& job) {
  with_map_types(job.forward.feature_type, job.forward.out_type, [&](auto t, auto feature, auto out) {
    backward<decltype(t), decltype(feature), decltype(out)>(job);
  });
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
