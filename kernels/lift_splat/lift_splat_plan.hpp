// The plan of lift-splat: what both devices build, bit for bit the same, and both read.
//
// In one image column w of one camera, all rows h of a depth bin d land in 1.0 to 1.6 BEV cells on average,
// because an image column is nearly a vertical plane. The plan stores that:
//
//   run   a maximal range [h0, h1) of rows of one (column, depth bin) in one cell;
//   row   the runs of one column that share a cell and whose ranges touch.
//
// The depths of a row's pixel can be summed before the feature is multiplied, exactly, since within a column
// the feature depends on h only. A row's range of h has no gap.
//
// Runs of a column are ordered by (cell, h0, d); rows follow that order, columns follow (batch element,
// camera, w). A cell with a single row is written straight to the output. Rows of a shared cell get slots in
// a scratch buffer, cell after cell and, within a cell, in row order, so that their sum has one fixed order.
//
// The plan is one int32 buffer: a header, then sections whose places depend on capacities only, never on what
// the data held, so that a device can fill it without a word to the host.
#pragma once

#include <cstdint>

#include "core/host_device.hpp"

namespace bevel {

/// The first words of a plan. 64-bit fields first; the struct is copied in and out of the int32 buffer.
struct LiftSplatPlanHeader {
  int64_t magic;
  int64_t batch, cameras, depth_bins, height, width;
  int64_t grid_z, grid_rows, grid_columns;  ///< grid_rows is ny, or nx where maps are [.., X, Y]
  int64_t capacity;                         ///< in points
  int64_t points, runs, rows, shared_rows, shared_cells, filled_cells;
  int32_t method;
  int32_t overflow;
  int32_t row_is_x;
  int32_t requested_method;
};

constexpr int64_t kPlanMagic = 0x4c53706c616e3031;  // "LSplan01"
constexpr int64_t kPlanHeaderElements = 64;         // int32s reserved for the header
static_assert(sizeof(LiftSplatPlanHeader) <= kPlanHeaderElements * 4);

/// Where each section begins, in int32 elements from the start of the plan. The sections of the two methods
/// overlie each other; the header says which are there.
struct LiftSplatPlanLayout {
  int64_t columns;  ///< K = B·N·W
  int64_t cells;    ///< B·Z·Y·X

  // COLUMNS
  int64_t column_rows;  ///< [K + 1] first row of a column
  int64_t row_cell;     ///< [capacity] cell over the whole batch
  int64_t row_slot;     ///< [capacity] slot in the scratch buffer, −1: the only row of its cell
  int64_t row_span;     ///< [capacity] h0 << 8 | h1 of the row
  int64_t row_runs;     ///< [capacity + 1] first run of a row
  int64_t runs;         ///< [capacity] d << 16 | h0 << 8 | h1, as uint32
  int64_t cell_slots;   ///< [cells + 1] (first slot of the cell) << 1 | (1 if any row falls in the cell)

  // INTERVALS: the five arrays of bev_pool_v2, sorted by cell, then by point
  int64_t ranks_depth;       ///< [capacity]
  int64_t ranks_feature;     ///< [capacity]
  int64_t ranks_bev;         ///< [capacity]
  int64_t interval_starts;   ///< [min(capacity, cells)]
  int64_t interval_lengths;  ///< same
  int64_t point_cell;        ///< [B·N·D·H·W] cell over the whole batch or −1, for backward

  int64_t elements;  ///< of the whole plan
};

BEVEL_HD uint32_t pack_run(uint32_t d, uint32_t h0, uint32_t h1) { return d << 16 | h0 << 8 | h1; }
BEVEL_HD int32_t run_depth(uint32_t run) { return static_cast<int32_t>(run >> 16); }
BEVEL_HD int32_t span_begin(uint32_t run) { return static_cast<int32_t>(run >> 8 & 255u); }
BEVEL_HD int32_t span_end(uint32_t run) { return static_cast<int32_t>(run & 255u); }

/// Orders the runs of a column: by cell, then first row, then depth bin; the end of the range rides along.
BEVEL_HD uint64_t run_key(uint32_t cell, uint32_t h0, uint32_t d, uint32_t h1) {
  return static_cast<uint64_t>(cell) << 32 | static_cast<uint64_t>(h0) << 24 | static_cast<uint64_t>(d) << 8 |
         h1;
}
BEVEL_HD int32_t key_cell(uint64_t key) { return static_cast<int32_t>(key >> 32); }
BEVEL_HD uint32_t key_run(uint64_t key) {
  return pack_run(static_cast<uint32_t>(key >> 8) & 0xffffu, static_cast<uint32_t>(key >> 24) & 255u,
                  static_cast<uint32_t>(key) & 255u);
}

/// AUTO takes intervals where a run holds fewer than three points on average: there a run saves nothing.
BEVEL_HD bool prefers_intervals(int64_t points, int64_t runs) { return points < 3 * runs; }

BEVEL_HD LiftSplatPlanLayout plan_layout(int64_t batch, int64_t cameras, int64_t depth_bins, int64_t height,
                                         int64_t width, int64_t cells_per_element, int64_t capacity) {
  LiftSplatPlanLayout layout;
  layout.columns = batch * cameras * width;
  layout.cells = batch * cells_per_element;
  const int64_t intervals = capacity < layout.cells ? capacity : layout.cells;
  int64_t at = kPlanHeaderElements;
  // Sections begin on 64-byte borders.
  auto place = [&at](int64_t elements) {
    const int64_t start = at;
    at += (elements + 15) / 16 * 16;
    return start;
  };
  layout.column_rows = place(layout.columns + 1);
  layout.row_cell = place(capacity);
  layout.row_slot = place(capacity);
  layout.row_span = place(capacity);
  layout.row_runs = place(capacity + 1);
  layout.runs = place(capacity);
  layout.cell_slots = place(layout.cells + 1);
  // The two methods never live together, so the interval sections may lie over the column sections.
  const int64_t columns_end = at;
  at = kPlanHeaderElements;
  layout.ranks_depth = place(capacity);
  layout.ranks_feature = place(capacity);
  layout.ranks_bev = place(capacity);
  layout.interval_starts = place(intervals);
  layout.interval_lengths = place(intervals);
  layout.point_cell = place(batch * cameras * depth_bins * height * width);
  layout.elements = columns_end > at ? columns_end : at;
  return layout;
}

}  // namespace bevel
