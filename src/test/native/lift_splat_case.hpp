// One lift-splat problem: calibration, plan, and calls of the operator through the C ABI.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "bevel/lift_splat.h"
#include "rig.hpp"
#include "tensors.hpp"

namespace bevel::testing {

#define EXPECT_BEVEL_OK(call) EXPECT_EQ(BEVEL_OK, (call)) << bevel_last_error()
#define ASSERT_BEVEL_OK(call) ASSERT_EQ(BEVEL_OK, (call)) << bevel_last_error()

/// Runs the body under every instruction set the machine has, and restores the best.
template <class Body>
void for_each_instruction_set(Body&& body) {
  const bevel_instruction_set best = bevel_get_instruction_set();
  for (int isa = BEVEL_ISA_PORTABLE; isa <= best; ++isa) {
    ASSERT_BEVEL_OK(bevel_set_instruction_set(static_cast<bevel_instruction_set>(isa)));
    SCOPED_TRACE("instruction set " + std::to_string(isa));
    body();
  }
  ASSERT_BEVEL_OK(bevel_set_instruction_set(best));
}

struct CaseOptions {
  double image_degrees = 0, bev_degrees = 0;
  bevel_cell_rounding rounding = BEVEL_TRUNC;
  bevel_row_axis row_axis = BEVEL_ROW_Y;
  bevel_lift_splat_method method = BEVEL_LIFT_SPLAT_AUTO;
  double extent = 51.2;  ///< the grid is ±extent in x and y
  double z_low = -5, z_high = 3;
};

/// Geometry and its plan.
class PlanCase {
 public:
  PlanCase(Sizes sizes, CaseOptions options)
      : sizes_(sizes),
        intrinsics_({sizes.batch, sizes.cameras, 3, 3}),
        camera_to_bev_({sizes.batch, sizes.cameras, 4, 4}),
        image_augmentation_({sizes.batch, sizes.cameras, 4, 4}),
        bev_augmentation_({sizes.batch, 4, 4}) {
    calibration_ = rig_calibration(sizes.batch, sizes.cameras, 704, 256, 0.44, options.image_degrees,
                                   options.bev_degrees);
    copy(calibration_.intrinsics, intrinsics_);
    copy(calibration_.camera_to_bev, camera_to_bev_);
    copy(calibration_.image_augmentation, image_augmentation_);
    copy(calibration_.bev_augmentation, bev_augmentation_);
    params_.struct_size = sizeof params_;
    params_.method = options.method;
    bevel_lift_splat_geometry& g = params_.geometry;
    g.struct_size = sizeof g;
    g.batch = sizes.batch;
    g.cameras = sizes.cameras;
    g.depth_bins = sizes.depth_bins;
    g.height = sizes.height;
    g.width = sizes.width;
    g.image_height = 256;
    g.image_width = 704;
    g.depth_start = 1;
    g.depth_step = 59.0 / static_cast<double>(sizes.depth_bins);
    g.grid = {
        {-options.extent, -options.extent, options.z_low},
        {2 * options.extent / static_cast<double>(sizes.nx),
         2 * options.extent / static_cast<double>(sizes.ny),
         (options.z_high - options.z_low) / static_cast<double>(sizes.nz)},
        {static_cast<int32_t>(sizes.nx), static_cast<int32_t>(sizes.ny), static_cast<int32_t>(sizes.nz)},
        options.rounding,
        options.row_axis,
        0};
    g.intrinsics = intrinsics_.view();
    g.camera_to_bev = camera_to_bev_.view();
    g.image_augmentation = image_augmentation_.view();
    g.bev_augmentation = bev_augmentation_.view();
  }

  /// Replaces the matrices by explicit cells.
  void use_cells(Tensor<int32_t>& cells) {
    bevel_lift_splat_geometry& g = params_.geometry;
    g.intrinsics = g.camera_to_bev = g.image_augmentation = g.bev_augmentation = nullptr;
    g.cells = cells.view();
  }

  void build() {
    int64_t elements = 0, bytes = 0;
    ASSERT_BEVEL_OK(bevel_lift_splat_plan_size(&params_, kDLCPU, &elements, &bytes));
    plan_ = std::make_unique<Tensor<int32_t>>(std::vector<int64_t>{elements});
    Tensor<uint8_t> workspace({bytes});
    params_.plan = plan_->view();
    params_.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_lift_splat_plan_build(&params_, nullptr));
    info_.struct_size = sizeof info_;
    ASSERT_BEVEL_OK(bevel_lift_splat_plan_read_info(plan_->view(), &info_, nullptr));
  }

  std::vector<int32_t> cells() {
    Tensor<int32_t> out({sizes_.batch, sizes_.cameras, sizes_.depth_bins, sizes_.height, sizes_.width});
    EXPECT_BEVEL_OK(bevel_lift_splat_cells(&params_.geometry, out.view()));
    return std::vector<int32_t>(out.data(), out.data() + out.size());
  }

  const Sizes& sizes() const { return sizes_; }
  const Calibration& calibration() const { return calibration_; }
  bevel_lift_splat_plan_params& params() { return params_; }
  Tensor<int32_t>& plan() { return *plan_; }
  const bevel_lift_splat_plan_info& info() const { return info_; }
  int64_t grid_rows() const { return params_.geometry.grid.row_axis == BEVEL_ROW_Y ? sizes_.ny : sizes_.nx; }
  int64_t grid_columns() const {
    return params_.geometry.grid.row_axis == BEVEL_ROW_Y ? sizes_.nx : sizes_.ny;
  }

 private:
  static void copy(const std::vector<double>& from, Tensor<double>& to) {
    for (int64_t i = 0; i < to.size(); ++i) to[i] = from[static_cast<size_t>(i)];
  }

  Sizes sizes_;
  Calibration calibration_;
  Tensor<double> intrinsics_, camera_to_bev_, image_augmentation_, bev_augmentation_;
  bevel_lift_splat_plan_params params_ = {};
  std::unique_ptr<Tensor<int32_t>> plan_;
  bevel_lift_splat_plan_info info_ = {};
};

struct CallOptions {
  bool logits = true, prior = false;
  bool context_channels_last = false, out_channels_last = false;
};

/// Inputs, outputs and gradients of one call. T is the depth's type.
template <class T, class Context = T, class Out = T>
class Call {
 public:
  Call(PlanCase& plan, CallOptions options, uint64_t seed)
      : plan_(plan),
        options_(options),
        depth(volume()),
        probabilities(volume()),
        prior(volume()),
        grad_depth(volume()),
        prior_weight({s().batch, s().cameras, s().height, s().width}),
        context(context_shape()),
        grad_context(context_shape()),
        out(out_shape()),
        grad_out(out_shape()) {
    std::mt19937_64 random(seed);
    fill_random(depth, random, options.logits ? -3 : 0, options.logits ? 3 : 1);
    fill_random(prior, random, 0, 1);
    fill_random(prior_weight, random, 0, 1);
    fill_random(context, random);
    fill_random(grad_out, random);
  }

  bevel_lift_splat_forward_params forward_params() {
    bevel_lift_splat_forward_params p = {};
    p.struct_size = sizeof p;
    p.plan = plan_.plan().view();
    p.depth = depth.view();
    p.context = context.view();
    p.prior = options_.prior ? prior.view() : nullptr;
    p.prior_weight = options_.prior ? prior_weight.view() : nullptr;
    p.out = out.view();
    p.probabilities = options_.logits ? probabilities.view() : nullptr;
    p.depth_kind = options_.logits ? BEVEL_DEPTH_LOGITS : BEVEL_DEPTH_PROBABILITIES;
    p.context_layout = options_.context_channels_last;
    p.out_layout = options_.out_channels_last;
    p.max_points = plan_.params().max_points;
    return p;
  }

  bevel_lift_splat_backward_params backward_params() {
    bevel_lift_splat_backward_params p = {};
    p.struct_size = sizeof p;
    p.plan = plan_.plan().view();
    p.grad_out = grad_out.view();
    p.probabilities = options_.logits ? probabilities.view() : depth.view();
    p.context = context.view();
    p.prior = options_.prior ? prior.view() : nullptr;
    p.prior_weight = options_.prior ? prior_weight.view() : nullptr;
    p.grad_depth = grad_depth.view();
    p.grad_context = grad_context.view();
    p.depth_kind = options_.logits ? BEVEL_DEPTH_LOGITS : BEVEL_DEPTH_PROBABILITIES;
    p.context_layout = options_.context_channels_last;
    p.out_layout = options_.out_channels_last;
    p.max_points = plan_.params().max_points;
    return p;
  }

  void forward() {
    bevel_lift_splat_forward_params p = forward_params();
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_lift_splat_forward_workspace(&p, &bytes));
    Tensor<uint8_t> workspace({bytes});
    p.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_lift_splat_forward(&p, nullptr));
  }

  void backward() {
    bevel_lift_splat_backward_params p = backward_params();
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_lift_splat_backward_workspace(&p, &bytes));
    Tensor<uint8_t> workspace({bytes});
    p.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_lift_splat_backward(&p, nullptr));
  }

  /// The reference on these very inputs, everything in its canonical layout.
  ReferenceResult reference(bool backward) {
    return reference_lift_splat(s(), plan_.cells(), doubles(depth), options_.logits,
                                canonical_context(context),
                                options_.prior ? doubles(prior) : std::vector<double>(),
                                options_.prior ? doubles(prior_weight) : std::vector<double>(),
                                backward ? canonical_out(grad_out) : std::vector<double>());
  }

  template <class U>
  static std::vector<double> doubles(const Tensor<U>& tensor) {
    std::vector<double> values(static_cast<size_t>(tensor.size()));
    for (int64_t i = 0; i < tensor.size(); ++i) values[static_cast<size_t>(i)] = to_double(tensor[i]);
    return values;
  }

  /// [B, N, C, H, W]
  std::vector<double> canonical_context(const Tensor<Context>& tensor) const {
    std::vector<double> values = doubles(tensor);
    if (!options_.context_channels_last) return values;
    return swap_last(values, s().batch * s().cameras, s().height * s().width, s().channels);
  }
  /// [B, Z, rows, columns, C]
  std::vector<double> canonical_out(const Tensor<Out>& tensor) const {
    std::vector<double> values = doubles(tensor);
    if (options_.out_channels_last) return values;
    return swap_last(values, s().batch * s().nz, s().channels, s().nx * s().ny);
  }

 private:
  PlanCase& plan_;
  CallOptions options_;

  const Sizes& s() const { return plan_.sizes(); }
  std::vector<int64_t> volume() const {
    return {s().batch, s().cameras, s().depth_bins, s().height, s().width};
  }
  std::vector<int64_t> context_shape() const {
    return options_.context_channels_last
               ? std::vector<int64_t>{s().batch, s().cameras, s().height, s().width, s().channels}
               : std::vector<int64_t>{s().batch, s().cameras, s().channels, s().height, s().width};
  }
  std::vector<int64_t> out_shape() const {
    const int64_t rows = plan_.grid_rows(), columns = plan_.grid_columns();
    return options_.out_channels_last ? std::vector<int64_t>{s().batch, s().nz, rows, columns, s().channels}
                                      : std::vector<int64_t>{s().batch, s().nz, s().channels, rows, columns};
  }
  static std::vector<double> swap_last(const std::vector<double>& from, int64_t outer, int64_t a, int64_t b) {
    std::vector<double> to(from.size());
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < a; ++i) {
        for (int64_t j = 0; j < b; ++j) to[(o * b + j) * a + i] = from[(o * a + i) * b + j];
      }
    }
    return to;
  }

 public:
  Tensor<T> depth, probabilities, prior, grad_depth, prior_weight;
  Tensor<Context> context, grad_context;
  Tensor<Out> out, grad_out;
};

/// Largest |actual − expected| over the largest |expected|, or over `scale` where that is larger (sums that
/// cancel); NaN where either is not finite.
inline double relative_error(const std::vector<double>& actual, const std::vector<double>& expected,
                             double scale = 1e-30) {
  double error = 0;
  EXPECT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::fabs(actual[i] - expected[i]);
    if (std::isnan(difference)) return difference;
    error = std::fmax(error, difference);
    scale = std::fmax(scale, std::fabs(expected[i]));
  }
  return error / scale;
}

}  // namespace bevel::testing
