// What the CUDA kernels of multi_view_sample share: their arguments, where a camera sees a point, and how a
// warp deals channels to its lanes.
#pragma once

#include "core/bilinear.hpp"
#include "core/block_scan.cuh"
#include "core/camera_projection.hpp"
#include "core/cuda_check.hpp"
#include "core/cuda_elements.cuh"
#include "multi_view_sample/multi_view_sample_job.hpp"

namespace bevel {

/// Where a camera sees a point.
struct DeviceView {
  float u, v;
  bool visible;
};

/// The job's arguments on the device.
struct DeviceViews {
  int64_t batch, queries, channels;
  int32_t cameras, points, levels, groups;
  int64_t group_channels;
  bool channels_last, normalised;
  ElementType feature_type;
  ConstMap features[BEVEL_MULTI_VIEW_MAX_LEVELS];
  int64_t batch_stride[BEVEL_MULTI_VIEW_MAX_LEVELS], camera_stride[BEVEL_MULTI_VIEW_MAX_LEVELS];
  int32_t height[BEVEL_MULTI_VIEW_MAX_LEVELS], width[BEVEL_MULTI_VIEW_MAX_LEVELS];
  DeviceSpan<const float> lidar_to_image, points3, locations, image_sizes, weights;
  int64_t image_strides[2], weight_strides[4];
  float image_width, image_height, lower[3], extent[3];

  explicit DeviceViews(const MultiViewJob& job);

  /// Channel c of a pixel lies at pixel · pixel_stride() + c · channel_stride(level).
  __host__ __device__ int64_t pixel_stride() const { return channels_last ? channels : 1; }
  __device__ int64_t channel_stride(int level) const {
    return channels_last ? 1 : static_cast<int64_t>(height[level]) * width[level];
  }

  __device__ float image_extent(int64_t map, int axis) const {
    if (!image_sizes) return axis == 0 ? image_width : image_height;
    return image_sizes[map / cameras * image_strides[0] + map % cameras * image_strides[1] + axis];
  }

  /// A point in metres; row = batch element · queries + query.
  __device__ void read_point(int64_t row, int point, float* metres) const {
    for (int k = 0; k < 3; ++k) {
      const float given = points3[3 * (row * points + point) + k];
      metres[k] = normalised ? point_in_range(given, lower[k], extent[k]) : given;
    }
  }

  /// The rows of a camera's matrix that are read; map = batch element · cameras + camera.
  __device__ void read_matrix(int64_t map, float* matrix) const {
    for (int i = 0; i < 12; ++i) matrix[i] = lidar_to_image[16 * map + i];
  }

  __device__ CameraPoint<float> project(int64_t row, int64_t map, int point, const float* matrix) const {
    float metres[3];
    read_point(row, point, metres);
    return project_point(matrix, metres[0], metres[1], metres[2], image_extent(map, 0), image_extent(map, 1));
  }

  __device__ DeviceView view(int64_t row, int point, int camera) const {
    if (locations) {
      const int64_t at = 2 * ((row * points + point) * cameras + camera);
      const float u = locations[at], v = locations[at + 1];
      return {u, v, inside_image(u, v)};
    }
    const int64_t map = row / queries * cameras + camera;
    float matrix[12];
    read_matrix(map, matrix);
    const CameraPoint<float> seen = project(row, map, point, matrix);
    return {seen.u, seen.v, seen.visible};
  }

  __device__ BilinearPoint<float> sample_point(int level, float u, float v) const {
    return bilinear_point(fused_multiply_add(u, static_cast<float>(width[level]), -0.5f),
                          fused_multiply_add(v, static_cast<float>(height[level]), -0.5f), width[level],
                          height[level]);
  }

  /// Where the weights of the groups of a sample begin.
  __device__ int64_t weights_at(int64_t row, int point, int camera, int level) const {
    return row / queries * weight_strides[0] + row % queries * weight_strides[1] +
           camera * weight_strides[2] + point * weight_strides[3] + static_cast<int64_t>(level) * groups;
  }
};

/// Channels that a warp takes at a time: eight a lane.
constexpr int kLaneChannels = 8;
constexpr int kWarpChannels = kLaneChannels * kWarpLanes;

/// Channel of value i of a lane, from the first of the warp's, where lanes move N channels in one access.
template <int N>
__device__ int64_t lane_channel(int lane, int i) {
  return static_cast<int64_t>(i / N) * (kWarpLanes * N) + lane * N + i % N;
}

/// Reads the eight channels of a lane of one pixel, which begins at `at`; those from `channels` on are zero.
template <class T, int N>
__device__ void load_lane(const ConstMap& map, int64_t at, int64_t channel_stride, int64_t first,
                          int64_t channels, int lane, float* values) {
#pragma unroll
  for (int i = 0; i < kLaneChannels; i += N) {
    const int64_t channel = first + lane_channel<N>(lane, i);
    if constexpr (N > 1) {
#pragma unroll
      for (int j = 0; j < N; ++j) values[i + j] = 0.0f;
      if (channel >= channels) continue;
      const DeviceVector<T, N> loaded = load_vector<N>(pointer_cast<const T>(map.bytes) + (at + channel));
#pragma unroll
      for (int j = 0; j < N; ++j) values[i + j] = to_float(loaded[j]);
    } else {
      values[i] = channel < channels ? map.template load<T>(at + channel * channel_stride) : 0.0f;
    }
  }
}

/// nan_to_num: NaN gives zero, ±Inf the largest finite number of T.
template <class T>
__device__ float finite_or_limit(float value) {
  if (finite(value)) return value;
  if (value != value) return 0.0f;
  const float most = sizeof(T) == 4                     ? __uint_as_float(0x7f7fffffu)
                     : std::is_same_v<T, __nv_bfloat16> ? __uint_as_float(0x7f7f0000u)
                                                        : 65504.0f;
  return value > 0.0f ? most : -most;
}

/// How many channels a lane can move in one access: 16 bytes of them, or one. `job` is of features in T.
inline bool whole_accesses(const MultiViewJob& job, const int length) {
  bool whole = job.channels_last && job.channels % length == 0 && job.channels / job.groups % length == 0;
  for (int level = 0; level < job.levels; ++level) {
    const FeatureLevel& f = job.features[level];
    whole = whole && aligned_to(f.data, 16) && f.batch_stride % length == 0 && f.camera_stride % length == 0;
  }
  return whole;
}

/// Calls launch(T{}, std::integral_constant<int, N>()) for the features' type and channels an access.
template <class Launch>
void with_feature_access(const MultiViewJob& job, Launch launch) {
  auto with_type = [&](auto type, auto length) {
    if (whole_accesses(job, length)) {
      launch(type, length);
    } else {
      launch(type, std::integral_constant<int, 1>());
    }
  };
  switch (job.feature_type) {
    case ElementType::kFloat16:
      return with_type(__half{}, std::integral_constant<int, 8>());
    case ElementType::kBfloat16:
      return with_type(__nv_bfloat16{}, std::integral_constant<int, 8>());
    default:
      return with_type(float{}, std::integral_constant<int, 4>());
  }
}

/// A query is worked on by a team of warps: of its samples, counted through, member k takes each
/// kTeamWarps-th.
constexpr int kTeamWarps = 4;
constexpr int kTeams = kBlockWarps / kTeamWarps;

/// Blocks for `rows` queries; a kernel strides over what is left.
inline int64_t team_blocks(int64_t rows) {
  const int64_t blocks = (rows + kTeams - 1) / kTeams;
  return blocks < (1 << 20) ? blocks : 1 << 20;
}

}  // namespace bevel
