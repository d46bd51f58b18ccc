// A plan as the kernels of forward and backward see it. Nothing about it was checked on the host, which must
// not wait for the device: a plan that does not belong to the call, or did not fit, pools nothing, and its
// output is zero.
#pragma once

#include <cstddef>

#include "bevel/base.h"
#include "core/block_scan.cuh"
#include "core/cuda_check.hpp"
#include "core/cuda_elements.cuh"
#include "core/cuda_workspace.cuh"
#include "bevel/lift_splat.h"
#include "lift_splat/lift_splat_job.hpp"

namespace bevel {

constexpr int kHeaderWords = kPlanHeaderElements / 2;

/// Index of a 64-bit field of the header.
#define BEVEL_HEADER_WORD(field) static_cast<int>(offsetof(LiftSplatPlanHeader, field) / sizeof(int64_t))

// method and overflow share a word, method in its lower half.
static_assert(offsetof(LiftSplatPlanHeader, overflow) == offsetof(LiftSplatPlanHeader, method) + 4);
static_assert(offsetof(LiftSplatPlanHeader, method) % 8 == 0);

using HeaderSpan = DeviceSpan<const int64_t>;

__device__ inline int32_t header_method(const HeaderSpan& header) {
  return static_cast<int32_t>(int64_t(header[BEVEL_HEADER_WORD(method)]));
}
__device__ inline bool header_overflow(const HeaderSpan& header) {
  return int64_t(header[BEVEL_HEADER_WORD(method)]) >> 32 != 0;
}

/// No method: the plan cannot be used.
constexpr int32_t kNoMethod = 0;

/// Slots of scratch to provide: what the caller's counts say, within what the plan can hold.
inline int64_t shared_rows(const LiftSplatShape& s) {
  const int64_t most = s.layout.row_slot - s.layout.row_cell;
  return s.shared_rows < 0 ? 0 : s.shared_rows < most ? s.shared_rows : most;
}

struct PlanView {
  DeviceSpan<const int32_t> plan;
  HeaderSpan header;
  LiftSplatPlanLayout at;
  int64_t batch, cameras, depth_bins, height, width, grid_z, grid_rows, grid_columns;
  int64_t max_shared_rows;  ///< slots that the workspace holds
  int32_t expected_method;  ///< that the caller's counts name; kNoMethod: whichever the header says

  static PlanView of(const LiftSplatShape& s, const int32_t* plan, int64_t max_shared_rows) {
    PlanView view;
    view.plan = DeviceSpan<const int32_t>(plan, s.layout.elements, "plan");
    view.header = HeaderSpan(reinterpret_cast<const int64_t*>(plan), kHeaderWords, "plan header");
    view.at = s.layout;
    view.batch = s.batch;
    view.cameras = s.cameras;
    view.depth_bins = s.depth_bins;
    view.height = s.height;
    view.width = s.width;
    view.grid_z = s.grid_z;
    view.grid_rows = s.grid_rows;
    view.grid_columns = s.grid_columns;
    view.max_shared_rows = max_shared_rows;
    view.expected_method = !s.method_known ? kNoMethod
                           : s.intervals   ? BEVEL_LIFT_SPLAT_INTERVALS
                                           : BEVEL_LIFT_SPLAT_COLUMNS;
    return view;
  }

  /// BEVEL_LIFT_SPLAT_COLUMNS or _INTERVALS, or kNoMethod.
  __device__ int32_t method() const {
    // All words are asked for before the first is looked at: one wait for memory, not one a word.
    const int64_t capacity = word(BEVEL_HEADER_WORD(capacity)), shared = word(BEVEL_HEADER_WORD(shared_rows));
    const int64_t found[] = {word(BEVEL_HEADER_WORD(magic)),       word(BEVEL_HEADER_WORD(batch)),
                             word(BEVEL_HEADER_WORD(cameras)),     word(BEVEL_HEADER_WORD(depth_bins)),
                             word(BEVEL_HEADER_WORD(height)),      word(BEVEL_HEADER_WORD(width)),
                             word(BEVEL_HEADER_WORD(grid_z)),      word(BEVEL_HEADER_WORD(grid_rows)),
                             word(BEVEL_HEADER_WORD(grid_columns))};
    const int64_t wanted[] = {kPlanMagic, batch,  cameras,   depth_bins,  height,
                              width,      grid_z, grid_rows, grid_columns};
    const auto round_up = [](int64_t elements) { return (elements + 15) / 16 * 16; };
    bool belongs = true;
#pragma unroll
    for (int i = 0; i < 9; ++i) belongs &= found[i] == wanted[i];
    belongs &= round_up(capacity) == at.row_slot - at.row_cell;
    belongs &= round_up(capacity + 1) == at.runs - at.row_runs;
    belongs &= shared <= max_shared_rows;
    const int32_t method = header_method(header);
    const bool expected = expected_method == kNoMethod || method == expected_method;
    return belongs && expected && !header_overflow(header) ? method : kNoMethod;
  }

  __device__ int64_t word(int index) const { return header[index]; }
  __device__ int32_t first_row(int64_t column) const { return plan[at.column_rows + column]; }
  __device__ int32_t row_cell(int64_t row) const { return plan[at.row_cell + row]; }
  __device__ int32_t row_slot(int64_t row) const { return plan[at.row_slot + row]; }
  __device__ int32_t row_span(int64_t row) const { return plan[at.row_span + row]; }
  __device__ int32_t first_run(int64_t row) const { return plan[at.row_runs + row]; }
  __device__ uint32_t run(int64_t index) const {
    return static_cast<uint32_t>(int32_t(plan[at.runs + index]));
  }
  /// First slot of a cell in the scratch buffer; those of the next cell follow.
  __device__ int32_t first_slot(int64_t cell) const { return plan[at.cell_slots + cell] >> 1; }
  __device__ bool filled(int64_t cell) const { return plan[at.cell_slots + cell] & 1; }
};

}  // namespace bevel
