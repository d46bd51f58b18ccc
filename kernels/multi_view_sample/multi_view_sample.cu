// Feature sampling in several cameras on CUDA, forward.
//
// Four warps share a query. A lane projects the point into one camera; a ballot gives the views that are
// visible, and the warps walk through the samples of these only, each taking every fourth one (a level each,
// for DETR3D's four). For a sample a lane loads eight channels of each neighbour in 16-byte pieces, so that a
// row of 256 channels is one or two accesses. The four partial sums meet in shared memory in a fixed order.
// Bound: launch latency, and the loads of four rows a sample from L2.
#include "core/cuda_workspace.cuh"
#include "multi_view_sample/multi_view_sample.cuh"
#include "multi_view_sample/multi_view_sample_job.hpp"
#include "core/cuda_bodies.hpp"

namespace bevel {

DeviceViews::DeviceViews(const MultiViewJob& job)
    : batch(job.batch),
      queries(job.queries),
      channels(job.channels),
      cameras(job.cameras),
      points(job.points),
      levels(job.levels),
      groups(job.groups),
      group_channels(job.channels / job.groups),
      channels_last(job.channels_last),
      normalised(job.normalised),
      feature_type(job.feature_type),
      image_width(static_cast<float>(job.image_width)),
      image_height(static_cast<float>(job.image_height)) {
  // Elements from the first to the last of a tensor of so many steps and a compact rest.
  const auto span = [](std::initializer_list<int64_t> extents, const int64_t* strides, int64_t rest) {
    int64_t elements = rest;
    for (const int64_t extent : extents) {
      if (extent == 0) return int64_t{0};
      elements += (extent - 1) * *strides++;
    }
    return elements;
  };
  const auto floats = [](const void* data, int64_t count, const char* name) {
    return data ? DeviceSpan<const float>(static_cast<const float*>(data), count, name)
                : DeviceSpan<const float>();
  };
  for (int level = 0; level < levels; ++level) {
    const FeatureLevel& f = job.features[level];
    const int64_t strides[2] = {f.batch_stride, f.camera_stride};
    height[level] = f.height;
    width[level] = f.width;
    batch_stride[level] = f.batch_stride;
    camera_stride[level] = f.camera_stride;
    features[level] = ConstMap(f.data, span({batch, cameras}, strides, channels * f.height * f.width),
                               feature_type, "features");
  }
  lidar_to_image = floats(job.lidar_to_image, batch * cameras * 16, "lidar_to_image");
  points3 = floats(job.points3, batch * queries * points * 3, "points");
  locations = floats(job.locations, batch * queries * points * cameras * 2, "locations");
  image_sizes = floats(job.image_sizes, span({batch, cameras}, job.image_strides, 2), "image_sizes");
  weights = floats(
      job.weights,
      span({batch, queries, cameras, points}, job.weight_strides, static_cast<int64_t>(levels) * groups),
      "weights");
  for (int i = 0; i < 2; ++i) image_strides[i] = job.image_strides[i];
  for (int i = 0; i < 4; ++i) weight_strides[i] = job.weight_strides[i];
  for (int i = 0; i < 3; ++i) {
    lower[i] = static_cast<float>(job.lower[i]);
    extent[i] = static_cast<float>(job.extent[i]);
  }
}

namespace {

struct ForwardOutputs {
  Map out;
  bool out_whole;                     ///< four channels are one access
  DeviceSpan<unsigned char> visible;  ///< or null
};

/// Adds one sample's channels of a lane to sum.
template <class T, int N>
__device__ void add_sample(const DeviceViews& views, int64_t row, int point, int camera, int level, float u,
                           float v, int64_t first, int lane, float* sum) {
  const BilinearPoint<float> at = views.sample_point(level, u, v);
  const int64_t map = row / views.queries * views.batch_stride[level] + camera * views.camera_stride[level];
  const int64_t pixel = static_cast<int64_t>(at.row) * views.width[level] + at.column;
  const int64_t pixel_stride = views.pixel_stride(), channel_stride = views.channel_stride(level);
  float values[kLaneChannels] = {};
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    if (!(at.inside >> k & 1u)) continue;
    const int64_t neighbour = pixel + (k & 1) + (k & 2 ? views.width[level] : 0);
    const float factor = bilinear_weight(at, k);
    float corner[kLaneChannels];
    load_lane<T, N>(views.features[level], map + neighbour * pixel_stride, channel_stride, first,
                    views.channels, lane, corner);
#pragma unroll
    for (int i = 0; i < kLaneChannels; ++i) values[i] = fmaf(factor, corner[i], values[i]);
  }
  const int64_t weights = views.weights_at(row, point, camera, level);
#pragma unroll
  for (int i = 0; i < kLaneChannels; i += N) {
    const int64_t channel = first + lane_channel<N>(lane, i);
    if (channel >= views.channels) continue;
    const float weight = views.weights[weights + (views.groups == 1 ? 0 : channel / views.group_channels)];
#pragma unroll
    for (int j = 0; j < N; ++j) sum[i + j] = fmaf(weight, finite_or_limit<T>(values[i + j]), sum[i + j]);
  }
}

/// A team member's share of the samples of a query.
template <class T, int N>
__device__ void sum_samples(const DeviceViews& views, const ForwardOutputs& outputs, int64_t row,
                            int64_t first, int member, int lane, float* sum) {
  const int count = views.points * views.cameras;
  int sample = 0;  // of the query
  for (int begin = 0; begin < count; begin += kWarpLanes) {
    const int own = begin + lane;
    DeviceView view = {0.0f, 0.0f, false};
    if (own < count) {
      view = views.view(row, own / views.cameras, own % views.cameras);
      if (outputs.visible && member == 0 && first == 0) {
        const int64_t map = row / views.queries * views.cameras + own % views.cameras;
        outputs.visible[(map * views.queries + row % views.queries) * views.points + own / views.cameras] =
            view.visible ? 1 : 0;
      }
    }
    uint32_t seen = __ballot_sync(kAllLanes, view.visible);
    for (; seen; seen &= seen - 1) {
      const int from = __ffs(seen) - 1;
      const float u = __shfl_sync(kAllLanes, view.u, from), v = __shfl_sync(kAllLanes, view.v, from);
      const int point = (begin + from) / views.cameras, camera = (begin + from) % views.cameras;
      for (int level = 0; level < views.levels; ++level, ++sample) {
        if (sample % kTeamWarps != member) continue;
        add_sample<T, N>(views, row, point, camera, level, u, v, first, lane, sum);
      }
    }
  }
}

template <int N>
__device__ void store_lane(const ForwardOutputs& outputs, int64_t at, int64_t first, int64_t channels,
                           int lane, const float* sum) {
  constexpr int kPiece = N < 4 ? N : 4;
#pragma unroll
  for (int i = 0; i < kLaneChannels; i += kPiece) {
    const int64_t channel = first + lane_channel<N>(lane, i);
    if (channel >= channels) continue;
    if constexpr (kPiece == 4) {
      const Float4 values = {sum[i], sum[i + 1], sum[i + 2], sum[i + 3]};
      outputs.out.store_some(at + channel, values, 4, outputs.out_whole);
    } else {
      outputs.out.store(at + channel, sum[i]);
    }
  }
}

template <class T, int N>
BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, 2)
    multi_view_sample_forward_kernel(DeviceViews views, ForwardOutputs outputs) {
  BEVEL_SHARED(float, partial, kBlockThreads* kLaneChannels);
  const int lane = threadIdx.x % kWarpLanes, warp = threadIdx.x / kWarpLanes;
  const int member = warp % kTeamWarps;
  const int64_t rows = views.batch * views.queries;
  for (int64_t begin = static_cast<int64_t>(blockIdx.x) * kTeams; begin < rows;
       begin += static_cast<int64_t>(gridDim.x) * kTeams) {
    const int64_t row = begin + warp / kTeamWarps;
    for (int64_t first = 0; first < views.channels; first += kWarpChannels) {
      float sum[kLaneChannels] = {};
      if (row < rows) sum_samples<T, N>(views, outputs, row, first, member, lane, sum);
      for (int i = 0; i < kLaneChannels; ++i) partial[i * kBlockThreads + threadIdx.x] = sum[i];
      __syncthreads();
      if (member == 0 && row < rows) {
        for (int other = 1; other < kTeamWarps; ++other) {
#pragma unroll
          for (int i = 0; i < kLaneChannels; ++i) {
            sum[i] += partial[i * kBlockThreads + threadIdx.x + other * kWarpLanes];
          }
        }
        store_lane<N>(outputs, row * views.channels, first, views.channels, lane, sum);
      }
      __syncthreads();
    }
  }
}

}  // namespace

void cuda::multi_view_sample_forward(const MultiViewJob& job, cudaStream_t stream) {
  const int64_t rows = job.batch * job.queries;
  if (rows == 0) return;
  const DeviceViews views(job);
  ForwardOutputs outputs;
  outputs.out = Map(job.out, rows * job.channels, job.out_type, "out");
  outputs.out_whole = vector_length(job.out, job.out_type, {job.channels}) == 4;
  if (job.visible) {
    outputs.visible = DeviceSpan<unsigned char>(job.visible, rows * job.points * job.cameras, "visible");
  }
  with_feature_access(job, [&](auto type, auto length) {
    BEVEL_ENQUEUE((multi_view_sample_forward_kernel<decltype(type), decltype(length)::value>),
                  team_blocks(rows), 0, stream, views, outputs);
  });
}

}  // namespace bevel
