// Checked arguments of deform_attn, as the CPU and CUDA bodies take them. One job serves both forms: the
// field's, with one value map a batch element, sampling locations and ready weights; and the fused one, with
// several value maps, reference points, offsets and logits.
#pragma once

#include <cstdint>

#include "core/cpu_settings.hpp"
#include "core/element_type.hpp"
#include "bevel/deform_attn.h"

namespace bevel {

/// Strides in elements of a tensor [batch, maps, queries, heads, ..] whose trailing dimensions are compact.
struct AttentionStrides {
  int64_t batch, map, query, head;
};

struct DeformAttnJob {
  CpuSettings cpu;
  int64_t batch, maps, queries, heads, head_dim;
  int64_t rows;  ///< S of a value map
  int32_t points;
  bevel_value_levels levels;
  ElementType value_type, out_type;
  bool fused;
  bool mean;                ///< out is the mean over the maps that a query sees, else one out a map
  bool boxes;               ///< reference has (x, y, width, height), else (x, y)
  bool reference_of_level;  ///< reference r is level r's, else point p takes reference p mod references
  int32_t references;

  const void* value;               ///< [batch, maps, rows, heads, head_dim]
  AttentionStrides value_strides;  ///< query: of a row
  const void* locations;           ///< or offsets; float32, or float64 when everything is
  AttentionStrides location_strides;
  const void* weights;  ///< or logits
  AttentionStrides weight_strides;
  const void* reference;               ///< null unless fused; [batch, maps, queries, references, 2 or 4]
  AttentionStrides reference_strides;  ///< head is unused
  const uint8_t* visible;              ///< [batch, maps, queries] or null: all
  void* out;                           ///< [batch, maps or 1, queries, heads · head_dim], compact
};

struct DeformAttnBackwardJob {
  DeformAttnJob forward;  ///< out_type is that of grad_out; out is unused
  const void* grad_out;
  void* grad_value;      ///< or null; compact [batch, maps, rows, heads, head_dim]
  void* grad_locations;  ///< or offsets; or null; compact in the shape of the tensor
  void* grad_weights;    ///< or logits; or null
  void* grad_reference;  ///< or null
  AttentionStrides grad_location_strides, grad_weight_strides;
  bool fast;  ///< grad_value may be added up in any order
  char* workspace;
  int64_t workspace_bytes;
};

}  // namespace bevel
