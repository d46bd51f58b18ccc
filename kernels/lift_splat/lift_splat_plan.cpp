// Builds lift-splat's plan on the CPU: the counterpart of lift_splat_plan.cu, equal to it bit for bit.
//
// Work is divided by image columns; each thread lifts a column's points to cells, D·H at a time, and sorts
// its runs. The bound is the double-precision divisions of the cell mapping, three a point. Placing rows in
// cells is one sequential pass over the rows.
#include "lift_splat/lift_splat_plan.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "bevel/base.h"
#include "bodies.hpp"
#include "core/projection.hpp"
#include "core/work_shares.hpp"
#include "bevel/lift_splat.h"
#include "lift_splat/lift_splat_job.hpp"
#include "lift_splat/lift_splat_plan_seal.hpp"

namespace bevel {
namespace {

void read_matrix(const void* base, bool is_double, int64_t index, int elements, double* out) {
  for (int i = 0; i < elements; ++i) {
    out[i] = is_double ? static_cast<const double*>(base)[index * elements + i]
                       : static_cast<double>(static_cast<const float*>(base)[index * elements + i]);
  }
}

std::vector<CameraLift> camera_lifts(const LiftGeometry& g) {
  std::vector<CameraLift> lifts(static_cast<size_t>(g.cells ? 0 : g.batch * g.cameras));
  for (int64_t camera = 0; camera < static_cast<int64_t>(lifts.size()); ++camera) {
    double intrinsics[9], to_bev[16], image[16], bev[16];
    read_matrix(g.intrinsics, g.matrices_are_double, camera, 9, intrinsics);
    read_matrix(g.camera_to_bev, g.matrices_are_double, camera, 16, to_bev);
    if (g.image_augmentation) read_matrix(g.image_augmentation, g.matrices_are_double, camera, 16, image);
    if (g.bev_augmentation)
      read_matrix(g.bev_augmentation, g.matrices_are_double, camera / g.cameras, 16, bev);
    lifts[camera] = make_camera_lift(intrinsics, to_bev, g.image_augmentation ? image : nullptr,
                                     g.bev_augmentation ? bev : nullptr);
  }
  return lifts;
}

/// The rays of one image column, one a feature row.
struct ColumnRays {
  explicit ColumnRays(int64_t height) : x(height), y(height), z(height) {}
  std::vector<double> x, y, z;

  void aim(const LiftGeometry& g, const CameraLift& lift, int64_t w) {
    const double u = frustum_pixel(w, g.width, g.image_width);
    for (int64_t h = 0; h < g.height; ++h) {
      double ray[3];
      camera_ray(lift, u, frustum_pixel(h, g.height, g.image_height), ray);
      x[h] = ray[0];
      y[h] = ray[1];
      z[h] = ray[2];
    }
  }
};

/// Cells (within the batch element) of one depth bin of one column, all rows. No operation here may be
/// contracted, and this file is compiled so, which makes every clone give the same bits.
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"))) void cells_of_depth(
    const CellGrid& grid, double depth, const double* __restrict ray_x, const double* __restrict ray_y,
    const double* __restrict ray_z, const double* __restrict origin, int64_t height,
    int32_t* __restrict cells) {
  for (int64_t h = 0; h < height; ++h) {
    cells[h] = point_cell(grid, point_on_ray(depth, ray_x[h], origin[0]),
                          point_on_ray(depth, ray_y[h], origin[1]), point_on_ray(depth, ray_z[h], origin[2]));
  }
}

/// Gives the cells of one column at a time, from matrices or from explicit cells.
class ColumnCells {
 public:
  ColumnCells(const LiftGeometry& geometry, const std::vector<CameraLift>& lifts)
      : g_(geometry), lifts_(lifts), rays_(geometry.cells ? 0 : geometry.height) {}

  void begin(int64_t column) {
    image_ = column / g_.width;
    w_ = column % g_.width;
    if (!g_.cells) rays_.aim(g_, lifts_[image_], w_);
  }

  /// Cells of a depth bin, H of them, within the batch element.
  void read(int64_t d, int32_t* cells) const {
    if (g_.cells) {
      const int64_t limit = g_.cells_per_element();
      const int32_t* from = g_.cells + (image_ * g_.depth_bins + d) * g_.height * g_.width + w_;
      for (int64_t h = 0; h < g_.height; ++h) {
        const int32_t cell = from[h * g_.width];
        cells[h] = cell >= 0 && cell < limit ? cell : kDroppedCell;
      }
    } else {
      cells_of_depth(g_.grid, frustum_depth(d, g_.depth_start, g_.depth_step), rays_.x.data(), rays_.y.data(),
                     rays_.z.data(), lifts_[image_].origin, g_.height, cells);
    }
  }

  /// First cell of the column's batch element in the numbering over the whole batch.
  int64_t first_cell() const { return image_ / g_.cameras * g_.cells_per_element(); }

 private:
  const LiftGeometry& g_;
  const std::vector<CameraLift>& lifts_;
  ColumnRays rays_;
  int64_t image_ = 0, w_ = 0;
};

struct ColumnCount {
  int64_t points = 0, runs = 0, rows = 0;
};

/// Scratch of the builder, laid out in the caller's workspace.
struct BuildWorkspace {
  uint64_t* keys;       ///< [columns][D·H] runs of a column, sorted
  ColumnCount* counts;  ///< [columns]
  int32_t* cell_rows;   ///< [cells + 1]

  static int64_t bytes(const LiftSplatPlanJob& job) {
    return job.geometry.points() * 8 + job.layout.columns * static_cast<int64_t>(sizeof(ColumnCount)) +
           (job.layout.cells + 1) * 4;
  }
  explicit BuildWorkspace(const LiftSplatPlanJob& job)
      : keys(reinterpret_cast<uint64_t*>(job.workspace)),
        counts(reinterpret_cast<ColumnCount*>(job.workspace + job.geometry.points() * 8)),
        cell_rows(reinterpret_cast<int32_t*>(counts + job.layout.columns)) {}
};

/// True where a run continues the row before it: same cell, and the row ranges touch.
bool continues_row(uint64_t key, int32_t row_cell, int32_t row_end) {
  return key_cell(key) == row_cell && span_begin(key_run(key)) <= row_end;
}

ColumnCount collect_runs(ColumnCells& source, const LiftGeometry& g, int64_t column, int32_t* cells,
                         uint64_t* keys) {
  ColumnCount count;
  source.begin(column);
  const int64_t first_cell = source.first_cell();
  for (int64_t d = 0; d < g.depth_bins; ++d) {
    source.read(d, cells);
    int64_t h = 0;
    while (h < g.height) {
      const int32_t cell = cells[h];
      const int64_t begin = h++;
      while (h < g.height && cells[h] == cell) ++h;
      if (cell < 0) continue;
      keys[count.runs++] = run_key(static_cast<uint32_t>(first_cell + cell), static_cast<uint32_t>(begin),
                                   static_cast<uint32_t>(d), static_cast<uint32_t>(h));
      count.points += h - begin;
    }
  }
  std::sort(keys, keys + count.runs);
  int32_t row_cell = -1, row_end = 0;
  for (int64_t i = 0; i < count.runs; ++i) {
    const int32_t end = span_end(key_run(keys[i]));
    if (continues_row(keys[i], row_cell, row_end)) {
      row_end = std::max(row_end, end);
    } else {
      ++count.rows;
      row_cell = key_cell(keys[i]);
      row_end = end;
    }
  }
  return count;
}

/// Writes one column's rows and runs at their places.
void write_rows(const LiftSplatPlanJob& job, const uint64_t* keys, const ColumnCount& count, int64_t row,
                int64_t run) {
  int32_t* plan = job.plan;
  const LiftSplatPlanLayout& at = job.layout;
  int32_t row_cell = -1, row_begin = 0, row_end = 0;
  --row;
  for (int64_t i = 0; i < count.runs; ++i, ++run) {
    const uint32_t packed = key_run(keys[i]);
    plan[at.runs + run] = static_cast<int32_t>(packed);
    if (continues_row(keys[i], row_cell, row_end)) {
      row_end = std::max(row_end, span_end(packed));
    } else {
      ++row;
      row_cell = key_cell(keys[i]);
      row_begin = span_begin(packed);
      row_end = span_end(packed);
      plan[at.row_cell + row] = row_cell;
      plan[at.row_runs + row] = static_cast<int32_t>(run);
    }
    plan[at.row_span + row] = row_begin << 8 | row_end;
  }
}

/// Counts the rows of every cell, then hands out slots: cells in order, rows of a cell in order.
void place_rows_in_cells(const LiftSplatPlanJob& job, int32_t* cell_rows, LiftSplatPlanHeader& header) {
  int32_t* plan = job.plan;
  const LiftSplatPlanLayout& at = job.layout;
  std::fill_n(cell_rows, at.cells, 0);
  for (int64_t row = 0; row < header.rows; ++row) ++cell_rows[plan[at.row_cell + row]];
  int64_t slots = 0;
  for (int64_t cell = 0; cell < at.cells; ++cell) {
    const int32_t rows = cell_rows[cell];
    plan[at.cell_slots + cell] = static_cast<int32_t>(slots << 1 | (rows > 0));
    cell_rows[cell] = rows > 1 ? static_cast<int32_t>(slots) : -1;  // the next free slot from here on
    header.filled_cells += rows > 0;
    header.shared_cells += rows > 1;
    if (rows > 1) slots += rows;
  }
  plan[at.cell_slots + at.cells] = static_cast<int32_t>(slots << 1);
  header.shared_rows = slots;
  for (int64_t row = 0; row < header.rows; ++row) {
    int32_t& next = cell_rows[plan[at.row_cell + row]];
    plan[at.row_slot + row] = next < 0 ? -1 : next++;
  }
}

void build_columns(Crew& crew, const LiftSplatPlanJob& job, const BuildWorkspace& workspace,
                   LiftSplatPlanHeader& header) {
  const LiftSplatPlanLayout& at = job.layout;
  const int64_t keys_a_column = job.geometry.depth_bins * job.geometry.height;
  std::vector<int64_t> first_run(static_cast<size_t>(at.columns));
  int64_t rows = 0, runs = 0;
  for (int64_t column = 0; column < at.columns; ++column) {
    job.plan[at.column_rows + column] = static_cast<int32_t>(rows);
    first_run[column] = runs;
    rows += workspace.counts[column].rows;
    runs += workspace.counts[column].runs;
  }
  job.plan[at.column_rows + at.columns] = static_cast<int32_t>(rows);
  job.plan[at.row_runs + rows] = static_cast<int32_t>(runs);
  header.rows = rows;
  deal<8>(crew, at.columns, [&](int64_t column) {
    write_rows(job, workspace.keys + column * keys_a_column, workspace.counts[column],
               job.plan[at.column_rows + column], first_run[column]);
  });
  place_rows_in_cells(job, workspace.cell_rows, header);
}

void write_cells_of_columns(Crew& crew, const LiftGeometry& g, bool over_batch, int32_t* out) {
  const std::vector<CameraLift> lifts = camera_lifts(g);
  const int64_t columns = g.batch * g.cameras * g.width;
  ChunkedShares<8> shares(columns, crew.size());
  crew.run([&](int thread) {
    ColumnCells source(g, lifts);
    std::vector<int32_t> cells(static_cast<size_t>(g.height));
    shares.work(thread, [&](int64_t column) {
      source.begin(column);
      const int32_t first = over_batch ? static_cast<int32_t>(source.first_cell()) : 0;
      int32_t* image = out + column / g.width * g.depth_bins * g.height * g.width + column % g.width;
      for (int64_t d = 0; d < g.depth_bins; ++d) {
        source.read(d, cells.data());
        for (int64_t h = 0; h < g.height; ++h) {
          image[(d * g.height + h) * g.width] = cells[h] < 0 ? kDroppedCell : first + cells[h];
        }
      }
    });
  });
}

/// Counting sort of the points by cell: bev_pool_v2's five arrays.
void build_intervals(Crew& crew, const LiftSplatPlanJob& job, const BuildWorkspace& workspace,
                     LiftSplatPlanHeader& header) {
  const LiftGeometry& g = job.geometry;
  const LiftSplatPlanLayout& at = job.layout;
  int32_t* point_cells = job.plan + at.point_cell;
  write_cells_of_columns(crew, g, true, point_cells);
  int32_t* next = workspace.cell_rows;
  std::fill_n(next, at.cells, 0);
  const int64_t points = g.points();
  for (int64_t point = 0; point < points; ++point) {
    if (point_cells[point] >= 0) ++next[point_cells[point]];
  }
  int64_t start = 0;
  for (int64_t cell = 0; cell < at.cells; ++cell) {
    const int32_t length = next[cell];
    next[cell] = static_cast<int32_t>(start);
    if (length == 0) continue;
    job.plan[at.interval_starts + header.filled_cells] = static_cast<int32_t>(start);
    job.plan[at.interval_lengths + header.filled_cells] = length;
    ++header.filled_cells;
    start += length;
  }
  const int64_t pixels = g.height * g.width;
  for (int64_t point = 0; point < points; ++point) {
    const int32_t cell = point_cells[point];
    if (cell < 0) continue;
    const int64_t place = next[cell]++;
    job.plan[at.ranks_depth + place] = static_cast<int32_t>(point);
    job.plan[at.ranks_feature + place] =
        static_cast<int32_t>(point / (g.depth_bins * pixels) * pixels + point % pixels);
    job.plan[at.ranks_bev + place] = cell;
  }
}

}  // namespace

int64_t portable::lift_splat_plan_build_workspace(const LiftSplatPlanJob& job) {
  return BuildWorkspace::bytes(job);
}

void portable::lift_splat_plan_build(const LiftSplatPlanJob& job) {
  const LiftGeometry& g = job.geometry;
  const BuildWorkspace workspace(job);
  const std::vector<CameraLift> lifts = camera_lifts(g);
  const int64_t keys_a_column = g.depth_bins * g.height;
  Crew crew(job.cpu.threads, job.layout.columns);
  ChunkedShares<8> shares(job.layout.columns, crew.size());
  crew.run([&](int thread) {
    ColumnCells source(g, lifts);
    std::vector<int32_t> cells(static_cast<size_t>(g.height));
    shares.work(thread, [&](int64_t column) {
      workspace.counts[column] =
          collect_runs(source, g, column, cells.data(), workspace.keys + column * keys_a_column);
    });
  });

  int64_t points = 0, runs = 0;
  for (int64_t column = 0; column < job.layout.columns; ++column) {
    points += workspace.counts[column].points;
    runs += workspace.counts[column].runs;
  }
  LiftSplatPlanHeader header = plan_header_of(g, job.capacity, job.method, points, runs);
  if (!header.overflow) {
    if (header.method == BEVEL_LIFT_SPLAT_COLUMNS) {
      build_columns(crew, job, workspace, header);
    } else {
      build_intervals(crew, job, workspace, header);
    }
  }
  SealedPlanHeader sealed = {header, plan_sections_sum(crew, job.layout, header, job.plan), 0};
  sealed.header_sum = plan_header_sum(sealed);
  std::memset(job.plan, 0, kPlanHeaderElements * 4);
  std::memcpy(job.plan, &sealed, sizeof sealed);
}

void write_cells_cpu(const LiftGeometry& geometry, int threads, int32_t* cells) {
  Crew crew(threads);
  write_cells_of_columns(crew, geometry, false, cells);
}

void write_points_cpu(const LiftGeometry& g, int threads, void* points, bool points_are_double) {
  const std::vector<CameraLift> lifts = camera_lifts(g);
  Crew crew(threads);
  deal(crew, g.batch * g.cameras, [&](int64_t image) {
    const CameraLift& lift = lifts[image];
    int64_t at = image * g.depth_bins * g.height * g.width * 3;
    for (int64_t d = 0; d < g.depth_bins; ++d) {
      const double depth = frustum_depth(d, g.depth_start, g.depth_step);
      for (int64_t h = 0; h < g.height; ++h) {
        const double v = frustum_pixel(h, g.height, g.image_height);
        for (int64_t w = 0; w < g.width; ++w) {
          double ray[3];
          camera_ray(lift, frustum_pixel(w, g.width, g.image_width), v, ray);
          for (int axis = 0; axis < 3; ++axis, ++at) {
            const double coordinate = point_on_ray(depth, ray[axis], lift.origin[axis]);
            if (points_are_double) {
              static_cast<double*>(points)[at] = coordinate;
            } else {
              static_cast<float*>(points)[at] = static_cast<float>(coordinate);
            }
          }
        }
      }
    }
  });
}

}  // namespace bevel
