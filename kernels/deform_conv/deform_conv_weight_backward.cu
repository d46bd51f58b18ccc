// Gradient of deform_conv's weights: columns, sampled again, times the output's gradient, summed over all
// pixels of the batch.
//
// A block owns 64 channels × 128 outputs at one tap and goes through a share of the pixels, sixteen a stage:
// a quad of channels a thread, gathered as in forward. So that there are blocks enough for the device the
// pixels are split in equal shares, whose sums are then added in their order: the same bits whatever the
// order of threads. Bound: the fused multiply-adds.
#include "core/cuda_check.hpp"
#include "deform_conv/deform_conv_backward.cuh"

namespace bevel {
namespace {

constexpr int64_t kWantedBlocks = 528;                      // four for each multiprocessor of an H100 or H200
constexpr int64_t kMostPartials = int64_t{1} << 26;         // floats
constexpr int kStagesPlaced = kBlockThreads / kStageDepth;  // samples of as many stages are placed at once

struct WeightGradient {
  ConvView conv;
  ChannelBlocks blocks;
  DeviceSpan<const float> grad_out;
  bool gradient_whole;
  DeviceSpan<float> partial;  ///< [split, output, tap, group channel]
  int64_t image_stages;       ///< of sixteen pixels each
  int64_t stages, split_stages, splits;
  int64_t output_tiles;  ///< of a group
  Map grad_weight;
};

/// What a block owns.
struct WeightTile {
  int64_t block, channel, channels, group, deform_group, first_output, first_stage, end_stage, split;
  int32_t tap;

  __device__ explicit WeightTile(const WeightGradient& g) {
    int64_t index = blockIdx.x;
    tap = static_cast<int32_t>(index % g.conv.job.taps());
    index /= g.conv.job.taps();
    block = index % g.blocks.count;
    index /= g.blocks.count;
    first_output = index % g.output_tiles * kWide;
    split = index / g.output_tiles;
    channel = g.blocks.first(block);
    channels = g.blocks.channels(block);
    group = channel / g.conv.job.group_channels();
    deform_group = channel / g.conv.job.deform_channels();
    first_stage = split * g.split_stages;
    end_stage = first_stage + g.split_stages < g.stages ? first_stage + g.split_stages : g.stages;
  }
};

/// Works out the samples of kStagesPlaced stages, one a thread.
__device__ __forceinline__ void place_stages(const WeightGradient& g, const WeightTile& tile, int64_t stage,
                                             int first_slot, const SharedSamples& samples) {
  const DeformConvJob& job = g.conv.job;
  const int slot = first_slot + threadIdx.x;
  stage += threadIdx.x / kStageDepth;
  const int64_t pixel = stage % g.image_stages * kStageDepth + threadIdx.x % kStageDepth;
  if (stage < tile.end_stage && pixel < job.out_pixels()) {
    const int64_t batch = stage / g.image_stages;
    const int64_t plane = (batch * job.settings.deform_groups + tile.deform_group) * job.taps() + tile.tap;
    samples.put(slot, g.conv.point(plane, pixel), g.conv.mask_at(plane, pixel),
                static_cast<int32_t>(job.width));
  } else {
    samples.drop(slot);
  }
}

BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, 2) deform_conv_weight_gradient_kernel(WeightGradient g) {
  BEVEL_SHARED(float, narrow, 2 * kNarrowStage);
  BEVEL_SHARED(float, wide, 2 * kWideStage);
  BEVEL_SHARED(int32_t, sample_pixels, 2 * kBlockThreads);
  BEVEL_SHARED(uint32_t, sample_insides, 2 * kBlockThreads);
  BEVEL_SHARED(float, sample_corners, 2 * kBlockThreads * 4);
  const SharedSamples samples = {sample_pixels, sample_insides, sample_corners};
  const DeformConvJob& job = g.conv.job;
  const WeightTile tile(g);
  const int64_t outputs = job.group_outputs();
  const int own_pixel = threadIdx.x / 16, own_quad = threadIdx.x % 16 * 4;
  const int own_output = threadIdx.x % kWide, own_first = threadIdx.x / kWide * 8;
  const bool has_output = tile.first_output + own_output < outputs;

  int64_t batch = tile.first_stage / g.image_stages;
  int64_t pixel = tile.first_stage % g.image_stages * kStageDepth;
  Float4 columns, gradients[2];
  const auto fetch = [&](int first_slot) {
    columns = gather(g.conv, samples, first_slot + own_pixel, batch, tile.channel + own_quad,
                     tile.channels - own_quad);
    const int64_t output = tile.group * outputs + tile.first_output + own_output;
    const int64_t from = (batch * job.out_channels + output) * job.out_pixels() + pixel + own_first;
    const int64_t left = has_output ? job.out_pixels() - pixel - own_first : 0;
    gradients[0] = load_some(g.grad_out, from, left, g.gradient_whole);
    gradients[1] = load_some(g.grad_out, from + 4, left - 4, g.gradient_whole);
    pixel += kStageDepth;
    if (pixel >= job.out_pixels()) {
      pixel = 0;
      ++batch;
    }
  };

  float sums[kWideOwn][kNarrowOwn] = {};
  place_stages(g, tile, tile.first_stage, 0, samples);
  __syncthreads();
  fetch(0);
  const int stages = static_cast<int>(tile.end_stage - tile.first_stage);
  for (int stage = 0; stage < stages; ++stage) {
    const SharedSpan<float> narrow_stage = narrow + stage % 2 * kNarrowStage;
    const SharedSpan<float> wide_stage = wide + stage % 2 * kWideStage;
    store_vector(narrow_stage + (own_pixel * kNarrowStride + own_quad), columns);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      wide_stage[(own_first + i) * kWide + own_output] = gradients[i / 4][i % 4];
    }
    const int next = stage + 1, next_slots = next / kStagesPlaced % 2 * kBlockThreads;
    if (next < stages && next % kStagesPlaced == 0) {
      place_stages(g, tile, tile.first_stage + next, next_slots, samples);
    }
    __syncthreads();
    if (next < stages) fetch(next_slots + next % kStagesPlaced * kStageDepth);
    multiply_stage(narrow_stage, wide_stage, sums);
  }

  const int quad = threadIdx.x % kNarrowThreads * kNarrowOwn;
#pragma unroll
  for (int w = 0; w < kWideOwn; ++w) {
    const int64_t in_group = tile.first_output + threadIdx.x / kNarrowThreads * kWideOwn + w;
    if (in_group >= outputs || quad >= tile.channels) break;
    const int64_t output = tile.group * outputs + in_group;
    const int64_t to =
        ((tile.split * job.out_channels + output) * job.taps() + tile.tap) * job.group_channels() +
        tile.channel - tile.group * job.group_channels() + quad;
    if (g.conv.whole) {
      store_vector_whole(g.partial + to, Float4{{sums[w][0], sums[w][1], sums[w][2], sums[w][3]}});
    } else {
#pragma unroll
      for (int n = 0; n < kNarrowOwn; ++n) {
        if (quad + n < tile.channels) g.partial[to + n] = sums[w][n];
      }
    }
  }
}

BEVEL_GLOBAL void deform_conv_weight_sum_kernel(WeightGradient g) {
  const DeformConvJob& job = g.conv.job;
  const int64_t channels = job.group_channels(), count = job.out_channels * job.taps() * channels;
  for (int64_t i = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x; i < count;
       i += gridDim.x * static_cast<int64_t>(kBlockThreads)) {
    float sum = 0.0f;
    for (int64_t split = 0; split < g.splits; ++split) sum += g.partial[split * count + i];
    const int64_t channel = i % channels, tap = i / channels % job.taps(), output = i / channels / job.taps();
    g.grad_weight.store((output * channels + channel) * job.taps() + tap, sum);
  }
}

/// How the pixels are split.
struct Splits {
  int64_t image_stages, stages, split_stages, splits;

  Splits(const DeformConvJob& job, const ChannelBlocks& blocks)
      : image_stages(divided_up(job.out_pixels(), kStageDepth)), stages(job.batch * image_stages) {
    const int64_t tiles = blocks.count * job.taps() * divided_up(job.group_outputs(), kWide);
    const int64_t weights = job.out_channels * job.group_channels() * job.taps();
    int64_t wanted = divided_up(kWantedBlocks, tiles);
    if (wanted > divided_up(stages, kStagesPlaced)) wanted = divided_up(stages, kStagesPlaced);
    if (wanted > kMostPartials / weights) wanted = kMostPartials / weights;
    if (wanted < 1) wanted = 1;
    split_stages = divided_up(stages, wanted);
    if (split_stages < 1) split_stages = 1;
    splits = divided_up(stages, split_stages);
  }
};

}  // namespace

int64_t weight_gradient_elements(const DeformConvJob& job) {
  return Splits(job, ChannelBlocks(job, kNarrow)).splits * job.out_channels * job.group_channels() *
         job.taps();
}

void enqueue_weight_gradient(const DeformConvBackwardJob& job, const FloatBuffer& maps,
                             const FloatBuffer& grad_out, const FloatBuffer& partial, cudaStream_t stream) {
  constexpr int64_t kMostBlocks = 4096;
  const DeformConvJob& f = job.forward;
  const ChannelBlocks blocks(f, kNarrow);
  const Splits splits(f, blocks);
  const int64_t weights = f.out_channels * f.group_channels() * f.taps();
  const WeightGradient g = {.conv = conv_view(f, maps, whole_quads(f, blocks)),
                            .blocks = blocks,
                            .grad_out = grad_out.const_span(),
                            .gradient_whole = f.out_pixels() % 4 == 0,
                            .partial = partial.span(),
                            .image_stages = splits.image_stages,
                            .stages = splits.stages,
                            .split_stages = splits.split_stages,
                            .splits = splits.splits,
                            .output_tiles = divided_up(f.group_outputs(), kWide),
                            .grad_weight = Map(job.grad_weight, weights, f.weight_type, "grad_weight")};
  BEVEL_ENQUEUE(deform_conv_weight_gradient_kernel, f.taps() * blocks.count * g.output_tiles * g.splits, 0,
                stream, g);
  BEVEL_ENQUEUE(deform_conv_weight_sum_kernel, blocks_for(weights, kMostBlocks), 0, stream, g);
}

}  // namespace bevel
