// A six-camera rig like nuScenes': yaws about 0, ±55, ±110 and 180 degrees, focal lengths of about 1266 px
// (rear 809 px), small pitch and roll. Metres, pixels of a 1600×900 image, ego frame (x forward, y left, z
// up).
#pragma once

#include <cmath>

#include "references/lift_splat.hpp"

namespace bevel::testing {

struct RigCamera {
  double yaw, pitch, roll;  ///< degrees
  double focal, cx, cy;
  double x, y, z;
};

constexpr RigCamera kRig[6] = {
    {0, 0.3, 0.3, 1266.4, 816.3, 491.5, 1.70, 0.016, 1.51},
    {-55.5, 0.4, -0.4, 1260.8, 807.9, 495.3, 1.55, -0.49, 1.496},
    {-110.8, 0.5, 0.5, 1259.5, 807.2, 501.2, 1.0149, -0.4806, 1.5624},
    {180, -0.5, 0.2, 809.2, 829.2, 481.8, 0.0283, 0.0035, 1.5791},
    {108.5, 0.6, -0.6, 1256.7, 792.1, 492.8, 1.0357, 0.4848, 1.591},
    {55, 0.4, 0.4, 1272.6, 826.6, 479.8, 1.5239, 0.4946, 1.5093},
};

inline Matrix4 rotation(int axis, double degrees) {
  const double c = std::cos(degrees * M_PI / 180), s = std::sin(degrees * M_PI / 180);
  Matrix4 m = identity4();
  const int i = (axis + 1) % 3, j = (axis + 2) % 3;
  m[4 * i + i] = c;
  m[4 * i + j] = -s;
  m[4 * j + i] = s;
  m[4 * j + j] = c;
  return m;
}

/// Calibration of `cameras` rig cameras for each of `batch` elements; images are resized, cropped to the
/// bottom centre, and rotated by `image_degrees`; the BEV by `bev_degrees`, element b by b + 1 times that.
inline Calibration rig_calibration(int64_t batch, int64_t cameras, double image_width, double image_height,
                                   double resize, double image_degrees, double bev_degrees) {
  Calibration out;
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t n = 0; n < cameras; ++n) {
      const RigCamera& camera = kRig[n % 6];
      const double intrinsics[9] = {camera.focal, 0, camera.cx, 0, camera.focal, camera.cy, 0, 0, 1};
      out.intrinsics.insert(out.intrinsics.end(), intrinsics, intrinsics + 9);
      // Camera axes x right, y down, z forward in a body frame x forward, y left, z up.
      const Matrix4 axes = {0, 0, 1, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 1};
      Matrix4 to_bev = multiply(multiply(rotation(2, camera.yaw), rotation(1, camera.pitch)),
                                multiply(rotation(0, camera.roll), axes));
      to_bev[3] = camera.x;
      to_bev[7] = camera.y;
      to_bev[11] = camera.z;
      out.camera_to_bev.insert(out.camera_to_bev.end(), to_bev.begin(), to_bev.end());

      Matrix4 image = identity4();
      image[0] = image[5] = resize;
      image[3] = -std::fmax(0, (1600 * resize - image_width) / 2);
      image[7] = -(900 * resize - image_height);
      Matrix4 to_centre = identity4(), back = identity4();
      to_centre[3] = -image_width / 2;
      to_centre[7] = -image_height / 2;
      back[3] = image_width / 2;
      back[7] = image_height / 2;
      image = multiply(back, multiply(rotation(2, image_degrees), multiply(to_centre, image)));
      out.image_augmentation.insert(out.image_augmentation.end(), image.begin(), image.end());
    }
    const Matrix4 bev = rotation(2, bev_degrees * static_cast<double>(b + 1));
    out.bev_augmentation.insert(out.bev_augmentation.end(), bev.begin(), bev.end());
  }
  return out;
}

}  // namespace bevel::testing
