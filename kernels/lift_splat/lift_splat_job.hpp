// Checked arguments of lift_splat: what the entry points hand to the CPU and CUDA bodies. Plain pointers and
// sizes; every rule of lift_splat.h about them holds already.
#pragma once

#include <cstdint>

#include "bevel/lift_splat.h"
#include "core/cell_mapping.hpp"
#include "core/cpu_settings.hpp"
#include "core/element_type.hpp"
#include "lift_splat/lift_splat_plan.hpp"

namespace bevel {

/// The lift: matrices (float32 or float64) or explicit cells.
struct LiftGeometry {
  int64_t batch, cameras, depth_bins, height, width;
  double image_height, image_width;
  double depth_start, depth_step;
  CellGrid grid;
  bool matrices_are_double;
  const void* intrinsics;          ///< [B, N, 3, 3]
  const void* camera_to_bev;       ///< [B, N, 4, 4]
  const void* image_augmentation;  ///< [B, N, 4, 4] or null
  const void* bev_augmentation;    ///< [B, 4, 4] or null
  const int32_t* cells;            ///< [B, N, D, H, W] or null; when set, the matrices are null

  BEVEL_HD int64_t cells_per_element() const {
    return static_cast<int64_t>(grid.cells[0]) * grid.cells[1] * grid.cells[2];
  }
  BEVEL_HD int64_t points() const { return batch * cameras * depth_bins * height * width; }
};

struct LiftSplatPlanJob {
  CpuSettings cpu;
  LiftGeometry geometry;
  LiftSplatPlanLayout layout;
  int64_t capacity;  ///< in points
  int32_t method;    ///< bevel_lift_splat_method as asked
  int32_t* plan;
  char* workspace;
  int64_t workspace_bytes;
};

/// Sizes that forward and backward share.
struct LiftSplatShape {
  LiftSplatPlanLayout layout;
  int64_t batch, cameras, depth_bins, height, width, channels;
  int64_t grid_z, grid_rows, grid_columns;
  bool intervals;       ///< the plan's method
  bool method_known;    ///< false on CUDA without the plan's counts: the header, read on the device, decides
  int64_t rows;         ///< rows the workspace is sized for
  int64_t shared_rows;  ///< scratch slots the workspace is sized for
  int64_t depth_strides[2];    ///< of B and N, in elements
  int64_t context_strides[2];  ///< of B and N, in elements
  bool logits;                 ///< depth holds logits
  bool context_channels_last, out_channels_last;
  ElementType depth_type;  ///< float32, or float64 when everything is
  ElementType context_type, out_type;

  BEVEL_HD int64_t cells_per_element() const { return grid_z * grid_rows * grid_columns; }
};

struct LiftSplatForwardJob {
  CpuSettings cpu;
  LiftSplatShape shape;
  const int32_t* plan;
  const void* depth;
  const void* context;
  const void* prior;         ///< compact, or null
  const void* prior_weight;  ///< compact, null iff prior is
  void* out;
  void* probabilities;  ///< compact, or null
  char* workspace;
  int64_t workspace_bytes;
};

struct LiftSplatBackwardJob {
  CpuSettings cpu;
  LiftSplatShape shape;  ///< depth_strides are those of grad_depth, context_strides those of context
  const int32_t* plan;
  const void* grad_out;
  const void* probabilities;  ///< compact
  const void* context;
  const void* prior;
  const void* prior_weight;
  void* grad_depth;                 ///< or null
  void* grad_context;               ///< or null
  int64_t grad_context_strides[2];  ///< of B and N
  char* workspace;
  int64_t workspace_bytes;
};

/// The header of a plan as far as the job and the numbers of its points and runs decide it. Plans of the CPU
/// and of CUDA agree bit for bit, so both take it from here.
BEVEL_HD LiftSplatPlanHeader plan_header_of(const LiftGeometry& g, int64_t capacity, int32_t requested_method,
                                            int64_t points, int64_t runs) {
  LiftSplatPlanHeader header = {};
  header.magic = kPlanMagic;
  header.batch = g.batch;
  header.cameras = g.cameras;
  header.depth_bins = g.depth_bins;
  header.height = g.height;
  header.width = g.width;
  header.grid_z = g.grid.cells[2];
  header.grid_rows = g.grid.row_is_x ? g.grid.cells[0] : g.grid.cells[1];
  header.grid_columns = g.grid.row_is_x ? g.grid.cells[1] : g.grid.cells[0];
  header.capacity = capacity;
  header.points = points;
  header.runs = runs;
  header.method = requested_method != BEVEL_LIFT_SPLAT_AUTO ? requested_method
                  : prefers_intervals(points, runs)         ? BEVEL_LIFT_SPLAT_INTERVALS
                                                            : BEVEL_LIFT_SPLAT_COLUMNS;
  header.overflow = points > capacity;
  header.row_is_x = g.grid.row_is_x;
  header.requested_method = requested_method;
  return header;
}

// For callers that want to see the geometry, on the CPU.
void write_points_cpu(const LiftGeometry& geometry, int threads, void* points, bool points_are_double);
void write_cells_cpu(const LiftGeometry& geometry, int threads, int32_t* cells);

}  // namespace bevel
