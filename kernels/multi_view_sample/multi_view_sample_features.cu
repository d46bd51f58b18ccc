// Feature sampling in several cameras on CUDA, backward: the gradients of features.
//
// First a block for each camera lists the views that are visible, in the order of queries and points. Then a
// block takes a run of pixels: it finds the listed samples that touch it, in their order, and each pixel's
// owner (a warp where channels are last, a lane where they come plane by plane) adds them up and writes the
// pixel once, zero where nothing touches it. So every gradient is written once and whole, nothing is atomic,
// and nothing needs clearing first: there is no faster way that is not deterministic, and BEVEL_FAST does the
// same. Bound: writing all maps, few pixels of which are touched.
#include "core/cuda_workspace.cuh"
#include "multi_view_sample/multi_view_sample.cuh"
#include "multi_view_sample/multi_view_sample_features.cuh"

namespace bevel {
namespace {

/// The visible views of each map (batch element · cameras + camera).
struct ViewLists {
  DeviceSpan<int32_t> counts;  ///< [maps]
  DeviceSpan<int32_t> items;   ///< [maps][queries · points] query · points + point
  DeviceSpan<float> places;    ///< [maps][queries · points][2] u, v

  ViewLists(const MultiViewJob& job, WorkspaceCutter& cutter)
      : counts(cutter.take<int32_t>(job.batch * job.cameras, "view counts")),
        items(cutter.take<int32_t>(job.batch * job.cameras * job.items(), "view items")),
        places(cutter.take<float>(job.batch * job.cameras * job.items() * 2, "view places")) {}
};

BEVEL_GLOBAL void __launch_bounds__(kBlockThreads)
    multi_view_sample_list_views_kernel(DeviceViews views, ViewLists lists) {
  const int64_t map = blockIdx.x, items = views.queries * views.points;
  int32_t listed = 0;
  for (int64_t begin = 0; begin < items; begin += kBlockThreads) {
    const int64_t item = begin + threadIdx.x;
    DeviceView view = {0.0f, 0.0f, false};
    if (item < items) {
      const int64_t row = map / views.cameras * views.queries + item / views.points;
      view = views.view(row, static_cast<int>(item % views.points), static_cast<int>(map % views.cameras));
    }
    int32_t total;
    const int32_t before = block_exclusive_sum(view.visible ? 1 : 0, total);
    if (view.visible) {
      const int64_t at = map * items + listed + before;
      lists.items[at] = static_cast<int32_t>(item);
      lists.places[2 * at] = view.u;
      lists.places[2 * at + 1] = view.v;
    }
    listed += total;
  }
  if (threadIdx.x == 0) lists.counts[map] = listed;
}

/// One level's gradient.
struct LevelGradient {
  int level;
  Map grad;
  bool whole;  ///< four channels are one access, where they are last
  ConstMap grad_out;
  int64_t runs;  ///< of pixels, in a map
};

/// Samples of a window of the list that touch the block's pixels, in shared memory.
struct Touching {
  SharedSpan<int32_t> pixel;  ///< of corner 0; may lie outside the level
  SharedSpan<uint32_t> inside;
  SharedSpan<float> right, lower;
  SharedSpan<int32_t> item;
};

/// Finds those of the listed samples [begin, begin + 256) of a map that touch the pixels [first, first +
/// count); returns how many. The whole block.
__device__ int find_touching(const DeviceViews& views, const ViewLists& lists, int level, int64_t map,
                             int32_t begin, int32_t listed, int64_t first, int count,
                             const Touching& touching) {
  const int32_t index = begin + static_cast<int32_t>(threadIdx.x);
  BilinearPoint<float> at = {};
  int32_t pixel = 0, item = 0;
  bool touches = false;
  if (index < listed) {
    const int64_t entry = map * views.queries * views.points + index;
    const float u = lists.places[2 * entry], v = lists.places[2 * entry + 1];
    at = views.sample_point(level, u, v);
    item = lists.items[entry];
    pixel = at.row * views.width[level] + at.column;
    for (int k = 0; k < 4; ++k) {
      const int64_t neighbour = static_cast<int64_t>(pixel) + (k & 1) + (k & 2 ? views.width[level] : 0);
      touches = touches || ((at.inside >> k & 1u) && neighbour >= first && neighbour < first + count);
    }
  }
  int32_t total;
  const int32_t place = block_exclusive_sum(touches ? 1 : 0, total);
  if (touches) {
    touching.pixel[place] = pixel;
    touching.inside[place] = at.inside;
    touching.right[place] = at.right;
    touching.lower[place] = at.lower;
    touching.item[place] = item;
  }
  __syncthreads();
  return total;
}

/// What a found sample weighs at a pixel; 0 where it does not touch it.
__device__ bool weight_at_pixel(const Touching& touching, int index, int64_t pixel, int32_t width,
                                float& weight) {
  const uint32_t inside = touching.inside[index];
  const int64_t offset = pixel - touching.pixel[index];
  const BilinearPoint<float> at = {0, 0, touching.right[index], touching.lower[index], inside};
  for (int k = 0; k < 4; ++k) {
    if ((inside >> k & 1u) && offset == (k & 1) + (k & 2 ? width : 0)) {
      weight = bilinear_weight(at, k);
      return true;
    }
  }
  return false;
}

/// Row of the output and first weight of a found sample.
struct SampleSource {
  int64_t row, weights;

  __device__ SampleSource(const DeviceViews& views, int64_t map, int level, int32_t item) {
    row = map / views.cameras * views.queries + item / views.points;
    weights = views.weights_at(row, item % views.points, static_cast<int>(map % views.cameras), level);
  }
};

constexpr int kPixelsOfWarp = 4;
constexpr int kRunPixels = kPixelsOfWarp * kBlockWarps;  ///< of a block; a lane each where planes are written
static_assert(kRunPixels == kWarpLanes, "both kernels have the same runs");

#define BEVEL_TOUCHING_MEMORY(touching)                   \
  BEVEL_SHARED(int32_t, touching_pixel, kBlockThreads);   \
  BEVEL_SHARED(uint32_t, touching_inside, kBlockThreads); \
  BEVEL_SHARED(float, touching_right, kBlockThreads);     \
  BEVEL_SHARED(float, touching_lower, kBlockThreads);     \
  BEVEL_SHARED(int32_t, touching_item, kBlockThreads);    \
  const Touching touching = {touching_pixel, touching_inside, touching_right, touching_lower, touching_item}

/// Channels last: a warp owns four pixels, a lane eight channels of them.
template <int N>
BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, 2)
    multi_view_sample_feature_rows_kernel(DeviceViews views, ViewLists lists, LevelGradient gradient) {
  BEVEL_TOUCHING_MEMORY(touching);
  const int lane = threadIdx.x % kWarpLanes, warp = threadIdx.x / kWarpLanes;
  const int level = gradient.level;
  const int32_t width = views.width[level];
  const int64_t pixels = static_cast<int64_t>(views.height[level]) * width;
  const int64_t all_runs = views.batch * views.cameras * gradient.runs;
  for (int64_t run = blockIdx.x; run < all_runs; run += gridDim.x) {
    const int64_t map = run / gradient.runs, first_pixel = run % gradient.runs * kRunPixels;
    const int32_t listed = lists.counts[map];
    for (int64_t first = 0; first < views.channels; first += kWarpChannels) {
      float sum[kPixelsOfWarp][kLaneChannels] = {};
      for (int32_t begin = 0; begin < listed; begin += kBlockThreads) {
        const int found =
            find_touching(views, lists, level, map, begin, listed, first_pixel, kRunPixels, touching);
        for (int window = 0; window < found; window += kWarpLanes) {
#pragma unroll
          for (int p = 0; p < kPixelsOfWarp; ++p) {
            const int64_t pixel = first_pixel + warp * kPixelsOfWarp + p;
            float factor = 0.0f;
            const bool hit =
                window + lane < found && weight_at_pixel(touching, window + lane, pixel, width, factor);
            uint32_t hits = __ballot_sync(kAllLanes, hit);
            for (; hits; hits &= hits - 1) {
              const int from = __ffs(hits) - 1;
              const float of_pixel = __shfl_sync(kAllLanes, factor, from);
              const SampleSource source(views, map, level, touching.item[window + from]);
              with_element_type(gradient.grad_out.type, [&](auto tag) {
#pragma unroll
                for (int i = 0; i < kLaneChannels; ++i) {
                  const int64_t channel = first + lane_channel<N>(lane, i);
                  if (channel >= views.channels) continue;
                  const float weight =
                      views
                          .weights[source.weights + (views.groups == 1 ? 0 : channel / views.group_channels)];
                  sum[p][i] = fmaf(
                      weight * of_pixel,
                      gradient.grad_out.template load<decltype(tag)>(source.row * views.channels + channel),
                      sum[p][i]);
                }
              });
            }
          }
        }
      }
#pragma unroll
      for (int p = 0; p < kPixelsOfWarp; ++p) {
        const int64_t pixel = first_pixel + warp * kPixelsOfWarp + p;
        if (pixel >= pixels) continue;
        const int64_t at = (map * pixels + pixel) * views.channels;
#pragma unroll
        for (int i = 0; i < kLaneChannels; i += N) {
          const int64_t channel = first + lane_channel<N>(lane, i);
          if (channel >= views.channels) continue;
          if constexpr (N == 4) {
            const Float4 values = {sum[p][i], sum[p][i + 1], sum[p][i + 2], sum[p][i + 3]};
            gradient.grad.store_floats<4>(at + channel, values);
          } else {
            gradient.grad.store(at + channel, sum[p][i]);
          }
        }
      }
    }
  }
}

constexpr int kPlanesOfWarp = 8;

/// Channels first: a lane owns a pixel, a warp eight channels' planes at a time.
BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, 2)
    multi_view_sample_feature_planes_kernel(DeviceViews views, ViewLists lists, LevelGradient gradient) {
  BEVEL_TOUCHING_MEMORY(touching);
  const int lane = threadIdx.x % kWarpLanes, warp = threadIdx.x / kWarpLanes;
  const int level = gradient.level;
  const int32_t width = views.width[level];
  const int64_t pixels = static_cast<int64_t>(views.height[level]) * width;
  const int64_t all_runs = views.batch * views.cameras * gradient.runs;
  for (int64_t run = blockIdx.x; run < all_runs; run += gridDim.x) {
    const int64_t map = run / gradient.runs, first_pixel = run % gradient.runs * kRunPixels;
    const int64_t pixel = first_pixel + lane;
    const int32_t listed = lists.counts[map];
    for (int64_t first = 0; first < views.channels; first += kPlanesOfWarp * kBlockWarps) {
      const int64_t own = first + warp * kPlanesOfWarp;
      float sum[kPlanesOfWarp] = {};
      for (int32_t begin = 0; begin < listed; begin += kBlockThreads) {
        const int found =
            find_touching(views, lists, level, map, begin, listed, first_pixel, kRunPixels, touching);
        for (int index = 0; index < found; ++index) {
          float factor = 0.0f;
          const bool hit = weight_at_pixel(touching, index, pixel, width, factor);
          const SampleSource source(views, map, level, touching.item[index]);
          if (!hit) continue;
          with_element_type(gradient.grad_out.type, [&](auto tag) {
#pragma unroll
            for (int i = 0; i < kPlanesOfWarp; ++i) {
              if (own + i >= views.channels) continue;
              const float weight =
                  views.weights[source.weights + (views.groups == 1 ? 0 : (own + i) / views.group_channels)];
              sum[i] =
                  fmaf(weight * factor,
                       gradient.grad_out.template load<decltype(tag)>(source.row * views.channels + own + i),
                       sum[i]);
            }
          });
        }
      }
      if (pixel >= pixels) continue;
#pragma unroll
      for (int i = 0; i < kPlanesOfWarp; ++i) {
        if (own + i < views.channels) {
          gradient.grad.store((map * views.channels + own + i) * pixels + pixel, sum[i]);
        }
      }
    }
  }
}

}  // namespace

int64_t multi_view_sample_features_workspace(const MultiViewBackwardJob& job) {
  WorkspaceCutter cutter(nullptr);
  const ViewLists lists(job.forward, cutter);
  return cutter.bytes();
}

void enqueue_multi_view_sample_features(const MultiViewBackwardJob& job, cudaStream_t stream) {
  const MultiViewJob& f = job.forward;
  const int64_t maps = f.batch * f.cameras;
  if (maps == 0) return;
  const DeviceViews views(f);
  WorkspaceCutter cutter(job.workspace);
  const ViewLists lists(f, cutter);
  BEVEL_ENQUEUE(multi_view_sample_list_views_kernel, maps, 0, stream, views, lists);
  for (int level = 0; level < f.levels; ++level) {
    if (!job.grad_features[level]) continue;
    const int64_t pixels = static_cast<int64_t>(f.features[level].height) * f.features[level].width;
    LevelGradient gradient;
    gradient.level = level;
    gradient.grad =
        Map(job.grad_features[level], maps * pixels * f.channels, f.feature_type, "grad_features");
    gradient.whole =
        vector_length(job.grad_features[level], f.feature_type, {f.channels, f.channels / f.groups}) == 4;
    gradient.grad_out = ConstMap(job.grad_out, f.batch * f.queries * f.channels, f.out_type, "grad_out");
    gradient.runs = (pixels + kRunPixels - 1) / kRunPixels;
    const int64_t all_runs = maps * gradient.runs, blocks = all_runs < (1 << 20) ? all_runs : 1 << 20;
    if (!f.channels_last) {
      BEVEL_ENQUEUE(multi_view_sample_feature_planes_kernel, blocks, 0, stream, views, lists, gradient);
    } else if (gradient.whole) {
      BEVEL_ENQUEUE((multi_view_sample_feature_rows_kernel<4>), blocks, 0, stream, views, lists, gradient);
    } else {
      BEVEL_ENQUEUE((multi_view_sample_feature_rows_kernel<1>), blocks, 0, stream, views, lists, gradient);
    }
  }
}

}  // namespace bevel
