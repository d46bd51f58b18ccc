// Feature sampling in several cameras on CUDA, backward: the gradients that belong to queries, of weights and
// of points or locations. (Those of features: multi_view_sample_features.cu.)
//
// Four warps share a query, as forward. For each sample a warp reads its four neighbours once and multiplies
// them with the output's gradient; butterflies over the lanes give the gradient of each group's weight, which
// is written once, and the one by the place. Places' gradients meet in shared memory, level by level and
// camera by camera in a fixed order. Nothing is atomic.
#include "core/cuda_workspace.cuh"
#include "multi_view_sample/multi_view_sample.cuh"
#include "multi_view_sample/multi_view_sample_features.cuh"
#include "multi_view_sample/multi_view_sample_job.hpp"
#include "core/cuda_bodies.hpp"

namespace bevel {
namespace {

constexpr int kMostLevels = BEVEL_MULTI_VIEW_MAX_LEVELS;
constexpr int kMostPoints = BEVEL_MULTI_VIEW_MAX_POINTS;

struct QueryGradients {
  ConstMap grad_out;
  DeviceSpan<float> weights, points, locations;  ///< gradients, or null
};

__device__ float warp_sum(float value) {
  for (int other = kWarpLanes / 2; other > 0; other /= 2) value += __shfl_xor_sync(kAllLanes, value, other);
  return value;
}

/// The output's gradient, a lane's eight channels.
template <int N>
__device__ void load_gradient(const ConstMap& grad_out, int64_t at, int64_t first, int64_t channels, int lane,
                              float* gradient) {
  with_element_type(grad_out.type, [&](auto tag) {
#pragma unroll
    for (int i = 0; i < kLaneChannels; ++i) {
      const int64_t channel = first + lane_channel<N>(lane, i);
      gradient[i] = channel < channels ? grad_out.template load<decltype(tag)>(at + channel) : 0.0f;
    }
  });
}

/// Writes the gradients of a sample's weights and returns those by its x and y, pixels.
template <class T, int N>
__device__ float2 pass_back(const DeviceViews& views, const QueryGradients& gradients, int64_t row, int point,
                            int camera, int level, float u, float v, int lane) {
  const BilinearPoint<float> at = views.sample_point(level, u, v);
  const int64_t map = row / views.queries * views.batch_stride[level] + camera * views.camera_stride[level];
  const int64_t pixel = static_cast<int64_t>(at.row) * views.width[level] + at.column;
  const int64_t weights = views.weights_at(row, point, camera, level);
  const int64_t weight_gradients =
      (((row * views.cameras + camera) * views.points + point) * views.levels + level) * views.groups;
  float product[4] = {};
  for (int64_t first = 0; first < views.channels; first += kWarpChannels) {
    float gradient[kLaneChannels], values[kLaneChannels] = {}, corner[4][kLaneChannels];
    load_gradient<N>(gradients.grad_out, row * views.channels, first, views.channels, lane, gradient);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      if (at.inside >> k & 1u) {
        const int64_t neighbour = pixel + (k & 1) + (k & 2 ? views.width[level] : 0);
        load_lane<T, N>(views.features[level], map + neighbour * views.pixel_stride(),
                        views.channel_stride(level), first, views.channels, lane, corner[k]);
        const float factor = bilinear_weight(at, k);
#pragma unroll
        for (int i = 0; i < kLaneChannels; ++i) values[i] = fmaf(factor, corner[k][i], values[i]);
      } else {
#pragma unroll
        for (int i = 0; i < kLaneChannels; ++i) corner[k][i] = 0.0f;
      }
    }
    float of_weight[kLaneChannels];
#pragma unroll
    for (int i = 0; i < kLaneChannels; ++i) {
      const int64_t channel = first + lane_channel<N>(lane, i);
      of_weight[i] = channel < views.channels ? gradient[i] * finite_or_limit<T>(values[i]) : 0.0f;
      // What is not finite has no gradient by place.
      if (channel >= views.channels || !finite(values[i])) continue;
      const float weighed =
          gradient[i] * views.weights[weights + (views.groups == 1 ? 0 : channel / views.group_channels)];
#pragma unroll
      for (int k = 0; k < 4; ++k) product[k] = fmaf(weighed, corner[k][i], product[k]);
    }
    if (!gradients.weights) continue;
    const int64_t end = first + kWarpChannels < views.channels ? first + kWarpChannels : views.channels;
    for (int64_t group = first / views.group_channels; group * views.group_channels < end; ++group) {
      float sum = 0.0f;
#pragma unroll
      for (int i = 0; i < kLaneChannels; ++i) {
        const int64_t channel = first + lane_channel<N>(lane, i) - group * views.group_channels;
        if (channel >= 0 && channel < views.group_channels) sum += of_weight[i];
      }
      sum = warp_sum(sum);
      // A group that goes on from the last channels already has a sum; else it has the zero of the clearing.
      if (lane == 0) gradients.weights[weight_gradients + group] += sum;
    }
  }
#pragma unroll
  for (int k = 0; k < 4; ++k) product[k] = warp_sum(product[k]);
  const float top = product[1] - product[0], bottom = product[3] - product[2];
  const float left = product[2] - product[0], right = product[3] - product[1];
  return {top + at.lower * (bottom - top), left + at.right * (right - left)};
}

/// Shared memory of a team, for 32 views at a time.
struct TeamMemory {
  SharedSpan<float> by_level;  ///< [32 views][levels][2]
  SharedSpan<float> by_view;   ///< [32 views][3]
  SharedSpan<float> by_point;  ///< [points][3]
};

/// The gradient of 32 views from `begin` on by their places, levels added in their order. One warp.
__device__ void finish_views(const DeviceViews& views, const QueryGradients& gradients,
                             const TeamMemory& memory, int64_t row, int begin, bool visible, int lane) {
  const int own = begin + lane, count = views.points * views.cameras;
  float by_u = 0.0f, by_v = 0.0f;
  if (visible) {
    for (int level = 0; level < views.levels; ++level) {
      const int at = (lane * kMostLevels + level) * 2;
      by_u = fmaf(static_cast<float>(views.width[level]), memory.by_level[at], by_u);
      by_v = fmaf(static_cast<float>(views.height[level]), memory.by_level[at + 1], by_v);
    }
  }
  if (gradients.locations && own < count) {
    gradients.locations[2 * (row * count + own)] = by_u;
    gradients.locations[2 * (row * count + own) + 1] = by_v;
  }
  if (!gradients.points) return;
  float gradient[3] = {};
  if (visible) {
    const int point = own / views.cameras;
    const int64_t map = row / views.queries * views.cameras + own % views.cameras;
    float matrix[12];
    views.read_matrix(map, matrix);
    add_projection_gradient(matrix, views.project(row, map, point, matrix), views.image_extent(map, 0),
                            views.image_extent(map, 1), by_u, by_v, gradient);
  }
  for (int k = 0; k < 3; ++k) memory.by_view[lane * 3 + k] = gradient[k];
  __syncwarp();
  if (lane < 3) {
    for (int view = begin; view < begin + kWarpLanes && view < count; ++view) {
      memory.by_point[view / views.cameras * 3 + lane] += memory.by_view[(view - begin) * 3 + lane];
    }
  }
  __syncwarp();
}

template <class T, int N>
BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, 2)
    multi_view_sample_query_gradient_kernel(DeviceViews views, QueryGradients gradients) {
  BEVEL_SHARED(float, by_level, kTeams* kWarpLanes* kMostLevels * 2);
  BEVEL_SHARED(float, by_view, kTeams* kWarpLanes * 3);
  BEVEL_SHARED(float, by_point, kTeams* kMostPoints * 3);
  const int lane = threadIdx.x % kWarpLanes, warp = threadIdx.x / kWarpLanes;
  const int member = warp % kTeamWarps, team = warp / kTeamWarps;
  const TeamMemory memory = {by_level + team * kWarpLanes * kMostLevels * 2, by_view + team * kWarpLanes * 3,
                             by_point + team * kMostPoints * 3};
  const int64_t rows = views.batch * views.queries;
  const int count = views.points * views.cameras;
  for (int64_t block_row = static_cast<int64_t>(blockIdx.x) * kTeams; block_row < rows;
       block_row += static_cast<int64_t>(gridDim.x) * kTeams) {
    const int64_t row = block_row + team;
    const bool works = row < rows;
    if (member == 0) {
      for (int i = lane; i < views.points * 3; i += kWarpLanes) memory.by_point[i] = 0.0f;
      __syncwarp();
    }
    int sample = 0;  // of the query
    for (int begin = 0; begin < count; begin += kWarpLanes) {
      const int own = begin + lane;
      DeviceView view = {0.0f, 0.0f, false};
      if (works && own < count) view = views.view(row, own / views.cameras, own % views.cameras);
      uint32_t seen = __ballot_sync(kAllLanes, view.visible);
      for (; seen; seen &= seen - 1) {
        const int from = __ffs(seen) - 1;
        const float u = __shfl_sync(kAllLanes, view.u, from), v = __shfl_sync(kAllLanes, view.v, from);
        for (int level = 0; level < views.levels; ++level, ++sample) {
          if (sample % kTeamWarps != member) continue;
          const float2 by_place = pass_back<T, N>(views, gradients, row, (begin + from) / views.cameras,
                                                  (begin + from) % views.cameras, level, u, v, lane);
          if (lane == 0) {
            memory.by_level[(from * kMostLevels + level) * 2] = by_place.x;
            memory.by_level[(from * kMostLevels + level) * 2 + 1] = by_place.y;
          }
        }
      }
      __syncthreads();
      if (member == 0 && works) finish_views(views, gradients, memory, row, begin, view.visible, lane);
      __syncthreads();
    }
    if (gradients.points && member == 0 && works) {
      for (int i = lane; i < views.points * 3; i += kWarpLanes) {
        const float scale = views.normalised ? views.extent[i % 3] : 1.0f;
        gradients.points[row * views.points * 3 + i] = memory.by_point[i] * scale;
      }
      __syncwarp();
    }
  }
}

}  // namespace

int64_t cuda::multi_view_sample_backward_workspace(const MultiViewBackwardJob& job) {
  return job.wants_features() ? multi_view_sample_features_workspace(job) : 0;
}

void cuda::multi_view_sample_backward(const MultiViewBackwardJob& job, cudaStream_t stream) {
  const MultiViewJob& f = job.forward;
  const int64_t rows = f.batch * f.queries;
  const auto floats = [](void* data, int64_t count, const char* name) {
    return data ? DeviceSpan<float>(static_cast<float*>(data), count, name) : DeviceSpan<float>();
  };
  const int64_t views_of_all = rows * f.points * f.cameras;
  const int64_t weights = views_of_all * f.levels * f.groups;
  if (rows > 0 && (job.grad_weights || job.grad_points || job.grad_locations)) {
    QueryGradients gradients;
    gradients.grad_out = ConstMap(job.grad_out, rows * f.channels, f.out_type, "grad_out");
    gradients.weights = floats(job.grad_weights, weights, "grad_weights");
    gradients.points = floats(job.grad_points, rows * f.points * 3, "grad_points");
    gradients.locations = floats(job.grad_locations, views_of_all * 2, "grad_locations");
    if (job.grad_weights && weights > 0) {
      check_cuda_call(cudaMemsetAsync(job.grad_weights, 0, static_cast<size_t>(weights) * 4, stream),
                      "cudaMemsetAsync");
    }
    const DeviceViews views(f);
    with_feature_access(f, [&](auto type, auto length) {
      BEVEL_ENQUEUE((multi_view_sample_query_gradient_kernel<decltype(type), decltype(length)::value>),
                    team_blocks(rows), 0, stream, views, gradients);
    });
  }
  if (job.wants_features()) enqueue_multi_view_sample_features(job, stream);
}

}  // namespace bevel
