// Deformable convolution on the CPU, forward.
//
// The input is brought to channels-last order once and the weights into panels, so that what follows reads
// runs. A task is a tile of pixels and a group's outputs. For each tap and block of channels the tile's
// samples are taken into a small matrix (pixels × channels) that stays in the nearest caches, and multiplied
// by the weights onto the tile's sums: no column ever goes to memory. Bound: the fused multiply-adds of the
// product; sampling adds about 8 % to 128 outputs a group, and less to more.

#include "core/cpu_dispatch.hpp"
#include "core/work_shares.hpp"
#include "deform_conv/deform_conv_job.hpp"
#include "bodies.hpp"
#include "deform_conv/deform_conv_gemm.hpp"
#include "deform_conv/deform_conv_samples.hpp"
#include "deform_conv/deform_conv_workspace.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {
namespace {

/// Pixels of a tile: whole strips.
constexpr int kTile = 56 / kStripRows * kStripRows;
/// Outputs of a task at most.
constexpr int64_t kMostOutputs = 256;
constexpr int64_t kSumStride = kMostOutputs + 16;

template <class T>
class Forward {
 public:
  Forward(const DeformConvJob& job, char* base)
      : job_(job),
        blocks_(job, kMostDepth),
        panels_(panels_of<T>(job.group_outputs())),
        workspace_(base),
        maps_(workspace_.take_array<T>(job.batch * job.map_pixels() * job.channels)),
        weights_(workspace_.take_array<T>(job.channels * job.taps() * panels_ * kPanel<T>)),
        threads_(workspace_.threads_left(job.workspace_bytes, kScratch * sizeof(T), job.cpu.threads)),
        scratch_(workspace_.take_array<T>(threads_ * kScratch)) {}

  int64_t bytes() const { return workspace_.bytes(); }

  void run() {
    const int64_t tiles = (job_.out_pixels() + kTile - 1) / kTile;
    const int64_t parts = (job_.group_outputs() + kMostOutputs - 1) / kMostOutputs;
    // Groups outermost: a thread that goes from tile to tile keeps their weights in its cache.
    Crew crew(threads_);
    channels_last(crew, job_, maps_);
    pack_weights(crew);
    WorkShares shares(job_.settings.groups * parts * job_.batch * tiles, crew.size());
    crew.run([&](int thread) {
      TileSamples<T> samples;
      T* scratch = scratch_ + thread * kScratch;
      shares.work(thread, [&](int64_t task) {
        const int64_t tile = task % tiles, batch = task / tiles % job_.batch;
        const int64_t part = task / tiles / job_.batch % parts, group = task / tiles / job_.batch / parts;
        const int64_t first = tile * kTile;
        samples.begin_tile(job_, batch, first,
                           static_cast<int>(std::min<int64_t>(kTile, job_.out_pixels() - first)));
        outputs(samples, scratch, batch, group, part * kMostOutputs);
      });
    });
  }

 private:
  static constexpr int64_t kColumns = int64_t{kTile} * kRowStride;
  static constexpr int64_t kScratch = kColumns + kTile * kSumStride;

  T* panel(int64_t block, int64_t tap, int64_t panel) const {
    return weights_ + (blocks_.first(block) * job_.taps() * panels_ +
                       (tap * panels_ + panel) * blocks_.channels(block)) *
                          kPanel<T>;
  }

  /// For each block of channels and tap, panels [channel, output] of the group's outputs; outputs beyond the
  /// last are zero.
  void pack_weights(Crew& crew) const {
    with_storage<T>(job_.weight_type, [&](auto storage) {
      const auto* weight = static_cast<const decltype(storage)*>(job_.weight);
      deal(crew, blocks_.count * panels_, [&](int64_t i) { pack_panel(weight, i / panels_, i % panels_); });
    });
  }

  template <class Weight>
  void pack_panel(const Weight* weight, int64_t block, int64_t index) const {
    constexpr int lanes = kLanes<T>;
    const int64_t taps = job_.taps(), outputs = job_.group_outputs(), channels = blocks_.channels(block);
    const int64_t group = blocks_.first(block) / job_.group_channels();
    const int64_t row_length = job_.group_channels() * taps;
    const Weight* from =
        weight + group * outputs * row_length + (blocks_.first(block) - group * job_.group_channels()) * taps;
    for (int half = 0; half < kPanelVectors; ++half) {
      const int64_t first = index * kPanel<T> + half * lanes;
      int64_t channel = 0, tap = 0;
      for (int64_t column = 0; column < channels * taps; column += lanes) {
        const int wide = static_cast<int>(std::min<int64_t>(lanes, channels * taps - column));
        Vector<T> square[lanes];
        for (int i = 0; i < lanes; ++i) {
          square[i] =
              first + i < outputs ? load_as<T>(from + (first + i) * row_length + column, wide) : Vector<T>{};
        }
        transpose<T>(square);
        for (int i = 0; i < wide; ++i) {
          store(panel(block, tap, index) + channel * kPanel<T> + half * lanes, square[i]);
          if (++tap == taps) {
            tap = 0;
            ++channel;
          }
        }
      }
    }
  }

  /// The tile's outputs of a group, at most kMostOutputs from `first` on.
  void outputs(TileSamples<T>& samples, T* scratch, int64_t batch, int64_t group, int64_t first) const {
    T *columns = scratch, *sums = scratch + kColumns;
    const int64_t count = std::min(kMostOutputs, job_.group_outputs() - first);
    const int64_t output = group * job_.group_outputs() + first;
    const int vectors = vectors_of<T>(count);
    begin_sums(sums, samples.count(), output, count);
    const int64_t blocks = blocks_.count / job_.settings.groups;
    const T* map = maps_ + batch * job_.map_pixels() * job_.channels;
    for (int64_t block = group * blocks; block < (group + 1) * blocks; ++block) {
      const int channels = static_cast<int>(blocks_.channels(block));
      const int64_t channel = blocks_.first(block);
      for (int32_t tap = 0; tap < job_.taps(); ++tap) {
        samples.place(job_, channel / job_.deform_channels(), tap);
        sample_columns(job_, map, channel, channels, samples, columns);
        multiply(columns, samples.count(), channels, panel(block, tap, first / kPanel<T>), kPanel<T>,
                 channels * kPanel<T>, vectors, sums, kSumStride);
      }
    }
    with_storage<T>(job_.out_type, [&](auto storage) {
      auto* out = static_cast<decltype(storage)*>(job_.out);
      transpose_matrix<T>(sums, kSumStride, samples.count(), count,
                          out + (batch * job_.out_channels + output) * job_.out_pixels() + samples.first(),
                          job_.out_pixels());
    });
  }

  /// Every pixel's sums begin with the bias.
  void begin_sums(T* sums, int pixels, int64_t output, int64_t count) const {
    constexpr int lanes = kLanes<T>;
    const int64_t width = vectors_of<T>(count) * lanes;
    std::fill_n(sums, width, T(0));
    if (job_.bias) {
      with_storage<T>(job_.weight_type, [&](auto storage) {
        const auto* bias = static_cast<const decltype(storage)*>(job_.bias) + output;
        for (int64_t i = 0; i < count; i += lanes) {
          store(sums + i, load_as<T>(bias + i, static_cast<int>(std::min<int64_t>(lanes, count - i))));
        }
      });
    }
    for (int pixel = 1; pixel < pixels; ++pixel) std::copy_n(sums, width, sums + pixel * kSumStride);
  }

  const DeformConvJob& job_;
  ChannelBlocks blocks_;
  int64_t panels_;  ///< of a group's outputs
  HostWorkspace workspace_;
  T* maps_;
  T* weights_;
  int threads_;
  T* scratch_;  ///< kScratch a thread
};

}  // namespace

int64_t deform_conv_forward_workspace(const DeformConvJob& job) {
  return job.input_type == ElementType::kFloat64 ? Forward<double>(job, nullptr).bytes()
                                                 : Forward<float>(job, nullptr).bytes();
}

void deform_conv_forward(const DeformConvJob& job) {
  if (job.input_type == ElementType::kFloat64) {
    Forward<double>(job, job.workspace).run();
  } else {
    Forward<float>(job, job.workspace).run();
  }
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
