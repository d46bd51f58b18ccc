// Lift-splat on the CPU where runs are short (z-resolved grids): points sorted by cell, pooled by bev_pool's
// body.
//
// Depth is lifted to a dense volume of probabilities and context to rows of channels, both in the workspace
// unless they are so already; then forward is bev_pool over the plan's ranks, and backward walks each pixel's
// depth bins, which owns every gradient it writes.

#include <cmath>

#include "bev_pool/bev_pool_job.hpp"
#include "bodies.hpp"
#include "core/work_shares.hpp"
#include "lift_splat/lift_splat_gradient.hpp"
#include "lift_splat/lift_splat_intervals.hpp"
#include "lift_splat/lift_splat_tiles.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {
namespace {

template <class T>
constexpr ElementType kTypeOf = std::is_same_v<T, double> ? ElementType::kFloat64 : ElementType::kFloat32;

/// Mixed probabilities of all images, dense [B·N, D, H, W] in `out`; the plain softmax in `probabilities` if
/// that is not null.
template <class T>
void lift_volume(const LiftSplatShape& shape, int threads, const T* depth, const int64_t* strides,
                 bool logits, const T* prior, const T* prior_weight, T* probabilities, T* out) {
  const TileShape tile(shape);
  const int64_t volume = tile.depth_bins * tile.pixels();
  Crew crew(threads);
  deal(crew, shape.batch * shape.cameras * tile.height, [&](int64_t line) {
    const int64_t image = line / tile.height;
    const T* from = depth + image / shape.cameras * strides[0] + image % shape.cameras * strides[1];
    for (int64_t w = 0; w < tile.width; w += kLanes<T>) {
      const int64_t pixel = line % tile.height * tile.width + w;
      const int64_t at = image * volume + pixel;
      lift_depth<T>(tile, from + pixel, logits, prior ? prior + at : nullptr,
                    prior ? prior_weight + image * tile.pixels() + pixel : nullptr,
                    probabilities ? probabilities + at : nullptr, static_cast<int>(tile.width - w), out + at,
                    tile.pixels());
    }
  });
}

/// Context of all images as rows [B·N·H·W][C] of T.
template <class T, class Context>
void collect_context(const LiftSplatShape& shape, int threads, const Context* context, T* out) {
  const TileShape tile(shape);
  const int64_t line_elements = tile.width * tile.channels;
  Crew crew(threads);
  deal(crew, shape.batch * shape.cameras * tile.height, [&](int64_t line) {
    const int64_t image = line / tile.height, h = line % tile.height;
    const Context* from = context + image / shape.cameras * shape.context_strides[0] +
                          image % shape.cameras * shape.context_strides[1];
    T* to = out + line * line_elements;
    if (shape.context_channels_last) {
      for (int64_t i = 0; i < line_elements; i += kLanes<T>) {
        const int valid = static_cast<int>(std::min<int64_t>(kLanes<T>, line_elements - i));
        store_partial(to + i, load_as<T>(from + h * line_elements + i, valid), valid);
      }
      return;
    }
    for (int64_t w = 0; w < tile.width; w += kBlock) {
      gather_columns<T, Context, false>(from + h * tile.width + w, tile.pixels(), tile.channels,
                                        static_cast<int>(std::min<int64_t>(kBlock, tile.width - w)),
                                        to + w * tile.channels, tile.channels);
    }
  });
}

template <class T, class Context, class Out>
class IntervalForward {
 public:
  explicit IntervalForward(const LiftSplatForwardJob& job)
      : job_(job), shape_(job.shape), tile_(job.shape), direct_out_(shape_.out_channels_last) {}

  int64_t volume() const { return shape_.batch * shape_.cameras * tile_.depth_bins * tile_.pixels(); }
  int64_t features() const { return shape_.batch * shape_.cameras * tile_.pixels() * tile_.channels; }
  /// A vector more than the map: its transpose reads whole vectors.
  int64_t map() const { return direct_out_ ? 0 : shape_.layout.cells * tile_.channels + kLanes<T>; }
  int64_t workspace_bytes() const {
    return (round_up(volume(), 16) + round_up(features(), 16) + map()) * static_cast<int64_t>(sizeof(T));
  }

  void run() const {
    T* depth = reinterpret_cast<T*>(job_.workspace);
    T* feature = depth + round_up(volume(), 16);
    T* map = feature + round_up(features(), 16);
    lift_volume<T>(shape_, job_.cpu.threads, static_cast<const T*>(job_.depth), shape_.depth_strides,
                   shape_.logits, static_cast<const T*>(job_.prior), static_cast<const T*>(job_.prior_weight),
                   static_cast<T*>(job_.probabilities), depth);
    collect_context<T>(shape_, job_.cpu.threads, static_cast<const Context*>(job_.context), feature);

    LiftSplatPlanHeader header;
    std::memcpy(&header, job_.plan, sizeof header);
    const LiftSplatPlanLayout& at = shape_.layout;
    BevPoolForwardJob pool = {};
    pool.cpu = job_.cpu;
    pool.points = header.points;
    pool.intervals = header.filled_cells;
    pool.depth_elements = volume();
    pool.feature_rows = shape_.batch * shape_.cameras * tile_.pixels();
    pool.cells = at.cells;
    pool.channels = tile_.channels;
    pool.depth_type = pool.feature_type = kTypeOf<T>;
    pool.out_type = direct_out_ ? shape_.out_type : kTypeOf<T>;
    pool.depth = depth;
    pool.feature = feature;
    pool.ranks_depth = job_.plan + at.ranks_depth;
    pool.ranks_feature = job_.plan + at.ranks_feature;
    pool.ranks_bev = job_.plan + at.ranks_bev;
    pool.interval_starts = job_.plan + at.interval_starts;
    pool.interval_lengths = job_.plan + at.interval_lengths;
    pool.out = direct_out_ ? job_.out : map;
    bev_pool_forward(pool);
    if (!direct_out_) write_channels_first(map);
  }

 private:
  void write_channels_first(const T* map) const {
    constexpr int64_t strip = 256;
    const int64_t plane = shape_.grid_rows * shape_.grid_columns, strips = (plane + strip - 1) / strip;
    Out* out = static_cast<Out*>(job_.out);
    Crew crew(job_.cpu.threads);
    deal(crew, shape_.batch * shape_.grid_z * strips, [&](int64_t task) {
      const int64_t index = task / strips, begin = task % strips * strip;
      scatter_columns<T>(map + (index * plane + begin) * tile_.channels, tile_.channels, tile_.channels,
                         static_cast<int>(std::min(strip, plane - begin)),
                         out + index * tile_.channels * plane + begin, plane);
    });
  }

  const LiftSplatForwardJob& job_;
  const LiftSplatShape& shape_;
  const TileShape tile_;
  const bool direct_out_;
};

template <class T, class Context, class Out>
class IntervalBackward {
 public:
  explicit IntervalBackward(const LiftSplatBackwardJob& job)
      : job_(job), shape_(job.shape), tile_(job.shape), gradient_(job) {}

  int64_t volume() const { return shape_.batch * shape_.cameras * tile_.depth_bins * tile_.pixels(); }
  int64_t features() const { return shape_.batch * shape_.cameras * tile_.pixels() * tile_.padded_channels; }
  int64_t thread_elements() const { return kBlock * tile_.height * tile_.padded_channels; }
  int64_t workspace_bytes(int threads) const {
    return (gradient_.elements() + round_up(volume(), 16) + threads * 2 * thread_elements()) *
           static_cast<int64_t>(sizeof(T));
  }

  void run() const {
    T* map = reinterpret_cast<T*>(job_.workspace);
    T* depth = map + gradient_.elements();
    T* blocks = depth + round_up(volume(), 16);
    const int64_t left = job_.workspace_bytes / static_cast<int64_t>(sizeof(T)) - (blocks - map);
    const int threads = static_cast<int>(
        std::clamp<int64_t>(left / std::max<int64_t>(1, 2 * thread_elements()), 1, job_.cpu.threads));
    const int64_t strides[2] = {shape_.cameras * tile_.depth_bins * tile_.pixels(),
                                tile_.depth_bins * tile_.pixels()};
    lift_volume<T>(shape_, job_.cpu.threads, static_cast<const T*>(job_.probabilities), strides, false,
                   static_cast<const T*>(job_.prior), static_cast<const T*>(job_.prior_weight), nullptr,
                   depth);
    const int64_t blocks_an_image = (tile_.width + kBlock - 1) / kBlock;
    Crew crew(threads);
    deal(crew, gradient_.strips(), [&](int64_t strip) { gradient_.prepare(strip, map); });
    WorkShares shares(shape_.batch * shape_.cameras * blocks_an_image, crew.size());
    crew.run([&](int thread) {
      T* mine = blocks + thread * 2 * thread_elements();
      shares.work(thread, [&](int64_t task) {
        differentiate_block(task / blocks_an_image, task % blocks_an_image * kBlock, depth,
                            gradient_.rows(map), mine);
      });
    });
  }

 private:
  void differentiate_block(int64_t image, int64_t w0, const T* depth, const T* map, T* feature) const {
    const int count = static_cast<int>(std::min<int64_t>(kBlock, tile_.width - w0));
    const int64_t b = image / shape_.cameras, n = image % shape_.cameras;
    const int64_t volume = tile_.depth_bins * tile_.pixels();
    T* feature_gradient = feature + thread_elements();
    const Context* context = static_cast<const Context*>(job_.context) + b * shape_.context_strides[0] +
                             n * shape_.context_strides[1];
    load_context_block<T>(tile_, context, shape_.context_channels_last, w0, count, feature);
    std::fill_n(feature_gradient, thread_elements(), T(0));
    T* depth_gradient = job_.grad_depth ? static_cast<T*>(job_.grad_depth) + b * shape_.depth_strides[0] +
                                              n * shape_.depth_strides[1] + w0
                                        : nullptr;
    const int32_t* cells = job_.plan + shape_.layout.point_cell + image * volume + w0;
    for (int64_t d = 0; d < tile_.depth_bins; ++d) {
      for (int64_t h = 0; h < tile_.height; ++h) {
        for (int w = 0; w < count; ++w) {
          const int64_t at = d * tile_.pixels() + h * tile_.width + w;
          const int64_t row = (w * tile_.height + h) * tile_.padded_channels;
          T dot = T(0);
          if (cells[at] >= 0) {
            dot = differentiate_point(map + cells[at] * gradient_.stride(), depth[image * volume + w0 + at],
                                      feature + row, feature_gradient + row);
          }
          if (depth_gradient) depth_gradient[at] = dot;
        }
      }
    }
    if (depth_gradient) {
      finish_depth_gradient<T>(tile_, static_cast<const T*>(job_.probabilities) + image * volume + w0,
                               job_.prior_weight
                                   ? static_cast<const T*>(job_.prior_weight) + image * tile_.pixels() + w0
                                   : nullptr,
                               shape_.logits, count, depth_gradient);
    }
    if (job_.grad_context) {
      Context* out = static_cast<Context*>(job_.grad_context) + b * job_.grad_context_strides[0] +
                     n * job_.grad_context_strides[1];
      store_context_block<T>(tile_, feature_gradient, shape_.context_channels_last, w0, count, out);
    }
  }

  /// Adds p·G to the feature's gradient and returns <G, F>.
  T differentiate_point(const T* g, T p, const T* feature, T* feature_gradient) const {
    Vector<T> sum = {};
    for (int64_t c = 0; c < tile_.padded_channels; c += kLanes<T>) {
      const Vector<T> gradient = load(g + c);
      sum += gradient * load(feature + c);
      store(feature_gradient + c, load(feature_gradient + c) + broadcast(p) * gradient);
    }
    T total = 0;
    for (int i = 0; i < kLanes<T>; ++i) total += sum[i];
    return total;
  }

  const LiftSplatBackwardJob& job_;
  const LiftSplatShape& shape_;
  const TileShape tile_;
  const OutputGradient<T, Out> gradient_;
};

}  // namespace

void lift_splat_intervals_forward(const LiftSplatForwardJob& job) {
  with_map_types(job.shape, [&](auto t, auto context, auto out) {
    IntervalForward<decltype(t), decltype(context), decltype(out)>(job).run();
  });
}

int64_t lift_splat_intervals_forward_workspace(const LiftSplatForwardJob& job) {
  return with_map_types(job.shape, [&](auto t, auto context, auto out) {
    return IntervalForward<decltype(t), decltype(context), decltype(out)>(job).workspace_bytes();
  });
}

void lift_splat_intervals_backward(const LiftSplatBackwardJob& job) {
  with_map_types(job.shape, [&](auto t, auto context, auto out) {
    IntervalBackward<decltype(t), decltype(context), decltype(out)>(job).run();
  });
}

int64_t lift_splat_intervals_backward_workspace(const LiftSplatBackwardJob& job) {
  return with_map_types(job.shape, [&](auto t, auto context, auto out) {
    return IntervalBackward<decltype(t), decltype(context), decltype(out)>(job).workspace_bytes(
        job.cpu.threads);
  });
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
