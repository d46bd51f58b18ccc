// bev_pool on the CPU against plain loops in double: ranks and features, forward and backward, and the
// arguments it must refuse.
#include <cstdio>

#include "bev_pool_case.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20260102;

const PoolSizes kSizes[] = {
    {500, 700, 60, 40, 64, true}, {500, 700, 60, 40, 33, false}, {1, 1, 1, 1, 1, true},
    {0, 3, 2, 5, 16, true},       {900, 900, 7, 1, 150, true},   {64, 64, 5, 200, 80, false},
};

class BevPool : public ::testing::TestWithParam<PoolSizes> {};
INSTANTIATE_TEST_SUITE_P(Sizes, BevPool, ::testing::ValuesIn(kSizes), [](const auto& info) {
  return "points" + std::to_string(info.param.points) + "channels" + std::to_string(info.param.channels);
});

TEST_P(BevPool, MatchesPlainLoops) {
  const bevel_instruction_set best = bevel_get_instruction_set();
  for (int isa = BEVEL_ISA_PORTABLE; isa <= best; ++isa) {
    ASSERT_BEVEL_OK(bevel_set_instruction_set(static_cast<bevel_instruction_set>(isa)));
    Problem<float, float, float>(GetParam(), kSeed).check(1e-5);
    Problem<double, double, double>(GetParam(), kSeed).check(1e-13);
    Problem<float, Bfloat16, Bfloat16>(GetParam(), kSeed).check(1.1 / 256);
    Problem<float, Float16, float>(GetParam(), kSeed).check(1.1 / 2048);
  }
  ASSERT_BEVEL_OK(bevel_set_instruction_set(best));
}

/// The call must be refused with a message that holds the text, and out must stay as it was.
void expect_refused(Problem<float, float, float>& problem, const bevel_bev_pool_forward_params& p,
                    const char* text) {
  std::memset(problem.out.data(), 0x7f, static_cast<size_t>(problem.out.size()) * 4);
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_bev_pool_forward(&p, nullptr)) << text;
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text)) << bevel_last_error();
  for (int64_t i = 0; i < problem.out.size() * 4; ++i) {
    ASSERT_EQ(0x7f, reinterpret_cast<const char*>(problem.out.data())[i]);
  }
}

TEST(BevPoolArguments, AreRefusedWithTheReason) {
  const PoolSizes sizes = {50, 60, 20, 10, 8, true};
  Problem<float, float, float> problem(sizes, kSeed);
  const bevel_bev_pool_forward_params good = problem.forward_params();
  ASSERT_BEVEL_OK(bevel_bev_pool_forward(&good, nullptr));

  auto with_value = [&](Tensor<int32_t>& tensor, int64_t index, int32_t value, const char* text) {
    const int32_t kept = tensor[index];
    tensor[index] = value;
    expect_refused(problem, good, text);
    tensor[index] = kept;
  };
  with_value(problem.ranks_feature, 7, 20, "ranks of point 7");
  with_value(problem.ranks_depth, 9, -1, "ranks of point 9");
  with_value(problem.ranks_bev, 0, 10, "ranks of point 0");
  with_value(*problem.lengths, 1, 100, "interval 1 must lie within the 50 points");
  with_value(*problem.starts, 0, -3, "interval 0");
  with_value(*problem.lengths, 0, INT32_MAX, "interval 0");

  bevel_bev_pool_forward_params p = good;
  p.ranks_depth = nullptr;
  expect_refused(problem, p, "depth and ranks_depth must be given together");
  Tensor<float> narrow_out({10, 7});
  p = good;
  p.out = narrow_out.view();
  expect_refused(problem, p, "out must have 8 channels last to match feature, got [10, 7]");
  Tensor<double> wrong_type({20, 8});
  p = good;
  p.feature = wrong_type.view();
  expect_refused(problem, p, "must be float64");
}

/// Points that were not sorted by cell: what one interval wrote, the next one with its cell wrote over.
TEST(BevPoolIntervals, TwoOfOneCellAreRefused) {
  Tensor<float> feature({3, 1}), out({2, 1});
  Tensor<int32_t> ranks_feature({3}), ranks_bev({3}), starts({3}), lengths({3});
  const int32_t cells[] = {1, 0, 1};
  for (int32_t i = 0; i < 3; ++i) {
    feature[i] = 5;
    ranks_feature[i] = starts[i] = i;
    ranks_bev[i] = cells[i];
    lengths[i] = 1;
    out[i % 2] = -1;
  }
  bevel_bev_pool_forward_params p = {};
  p.struct_size = sizeof p;
  p.feature = feature.view();
  p.ranks_feature = ranks_feature.view();
  p.ranks_bev = ranks_bev.view();
  p.interval_starts = starts.view();
  p.interval_lengths = lengths.view();
  p.out = out.view();
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_bev_pool_forward(&p, nullptr));
  EXPECT_STREQ(
      "bev_pool_forward: ranks_bev must be sorted so that a cell has one interval, got a second one, "
      "interval 2, "
      "for cell 1",
      bevel_last_error());
  EXPECT_EQ(-1, out[0]);
  lengths[2] = 0;  // an empty interval has no cell
  EXPECT_BEVEL_OK(bevel_bev_pool_forward(&p, nullptr));
  EXPECT_EQ(5, out[0]);
  EXPECT_EQ(5, out[1]);
  starts[2] = 0;
  lengths[2] = 1;  // a point in two intervals
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_bev_pool_forward(&p, nullptr));
}

/// Two points with one element of depth have one gradient to write: either's, by thread.
TEST(BevPoolIntervals, ADepthOfTwoPointsIsRefusedBackward) {
  Problem<float, float, float> problem({50, 60, 20, 10, 10, true}, 3);
  bevel_bev_pool_backward_params b = problem.backward_params();
  int64_t bytes = 0;
  ASSERT_BEVEL_OK(bevel_bev_pool_backward_workspace(&b, &bytes));
  Tensor<uint8_t> workspace({bytes});
  b.workspace = workspace.view();
  ASSERT_BEVEL_OK(bevel_bev_pool_backward(&b, nullptr));
  int32_t* ranks = static_cast<int32_t*>(b.ranks_depth->data);
  const int32_t first = static_cast<const int32_t*>(b.interval_starts->data)[0];
  const int32_t last = static_cast<const int32_t*>(b.interval_starts->data)[1];
  ranks[last] = ranks[first];
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_bev_pool_backward(&b, nullptr));
  EXPECT_NE(nullptr,
            std::strstr(bevel_last_error(), "ranks_depth must name each element of depth once at most"))
      << bevel_last_error();
  b.grad_depth = nullptr;
  EXPECT_BEVEL_OK(bevel_bev_pool_backward(&b, nullptr));
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::testing::kSeed));
  return RUN_ALL_TESTS();
}
