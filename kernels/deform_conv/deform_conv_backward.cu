// Deformable convolution backward.
//
// Gradients of input, offset and mask, for up to eight images at a time whose columns fit in some 256 MB: the
// columns' gradient is a product of the output's gradient and the weights (deform_conv_tile.cuh). Then a warp
// a sample multiplies its columns with the values at the corners, whose sums over channels give the gradients
// of offset and mask; and the columns are scattered to the input: with BEVEL_STRICT by sorting and owners
// (core/sample_scatter.cuh), with BEVEL_FAST by atomic additions, in the same pass. Bound: the fused
// multiply-adds of the product, and columns written once and read once or twice.
#include "core/cuda_check.hpp"
#include "core/sample_scatter.cuh"
#include "deform_conv/deform_conv_backward.cuh"
#include "deform_conv/deform_conv_job.hpp"
#include "core/cuda_bodies.hpp"

namespace bevel {
namespace {

constexpr int64_t kColumnBytes = int64_t{1} << 28;
constexpr int64_t kMostImages = 8;  // enough blocks for every launch

struct ColumnsGradient {
  DeformConvJob job;
  DeviceSpan<const float> grad_out;  ///< [batch, output, pixel]
  DeviceSpan<const float> weight;    ///< [output, tap, group channel]
  DeviceSpan<float> columns;         ///< [image, pixel, tap, channel]
  int64_t first_batch, images, pixel_tiles, wide_tiles;
  bool gradient_whole, weight_whole, columns_whole;
};

BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, 2) deform_conv_columns_gradient_kernel(ColumnsGradient g) {
  BEVEL_SHARED(float, narrow, 2 * kNarrowStage);
  BEVEL_SHARED(float, wide, 2 * kWideStage);
  const DeformConvJob& job = g.job;
  int64_t index = blockIdx.x;
  const int64_t first_pixel = index % g.pixel_tiles * kNarrow;
  index /= g.pixel_tiles;
  const int64_t image = index % g.images;
  index /= g.images;
  const int64_t first_column = index % g.wide_tiles * kWide, group = index / g.wide_tiles;
  const int64_t outputs = job.group_outputs(), group_columns = job.taps() * job.group_channels();
  const int own_depth = threadIdx.x / 16, own_quad = threadIdx.x % 16 * 4, own_column = threadIdx.x % 16 * 8;

  Float4 gradients, weights[2];
  const auto fetch = [&](int64_t first_output) {
    const bool there = first_output + own_depth < outputs;
    const int64_t output = group * outputs + first_output + own_depth;
    const int64_t pixel = first_pixel + own_quad, column = first_column + own_column;
    gradients = load_some(g.grad_out,
                          ((g.first_batch + image) * job.out_channels + output) * job.out_pixels() + pixel,
                          there ? job.out_pixels() - pixel : 0, g.gradient_whole);
    const int64_t left = there ? group_columns - column : 0;
    weights[0] = load_some(g.weight, output * group_columns + column, left, g.weight_whole);
    weights[1] = load_some(g.weight, output * group_columns + column + 4, left - 4, g.weight_whole);
  };

  float sums[kWideOwn][kNarrowOwn] = {};
  fetch(0);
  int stage = 0;
  for (int64_t output = 0; output < outputs; output += kStageDepth, stage ^= 1) {
    const SharedSpan<float> narrow_stage = narrow + stage * kNarrowStage;
    const SharedSpan<float> wide_stage = wide + stage * kWideStage;
    store_vector(narrow_stage + (own_depth * kNarrowStride + own_quad), gradients);
    store_vector(wide_stage + (own_depth * kWide + own_column), weights[0]);
    store_vector(wide_stage + (own_depth * kWide + own_column + 4), weights[1]);
    __syncthreads();
    if (output + kStageDepth < outputs) fetch(output + kStageDepth);
    multiply_stage(narrow_stage, wide_stage, sums);
  }

  const int64_t pixel = first_pixel + threadIdx.x % kNarrowThreads * kNarrowOwn;
  const int64_t column = first_column + threadIdx.x / kNarrowThreads * kWideOwn;
#pragma unroll
  for (int w = 0; w < kWideOwn; w += 4) {
    if (column + w >= group_columns) break;
#pragma unroll
    for (int n = 0; n < kNarrowOwn; ++n) {
      if (pixel + n >= job.out_pixels()) break;
      // A quad of channels that are one access has one tap.
      const auto place = [&](int64_t of) {
        return ((image * job.out_pixels() + pixel + n) * job.taps() + of / job.group_channels()) *
                   job.channels +
               group * job.group_channels() + of % job.group_channels();
      };
      if (g.columns_whole) {
        store_vector_whole(g.columns + place(column + w),
                           Float4{{sums[w][n], sums[w + 1][n], sums[w + 2][n], sums[w + 3][n]}});
      } else {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          if (column + w + i < group_columns) g.columns[place(column + w + i)] = sums[w + i][n];
        }
      }
    }
  }
}

struct SampleGradients {
  ConvView conv;                    ///< maps null where no sample's gradient is wanted
  DeviceSpan<const float> columns;  ///< [image, pixel, tap, channel]
  int64_t first_batch, samples;     ///< of all images: [image, deformable group, tap, pixel]
  DeviceSpan<float> grad_offset;    ///< or null
  DeviceSpan<float> grad_mask;      ///< or null
  DeviceSpan<float> grad_maps;      ///< [batch, height · width, channels], or null: no atomic additions
  bool scatter;                     ///< samples are to be scattered
  ScatterSamples scatter_samples;
  ScatterLevels levels;
};

/// A sample, as its warp knows it.
struct WarpSample {
  int64_t plane, pixel, batch, deform_group, columns;
  uint32_t row;  ///< of the source rows of the scatter
  BilinearPoint<float> point;
  float mask;

  __device__ WarpSample(const SampleGradients& g, int64_t index) {
    const DeformConvJob& job = g.conv.job;
    pixel = index % job.out_pixels();
    const int64_t local = index / job.out_pixels(), groups = job.settings.deform_groups;
    const int64_t tap = local % job.taps(), image = local / job.taps() / groups;
    deform_group = local / job.taps() % groups;
    batch = g.first_batch + image;
    plane = g.first_batch * groups * job.taps() + local;
    const int64_t place = (image * job.out_pixels() + pixel) * job.taps() + tap;
    columns = place * job.channels + deform_group * job.deform_channels();
    row = static_cast<uint32_t>(place * groups + deform_group);
    point = g.conv.point(plane, pixel);
    mask = g.conv.mask_at(plane, pixel);
  }
};

/// N channels from `channel` of the deformable group on: their products with the corners' values, and their
/// share of the input's gradient.
template <int N>
__device__ __forceinline__ void pass_back(const SampleGradients& g, const WarpSample& sample, int64_t channel,
                                          float (&dots)[4]) {
  const DeformConvJob& job = g.conv.job;
  const DeviceVector<float, N> gradient = load_vector<N>(g.columns + (sample.columns + channel));
  const int64_t corner0 =
      sample.batch * job.map_pixels() + sample.point.row * job.width + sample.point.column;
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    if (!(sample.point.inside >> k & 1u)) continue;
    const int64_t at = (corner0 + (k & 2 ? job.width : 0) + (k & 1)) * job.channels +
                       sample.deform_group * job.deform_channels() + channel;
    if (g.conv.maps) {
      const DeviceVector<float, N> value = load_vector_readonly<N>(g.conv.maps + at);
#pragma unroll
      for (int i = 0; i < N; ++i) dots[k] = fmaf(gradient[i], value[i], dots[k]);
    }
    if (g.grad_maps) {
      const float weight = sample.mask * bilinear_weight(sample.point, k);
      DeviceVector<float, N> share;
#pragma unroll
      for (int i = 0; i < N; ++i) share[i] = weight * gradient[i];
      add_vector(g.grad_maps + at, share);
    }
  }
}

/// From the products' sums to the gradients of offset and mask.
__device__ __forceinline__ void write_gradients(const SampleGradients& g, const WarpSample& sample,
                                                const float (&dots)[4]) {
  const int64_t pixels = g.conv.job.out_pixels();
  const BilinearPoint<float>& point = sample.point;
  // A sample that does not count has no gradient, whatever its mask.
  const float mask = point.inside ? sample.mask : 0.0f;
  const float above = dots[0] + point.right * (dots[1] - dots[0]);
  const float below = dots[2] + point.right * (dots[3] - dots[2]);
  if (g.grad_offset) {
    const float across = (dots[1] - dots[0]) + point.lower * ((dots[3] - dots[2]) - (dots[1] - dots[0]));
    g.grad_offset[2 * sample.plane * pixels + sample.pixel] = mask * (below - above);
    g.grad_offset[(2 * sample.plane + 1) * pixels + sample.pixel] = mask * across;
  }
  if (g.grad_mask) g.grad_mask[sample.plane * pixels + sample.pixel] = above + point.lower * (below - above);
}

BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, 3) deform_conv_sample_gradients_kernel(SampleGradients g) {
  const DeformConvJob& job = g.conv.job;
  const int lane = threadIdx.x % kWarpLanes;
  const int64_t channels = job.deform_channels();
  for (int64_t i = blockIdx.x * static_cast<int64_t>(kBlockWarps) + threadIdx.x / kWarpLanes; i < g.samples;
       i += gridDim.x * static_cast<int64_t>(kBlockWarps)) {
    const WarpSample sample(g, i);
    if (g.scatter && lane == 0) {
      const int64_t map = (sample.batch - g.first_batch) * job.settings.deform_groups + sample.deform_group;
      g.scatter_samples.put(i, g.levels, map, 0, sample.point, sample.mask, sample.row);
    }
    if (!g.conv.maps && !g.grad_maps) continue;
    float dots[4] = {};
    if (g.conv.whole) {
      for (int64_t c = lane * 4; c < channels; c += kWarpLanes * 4) pass_back<4>(g, sample, c, dots);
    } else {
      for (int64_t c = lane; c < channels; c += kWarpLanes) pass_back<1>(g, sample, c, dots);
    }
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      for (int other = 1; other < kWarpLanes; other *= 2) {
        dots[k] += __shfl_xor_sync(kAllLanes, dots[k], other);
      }
    }
    if (lane == 0) write_gradients(g, sample, dots);
  }
}

BEVEL_GLOBAL void deform_conv_bias_gradient_kernel(DeviceSpan<const float> grad_out, Map grad_bias,
                                                   int64_t batches, int64_t pixels) {
  float sum = 0.0f;
  for (int64_t batch = 0; batch < batches; ++batch) {
    const int64_t first = (batch * gridDim.x + blockIdx.x) * pixels;
    for (int64_t i = threadIdx.x; i < pixels; i += kBlockThreads) sum += grad_out[first + i];
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) grad_bias.store(blockIdx.x, sum);
}

ScatterLevels levels_of(const DeformConvJob& job) {
  ScatterLevels levels;
  levels.add(static_cast<int32_t>(job.height), static_cast<int32_t>(job.width), 0);
  return levels;
}

/// Images whose columns are in memory at a time.
int64_t images_at_a_time(const DeformConvBackwardJob& job) {
  const DeformConvJob& f = job.forward;
  const int64_t samples = f.taps() * f.out_pixels();
  int64_t images = kColumnBytes / (samples * f.channels * static_cast<int64_t>(sizeof(float)));
  if (images > kMostImages) images = kMostImages;
  if (images > f.batch) images = f.batch;
  if (job.grad_input && !job.fast) {
    const int64_t groups = f.settings.deform_groups;
    const int64_t maps = SampleScatter::maps_at_a_time(f.batch * groups, samples, levels_of(f)) / groups;
    if (images > maps) images = maps;
  }
  return images < 1 ? 1 : images;
}

ScatterShape scatter_shape(const DeformConvJob& job, int64_t images) {
  const int64_t maps = images * job.settings.deform_groups;
  return {maps, maps * job.taps() * job.out_pixels(), job.deform_channels(), levels_of(job)};
}

/// The parts of backward's workspace.
struct BackwardWorkspace {
  int64_t images;
  WorkspaceCutter cutter;
  FloatBuffer grad_out, maps, weight, columns, grad_maps, partial;
  char* scatter = nullptr;

  BackwardWorkspace(const DeformConvBackwardJob& job, char* base)
      : images(images_at_a_time(job)), cutter(base) {
    const DeformConvJob& f = job.forward;
    const int64_t out_elements = f.batch * f.out_channels * f.out_pixels();
    // Read 16 bytes at a time, whatever the caller's tensor is aligned to.
    if (f.out_type != ElementType::kFloat32 || !aligned_to(job.grad_out, 16)) {
      grad_out = FloatBuffer(cutter, out_elements, "grad_out");
    } else {
      grad_out.data = static_cast<float*>(const_cast<void*>(job.grad_out));
      grad_out.count = out_elements;
      grad_out.name = "grad_out";
    }
    if (job.wants_samples() || job.grad_weight)
      maps = FloatBuffer(cutter, map_elements(f), "channels-last input");
    if (job.wants_columns()) {
      weight = FloatBuffer(cutter, f.out_channels * f.group_channels() * f.taps(), "weight by tap");
      columns = FloatBuffer(cutter, images * f.out_pixels() * f.taps() * f.channels, "gradient of columns");
    }
    if (job.grad_input && job.fast) {
      grad_maps = FloatBuffer(cutter, map_elements(f), "channels-last gradient");
    } else if (job.grad_input) {
      scatter = cutter.take_bytes(SampleScatter::workspace_bytes(scatter_shape(f, images)));
    }
    if (job.grad_weight) partial = FloatBuffer(cutter, weight_gradient_elements(f), "gradients of weights");
  }
};

/// The columns' gradient of some images.
void enqueue_columns(const DeformConvJob& job, const BackwardWorkspace& workspace, int64_t first_batch,
                     int64_t images, cudaStream_t stream) {
  ColumnsGradient g = {};
  g.job = job;
  g.grad_out = workspace.grad_out.const_span();
  g.weight = workspace.weight.const_span();
  g.columns = workspace.columns.span();
  g.first_batch = first_batch;
  g.images = images;
  g.pixel_tiles = divided_up(job.out_pixels(), kNarrow);
  g.wide_tiles = divided_up(job.taps() * job.group_channels(), kWide);
  g.gradient_whole = job.out_pixels() % 4 == 0;
  g.weight_whole = job.taps() * job.group_channels() % 4 == 0;
  g.columns_whole = job.group_channels() % 4 == 0;
  BEVEL_ENQUEUE(deform_conv_columns_gradient_kernel,
                g.pixel_tiles * images * g.wide_tiles * job.settings.groups, 0, stream, g);
}

/// What the columns of some images give.
void enqueue_samples(const DeformConvBackwardJob& job, const BackwardWorkspace& workspace,
                     int64_t first_batch, int64_t images, cudaStream_t stream) {
  constexpr int64_t kMostBlocks = 1 << 16;
  const DeformConvJob& f = job.forward;
  const ScatterShape shape = scatter_shape(f, images);
  const int64_t all_samples = f.batch * f.settings.deform_groups * f.taps() * f.out_pixels();
  const bool whole = f.deform_channels() % 4 == 0;
  SampleGradients g = {};
  g.conv = conv_view(f, workspace.maps, whole);
  if (!job.wants_samples()) g.conv.maps = {};
  g.columns = workspace.columns.const_span();
  g.first_batch = first_batch;
  g.samples = shape.samples;
  if (job.grad_offset) {
    g.grad_offset = {static_cast<float*>(job.grad_offset), 2 * all_samples, "grad_offset"};
  }
  if (job.grad_mask) g.grad_mask = {static_cast<float*>(job.grad_mask), all_samples, "grad_mask"};
  if (job.grad_input && job.fast) g.grad_maps = workspace.grad_maps.span();
  g.scatter = job.grad_input && !job.fast;
  g.levels = shape.levels;
  if (!g.scatter) {
    BEVEL_ENQUEUE(deform_conv_sample_gradients_kernel, blocks_for(g.samples * kWarpLanes, kMostBlocks), 0,
                  stream, g);
    return;
  }
  const SampleScatter scatter(shape, workspace.scatter);
  g.scatter_samples = scatter.samples();
  BEVEL_ENQUEUE(deform_conv_sample_gradients_kernel, blocks_for(g.samples * kWarpLanes, kMostBlocks), 0,
                stream, g);
  // Source row: ((image · pixels + pixel) · taps + tap) · deform_groups + deformable group.
  const int64_t groups = f.settings.deform_groups;
  ScatterSource source(workspace.columns.data, workspace.columns.count, ElementType::kFloat32, f.channels);
  source.inner = groups;
  source.inner_stride = f.deform_channels();
  ScatterTarget target(job.grad_input, map_elements(f), f.input_type, f.channels * f.map_pixels(), 1);
  target.first_map = first_batch * groups;
  target.inner = groups;
  target.inner_stride = f.deform_channels() * f.map_pixels();
  target.channel_stride = f.map_pixels();
  scatter.enqueue(source, target, stream);
}

void clear(void* data, int64_t bytes, cudaStream_t stream) {
  if (data) check_cuda_call(cudaMemsetAsync(data, 0, static_cast<size_t>(bytes), stream), "cudaMemsetAsync");
}

void enqueue_columns_and_samples(const DeformConvBackwardJob& job, const BackwardWorkspace& workspace,
                                 cudaStream_t stream) {
  const DeformConvJob& f = job.forward;
  enqueue_transpose(weight_map(f), workspace.weight.map(), f.out_channels, f.group_channels(), f.taps(),
                    stream);
  const bool atomic = job.grad_input && job.fast;
  if (atomic) clear(workspace.grad_maps.data, workspace.grad_maps.count * 4, stream);
  for (int64_t first = 0; first < f.batch; first += workspace.images) {
    const int64_t images = first + workspace.images < f.batch ? workspace.images : f.batch - first;
    enqueue_columns(f, workspace, first, images, stream);
    enqueue_samples(job, workspace, first, images, stream);
  }
  if (!atomic) return;
  enqueue_transpose(workspace.grad_maps.const_map(),
                    Map(job.grad_input, map_elements(f), f.input_type, "grad_input"), f.batch, f.map_pixels(),
                    f.channels, stream);
}

}  // namespace

int64_t cuda::deform_conv_backward_workspace(const DeformConvBackwardJob& job) {
  return BackwardWorkspace(job, nullptr).cutter.bytes();
}

void cuda::deform_conv_backward(const DeformConvBackwardJob& job, cudaStream_t stream) {
  const DeformConvJob& f = job.forward;
  if (f.batch == 0) {
    const int64_t element = element_size(f.weight_type);
    clear(job.grad_weight, f.out_channels * f.group_channels() * f.taps() * element, stream);
    clear(job.grad_bias, f.out_channels * element, stream);
    return;
  }
  const BackwardWorkspace workspace(job, job.workspace);
  const FloatBuffer& grad_out = workspace.grad_out;
  if (grad_out.data != job.grad_out)
    enqueue_widen(ConstMap(job.grad_out, grad_out.count, f.out_type, "grad_out"), grad_out.span(),
                  grad_out.count, stream);
  if (job.wants_samples() || job.grad_weight) enqueue_channels_last(f, workspace.maps, stream);
  if (job.wants_columns()) enqueue_columns_and_samples(job, workspace, stream);
  if (job.grad_weight) enqueue_weight_gradient(job, workspace.maps, grad_out, workspace.partial, stream);
  if (job.grad_bias) {
    BEVEL_ENQUEUE(deform_conv_bias_gradient_kernel, f.out_channels, 0, stream, grad_out.const_span(),
                  Map(job.grad_bias, f.out_channels, f.weight_type, "grad_bias"), f.batch, f.out_pixels());
  }
}

}  // namespace bevel
