// Lift-splat forward on the CPU.
//
// A task is a block of 16 columns of one image. It brings the block's depth (softmax on the way) and, where
// the layout demands it, its context into cache as columns, then multiplies: each plan row is a vector of H
// depths times the column's [H, C] features, C accumulators in registers. Rows that own their cell are stored
// straight to the output; the others go to scratch slots, which a second pass over the cells sums in slot
// order, writing the empty cells' zeros as it goes. Blocks and cells are dealt so that a thread finishes
// mostly what it splatted. Every sum has one owner and one order, so the number of threads cannot change a
// bit. Bound: the fused multiply-adds, C for each (row, h), and the output's write.
#include "lift_splat/lift_splat_job.hpp"
#include "bodies.hpp"

#include <cmath>

#include "lift_splat/lift_splat_blocks.hpp"
#include "lift_splat/lift_splat_intervals.hpp"
#include "lift_splat/lift_splat_tiles.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {
namespace {

/// One plan row: depths by h, their range, and where the C sums go.
template <class T, class Out>
struct Row {
  const T* depth;
  int32_t begin, end;
  T* sums;        ///< in T: scratch, or the map where that is of T
  Out* narrowed;  ///< in place of sums, if not null: the map, in another type than T
  bool streamed;  ///< store past the caches
};

/// Rows looked up together.
constexpr int kRowsAhead = 128;
/// Rows between the one being multiplied and the one whose output is brought into cache meanwhile.
constexpr int kRowsPrefetched = 6;

/// The lines of V vectors of a row's output; of a streamed row a line that is wanted anyway.
template <class T, class Out, int V>
inline __attribute__((always_inline)) void prefetch_output(const Row<T, Out>& row, int64_t offset) {
  const char* to = row.narrowed ? reinterpret_cast<const char*>(row.narrowed + offset)
                                : reinterpret_cast<const char*>(row.streamed ? row.depth : row.sums + offset);
  constexpr int bytes = V * BEVEL_VECTOR_BYTES;
#pragma GCC unroll 8
  for (int line = 0; line < bytes; line += 64) __builtin_prefetch(to + line, 1);
}

/// V vectors of channels, from `offset` on, of one row: Σ_h depth[h] · feature[h][c]. (Two rows at a time,
/// sharing the features' loads, was measured and is no faster: the multiply-adds of one row already fill the
/// unit.)
template <class T, class Out, int V>
inline __attribute__((always_inline)) void multiply_row(const Row<T, Out> row, const T* feature,
                                                        int64_t stride, int64_t offset) {
  Vector<T> sum[V] = {};
  for (int32_t h = row.begin; h < row.end; ++h) {
    const Vector<T> p = broadcast(row.depth[h]);
    const T* f = feature + offset + h * stride;
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[v] += p * load(f + v * kLanes<T>);
  }
  if constexpr (!std::is_same_v<T, Out>) {
    if (row.narrowed) {
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) store_as<T>(row.narrowed + offset + v * kLanes<T>, sum[v], kLanes<T>);
      return;
    }
  }
  if (row.streamed) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) stream(row.sums + offset + v * kLanes<T>, sum[v]);
  } else {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) store(row.sums + offset + v * kLanes<T>, sum[v]);
  }
}

/// V vectors of channels of all rows.
template <class T, class Out, int V>
void multiply_rows(const Row<T, Out>* rows, int count, const T* feature, int64_t stride, int64_t offset) {
  for (int i = 0; i < count; ++i) {
    if (i + kRowsPrefetched < count) prefetch_output<T, Out, V>(rows[i + kRowsPrefetched], offset);
    multiply_row<T, Out, V>(rows[i], feature, stride, offset);
  }
}

/// All channels, as many vectors at a time as fit in registers beside a feature's.
template <class T, class Out>
void multiply_rows(const Row<T, Out>* rows, int count, const T* feature, int64_t stride, int64_t vectors) {
  constexpr int most = 8;
  for (int64_t done = 0; done < vectors; done += most) {
    with_constant<most>(std::min<int64_t>(most, vectors - done), [&](auto now) {
      multiply_rows<T, Out, now>(rows, count, feature, stride, done * kLanes<T>);
    });
  }
}

/// Everything forward needs, with the element types resolved.
template <class T, class Context, class Out>
class Forward {
 public:
  explicit Forward(const LiftSplatForwardJob& job)
      : job_(job),
        shape_(job.shape),
        tile_(job.shape),
        at_(job.shape.layout),
        // Channels-last maps with whole vectors can be read (in T) and written (in any type) in place.
        direct_context_(std::is_same_v<T, Context> && shape_.context_channels_last &&
                        shape_.channels % 16 == 0),
        direct_out_(shape_.out_channels_last && shape_.channels % 16 == 0),
        // A map that the caches cannot hold is written past them, which saves reading it first.
        large_(at_.cells * tile_.padded_channels * static_cast<int64_t>(sizeof(T)) > kStreamedBytes &&
               reinterpret_cast<uintptr_t>(job.out) % 64 == 0),
        streamed_(large_ && (std::is_same_v<T, Out> || !direct_out_)),
        streamed_planes_(large_ && std::is_same_v<T, Out> && !shape_.out_channels_last &&
                         shape_.grid_rows * shape_.grid_columns % 16 == 0) {}

  /// The map of T is the output itself.
  bool writes_in_place() const { return direct_out_ && std::is_same_v<T, Out>; }
  int64_t scratch_elements() const { return shape_.shared_rows * tile_.padded_channels; }
  int64_t map_elements() const { return direct_out_ ? 0 : at_.cells * tile_.padded_channels; }
  int64_t thread_elements() const {
    return kBlock * tile_.depth_bins * tile_.padded_height + staged_elements<T>(tile_) +
           (direct_context_ ? 0 : kBlock * tile_.height * tile_.padded_channels) +
           kRowsAhead * tile_.padded_height;
  }
  int64_t workspace_bytes(int threads) const {
    return ColumnBlocks::order_bytes(shape_) +
           (scratch_elements() + map_elements() + threads * round_up(thread_elements(), 16)) *
               static_cast<int64_t>(sizeof(T));
  }

  void run() const {
    const int64_t order_bytes = ColumnBlocks::order_bytes(shape_);
    T* scratch = reinterpret_cast<T*>(job_.workspace + order_bytes);
    T* map = writes_in_place() ? static_cast<T*>(job_.out) : scratch + scratch_elements();
    T* tiles = scratch + scratch_elements() + map_elements();
    const int64_t left =
        (job_.workspace_bytes - order_bytes) / static_cast<int64_t>(sizeof(T)) - (tiles - scratch);
    const int64_t fitting = left / round_up(thread_elements(), 16);
    const int threads = static_cast<int>(std::clamp<int64_t>(fitting, 1, job_.cpu.threads));
    ColumnBlocks blocks(shape_, job_.plan);
    Crew crew(threads);
    WorkShares shares = blocks.deal(job_.workspace, crew.size());
    crew.run([&](int thread) {
      T* mine = tiles + thread * round_up(thread_elements(), 16);
      shares.work(thread, [&](int64_t task) {
        blocks.run(task, [&](int64_t image, int64_t w0) { splat_block(image, w0, mine, scratch, map); });
      });
      if (large_) end_streaming();
    });
    WorkShares strips((at_.cells + kStrip - 1) / kStrip, crew.size());
    crew.run([&](int thread) {
      strips.work(thread, [&](int64_t strip) { finish_cells(strip, scratch, map); });
      if (large_) end_streaming();
    });
  }

 private:
  static constexpr int64_t kStrip = 256;  ///< cells finished together
  static constexpr int64_t kStreamedBytes = 16 << 20;

  const int32_t* section(int64_t offset) const { return job_.plan + offset; }

  void splat_block(int64_t image, int64_t w0, T* mine, T* scratch, T* map) const {
    const int count = static_cast<int>(std::min<int64_t>(kBlock, tile_.width - w0));
    const int64_t b = image / shape_.cameras, n = image % shape_.cameras;
    T* depth = mine;
    T* staged = depth + kBlock * tile_.depth_bins * tile_.padded_height;
    T* packed = staged + staged_elements<T>(tile_);
    T* summed = packed + (direct_context_ ? 0 : kBlock * tile_.height * tile_.padded_channels);

    const int64_t volume = tile_.depth_bins * tile_.pixels();
    auto at_image = [&](const void* base, int64_t stride) {
      return base ? static_cast<const T*>(base) + image * stride + w0 : nullptr;
    };
    load_depth_block<T>(
        tile_,
        static_cast<const T*>(job_.depth) + b * shape_.depth_strides[0] + n * shape_.depth_strides[1] + w0,
        shape_.logits, at_image(job_.prior, volume), at_image(job_.prior_weight, tile_.pixels()),
        const_cast<T*>(at_image(job_.probabilities, volume)), count, staged, depth);
    const Context* context = static_cast<const Context*>(job_.context) + b * shape_.context_strides[0] +
                             n * shape_.context_strides[1];
    if (!direct_context_) {
      load_context_block<T>(tile_, context, shape_.context_channels_last, w0, count, packed);
    }
    for (int w = 0; w < count; ++w) {
      const T* column = depth + w * tile_.depth_bins * tile_.padded_height;
      const int64_t index = image * tile_.width + w0 + w;
      if (direct_context_) {
        const T* feature = reinterpret_cast<const T*>(context) + (w0 + w) * tile_.channels;
        splat_column(index, column, feature, tile_.width * tile_.channels, summed, scratch, map);
      } else {
        splat_column(index, column, packed + w * tile_.height * tile_.padded_channels, tile_.padded_channels,
                     summed, scratch, map);
      }
    }
  }

  void splat_column(int64_t column, const T* depth, const T* feature, int64_t stride, T* summed, T* scratch,
                    T* map) const {
    const int32_t last = section(at_.column_rows)[column + 1];
    for (int32_t row = section(at_.column_rows)[column]; row < last; row += kRowsAhead) {
      const int count = std::min(kRowsAhead, last - row);
      Row<T, Out> rows[kRowsAhead];
      for (int i = 0; i < count; ++i) {
        rows[i] = plan_row(row + i, depth, summed + i * tile_.padded_height, scratch, map);
      }
      multiply_rows<T, Out>(rows, count, feature, stride, tile_.padded_channels / kLanes<T>);
    }
  }

  Row<T, Out> plan_row(int32_t row, const T* depth, T* summed, T* scratch, T* map) const {
    const int32_t* row_runs = section(at_.row_runs);
    const uint32_t* runs = reinterpret_cast<const uint32_t*>(section(at_.runs));
    const int32_t span = section(at_.row_span)[row];
    const int64_t slot = section(at_.row_slot)[row];
    const int64_t cell = section(at_.row_cell)[row];
    // No branch: whether a cell is shared is as good as random.
    const bool owner = slot < 0;
    T* sums = (owner ? map : scratch) + (owner ? cell : slot) * tile_.padded_channels;
    Out* narrowed = nullptr;
    if constexpr (!std::is_same_v<T, Out>) {
      if (direct_out_ && owner) narrowed = static_cast<Out*>(job_.out) + cell * tile_.channels;
    }
    const T* p =
        row_depth<T>(runs, row_runs[row], row_runs[row + 1], span, depth, tile_.padded_height, summed);
    return {p, span_begin(span), span_end(span), sums, narrowed, streamed_ && owner};
  }

  /// Sums the shared cells, zeroes the empty ones, and, where the output has another layout, brings the map
  /// there.
  void finish_cells(int64_t strip, const T* scratch, T* map) const {
    const int64_t begin = strip * kStrip, end = std::min(begin + kStrip, at_.cells);
    constexpr int most = 8;
    const int64_t vectors = tile_.padded_channels / kLanes<T>;
    for (int64_t done = 0; done < vectors; done += most) {
      with_constant<most>(std::min<int64_t>(most, vectors - done),
                          [&](auto now) { sum_cells<now>(begin, end, done * kLanes<T>, scratch, map); });
    }
    if (!direct_out_) write_out(begin, end, map);
  }

  /// V vectors of channels of the cells that have no row of their own.
  template <int V>
  void sum_cells(int64_t begin, int64_t end, int64_t offset, const T* scratch, T* map) const {
    const int32_t* slots = section(at_.cell_slots);
    const int64_t stride = tile_.padded_channels;
    const bool narrowed = !std::is_same_v<T, Out> && direct_out_;
    const bool streamed = streamed_ && direct_out_;  // else it is read at once
    scratch += offset;
    map += offset;
    for (int64_t cell = begin; cell < end; ++cell) {
      const int64_t first = slots[cell] >> 1, last = slots[cell + 1] >> 1;
      const bool filled = slots[cell] & 1;
      if (filled && first == last) continue;  // its only row stored it
      Vector<T> sum[V] = {};
      if (filled) {
        const T* row = scratch + first * stride;
        for (int v = 0; v < V; ++v) sum[v] = load(row + v * kLanes<T>);
        for (int64_t slot = first + 1; slot < last; ++slot) {
          row += stride;
#pragma GCC unroll 8
          for (int v = 0; v < V; ++v) sum[v] += load(row + v * kLanes<T>);
        }
      }
      T* out = map + cell * stride;
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) {
        if (narrowed) {
          store_as<T>(static_cast<Out*>(job_.out) + cell * tile_.channels + offset + v * kLanes<T>, sum[v],
                      kLanes<T>);
        } else if (streamed) {
          stream(out + v * kLanes<T>, sum[v]);
        } else {
          store(out + v * kLanes<T>, sum[v]);
        }
      }
    }
  }

  void write_out(int64_t begin, int64_t end, const T* map) const {
    Out* out = static_cast<Out*>(job_.out);
    if (shape_.out_channels_last) {
      for (int64_t cell = begin; cell < end; ++cell) {
        for (int64_t c = 0; c < tile_.channels; c += kLanes<T>) {
          store_as<T>(out + cell * tile_.channels + c, load(map + cell * tile_.padded_channels + c),
                      static_cast<int>(tile_.channels - c));
        }
      }
      return;
    }
    // [B, Z, Y, X, C] to [B, Z, C, Y, X]: pieces of a strip that lie in one (b, z) plane.
    const int64_t plane = shape_.grid_rows * shape_.grid_columns;
    while (begin < end) {
      const int64_t index = begin / plane, stop = std::min(end, (index + 1) * plane);
      Out* to = out + index * tile_.channels * plane + begin % plane;
      // Channels outside, so that each plane's page is visited once.
      for (int64_t c = 0; c < tile_.channels; c += kLanes<T>) {
        for (int64_t cell = begin; cell < stop; cell += kBlock) {
          scatter_columns<T>(map + cell * tile_.padded_channels + c, tile_.padded_channels,
                             std::min<int64_t>(kLanes<T>, tile_.channels - c),
                             static_cast<int>(std::min<int64_t>(kBlock, stop - cell)),
                             to + c * plane + cell - begin, plane, streamed_planes_);
        }
      }
      begin = stop;
    }
  }

  const LiftSplatForwardJob& job_;
  const LiftSplatShape& shape_;
  const TileShape tile_;
  const LiftSplatPlanLayout& at_;
  const bool direct_context_, direct_out_, large_, streamed_, streamed_planes_;
};

}  // namespace

void lift_splat_forward(const LiftSplatForwardJob& job) {
  if (job.shape.intervals) return lift_splat_intervals_forward(job);
  with_map_types(job.shape, [&](auto t, auto context, auto out) {
    Forward<decltype(t), decltype(context), decltype(out)>(job).run();
  });
}

int64_t lift_splat_forward_workspace(const LiftSplatForwardJob& job) {
  if (job.shape.intervals) return lift_splat_intervals_forward_workspace(job);
  return with_map_types(job.shape, [&](auto t, auto context, auto out) {
    return Forward<decltype(t), decltype(context), decltype(out)>(job).workspace_bytes(job.cpu.threads);
  });
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
