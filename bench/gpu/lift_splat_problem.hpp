// Lift-splat's cases: the six-camera rig with the image and grid sizes of published detectors.
#pragma once

#include <memory>

#include "buffer.hpp"
#include "bevel/lift_splat.h"
#include "lift_splat/lift_splat_plan.hpp"
#include "rig.hpp"

namespace bevel::bench {

struct CaseSizes {
  const char* name;
  int64_t batch, depth_bins, height, width, channels;
  double image_width, image_height, resize, depth_start, depth_step;
  double extent, z_low, z_high;
  int64_t cells, cells_z;  ///< a side, and in height
};

inline const CaseSizes kCases[] = {
    {"bevdet-r50", 1, 59, 16, 44, 64, 704, 256, 0.44, 1, 1, 51.2, -5, 3, 128, 1},
    {"bevdepth", 1, 112, 16, 44, 80, 704, 256, 0.44, 2, 0.5, 51.2, -5, 3, 128, 1},
    {"bevfusion", 1, 118, 32, 88, 80, 704, 256, 0.48, 1, 0.5, 54, -10, 10, 360, 1},
    {"bevdet-640x1600", 1, 59, 40, 100, 64, 1600, 640, 1.0, 1, 1, 51.2, -5, 3, 128, 1},
    {"bevdet-occ", 1, 88, 16, 44, 32, 704, 256, 0.44, 1, 0.5, 40, -1, 5.4, 200, 16},
    {"bevdet-r50-b8", 8, 59, 16, 44, 64, 704, 256, 0.44, 1, 1, 51.2, -5, 3, 128, 1},
};

/// A plan of a case on the device; built anew by every call of build().
class Plan {
 public:
  Plan(const CaseSizes& s, bevel_lift_splat_method method) {
    const auto rig =
        bevel::testing::rig_calibration(s.batch, 6, s.image_width, s.image_height, s.resize, 0, 0);
    const auto matrices = [](std::vector<int64_t> shape, const std::vector<double>& values) {
      return std::make_unique<Buffer>(std::move(shape), kFloat64, values.data());
    };
    intrinsics_ = matrices({s.batch, 6, 3, 3}, rig.intrinsics);
    camera_to_bev_ = matrices({s.batch, 6, 4, 4}, rig.camera_to_bev);
    image_ = matrices({s.batch, 6, 4, 4}, rig.image_augmentation);
    bev_ = matrices({s.batch, 4, 4}, rig.bev_augmentation);
    params_.struct_size = sizeof params_;
    params_.method = method;
    bevel_lift_splat_geometry& g = params_.geometry;
    g = {sizeof g,
         s.batch,
         6,
         s.depth_bins,
         s.height,
         s.width,
         s.image_height,
         s.image_width,
         s.depth_start,
         s.depth_step,
         {},
         intrinsics_->view(),
         camera_to_bev_->view(),
         image_->view(),
         bev_->view(),
         nullptr};
    const double side = 2 * s.extent / static_cast<double>(s.cells);
    g.grid = {{-s.extent, -s.extent, s.z_low},
              {side, side, (s.z_high - s.z_low) / static_cast<double>(s.cells_z)},
              {static_cast<int32_t>(s.cells), static_cast<int32_t>(s.cells), static_cast<int32_t>(s.cells_z)},
              BEVEL_TRUNC,
              BEVEL_ROW_Y,
              0};
    int64_t elements = 0, bytes = 0;
    check_bevel(bevel_lift_splat_plan_size(&params_, kDLCUDA, &elements, &bytes), "plan size");
    plan_ = std::make_unique<Buffer>(std::vector<int64_t>{elements}, kInt32);
    workspace_ = std::make_unique<Buffer>(std::vector<int64_t>{bytes}, kBytes);
    params_.plan = plan_->view();
    params_.workspace = workspace_->view();
    build(nullptr);
    info_.struct_size = sizeof info_;
    check_bevel(bevel_lift_splat_plan_read_info(plan_->view(), &info_, nullptr), "plan info");
  }

  void build(cudaStream_t stream) {
    check_bevel(bevel_lift_splat_plan_build(&params_, stream), "plan build");
  }
  Buffer& plan() { return *plan_; }
  const bevel_lift_splat_plan_info& info() const { return info_; }

 private:
  std::unique_ptr<Buffer> intrinsics_, camera_to_bev_, image_, bev_, plan_, workspace_;
  bevel_lift_splat_plan_params params_ = {};
  bevel_lift_splat_plan_info info_ = {};
};

/// Inputs and outputs of one call in storage type T.
template <class T>
struct Tensors {
  Tensors(const CaseSizes& s, DLDataType dtype, const std::vector<float>& probabilities,
          const std::vector<T>& features, const std::vector<T>& gradients)
      : depth({s.batch, 6, s.depth_bins, s.height, s.width}, kFloat32, probabilities.data()),
        grad_depth({s.batch, 6, s.depth_bins, s.height, s.width}, kFloat32),
        probabilities({s.batch, 6, s.depth_bins, s.height, s.width}, kFloat32),
        context({s.batch, 6, s.height, s.width, s.channels}, dtype, features.data()),
        grad_context({s.batch, 6, s.height, s.width, s.channels}, dtype),
        out({s.batch, s.cells_z, s.cells, s.cells, s.channels}, dtype),
        out_planes({s.batch, s.cells_z, s.channels, s.cells, s.cells}, dtype),
        grad_out({s.batch, s.cells_z, s.cells, s.cells, s.channels}, dtype, gradients.data()) {}

  Buffer depth, grad_depth, probabilities, context, grad_context, out, out_planes, grad_out;
};

}  // namespace bevel::bench
