// The peers' algorithms for multi-scale deformable attention, written from their descriptions as yardsticks:
// nothing of theirs is copied.
//  - thread_channel: a thread for each (query, head, channel), which works out every location for itself and
//  reads corners one number at a time, as Deformable DETR's operator (and mmcv's) divides the work. Locations
//  and weights are given: the softmax and the sum of references and offsets before it are not counted.
//  - thread_channel_gradient: its backward for 32 channels: a block for each (query, head), a thread a
//  channel, atomic additions to the value gradient, the sums over channels by one thread.
//  - flash: a thread for each (query, head, 16 bytes of channels), softmax in its registers, vector loads,
//  sums in float, as DCNv4's FlashDeformAttn divides the work.
// BEVFormer calls such an operator with queries gathered for each camera and padded to the longest list;
// combine adds the cameras' results into one a query, spread takes its gradient back to the lists. (BEVFormer
// does this in a loop over cameras; one kernel flatters it.) Locations, weights and logits are float for
// every storage type, so that results can be compared, and the value gradient is summed in float.
#pragma once

#include <cmath>

#include "device_values.cuh"

namespace bevel::bench {

/// Sizes of a call; levels are read from device memory, 64-bit as the peers have them.
struct PeerAttention {
  int64_t entries, queries, rows;
  int heads, head_dim, levels, points;
  const int64_t* shapes;  ///< [L, 2] (height, width)
  const int64_t* starts;  ///< [L]
};

/// The four neighbours of a place in pixels and their weights; an absent neighbour has weight zero and the
/// place of none.
struct Corners {
  bool counts;
  int x, y;
  float fx, fy;

  __device__ Corners(float at_x, float at_y, int height, int width)
      : counts(at_x > -1 && at_y > -1 && at_x < width && at_y < height),
        x(static_cast<int>(floorf(at_x))),
        y(static_cast<int>(floorf(at_y))),
        fx(at_x - floorf(at_x)),
        fy(at_y - floorf(at_y)) {}
  __device__ bool inside(int corner, int height, int width) const {
    const int cx = x + corner % 2, cy = y + corner / 2;
    return cx >= 0 && cy >= 0 && cx < width && cy < height;
  }
  __device__ float weight_x(int corner) const { return corner % 2 ? fx : 1 - fx; }
  __device__ float weight_y(int corner) const { return corner / 2 ? fy : 1 - fy; }
  __device__ float weight(int corner) const { return weight_x(corner) * weight_y(corner); }
  __device__ int64_t row(int corner, int width) const {
    return static_cast<int64_t>(y + corner / 2) * width + x + corner % 2;
  }
};

template <typename T>
__global__ void thread_channel_kernel(PeerAttention s, const T* value, const float* locations,
                                      const float* weights, T* out) {
  const int64_t index = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (index >= s.entries * s.queries * s.heads * s.head_dim) return;
  const int64_t item = index / s.head_dim;  // (entry, query, head)
  const int channel = static_cast<int>(index % s.head_dim), head = static_cast<int>(item % s.heads);
  const int64_t entry = item / s.heads / s.queries;
  const int64_t row_stride = static_cast<int64_t>(s.heads) * s.head_dim;
  const float* location = locations + item * s.levels * s.points * 2;
  const float* weight = weights + item * s.levels * s.points;
  float sum = 0;
  for (int level = 0; level < s.levels; ++level) {
    const int height = static_cast<int>(s.shapes[2 * level]),
              width = static_cast<int>(s.shapes[2 * level + 1]);
    const T* map = value + (entry * s.rows + s.starts[level]) * row_stride + head * s.head_dim + channel;
    for (int point = 0; point < s.points; ++point, location += 2, ++weight) {
      const Corners at(location[0] * width - 0.5f, location[1] * height - 0.5f, height, width);
      if (!at.counts) continue;
      float sample = 0;
#pragma unroll
      for (int corner = 0; corner < 4; ++corner) {
        if (at.inside(corner, height, width)) {
          sample = fmaf(at.weight(corner), widen(map[at.row(corner, width) * row_stride]), sample);
        }
      }
      sum = fmaf(*weight, sample, sum);
    }
  }
  narrow(sum, &out[index]);
}

/// A block for each (entry, query, head) with head_dim threads, 32 at most. Needs grad_value cleared before.
template <typename T>
__global__ void thread_channel_gradient_kernel(PeerAttention s, const T* grad_out, const T* value,
                                               const float* locations, const float* weights,
                                               float* grad_value, float* grad_locations,
                                               float* grad_weights) {
  __shared__ float shared[3][32];
  const int64_t item = blockIdx.x;
  const int channel = static_cast<int>(threadIdx.x), head = static_cast<int>(item % s.heads);
  const int64_t entry = item / s.heads / s.queries;
  const int64_t row_stride = static_cast<int64_t>(s.heads) * s.head_dim;
  const float gradient = widen(grad_out[item * s.head_dim + channel]);
  int64_t sample = item * s.levels * s.points;
  for (int level = 0; level < s.levels; ++level) {
    const int height = static_cast<int>(s.shapes[2 * level]),
              width = static_cast<int>(s.shapes[2 * level + 1]);
    const int64_t base = (entry * s.rows + s.starts[level]) * row_stride + head * s.head_dim + channel;
    for (int point = 0; point < s.points; ++point, ++sample) {
      const Corners at(locations[2 * sample] * width - 0.5f, locations[2 * sample + 1] * height - 0.5f,
                       height, width);
      const float weight = weights[sample];
      float along_x = 0, along_y = 0, mean = 0;
      if (at.counts) {
        for (int corner = 0; corner < 4; ++corner) {
          if (!at.inside(corner, height, width)) continue;
          const int64_t place = base + at.row(corner, width) * row_stride;
          const float own = widen(value[place]);
          mean = fmaf(at.weight(corner), own, mean);
          along_x = fmaf(corner % 2 ? at.weight_y(corner) : -at.weight_y(corner), own, along_x);
          along_y = fmaf(corner / 2 ? at.weight_x(corner) : -at.weight_x(corner), own, along_y);
          atomicAdd(&grad_value[place], weight * at.weight(corner) * gradient);
        }
      }
      shared[0][channel] = gradient * mean;
      shared[1][channel] = gradient * weight * along_x * width;
      shared[2][channel] = gradient * weight * along_y * height;
      __syncthreads();
      if (channel == 0) {
        float sums[3] = {};
        for (int c = 0; c < s.head_dim; ++c) {
          for (int i = 0; i < 3; ++i) sums[i] += shared[i][c];
        }
        grad_weights[sample] = sums[0];
        grad_locations[2 * sample] = sums[1];
        grad_locations[2 * sample + 1] = sums[2];
      }
      __syncthreads();
    }
  }
}

/// `packed` holds for each (entry, query, head) the locations of all samples, then their logits. head_dim
/// must be a multiple of the channels in 16 bytes.
template <typename T, int levels, int points>
__global__ void flash_kernel(PeerAttention s, const T* value, const float* packed, T* out) {
  constexpr int kChannels = 16 / sizeof(T), samples = levels * points;
  using Vector = Pack<T, kChannels>;
  const int64_t index = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  const int pieces = s.head_dim / kChannels;
  if (index >= s.entries * s.queries * s.heads * pieces) return;
  const int64_t item = index / pieces;
  const int channel = static_cast<int>(index % pieces) * kChannels, head = static_cast<int>(item % s.heads);
  const int64_t entry = item / s.heads / s.queries;
  const int64_t row_stride = static_cast<int64_t>(s.heads) * s.head_dim;
  const float* location = packed + item * samples * 3;
  float weights[samples], most = -INFINITY, total = 0;
#pragma unroll
  for (int i = 0; i < samples; ++i) {
    weights[i] = location[2 * samples + i];
    most = fmaxf(most, weights[i]);
  }
#pragma unroll
  for (int i = 0; i < samples; ++i) {
    weights[i] = __expf(weights[i] - most);
    total += weights[i];
  }
  float sums[kChannels] = {};
#pragma unroll
  for (int level = 0; level < levels; ++level) {
    const int height = static_cast<int>(s.shapes[2 * level]),
              width = static_cast<int>(s.shapes[2 * level + 1]);
    const T* map = value + (entry * s.rows + s.starts[level]) * row_stride + head * s.head_dim + channel;
#pragma unroll
    for (int i = level * points; i < (level + 1) * points; ++i) {
      const Corners at(location[2 * i] * width - 0.5f, location[2 * i + 1] * height - 0.5f, height, width);
      if (!at.counts) continue;
      const float weight = weights[i] / total;
#pragma unroll
      for (int corner = 0; corner < 4; ++corner) {
        if (!at.inside(corner, height, width)) continue;
        const Vector own = *reinterpret_cast<const Vector*>(&map[at.row(corner, width) * row_stride]);
        const float share = weight * at.weight(corner);
#pragma unroll
        for (int c = 0; c < kChannels; ++c) sums[c] = fmaf(share, widen(own.values[c]), sums[c]);
      }
    }
  }
  Vector result;
#pragma unroll
  for (int c = 0; c < kChannels; ++c) narrow(sums[c], &result.values[c]);
  *reinterpret_cast<Vector*>(&out[item * s.head_dim + channel]) = result;
}

/// Means over the entries that see a query: out [Q, channels] of lists [entries, queries, channels].
template <typename T>
__global__ void combine_kernel(int entries, int64_t list_queries, int64_t queries, int channels,
                               const int32_t* slot_of, const T* lists, T* out) {
  const int64_t index = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (index >= queries * channels) return;
  const int64_t query = index / channels, channel = index % channels;
  float sum = 0;
  int seen = 0;
  for (int n = 0; n < entries; ++n) {
    const int32_t slot = slot_of[n * queries + query];
    if (slot < 0) continue;
    sum += widen(lists[(n * list_queries + slot) * channels + channel]);
    ++seen;
  }
  narrow(sum / static_cast<float>(max(seen, 1)), &out[index]);
}

/// The gradient of combine; padding gets zeros.
template <typename T>
__global__ void spread_kernel(int entries, int64_t list_queries, int64_t queries, int channels,
                              const int32_t* slot_of, const int32_t* query_of, const T* grad_out, T* lists) {
  const int64_t index = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (index >= entries * list_queries * channels) return;
  const int32_t query = query_of[index / channels];
  if (query < 0) {
    narrow(0, &lists[index]);
    return;
  }
  int seen = 0;
  for (int n = 0; n < entries; ++n) seen += slot_of[n * queries + query] >= 0;
  const float gradient = widen(grad_out[static_cast<int64_t>(query) * channels + index % channels]);
  narrow(gradient / static_cast<float>(seen), &lists[index]);
}

}  // namespace bevel::bench
