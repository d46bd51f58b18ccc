// Warps on the CPU, backward.
//
// The gradient of the input: for each frame a counting sort lists which output pixels read an input pixel, in
// the order of their rows and columns and with the weights that forward gave them; so it is exact whatever
// the matrix or grid. Then each input pixel sums its list as forward does its corners: by tap tables over
// planes, or by rows of channels. Pixels that very many others read (a matrix that shrinks the map, or is
// singular) walk their list channel by channel.
//
// The gradient of the grid: each output pixel multiplies its gradient with the difference of the pixels right
// and left of its position, and of those below and above it, and sums over channels.

#include "bev_warp/bev_warp_job.hpp"
#include "bodies.hpp"
#include "bev_warp/bev_warp_planes.hpp"
#include "bev_warp/bev_warp_points.hpp"
#include "core/one_nan.hpp"
#include "core/weighted_sum.hpp"
#include "core/work_shares.hpp"
#include "core/workspace_parts.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {
namespace {

/// Workspace of backward: for each frame the readers of its input pixels, as compressed rows.
struct ReaderBytes {
  int64_t first = 0;    ///< bytes of where the list of each input pixel begins
  int64_t readers = 0;  ///< bytes of the lists
  int64_t frame = 0;

  explicit ReaderBytes(const BevWarpForwardJob& job) {
    const int64_t inputs = int64_t{job.in.height} * job.in.width;
    const int64_t outputs = int64_t{job.out.height} * job.out.width;
    first = part_bytes((inputs + 1) * 4);
    readers = part_bytes(outputs * (job.nearest ? 1 : 4) * (job.in.type == ElementType::kFloat64 ? 16 : 12));
    frame = first + readers;
  }
};

/// An output pixel that reads an input pixel.
template <class T>
struct Reader {
  int32_t row, column;
  T weight;
};

/// For each input pixel of a frame its readers: those of pixel p are [first[p], first[p + 1]).
template <class T>
struct Readers {
  int32_t* first;
  Reader<T>* reader;

  Readers(const BevWarpBackwardJob& job, int64_t frame) {
    static_assert(sizeof(Reader<T>) == (sizeof(T) == 8 ? 16 : 12));
    const ReaderBytes bytes(job.forward);
    char* part = job.workspace + frame * bytes.frame;
    first = reinterpret_cast<int32_t*>(part);
    reader = reinterpret_cast<Reader<T>*>(part + bytes.first);
  }

  void list(const BevWarpForwardJob& job, const FramePositions<T>& positions) {
    const int32_t pixels = job.in.height * job.in.width;
    std::fill_n(first, pixels + 1, 0);
    for_each_tap(job, positions, [&](int32_t pixel, int32_t, int32_t, T, T, int) { ++first[pixel]; });
    int32_t start = 0;
    for (int32_t pixel = 0; pixel <= pixels; ++pixel) {
      const int32_t count = pixel < pixels ? first[pixel] : 0;
      first[pixel] = start;
      start += count;
    }
    for_each_tap(job, positions, [&](int32_t pixel, int32_t row, int32_t column, T right, T lower, int k) {
      reader[first[pixel]++] = {row, column, corner_weight(right, lower, k)};
    });
    // Each first[pixel] has moved on to the pixel's end, which is the next one's beginning.
    std::copy_backward(first, first + pixels, first + pixels + 1);
    first[0] = 0;
  }

 private:
  template <class Visit>
  static void for_each_tap(const BevWarpForwardJob& job, const FramePositions<T>& positions, Visit visit) {
    WarpPoints<T> points;
    for (int32_t row = 0; row < job.out.height; ++row) {
      for (int32_t column = 0; column < job.out.width; column += WarpPoints<T>::kMost) {
        positions.points(row, column, std::min(job.out.width - column, WarpPoints<T>::kMost), points);
        for (int i = 0; i < points.count; ++i) {
          const int32_t corner =
              static_cast<int32_t>(points.row[i]) * job.in.width + static_cast<int32_t>(points.column[i]);
          for (int k = 0; k < 4; ++k) {
            if (!(points.inside[i] >> k & 1)) continue;
            visit(corner + (k >> 1) * job.in.width + (k & 1), row, column + i, points.right[i],
                  points.lower[i], k);
          }
        }
      }
    }
  }
};

/// A block of `lanes` pixels of which one has too many readers for a table.
template <class T, class Gradient, class In>
void walk_lists(const Readers<T>& readers, int32_t pixel, int lanes, const BevWarpBackwardJob& job,
                const Gradient* source, In* target) {
  const WarpMap& out = job.forward.out;
  for (int64_t channel = 0; channel < job.forward.channels; ++channel) {
    const Gradient* plane = source + channel * out.channel;
    for (int lane = 0; lane < lanes; ++lane) {
      T sum = 0;
      for (int32_t i = readers.first[pixel + lane]; i < readers.first[pixel + lane + 1]; ++i) {
        const Reader<T>& reader = readers.reader[i];
        sum = contracted_multiply_add(
            reader.weight, static_cast<T>(widen(plane[int64_t{reader.row} * out.width + reader.column])),
            sum);
      }
      In* to = target + channel * job.grad_in.channel + pixel + lane;
      if constexpr (std::is_same_v<T, In>) {
        *to = sum;
      } else {
        *to = narrow<In>(sum);
      }
    }
  }
}

/// The readers of `lanes` pixels as taps; returns how many a lane has at most.
template <class T>
int reader_taps(const Readers<T>& readers, int32_t pixel, int lanes, LaneTaps<T, 1>* taps, int most) {
  int count = 0;
  for (int lane = 0; lane < lanes; ++lane) {
    count = std::max(count, readers.first[pixel + lane + 1] - readers.first[pixel + lane]);
  }
  if (count > most) return count;
  for (int k = 0; k < count; ++k) taps[k].lanes = 0;
  for (int lane = 0; lane < lanes; ++lane) {
    const Reader<T>* reader = readers.reader + readers.first[pixel + lane];
    const int own = readers.first[pixel + lane + 1] - readers.first[pixel + lane];
    for (int k = 0; k < own; ++k) {
      taps[k].row[lane] = reader[k].row;
      taps[k].column[lane] = reader[k].column;
      taps[k].weight[0][lane] = reader[k].weight;
      taps[k].lanes |= 1u << lane;
    }
  }
  return count;
}

template <class T, class In, class Gradient>
void input_planes(Crew& crew, const BevWarpBackwardJob& job) {
  const BevWarpForwardJob& forward = job.forward;
  const PlaneTiles tiles(forward.batch, forward.frames, job.grad_in);
  const int64_t bytes = forward.batch * forward.frames * forward.channels * job.grad_in.height *
                        job.grad_in.width * static_cast<int64_t>(sizeof(In));
  WorkShares shares(tiles.count(), crew.size());
  crew.run([&](int thread) {
    TapTable<T> table;
    LaneTaps<T, 1> taps[TapTable<T>::kMostTaps] = {};
    shares.work(thread, [&](int64_t task) {
      const PlaneTile tile = tiles.tile(task);
      const Readers<T> readers(job, tile.batch * forward.frames + tile.frame);
      const Gradient* source = static_cast<const Gradient*>(job.grad_out) + tile.offset(forward.out);
      In* target = static_cast<In*>(job.grad_input) + tile.offset(job.grad_in);
      table.clear();
      const auto run = [&] {
        run_planes(table, source, forward.out, target, job.grad_in, forward.channels, bytes);
      };
      for (int32_t row = tile.first_row; row < tile.end_row; ++row) {
        for (int i = 0; i < tile.columns; i += kLanes<T>) {
          const int lanes = std::min(tile.columns - i, kLanes<T>);
          const int32_t pixel = row * job.grad_in.width + tile.first_column + i;
          const int count = reader_taps(readers, pixel, lanes, taps, TapTable<T>::kMostTaps);
          if (count > TapTable<T>::kMostTaps) {
            walk_lists(readers, pixel, lanes, job, source, target);
            continue;
          }
          if (!table.has_room(count)) run();
          table.add(taps, count, pixel, lanes, forward.out.width);
        }
      }
      run();
    });
    end_streaming();
  });
}

template <class T, class In, class Gradient>
void input_rows(Crew& crew, const BevWarpBackwardJob& job) {
  const BevWarpForwardJob& forward = job.forward;
  const int64_t pixels = int64_t{job.grad_in.height} * job.grad_in.width;
  deal<256>(crew, forward.batch * forward.frames * pixels, [&](int64_t item) {
    const int64_t index = item / pixels, batch = index / forward.frames, frame = index % forward.frames;
    const int32_t pixel = static_cast<int32_t>(item % pixels);
    const Readers<T> readers(job, index);
    const Gradient* source =
        static_cast<const Gradient*>(job.grad_out) + batch * forward.out.batch + frame * forward.out.frame;
    const Reader<T>* reader = readers.reader + readers.first[pixel];
    weighted_sum<T, Gradient>(
        readers.first[pixel + 1] - readers.first[pixel], forward.channels,
        [&](int64_t i) { return reader[i].weight; },
        [&](int64_t i) {
          return source + (int64_t{reader[i].row} * forward.out.width + reader[i].column) * forward.out.pixel;
        },
        static_cast<In*>(job.grad_input) + batch * job.grad_in.batch + frame * job.grad_in.frame +
            pixel * job.grad_in.pixel);
  });
}

/// The corners of a block as taps with the derivatives of their weights by x and y.
template <class T>
void slope_taps(const WarpPoints<T>& points, int first, LaneTaps<T, 2> (&taps)[4]) {
  const Indices<T> column = load(points.column + first), row = load(points.row + first);
  const Indices<T> inside = load(points.inside + first);
  const Vector<T> right = load(points.right + first), lower = load(points.lower + first);
  const Vector<T> one = broadcast(T(1));
  const uint32_t present = (1u << std::min(points.count - first, kLanes<T>)) - 1;
  for (int k = 0; k < 4; ++k) {
    taps[k].row = row + Index<T>{k >> 1};
    taps[k].column = column + Index<T>{k & 1};
    const Vector<T> vertical = k & 2 ? lower : one - lower, horizontal = k & 1 ? right : one - right;
    taps[k].weight[0] = k & 1 ? vertical : -vertical;
    taps[k].weight[1] = k & 2 ? horizontal : -horizontal;
    taps[k].lanes = lanes_where<T>((inside & Index<T>{1 << k}) != 0) & present;
  }
}

template <class T, class In, class Gradient>
void grid_planes(Crew& crew, const BevWarpBackwardJob& job) {
  const BevWarpForwardJob& forward = job.forward;
  const PlaneTiles tiles(forward.batch, forward.frames, forward.out);
  WorkShares shares(tiles.count(), crew.size());
  crew.run([&](int thread) {
    TapTable<T, 2> table;
    WarpPoints<T> points;
    LaneTaps<T, 2> taps[4];
    shares.work(thread, [&](int64_t task) {
      const PlaneTile tile = tiles.tile(task);
      const FramePositions<T> positions(forward, tile.batch, tile.frame);
      const In* source = static_cast<const In*>(forward.input) + tile.offset(forward.in);
      const Gradient* gradient = static_cast<const Gradient*>(job.grad_out) + tile.offset(forward.out);
      T* grad_grid = static_cast<T*>(job.grad_grid) +
                     (tile.batch * forward.frames + tile.frame) * forward.out.height * forward.out.width * 2;
      for (int32_t row = tile.first_row; row < tile.end_row; ++row) {
        positions.points(row, tile.first_column, tile.columns, points);
        // All blocks of the row keep their sums over the channels here.
        Vector<T> sums[PlaneTiles::kColumns / kLanes<T>][2] = {};
        const int64_t row_start = int64_t{row} * forward.out.width + tile.first_column;
        table.clear();
        for (int i = 0; i < tile.columns; i += kLanes<T>) {
          slope_taps(points, i, taps);
          table.add(taps, 4, i, std::min(tile.columns - i, kLanes<T>), forward.in.width);
        }
        for (int64_t channel = 0; channel < forward.channels; ++channel) {
          const Gradient* from = gradient + channel * forward.out.channel + row_start;
          table.template sum<1>(source + channel * forward.in.channel, 0,
                                [&](const auto& block, const auto& slope) {
                                  const Vector<T> g = load_as<T>(from + block.target, block.lanes);
                                  Vector<T>(&sum)[2] = sums[block.target / kLanes<T>];
                                  sum[0] += g * slope[0][0];
                                  sum[1] += g * slope[1][0];
                                });
        }
        for (int i = 0; i < tile.columns; ++i) {
          T* to = grad_grid + 2 * (row_start + i);
          to[0] = with_one_nan(sums[i / kLanes<T>][0][i % kLanes<T>] * positions.grid_step_x());
          to[1] = with_one_nan(sums[i / kLanes<T>][1][i % kLanes<T>] * positions.grid_step_y());
        }
      }
    });
  });
}

template <class T, class In, class Gradient>
void grid_rows(Crew& crew, const BevWarpBackwardJob& job) {
  const BevWarpForwardJob& forward = job.forward;
  WorkShares shares(forward.batch * forward.frames * forward.out.height, crew.size());
  crew.run([&](int thread) {
    WarpPoints<T> points;
    shares.work(thread, [&](int64_t task) {
      const int64_t index = task / forward.out.height;
      const int64_t batch = index / forward.frames, frame = index % forward.frames;
      const int32_t row = static_cast<int32_t>(task % forward.out.height);
      const FramePositions<T> positions(forward, batch, frame);
      const In* source =
          static_cast<const In*>(forward.input) + batch * forward.in.batch + frame * forward.in.frame;
      const Gradient* gradient = static_cast<const Gradient*>(job.grad_out) + batch * forward.out.batch +
                                 frame * forward.out.frame +
                                 int64_t{row} * forward.out.width * forward.out.pixel;
      T* to = static_cast<T*>(job.grad_grid) + task * forward.out.width * 2;
      for (int32_t first = 0; first < forward.out.width; first += WarpPoints<T>::kMost) {
        positions.points(row, first, std::min(forward.out.width - first, WarpPoints<T>::kMost), points);
        for (int i = 0; i < points.count; ++i) {
          const Gradient* g = gradient + (first + i) * forward.out.pixel;
          T dot[4] = {};
          for (int k = 0; k < 4; ++k) {
            if (!(points.inside[i] >> k & 1)) continue;
            const In* corner = source + ((points.row[i] + (k >> 1)) * int64_t{forward.in.width} +
                                         points.column[i] + (k & 1)) *
                                            forward.in.pixel;
            Vector<T> sum = {};
            for (int64_t c = 0; c < forward.channels; c += kLanes<T>) {
              const int valid = static_cast<int>(std::min<int64_t>(forward.channels - c, kLanes<T>));
              sum += load_as<T>(g + c, valid) * load_as<T>(corner + c, valid);
            }
            for (int lane = 0; lane < kLanes<T>; ++lane) dot[k] += sum[lane];
          }
          const T right = points.right[i], lower = points.lower[i];
          to[2 * (first + i)] = with_one_nan(((dot[1] - dot[0]) * (1 - lower) + (dot[3] - dot[2]) * lower) *
                                             positions.grid_step_x());
          to[2 * (first + i) + 1] = with_one_nan(
              ((dot[2] - dot[0]) * (1 - right) + (dot[3] - dot[1]) * right) * positions.grid_step_y());
        }
      }
    });
  });
}

template <class T, class In, class Gradient>
void backward(const BevWarpBackwardJob& job) {
  const BevWarpForwardJob& forward = job.forward;
  const int64_t frames = forward.batch * forward.frames;
  if (frames == 0) return;
  Crew crew(forward.cpu.threads);
  if (job.grad_input && job.grad_in.height > 0 && job.grad_in.width > 0) {
    deal(crew, frames, [&](int64_t frame) {
      Readers<T>(job, frame)
          .list(forward, FramePositions<T>(forward, frame / forward.frames, frame % forward.frames));
    });
    if (forward.channels_last) {
      input_rows<T, In, Gradient>(crew, job);
    } else {
      input_planes<T, In, Gradient>(crew, job);
    }
  }
  if (!job.grad_grid) return;
  if (forward.nearest) {
    std::fill_n(static_cast<T*>(job.grad_grid), frames * forward.out.height * forward.out.width * 2, T(0));
  } else if (forward.channels_last) {
    grid_rows<T, In, Gradient>(crew, job);
  } else {
    grid_planes<T, In, Gradient>(crew, job);
  }
}

}  // namespace

int64_t bev_warp_backward_workspace(const BevWarpBackwardJob& job) {
  return job.grad_input ? job.forward.batch * job.forward.frames * ReaderBytes(job.forward).frame : 0;
}

void bev_warp_backward(const BevWarpBackwardJob& job) {
  with_map_types(job.forward.in.type, job.forward.out.type, [&](auto t, auto in, auto gradient) {
    backward<decltype(t), decltype(in), decltype(gradient)>(job);
  });
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
