// bev_pool's CUDA bodies through the C ABI against plain loops in double, the same bits in every order of
// threads. Runs on the emulation, and on the hardware in the GPU suite.
#include <cstdio>

#include "bev_pool_case.hpp"
#include "device_tensor.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20260302;

/// A problem's inputs on the device; outputs come back to the problem's tensors.
template <class Feature, class Out>
class DeviceProblem {
 public:
  using HostProblem = Problem<float, Feature, Out>;

  explicit DeviceProblem(HostProblem& host)
      : host_(host),
        depth_(host.depth),
        feature_(host.feature),
        grad_out_(host.grad_out),
        ranks_depth_(host.ranks_depth),
        ranks_feature_(host.ranks_feature),
        ranks_bev_(host.ranks_bev),
        starts_(*host.starts),
        lengths_(*host.lengths),
        grad_depth_(host.grad_depth.shape()),
        grad_feature_(host.grad_feature.shape()),
        out_(host.out.shape()) {}

  void run() {
    expect_same_bits_in_all_orders([this] { forward(); }, out_);
    out_.download(host_.out);
    if (host_.s.weighted) {
      expect_same_bits_in_all_orders([this] { backward(); }, grad_feature_, grad_depth_);
      grad_depth_.download(host_.grad_depth);
    } else {
      expect_same_bits_in_all_orders([this] { backward(); }, grad_feature_);
    }
    grad_feature_.download(host_.grad_feature);
  }

 private:
  void forward() {
    bevel_bev_pool_forward_params p = host_.forward_params();
    p.feature = feature_.view();
    p.ranks_feature = ranks_feature_.view();
    p.ranks_bev = ranks_bev_.view();
    p.interval_starts = starts_.view();
    p.interval_lengths = lengths_.view();
    p.out = out_.view();
    if (host_.s.weighted) {
      p.depth = depth_.view();
      p.ranks_depth = ranks_depth_.view();
    }
    ASSERT_BEVEL_OK(bevel_bev_pool_forward(&p, nullptr));
  }

  void backward() {
    bevel_bev_pool_backward_params p = host_.backward_params();
    p.grad_out = grad_out_.view();
    p.feature = feature_.view();
    p.ranks_feature = ranks_feature_.view();
    p.ranks_bev = ranks_bev_.view();
    p.interval_starts = starts_.view();
    p.interval_lengths = lengths_.view();
    p.grad_feature = grad_feature_.view();
    if (host_.s.weighted) {
      p.depth = depth_.view();
      p.ranks_depth = ranks_depth_.view();
      p.grad_depth = grad_depth_.view();
    }
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_bev_pool_backward_workspace(&p, &bytes));
    DeviceTensor<uint8_t> workspace({bytes});
    p.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_bev_pool_backward(&p, nullptr));
  }

  HostProblem& host_;
  DeviceTensor<float> depth_;
  DeviceTensor<Feature> feature_;
  DeviceTensor<Out> grad_out_;
  DeviceTensor<int32_t> ranks_depth_, ranks_feature_, ranks_bev_, starts_, lengths_;
  DeviceTensor<float> grad_depth_;
  DeviceTensor<Feature> grad_feature_;
  DeviceTensor<Out> out_;
};

template <class Feature, class Out>
void expect_close(const PoolSizes& sizes, double tolerance) {
  Problem<float, Feature, Out> problem(sizes, kSeed);
  DeviceProblem<Feature, Out>(problem).run();
  problem.compare(tolerance);
}

const PoolSizes kSizes[] = {
    {300, 400, 60, 40, 64, true},   {300, 400, 60, 40, 33, false}, {1, 1, 1, 1, 1, true},
    {0, 3, 2, 5, 16, true},         {900, 900, 7, 1, 20, true},    {64, 64, 5, 200, 80, false},
    {700, 700, 300, 3, 1100, true}, {900, 900, 7, 4, 24, true},  // three long intervals for one block
};

class BevPoolCuda : public ::testing::TestWithParam<PoolSizes> {};
INSTANTIATE_TEST_SUITE_P(Sizes, BevPoolCuda, ::testing::ValuesIn(kSizes), [](const auto& info) {
  return "points" + std::to_string(info.param.points) + "channels" + std::to_string(info.param.channels);
});

TEST_P(BevPoolCuda, Float32MatchesPlainLoops) { expect_close<float, float>(GetParam(), 1e-5); }
TEST_P(BevPoolCuda, Bfloat16MatchesPlainLoops) { expect_close<Bfloat16, Bfloat16>(GetParam(), 1.1 / 256); }
TEST_P(BevPoolCuda, Float16ToFloat32MatchesPlainLoops) {
  expect_close<Float16, float>(GetParam(), 1.1 / 2048);
}

// The host must not wait for the device to look at the ranks, so bad ones are left out.
TEST(BevPoolCudaRanks, OutOfBoundsAreSkipped) {
  Problem<float, float, float> problem({200, 300, 40, 30, 12, true}, kSeed);
  Problem<float, float, float> without({200, 300, 40, 30, 12, true}, kSeed);
  const int32_t bad_feature[] = {-1, 1 << 30, INT32_MIN, INT32_MAX, 40};
  const int32_t bad_depth[] = {-1, 1 << 30, INT32_MIN, INT32_MAX, 300};
  for (int i = 0; i < 5; ++i) {
    problem.ranks_feature[10 + 7 * i] = bad_feature[i];
    problem.ranks_depth[60 + 7 * i] = bad_depth[i];
    for (int64_t point : {10 + 7 * i, 60 + 7 * i}) without.depth[without.ranks_depth[point]] = 0;
  }
  (*problem.starts)[0] = -5;
  (*problem.starts)[1] = 1 << 30;
  (*problem.lengths)[2] = -1;
  for (int64_t k = 0; k < 3; ++k) (*without.lengths)[k] = 0;
  // A length that runs over the end of the points is cut there.
  int64_t tail = 3;
  for (int64_t k = 4; k < problem.starts->size(); ++k) {
    if ((*problem.starts)[k] + (*problem.lengths)[k] == 200) tail = k;
  }
  if (tail == 3) {
    (*problem.starts)[3] = (*without.starts)[3] = 199;
    (*without.lengths)[3] = 1;
  }
  (*problem.lengths)[tail] = INT32_MAX;
  DeviceProblem<float, float> device(problem);
  device.run();
  const auto expected = without.expected();
  EXPECT_LE(relative_error(problem.values(problem.out), expected.out), 1e-5);
  EXPECT_LE(relative_error(problem.values(problem.grad_feature), expected.grad_feature), 1e-5);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(0.0f, problem.grad_depth[without.ranks_depth[60 + 7 * i]]);
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::testing::kSeed));
  if (bevel_set_cuda_library(BEVEL_TEST_CUDA_LIBRARY) != BEVEL_OK) {
    std::fprintf(stderr, "%s\n", bevel_last_error());
    return 2;
  }
  return RUN_ALL_TESTS();
}
