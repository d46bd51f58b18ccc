// Modulated deformable convolution image by image, written from the description of mmcv's operator (and the
// original of Zhu et al.) as a yardstick: a matrix of sampled columns is stored, then multiplied with the
// weights of each group.
//  - im2col: a thread for each (channel, pixel), which writes the taps of its pixel.
//  - col2im: a thread for each (channel, tap, pixel), which looks through the 5 × 5 pixels about its sample
//  for those nearer than one, and adds to the input's gradient by atomic additions, in float here.
//  - coordinate_gradient: a thread for each (tap, pixel), which loops over the channels.
// One deformable group.
#pragma once

#include "device_values.cuh"

namespace bevel::bench {

struct PeerConv {
  int channels, height, width;  ///< of the input; the output has as many pixels
  int kernel, padding;          ///< a square kernel, stride and dilation 1
};

/// Where a tap of a pixel reads. `offset` [2·K, H·W] and `mask` [K, H·W] of one image.
struct ConvSample {
  float y, x, mask;

  __device__ ConvSample(const PeerConv& s, const float* offset, const float* masks, int tap, int pixel) {
    const int pixels = s.height * s.width;
    y = static_cast<float>(pixel / s.width - s.padding + tap / s.kernel) + offset[2 * tap * pixels + pixel];
    x = static_cast<float>(pixel % s.width - s.padding + tap % s.kernel) +
        offset[(2 * tap + 1) * pixels + pixel];
    mask = masks[tap * pixels + pixel];
  }
  __device__ bool counts(const PeerConv& s) const { return y > -1 && x > -1 && y < s.height && x < s.width; }
  /// Value of a neighbour, 0 outside of the map.
  template <typename T>
  __device__ float neighbour(const PeerConv& s, const T* plane, int corner) const {
    const int row = static_cast<int>(floorf(y)) + corner / 2,
              column = static_cast<int>(floorf(x)) + corner % 2;
    if (row < 0 || column < 0 || row >= s.height || column >= s.width) return 0;
    return widen(plane[row * s.width + column]);
  }
};

/// input [C, H·W], columns [C·K, H·W]
template <typename T>
__global__ void im2col_kernel(PeerConv s, const T* input, const float* offset, const float* mask,
                              T* columns) {
  const int pixels = s.height * s.width, index = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (index >= s.channels * pixels) return;
  const int channel = index / pixels, pixel = index % pixels, taps = s.kernel * s.kernel;
  const T* plane = input + static_cast<int64_t>(channel) * pixels;
  for (int tap = 0; tap < taps; ++tap) {
    const ConvSample at(s, offset, mask, tap, pixel);
    float sum = 0;
    if (at.counts(s)) {
      const float fy = at.y - floorf(at.y), fx = at.x - floorf(at.x);
      for (int corner = 0; corner < 4; ++corner) {
        sum = fmaf((corner / 2 ? fy : 1 - fy) * (corner % 2 ? fx : 1 - fx), at.neighbour(s, plane, corner),
                   sum);
      }
    }
    narrow(sum * at.mask, &columns[(static_cast<int64_t>(channel) * taps + tap) * pixels + pixel]);
  }
}

/// Needs grad_input cleared before.
template <typename T>
__global__ void col2im_kernel(PeerConv s, const T* grad_columns, const float* offset, const float* mask,
                              float* grad_input) {
  const int pixels = s.height * s.width, taps = s.kernel * s.kernel;
  const int64_t index = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (index >= static_cast<int64_t>(s.channels) * taps * pixels) return;
  const int pixel = static_cast<int>(index % pixels), tap = static_cast<int>(index / pixels % taps);
  const int64_t channel = index / pixels / taps;
  const ConvSample at(s, offset, mask, tap, pixel);
  const float gradient = widen(grad_columns[index]) * at.mask;
  const int y = static_cast<int>(at.y), x = static_cast<int>(at.x);
  for (int row = y - 2; row <= y + 2; ++row) {
    for (int column = x - 2; column <= x + 2; ++column) {
      if (row < 0 || column < 0 || row >= s.height || column >= s.width) continue;
      const float dy = fabsf(at.y - static_cast<float>(row)), dx = fabsf(at.x - static_cast<float>(column));
      if (dy < 1 && dx < 1) {
        atomicAdd(&grad_input[channel * pixels + row * s.width + column], (1 - dy) * (1 - dx) * gradient);
      }
    }
  }
}

template <typename T>
__global__ void coordinate_gradient_kernel(PeerConv s, const T* grad_columns, const T* input,
                                           const float* offset, const float* mask, float* grad_offset,
                                           float* grad_mask) {
  const int pixels = s.height * s.width, taps = s.kernel * s.kernel;
  const int index = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (index >= taps * pixels) return;
  const int pixel = index % pixels, tap = index / pixels;
  const ConvSample at(s, offset, mask, tap, pixel);
  float along_y = 0, along_x = 0, mean = 0;
  if (at.counts(s)) {
    const float fy = at.y - floorf(at.y), fx = at.x - floorf(at.x);
    for (int channel = 0; channel < s.channels; ++channel) {
      const T* plane = input + static_cast<int64_t>(channel) * pixels;
      const float gradient =
          widen(grad_columns[(static_cast<int64_t>(channel) * taps + tap) * pixels + pixel]);
      for (int corner = 0; corner < 4; ++corner) {
        const float own = gradient * at.neighbour(s, plane, corner);
        const float wy = corner / 2 ? fy : 1 - fy, wx = corner % 2 ? fx : 1 - fx;
        along_y = fmaf(corner / 2 ? wx : -wx, own, along_y);
        along_x = fmaf(corner % 2 ? wy : -wy, own, along_x);
        mean = fmaf(wy * wx, own, mean);
      }
    }
  }
  grad_offset[2 * tap * pixels + pixel] = along_y * at.mask;
  grad_offset[(2 * tap + 1) * pixels + pixel] = along_x * at.mask;
  grad_mask[index] = mean;
}

}  // namespace bevel::bench
