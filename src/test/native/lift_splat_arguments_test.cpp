// What lift_splat must refuse, the message it gives, and that nothing is written then.
#include <cstdio>

#include "lift_splat_case.hpp"

namespace bevel::testing {
namespace {

class LiftSplatArguments : public ::testing::Test {
 protected:
  LiftSplatArguments() : plan_({1, 2, 12, 16, 9, 8, 24, 20, 1}, {}) {}
  void SetUp() override {
    plan_.build();
    call_ = std::make_unique<Call<float>>(plan_, CallOptions{}, 5);
    forward_ = call_->forward_params();
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_lift_splat_forward_workspace(&forward_, &bytes));
    workspace_ = std::make_unique<Tensor<uint8_t>>(std::vector<int64_t>{bytes});
    forward_.workspace = workspace_->view();
    ASSERT_BEVEL_OK(bevel_lift_splat_forward(&forward_, nullptr));
  }

  void expect_refused(const bevel_lift_splat_forward_params& p, const char* text, void* stream = nullptr) {
    std::memset(call_->out.data(), 0x7f, static_cast<size_t>(call_->out.size()) * 4);
    EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_lift_splat_forward(&p, stream)) << text;
    EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text)) << bevel_last_error();
    for (int64_t i = 0; i < call_->out.size() * 4; ++i) {
      ASSERT_EQ(0x7f, reinterpret_cast<const char*>(call_->out.data())[i]) << text;
    }
  }

  PlanCase plan_;
  std::unique_ptr<Call<float>> call_;
  std::unique_ptr<Tensor<uint8_t>> workspace_;
  bevel_lift_splat_forward_params forward_ = {};
};

TEST_F(LiftSplatArguments, NullsAndSizesAreNamed) {
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_lift_splat_forward(nullptr, nullptr));
  bevel_lift_splat_forward_params p = forward_;
  p.struct_size = 16;
  expect_refused(p, "struct_size must be at least");
  const DLTensor* bevel_lift_splat_forward_params::*required[] = {&bevel_lift_splat_forward_params::plan,
                                                                  &bevel_lift_splat_forward_params::depth,
                                                                  &bevel_lift_splat_forward_params::context};
  for (auto field : required) {
    p = forward_;
    p.*field = nullptr;
    expect_refused(p, "must be given, got NULL");
  }
  p = forward_;
  p.out = nullptr;
  expect_refused(p, "lift_splat_forward: out must be given, got NULL");
  p = forward_;
  p.workspace = nullptr;
  expect_refused(p, "workspace must be given");
  expect_refused(forward_, "stream must be NULL for CPU tensors", &p);
}

TEST_F(LiftSplatArguments, ShapesThatDisagreeAreNamed) {
  bevel_lift_splat_forward_params p = forward_;
  Tensor<float> context({1, 2, 8, 16, 10});
  p.context = context.view();
  expect_refused(p, "context must be [1, 2, any, 16, 9] to match depth, got [1, 2, 8, 16, 10]");
  p = forward_;
  Tensor<float> depth({1, 2, 13, 16, 9}), probabilities({1, 2, 13, 16, 9});
  p.depth = depth.view();
  p.probabilities = probabilities.view();
  expect_refused(p, "plan must be built for");
  p = forward_;
  Tensor<float> out({1, 1, 8, 24, 24});
  p.out = out.view();
  expect_refused(p, "to match plan and context, got [1, 1, 8, 24, 24]");
  p = forward_;
  Tensor<float> flat({1, 8, 20, 24});
  p.out = flat.view();
  expect_refused(p, "out must have 5 dimensions, got [1, 8, 20, 24]");
  p = forward_;
  p.prior = call_->prior.view();
  expect_refused(p, "prior and prior_weight must be given together");
}

TEST_F(LiftSplatArguments, TypesLayoutsAndPlacesAreNamed) {
  bevel_lift_splat_forward_params p = forward_;
  Tensor<int32_t> integers({1, 2, 12, 16, 9});
  p.depth = integers.view();
  expect_refused(p, "depth must be float32 or float64, got int32");
  p = forward_;
  Tensor<double> doubles({1, 2, 8, 16, 9});
  p.context = doubles.view();
  expect_refused(p, "context must be float32 or float16 or bfloat16, got float64");

  p = forward_;
  int64_t strides[] = {1, 1, 1, 1, 1};
  DLTensor transposed = *call_->context.view();
  transposed.strides = strides;
  p.context = &transposed;
  expect_refused(p, "context must be compact (row-major) from dimension 2 on");

  p = forward_;
  DLTensor odd = *call_->depth.view();
  odd.byte_offset = 2;
  p.depth = &odd;
  expect_refused(p, "depth must be aligned to its elements of 4 bytes");

  p = forward_;
  DLTensor elsewhere = *call_->depth.view();
  elsewhere.device = {kDLCUDA, 1};
  p.depth = &elsewhere;
  expect_refused(p, "depth must be on the CPU like the rest, got CUDA device 1");

  p = forward_;
  DLTensor misplaced = *workspace_->view();
  misplaced.byte_offset = 8;
  p.workspace = &misplaced;
  expect_refused(p, "workspace must be aligned to 64 bytes");

  p = forward_;
  p.depth_kind = 2;
  expect_refused(p, "depth_kind must be 0 or 1, got 2");
  p = forward_;
  p.out_layout = -1;
  expect_refused(p, "out_layout must be 0 or 1, got -1");
}

TEST_F(LiftSplatArguments, AnythingThatIsNoPlanIsRefused) {
  bevel_lift_splat_forward_params p = forward_;
  Tensor<int32_t> noise({plan_.plan().size()});
  p.plan = noise.view();
  expect_refused(p, "plan is not a plan that bevel_lift_splat_plan_build wrote");
  Tensor<int32_t> tiny({3});
  p.plan = tiny.view();
  expect_refused(p, "plan is too short for a plan: [3]");
  DLTensor cut = *plan_.plan().view();
  int64_t extent = plan_.plan().size() - 1;
  cut.shape = &extent;
  p.plan = &cut;
  expect_refused(p, "plan must have");
}

/// Nothing to pool: the gradient of depth is zero. The probabilities are those of depth alone, so whoever
/// asks for them is told that they are not written.
TEST_F(LiftSplatArguments, WithoutChannelsTheGradientOfDepthIsZero) {
  const Sizes& s = plan_.sizes();
  int64_t context_shape[] = {s.batch, s.cameras, 0, s.height, s.width};
  int64_t out_shape[] = {s.batch, s.nz, 0, s.ny, s.nx};
  const DLTensor context = {nullptr, {kDLCPU, 0}, 5, dtype_of<float>(), context_shape, nullptr, 0};
  DLTensor out = {nullptr, {kDLCPU, 0}, 5, dtype_of<float>(), out_shape, nullptr, 0};
  bevel_lift_splat_forward_params f = call_->forward_params();
  f.context = &context;
  f.out = &out;
  expect_refused(f, "probabilities are only written when context has a channel");
  f.probabilities = nullptr;
  EXPECT_BEVEL_OK(bevel_lift_splat_forward(&f, nullptr));
  bevel_lift_splat_backward_params b = call_->backward_params();
  b.context = &context;
  b.grad_out = &out;
  b.grad_context = nullptr;
  ASSERT_BEVEL_OK(bevel_lift_splat_backward(&b, nullptr));
  for (int64_t i = 0; i < call_->grad_depth.size(); ++i) ASSERT_EQ(0.0f, call_->grad_depth[i]) << i;
}

TEST_F(LiftSplatArguments, ImpossibleGeometriesAreRefused) {
  auto refused = [](auto change, const char* text) {
    PlanCase plan({1, 2, 12, 16, 9, 8, 24, 20, 1}, {});
    change(plan.params());
    int64_t elements = -1, bytes = -1;
    EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_lift_splat_plan_size(&plan.params(), kDLCPU, &elements, &bytes))
        << text;
    EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text)) << bevel_last_error();
    EXPECT_EQ(-1, elements);
  };
  using Params = bevel_lift_splat_plan_params;
  refused([](Params& p) { p.geometry.height = 256; }, "height must be 1 to 255, got 256");
  refused([](Params& p) { p.geometry.depth_bins = 70000; }, "depth_bins must be 1 to 65535, got 70000");
  refused([](Params& p) { p.geometry.grid.cell_size[1] = 0; },
          "grid.cell_size[y] must be finite and > 0, got 0");
  refused([](Params& p) { p.geometry.grid.cells[2] = 0; }, "grid.cells[z] must be 1");
  refused([](Params& p) { p.geometry.grid.cells[0] = p.geometry.grid.cells[1] = 1 << 20; },
          "batch · grid cells");
  refused([](Params& p) { p.geometry.width = 1 << 30; }, "frustum points");
  refused([](Params& p) { p.geometry.batch = p.geometry.cameras = p.geometry.width = INT32_MAX; },
          "pass 2^63");
  refused([](Params& p) { p.geometry.depth_start = NAN; }, "depth_start must be finite");
  refused([](Params& p) { p.geometry.intrinsics = nullptr; }, "intrinsics must be given, got NULL");
  refused([](Params& p) { p.geometry.grid.rounding = 7; }, "grid.rounding must be 0 or 1, got 7");
  refused([](Params& p) { static_cast<double*>(p.geometry.image_augmentation->data)[10] = 2; },
          "image_augmentation must leave depth alone: element [2][2] of camera 0 must be 1, got 2");
}

TEST_F(LiftSplatArguments, CudaTensorsWithoutCudaAreExplained) {
  bevel_capabilities capabilities = {};
  capabilities.struct_size = sizeof capabilities;
  ASSERT_BEVEL_OK(bevel_get_capabilities(&capabilities));
  if (capabilities.cuda_devices > 0) GTEST_SKIP() << "this machine has a CUDA device";
  EXPECT_NE('\0', capabilities.cuda_reason[0]);
  DLTensor plan = *plan_.plan().view();
  plan.device = {kDLCUDA, 0};
  bevel_lift_splat_plan_info info = {};
  info.struct_size = sizeof info;
  EXPECT_EQ(BEVEL_NO_CUDA, bevel_lift_splat_plan_read_info(&plan, &info, nullptr));
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), capabilities.cuda_reason)) << bevel_last_error();
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
