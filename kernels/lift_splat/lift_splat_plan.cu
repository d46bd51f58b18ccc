// Builds lift-splat's plan on the device, the same bits as lift_splat_plan.cpp. Six launches for column runs:
// camera lifts, runs of each column (sorted), totals, rows, slots, ranks of slots; nothing comes back to the
// host. Whether an AUTO plan becomes intervals is decided by the totals, and the kernels of the method not
// chosen return at once.
#include "lift_splat/lift_splat_plan.cuh"

#include "bevel/base.h"
#include "bevel/lift_splat.h"
#include "lift_splat/lift_splat_job.hpp"
#include "core/cuda_bodies.hpp"

namespace bevel {
namespace {

constexpr int kCellsAtOnce = 4096;  ///< points of a column that a block keeps in shared memory
constexpr int kKeysInShared = 2048;
constexpr int kMaxHeight = 255;

__device__ void read_matrix(const PlanMatrices& matrices, int64_t index, int elements, double* out) {
  for (int i = 0; i < elements; ++i) {
    out[i] = matrices.as_double ? double(matrices.as_double[index * elements + i])
                                : static_cast<double>(float(matrices.as_float[index * elements + i]));
  }
}

/// A thread for each camera; all threads clear the cell counts.
BEVEL_GLOBAL void lift_splat_prepare_kernel(PlanBuild b) {
  const LiftGeometry& g = b.geometry;
  const int64_t thread = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x;
  if (!g.cells && thread < g.batch * g.cameras) {
    double intrinsics[9], to_bev[16], image[16], bev[16];
    read_matrix(b.intrinsics, thread, 9, intrinsics);
    read_matrix(b.camera_to_bev, thread, 16, to_bev);
    if (g.image_augmentation) read_matrix(b.image_augmentation, thread, 16, image);
    if (g.bev_augmentation) read_matrix(b.bev_augmentation, thread / g.cameras, 16, bev);
    b.workspace.lifts[thread] = make_camera_lift(intrinsics, to_bev, g.image_augmentation ? image : nullptr,
                                                 g.bev_augmentation ? bev : nullptr);
  }
  const int64_t threads = gridDim.x * static_cast<int64_t>(kBlockThreads);
  for (int64_t cell = thread; cell < b.at.cells; cell += threads) b.workspace.cell_rows[cell] = 0;
  if (thread < 2 * PlanSeal::kLanes) b.workspace.seal[thread] = 0u;
}

/// Sorts `count` different keys with the whole block: a bitonic network whose comparisons all point upward,
/// so that the keys missing to a power of two need no place.
template <typename Keys>
__device__ void block_sort(Keys keys, int count) {
  const auto put_in_order = [&](int low, int high) {
    if (high >= count) return;
    const uint64_t a = keys[low], b = keys[high];
    if (b < a) {
      keys[low] = b;
      keys[high] = a;
    }
  };
  int power = 1;
  while (power < count) power *= 2;
  for (int size = 2; size <= power; size *= 2) {
    for (int pair = threadIdx.x; pair < power / 2; pair += kBlockThreads) {
      const int within = pair & (size / 2 - 1);
      const int base = 2 * (pair - within);
      put_in_order(base + within, base + size - 1 - within);
    }
    __syncthreads();
    for (int stride = size / 4; stride > 0; stride /= 2) {
      for (int pair = threadIdx.x; pair < power / 2; pair += kBlockThreads) {
        const int within = pair & (stride - 1);
        const int low = 2 * (pair - within) + within;
        put_in_order(low, low + stride);
      }
      __syncthreads();
    }
  }
}

/// The cell and the end of a key's run as one number that grows with both: a running maximum over sorted keys
/// is the end of the current cell's rows so far.
__device__ uint64_t reach_of(uint64_t key) { return (key >> 32 << 32) | (key & 255u); }

/// True where the run begins a row; `reach` is the largest reach_of() before it.
__device__ bool begins_row(uint64_t key, uint64_t reach, bool first) {
  return first || key >> 32 != reach >> 32 || (key >> 24 & 255u) > (reach & 255u);
}

/// Walks a column's sorted keys with the whole block; visit(i, key, begins, rows_before) is called for each,
/// with the number of rows that begin before i. Returns the number of rows.
template <typename Keys, typename Visit>
__device__ int32_t walk_rows(Keys keys, int count, Visit visit) {
  int32_t rows = 0;
  uint64_t reach_so_far = 0;
  for (int from = 0; from < count; from += kBlockThreads) {
    const int i = from + threadIdx.x;
    const uint64_t key = i < count ? uint64_t(keys[i]) : 0;
    uint64_t reach_here;
    const uint64_t before =
        Maximum()(reach_so_far, block_exclusive_scan(reach_of(key), uint64_t(0), Maximum(), reach_here));
    const bool begins = i < count && begins_row(key, before, i == 0);
    int32_t rows_here;
    const int32_t rows_before = rows + block_exclusive_sum(int32_t(begins), rows_here);
    if (i < count) visit(i, key, begins, rows_before);
    rows += rows_here;
    reach_so_far = Maximum()(reach_so_far, reach_here);
  }
  return rows;
}

/// One block an image column: cells of its D·H points (a thread a point; bound by double-precision
/// arithmetic), then a key for each run, collected in any order and sorted. Leaves sorted keys and counts in
/// the workspace, and counts the rows of each cell.
BEVEL_GLOBAL void lift_splat_collect_runs_kernel(PlanBuild b) {
  BEVEL_SHARED(double, rays, 3 * kMaxHeight);
  BEVEL_SHARED(int32_t, cells, kCellsAtOnce);
  BEVEL_SHARED(uint64_t, near_keys, kKeysInShared);
  BEVEL_SHARED(int32_t, counts, 2);  // runs, points
  const LiftGeometry& g = b.geometry;
  const int height = static_cast<int>(g.height);
  const int64_t column = blockIdx.x;
  const int64_t image = column / g.width;
  const int64_t w = column % g.width;
  const int64_t cells_per_element = g.cells_per_element();
  const uint32_t first_cell = static_cast<uint32_t>(image / g.cameras * cells_per_element);
  const auto far_keys =
      subarray(b.workspace.keys + column * b.keys_a_column(), b.keys_a_column(), "keys of a column");

  CameraLift lift = {};
  if (!g.cells) {
    lift = b.workspace.lifts[image];
    const double u = frustum_pixel(w, g.width, g.image_width);
    if (static_cast<int>(threadIdx.x) < height) {
      double ray[3];
      camera_ray(lift, u, frustum_pixel(threadIdx.x, g.height, g.image_height), ray);
      for (int axis = 0; axis < 3; ++axis) rays[axis * kMaxHeight + threadIdx.x] = ray[axis];
    }
  }
  if (threadIdx.x < 2) counts[threadIdx.x] = 0;
  __syncthreads();

  const CellFinder finder(g.grid);
  const int bins_at_once = kCellsAtOnce / height;
  for (int64_t bin = 0; bin < g.depth_bins; bin += bins_at_once) {
    const int bins = static_cast<int>(g.depth_bins - bin < bins_at_once ? g.depth_bins - bin : bins_at_once);
    for (int i = threadIdx.x; i < bins * height; i += kBlockThreads) {
      const int h = i % height;
      const int64_t d = bin + i / height;
      if (g.cells) {
        const int32_t cell = b.cells[((image * g.depth_bins + d) * height + h) * g.width + w];
        cells[i] = cell >= 0 && cell < cells_per_element ? cell : kDroppedCell;
      } else {
        const double depth = frustum_depth(d, g.depth_start, g.depth_step);
        cells[i] = finder.find(point_on_ray(depth, rays[h], lift.origin[0]),
                               point_on_ray(depth, rays[kMaxHeight + h], lift.origin[1]),
                               point_on_ray(depth, rays[2 * kMaxHeight + h], lift.origin[2]));
      }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < bins * height; i += kBlockThreads) {
      const int32_t cell = cells[i];
      const int h = i % height;
      if (cell < 0 || (h > 0 && cells[i - 1] == cell)) continue;
      int end = 1;
      while (h + end < height && cells[i + end] == cell) ++end;
      const uint64_t key = run_key(first_cell + static_cast<uint32_t>(cell), static_cast<uint32_t>(h),
                                   static_cast<uint32_t>(bin + i / height), static_cast<uint32_t>(h + end));
      const int32_t place = atomicAdd(&counts[0], 1);
      atomicAdd(&counts[1], end);
      if (place < kKeysInShared) {
        near_keys[place] = key;
      } else {
        far_keys[place] = key;
      }
    }
    __syncthreads();
  }

  const int runs = counts[0];
  const auto count_row = [&](int, uint64_t key, bool begins, int32_t) {
    if (begins) atomicAdd(&b.workspace.cell_rows[key_cell(key)], 1);
  };
  int32_t rows;
  if (runs <= kKeysInShared) {
    block_sort(near_keys, runs);
    for (int i = threadIdx.x; i < runs; i += kBlockThreads) far_keys[i] = near_keys[i];
    rows = walk_rows(near_keys, runs, count_row);
  } else {
    for (int i = threadIdx.x; i < kKeysInShared; i += kBlockThreads) far_keys[i] = near_keys[i];
    __syncthreads();
    block_sort(far_keys, runs);
    rows = walk_rows(far_keys, runs, count_row);
  }
  if (threadIdx.x == 0) {
    b.workspace.column_runs[column] = runs;
    b.workspace.column_points[column] = counts[1];
    b.workspace.column_row_count[column] = rows;
  }
}

__device__ void write_header(const PlanBuild& b, const LiftSplatPlanHeader& header) {
  int64_t words[kHeaderWords] = {};
  memcpy(words, &header, sizeof header);
  for (int i = 0; i < kHeaderWords; ++i) b.header[i] = words[i];
}

/// First block: sums of the columns, and with them the header and each column's first row and run. Other
/// blocks: sums over tiles of cells. A thread takes a stretch of neighbours, so that one scan of the block is
/// enough.
BEVEL_GLOBAL void lift_splat_sum_kernel(PlanBuild b) {
  const PlanWorkspace& ws = b.workspace;
  if (blockIdx.x > 0) {
    const int64_t tile = blockIdx.x - 1;
    int32_t slots = 0, shared = 0, filled = 0;
    for (int64_t cell = b.cell_tiles.begin(tile) + threadIdx.x; cell < b.cell_tiles.end(tile);
         cell += kBlockThreads) {
      const int32_t rows = ws.cell_rows[cell];
      filled += rows > 0;
      shared += rows > 1;
      slots += rows > 1 ? rows : 0;
    }
    slots = block_sum(slots);
    shared = block_sum(shared);
    filled = block_sum(filled);
    if (threadIdx.x == 0) {
      ws.tile_slots[tile] = slots;
      ws.tile_shared[tile] = shared;
      ws.tile_filled[tile] = filled;
    }
    return;
  }

  const int64_t each = (b.at.columns + kBlockThreads - 1) / kBlockThreads;
  const int64_t begin = threadIdx.x * each;
  const int64_t end = begin + each < b.at.columns ? begin + each : b.at.columns;
  int64_t points = 0, runs = 0, rows = 0;
  for (int64_t column = begin; column < end; ++column) {
    points += ws.column_points[column];
    runs += ws.column_runs[column];
    rows += ws.column_row_count[column];
  }
  int64_t all_runs, all_rows;
  const int64_t all_points = block_sum(points);
  int64_t first_run = block_exclusive_sum(runs, all_runs);
  int64_t first_row = block_exclusive_sum(rows, all_rows);
  LiftSplatPlanHeader header = plan_header_of(b.geometry, b.capacity, b.method, all_points, all_runs);
  const int32_t method = header.method;
  const bool overflow = header.overflow;
  if (threadIdx.x == 0) {
    if (!overflow && method == BEVEL_LIFT_SPLAT_COLUMNS) header.rows = all_rows;
    write_header(b, header);
    ws.sort.state[kSortWanted] = method == BEVEL_LIFT_SPLAT_INTERVALS && !overflow;
    ws.sort.state[kSortCount] = static_cast<int32_t>(all_points);
  }
  if (method != BEVEL_LIFT_SPLAT_COLUMNS || overflow) return;
  for (int64_t column = begin; column < end; ++column) {
    b.plan[b.at.column_rows + column] = static_cast<int32_t>(first_row);
    ws.column_first_run[column] = static_cast<int32_t>(first_run);
    first_row += ws.column_row_count[column];
    first_run += ws.column_runs[column];
  }
  if (threadIdx.x == 0) {
    b.plan[b.at.column_rows + b.at.columns] = static_cast<int32_t>(all_rows);
    b.plan[b.at.row_runs + all_rows] = static_cast<int32_t>(all_runs);
  }
}

__device__ bool columns_wanted(const PlanBuild& b) {
  return header_method(b.header) == BEVEL_LIFT_SPLAT_COLUMNS && !header_overflow(b.header);
}

__device__ void write_column(const PlanBuild& b, int64_t column) {
  const auto keys =
      subarray(b.workspace.keys + column * b.keys_a_column(), b.keys_a_column(), "keys of a column");
  const int runs = b.workspace.column_runs[column];
  const int64_t first_run = b.workspace.column_first_run[column];
  const int64_t first_row = b.plan[b.at.column_rows + column];
  walk_rows(keys, runs, [&](int i, uint64_t key, bool begins, int32_t rows_before) {
    b.plan[b.at.runs + first_run + i] = static_cast<int32_t>(key_run(key));
    if (!begins) return;
    int32_t row_end = span_end(key_run(key));
    for (int next = i + 1; next < runs; ++next) {
      const uint64_t other = keys[next];
      if (key_cell(other) != key_cell(key) || span_begin(key_run(other)) > row_end) break;
      const int32_t end = span_end(key_run(other));
      row_end = end > row_end ? end : row_end;
    }
    const int64_t row = first_row + rows_before;
    b.plan[b.at.row_cell + row] = key_cell(key);
    b.plan[b.at.row_span + row] = span_begin(key_run(key)) << 8 | row_end;
    b.plan[b.at.row_runs + row] = static_cast<int32_t>(first_run + i);
  });
}

/// The sum of totals before a tile, in every thread.
__device__ int32_t total_before(const DeviceSpan<const int32_t>& totals, int64_t tile) {
  int32_t sum = 0;
  for (int64_t i = threadIdx.x; i < tile; i += kBlockThreads) sum += totals[i];
  return block_sum(sum);
}

__device__ void write_cell_slots(const PlanBuild& b, int64_t tile) {
  const PlanWorkspace& ws = b.workspace;
  int32_t slot = total_before(ws.tile_slots, tile);
  for (int64_t from = b.cell_tiles.begin(tile); from < b.cell_tiles.end(tile); from += kBlockThreads) {
    const int64_t cell = from + threadIdx.x;
    const int32_t rows = cell < b.cell_tiles.end(tile) ? int32_t(ws.cell_rows[cell]) : 0;
    int32_t slots;
    const int32_t before = block_exclusive_sum(rows > 1 ? rows : 0, slots);
    if (cell < b.cell_tiles.end(tile)) b.plan[b.at.cell_slots + cell] = (slot + before) << 1 | (rows > 0);
    slot += slots;
  }
  if (tile + 1 < b.cell_tile_count) return;
  const int32_t shared = total_before(ws.tile_shared, b.cell_tile_count);
  const int32_t filled = total_before(ws.tile_filled, b.cell_tile_count);
  if (threadIdx.x == 0) {
    b.plan[b.at.cell_slots + b.at.cells] = slot << 1;
    b.header[BEVEL_HEADER_WORD(shared_rows)] = slot;
    b.header[BEVEL_HEADER_WORD(shared_cells)] = shared;
    b.header[BEVEL_HEADER_WORD(filled_cells)] = filled;
  }
}

/// A block a column writes its rows and runs; a block a tile of cells writes their first slots.
BEVEL_GLOBAL void lift_splat_write_rows_kernel(PlanBuild b) {
  if (!columns_wanted(b)) return;
  if (blockIdx.x < b.at.columns) {
    write_column(b, blockIdx.x);
  } else {
    write_cell_slots(b, blockIdx.x - b.at.columns);
  }
}

__device__ int32_t first_slot(const PlanBuild& b, int32_t cell) {
  return b.plan[b.at.cell_slots + cell] >> 1;
}

/// Lists the rows of each shared cell at its slots, in whatever order the threads come.
BEVEL_GLOBAL void lift_splat_list_rows_kernel(PlanBuild b) {
  if (!columns_wanted(b)) return;
  const int64_t rows = b.header[BEVEL_HEADER_WORD(rows)];
  const int64_t threads = gridDim.x * static_cast<int64_t>(kBlockThreads);
  for (int64_t row = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x; row < rows;
       row += threads) {
    const int32_t cell = b.plan[b.at.row_cell + row];
    const int32_t slot = first_slot(b, cell);
    if (first_slot(b, cell + 1) == slot) continue;
    const int32_t taken = atomicAdd(&b.workspace.cell_rows[cell], -1);
    b.workspace.slot_rows[slot + taken - 1] = static_cast<int32_t>(row);
  }
}

/// A row's place among the rows of its cell is the number of smaller ones: few rows share a cell, so counting
/// beats sorting.
BEVEL_GLOBAL void lift_splat_rank_rows_kernel(PlanBuild b) {
  if (!columns_wanted(b)) return;
  const int64_t rows = b.header[BEVEL_HEADER_WORD(rows)];
  const int64_t threads = gridDim.x * static_cast<int64_t>(kBlockThreads);
  for (int64_t row = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x; row < rows;
       row += threads) {
    const int32_t cell = b.plan[b.at.row_cell + row];
    const int32_t begin = first_slot(b, cell), end = first_slot(b, cell + 1);
    int32_t slot = begin;
    for (int32_t other = begin; other < end; ++other) slot += b.workspace.slot_rows[other] < row;
    b.plan[b.at.row_slot + row] = begin == end ? -1 : slot;
  }
}

/// The header's counts, read back.
__device__ LiftSplatPlanHeader header_counts(const PlanBuild& b) {
  LiftSplatPlanHeader header;
  header.batch = b.geometry.batch;
  header.cameras = b.geometry.cameras;
  header.depth_bins = b.geometry.depth_bins;
  header.height = b.geometry.height;
  header.width = b.geometry.width;
  header.points = b.header[BEVEL_HEADER_WORD(points)];
  header.runs = b.header[BEVEL_HEADER_WORD(runs)];
  header.rows = b.header[BEVEL_HEADER_WORD(rows)];
  header.filled_cells = b.header[BEVEL_HEADER_WORD(filled_cells)];
  const int64_t method = b.header[BEVEL_HEADER_WORD(method)];
  header.method = static_cast<int32_t>(method);
  header.overflow = static_cast<int32_t>(method >> 32);
  return header;
}

/// Adds up the sums of the seal: a thread a lane of every so many steps.
BEVEL_GLOBAL void lift_splat_sum_sections_kernel(PlanBuild b) {
  constexpr int lanes = PlanSeal::kLanes;
  const LiftSplatPlanHeader header = header_counts(b);
  const bool intervals = header.method == BEVEL_LIFT_SPLAT_INTERVALS;
  const int64_t thread = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x;
  const int64_t threads = gridDim.x * static_cast<int64_t>(kBlockThreads);
  const int64_t lane = thread % lanes;
  int64_t left = 0;  // steps
  for_each_section(b.at, header, intervals,
                   [&](int64_t, int64_t elements) { left += PlanSeal::steps(elements); });
  uint32_t plain = 0, weighted = 0;
  for_each_section(b.at, header, intervals, [&](int64_t at, int64_t elements) {
    for (int64_t i = thread; i < elements; i += threads) {
      const uint32_t word = PlanSeal::mixed(static_cast<uint32_t>(int32_t(b.plan[at + i])));
      plain += word;
      weighted += word * static_cast<uint32_t>(left - i / lanes);
    }
    left -= PlanSeal::steps(elements);
  });
  atomicAdd(&b.workspace.seal[lane], plain);
  atomicAdd(&b.workspace.seal[lanes + lane], weighted);
}

/// Seals the plan: one thread's work.
BEVEL_GLOBAL void lift_splat_seal_kernel(PlanBuild b) {
  if (threadIdx.x != 0) return;
  constexpr int lanes = PlanSeal::kLanes;
  uint64_t seal = 0;
  for (int lane = 0; lane < lanes; ++lane) {
    seal = PlanSeal::folded(seal, uint32_t(b.workspace.seal[lane]));
    seal = PlanSeal::folded(seal, uint32_t(b.workspace.seal[lanes + lane]));
  }
  b.header[kSealedWords - 1] = static_cast<int64_t>(seal);
  b.header[kSealedWords] = static_cast<int64_t>(PlanSeal::of_header(b.header));
}

PlanWorkspace cut_workspace(const LiftSplatPlanJob& job, int64_t& bytes) {
  const LiftGeometry& g = job.geometry;
  const LiftSplatPlanLayout& at = job.layout;
  const bool columns = job.method != BEVEL_LIFT_SPLAT_INTERVALS;
  const bool intervals = job.method != BEVEL_LIFT_SPLAT_COLUMNS;
  WorkspaceCutter cutter(job.workspace);
  PlanWorkspace ws;
  ws.lifts = cutter.take<CameraLift>(g.cells ? 0 : g.batch * g.cameras, "lifts");
  ws.keys = cutter.take<uint64_t>(g.points(), "keys");
  ws.column_points = cutter.take<int32_t>(at.columns, "column_points");
  ws.column_runs = cutter.take<int32_t>(at.columns, "column_runs");
  ws.column_row_count = cutter.take<int32_t>(at.columns, "column_row_count");
  ws.column_first_run = cutter.take<int32_t>(at.columns, "column_first_run");
  ws.cell_rows = cutter.take<int32_t>(at.cells, "cell_rows");
  ws.tile_slots = cutter.take<int32_t>(kMaxScanTiles, "tile_slots");
  ws.tile_shared = cutter.take<int32_t>(kMaxScanTiles, "tile_shared");
  ws.tile_filled = cutter.take<int32_t>(kMaxScanTiles, "tile_filled");
  ws.seal = cutter.take<uint32_t>(2 * PlanSeal::kLanes, "seal");
  ws.slot_rows = cutter.take<int32_t>(columns ? job.capacity : 0, "slot_rows");
  const int64_t sorted = intervals ? job.capacity : 0;
  const int64_t tiles = intervals ? kMaxScanTiles : 0;
  ws.tile_intervals = cutter.take<int32_t>(tiles, "tile_intervals");
  ws.sort.state = cutter.take<int32_t>(kSortStateWords, "sort state");
  for (int side = 0; side < 2; ++side) {
    ws.sort.keys[side] = cutter.take<uint32_t>(sorted, "sort keys");
    ws.sort.values[side] = cutter.take<uint32_t>(sorted, "sort values");
  }
  ws.sort.digit_counts = cutter.take<int32_t>(kDigits * tiles, "sort digit_counts");
  ws.sort.digit_totals = cutter.take<int32_t>(intervals ? kDigits : 0, "sort digit_totals");
  bytes = cutter.bytes();
  return ws;
}

PlanMatrices plan_matrices(const LiftGeometry& g, const void* matrices, int64_t elements, const char* name) {
  PlanMatrices of;
  if (g.matrices_are_double) {
    of.as_double = DeviceSpan<const double>(static_cast<const double*>(matrices), elements, name);
  } else {
    of.as_float = DeviceSpan<const float>(static_cast<const float*>(matrices), elements, name);
  }
  return of;
}

}  // namespace

int64_t cuda::lift_splat_plan_build_workspace(const LiftSplatPlanJob& job) {
  LiftSplatPlanJob sizes = job;
  sizes.workspace = nullptr;
  int64_t bytes;
  cut_workspace(sizes, bytes);
  return bytes;
}

void cuda::lift_splat_plan_build(const LiftSplatPlanJob& job, cudaStream_t stream) {
  PlanBuild b;
  b.geometry = job.geometry;
  b.at = job.layout;
  b.capacity = job.capacity;
  b.method = job.method;
  b.plan_words = job.plan;
  b.plan = DeviceSpan<int32_t>(job.plan, job.layout.elements, "plan");
  b.header = DeviceSpan<int64_t>(reinterpret_cast<int64_t*>(job.plan), kHeaderWords, "plan header");
  b.cells = DeviceSpan<const int32_t>(job.geometry.cells, job.geometry.points(), "cells");
  const LiftGeometry& g = job.geometry;
  b.intrinsics = plan_matrices(g, g.intrinsics, g.batch * g.cameras * 9, "intrinsics");
  b.camera_to_bev = plan_matrices(g, g.camera_to_bev, g.batch * g.cameras * 16, "camera_to_bev");
  b.image_augmentation =
      plan_matrices(g, g.image_augmentation, g.batch * g.cameras * 16, "image_augmentation");
  b.bev_augmentation = plan_matrices(g, g.bev_augmentation, g.batch * 16, "bev_augmentation");
  b.cell_tiles = ScanTiles::of(job.layout.cells);
  b.cell_tile_count = static_cast<int32_t>(b.cell_tiles.count());
  int64_t bytes;
  b.workspace = cut_workspace(job, bytes);

  const int64_t columns = b.at.columns;
  const int64_t cameras = b.geometry.batch * b.geometry.cameras;
  int64_t to_prepare = b.at.cells > cameras ? b.at.cells : cameras;
  if (to_prepare < 2 * PlanSeal::kLanes) to_prepare = 2 * PlanSeal::kLanes;
  BEVEL_ENQUEUE(lift_splat_prepare_kernel, blocks_for(to_prepare), 0, stream, b);
  if (columns > 0) {
    BEVEL_ENQUEUE(lift_splat_collect_runs_kernel, columns, 0, stream, b);
  }
  BEVEL_ENQUEUE(lift_splat_sum_kernel, 1 + b.cell_tile_count, 0, stream, b);
  if (b.method != BEVEL_LIFT_SPLAT_INTERVALS) {
    BEVEL_ENQUEUE(lift_splat_write_rows_kernel, columns + b.cell_tile_count, 0, stream, b);
    BEVEL_ENQUEUE(lift_splat_list_rows_kernel, blocks_for(job.capacity, 1024), 0, stream, b);
    BEVEL_ENQUEUE(lift_splat_rank_rows_kernel, blocks_for(job.capacity, 1024), 0, stream, b);
  }
  if (b.method != BEVEL_LIFT_SPLAT_COLUMNS) enqueue_plan_intervals(b, stream);
  static_assert(kBlockThreads % PlanSeal::kLanes == 0);
  BEVEL_ENQUEUE(lift_splat_sum_sections_kernel, blocks_for(b.at.cells + job.capacity, 64), 0, stream, b);
  BEVEL_ENQUEUE(lift_splat_seal_kernel, 1, 0, stream, b);
}

}  // namespace bevel
