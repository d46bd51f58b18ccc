// Deformable convolution on the CPU, backward. Every sum has one owner, so nothing is atomic and the bits are
// the same for any number of threads.
//
// Gradients of input, offset and mask: a task is a block of channels of one batch element. It walks over the
// output in tiles; for each tap the tile's gradients of columns (pixels × channels) are a product of the
// output's gradient and the weights, which is then added to the corners in a map of the task's own and
// multiplied with the corners' values. The latter sums over channels are kept for each block and added up in
// the order of the blocks at the end. Gradient of weights: a task is a row of taps, whose samples share most
// of their neighbours, and a block of channels, whose columns it samples again, tile after tile over the
// whole batch. Bound: the fused multiply-adds of the two products, twice forward's.

#include "core/cpu_dispatch.hpp"
#include "core/lane_sums.hpp"
#include "core/work_shares.hpp"
#include "deform_conv/deform_conv_job.hpp"
#include "bodies.hpp"
#include "deform_conv/deform_conv_gemm.hpp"
#include "deform_conv/deform_conv_samples.hpp"
#include "deform_conv/deform_conv_workspace.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {
namespace {

/// Pixels of a tile of columns: whole strips.
constexpr int kTile = 56 / kStripRows * kStripRows;
constexpr int64_t kTileElements = int64_t{kTile} * kRowStride;
/// Pixels of a tile whose sum over pixels is wanted.
constexpr int kDeepTile = kMostDepth;
static_assert(kDeepTile <= kMostPixels);
/// Outputs of a task of the weights' gradient at most: whole strips.
constexpr int64_t kMostOutputs = 252;
constexpr int64_t kFewestTasks = 16;
/// Bytes of a map that shall stay in a core's second-level cache.
constexpr int64_t kNearBytes = 1 << 20;

constexpr int64_t divided_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Channels of a block of columns: fewer where the map is large, or tasks would be too few.
ChannelBlocks column_blocks(const DeformConvJob& job, int64_t element) {
  int64_t most = kMostDepth;
  while (most > 32 && (job.map_pixels() * most * element > kNearBytes ||
                       job.batch * ChannelBlocks(job, most).count < kFewestTasks / 2)) {
    most /= 2;
  }
  return ChannelBlocks(job, most);
}

ChannelBlocks weight_blocks(const DeformConvJob& job) {
  int64_t most = kMostDepth;
  while (most > 32 && ChannelBlocks(job, most).count * job.kernel_height < kFewestTasks / 2) most /= 2;
  return ChannelBlocks(job, most);
}

/// What a tile's gradients of columns give.
template <class T>
struct PassBack {
  alignas(64) T products[4 * kTile][kLanes<T>];  ///< of gradient and value at corner k of sample i, by lane
  alignas(64) T dots[4 * kTile];                 ///< their sums
};

template <class T>
class Backward {
 public:
  Backward(const DeformConvBackwardJob& job, char* base)
      : job_(job),
        f_(job.forward),
        blocks_(column_blocks(f_, sizeof(T))),
        weight_blocks_(weight_blocks(f_)),
        panels_(panels_of<T>(blocks_.width)),
        map_stride_(vectors_of<T>(blocks_.width) * kLanes<T>),
        depths_(divided_up(f_.group_outputs(), kMostDepth)),
        workspace_(base) {
    if (job.wants_samples() || job.grad_weight) {
      maps_ = workspace_.take_array<T>(f_.batch * f_.map_pixels() * f_.channels);
    }
    int64_t scratch = 0;
    if (job.wants_columns()) {
      weights_ =
          workspace_.take_array<T>(blocks_.count * f_.taps() * panels_ * f_.group_outputs() * kPanel<T>);
      scratch = (depths_ + 1) * kTileElements + (job.grad_input ? f_.map_pixels() * map_stride_ : 0);
    }
    if (job.grad_weight) {
      scratch = std::max(scratch, ((1 + f_.kernel_width) * kMostOutputs + kDeepTile) * kRowStride);
    }
    if (job.wants_samples()) partial_ = workspace_.take_array<T>(3 * blocks_.count * block_samples());
    scratch_elements_ = divided_up(scratch, 16) * 16;
    threads_ = workspace_.threads_left(job.workspace_bytes, scratch_elements_ * sizeof(T), f_.cpu.threads);
    scratch_ = workspace_.take_array<T>(threads_ * scratch_elements_);
  }

  int64_t bytes() const { return workspace_.bytes(); }

  void run() {
    const int64_t rows = f_.kernel_height, parts = divided_up(f_.group_outputs(), kMostOutputs);
    Crew crew(threads_);
    if (maps_) channels_last(crew, f_, maps_);
    if (weights_) pack_weights(crew);
    if (job_.grad_bias) bias_gradient(crew);
    WorkShares column_shares(job_.wants_columns() ? blocks_.count * f_.batch : 0, crew.size());
    WorkShares weight_shares(job_.grad_weight ? weight_blocks_.count * parts * rows : 0, crew.size());
    crew.run([&](int thread) {
      TileSamples<T> samples;
      PassBack<T> pass;
      T* scratch = scratch_ + thread * scratch_elements_;
      column_shares.work(thread, [&](int64_t task) {
        columns_gradient(samples, pass, scratch, task % f_.batch, task / f_.batch);
      });
      weight_shares.work(thread, [&](int64_t task) {
        weight_gradient(samples, scratch, task / rows / parts, task / rows % parts * kMostOutputs,
                        static_cast<int32_t>(task % rows));
      });
    });
    if (job_.wants_samples()) add_partial_sums(crew);
  }

 private:
  int64_t block_samples() const { return f_.batch * f_.taps() * f_.out_pixels(); }
  int64_t group_of(int64_t channel) const { return channel / f_.group_channels(); }
  int64_t deform_group_of(int64_t channel) const { return channel / f_.deform_channels(); }

  /// The weights of a block and tap from output `output` of the group on: panels of channels.
  T* panels(int64_t block, int64_t tap, int64_t output) const {
    return weights_ + ((block * f_.taps() + tap) * panels_ * f_.group_outputs() + output) * kPanel<T>;
  }

  /// For each block of channels and tap, panels [output, channel]; channels beyond the block's are zero.
  void pack_weights(Crew& crew) const {
    const int64_t outputs = f_.group_outputs(), taps = f_.taps();
    with_storage<T>(f_.weight_type, [&](auto storage) {
      const auto* weight = static_cast<const decltype(storage)*>(f_.weight);
      deal(crew, blocks_.count * outputs, [&](int64_t i) {
        const int64_t block = i / outputs, output = i % outputs;
        const int64_t first = blocks_.first(block), group = group_of(first);
        const auto* from =
            weight +
            ((group * outputs + output) * f_.group_channels() + first - group * f_.group_channels()) * taps;
        for (int64_t c = 0; c < panels_ * kPanel<T>; ++c) {
          T* to = panels(block, 0, output) + c / kPanel<T> * outputs * kPanel<T> + c % kPanel<T>;
          for (int64_t tap = 0; tap < taps; ++tap) {
            to[tap * panels_ * outputs * kPanel<T>] =
                c < blocks_.channels(block) ? static_cast<T>(widen(from[c * taps + tap])) : T(0);
          }
        }
      });
    });
  }

  void bias_gradient(Crew& crew) const {
    with_storage<T>(f_.out_type, [&](auto storage) {
      const auto* gradient = static_cast<const decltype(storage)*>(job_.grad_out);
      deal(crew, f_.out_channels, [&](int64_t output) {
        Vector<T> lanes = {};
        for (int64_t batch = 0; batch < f_.batch; ++batch) {
          const auto* from = gradient + (batch * f_.out_channels + output) * f_.out_pixels();
          for (int64_t i = 0; i < f_.out_pixels(); i += kLanes<T>) {
            lanes +=
                load_as<T>(from + i, static_cast<int>(std::min<int64_t>(f_.out_pixels() - i, kLanes<T>)));
          }
        }
        T sum = 0;
        for (int lane = 0; lane < kLanes<T>; ++lane) sum += lanes[lane];
        with_storage<T>(f_.weight_type, [&](auto weight) {
          store_scalar(static_cast<decltype(weight)*>(job_.grad_bias) + output, sum);
        });
      });
    });
  }

  template <class Storage>
  static void store_scalar(Storage* to, T value) {
    if constexpr (std::is_same_v<T, Storage>) {
      *to = value;
    } else {
      *to = narrow<Storage>(value);
    }
  }

  /// What a block of channels of a batch element contributes to the gradients of input, offset and mask.
  void columns_gradient(TileSamples<T>& samples, PassBack<T>& pass, T* scratch, int64_t batch,
                        int64_t block) const {
    T *gradient = scratch, *columns = scratch + depths_ * kTileElements;
    T* grad_map = job_.grad_input ? columns + kTileElements : nullptr;
    const int64_t channel = blocks_.first(block), channels = blocks_.channels(block);
    if (grad_map) std::fill_n(grad_map, f_.map_pixels() * map_stride_, T(0));
    for (int64_t first = 0; first < f_.out_pixels(); first += kTile) {
      const int count = static_cast<int>(std::min<int64_t>(kTile, f_.out_pixels() - first));
      samples.begin_tile(f_, batch, first, count);
      load_gradient(batch, group_of(channel), first, count, gradient);
      for (int32_t tap = 0; tap < f_.taps(); ++tap) {
        multiply_by_weights(gradient, count, block, tap, columns);
        samples.place(f_, deform_group_of(channel), tap);
        const int width = static_cast<int>(channels);
        const T* map =
            job_.wants_samples() ? maps_ + batch * f_.map_pixels() * f_.channels + channel : nullptr;
        if (map && grad_map) {
          pass_back<true, true>(samples, columns, width, map, grad_map, pass);
        } else if (map) {
          pass_back<true, false>(samples, columns, width, map, grad_map, pass);
        } else {
          pass_back<false, true>(samples, columns, width, map, grad_map, pass);
        }
        if (map) write_sample_gradients(samples, pass, (block * f_.batch + batch) * f_.taps() + tap);
      }
    }
    if (!grad_map) return;
    with_storage<T>(f_.input_type, [&](auto storage) {
      auto* to = static_cast<decltype(storage)*>(job_.grad_input);
      transpose_matrix<T>(grad_map, map_stride_, f_.map_pixels(), channels,
                          to + (batch * f_.channels + channel) * f_.map_pixels(), f_.map_pixels());
    });
  }

  /// The output's gradient of a tile and group as matrices [pixel, output], kMostDepth outputs each.
  void load_gradient(int64_t batch, int64_t group, int64_t first, int count, T* to) const {
    const int64_t outputs = f_.group_outputs();
    with_storage<T>(f_.out_type, [&](auto storage) {
      const auto* from = static_cast<const decltype(storage)*>(job_.grad_out) +
                         (batch * f_.out_channels + group * outputs) * f_.out_pixels() + first;
      for (int64_t output = 0; output < outputs; output += kMostDepth, to += kTileElements) {
        transpose_matrix<T>(from + output * f_.out_pixels(), f_.out_pixels(),
                            std::min<int64_t>(kMostDepth, outputs - output), count, to, kRowStride);
      }
    });
  }

  /// columns [pixel, channel] = the output's gradient · the block's weights at the tap.
  void multiply_by_weights(const T* gradient, int count, int64_t block, int64_t tap, T* columns) const {
    const int64_t outputs = f_.group_outputs();
    const int vectors = vectors_of<T>(blocks_.channels(block));
    for (int i = 0; i < count; ++i) std::fill_n(columns + i * kRowStride, vectors * kLanes<T>, T(0));
    for (int64_t output = 0; output < outputs; output += kMostDepth, gradient += kTileElements) {
      multiply(gradient, count, static_cast<int>(std::min<int64_t>(kMostDepth, outputs - output)),
               panels(block, tap, output), kPanel<T>, outputs * kPanel<T>, vectors, columns, kRowStride);
    }
  }

  /// Adds the tile's gradients of columns, times the corners' weights, to grad_map, and leaves the sums of
  /// their products with the corners' values in pass.dots.
  template <bool kDots, bool kScatter>
  void pass_back(const TileSamples<T>& samples, const T* columns, int channels, const T* map, T* grad_map,
                 PassBack<T>& pass) const {
    constexpr int lanes = kLanes<T>;
    for (int i = 0; i < samples.count(); ++i, columns += kRowStride) {
      Vector<T> products[4] = {};
      const uint32_t inside = samples.inside[i];
      const auto corner = [&](int k, int c, int valid) {
        const int64_t pixel = samples.pixel[i] + corner_step(k, f_.width);
        const Vector<T> gradient = load(columns + c);
        if constexpr (kDots) {
          products[k] += gradient * load_partial(map + pixel * f_.channels + c, valid);
        }
        if constexpr (kScatter) {
          T* to = grad_map + pixel * map_stride_ + c;
          store(to, load(to) + broadcast(samples.corner[k][i]) * gradient);
        }
      };
      if (inside == 15u) {
        int c = 0;
        for (; c + lanes <= channels; c += lanes) {
#pragma GCC unroll 4
          for (int k = 0; k < 4; ++k) corner(k, c, lanes);
        }
        if (c < channels) {
#pragma GCC unroll 4
          for (int k = 0; k < 4; ++k) corner(k, c, channels - c);
        }
      } else {
        for (int c = 0; c < channels; c += lanes) {
#pragma GCC unroll 4
          for (int k = 0; k < 4; ++k) {
            if (inside >> k & 1u) corner(k, c, channels - c);
          }
        }
      }
      if constexpr (kDots) {
        for (int k = 0; k < 4; ++k) store(pass.products[4 * i + k], products[k]);
      }
    }
    if constexpr (kDots) sum_lanes<T>(pass.products, 4 * samples.count(), pass.dots);
  }

  /// From the products' sums to what a block contributes to the gradients of y, x and mask.
  void write_sample_gradients(const TileSamples<T>& samples, const PassBack<T>& pass, int64_t plane) const {
    const int64_t all = blocks_.count * block_samples();
    T* grad_y = partial_ + plane * f_.out_pixels() + samples.first();
    T *grad_x = grad_y + all, *grad_mask = grad_x + all;
    for (int i = 0; i < samples.count(); ++i) {
      const T d0 = pass.dots[4 * i], d1 = pass.dots[4 * i + 1];
      const T d2 = pass.dots[4 * i + 2], d3 = pass.dots[4 * i + 3];
      // A sample that does not count has no gradient, whatever its mask.
      const T mask = samples.inside[i] ? samples.mask[i] : T(0);
      const T above = d0 + samples.right[i] * (d1 - d0), below = d2 + samples.right[i] * (d3 - d2);
      grad_y[i] = mask * (below - above);
      grad_x[i] = mask * ((d1 - d0) + samples.lower[i] * ((d3 - d2) - (d1 - d0)));
      grad_mask[i] = above + samples.lower[i] * (below - above);
    }
  }

  /// The gradients of offset and mask: the sums over the blocks of each deformable group, in their order.
  void add_partial_sums(Crew& crew) const {
    const int64_t taps = f_.taps(), groups = f_.settings.deform_groups, pixels = f_.out_pixels();
    const int64_t blocks = blocks_.count / groups, all = blocks_.count * block_samples();
    deal(crew, f_.batch * groups * taps, [&](int64_t i) {
      const int64_t tap = i % taps, group = i / taps % groups, batch = i / taps / groups;
      const auto add = [&](int quantity, T* to) {
        std::fill_n(to, pixels, T(0));
        for (int64_t block = group * blocks; block < (group + 1) * blocks; ++block) {
          const T* from = partial_ + quantity * all + ((block * f_.batch + batch) * taps + tap) * pixels;
          for (int64_t pixel = 0; pixel < pixels; ++pixel) to[pixel] += from[pixel];
        }
      };
      if (job_.grad_offset) {
        add(0, static_cast<T*>(job_.grad_offset) + 2 * i * pixels);
        add(1, static_cast<T*>(job_.grad_offset) + (2 * i + 1) * pixels);
      }
      if (job_.grad_mask) add(2, static_cast<T*>(job_.grad_mask) + i * pixels);
    });
  }

  /// The weights' gradient at a row of taps for a block of channels and at most kMostOutputs of the group's
  /// outputs.
  void weight_gradient(TileSamples<T>& samples, T* scratch, int64_t block, int64_t first_output,
                       int32_t row) const {
    T *gradient = scratch, *columns = gradient + kMostOutputs * kRowStride;
    T* sums = columns + kDeepTile * kRowStride;
    const int64_t channel = weight_blocks_.first(block), group = group_of(channel);
    const int channels = static_cast<int>(weight_blocks_.channels(block));
    const int64_t outputs = std::min(kMostOutputs, f_.group_outputs() - first_output);
    const int64_t output = group * f_.group_outputs() + first_output, tap_sums = outputs * kRowStride;
    std::fill_n(sums, f_.kernel_width * tap_sums, T(0));
    for (int64_t batch = 0; batch < f_.batch; ++batch) {
      const T* map = maps_ + batch * f_.map_pixels() * f_.channels;
      for (int64_t first = 0; first < f_.out_pixels(); first += kDeepTile) {
        const int count = static_cast<int>(std::min<int64_t>(kDeepTile, f_.out_pixels() - first));
        samples.begin_tile(f_, batch, first, count);
        load_rows((batch * f_.out_channels + output) * f_.out_pixels() + first, outputs, count, gradient);
        for (int32_t i = 0; i < f_.kernel_width; ++i) {
          samples.place(f_, deform_group_of(channel), row * f_.kernel_width + i);
          sample_columns(f_, map, channel, channels, samples, columns);
          multiply(gradient, outputs, count, columns, kRowStride, kPanel<T>, vectors_of<T>(channels),
                   sums + i * tap_sums, kRowStride);
        }
      }
    }
    with_storage<T>(f_.weight_type, [&](auto storage) {
      for (int64_t i = 0; i < outputs * f_.kernel_width; ++i) {
        const int64_t tap = i % f_.kernel_width, o = i / f_.kernel_width;
        auto* to = static_cast<decltype(storage)*>(job_.grad_weight) +
                   ((output + o) * f_.group_channels() + channel - group * f_.group_channels()) * f_.taps() +
                   row * f_.kernel_width + tap;
        const T* from = sums + tap * tap_sums + o * kRowStride;
        for (int c = 0; c < channels; ++c) store_scalar(to + c * f_.taps(), from[c]);
      }
    });
  }

  /// Rows of `count` pixels of the output's gradient, one an output.
  void load_rows(int64_t from, int64_t outputs, int count, T* to) const {
    constexpr int lanes = kLanes<T>;
    with_storage<T>(f_.out_type, [&](auto storage) {
      const auto* row = static_cast<const decltype(storage)*>(job_.grad_out) + from;
      for (int64_t o = 0; o < outputs; ++o, row += f_.out_pixels(), to += kRowStride) {
        for (int i = 0; i < count; i += lanes) store(to + i, load_as<T>(row + i, count - i));
      }
    });
  }

  const DeformConvBackwardJob& job_;
  const DeformConvJob& f_;
  ChannelBlocks blocks_;         ///< of tasks of the columns' gradient
  ChannelBlocks weight_blocks_;  ///< of tasks of the weights' gradient
  int64_t panels_;               ///< of a block's channels
  int64_t map_stride_;           ///< from one pixel of a task's map to the next
  int64_t depths_;               ///< matrices of a group's outputs
  HostWorkspace workspace_;
  T* maps_ = nullptr;
  T* weights_ = nullptr;
  T* partial_ = nullptr;  ///< [y, x, mask][block, batch, tap, pixel]
  T* scratch_ = nullptr;
  int64_t scratch_elements_;
  int threads_;
};

}  // namespace

int64_t deform_conv_backward_workspace(const DeformConvBackwardJob& job) {
  return job.forward.input_type == ElementType::kFloat64 ? Backward<double>(job, nullptr).bytes()
                                                         : Backward<float>(job, nullptr).bytes();
}

void deform_conv_backward(const DeformConvBackwardJob& job) {
  if (job.forward.input_type == ElementType::kFloat64) {
    Backward<double>(job, job.workspace).run();
  } else {
    Backward<float>(job, job.workspace).run();
  }
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
