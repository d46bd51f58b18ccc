// Deformable convolution forward: an implicit product of matrices, whose columns never exist in memory.
//
// Before, the input is brought to channels-last order and the weights to [channel, tap, output]. Then one
// launch for the whole batch and all groups: a block owns 64 pixels × 128 outputs of a group. For each tap
// (and deformable group) it works out once where its samples lie; for every sixteen channels its threads
// gather a quad of channels each, 16 bytes a corner, into the tile that is multiplied. Bound: the fused
// multiply-adds; 13 kFLOP stand against 1 kB gathered from L2.
#include "core/cuda_check.hpp"
#include "core/cuda_workspace.cuh"
#include "deform_conv/deform_conv_job.hpp"
#include "core/cuda_bodies.hpp"
#include "deform_conv/deform_conv_layout.cuh"
#include "deform_conv/deform_conv_tile.cuh"

namespace bevel {
namespace {

struct Forward {
  ConvView conv;
  ChannelBlocks blocks;
  DeviceSpan<const float> weight;  ///< [group channel, tap, output]
  bool weight_whole, out_whole;
  ConstMap bias;
  bool has_bias;
  Map out;
  int64_t pixel_tiles;   ///< of a batch element
  int64_t output_tiles;  ///< of a group
};

/// A block's way through the depth of its product: blocks of channels within taps.
struct StageCursor {
  int64_t segment_first, in_segment = 0;  ///< the block of channels begins at their sum
  int32_t tap = 0, deform_group;

  __device__ StageCursor(const Forward& f, int64_t group)
      : segment_first(group * f.conv.job.group_channels()) {
    find_deform_group(f);
  }
  __device__ __forceinline__ void find_deform_group(const Forward& f) {
    deform_group = static_cast<int32_t>(segment_first / f.conv.job.deform_channels());
  }
  __device__ __forceinline__ void advance(const Forward& f, int64_t group) {
    in_segment += f.blocks.width;
    if (in_segment < f.blocks.segment) return;
    in_segment = 0;
    segment_first += f.blocks.segment;
    if (segment_first == (group + 1) * f.conv.job.group_channels()) {
      segment_first = group * f.conv.job.group_channels();
      ++tap;
    }
    find_deform_group(f);
  }
  __device__ __forceinline__ int64_t channel() const { return segment_first + in_segment; }
  __device__ __forceinline__ int64_t channels(const Forward& f) const {
    const int64_t left = f.blocks.segment - in_segment;
    return left < f.blocks.width ? left : f.blocks.width;
  }
};

/// Where a block stands: its tile.
struct ForwardTile {
  int64_t batch, first_pixel, group, first_output;

  __device__ explicit ForwardTile(const Forward& f) {
    int64_t index = blockIdx.x;
    first_pixel = index % f.pixel_tiles * kNarrow;
    index /= f.pixel_tiles;
    batch = index % f.conv.job.batch;
    index /= f.conv.job.batch;
    first_output = index % f.output_tiles * kWide;
    group = index / f.output_tiles;
  }
};

/// Works out the tile's samples of a plane.
__device__ __forceinline__ void place_samples(const ConvView& conv, int64_t plane, int64_t first_pixel,
                                              int first_slot, const SharedSamples& samples) {
  if (threadIdx.x >= kNarrow) return;
  const int slot = first_slot + threadIdx.x;
  const int64_t pixel = first_pixel + threadIdx.x;
  if (pixel < conv.job.out_pixels()) {
    samples.put(slot, conv.point(plane, pixel), conv.mask_at(plane, pixel),
                static_cast<int32_t>(conv.job.width));
  } else {
    samples.drop(slot);
  }
}

BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, 2) deform_conv_kernel(Forward f) {
  BEVEL_SHARED(float, narrow, 2 * kNarrowStage);
  BEVEL_SHARED(float, wide, 2 * kWideStage);
  BEVEL_SHARED(int32_t, sample_pixels, 2 * kNarrow);
  BEVEL_SHARED(uint32_t, sample_insides, 2 * kNarrow);
  BEVEL_SHARED(float, sample_corners, 2 * kNarrow * 4);
  const SharedSamples samples = {sample_pixels, sample_insides, sample_corners};
  const DeformConvJob& job = f.conv.job;
  const ForwardTile tile(f);
  const int64_t stages = f.blocks.count / job.settings.groups * job.taps();
  StageCursor next(f, tile.group);  // the stage to be fetched
  const int64_t outputs = job.group_outputs(), taps = job.taps();
  const int own_pixel = threadIdx.x / 4, own_quad = threadIdx.x % 4 * 4;
  const int own_depth = threadIdx.x / 16, own_output = threadIdx.x % 16 * 8;

  Float4 columns, weights[2];
  const auto fetch = [&](int first_slot) {
    const int64_t channel = next.channel(), channels = next.channels(f);
    columns =
        gather(f.conv, samples, first_slot + own_pixel, tile.batch, channel + own_quad, channels - own_quad);
    const int64_t row = (channel - tile.group * job.group_channels() + own_depth) * taps + next.tap;
    const int64_t left = own_depth < channels ? outputs - tile.first_output - own_output : 0;
    const int64_t from = row * job.out_channels + tile.group * outputs + tile.first_output + own_output;
    weights[0] = load_some(f.weight, from, left, f.weight_whole);
    weights[1] = load_some(f.weight, from + 4, left - 4, f.weight_whole);
  };
  int32_t tap = next.tap, deform_group = next.deform_group;
  int slots = 0;  // the first of the samples in use; the others are free to be worked out
  const auto place = [&] {
    const int64_t plane = (tile.batch * job.settings.deform_groups + deform_group) * taps + tap;
    place_samples(f.conv, plane, tile.first_pixel, slots, samples);
  };

  float sums[kWideOwn][kNarrowOwn] = {};
  place();
  __syncthreads();
  fetch(slots);
  for (int64_t stage = 0; stage < stages; ++stage) {
    const SharedSpan<float> narrow_stage = narrow + stage % 2 * kNarrowStage;
    const SharedSpan<float> wide_stage = wide + stage % 2 * kWideStage;
#pragma unroll
    for (int i = 0; i < 4; ++i) narrow_stage[(own_quad + i) * kNarrowStride + own_pixel] = columns[i];
    store_vector(wide_stage + (own_depth * kWide + own_output), weights[0]);
    store_vector(wide_stage + (own_depth * kWide + own_output + 4), weights[1]);
    const bool more = stage + 1 < stages;
    next.advance(f, tile.group);
    if (more && (next.tap != tap || next.deform_group != deform_group)) {
      tap = next.tap;
      deform_group = next.deform_group;
      slots = kNarrow - slots;
      place();
    }
    __syncthreads();
    if (more) fetch(slots);
    multiply_stage(narrow_stage, wide_stage, sums);
  }

  const int64_t pixel = tile.first_pixel + threadIdx.x % kNarrowThreads * kNarrowOwn;
  const int64_t left = job.out_pixels() - pixel;
  if (left <= 0) return;
#pragma unroll
  for (int w = 0; w < kWideOwn; ++w) {
    const int64_t in_group = tile.first_output + threadIdx.x / kNarrowThreads * kWideOwn + w;
    if (in_group >= outputs) break;
    const int64_t output = tile.group * outputs + in_group;
    float bias = 0.0f;
    if (f.has_bias)
      with_element_type(f.bias.type, [&](auto tag) { bias = f.bias.template load<decltype(tag)>(output); });
    const int64_t at = (tile.batch * job.out_channels + output) * job.out_pixels() + pixel;
    with_element_type(f.out.type, [&](auto tag) {
      using T = decltype(tag);
      const auto out = pointer_cast<T>(f.out.bytes);
      DeviceVector<T, kNarrowOwn> values;
#pragma unroll
      for (int n = 0; n < kNarrowOwn; ++n) from_float(sums[w][n] + bias, values[n]);
      if (f.out_whole) {
        store_vector_whole(out + at, values);
      } else {
#pragma unroll
        for (int n = 0; n < kNarrowOwn; ++n) {
          if (n < left) out[at + n] = values[n];
        }
      }
    });
  }
}

/// The parts of forward's workspace.
struct ForwardWorkspace {
  WorkspaceCutter cutter;
  FloatBuffer maps, weight;

  ForwardWorkspace(const DeformConvJob& job, char* base)
      : cutter(base),
        maps(cutter, map_elements(job), "channels-last input"),
        weight(cutter, job.out_channels * job.group_channels() * job.taps(), "weight by tap") {}
};

}  // namespace

int64_t cuda::deform_conv_forward_workspace(const DeformConvJob& job) {
  return ForwardWorkspace(job, nullptr).cutter.bytes();
}

void cuda::deform_conv_forward(const DeformConvJob& job, cudaStream_t stream) {
  if (job.batch == 0) return;
  const ForwardWorkspace workspace(job, job.workspace);
  const ChannelBlocks blocks(job, kStageDepth);
  const ConstMap no_bias;
  const Forward f = {
      .conv = conv_view(job, workspace.maps, whole_quads(job, blocks)),
      .blocks = blocks,
      .weight = workspace.weight.const_span(),
      .weight_whole = job.group_outputs() % 4 == 0,
      .out_whole = vector_length(job.out, job.out_type, {job.out_pixels()}) == 4,
      .bias = job.bias ? ConstMap(job.bias, job.out_channels, job.weight_type, "bias") : no_bias,
      .has_bias = job.bias != nullptr,
      .out = Map(job.out, job.batch * job.out_channels * job.out_pixels(), job.out_type, "out"),
      .pixel_tiles = divided_up(job.out_pixels(), kNarrow),
      .output_tiles = divided_up(job.group_outputs(), kWide)};
  enqueue_channels_last(job, workspace.maps, stream);
  enqueue_transpose(weight_map(job), workspace.weight.map(), 1, job.out_channels,
                    job.group_channels() * job.taps(), stream);
  BEVEL_ENQUEUE(deform_conv_kernel, f.pixel_tiles * job.batch * f.output_tiles * job.settings.groups, 0,
                stream, f);
}

}  // namespace bevel
