// Warps on the CPU, forward.
//
// Channels first: a task is a tile of the output of one frame. Where its pixels read is worked out once, as a
// table of taps, which then runs over all channels, four planes at a time (bev_warp_taps.hpp). Channels last:
// a task is some rows of the output; each pixel is a weighted sum of up to four rows of channels. Bound: each
// map moved once; a large float output is stored past the caches.
#include "bev_warp/bev_warp_job.hpp"
#include "bodies.hpp"

#include "bev_warp/bev_warp_planes.hpp"
#include "bev_warp/bev_warp_points.hpp"
#include "core/weighted_sum.hpp"
#include "core/work_shares.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {
namespace {

constexpr int kRowsOfTask = 4;

/// The four corners of block `first` of points as taps.
template <class T>
void corner_taps(const WarpPoints<T>& points, int first, LaneTaps<T, 1> (&taps)[4]) {
  const Indices<T> column = load(points.column + first), row = load(points.row + first);
  const Indices<T> inside = load(points.inside + first);
  const Vector<T> right = load(points.right + first), lower = load(points.lower + first);
  const Vector<T> one = broadcast(T(1));
  const uint32_t present = (1u << std::min(points.count - first, kLanes<T>)) - 1;
  for (int k = 0; k < 4; ++k) {
    taps[k].row = row + Index<T>{k >> 1};
    taps[k].column = column + Index<T>{k & 1};
    taps[k].weight[0] = (k & 1 ? right : one - right) * (k & 2 ? lower : one - lower);
    taps[k].lanes = lanes_where<T>((inside & Index<T>{1 << k}) != 0) & present;
  }
}

template <class T, class In, class Out>
void forward_planes(const BevWarpForwardJob& job) {
  const PlaneTiles tiles(job.batch, job.frames, job.out);
  const int64_t bytes = job.batch * job.frames * job.channels * job.out.height * job.out.width *
                        static_cast<int64_t>(sizeof(Out));
  Crew crew(job.cpu.threads, tiles.count());
  WorkShares shares(tiles.count(), crew.size());
  crew.run([&](int thread) {
    TapTable<T> table;
    WarpPoints<T> points;
    LaneTaps<T, 1> taps[4];
    shares.work(thread, [&](int64_t task) {
      const PlaneTile tile = tiles.tile(task);
      const FramePositions<T> positions(job, tile.batch, tile.frame);
      const In* source = static_cast<const In*>(job.input) + tile.offset(job.in);
      Out* target = static_cast<Out*>(job.output) + tile.offset(job.out);
      table.clear();
      for (int32_t row = tile.first_row; row < tile.end_row; ++row) {
        positions.points(row, tile.first_column, tile.columns, points);
        for (int i = 0; i < tile.columns; i += kLanes<T>) {
          corner_taps(points, i, taps);
          table.add(taps, job.nearest ? 1 : 4,
                    static_cast<int64_t>(row) * job.out.width + tile.first_column + i,
                    std::min(tile.columns - i, kLanes<T>), job.in.width);
          if (!table.has_room(4)) run_planes(table, source, job.in, target, job.out, job.channels, bytes);
        }
      }
      run_planes(table, source, job.in, target, job.out, job.channels, bytes);
    });
    end_streaming();
  });
}

template <class T, class In, class Out>
void forward_rows(const BevWarpForwardJob& job) {
  const int64_t tasks_of_frame = (job.out.height + kRowsOfTask - 1) / kRowsOfTask;
  Crew crew(job.cpu.threads, job.batch * job.frames * tasks_of_frame);
  WorkShares shares(job.batch * job.frames * tasks_of_frame, crew.size());
  crew.run([&](int thread) {
    WarpPoints<T> points;
    shares.work(thread, [&](int64_t task) {
      const int64_t frame = task / tasks_of_frame % job.frames, batch = task / tasks_of_frame / job.frames;
      const FramePositions<T> positions(job, batch, frame);
      const In* source = static_cast<const In*>(job.input) + batch * job.in.batch + frame * job.in.frame;
      Out* target = static_cast<Out*>(job.output) + batch * job.out.batch + frame * job.out.frame;
      const int32_t first_row = static_cast<int32_t>(task % tasks_of_frame) * kRowsOfTask;
      for (int32_t row = first_row; row < std::min(first_row + kRowsOfTask, job.out.height); ++row) {
        for (int32_t first = 0; first < job.out.width; first += WarpPoints<T>::kMost) {
          positions.points(row, first, std::min(job.out.width - first, WarpPoints<T>::kMost), points);
          for (int i = 0; i < points.count; ++i) {
            int count = 0;
            T weight[4];
            const In* rows[4];
            for (int k = 0; k < 4; ++k) {
              if (!(points.inside[i] >> k & 1)) continue;
              weight[count] = corner_weight(points.right[i], points.lower[i], k);
              rows[count++] = source + ((points.row[i] + (k >> 1)) * static_cast<int64_t>(job.in.width) +
                                        points.column[i] + (k & 1)) *
                                           job.in.pixel;
            }
            weighted_sum<T, In>(
                count, job.channels, [&](int64_t n) { return weight[n]; }, [&](int64_t n) { return rows[n]; },
                target + (static_cast<int64_t>(row) * job.out.width + first + i) * job.out.pixel);
          }
        }
      }
    });
  });
}

}  // namespace

void bev_warp_forward(const BevWarpForwardJob& job) {
  with_map_types(job.in.type, job.out.type, [&](auto t, auto in, auto out) {
    using T = decltype(t);
    using In = decltype(in);
    using Out = decltype(out);
    if (job.channels_last) {
      forward_rows<T, In, Out>(job);
    } else {
      forward_planes<T, In, Out>(job);
    }
  });
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
