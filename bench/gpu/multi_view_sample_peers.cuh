// DETR3D's feature sampling as it is composed of LibTorch's operators, written from its description as a
// yardstick: every query in every camera, seen or not, on channels-first maps.
//  - project: a thread for each (camera, query).
//  - grid_sample: one level, a thread for each (camera, channel, query); its result is stored.
//  - weighted_sum: a thread for each (channel, query), over the stored samples of all cameras and levels.
//  - the backward of both, feature gradients by scalar atomic additions in float.
#pragma once

#include "device_values.cuh"

namespace bevel::bench {

struct PeerViews {
  int cameras, levels, channels;
  int64_t queries;
  float image_width, image_height;
};

/// A camera's place on a map of (u, v) in [0, 1], grid_sample with align_corners = False.
struct MapPlace {
  float x, y;
  int left, top;

  __device__ MapPlace(const float* uv, int height, int width)
      : x(uv[0] * width - 0.5f), y(uv[1] * height - 0.5f) {
    left = static_cast<int>(floorf(x));
    top = static_cast<int>(floorf(y));
  }
  /// Place of a neighbour, −1 outside of the map.
  __device__ int neighbour(int corner, int height, int width) const {
    const int column = left + corner % 2, row = top + corner / 2;
    return column >= 0 && row >= 0 && column < width && row < height ? row * width + column : -1;
  }
  __device__ float weight(int corner) const {
    const float fx = x - floorf(x), fy = y - floorf(y);
    return (corner % 2 ? fx : 1 - fx) * (corner / 2 ? fy : 1 - fy);
  }
};

/// lidar_to_image [N, 4, 4], points [Q, 3] in metres; locations [N, Q, 2], mask [N, Q].
__global__ void project_kernel(PeerViews s, const float* lidar_to_image, const float* points,
                               float* locations, float* mask) {
  const int64_t index = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (index >= s.cameras * s.queries) return;
  const float* m = lidar_to_image + index / s.queries * 16;
  const float* p = points + index % s.queries * 3;
  float image[3];
  for (int i = 0; i < 3; ++i) {
    image[i] = m[4 * i] * p[0] + m[4 * i + 1] * p[1] + m[4 * i + 2] * p[2] + m[4 * i + 3];
  }
  const float depth = fmaxf(image[2], 1e-5f);
  const float u = image[0] / depth / s.image_width, v = image[1] / depth / s.image_height;
  locations[2 * index] = u;
  locations[2 * index + 1] = v;
  mask[index] = image[2] > 1e-5f && u > 0 && u < 1 && v > 0 && v < 1 ? 1.0f : 0.0f;
}

/// Map [N, C, H, W] of one level; samples [L, N, C, Q].
template <typename T>
__global__ void grid_sample_kernel(PeerViews s, int level, int height, int width, const T* map,
                                   const float* locations, T* samples) {
  const int64_t index = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (index >= s.cameras * s.channels * s.queries) return;
  const int64_t query = index % s.queries, plane = index / s.queries, camera = plane / s.channels;
  const MapPlace at(locations + 2 * (camera * s.queries + query), height, width);
  const T* from = map + plane * height * width;
  float sum = 0;
#pragma unroll
  for (int corner = 0; corner < 4; ++corner) {
    const int place = at.neighbour(corner, height, width);
    if (place >= 0) sum = fmaf(at.weight(corner), widen(from[place]), sum);
  }
  narrow(sum, &samples[level * s.cameras * s.channels * s.queries + index]);
}

/// weights [Q, N, L]; out [Q, C].
template <typename T>
__global__ void weighted_sum_kernel(PeerViews s, const T* samples, const float* weights, const float* mask,
                                    T* out) {
  const int64_t index = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (index >= s.channels * s.queries) return;
  const int64_t query = index % s.queries, channel = index / s.queries;
  float sum = 0;
  for (int camera = 0; camera < s.cameras; ++camera) {
    const float seen = mask[camera * s.queries + query];
    for (int level = 0; level < s.levels; ++level) {
      const int64_t sample = ((level * s.cameras + camera) * s.channels + channel) * s.queries + query;
      const float weight = weights[(query * s.cameras + camera) * s.levels + level];
      sum = fmaf(weight * seen, widen(samples[sample]), sum);
    }
  }
  narrow(sum, &out[query * s.channels + channel]);
}

/// A thread for each (query, camera, level), over the channels of the samples that forward stored.
template <typename T>
__global__ void weight_gradient_kernel(PeerViews s, const T* samples, const float* mask, const T* grad_out,
                                       float* grad_weights) {
  const int64_t index = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (index >= s.queries * s.cameras * s.levels) return;
  const int level = static_cast<int>(index / s.queries / s.cameras);
  const int64_t camera = index / s.queries % s.cameras, query = index % s.queries;
  const T* from = samples + (level * s.cameras + camera) * s.channels * s.queries + query;
  float sum = 0;
  for (int channel = 0; channel < s.channels; ++channel) {
    sum = fmaf(widen(grad_out[query * s.channels + channel]), widen(from[channel * s.queries]), sum);
  }
  grad_weights[(query * s.cameras + camera) * s.levels + level] = mask[camera * s.queries + query] * sum;
}

/// One level, a thread for each (camera, channel, query). Needs grad_map cleared before.
template <typename T>
__global__ void grid_sample_gradient_kernel(PeerViews s, int level, int height, int width,
                                            const float* locations, const float* weights, const float* mask,
                                            const T* grad_out, float* grad_map) {
  const int64_t index = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (index >= s.cameras * s.channels * s.queries) return;
  const int64_t query = index % s.queries, plane = index / s.queries, camera = plane / s.channels;
  const float weight =
      weights[(query * s.cameras + camera) * s.levels + level] * mask[camera * s.queries + query];
  const float gradient = weight * widen(grad_out[query * s.channels + plane % s.channels]);
  const MapPlace at(locations + 2 * (camera * s.queries + query), height, width);
  for (int corner = 0; corner < 4; ++corner) {
    const int place = at.neighbour(corner, height, width);
    if (place >= 0) atomicAdd(&grad_map[plane * height * width + place], at.weight(corner) * gradient);
  }
}

}  // namespace bevel::bench
