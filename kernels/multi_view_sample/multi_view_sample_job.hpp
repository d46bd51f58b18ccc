// Checked arguments of multi_view_sample, as the CPU and CUDA bodies take them.
#pragma once

#include <cstdint>

#include "core/cpu_settings.hpp"
#include "core/element_type.hpp"
#include "bevel/multi_view_sample.h"

namespace bevel {

/// One level of features: [batch, cameras, height, width, channels] by strides in elements.
struct FeatureLevel {
  const void* data;
  int64_t batch_stride, camera_stride;
  int32_t height, width;
};

struct MultiViewJob {
  CpuSettings cpu;
  int64_t batch, queries, channels;
  int32_t cameras, points, levels, groups;
  bool channels_last;
  ElementType feature_type, out_type;
  FeatureLevel features[BEVEL_MULTI_VIEW_MAX_LEVELS];

  const void* lidar_to_image;  ///< float32, or float64 when everything is; null with locations
  const void* points3;         ///< [batch, queries, points, 3]
  const void* locations;       ///< [batch, queries, points, cameras, 2] or null
  const void* image_sizes;     ///< or null
  int64_t image_strides[2];    ///< of image_sizes, by batch element and camera
  double image_width, image_height;
  bool normalised;
  double lower[3], extent[3];  ///< metres, where normalised

  const void* weights;
  int64_t weight_strides[4];  ///< by batch element, query, camera, point

  void* out;         ///< [batch, queries, channels]
  uint8_t* visible;  ///< [batch, cameras, queries, points] or null

  int64_t items() const { return queries * points; }
  /// Elements from a pixel to the next, and from a channel to the next.
  int64_t pixel_stride() const { return channels_last ? channels : 1; }
  int64_t channel_stride(int level) const {
    return channels_last ? 1 : static_cast<int64_t>(features[level].height) * features[level].width;
  }
};

struct MultiViewBackwardJob {
  MultiViewJob forward;  ///< out_type is that of grad_out; out and visible are unused
  const void* grad_out;
  void* grad_features[BEVEL_MULTI_VIEW_MAX_LEVELS];  ///< or null; compact
  void* grad_points;                                 ///< or null
  void* grad_locations;                              ///< or null
  void* grad_weights;                                ///< or null; compact
  bool fast;                                         ///< grad_features may be added up in any order
  char* workspace;
  int64_t workspace_bytes;

  bool wants_features() const {
    bool any = false;
    for (int level = 0; level < forward.levels; ++level) any = any || grad_features[level];
    return any;
  }
};

}  // namespace bevel
