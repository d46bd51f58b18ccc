// deform_attn on the CPU against plain loops in double: both forms, forward and backward, hostile values, and
// the arguments it must refuse.
#include <cstdio>

#include "deform_attn_case.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20261121;

std::vector<AttentionSizes> all_sizes() {
  std::vector<AttentionSizes> all = {
      msda(2, 37, 8, 32, 4, kOne),
      msda(1, 11, 3, 10, 8, kFour),
      msda(1, 1, 1, 1, 1, {{1, 1, 0}}),
      msda(2, 5, 2, 150, 20, kOne),
      msda(0, 5, 2, 4, 2, kOne),
      msda(2, 0, 2, 4, 2, kOne),
      fused(msda(2, 13, 8, 32, 8, kFour), 6, 4, false, false, true, true),  // spatial cross-attention
      fused(msda(2, 13, 4, 16, 4, kOne), 2, 1, true, false, true, false),   // temporal self-attention
      fused(msda(1, 13, 4, 16, 4, kFour), 1, 4, true, true, true, true),    // boxes
      fused(msda(2, 9, 2, 20, 3, kFour), 2, 4, true, false, false, true),   // two values, shared sampling
      fused(msda(1, 7, 2, 5, 5, kOne), 3, 2, false, true, false, false),
  };
  // A level that does not begin where the last one ends, and rows that nobody names.
  all.push_back(msda(1, 9, 2, 8, 2, {{3, 4, 5}, {2, 2, 17}}));
  all.back().padding_rows = 8;
  return all;
}

class DeformAttn : public ::testing::TestWithParam<int> {
 protected:
  AttentionSizes sizes() const { return all_sizes()[static_cast<size_t>(GetParam())]; }
};
INSTANTIATE_TEST_SUITE_P(Sizes, DeformAttn, ::testing::Range(0, static_cast<int>(all_sizes().size())));

TEST_P(DeformAttn, MatchesPlainLoops) {
  for_each_instruction_set([&] {
    AttentionCase<float, float>(sizes(), kSeed).check(2e-5, 1e-5);
    AttentionCase<double, double>(sizes(), kSeed).check(1e-12, 1e-12);
    AttentionCase<float, Bfloat16>(sizes(), kSeed).check(2e-5, 1.1 / 256);
    AttentionCase<float, Float16>(sizes(), kSeed).check(2e-5, 1.1 / 2048);
  });
}

/// The number of threads decides which heads one thread works on together.
TEST_P(DeformAttn, MatchesPlainLoopsOnOneThread) {
  const int32_t threads = bevel_get_num_threads();
  ASSERT_BEVEL_OK(bevel_set_num_threads(1));
  for_each_instruction_set([&] { AttentionCase<float, float>(sizes(), kSeed).check(2e-5, 1e-5); });
  ASSERT_BEVEL_OK(bevel_set_num_threads(threads));
}

/// So many queries on so large a map that they are put in order, and so large an output that it is written
/// past the caches.
TEST(DeformAttnLarge, MatchesPlainLoops) {
  const std::vector<AttentionLevel> levels = {{20, 34, 0}, {40, 60, 680}};
  AttentionCase<float, float>(msda(1, 8400, 8, 32, 2, levels), kSeed).check(2e-5, 1e-5);
  AttentionCase<float, float> cameras(fused(msda(2, 700, 8, 32, 4, levels), 3, 4, false, false, true, true),
                                      kSeed);
  cameras.use_visible = true;
  cameras.check(2e-5, 1e-5);
  AttentionCase<float, Bfloat16> separate(
      fused(msda(1, 700, 8, 64, 2, levels), 2, 2, true, true, false, false), kSeed);
  separate.check(2e-5, 1.1 / 256);
}

TEST_P(DeformAttn, QueriesThatSeeSomeMaps) {
  if (sizes().references == 0) return;  // the field's form has one map
  for_each_instruction_set([&] {
    AttentionCase<double, double> problem(sizes(), kSeed);
    problem.use_visible = true;
    problem.check(1e-12, 1e-12);
  });
}

TEST_P(DeformAttn, SameBitsForAnyNumberOfThreads) {
  const int32_t threads = bevel_get_num_threads();
  AttentionCase<float, float> one(sizes(), kSeed), many(sizes(), kSeed);
  ASSERT_BEVEL_OK(bevel_set_num_threads(1));
  one.run_forward();
  one.run_backward();
  ASSERT_BEVEL_OK(bevel_set_num_threads(5));
  many.run_forward();
  many.run_backward();
  ASSERT_BEVEL_OK(bevel_set_num_threads(threads));
  auto same = [](const Tensor<float>& a, const Tensor<float>& b) {
    return std::memcmp(a.data(), b.data(), static_cast<size_t>(a.size()) * sizeof(float)) == 0;
  };
  EXPECT_TRUE(same(one.out, many.out));
  EXPECT_TRUE(same(one.grad_value, many.grad_value));
  EXPECT_TRUE(same(one.grad_locations, many.grad_locations));
  EXPECT_TRUE(same(one.grad_weights, many.grad_weights));
  EXPECT_TRUE(same(one.grad_reference, many.grad_reference));
}

TEST(DeformAttnHostile, CoordinatesThatAreNoNumbersGiveZero) {
  const float nan = NAN, inf = INFINITY;
  for_each_instruction_set([&] {
    AttentionCase<float, float> problem(msda(1, 6, 1, 4, 1, kOne), kSeed);
    const float bad[6][2] = {{nan, 0.5f},  {0.5f, nan},   {inf, 0.5f},
                             {0.5f, -inf}, {1e30f, 0.5f}, {0.5f, -3e38f}};
    std::memcpy(problem.locations.data(), bad, sizeof bad);
    problem.run_forward();
    problem.run_backward();
    for (int64_t i = 0; i < problem.out.size(); ++i) EXPECT_EQ(0.0f, problem.out[i]) << i;
    for (int64_t i = 0; i < problem.grad_value.size(); ++i) EXPECT_EQ(0.0f, problem.grad_value[i]) << i;
    for (int64_t i = 0; i < problem.grad_locations.size(); ++i)
      EXPECT_EQ(0.0f, problem.grad_locations[i]) << i;
    for (int64_t i = 0; i < problem.grad_weights.size(); ++i) EXPECT_EQ(0.0f, problem.grad_weights[i]) << i;
  });
}

TEST(DeformAttnHostile, ValuesOutsideTheSamplesDoNotMatter) {
  for_each_instruction_set([&] {
    // One sample at the map's corner; every value but its one neighbour is NaN.
    AttentionCase<float, float> problem(msda(1, 1, 1, 4, 1, kOne), kSeed);
    for (int64_t i = 0; i < problem.value.size(); ++i) problem.value[i] = NAN;
    for (int c = 0; c < 4; ++c) problem.value[c] = static_cast<float>(c + 1);
    problem.locations[0] = 0.25f / 7;  // x = −0.25
    problem.locations[1] = 0.25f / 5;
    problem.weights[0] = 1;
    problem.run_forward();
    for (int c = 0; c < 4; ++c) EXPECT_NEAR(0.75 * 0.75 * (c + 1), problem.out[c], 1e-6);
  });
}

void expect_refused(AttentionCase<float, float>& problem, const bevel_deform_attn_forward_params& p,
                    const char* text) {
  std::memset(problem.out.data(), 0x7f, static_cast<size_t>(problem.out.size()) * 4);
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_deform_attn_forward(&p, nullptr)) << text;
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text)) << bevel_last_error();
  for (int64_t i = 0; i < problem.out.size() * 4; ++i) {
    ASSERT_EQ(0x7f, reinterpret_cast<const char*>(problem.out.data())[i]);
  }
}

TEST(DeformAttnArguments, AreRefusedWithTheReason) {
  AttentionCase<float, float> problem(fused(msda(1, 3, 2, 4, 2, kFour), 2, 2, false, false, true, true),
                                      kSeed);
  const bevel_deform_attn_forward_params good = problem.fused_forward();
  ASSERT_BEVEL_OK(bevel_deform_attn_forward(&good, nullptr));
  bevel_deform_attn_forward_params p = good;
  p.levels.levels = 9;
  expect_refused(problem, p, "levels must be 1 to 8, got 9");
  p = good;
  p.levels.width[0] = 1000;
  expect_refused(problem, p, "level 0 (9 × 1000 from row 0) must lie within the 165 rows of value");
  p = good;
  p.levels.start[1] = -1;
  expect_refused(problem, p, "level 1");
  p = good;
  p.levels.start[1] = INT64_MAX;
  expect_refused(problem, p, "level 1");
  p = good;
  p.levels.levels = 3;
  expect_refused(problem, p, "offsets must be [1, 1, 3, 2, 3, any, 2] to match value and levels");
  p = good;
  p.reference_kind = 5;
  expect_refused(problem, p, "reference_kind must be 0 or 1, got 5");
  p = good;
  p.reference_kind = BEVEL_REFERENCE_OF_LEVEL;
  expect_refused(problem, p, "reference must be [1, 2, 3, 4, 2]");
  p = good;
  p.combination = BEVEL_MAPS_SEPARATE;
  expect_refused(problem, p, "out must be [1, 2, 3, 8]");
  Tensor<double> wrong_type({1, 1, 3, 2, 4, 2});
  p = good;
  p.logits = wrong_type.view();
  expect_refused(problem, p, "logits");
  p = good;
  p.out = problem.value.view();
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_deform_attn_forward(&p, nullptr));
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::testing::kSeed));
  return RUN_ALL_TESTS();
}
