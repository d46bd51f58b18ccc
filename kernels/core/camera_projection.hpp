// From a 3-D point to where a camera sees it, as BEVFormer's point sampling and DETR3D's feature sampling
// have it: the rule and its derivative, once, for every operator that projects points, on the CPU and on
// CUDA.
//
// Every product that is added to something is an explicit fused multiply-add, rounded once; divisions and
// comparisons are exactly rounded as they are. So no compiler is left anything to contract, and all
// instruction sets and CUDA agree bit for bit on what is visible and where. T is float or double.
#pragma once

#include <type_traits>

#include "core/host_device.hpp"
#include "core/multiply_add.hpp"

namespace bevel {

/// a / b, to nearest even on every device.
template <class T>
BEVEL_HD T divide_to_nearest(T a, T b) {
#if defined(__CUDA_ARCH__)
  if constexpr (std::is_same_v<T, float>) return __fdiv_rn(a, b);
  return __ddiv_rn(a, b);
#else
  return a / b;
#endif
}

/// Depth that a point must exceed to be seen, and that is divided by at least. Metres.
template <class T>
constexpr T kLeastDepth = T(1e-5);

/// A point as one camera sees it.
template <class T>
struct CameraPoint {
  T u, v;        ///< image coordinates, (0, 0) the upper left corner and (1, 1) the lower right one
  T depth;       ///< along the optical axis, metres; not limited
  bool visible;  ///< depth > 1e-5, 0 < u < 1 and 0 < v < 1; so never where a NaN comes in
};

/// Strictly inside the image; false for NaN.
template <class T>
BEVEL_HD bool inside_image(T u, T v) {
  return (u > T(0)) & (u < T(1)) & (v > T(0)) & (v < T(1));
}

/// Projects (x, y, z), metres, by lidar_to_image, the row-major 4×4 matrix from the points' frame to
/// (pixel x · depth, pixel y · depth, depth, 1), whose last row is not read. `width` and `height` are those
/// of the image in pixels. Branch-free, so that loops over points become vector code.
template <class T>
BEVEL_HD CameraPoint<T> project_point(const T* lidar_to_image, T x, T y, T z, T width, T height) {
  T image[3];
  for (int row = 0; row < 3; ++row) {
    const T* m = lidar_to_image + 4 * row;
    image[row] = fused_multiply_add(m[2], z, fused_multiply_add(m[1], y, fused_multiply_add(m[0], x, m[3])));
  }
  CameraPoint<T> point;
  point.depth = image[2];
  const bool in_front = image[2] > kLeastDepth<T>;
  const T divisor = in_front ? image[2] : kLeastDepth<T>;
  point.u = divide_to_nearest(divide_to_nearest(image[0], divisor), width);
  point.v = divide_to_nearest(divide_to_nearest(image[1], divisor), height);
  point.visible = in_front & inside_image(point.u, point.v);
  return point;
}

/// Adds to `gradient` [3] what (grad_u, grad_v), the gradient by u and v of a visible point, is by x, y, z:
/// with u = m₀·p / (m₂·p · width), ∂u/∂p = (m₀ − u · width · m₂) / (depth · width).
template <class T>
BEVEL_HD void add_projection_gradient(const T* lidar_to_image, const CameraPoint<T>& point, T width, T height,
                                      T grad_u, T grad_v, T* gradient) {
  const T by_x = divide_to_nearest(divide_to_nearest(grad_u, width), point.depth);
  const T by_y = divide_to_nearest(divide_to_nearest(grad_v, height), point.depth);
  const T pixel_x = point.u * width, pixel_y = point.v * height;
  for (int k = 0; k < 3; ++k) {
    const T across = fused_multiply_add(-pixel_x, lidar_to_image[8 + k], lidar_to_image[k]);
    const T down = fused_multiply_add(-pixel_y, lidar_to_image[8 + k], lidar_to_image[4 + k]);
    gradient[k] = fused_multiply_add(by_y, down, fused_multiply_add(by_x, across, gradient[k]));
  }
}

/// One coordinate of a reference point given in [0, 1] of a range, metres; `extent` is upper − lower bound.
template <class T>
BEVEL_HD T point_in_range(T normalised, T lower, T extent) {
  return fused_multiply_add(normalised, extent, lower);
}

}  // namespace bevel
