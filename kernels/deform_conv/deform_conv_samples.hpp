// The samples of deform_conv on the CPU: where the sample of one tap lies for each pixel of a tile of the
// output, and the columns that come of them. Included by CPU bodies only.
#pragma once

#include <algorithm>

#include "core/bilinear.hpp"
#include "core/simd.hpp"
#include "deform_conv/deform_conv_gemm.hpp"
#include "deform_conv/deform_conv_job.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// Pixels of a tile at most.
constexpr int kMostPixels = 128;

/// A tile of pixels of one batch element's output, and the samples that one tap of one deformable group has
/// there. The vectors of a tile's arrays are worked on beyond its last pixel too.
template <class T>
class TileSamples {
 public:
  alignas(64) int32_t pixel[kMostPixels];    ///< of corner 0 in the input map; may lie outside it
  alignas(64) uint32_t inside[kMostPixels];  ///< as BilinearPoint has it
  alignas(64) T right[kMostPixels];
  alignas(64) T lower[kMostPixels];
  alignas(64) T mask[kMostPixels];
  alignas(64) T corner[4][kMostPixels];  ///< weight of each corner, with the mask

  void begin_tile(const DeformConvJob& job, int64_t batch, int64_t first, int count) {
    batch_ = batch;
    first_ = first;
    count_ = count;
    int64_t row = first / job.out_width, column = first % job.out_width;
    for (int i = 0; i < count; ++i) {
      y_[i] = static_cast<T>(row * job.settings.stride[0] - job.settings.padding[0]);
      x_[i] = static_cast<T>(column * job.settings.stride[1] - job.settings.padding[1]);
      if (++column == job.out_width) {
        column = 0;
        ++row;
      }
    }
  }

  void place(const DeformConvJob& job, int64_t deform_group, int32_t tap) {
    const int64_t plane = (batch_ * job.settings.deform_groups + deform_group) * job.taps() + tap;
    const T* dy = static_cast<const T*>(job.offset) + 2 * plane * job.out_pixels() + first_;
    const T* dx = dy + job.out_pixels();
    if (job.mask) {
      std::copy_n(static_cast<const T*>(job.mask) + plane * job.out_pixels() + first_, count_, mask);
    } else {
      std::fill_n(mask, count_, T(1));
    }
    const T tap_y = static_cast<T>(tap / job.kernel_width * job.settings.dilation[0]);
    const T tap_x = static_cast<T>(tap % job.kernel_width * job.settings.dilation[1]);
    const int32_t height = static_cast<int32_t>(job.height), width = static_cast<int32_t>(job.width);
    for (int i = 0; i < count_; ++i) {
      const BilinearPoint<T> point =
          bilinear_point(x_[i] + tap_x + dx[i], y_[i] + tap_y + dy[i], width, height);
      pixel[i] = point.row * width + point.column;
      inside[i] = point.inside;
      right[i] = point.right;
      lower[i] = point.lower;
      for (int k = 0; k < 4; ++k) corner[k][i] = mask[i] * bilinear_weight(point, k);
    }
  }

  int count() const { return count_; }
  int64_t first() const { return first_; }

 private:
  int64_t batch_, first_;
  int count_;
  alignas(64) T y_[kMostPixels];  ///< of tap 0 without its offset
  alignas(64) T x_[kMostPixels];
};

/// Corner k's pixel, as steps from corner 0's.
inline int64_t corner_step(int k, int64_t width) { return (k & 2 ? width : 0) + (k & 1); }

/// columns[i] = the sample of pixel i, `channels` ≤ kMostDepth channels from `channel` on of a map [H · W,
/// C]; what is left of the last vector becomes zero.
template <class T>
void sample_columns(const DeformConvJob& job, const T* map, int64_t channel, int channels,
                    const TileSamples<T>& samples, T* columns) {
  constexpr int lanes = kLanes<T>;
  for (int i = 0; i < samples.count(); ++i, columns += kRowStride) {
    const uint32_t inside = samples.inside[i];
    if (inside == 15u) {
      const T* upper = map + samples.pixel[i] * job.channels + channel;
      const T* lower = upper + job.width * job.channels;
      const Vector<T> factor0 = broadcast(samples.corner[0][i]), factor1 = broadcast(samples.corner[1][i]);
      const Vector<T> factor2 = broadcast(samples.corner[2][i]), factor3 = broadcast(samples.corner[3][i]);
      int c = 0;
      for (; c + lanes <= channels; c += lanes) {
        store(columns + c, (factor0 * load(upper + c) + factor1 * load(upper + job.channels + c)) +
                               (factor2 * load(lower + c) + factor3 * load(lower + job.channels + c)));
      }
      if (c < channels) {
        const int rest = channels - c;
        store(columns + c, (factor0 * load_partial(upper + c, rest) +
                            factor1 * load_partial(upper + job.channels + c, rest)) +
                               (factor2 * load_partial(lower + c, rest) +
                                factor3 * load_partial(lower + job.channels + c, rest)));
      }
      continue;
    }
    for (int c = 0; c < channels; c += lanes) {
      Vector<T> sum = {};
      for (int k = 0; k < 4; ++k) {
        if (!(inside >> k & 1u)) continue;
        const int64_t pixel = samples.pixel[i] + corner_step(k, job.width);
        sum += broadcast(samples.corner[k][i]) *
               load_partial(map + pixel * job.channels + channel + c, channels - c);
      }
      store(columns + c, sum);
    }
  }
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
