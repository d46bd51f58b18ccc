// From a pixel of the augmented image to a ray in the BEV frame: the geometry of lift-splat (Philion and
// Fidler, ECCV 2020), with the image and BEV augmentation that BEVDet and BEVDepth apply.
#pragma once

#include <cstdint>

#include "core/fixed_rounding.hpp"

namespace bevel {

/// What one camera contributes to every point of its frustum. A point at depth z on the pixel (u, v) of the
/// augmented image is
///   bev = z · ray_to_bev · (undo · (u, v) + undo_offset, 1) + origin.
struct CameraLift {
  double undo[4];         ///< inverse of the image augmentation's 2×2
  double undo_offset[2];  ///< −undo · its translation
  double ray_to_bev[9];   ///< rotation of (bev augmentation · camera_to_bev) times the inverse intrinsics
  double origin[3];       ///< camera centre in the augmented BEV frame
};

namespace detail {

BEVEL_HD double determinant2(double a, double b, double c, double d) {
  return subtract_rounded(multiply_rounded(a, d), multiply_rounded(b, c));
}

/// row · (b0, b1, b2)
BEVEL_HD double dot3(const double* row, double b0, double b1, double b2) {
  return multiply_add_rounded(row[2], b2, multiply_add_rounded(row[1], b1, multiply_rounded(row[0], b0)));
}

/// Inverse by the adjugate; a singular matrix gives Inf and NaN, and with them dropped points.
BEVEL_HD void invert3(const double* m, double* inverse) {
  const double c0 = determinant2(m[4], m[5], m[7], m[8]);
  const double c1 = determinant2(m[5], m[3], m[8], m[6]);
  const double c2 = determinant2(m[3], m[4], m[6], m[7]);
  const double determinant = dot3(m, c0, c1, c2);
  inverse[0] = divide_rounded(c0, determinant);
  inverse[1] = divide_rounded(determinant2(m[2], m[1], m[8], m[7]), determinant);
  inverse[2] = divide_rounded(determinant2(m[1], m[2], m[4], m[5]), determinant);
  inverse[3] = divide_rounded(c1, determinant);
  inverse[4] = divide_rounded(determinant2(m[0], m[2], m[6], m[8]), determinant);
  inverse[5] = divide_rounded(determinant2(m[2], m[0], m[5], m[3]), determinant);
  inverse[6] = divide_rounded(c2, determinant);
  inverse[7] = divide_rounded(determinant2(m[1], m[0], m[7], m[6]), determinant);
  inverse[8] = divide_rounded(determinant2(m[0], m[1], m[3], m[4]), determinant);
}

}  // namespace detail

/// Combines one camera's matrices: intrinsics 3×3, camera_to_bev 4×4, image_augmentation 4×4 or null,
/// bev_augmentation 4×4 or null, all row-major doubles.
BEVEL_HD CameraLift make_camera_lift(const double* intrinsics, const double* camera_to_bev,
                                     const double* image_augmentation, const double* bev_augmentation) {
  CameraLift lift;
  if (image_augmentation) {
    const double a = image_augmentation[0], b = image_augmentation[1];
    const double c = image_augmentation[4], d = image_augmentation[5];
    const double tu = image_augmentation[3], tv = image_augmentation[7];
    const double determinant = detail::determinant2(a, b, c, d);
    lift.undo[0] = divide_rounded(d, determinant);
    lift.undo[1] = divide_rounded(-b, determinant);
    lift.undo[2] = divide_rounded(-c, determinant);
    lift.undo[3] = divide_rounded(a, determinant);
    lift.undo_offset[0] = -multiply_add_rounded(lift.undo[1], tv, multiply_rounded(lift.undo[0], tu));
    lift.undo_offset[1] = -multiply_add_rounded(lift.undo[3], tv, multiply_rounded(lift.undo[2], tu));
  } else {
    lift.undo[0] = lift.undo[3] = 1.0;
    lift.undo[1] = lift.undo[2] = 0.0;
    lift.undo_offset[0] = lift.undo_offset[1] = 0.0;
  }

  double rotation[9];
  for (int r = 0; r < 3; ++r) {
    if (bev_augmentation) {
      const double* row = bev_augmentation + 4 * r;
      for (int k = 0; k < 3; ++k) {
        rotation[3 * r + k] = detail::dot3(row, camera_to_bev[k], camera_to_bev[4 + k], camera_to_bev[8 + k]);
      }
      const double moved = detail::dot3(row, camera_to_bev[3], camera_to_bev[7], camera_to_bev[11]);
      lift.origin[r] = add_rounded(moved, row[3]);
    } else {
      for (int k = 0; k < 3; ++k) rotation[3 * r + k] = camera_to_bev[4 * r + k];
      lift.origin[r] = camera_to_bev[4 * r + 3];
    }
  }
  double inverse[9];
  detail::invert3(intrinsics, inverse);
  for (int r = 0; r < 3; ++r) {
    for (int k = 0; k < 3; ++k) {
      lift.ray_to_bev[3 * r + k] = detail::dot3(rotation + 3 * r, inverse[k], inverse[3 + k], inverse[6 + k]);
    }
  }
  return lift;
}

/// The frustum's samples: end points included, as torch.linspace(0, image − 1, feature) has them.
BEVEL_HD double frustum_pixel(int64_t index, int64_t feature_size, double image_size) {
  if (feature_size == 1) return 0.0;
  return divide_rounded(multiply_rounded(static_cast<double>(index), subtract_rounded(image_size, 1.0)),
                        static_cast<double>(feature_size - 1));
}

/// Lower edge of a depth bin, metres.
BEVEL_HD double frustum_depth(int64_t bin, double depth_start, double depth_step) {
  return multiply_add_rounded(static_cast<double>(bin), depth_step, depth_start);
}

/// The ray of a pixel of the augmented image, metres in the BEV frame per metre of depth.
BEVEL_HD void camera_ray(const CameraLift& lift, double u, double v, double ray[3]) {
  const double x = add_rounded(multiply_add_rounded(lift.undo[1], v, multiply_rounded(lift.undo[0], u)),
                               lift.undo_offset[0]);
  const double y = add_rounded(multiply_add_rounded(lift.undo[3], v, multiply_rounded(lift.undo[2], u)),
                               lift.undo_offset[1]);
  for (int r = 0; r < 3; ++r) ray[r] = detail::dot3(lift.ray_to_bev + 3 * r, x, y, 1.0);
}

/// One coordinate of the point at a depth on a ray, metres in the BEV frame.
BEVEL_HD double point_on_ray(double depth, double ray, double origin) {
  return multiply_add_rounded(depth, ray, origin);
}

}  // namespace bevel
