// A lift-splat problem on the device beside the CPU's: the plan, the parts of plans that must be equal, and
// calls of the operator.
#pragma once

#include "device_tensor.hpp"
#include "lift_splat/lift_splat_plan.hpp"

namespace bevel::testing {

/// The geometry of a CPU case on the device, and the plan built there.
class DevicePlan {
 public:
  explicit DevicePlan(PlanCase& host) : params_(host.params()) {
    bevel_lift_splat_geometry& g = params_.geometry;
    move(g.intrinsics, intrinsics_);
    move(g.camera_to_bev, camera_to_bev_);
    move(g.image_augmentation, image_augmentation_);
    move(g.bev_augmentation, bev_augmentation_);
    if (g.cells) {
      Tensor<int32_t> cells(std::vector<int64_t>(g.cells->shape, g.cells->shape + g.cells->ndim));
      std::memcpy(cells.data(), g.cells->data, static_cast<size_t>(cells.size()) * 4);
      cells_ = std::make_unique<DeviceTensor<int32_t>>(cells);
      g.cells = cells_->view();
    }
  }

  void build() {
    int64_t elements = 0, bytes = 0;
    ASSERT_BEVEL_OK(bevel_lift_splat_plan_size(&params_, kDLCUDA, &elements, &bytes));
    plan_ = std::make_unique<DeviceTensor<int32_t>>(std::vector<int64_t>{elements});
    DeviceTensor<uint8_t> workspace({bytes});
    params_.plan = plan_->view();
    params_.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_lift_splat_plan_build(&params_, nullptr));
  }

  bevel_lift_splat_plan_info info() {
    bevel_lift_splat_plan_info info = {};
    info.struct_size = sizeof info;
    EXPECT_BEVEL_OK(bevel_lift_splat_plan_read_info(plan_->view(), &info, nullptr));
    return info;
  }
  DeviceTensor<int32_t>& plan() { return *plan_; }

 private:
  static void move(const DLTensor*& matrices, std::unique_ptr<DeviceTensor<double>>& to) {
    if (!matrices) return;
    Tensor<double> host(std::vector<int64_t>(matrices->shape, matrices->shape + matrices->ndim));
    std::memcpy(host.data(), matrices->data, static_cast<size_t>(host.size()) * 8);
    to = std::make_unique<DeviceTensor<double>>(host);
    matrices = to->view();
  }

  bevel_lift_splat_plan_params params_;
  std::unique_ptr<DeviceTensor<double>> intrinsics_, camera_to_bev_, image_augmentation_, bev_augmentation_;
  std::unique_ptr<DeviceTensor<int32_t>> cells_, plan_;
};

/// The parts of a plan that its header says are there, one after the other.
inline std::vector<std::vector<int32_t>> used_sections(const std::vector<int32_t>& plan, const Sizes& s) {
  LiftSplatPlanHeader header;
  std::memcpy(&header, plan.data(), sizeof header);
  const LiftSplatPlanLayout at =
      plan_layout(s.batch, s.cameras, s.depth_bins, s.height, s.width, s.nx * s.ny * s.nz, header.capacity);
  std::vector<std::vector<int32_t>> sections;
  const auto take = [&](int64_t begin, int64_t count) {
    sections.emplace_back(plan.begin() + begin, plan.begin() + begin + count);
  };
  take(0, kPlanHeaderElements);
  if (header.overflow) return sections;
  if (header.method == BEVEL_LIFT_SPLAT_COLUMNS) {
    take(at.column_rows, at.columns + 1);
    for (int64_t section : {at.row_cell, at.row_slot, at.row_span}) take(section, header.rows);
    take(at.row_runs, header.rows + 1);
    take(at.runs, header.runs);
    take(at.cell_slots, at.cells + 1);
  } else {
    for (int64_t section : {at.ranks_depth, at.ranks_feature, at.ranks_bev}) take(section, header.points);
    for (int64_t section : {at.interval_starts, at.interval_lengths}) take(section, header.filled_cells);
    take(at.point_cell, s.points());
  }
  return sections;
}

inline void expect_same_plan(PlanCase& host, DevicePlan& device) {
  const std::vector<int32_t> host_plan(host.plan().data(), host.plan().data() + host.plan().size());
  const auto expected = used_sections(host_plan, host.sizes());
  const auto actual = used_sections(device.plan().download(), host.sizes());
  ASSERT_EQ(expected.size(), actual.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(expected[i].size(), actual[i].size()) << "section " << i;
    for (size_t k = 0; k < expected[i].size(); ++k) {
      ASSERT_EQ(expected[i][k], actual[i][k]) << "section " << i << ", element " << k;
    }
  }
}

/// A call of the CPU case on the device. Outputs come back to the CPU case's tensors.
template <class Context, class Out>
class DeviceCall {
 public:
  using HostCall = Call<float, Context, Out>;

  DeviceCall(HostCall& host, DevicePlan& plan, const CallOptions& options, bool with_info)
      : host_(host),
        plan_(plan),
        options_(options),
        info_(plan.info()),
        with_info_(with_info),
        depth_(host.depth),
        prior_(host.prior),
        prior_weight_(host.prior_weight),
        context_(host.context),
        grad_out_(host.grad_out),
        probabilities_(host.probabilities.shape()),
        grad_depth_(host.grad_depth.shape()),
        out_(host.out.shape()),
        grad_context_(host.grad_context.shape()) {}

  void forward() {
    expect_same_bits_in_all_orders([this] { forward_once(); }, out_, probabilities_);
    out_.download(host_.out);
    probabilities_.download(host_.probabilities);
  }

  void backward() {
    expect_same_bits_in_all_orders([this] { backward_once(true, true); }, grad_depth_, grad_context_);
    grad_depth_.download(host_.grad_depth);
    grad_context_.download(host_.grad_context);
  }

  /// Each gradient alone has the bits it has beside the other.
  void expect_single_gradients_equal() {
    const std::vector<unsigned char> grad_depth = grad_depth_.download_bytes();
    grad_depth_.poison();
    backward_once(true, false);
    EXPECT_TRUE(grad_depth == grad_depth_.download_bytes());
    const std::vector<unsigned char> grad_context = grad_context_.download_bytes();
    grad_context_.poison();
    backward_once(false, true);
    EXPECT_TRUE(grad_context == grad_context_.download_bytes());
  }

  bevel_lift_splat_plan_info& info() { return info_; }

 private:
  void forward_once() {
    bevel_lift_splat_forward_params p = host_.forward_params();
    p.plan = plan_.plan().view();
    p.depth = depth_.view();
    p.context = context_.view();
    p.out = out_.view();
    if (options_.prior) {
      p.prior = prior_.view();
      p.prior_weight = prior_weight_.view();
    }
    if (p.probabilities) p.probabilities = probabilities_.view();
    if (with_info_) p.plan_info = &info_;
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_lift_splat_forward_workspace(&p, &bytes));
    DeviceTensor<uint8_t> workspace({bytes});
    p.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_lift_splat_forward(&p, nullptr));
  }

  void backward_once(bool depth, bool context) {
    bevel_lift_splat_backward_params p = host_.backward_params();
    p.plan = plan_.plan().view();
    p.grad_out = grad_out_.view();
    p.probabilities = options_.logits ? probabilities_.view() : depth_.view();
    p.context = context_.view();
    if (options_.prior) {
      p.prior = prior_.view();
      p.prior_weight = prior_weight_.view();
    }
    p.grad_depth = depth ? grad_depth_.view() : nullptr;
    p.grad_context = context ? grad_context_.view() : nullptr;
    if (with_info_) p.plan_info = &info_;
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_lift_splat_backward_workspace(&p, &bytes));
    DeviceTensor<uint8_t> workspace({bytes});
    p.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_lift_splat_backward(&p, nullptr));
  }

  HostCall& host_;
  DevicePlan& plan_;
  const CallOptions options_;
  bevel_lift_splat_plan_info info_;
  const bool with_info_;
  DeviceTensor<float> depth_, prior_, prior_weight_;
  DeviceTensor<Context> context_;
  DeviceTensor<Out> grad_out_;
  DeviceTensor<float> probabilities_, grad_depth_;
  DeviceTensor<Out> out_;
  DeviceTensor<Context> grad_context_;
};

}  // namespace bevel::testing
