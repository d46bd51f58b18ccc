// Checked arguments of point_sampling, as the CPU and CUDA bodies take them, and the formulas
// that both have in common. They leave a compiler nothing to contract, so all bodies give the same bits.
#pragma once

#include <cstdint>

#include "core/camera_projection.hpp"
#include "core/cpu_settings.hpp"
#include "core/element_type.hpp"
#include "core/one_nan.hpp"
#include "bevel/point_sampling.h"

namespace bevel {

struct PointSamplingJob {
  CpuSettings cpu;
  int64_t batch, cameras, queries;
  int32_t anchors;
  double image_width, image_height;
  bool visible_of_first_element;
  ElementType matrix_type, point_type;  ///< float32 or float64
  ElementType reference_type;
  const void* lidar_to_image;  ///< [batch, cameras, 4, 4]
  const void* points;          ///< [batch, queries, anchors, 3]; null: those of grid
  int64_t points_of_batch;  ///< numbers from one batch element's points to the next one's; 0: they are shared
  bevel_pillar_grid grid;
  void* reference;    ///< [batch, cameras, queries, anchors, 2]
  uint8_t* mask;      ///< [batch, cameras, queries, anchors] or null
  uint8_t* visible;   ///< [batch, cameras, queries]
  void* mean_factor;  ///< [batch, queries] in reference_type, or null
};

/// Centre of cell `index` of `count`, metres.
BEVEL_HD double pillar_coordinate(int64_t index, int32_t count, double lower, double upper) {
  return point_in_range(divide_to_nearest(static_cast<double>(index) + 0.5, static_cast<double>(count)),
                        lower, upper - lower);
}

/// Height of anchor `index` of `count`, metres.
BEVEL_HD double anchor_height(int32_t index, int32_t count, double lower, double upper) {
  const double lowest = lower + 0.5;
  if (count == 1) return lowest;
  const double between = upper - lower - 1.0;
  return lowest + divide_to_nearest(static_cast<double>(index) * between, static_cast<double>(count - 1));
}

/// What makes a mean over `visible` cameras one over `own`.
template <class T>
BEVEL_HD T mean_factor(int32_t visible, int32_t own) {
  return divide_to_nearest(static_cast<T>(visible), static_cast<T>(own > 1 ? own : 1));
}

/// A point of a pillar in an image.
template <class T>
struct PillarPoint {
  T u, v;
  bool seen;
};

/// Projects in double and rounds once. Whether the point is seen is judged by what it was rounded to, so the
/// two cannot contradict each other; compared in double, which makes vector code easier.
template <class T>
BEVEL_HD PillarPoint<T> place_in_image(const double* lidar_to_image, double x, double y, double z,
                                       double width, double height) {
  const CameraPoint<double> point = project_point(lidar_to_image, x, y, z, width, height);
  const T u = with_one_nan(static_cast<T>(point.u)), v = with_one_nan(static_cast<T>(point.v));
  return {u, v, static_cast<bool>((point.depth > kLeastDepth<double>)&inside_image<double>(u, v))};
}

}  // namespace bevel
