// Interval pooling on the device, for bev_pool's ranks and for plans of lift-splat whose points are sorted by
// cell.
#pragma once

#include "core/block_scan.cuh"
#include "core/cuda_elements.cuh"
#include "lift_splat/lift_splat_view.cuh"

namespace bevel {

/// Sums over intervals. With a plan, the number of intervals comes from its header, and nothing is done
/// unless its method is intervals.
struct IntervalPool {
  bool has_plan;
  PlanView plan;
  int64_t points, intervals;  ///< array lengths; with a plan `intervals` is the most there can be
  int64_t depth_elements, feature_rows, cells, channels;
  DeviceSpan<const float> depth;  ///< or null: weight 1
  ConstMap feature;               ///< [feature_rows][channels]
  Map out;                        ///< [cells][out_stride]
  int64_t out_stride;
  bool feature_whole, out_whole;  ///< four channels are one access
  DeviceSpan<const int32_t> ranks_depth, ranks_feature, ranks_bev, interval_starts, interval_lengths;

  __device__ int64_t interval_count() const {
    if (!has_plan) return intervals;
    if (plan.method() != BEVEL_LIFT_SPLAT_INTERVALS) return 0;
    return plan.word(BEVEL_HEADER_WORD(filled_cells));
  }
};

void enqueue_interval_pool(const IntervalPool& pool, cudaStream_t stream);

}  // namespace bevel
