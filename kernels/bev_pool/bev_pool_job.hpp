// Checked arguments of bev_pool, as the CPU and CUDA bodies take them.
#pragma once

#include <cstdint>

#include "core/cpu_settings.hpp"
#include "core/element_type.hpp"

namespace bevel {

struct BevPoolForwardJob {
  CpuSettings cpu;
  int64_t points, intervals;
  int64_t depth_elements;  ///< 0 without depth
  int64_t feature_rows, cells, channels;
  ElementType depth_type;  ///< float32, or float64 when everything is
  ElementType feature_type, out_type;
  const void* depth;  ///< or null: weight 1
  const void* feature;
  const int32_t* ranks_depth;  ///< null iff depth is
  const int32_t* ranks_feature;
  const int32_t* ranks_bev;
  const int32_t* interval_starts;
  const int32_t* interval_lengths;
  void* out;
};

struct BevPoolBackwardJob {
  BevPoolForwardJob forward;  ///< out_type is the type of grad_out; out is unused
  const void* grad_out;
  void* grad_depth;    ///< or null
  void* grad_feature;  ///< or null; has feature_type
  char* workspace;
  int64_t workspace_bytes;
};

}  // namespace bevel
