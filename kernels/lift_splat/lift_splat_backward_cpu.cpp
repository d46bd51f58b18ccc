// Lift-splat backward on the CPU.
//
// A task is a block of 16 columns of one image, as in forward, and owns every gradient of its pixels: no
// atomics, one order. For each plan row the output gradient of its cell, G, is read once; the depths'
// gradients are G times the transposed features (H in the vector lanes), the context's gradient is the depths
// times G (channels in the lanes). The softmax backward p·(dp − Σ p·dp) is done as the block is written.
// Bound: twice forward's multiply-adds and one cold row of the output gradient for each plan row.

#include <cmath>

#include "lift_splat/lift_splat_job.hpp"
#include "bodies.hpp"
#include "lift_splat/lift_splat_blocks.hpp"
#include "lift_splat/lift_splat_gradient.hpp"
#include "lift_splat/lift_splat_intervals.hpp"
#include "lift_splat/lift_splat_tiles.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {
namespace {

constexpr int kRowsAtOnce = 4;

/// One plan row while its column is worked on.
template <class T>
struct Row {
  const T* depth;     ///< summed depths, by h
  const T* gradient;  ///< of the cell, [padded_channels]
  int32_t begin, end;
};

/// depth_gradient[row][h] = <G[row], F[h]> for all h, four rows at a time; `transposed` is
/// [C][padded_height].
template <class T, int Rows>
inline void depth_gradients(const Row<T>* rows, const T* transposed, int64_t channels, int64_t height,
                            int64_t padded_height, T* out) {
  for (int64_t h = 0; h < height; h += kLanes<T>) {
    Vector<T> sum[Rows] = {};
    for (int64_t c = 0; c < channels; ++c) {
      const Vector<T> f = load(transposed + c * padded_height + h);
#pragma GCC unroll 4
      for (int i = 0; i < Rows; ++i) sum[i] += broadcast(rows[i].gradient[c]) * f;
    }
#pragma GCC unroll 4
    for (int i = 0; i < Rows; ++i) store(out + i * padded_height + h, sum[i]);
  }
}

/// context_gradient[h][c] += Σ depth[row][h] · G[row][c] over rows that cover h. Rows are added in order at
/// every h: the rows common to all four go through registers together, and a row never touches an h outside
/// its range.
template <class T, int Rows>
inline void context_gradients(const Row<T>* rows, int64_t padded_channels, T* out) {
  int32_t begin = rows[0].begin, end = rows[0].end;
  for (int i = 1; i < Rows; ++i) {
    begin = std::max(begin, rows[i].begin);
    end = std::min(end, rows[i].end);
  }
  end = std::max(begin, end);
  for (int64_t c = 0; c < padded_channels; c += kLanes<T>) {
    Vector<T> g[Rows];
#pragma GCC unroll 4
    for (int i = 0; i < Rows; ++i) g[i] = load(rows[i].gradient + c);
#pragma GCC unroll 4
    for (int i = 0; i < Rows; ++i) {
      auto add = [&](int32_t h) {
        T* at = out + h * padded_channels + c;
        store(at, load(at) + broadcast(rows[i].depth[h]) * g[i]);
      };
      for (int32_t h = rows[i].begin; h < std::min(begin, rows[i].end); ++h) add(h);
      for (int32_t h = std::max(end, rows[i].begin); h < rows[i].end; ++h) add(h);
    }
    for (int32_t h = begin; h < end; ++h) {
      T* at = out + h * padded_channels + c;
      Vector<T> sum = load(at);
#pragma GCC unroll 4
      for (int i = 0; i < Rows; ++i) sum += broadcast(rows[i].depth[h]) * g[i];
      store(at, sum);
    }
  }
}

template <class T, class Context, class Out>
class Backward {
 public:
  explicit Backward(const LiftSplatBackwardJob& job)
      : job_(job), shape_(job.shape), tile_(job.shape), at_(job.shape.layout), gradient_(job) {}

  int64_t volume_elements() const { return kBlock * tile_.depth_bins * tile_.padded_height; }
  int64_t feature_elements() const { return kBlock * tile_.height * tile_.padded_channels; }
  int64_t rows_at_once_elements() const { return 2 * kRowsAtOnce * tile_.padded_height; }
  int64_t thread_elements() const {
    return 2 * volume_elements() + staged_elements<T>(tile_) + 2 * feature_elements() +
           tile_.padded_channels * tile_.padded_height + rows_at_once_elements();
  }
  int64_t workspace_bytes(int threads) const {
    return ColumnBlocks::order_bytes(shape_) +
           (gradient_.elements() + threads * round_up(thread_elements(), 16)) *
               static_cast<int64_t>(sizeof(T));
  }

  void run() const {
    const int64_t order_bytes = ColumnBlocks::order_bytes(shape_);
    T* map = reinterpret_cast<T*>(job_.workspace + order_bytes);
    T* tiles = map + gradient_.elements();
    const int64_t left =
        (job_.workspace_bytes - order_bytes) / static_cast<int64_t>(sizeof(T)) - gradient_.elements();
    const int threads =
        static_cast<int>(std::clamp<int64_t>(left / round_up(thread_elements(), 16), 1, job_.cpu.threads));
    ColumnBlocks blocks(shape_, job_.plan);
    Crew crew(threads);
    deal(crew, gradient_.strips(), [&](int64_t strip) { gradient_.prepare(strip, map); });
    WorkShares shares = blocks.deal(job_.workspace, crew.size());
    crew.run([&](int thread) {
      T* mine = tiles + thread * round_up(thread_elements(), 16);
      shares.work(thread, [&](int64_t task) {
        blocks.run(task, [&](int64_t image, int64_t w0) {
          differentiate_block(image, w0, mine, gradient_.rows(map));
        });
      });
    });
  }

 private:
  const int32_t* section(int64_t offset) const { return job_.plan + offset; }

  void differentiate_block(int64_t image, int64_t w0, T* mine, const T* map) const {
    const int count = static_cast<int>(std::min<int64_t>(kBlock, tile_.width - w0));
    const int64_t b = image / shape_.cameras, n = image % shape_.cameras;
    T* depth = mine;
    T* depth_gradient = depth + volume_elements();
    T* staged = depth_gradient + volume_elements();
    T* feature = staged + staged_elements<T>(tile_);
    T* feature_gradient = feature + feature_elements();
    T* transposed = feature_gradient + feature_elements();
    T* few_rows = transposed + tile_.padded_channels * tile_.padded_height;

    const int64_t volume = tile_.depth_bins * tile_.pixels();
    auto at_image = [&](const void* base, int64_t stride) {
      return base ? static_cast<const T*>(base) + image * stride + w0 : nullptr;
    };
    const T* probabilities = at_image(job_.probabilities, volume);
    const T* prior_weight = at_image(job_.prior_weight, tile_.pixels());
    if (job_.grad_context) {
      load_depth_block<T>(tile_, probabilities, false, at_image(job_.prior, volume), prior_weight, nullptr,
                          count, staged, depth);
      std::fill_n(feature_gradient, feature_elements(), T(0));
    }
    if (job_.grad_depth) {
      std::fill_n(depth_gradient, volume_elements(), T(0));
      const Context* context = static_cast<const Context*>(job_.context) + b * shape_.context_strides[0] +
                               n * shape_.context_strides[1];
      load_context_block<T>(tile_, context, shape_.context_channels_last, w0, count, feature);
    }
    for (int w = 0; w < count; ++w) {
      const int64_t offset = w * tile_.depth_bins * tile_.padded_height;
      const int64_t feature_offset = w * tile_.height * tile_.padded_channels;
      if (job_.grad_depth) {
        gather_columns<T>(feature + feature_offset, tile_.padded_channels, tile_.height,
                          static_cast<int>(tile_.padded_channels), transposed, tile_.padded_height);
      }
      differentiate_column(image * tile_.width + w0 + w, depth + offset, depth_gradient + offset, transposed,
                           feature_gradient + feature_offset, few_rows, map);
    }
    if (job_.grad_depth) {
      T* out =
          static_cast<T*>(job_.grad_depth) + b * shape_.depth_strides[0] + n * shape_.depth_strides[1] + w0;
      for (int64_t d = 0; d < tile_.depth_bins; ++d) {
        scatter_columns<T>(depth_gradient + d * tile_.padded_height, tile_.depth_bins * tile_.padded_height,
                           tile_.height, count, out + d * tile_.pixels(), tile_.width);
      }
      finish_depth_gradient<T>(tile_, probabilities, prior_weight, shape_.logits, count, out);
    }
    if (job_.grad_context) {
      Context* out = static_cast<Context*>(job_.grad_context) + b * job_.grad_context_strides[0] +
                     n * job_.grad_context_strides[1];
      store_context_block<T>(tile_, feature_gradient, shape_.context_channels_last, w0, count, out);
    }
  }

  void differentiate_column(int64_t column, const T* depth, T* depth_gradient, const T* transposed,
                            T* feature_gradient, T* few_rows, const T* map) const {
    const int32_t* row_runs = section(at_.row_runs);
    const uint32_t* runs = reinterpret_cast<const uint32_t*>(section(at_.runs));
    T* dots = few_rows + kRowsAtOnce * tile_.padded_height;
    const int32_t last = section(at_.column_rows)[column + 1];
    for (int32_t row = section(at_.column_rows)[column]; row < last; row += kRowsAtOnce) {
      const int rows_now = std::min(kRowsAtOnce, last - row);
      Row<T> rows[kRowsAtOnce];
      for (int i = 0; i < rows_now; ++i) {
        const int32_t span = section(at_.row_span)[row + i];
        rows[i].begin = span_begin(span);
        rows[i].end = span_end(span);
        rows[i].gradient = map + static_cast<int64_t>(section(at_.row_cell)[row + i]) * gradient_.stride();
        if (job_.grad_context) {
          rows[i].depth = row_depth<T>(runs, row_runs[row + i], row_runs[row + i + 1], span, depth,
                                       tile_.padded_height, few_rows + i * tile_.padded_height);
        }
      }
      differentiate_rows(rows, rows_now, transposed, feature_gradient, dots);
      if (!job_.grad_depth) continue;
      for (int i = 0; i < rows_now; ++i) {
        for (int32_t run = row_runs[row + i]; run < row_runs[row + i + 1]; ++run) {
          T* out = depth_gradient + run_depth(runs[run]) * tile_.padded_height;
          for (int32_t h = span_begin(runs[run]); h < span_end(runs[run]); ++h) {
            out[h] = dots[i * tile_.padded_height + h];
          }
        }
      }
    }
  }

  void differentiate_rows(const Row<T>* rows, int count, const T* transposed, T* feature_gradient,
                          T* dots) const {
    if (count == kRowsAtOnce) {
      if (job_.grad_depth) {
        depth_gradients<T, kRowsAtOnce>(rows, transposed, tile_.channels, tile_.height, tile_.padded_height,
                                        dots);
      }
      if (job_.grad_context) context_gradients<T, kRowsAtOnce>(rows, tile_.padded_channels, feature_gradient);
      return;
    }
    for (int i = 0; i < count; ++i) {
      if (job_.grad_depth) {
        depth_gradients<T, 1>(rows + i, transposed, tile_.channels, tile_.height, tile_.padded_height,
                              dots + i * tile_.padded_height);
      }
      if (job_.grad_context) context_gradients<T, 1>(rows + i, tile_.padded_channels, feature_gradient);
    }
  }

  const LiftSplatBackwardJob& job_;
  const LiftSplatShape& shape_;
  const TileShape tile_;
  const LiftSplatPlanLayout& at_;
  const OutputGradient<T, Out> gradient_;
};

}  // namespace

void lift_splat_backward(const LiftSplatBackwardJob& job) {
  if (job.shape.intervals) return lift_splat_intervals_backward(job);
  with_map_types(job.shape, [&](auto t, auto context, auto out) {
    Backward<decltype(t), decltype(context), decltype(out)>(job).run();
  });
}

int64_t lift_splat_backward_workspace(const LiftSplatBackwardJob& job) {
  if (job.shape.intervals) return lift_splat_intervals_backward_workspace(job);
  return with_map_types(job.shape, [&](auto t, auto context, auto out) {
    return Backward<decltype(t), decltype(context), decltype(out)>(job).workspace_bytes(job.cpu.threads);
  });
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
