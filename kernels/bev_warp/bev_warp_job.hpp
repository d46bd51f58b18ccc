// Checked arguments of bev_warp, as the CPU and CUDA bodies take them.
#pragma once

#include <cstdint>

#include "core/cpu_settings.hpp"
#include "core/element_type.hpp"

namespace bevel {

/// Where the elements of a map lie: strides in elements. Of channels-first maps pixel is 1, of channels-last
/// ones channel is 1; a row is width · pixel.
struct WarpMap {
  int32_t height, width;
  int64_t batch, frame, channel, pixel;
  ElementType type;
};

struct BevWarpForwardJob {
  CpuSettings cpu;
  int64_t batch, frames, channels;
  bool channels_last, nearest;
  int32_t coordinates;  ///< bevel_warp_coordinates
  WarpMap in, out;
  const void* input;     ///< null in a backward that does not read it
  const void* matrices;  ///< [batch, frames, 2, 3] or null; float32, or float64 when everything is
  const void* grid;      ///< [batch, frames, out.height, out.width, 2] or null
  void* output;
};

struct BevWarpBackwardJob {
  BevWarpForwardJob forward;  ///< in: of input where that is given; output is unused
  const void* grad_out;       ///< laid out as forward.out says
  void* grad_input;           ///< or null; laid out as grad_in says, of forward.in's size
  WarpMap grad_in;
  void* grad_grid;  ///< or null
  bool fast;        ///< grad_input may be added up in any order
  char* workspace;
  int64_t workspace_bytes;
};

}  // namespace bevel
