// What the CUDA kernels of deform_conv have in common: where samples lie, columns gathered from them, and
// the product of two tiles in shared memory.
//
// A block of 256 threads owns 64 × 128 sums, 4 × 8 a thread, and goes through the depth of the product
// sixteen at a time: it fetches the next stage into registers while it multiplies the present one in shared
// memory, of which there are two, so that one barrier a stage is enough. The tiles are float32 whatever the
// tensors' dtypes and are multiplied by fused multiply-adds: tensor cores are not used (the emulation that
// the tests run on has none). Bound: 67 TFLOP/s of them.
#pragma once

#include "core/bilinear.hpp"
#include "core/block_scan.cuh"
#include "core/cuda_elements.cuh"
#include "deform_conv/deform_conv_job.hpp"
#include "deform_conv/deform_conv_layout.cuh"

namespace bevel {

constexpr int kStageDepth = 16;
constexpr int kNarrow = 64;  ///< rows of a tile: pixels, or channels
constexpr int kWide = 128;   ///< columns of a tile: outputs, or taps and channels
constexpr int kNarrowStride = kNarrow + 4;
constexpr int kNarrowStage = kStageDepth * kNarrowStride;
constexpr int kWideStage = kStageDepth * kWide;
constexpr int kNarrowOwn = 4;  ///< of a thread
constexpr int kWideOwn = 8;
constexpr int kNarrowThreads = kNarrow / kNarrowOwn;
static_assert(kNarrowThreads * (kWide / kWideOwn) == kBlockThreads);

/// What every kernel knows of the convolution.
struct ConvView {
  DeformConvJob job;
  DeviceSpan<const float> offset, mask;  ///< mask null: 1
  DeviceSpan<const float> maps;          ///< the input as [batch, height · width, channels]
  bool whole;                            ///< four channels of a block are one access

  /// `plane`: (batch · deform_groups + deformable group) · taps + tap.
  __device__ __forceinline__ BilinearPoint<float> point(int64_t plane, int64_t pixel) const {
    const int32_t tap = static_cast<int32_t>(plane % job.taps());
    const int32_t row = static_cast<int32_t>(pixel / job.out_width);
    const int32_t column = static_cast<int32_t>(pixel % job.out_width);
    const int32_t y = row * job.settings.stride[0] - job.settings.padding[0] +
                      tap / job.kernel_width * job.settings.dilation[0];
    const int32_t x = column * job.settings.stride[1] - job.settings.padding[1] +
                      tap % job.kernel_width * job.settings.dilation[1];
    const float dy = offset[2 * plane * job.out_pixels() + pixel];
    const float dx = offset[(2 * plane + 1) * job.out_pixels() + pixel];
    return bilinear_point(static_cast<float>(x) + dx, static_cast<float>(y) + dy,
                          static_cast<int32_t>(job.width), static_cast<int32_t>(job.height));
  }
  __device__ __forceinline__ float mask_at(int64_t plane, int64_t pixel) const {
    return mask ? float(mask[plane * job.out_pixels() + pixel]) : 1.0f;
  }
};

/// Samples in shared memory.
struct SharedSamples {
  SharedSpan<int32_t> pixel;    ///< of corner 0
  SharedSpan<uint32_t> inside;  ///< as BilinearPoint has it; 0 where there is no sample
  SharedSpan<float> corner;     ///< four weights a sample, with the mask

  __device__ __forceinline__ void put(int at, const BilinearPoint<float>& point, float mask,
                                      int32_t width) const {
    pixel[at] = point.row * width + point.column;
    inside[at] = point.inside;
    Float4 weights;
#pragma unroll
    for (int k = 0; k < 4; ++k) weights[k] = mask * bilinear_weight(point, k);
    store_vector(corner + at * 4, weights);
  }
  __device__ __forceinline__ void drop(int at) const {
    pixel[at] = 0;
    inside[at] = 0;
    store_vector(corner + at * 4, Float4{});
  }
};

/// Four channels from `channel` on of the sample at `at`, of which `left` there are.
__device__ __forceinline__ Float4 gather(const ConvView& conv, const SharedSamples& samples, int at,
                                         int64_t batch, int64_t channel, int64_t left) {
  Float4 sum = {};
  const uint32_t inside = samples.inside[at];
  if (left <= 0 || inside == 0) return sum;
  const Float4 weights = load_vector<4>(samples.corner + at * 4);
  const int64_t first = (batch * conv.job.map_pixels() + samples.pixel[at]) * conv.job.channels + channel;
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    if (!(inside >> k & 1u)) continue;
    const int64_t from = first + ((k & 2 ? conv.job.width : 0) + (k & 1)) * conv.job.channels;
    if (conv.whole) {
      const Float4 value = load_vector_readonly<4>(conv.maps + from);
#pragma unroll
      for (int i = 0; i < 4; ++i) sum[i] = fmaf(weights[k], value[i], sum[i]);
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (i < left) sum[i] = fmaf(weights[k], float(conv.maps[from + i]), sum[i]);
      }
    }
  }
  return sum;
}

/// Four numbers of a row from `at` on, of which `left` there are; in one access if `whole`.
__device__ __forceinline__ Float4 load_some(const DeviceSpan<const float>& from, int64_t at, int64_t left,
                                            bool whole) {
  Float4 values = {};
  if (left <= 0) return values;
  if (whole) return load_vector_readonly<4>(from + at);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (i < left) values[i] = from[at + i];
  }
  return values;
}

/// sums[w][n] += Σ over the stage's depth of wide · narrow, for this thread's part of the tile.
__device__ __forceinline__ void multiply_stage(const SharedSpan<float>& narrow, const SharedSpan<float>& wide,
                                               float (&sums)[kWideOwn][kNarrowOwn]) {
  const int n = threadIdx.x % kNarrowThreads * kNarrowOwn, w = threadIdx.x / kNarrowThreads * kWideOwn;
#pragma unroll
  for (int k = 0; k < kStageDepth; ++k) {
    const Float4 a = load_vector<4>(narrow + (k * kNarrowStride + n));
#pragma unroll
    for (int half = 0; half < kWideOwn; half += 4) {
      const Float4 b = load_vector<4>(wide + (k * kWide + w + half));
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < kNarrowOwn; ++j) sums[half + i][j] = fmaf(b[i], a[j], sums[half + i][j]);
      }
    }
  }
}

inline int64_t divided_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Four channels of every block of the blocks are one access of the maps.
inline bool whole_quads(const DeformConvJob& job, const ChannelBlocks& blocks) {
  return blocks.segment % 4 == 0 && blocks.width % 4 == 0 && job.channels % 4 == 0;
}

inline ConvView conv_view(const DeformConvJob& job, const FloatBuffer& maps, bool whole) {
  const int64_t samples = job.batch * job.settings.deform_groups * job.taps() * job.out_pixels();
  ConvView view = {};
  view.job = job;
  view.offset = DeviceSpan<const float>(static_cast<const float*>(job.offset), 2 * samples, "offset");
  if (job.mask) view.mask = DeviceSpan<const float>(static_cast<const float*>(job.mask), samples, "mask");
  view.maps = maps.const_span();
  view.whole = whole;
  return view;
}

/// The input as [batch, height · width, channels].
inline int64_t map_elements(const DeformConvJob& job) { return job.batch * job.map_pixels() * job.channels; }
inline void enqueue_channels_last(const DeformConvJob& job, const FloatBuffer& maps, cudaStream_t stream) {
  enqueue_transpose(ConstMap(job.input, map_elements(job), job.input_type, "input"), maps.map(), job.batch,
                    job.channels, job.map_pixels(), stream);
}

inline ConstMap weight_map(const DeformConvJob& job) {
  return {job.weight, job.out_channels * job.group_channels() * job.taps(), job.weight_type, "weight"};
}

}  // namespace bevel
