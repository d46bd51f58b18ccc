// bev_warp backward.
//
// The input's gradient by matrices: a thread owns a pixel of the input, N channels of it, and visits the few
// output pixels that may read it (bev_warp_readers.hpp), asking each for the weight that forward gave it: no
// atomics, and a fixed order. By a grid: the strict scatter of core/sample_scatter.cuh; or, where BEVEL_FAST
// allows it and the gradient is float32, atomic additions. Of the grid: an output pixel sums its products
// over the channels, a warp channels-last, a thread channels-first. Bound: each map moved once.
#include "bev_warp/bev_warp_job.hpp"
#include "core/cuda_bodies.hpp"
#include "bev_warp/bev_warp_readers.hpp"
#include "bev_warp/bev_warp_view.cuh"
#include "core/sample_scatter.cuh"

namespace bevel {
namespace {

struct BackwardWarp {
  WarpView view;
  WarpLayout grad_in;
  WarpDivision division;  ///< of the input's pixels, or of the output's
  ConstMap grad_out, input;
  Map grad_input;
  bool grad_input_whole;
  DeviceSpan<float> grad_grid;

  BackwardWarp(const BevWarpBackwardJob& job, const WarpMap& divided, int channels_of_thread)
      : view(job.forward),
        grad_in(job.grad_in),
        division(int64_t{divided.height} * divided.width, job.forward.channels, channels_of_thread,
                 job.forward.channels_last),
        grad_out(job.grad_out, warp_span(job.forward, job.forward.out), job.forward.out.type, "grad_out") {
    if (job.forward.input) {
      input =
          ConstMap(job.forward.input, warp_span(job.forward, job.forward.in), job.forward.in.type, "input");
    }
    if (job.grad_input) {
      grad_input = Map(job.grad_input, warp_span(job.forward, job.grad_in), job.grad_in.type, "grad_input");
      grad_input_whole = warp_whole(job.grad_input, job.grad_in, job.forward.channels);
    }
    if (job.grad_grid) {
      grad_grid =
          DeviceSpan<float>(static_cast<float*>(job.grad_grid),
                            job.forward.batch * job.forward.frames * view.out.pixels() * 2, "grad_grid");
    }
  }
};

int64_t maps_of(const BevWarpBackwardJob& job) { return job.forward.batch * job.forward.frames; }

/// Weight of pixel (x, y) of the input for a point; 0 and false when it is none of its corners.
__device__ __forceinline__ bool weight_of(const BilinearPoint<float>& point, int32_t x, int32_t y,
                                          float& weight) {
  const int right = x - point.column, below = y - point.row;
  if ((right & ~1) | (below & ~1)) return false;
  const int corner = below * 2 + right;
  weight = bilinear_weight(point, corner);
  return point.inside >> corner & 1;
}

template <typename T, int N, bool planes>
BEVEL_GLOBAL void __launch_bounds__(kBlockThreads) bev_warp_gather_kernel(BackwardWarp w) {
  BEVEL_SHARED(float, shared, 6);
  BEVEL_SHARED(float, inverse, 1);
  const int64_t map = w.division.map();
  prepare_matrix(w.view, map, shared);
  const PixelMatrix<float> matrix = prepared_matrix(shared);
  if (threadIdx.x == 0) inverse[0] = WarpReaders::inverse_determinant(matrix);
  __syncthreads();
  const WarpLayout& out = w.view.out;
  const WarpReaders readers(matrix, inverse[0], out.width, out.height);
  const int64_t source = w.view.offset(out, map), target = w.view.offset(w.grad_in, map);
  for (int k = 0; k < kPixelsOfThread; ++k) {
    int32_t pixel;
    int64_t group;
    if (!w.division.item(k, pixel, group)) continue;
    const int32_t x = pixel % w.grad_in.width, y = pixel / w.grad_in.width;
    const int64_t channel = group * N;
    const int count = static_cast<int>(w.view.channels - channel < N ? w.view.channels - channel : N);
    float sums[N] = {};
    const WarpRange rows = readers.rows(x, y);
    for (int32_t row = rows.first; row <= rows.last; ++row) {
      const WarpRange columns = readers.columns(x, y, row);
      for (int32_t column = columns.first; column <= columns.last; ++column) {
        float weight;
        if (!weight_of(warp_point_of(w.view, matrix, map, row, column), x, y, weight)) continue;
        add_channels<T, N, planes>(
            w.grad_out, source + channel * out.channel + (row * int64_t(out.width) + column) * out.pixel,
            out.channel, count, weight, sums);
      }
    }
    store_channels<N, planes>(w.grad_input, target + channel * w.grad_in.channel + pixel * w.grad_in.pixel,
                              w.grad_in.channel, count, w.grad_input_whole, sums);
  }
}

/// Zeros, one channel of one pixel a thread and step.
BEVEL_GLOBAL void bev_warp_clear_map_kernel(BackwardWarp w) {
  const int64_t map = w.division.map();
  const int64_t target = w.view.offset(w.grad_in, map);
  for (int k = 0; k < kPixelsOfThread; ++k) {
    int32_t pixel;
    int64_t channel;
    if (!w.division.item(k, pixel, channel)) continue;
    w.grad_input.store(target + channel * w.grad_in.channel + pixel * w.grad_in.pixel, 0.0f);
  }
}

/// One channel of one output pixel a thread and step.
BEVEL_GLOBAL void bev_warp_atomic_scatter_kernel(BackwardWarp w) {
  const int64_t map = w.division.map();
  const WarpLayout& out = w.view.out;
  const int64_t source = w.view.offset(out, map), target = w.view.offset(w.grad_in, map);
  const auto to = pointer_cast<float>(w.grad_input.bytes);
  for (int k = 0; k < kPixelsOfThread; ++k) {
    int32_t pixel;
    int64_t channel;
    if (!w.division.item(k, pixel, channel)) continue;
    const BilinearPoint<float> point = warp_point_of(w.view, {}, map, pixel / out.width, pixel % out.width);
    if (point.inside == 0) continue;
    float value = 0.0f;
    const int64_t at = source + channel * out.channel + pixel * out.pixel;
    with_element_type(w.grad_out.type, [&](auto tag) { value = w.grad_out.load<decltype(tag)>(at); });
#pragma unroll
    for (int corner = 0; corner < 4; ++corner) {
      if (!(point.inside >> corner & 1)) continue;
      const int64_t corner_pixel =
          (point.row + (corner >> 1)) * int64_t(w.grad_in.width) + point.column + (corner & 1);
      atomicAdd(to + (target + channel * w.grad_in.channel + corner_pixel * w.grad_in.pixel),
                bilinear_weight(point, corner) * value);
    }
  }
}

/// The samples of `maps` maps from `first_map` on, for the strict scatter.
BEVEL_GLOBAL void bev_warp_list_samples_kernel(WarpView view, ScatterLevels levels, ScatterSamples samples,
                                               int64_t first_map, int64_t count) {
  const int64_t pixels = view.out.pixels();
  for (int64_t i = blockIdx.x * int64_t(kBlockThreads) + threadIdx.x; i < count;
       i += gridDim.x * int64_t(kBlockThreads)) {
    const int64_t map = i / pixels;
    const int32_t pixel = static_cast<int32_t>(i % pixels);
    samples.put(i, levels, map, 0,
                warp_point_of(view, {}, first_map + map, pixel / view.out.width, pixel % view.out.width),
                1.0f, static_cast<uint32_t>(i));
  }
}

__device__ __forceinline__ float load_any(const ConstMap& map, int64_t index) {
  float value = 0.0f;
  with_element_type(map.type, [&](auto tag) { value = map.load<decltype(tag)>(index); });
  return value;
}

/// Products of gradient and the corners of an output pixel, summed over channels from `first` on by `step`.
template <typename T>
__device__ __forceinline__ void corner_products(const BackwardWarp& w, const BilinearPoint<float>& point,
                                                int64_t map, int32_t pixel, int64_t first, int64_t step,
                                                float (&dots)[4]) {
  const WarpLayout &in = w.view.in, &out = w.view.out;
  const int64_t gradient = w.view.offset(out, map) + pixel * out.pixel;
  const int64_t corner_0 = w.view.offset(in, map) + (point.row * int64_t(in.width) + point.column) * in.pixel;
  for (int64_t c = first; c < w.view.channels; c += step) {
    const float g = load_any(w.grad_out, gradient + c * out.channel);
#pragma unroll
    for (int corner = 0; corner < 4; ++corner) {
      if (!(point.inside >> corner & 1)) continue;
      const int64_t at = corner_0 + ((corner >> 1) * int64_t(in.width) + (corner & 1)) * in.pixel;
      dots[corner] = fmaf(g, w.input.template load<T>(at + c * in.channel), dots[corner]);
    }
  }
}

__device__ __forceinline__ void store_slope(const BackwardWarp& w, const BilinearPoint<float>& point,
                                            int64_t index, const float (&dots)[4]) {
  const float by_x = (dots[1] - dots[0]) * (1.0f - point.lower) + (dots[3] - dots[2]) * point.lower;
  const float by_y = (dots[2] - dots[0]) * (1.0f - point.right) + (dots[3] - dots[1]) * point.right;
  w.grad_grid[index * 2] = by_x * GridAxis<float>(w.view.coordinates, w.view.in.width).half;
  w.grad_grid[index * 2 + 1] = by_y * GridAxis<float>(w.view.coordinates, w.view.in.height).half;
}

/// `lanes` threads an output pixel: 1, or a warp.
template <typename T, int lanes>
BEVEL_GLOBAL void __launch_bounds__(kBlockThreads)
    bev_warp_grid_gradient_kernel(BackwardWarp w, int64_t count) {
  const int64_t pixels = w.view.out.pixels();
  const int64_t index = (blockIdx.x * int64_t(kBlockThreads) + threadIdx.x) / lanes;
  if (index >= count) return;  // a whole warp together
  const int64_t map = index / pixels;
  const int32_t pixel = static_cast<int32_t>(index % pixels);
  const BilinearPoint<float> point =
      warp_point_of(w.view, {}, map, pixel / w.view.out.width, pixel % w.view.out.width);
  float dots[4] = {};
  if (point.inside != 0) corner_products<T>(w, point, map, pixel, threadIdx.x % lanes, lanes, dots);
#pragma unroll
  for (int other = 1; other < lanes; other *= 2) {
#pragma unroll
    for (int corner = 0; corner < 4; ++corner)
      dots[corner] += __shfl_xor_sync(kAllLanes, dots[corner], other);
  }
  if (threadIdx.x % lanes == 0) store_slope(w, point, index, dots);
}

void enqueue_gather(const BevWarpBackwardJob& job, cudaStream_t stream) {
  const BevWarpForwardJob& forward = job.forward;
  with_warp_channels(job.grad_out, forward.out, forward.channels, forward.channels_last,
                     [&](auto tag, auto n, auto planes) {
                       using T = decltype(tag);
                       constexpr int N = n;
                       constexpr bool kPlanes = planes;
                       const BackwardWarp warp(job, job.grad_in, N);
                       BEVEL_ENQUEUE((bev_warp_gather_kernel<T, N, kPlanes>),
                                     maps_of(job) * warp.division.blocks, 0, stream, warp);
                     });
}

void enqueue_clear(const BevWarpBackwardJob& job, cudaStream_t stream) {
  const BackwardWarp warp(job, job.grad_in, 1);
  BEVEL_ENQUEUE(bev_warp_clear_map_kernel, maps_of(job) * warp.division.blocks, 0, stream, warp);
}

bool by_atomics(const BevWarpBackwardJob& job) {
  return job.fast && job.grad_in.type == ElementType::kFloat32;
}

ScatterLevels levels_of(const BevWarpBackwardJob& job) {
  ScatterLevels levels;
  levels.add(job.grad_in.height, job.grad_in.width, 0);
  return levels;
}

/// The scatter takes frames of one batch element, as many as fit at a time.
ScatterShape scatter_shape(const BevWarpBackwardJob& job) {
  const int64_t pixels = int64_t{job.forward.out.height} * job.forward.out.width;
  const ScatterLevels levels = levels_of(job);
  const int64_t maps = SampleScatter::maps_at_a_time(job.forward.frames, pixels, levels);
  return {maps, maps * pixels, job.forward.channels, levels};
}

void enqueue_strict_scatter(const BevWarpBackwardJob& job, cudaStream_t stream) {
  const BevWarpForwardJob& forward = job.forward;
  const WarpMap& out = forward.out;
  const int64_t pixels = int64_t{out.height} * out.width;
  const ScatterShape whole = scatter_shape(job);
  for (int64_t batch = 0; batch < forward.batch; ++batch) {
    for (int64_t frame = 0; frame < forward.frames; frame += whole.maps) {
      ScatterShape shape = whole;
      shape.maps = forward.frames - frame < whole.maps ? forward.frames - frame : whole.maps;
      shape.samples = shape.maps * pixels;
      const SampleScatter scatter(shape, job.workspace);
      BEVEL_ENQUEUE(bev_warp_list_samples_kernel, blocks_for(shape.samples, 4096), 0, stream,
                    WarpView(forward), shape.levels, scatter.samples(), batch * forward.frames + frame,
                    shape.samples);
      const auto start = [&](const WarpMap& map) { return batch * map.batch + frame * map.frame; };
      const auto elements = [&](const WarpMap& map) { return warp_span(forward, map) - start(map); };
      const auto* gradient = static_cast<const char*>(job.grad_out) + start(out) * element_size(out.type);
      ScatterSource source(gradient, elements(out), out.type, out.frame);
      source.inner = pixels;
      source.inner_stride = out.pixel;
      source.channel_stride = out.channel;
      auto* values = static_cast<char*>(job.grad_input) + start(job.grad_in) * element_size(job.grad_in.type);
      ScatterTarget target(values, elements(job.grad_in), job.grad_in.type, job.grad_in.frame,
                           job.grad_in.pixel);
      target.channel_stride = job.grad_in.channel;
      scatter.enqueue(source, target, stream);
    }
  }
}

void enqueue_atomic_scatter(const BevWarpBackwardJob& job, cudaStream_t stream) {
  enqueue_clear(job, stream);
  const BackwardWarp warp(job, job.forward.out, 1);
  BEVEL_ENQUEUE(bev_warp_atomic_scatter_kernel, maps_of(job) * warp.division.blocks, 0, stream, warp);
}

void enqueue_grid_gradient(const BevWarpBackwardJob& job, cudaStream_t stream) {
  const int64_t count = maps_of(job) * job.forward.out.height * job.forward.out.width;
  if (job.forward.nearest) {
    check_cuda_call(cudaMemsetAsync(job.grad_grid, 0, static_cast<size_t>(count) * 2 * sizeof(float), stream),
                    "cudaMemsetAsync");
    return;
  }
  const BackwardWarp warp(job, job.forward.out, 1);
  const auto of_type = [&](auto tag) {
    using T = decltype(tag);
    if (job.forward.channels_last) {
      BEVEL_ENQUEUE((bev_warp_grid_gradient_kernel<T, kWarpLanes>), blocks_for(count * kWarpLanes), 0, stream,
                    warp, count);
    } else {
      BEVEL_ENQUEUE((bev_warp_grid_gradient_kernel<T, 1>), blocks_for(count), 0, stream, warp, count);
    }
  };
  if (job.forward.in.type == ElementType::kFloat32) {
    of_type(float{});
  } else if (job.forward.in.type == ElementType::kBfloat16) {
    of_type(__nv_bfloat16{});
  } else {
    of_type(__half{});
  }
}

}  // namespace

int64_t cuda::bev_warp_backward_workspace(const BevWarpBackwardJob& job) {
  const bool scatters = job.grad_input && job.forward.grid && !by_atomics(job);
  return scatters ? SampleScatter::workspace_bytes(scatter_shape(job)) : 0;
}

void cuda::bev_warp_backward(const BevWarpBackwardJob& job, cudaStream_t stream) {
  if (maps_of(job) == 0) return;
  const int64_t out_pixels = int64_t{job.forward.out.height} * job.forward.out.width;
  if (job.grad_input && job.grad_in.height > 0 && job.grad_in.width > 0) {
    if (out_pixels == 0) {
      enqueue_clear(job, stream);
    } else if (job.forward.matrices) {
      enqueue_gather(job, stream);
    } else if (by_atomics(job)) {
      enqueue_atomic_scatter(job, stream);
    } else {
      enqueue_strict_scatter(job, stream);
    }
  }
  if (job.grad_grid && out_pixels > 0) enqueue_grid_gradient(job, stream);
}

}  // namespace bevel
