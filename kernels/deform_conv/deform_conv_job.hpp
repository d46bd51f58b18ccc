// Checked arguments of deform_conv, as the CPU and CUDA bodies take them.
#pragma once

#include <cstdint>
#include <numeric>

#include "core/cpu_settings.hpp"
#include "core/element_type.hpp"
#include "core/host_device.hpp"
#include "bevel/deform_conv.h"

namespace bevel {

struct DeformConvJob {
  CpuSettings cpu;
  int64_t batch, channels, height, width;
  int64_t out_channels, out_height, out_width;
  int32_t kernel_height, kernel_width;
  bevel_deform_conv_settings settings;
  ElementType input_type, weight_type, out_type;

  const void* input;   ///< or null where a backward pass has no use for it
  const void* offset;  ///< float32, or float64 when everything is
  const void* mask;    ///< or null: 1
  const void* weight;
  const void* bias;  ///< or null: 0
  void* out;
  char* workspace;
  int64_t workspace_bytes;

  BEVEL_HD int32_t taps() const { return kernel_height * kernel_width; }
  BEVEL_HD int64_t map_pixels() const { return height * width; }
  BEVEL_HD int64_t out_pixels() const { return out_height * out_width; }
  BEVEL_HD int64_t group_channels() const { return channels / settings.groups; }
  BEVEL_HD int64_t group_outputs() const { return out_channels / settings.groups; }
  BEVEL_HD int64_t deform_channels() const { return channels / settings.deform_groups; }
};

struct DeformConvBackwardJob {
  DeformConvJob forward;  ///< out_type is that of grad_out; bias, out and workspace are unused
  const void* grad_out;
  void* grad_input;  ///< or null, as all gradients
  void* grad_offset;
  void* grad_mask;
  void* grad_weight;
  void* grad_bias;
  bool fast;  ///< grad_input may be added up in any order
  char* workspace;
  int64_t workspace_bytes;

  bool wants_samples() const { return grad_offset || grad_mask; }
  bool wants_columns() const { return grad_input || wants_samples(); }
};

/// The input channels cut into blocks of at most `most`, each within one group and one deformable group.
struct ChannelBlocks {
  int64_t segment;      ///< channels that are alike in both
  int64_t width;        ///< of a block; the last of a segment may have fewer
  int64_t per_segment;  ///< blocks
  int64_t count;        ///< blocks in all

  ChannelBlocks(const DeformConvJob& job, int64_t most)
      : segment(std::gcd(job.group_channels(), job.channels / job.settings.deform_groups)) {
    const int64_t needed = (segment + most - 1) / most;
    width = (segment + needed - 1) / needed;
    per_segment = (segment + width - 1) / width;
    count = job.channels / segment * per_segment;
  }

  BEVEL_HD int64_t first(int64_t block) const {
    return block / per_segment * segment + block % per_segment * width;
  }
  BEVEL_HD int64_t channels(int64_t block) const {
    const int64_t left = segment - block % per_segment * width;
    return left < width ? left : width;
  }
};

}  // namespace bevel
