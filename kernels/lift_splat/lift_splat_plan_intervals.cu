// The interval sections of a plan: cells of all points, a stable sort of the kept ones by cell, and where
// each cell's interval begins. Every kernel returns at once where the header chose column runs. Bound by
// memory, three or four passes over the kept points.
#include "lift_splat/lift_splat_plan.cuh"

#include "bevel/base.h"

namespace bevel {
namespace {

constexpr int kBinBlocks = 8;  ///< the depth bins of a pixel are dealt to this many threads

/// A thread a pixel and stretch of depth bins; neighbours in w, so that the cells of a bin are written side
/// by side.
BEVEL_GLOBAL void lift_splat_write_point_cells_kernel(PlanBuild b) {
  if (!b.workspace.sort.state[kSortWanted]) return;
  const LiftGeometry& g = b.geometry;
  const int64_t pixels = g.height * g.width;
  const int64_t pixel = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x;
  if (pixel >= g.batch * g.cameras * pixels) return;
  const int64_t image = pixel / pixels;
  const int64_t h = pixel % pixels / g.width, w = pixel % g.width;
  const int64_t cells_per_element = g.cells_per_element();
  const int64_t first_cell = image / g.cameras * cells_per_element;

  CameraLift lift = {};
  double ray[3] = {};
  if (!g.cells) {
    lift = b.workspace.lifts[image];
    camera_ray(lift, frustum_pixel(w, g.width, g.image_width), frustum_pixel(h, g.height, g.image_height),
               ray);
  }
  const CellFinder finder(g.grid);
  const int64_t bins = (g.depth_bins + kBinBlocks - 1) / kBinBlocks;
  const int64_t end = (blockIdx.y + 1) * bins < g.depth_bins ? (blockIdx.y + 1) * bins : g.depth_bins;
  for (int64_t d = blockIdx.y * bins; d < end; ++d) {
    const int64_t point = (image * g.depth_bins + d) * pixels + h * g.width + w;
    int32_t cell;
    if (g.cells) {
      cell = b.cells[point];
      if (cell >= cells_per_element) cell = kDroppedCell;
    } else {
      const double depth = frustum_depth(d, g.depth_start, g.depth_step);
      cell = finder.find(point_on_ray(depth, ray[0], lift.origin[0]),
                         point_on_ray(depth, ray[1], lift.origin[1]),
                         point_on_ray(depth, ray[2], lift.origin[2]));
    }
    b.plan[b.at.point_cell + point] = cell < 0 ? kDroppedCell : static_cast<int32_t>(first_cell + cell);
  }
}

__device__ bool begins_interval(const PlanBuild& b, int64_t point) {
  return point == 0 || b.plan[b.at.ranks_bev + point] != b.plan[b.at.ranks_bev + point - 1];
}

__device__ int64_t tile_end(const ScanTiles& tiles, int64_t tile, int64_t count) {
  const int64_t end = tiles.end(tile);
  return end < count ? end : count;
}

/// A block a tile of sorted points counts the intervals that begin there.
BEVEL_GLOBAL void lift_splat_count_intervals_kernel(PlanBuild b, ScanTiles tiles) {
  if (!b.workspace.sort.state[kSortWanted]) return;
  const int64_t end = tile_end(tiles, blockIdx.x, b.workspace.sort.state[kSortCount]);
  int32_t begun = 0;
  for (int64_t i = tiles.begin(blockIdx.x) + threadIdx.x; i < end; i += kBlockThreads)
    begun += begins_interval(b, i);
  begun = block_sum(begun);
  if (threadIdx.x == 0) b.workspace.tile_intervals[blockIdx.x] = begun;
}

/// The same tiles write where each interval begins, and the feature row of each point.
BEVEL_GLOBAL void lift_splat_write_interval_starts_kernel(PlanBuild b, ScanTiles tiles, int32_t tile_count) {
  if (!b.workspace.sort.state[kSortWanted]) return;
  const LiftGeometry& g = b.geometry;
  const int64_t pixels = g.height * g.width;
  const int64_t end = tile_end(tiles, blockIdx.x, b.workspace.sort.state[kSortCount]);
  int32_t intervals = 0;
  for (int64_t i = threadIdx.x; i < blockIdx.x; i += kBlockThreads)
    intervals += b.workspace.tile_intervals[i];
  intervals = block_sum(intervals);
  for (int64_t from = tiles.begin(blockIdx.x); from < end; from += kBlockThreads) {
    const int64_t i = from + threadIdx.x;
    const bool begins = i < end && begins_interval(b, i);
    int32_t begun;
    const int32_t before = block_exclusive_sum(int32_t(begins), begun);
    if (begins) b.plan[b.at.interval_starts + intervals + before] = static_cast<int32_t>(i);
    if (i < end) {
      const int64_t point = b.plan[b.at.ranks_depth + i];
      b.plan[b.at.ranks_feature + i] =
          static_cast<int32_t>(point / (g.depth_bins * pixels) * pixels + point % pixels);
    }
    intervals += begun;
  }
  if (static_cast<int32_t>(blockIdx.x) + 1 == tile_count && threadIdx.x == 0)
    b.header[BEVEL_HEADER_WORD(filled_cells)] = intervals;
}

/// A thread an interval: its length reaches to the next one.
BEVEL_GLOBAL void lift_splat_write_interval_lengths_kernel(PlanBuild b) {
  if (!b.workspace.sort.state[kSortWanted]) return;
  const int64_t intervals = b.header[BEVEL_HEADER_WORD(filled_cells)];
  const int64_t threads = gridDim.x * static_cast<int64_t>(kBlockThreads);
  for (int64_t i = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x; i < intervals;
       i += threads) {
    const int32_t end = i + 1 < intervals ? int32_t(b.plan[b.at.interval_starts + i + 1])
                                          : int32_t(b.workspace.sort.state[kSortCount]);
    b.plan[b.at.interval_lengths + i] = end - b.plan[b.at.interval_starts + i];
  }
}

}  // namespace

void enqueue_plan_intervals(const PlanBuild& b, cudaStream_t stream) {
  const LiftGeometry& g = b.geometry;
  const int64_t points = g.points();
  if (points == 0) return;
  const dim3 pixel_blocks = grid_of(blocks_for(g.batch * g.cameras * g.height * g.width), kBinBlocks);
  BEVEL_ENQUEUE(lift_splat_write_point_cells_kernel, pixel_blocks, 0, stream, b);
  int32_t* plan = b.plan_words;
  const auto section = [&](int64_t at, int64_t elements, const char* name) {
    return DeviceSpan<uint32_t>(reinterpret_cast<uint32_t*>(plan + at), elements, name);
  };
  radix_sort(section(b.at.point_cell, points, "point_cell"), points, b.capacity, bits_below(b.at.cells),
             b.workspace.sort, section(b.at.ranks_bev, b.capacity, "ranks_bev"),
             section(b.at.ranks_depth, b.capacity, "ranks_depth"), stream);
  const ScanTiles tiles = ScanTiles::of(b.capacity);
  const int32_t tile_count = static_cast<int32_t>(tiles.count());
  BEVEL_ENQUEUE(lift_splat_count_intervals_kernel, tile_count, 0, stream, b, tiles);
  BEVEL_ENQUEUE(lift_splat_write_interval_starts_kernel, tile_count, 0, stream, b, tiles, tile_count);
  BEVEL_ENQUEUE(lift_splat_write_interval_lengths_kernel, blocks_for(b.capacity, 1024), 0, stream, b);
}

}  // namespace bevel
