// Backward of lift-splat for plans of intervals (z-resolved grids), straight through the cell of every point:
// a thread a point for the depth gradient, a thread a pixel and four channels for the context gradient, which
// walks the pixel's bins in order. Neighbouring threads are neighbouring pixels. Bound by L2: two gathers of
// C values a kept point.
#include "lift_splat/lift_splat_intervals_backward.cuh"

namespace bevel {
namespace {

/// With a plan that cannot be used every point is dropped, and all gradients are zero.
__device__ int32_t cell_of(const PlanView& plan, int32_t method, int64_t point) {
  return method == BEVEL_LIFT_SPLAT_INTERVALS ? int32_t(plan.plan[plan.at.point_cell + point]) : kDroppedCell;
}

/// Where channel 0 of a pixel's context lies, and how far apart its channels are.
struct PixelContext {
  int64_t base, step;
  __device__ PixelContext(const TileSources& s, const int64_t* strides, int64_t image, int64_t pixel) {
    base = image / s.cameras * strides[0] + image % s.cameras * strides[1] +
           (s.context_channels_last ? pixel * s.channels : pixel);
    step = s.context_channels_last ? 1 : s.height * s.width;
  }
};

template <typename ContextT, typename GradT>
__device__ float dot_channels(const GradientLaunch& launch, const PixelContext& at, int64_t cell) {
  float sum = 0.0f;
  for (int64_t c = 0; c < launch.sources.channels; c += 4) {
    const Float4 g = load_channels<GradT>(launch, cell * launch.grad_out_stride, c, c);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (c + i < launch.sources.channels) {
        sum = fmaf(g[i], launch.sources.context.template load<ContextT>(at.base + (c + i) * at.step), sum);
      }
    }
  }
  return sum;
}

BEVEL_GLOBAL void lift_splat_point_gradients_kernel(GradientLaunch launch, int64_t points) {
  const int32_t method = launch.plan.method();
  if (method == BEVEL_LIFT_SPLAT_COLUMNS) return;
  const TileSources& s = launch.sources;
  const int64_t point = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x;
  if (point >= points) return;
  const int64_t pixels = s.height * s.width;
  const int64_t image = point / (s.depth_bins * pixels), within = point % (s.depth_bins * pixels);
  const int32_t cell = cell_of(launch.plan, method, point);
  float gradient = 0.0f;
  if (cell >= 0) {
    const PixelContext at(s, s.context_strides, image, within % pixels);
    with_element_type(s.context.type, [&](auto context) {
      with_element_type(launch.grad_out.type, [&](auto grad) {
        gradient = dot_channels<decltype(context), decltype(grad)>(launch, at, cell);
      });
    });
  }
  launch.grad_depth[image / s.cameras * launch.grad_depth_strides[0] +
                    image % s.cameras * launch.grad_depth_strides[1] + within] = gradient;
}

BEVEL_GLOBAL void lift_splat_pixel_gradients_kernel(GradientLaunch launch, int64_t images) {
  const int32_t method = launch.plan.method();
  if (method == BEVEL_LIFT_SPLAT_COLUMNS) return;
  const TileSources& s = launch.sources;
  const int64_t pixels = s.height * s.width;
  const int64_t thread = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x;
  const int64_t quads = (s.channels + 3) / 4;
  if (thread >= images * pixels * quads) return;
  const int64_t pixel = thread % pixels, image = thread / (pixels * quads);
  const int64_t channel = thread / pixels % quads * 4;
  Float4 sum = {};
  with_element_type(launch.grad_out.type, [&](auto tag) {
    for (int64_t d = 0; d < s.depth_bins; ++d) {
      const int64_t point = (image * s.depth_bins + d) * pixels + pixel;
      const int64_t cell = cell_of(launch.plan, method, point);
      if (cell < 0) continue;
      const float weight = s.weights[point];
      const Float4 g = load_channels<decltype(tag)>(launch, cell * launch.grad_out_stride, channel, channel);
#pragma unroll
      for (int i = 0; i < 4; ++i) sum[i] = fmaf(weight, g[i], sum[i]);
    }
  });
  const PixelContext at(s, launch.grad_context_strides, image, pixel);
  for (int i = 0; i < 4 && channel + i < s.channels; ++i) {
    launch.grad_context.store(at.base + (channel + i) * at.step, sum[i]);
  }
}

}  // namespace

void enqueue_intervals_backward(const GradientLaunch& launch, int64_t images, cudaStream_t stream) {
  const TileSources& s = launch.sources;
  const int64_t pixels = images * s.height * s.width;
  if (launch.wants_depth) {
    const int64_t points = pixels * s.depth_bins;
    BEVEL_ENQUEUE(lift_splat_point_gradients_kernel, blocks_for(points), 0, stream, launch, points);
  }
  if (launch.wants_context) {
    BEVEL_ENQUEUE(lift_splat_pixel_gradients_kernel, blocks_for(pixels * ((s.channels + 3) / 4)), 0, stream,
                  launch, images);
  }
}

}  // namespace bevel
