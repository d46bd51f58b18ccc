// PyTorch's grid_sample on channels-first maps, written from its description as a yardstick: a thread for
// each pixel of the output, which loops over the channels; its backward adds to the input's gradient by
// scalar atomic additions, in float here. Bilinear, zeros outside, align_corners = True. The grid is given;
// making it of matrices is not counted.
#pragma once

#include "device_values.cuh"

namespace bevel::bench {

struct PeerWarp {
  int frames, channels, height, width;
};

/// Places (−1 outside) and weights of the four neighbours of a normalised position.
struct WarpNeighbours {
  int place[4];
  float weight[4];

  __device__ WarpNeighbours(const float* position, int height, int width) {
    const float x = (position[0] + 1) / 2 * (width - 1), y = (position[1] + 1) / 2 * (height - 1);
    const int left = static_cast<int>(floorf(x)), top = static_cast<int>(floorf(y));
    const float fx = x - floorf(x), fy = y - floorf(y);
#pragma unroll
    for (int corner = 0; corner < 4; ++corner) {
      const int column = left + corner % 2, row = top + corner / 2;
      const bool inside = column >= 0 && row >= 0 && column < width && row < height;
      place[corner] = inside ? row * width + column : -1;
      weight[corner] = (corner % 2 ? fx : 1 - fx) * (corner / 2 ? fy : 1 - fy);
    }
  }
};

/// Maps [frames, C, H, W], grid [frames, H, W, 2].
template <typename T>
__global__ void pixel_warp_kernel(PeerWarp s, const T* input, const float* grid, T* out) {
  const int pixels = s.height * s.width, index = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (index >= s.frames * pixels) return;
  const WarpNeighbours at(grid + 2 * static_cast<int64_t>(index), s.height, s.width);
  const int64_t first = static_cast<int64_t>(index / pixels) * s.channels * pixels;
  for (int channel = 0; channel < s.channels; ++channel) {
    const int64_t plane = first + static_cast<int64_t>(channel) * pixels;
    float sum = 0;
#pragma unroll
    for (int corner = 0; corner < 4; ++corner) {
      if (at.place[corner] >= 0) sum = fmaf(at.weight[corner], widen(input[plane + at.place[corner]]), sum);
    }
    narrow(sum, &out[plane + index % pixels]);
  }
}

/// Needs grad_input cleared before.
template <typename T>
__global__ void pixel_warp_gradient_kernel(PeerWarp s, const T* grad_out, const float* grid,
                                           float* grad_input) {
  const int pixels = s.height * s.width, index = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (index >= s.frames * pixels) return;
  const WarpNeighbours at(grid + 2 * static_cast<int64_t>(index), s.height, s.width);
  const int64_t first = static_cast<int64_t>(index / pixels) * s.channels * pixels;
  for (int channel = 0; channel < s.channels; ++channel) {
    const int64_t plane = first + static_cast<int64_t>(channel) * pixels;
    const float gradient = widen(grad_out[plane + index % pixels]);
#pragma unroll
    for (int corner = 0; corner < 4; ++corner) {
      if (at.place[corner] >= 0)
        atomicAdd(&grad_input[plane + at.place[corner]], at.weight[corner] * gradient);
    }
  }
}

}  // namespace bevel::bench
