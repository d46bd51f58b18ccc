// What the kernels of the plan builder share: the job as they take it, its workspace, and the header on the
// device.
#pragma once

#include "core/projection.hpp"
#include "core/radix_sort.cuh"
#include "lift_splat/lift_splat_plan_seal.hpp"
#include "lift_splat/lift_splat_view.cuh"

namespace bevel {

/// Scratch of the builder.
struct PlanWorkspace {
  DeviceSpan<CameraLift> lifts;          ///< [B·N]
  DeviceSpan<uint64_t> keys;             ///< [columns][D·H] runs of a column, sorted
  DeviceSpan<int32_t> column_points;     ///< [columns]
  DeviceSpan<int32_t> column_runs;       ///< [columns]
  DeviceSpan<int32_t> column_row_count;  ///< [columns]
  DeviceSpan<int32_t> column_first_run;  ///< [columns]
  DeviceSpan<int32_t> cell_rows;  ///< [cells] rows of each cell; counted down again as slots are handed out
  DeviceSpan<int32_t> slot_rows;  ///< [capacity] rows by slot, in any order within a cell
  DeviceSpan<int32_t> tile_slots, tile_shared, tile_filled;  ///< [kMaxScanTiles] totals of cell tiles
  DeviceSpan<uint32_t> seal;           ///< [2][PlanSeal::kLanes] plain and weighted sums
  DeviceSpan<int32_t> tile_intervals;  ///< [kMaxScanTiles] intervals begun in each tile of points
  SortBuffers sort;
};

/// Matrices of one kind; one of the two pointers is set, or none.
struct PlanMatrices {
  DeviceSpan<const double> as_double;
  DeviceSpan<const float> as_float;
};

/// A plan to build, as every kernel takes it.
struct PlanBuild {
  LiftGeometry geometry;
  LiftSplatPlanLayout at;
  int64_t capacity;
  int32_t method;       ///< as asked
  int32_t* plan_words;  ///< the plan, for the host to cut sections from
  DeviceSpan<int32_t> plan;
  DeviceSpan<int64_t> header;  ///< the plan's first words
  DeviceSpan<const int32_t> cells;
  PlanMatrices intrinsics, camera_to_bev, image_augmentation, bev_augmentation;
  ScanTiles cell_tiles;
  int32_t cell_tile_count;
  PlanWorkspace workspace;

  __device__ int64_t keys_a_column() const { return geometry.depth_bins * geometry.height; }
};

/// Enqueues the kernels that fill a plan's interval sections, where the header says so
/// (lift_splat_plan_intervals.cu).
void enqueue_plan_intervals(const PlanBuild& build, cudaStream_t stream);

/// Cell of a point over the whole batch, or −1. Equal to point_cell() of core/cell_mapping.hpp in every bit,
/// but without its divisions wherever the quotient is clear of the integers.
class CellFinder {
 public:
  __device__ explicit CellFinder(const CellGrid& grid) : grid_(grid) {
    for (int axis = 0; axis < 3; ++axis) reciprocal_[axis] = divide_rounded(1.0, grid.cell_size[axis]);
  }

  __device__ int32_t find(double x, double y, double z) const {
    const int32_t ix = axis(0, x), iy = axis(1, y), iz = axis(2, z);
    return (ix | iy | iz) < 0 ? kDroppedCell : flat_cell(grid_, ix, iy, iz);
  }

 private:
  /// The product with the rounded reciprocal lies within 2⁻⁵¹ of the rounded quotient, relatively. Where no
  /// integer is that near, both fall in the same cell; else, and for NaN and Inf, the division decides.
  __device__ int32_t axis(int index, double coordinate) const {
    const double f = multiply_rounded(subtract_rounded(coordinate, grid_.lower[index]), reciprocal_[index]);
    const double distance = fabs(subtract_rounded(f, rint(f)));
    if (!(distance > fabs(f) * 0x1p-50)) return axis_cell(grid_, index, coordinate);
    const bool above = grid_.floor ? f >= 0.0 : f > -1.0;
    return above && f < static_cast<double>(grid_.cells[index]) ? static_cast<int32_t>(f) : kDroppedCell;
  }

  const CellGrid& grid_;
  double reciprocal_[3];
};

}  // namespace bevel
