// Deformable convolution in plain loops and in double, forward and backward.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "tensors.hpp"

namespace bevel::testing {

struct ConvSizes {
  int64_t batch, channels, height, width, outputs, kernel_height, kernel_width;
  int64_t stride[2] = {1, 1}, padding[2] = {1, 1}, dilation[2] = {1, 1};
  int64_t groups = 1, deform_groups = 1;
  bool masked = true, biased = true;

  int64_t taps() const { return kernel_height * kernel_width; }
  int64_t out_height() const {
    return (height + 2 * padding[0] - dilation[0] * (kernel_height - 1) - 1) / stride[0] + 1;
  }
  int64_t out_width() const {
    return (width + 2 * padding[1] - dilation[1] * (kernel_width - 1) - 1) / stride[1] + 1;
  }
  int64_t out_pixels() const { return out_height() * out_width(); }
};

struct ConvData {
  std::vector<double> input, offset, mask, weight, bias, grad_out;
};

struct ConvResult {
  std::vector<double> out, grad_input, grad_offset, grad_mask, grad_weight, grad_bias;
};

/// One sample: value and slopes of a map at (y, x), and where its gradient goes.
struct ReferenceSample {
  bool counts;
  int64_t pixel[4];  ///< −1 outside the map
  double weight[4], slope_y[4], slope_x[4];

  ReferenceSample(double y, double x, int64_t height, int64_t width) {
    counts = y > -1 && x > -1 && y < static_cast<double>(height) && x < static_cast<double>(width);
    if (!counts) return;
    const double top = std::floor(y), left = std::floor(x);
    for (int k = 0; k < 4; ++k) {
      const double row = top + k / 2, column = left + k % 2;
      const bool inside =
          row >= 0 && column >= 0 && row < static_cast<double>(height) && column < static_cast<double>(width);
      pixel[k] = inside ? static_cast<int64_t>(row) * width + static_cast<int64_t>(column) : -1;
      const double wy = k / 2 ? y - top : 1 - (y - top), wx = k % 2 ? x - left : 1 - (x - left);
      weight[k] = wy * wx;
      slope_y[k] = (k / 2 ? 1 : -1) * wx;
      slope_x[k] = (k % 2 ? 1 : -1) * wy;
    }
  }
};

/// `round` is applied to each column as it is made: a composition that stores them would round them there.
template <class Round>
ConvResult conv_reference(const ConvSizes& s, const ConvData& d, bool backward, Round round) {
  const int64_t pixels = s.out_pixels(), map = s.height * s.width, taps = s.taps();
  const int64_t group_in = s.channels / s.groups, group_out = s.outputs / s.groups;
  const auto at = [](const std::vector<double>& values, int64_t i) { return values[static_cast<size_t>(i)]; };
  // Outputs stand last while they are summed, so that the innermost loop runs along memory.
  const std::vector<double> weights = references::transposed(d.weight, s.outputs, group_in * taps);
  const std::vector<double> grads = references::transposed(d.grad_out, s.outputs, pixels);
  std::vector<double> out(static_cast<size_t>(s.batch * s.outputs * pixels)), grad_weights(d.weight.size());
  ConvResult r;
  r.grad_input.assign(d.input.size(), 0);
  r.grad_offset.assign(d.offset.size(), 0);
  r.grad_mask.assign(d.mask.size(), 0);
  r.grad_bias.assign(static_cast<size_t>(s.outputs), 0);
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t o = 0; o < s.outputs; ++o) {
      for (int64_t p = 0; p < pixels; ++p) {
        const size_t i = static_cast<size_t>((b * pixels + p) * s.outputs + o);
        if (s.biased) out[i] = at(d.bias, o);
        if (backward) r.grad_bias[static_cast<size_t>(o)] += grads[i];
      }
    }
    for (int64_t p = 0; p < pixels; ++p) {
      for (int64_t c = 0; c < s.channels; ++c) {
        const int64_t deform = c / (s.channels / s.deform_groups), group = c / group_in;
        for (int64_t t = 0; t < taps; ++t) {
          const int64_t plane = (b * s.deform_groups + deform) * taps + t;
          const int64_t row = p / s.out_width() * s.stride[0] - s.padding[0];
          const int64_t column = p % s.out_width() * s.stride[1] - s.padding[1];
          const double y = static_cast<double>(row + t / s.kernel_width * s.dilation[0]) +
                           at(d.offset, 2 * plane * pixels + p);
          const double x = static_cast<double>(column + t % s.kernel_width * s.dilation[1]) +
                           at(d.offset, (2 * plane + 1) * pixels + p);
          const ReferenceSample sample(y, x, s.height, s.width);
          if (!sample.counts) continue;
          const double mask = s.masked ? at(d.mask, plane * pixels + p) : 1;
          double value = 0, slope_y = 0, slope_x = 0;
          for (int k = 0; k < 4; ++k) {
            if (sample.pixel[k] < 0) continue;
            const double v = at(d.input, (b * s.channels + c) * map + sample.pixel[k]);
            value += sample.weight[k] * v;
            slope_y += sample.slope_y[k] * v;
            slope_x += sample.slope_x[k] * v;
          }
          double grad_column = 0;
          const double rounded = round(mask * value);
          for (int64_t o = group * group_out; o < (group + 1) * group_out; ++o) {
            const size_t w = static_cast<size_t>(((c - group * group_in) * taps + t) * s.outputs + o);
            const size_t i = static_cast<size_t>((b * pixels + p) * s.outputs + o);
            out[i] += weights[w] * rounded;
            if (!backward) continue;
            grad_column += weights[w] * grads[i];
            grad_weights[w] += grads[i] * mask * value;
          }
          if (!backward) continue;
          r.grad_offset[static_cast<size_t>(2 * plane * pixels + p)] += grad_column * mask * slope_y;
          r.grad_offset[static_cast<size_t>((2 * plane + 1) * pixels + p)] += grad_column * mask * slope_x;
          if (s.masked) r.grad_mask[static_cast<size_t>(plane * pixels + p)] += grad_column * value;
          for (int k = 0; k < 4; ++k) {
            if (sample.pixel[k] < 0) continue;
            r.grad_input[static_cast<size_t>((b * s.channels + c) * map + sample.pixel[k])] +=
                grad_column * mask * sample.weight[k];
          }
        }
      }
    }
  }
  r.out = references::transposed(out, pixels, s.outputs);
  r.grad_weight = references::transposed(grad_weights, group_in * taps, s.outputs);
  return r;
}

inline ConvResult conv_reference(const ConvSizes& s, const ConvData& d, bool backward) {
  return conv_reference(s, d, backward, [](double value) { return value; });
}

/// Convolution as everybody knows it, on input moved by whole pixels: tap (0, 0) of output (0, 0) lies at
/// (shift_y − padding, shift_x − padding).
inline std::vector<double> plain_convolution(const ConvSizes& s, const ConvData& d, int64_t shift_y,
                                             int64_t shift_x) {
  const int64_t group_in = s.channels / s.groups, group_out = s.outputs / s.groups;
  std::vector<double> out(static_cast<size_t>(s.batch * s.outputs * s.out_pixels()));
  size_t i = 0;
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t o = 0; o < s.outputs; ++o) {
      for (int64_t row = 0; row < s.out_height(); ++row) {
        for (int64_t column = 0; column < s.out_width(); ++column, ++i) {
          double sum = s.biased ? d.bias[static_cast<size_t>(o)] : 0;
          for (int64_t c = 0; c < group_in; ++c) {
            for (int64_t t = 0; t < s.taps(); ++t) {
              const int64_t y =
                  row * s.stride[0] - s.padding[0] + t / s.kernel_width * s.dilation[0] + shift_y;
              const int64_t x =
                  column * s.stride[1] - s.padding[1] + t % s.kernel_width * s.dilation[1] + shift_x;
              if (y < 0 || x < 0 || y >= s.height || x >= s.width) continue;
              const int64_t channel = o / group_out * group_in + c;
              sum += d.weight[static_cast<size_t>((o * group_in + c) * s.taps() + t)] *
                     d.input[static_cast<size_t>(((b * s.channels + channel) * s.height + y) * s.width + x)];
            }
          }
          out[i] = sum;
        }
      }
    }
  }
  return out;
}

}  // namespace bevel::testing
