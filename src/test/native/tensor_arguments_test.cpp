// The corners of DLPack, outputs that share memory, settings and the error message, through the C ABI.
#include <cstdio>
#include <string>
#include <thread>

#include "bev_pool_case.hpp"
#include "lift_splat_case.hpp"

namespace bevel::testing {
namespace {

class TensorArguments : public ::testing::Test {
 protected:
  TensorArguments() : plan_({1, 2, 12, 16, 9, 8, 24, 20, 1}, {}) {}
  void SetUp() override {
    plan_.build();
    call_ = std::make_unique<Call<float>>(plan_, CallOptions{}, 5);
    forward_ = call_->forward_params();
    backward_ = call_->backward_params();
    int64_t bytes = 0, backward_bytes = 0;
    ASSERT_BEVEL_OK(bevel_lift_splat_forward_workspace(&forward_, &bytes));
    ASSERT_BEVEL_OK(bevel_lift_splat_backward_workspace(&backward_, &backward_bytes));
    workspace_ = std::make_unique<Tensor<uint8_t>>(std::vector<int64_t>{std::max(bytes, backward_bytes)});
    forward_.workspace = backward_.workspace = workspace_->view();
    ASSERT_BEVEL_OK(bevel_lift_splat_forward(&forward_, nullptr));
    kept_.assign(call_->out.data(), call_->out.data() + call_->out.size());
  }

  void expect_same_result(const bevel_lift_splat_forward_params& p) {
    std::fill_n(call_->out.data(), call_->out.size(), -1.0f);
    EXPECT_BEVEL_OK(bevel_lift_splat_forward(&p, nullptr));
    EXPECT_TRUE(std::equal(kept_.begin(), kept_.end(), call_->out.data()));
  }

  /// The call must be refused with a message that holds the text; the outputs must stay as they were.
  void expect_refused(const bevel_lift_splat_forward_params& p, const char* text) {
    const std::vector<float> before(call_->out.data(), call_->out.data() + call_->out.size());
    EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_lift_splat_forward(&p, nullptr)) << text;
    EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text)) << bevel_last_error();
    EXPECT_EQ(0, std::memcmp(before.data(), call_->out.data(), before.size() * 4));
  }
  void expect_refused(const bevel_lift_splat_backward_params& p, const char* text) {
    std::memset(call_->grad_depth.data(), 0x7f, static_cast<size_t>(call_->grad_depth.size()) * 4);
    EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_lift_splat_backward(&p, nullptr)) << text;
    EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text)) << bevel_last_error();
    for (int64_t i = 0; i < call_->grad_depth.size() * 4; ++i) {
      ASSERT_EQ(0x7f, reinterpret_cast<const char*>(call_->grad_depth.data())[i]) << text;
    }
  }

  PlanCase plan_;
  std::unique_ptr<Call<float>> call_;
  std::unique_ptr<Tensor<uint8_t>> workspace_;
  bevel_lift_splat_forward_params forward_ = {};
  bevel_lift_splat_backward_params backward_ = {};
  std::vector<float> kept_;
};

TEST_F(TensorArguments, ByteOffsetAndWrittenOutStridesAreFollowed) {
  Tensor<float> shifted({call_->depth.size() + 3});
  std::copy_n(call_->depth.data(), call_->depth.size(), shifted.data() + 3);
  DLTensor view = *call_->depth.view();
  view.data = shifted.data();
  view.byte_offset = 12;
  int64_t strides[] = {12 * 16 * 9 * 2, 12 * 16 * 9, 16 * 9, 9, 1};
  view.strides = strides;
  bevel_lift_splat_forward_params p = forward_;
  p.depth = &view;
  expect_same_result(p);
  strides[0] = -7;  // of a dimension with one element: means nothing
  expect_same_result(p);
  strides[1] = -12 * 16 * 9;
  expect_refused(p, "depth must have no negative stride, got -1728");
  strides[1] = INT64_MAX;
  view.byte_offset = 0;
  expect_refused(p, "depth must lie within memory");
}

TEST_F(TensorArguments, DescriptorsWithoutMeaningAreRefused) {
  bevel_lift_splat_forward_params p = forward_;
  auto refused = [&](auto change, const char* text) {
    DLTensor view = *call_->depth.view();
    change(view);
    p.depth = &view;
    expect_refused(p, text);
  };
  refused([](DLTensor& t) { t.ndim = -1; }, "depth must have 0 to 8 dimensions, got -1");
  refused([](DLTensor& t) { t.ndim = 9; }, "depth must have 0 to 8 dimensions, got 9");
  refused([](DLTensor& t) { t.ndim = 0; }, "depth must have 5 dimensions, got []");
  refused([](DLTensor& t) { t.shape = nullptr; }, "depth must have a shape, got a null pointer");
  refused([](DLTensor& t) { t.data = nullptr; }, "depth must have data, got a null pointer");
  refused([](DLTensor& t) { t.dtype.lanes = 4; }, "depth must be float32 or float64, got float32x4");
  refused([](DLTensor& t) { t.dtype = {kDLComplex, 64, 1}; }, "depth must be float32 or float64, got");
  refused([](DLTensor& t) { t.dtype = {200, 0, 0}; }, "depth must be float32 or float64, got");
  refused([](DLTensor& t) { t.device = {kDLROCM, 0}; }, "depth must be on the CPU like the rest, got device");
  int64_t negative[] = {1, 2, -12, 16, 9};
  refused([&](DLTensor& t) { t.shape = negative; }, "no negative extent, got [1, 2, -12, 16, 9]");
  int64_t huge[] = {INT64_MAX, 2, 12, 16, 9};
  refused([&](DLTensor& t) { t.shape = huge; }, "depth has more than 2^63 - 1 elements");
}

TEST_F(TensorArguments, OtherDevicesAreRefusedBeforeAnythingIsOpened) {
  DLTensor plan = *plan_.plan().view();
  plan.device = {kDLROCM, 0};
  bevel_lift_splat_forward_params p = forward_;
  p.plan = &plan;
  expect_refused(p, "plan must be on the CPU, in pinned memory or on CUDA");
  bevel_lift_splat_plan_info info = {sizeof info, 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_lift_splat_plan_read_info(&plan, &info, nullptr));
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_lift_splat_plan_read_info(&plan, nullptr, nullptr));
  EXPECT_STREQ("lift_splat_plan_read_info: info must be given, got NULL", bevel_last_error());
}

TEST_F(TensorArguments, PinnedMemoryIsMemory) {
  DLTensor depth = *call_->depth.view();
  depth.device = {kDLCUDAHost, 1};
  bevel_lift_splat_forward_params p = forward_;
  p.depth = &depth;
  expect_same_result(p);
}

/// Empty tensors need no data, and their other extents may be anything that can be counted.
TEST_F(TensorArguments, EmptyTensorsMayHaveNoData) {
  PlanCase plan({0, 6, 5, 4, 6, 8, 8, 8, 1}, {});
  plan.build();
  Call<float> call(plan, {}, 1);
  bevel_lift_splat_forward_params p = call.forward_params();
  int64_t bytes = -1;
  ASSERT_BEVEL_OK(bevel_lift_splat_forward_workspace(&p, &bytes));
  Tensor<uint8_t> workspace({bytes});
  p.workspace = workspace.view();
  DLTensor depth = *call.depth.view(), context = *call.context.view(), out = *call.out.view();
  depth.data = context.data = out.data = nullptr;
  p.depth = &depth;
  p.context = &context;
  p.out = &out;
  EXPECT_BEVEL_OK(bevel_lift_splat_forward(&p, nullptr));
  int64_t many_cameras[] = {0, INT64_MAX / 2, 5, 4, 6};
  depth.shape = many_cameras;
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_lift_splat_forward(&p, nullptr));
  int64_t many_cells[] = {0, INT64_MAX / 2, 8, 1 << 30, 1};
  depth.shape = call.depth.view()->shape;
  out.shape = many_cells;
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_lift_splat_forward(&p, nullptr));
  EXPECT_NE(nullptr,
            std::strstr(bevel_last_error(), "out has more than 2^63 - 1 elements (extents of 0 aside)"))
      << bevel_last_error();
}

TEST_F(TensorArguments, OutputsThatShareMemoryAreRefused) {
  bevel_lift_splat_forward_params p = forward_;
  p.probabilities = const_cast<DLTensor*>(p.depth);
  expect_refused(p, "probabilities is written, so it must not share memory with depth");
  Tensor<float> large({1, 1, 8, 20, 24});
  p = forward_;
  DLTensor part = *call_->prior_weight.view(), prior = *call_->prior.view();
  prior.data = call_->out.data();  // out has 3840 elements, prior 3456
  p.prior = &prior;
  p.prior_weight = &part;
  expect_refused(p, "out is written, so it must not share memory with prior");
  p = forward_;
  DLTensor workspace = *workspace_->view();
  workspace.data = call_->depth.data();
  p.workspace = &workspace;
  if (workspace_->size() <= call_->depth.size() * 4) {
    expect_refused(p, "workspace is written, so it must not share memory with depth");
  }

  bevel_lift_splat_backward_params b = backward_;
  b.grad_context = const_cast<DLTensor*>(b.context);
  expect_refused(b, "grad_context is written, so it must not share memory with context");
  b = backward_;
  int64_t strides[] = {0, 0, 144, 9, 1};
  DLTensor expanded = *call_->grad_depth.view();
  expanded.strides = strides;
  b.grad_depth = &expanded;
  expect_refused(b, "grad_depth is written, so its strides must keep its elements apart in memory");
  strides[1] = 12 * 144 - 1;
  expect_refused(b, "grad_depth is written, so its strides must keep its elements apart in memory");
}

TEST_F(TensorArguments, BackwardRefusesWhatForwardDoes) {
  bevel_lift_splat_backward_params p = backward_;
  p.probabilities = nullptr;
  expect_refused(p, "probabilities must be given, got NULL");
  p = backward_;
  Tensor<float> small({1, 2, 8, 16, 8});
  p.grad_context = small.view();
  expect_refused(p, "grad_context must be [1, 2, 8, 16, 9] like context, got [1, 2, 8, 16, 8]");
  p = backward_;
  Tensor<Float16> half({1, 2, 8, 16, 9});
  p.grad_context = half.view();
  expect_refused(p, "grad_context must have the dtype of context");
  p = backward_;
  p.reserved = 1;
  expect_refused(p, "reserved must be 0, got 1");
  p = backward_;
  p.struct_size = 0;
  expect_refused(p, "params.struct_size must be at least");
  p = backward_;
  DLTensor odd = *call_->grad_depth.view();
  odd.byte_offset = 1;
  p.grad_depth = &odd;
  expect_refused(p, "grad_depth must be aligned to its elements of 4 bytes");
}

/// A caller built against a later header has a larger struct: what it adds is passed over.
TEST_F(TensorArguments, LargerStructsAreAccepted) {
  struct Later {
    bevel_lift_splat_forward_params now;
    int64_t later[4];
  } p = {forward_, {1, 2, 3, 4}};
  p.now.struct_size = sizeof p;
  expect_same_result(p.now);
}

TEST_F(TensorArguments, AGeometryWithoutItsSizeIsNamed) {
  bevel_lift_splat_plan_params p = plan_.params();
  p.geometry.struct_size = 0;
  int64_t elements = -1, bytes = -1;
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_lift_splat_plan_size(&p, kDLCPU, &elements, &bytes));
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), "geometry.struct_size must be at least"));
  p = plan_.params();
  p.workspace = p.plan;
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_lift_splat_plan_build(&p, nullptr));
  p.geometry.grid.reserved = 5;
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_lift_splat_plan_size(&p, kDLCPU, &elements, &bytes));
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), "grid.reserved must be 0, got 5"));
}

TEST_F(TensorArguments, TheMessageBelongsToItsThread) {
  bevel_lift_splat_forward_params p = forward_;
  p.depth_kind = 9;
  expect_refused(p, "depth_kind must be 0 or 1, got 9");
  std::string other = "unset";
  std::thread([&] { other = bevel_last_error(); }).join();
  EXPECT_EQ("", other);
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), "got 9"));
}

TEST(BevPoolTensors, OutputsAndIntervalsAreChecked) {
  Problem<float, float, float> problem({50, 60, 20, 10, 10, true}, 3);
  auto refused = [](bevel_status status, const char* text) {
    EXPECT_EQ(BEVEL_INVALID_ARGUMENT, status) << text;
    EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text)) << bevel_last_error();
  };
  bevel_bev_pool_forward_params f = problem.forward_params();
  DLTensor out = *problem.out.view();
  out.data = problem.feature.data();
  f.out = &out;
  refused(bevel_bev_pool_forward(&f, nullptr), "out is written, so it must not share memory with feature");
  out.device = {kDLVulkan, 0};
  refused(bevel_bev_pool_forward(&f, nullptr), "out must be on the CPU like the rest, got device type 7");

  bevel_bev_pool_backward_params b = problem.backward_params();
  int64_t bytes = 0;
  ASSERT_BEVEL_OK(bevel_bev_pool_backward_workspace(&b, &bytes));
  Tensor<uint8_t> workspace({bytes});
  b.workspace = workspace.view();
  b.grad_depth = const_cast<DLTensor*>(b.depth);
  refused(bevel_bev_pool_backward(&b, nullptr),
          "grad_depth is written, so it must not share memory with depth");
  b.grad_depth = nullptr;
  b.grad_feature = nullptr;
  b.feature = nullptr;
  refused(bevel_bev_pool_backward(&b, nullptr), "no gradient is asked for");

  int64_t longest = 0;
  for (int64_t i = 0; i < problem.lengths->size(); ++i) {
    if ((*problem.lengths)[i] > (*problem.lengths)[longest]) longest = i;
  }
  ASSERT_GT((*problem.lengths)[longest], 1);
  int32_t& cell = problem.ranks_bev[(*problem.starts)[longest] + 1];
  cell = (cell + 1) % 10;
  f = problem.forward_params();
  refused(bevel_bev_pool_forward(&f, nullptr),
          ("one cell throughout interval " + std::to_string(longest)).c_str());
}

TEST(Settings, NonsenseIsRefusedAndChangesNothing) {
  const int32_t threads = bevel_get_num_threads();
  EXPECT_GE(threads, 1);
  for (int32_t count : {0, -1, INT32_MIN, 4097, INT32_MAX}) {
    EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_set_num_threads(count));
    EXPECT_EQ(threads, bevel_get_num_threads());
  }
  const bevel_instruction_set isa = bevel_get_instruction_set();
  for (int value : {-1, 3, INT32_MAX}) {
    EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_set_instruction_set(static_cast<bevel_instruction_set>(value)));
    EXPECT_EQ(isa, bevel_get_instruction_set());
  }
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_get_capabilities(nullptr));
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
