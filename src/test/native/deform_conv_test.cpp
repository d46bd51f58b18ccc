// deform_conv on the CPU against plain loops in double: forward and every gradient, plain and shifted
// convolutions, hostile values, and the arguments it must refuse.
#include <cstdio>

#include "deform_conv_case.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20261122;

// Fields: batch, channels, height, width, outputs, kernel (h, w), stride, padding, dilation, groups,
// deform_groups, masked, biased.
const ConvSizes kSizes[] = {
    {2, 16, 7, 9, 24, 3, 3},
    {1, 12, 6, 5, 8, 3, 3, {1, 1}, {1, 1}, {1, 1}, 4, 1, false, false},
    {2, 12, 8, 8, 9, 3, 3, {2, 1}, {1, 2}, {1, 2}, 3, 2, true, true},
    {1, 300, 5, 6, 34, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1, 1, true, false},
    {1, 7, 11, 13, 5, 7, 7, {2, 2}, {3, 3}, {1, 1}, 1, 7, true, true},
    {2, 6, 9, 4, 6, 5, 2, {1, 3}, {4, 0}, {2, 1}, 6, 3, false, true},
    {1, 1, 1, 1, 1, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1, 1, true, true},
    {1, 3, 1, 1, 2, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1, 1, true, true},
    {0, 8, 4, 4, 8, 3, 3},
    {1, 64, 12, 20, 320, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1, 2, true, true},
    {1, 64, 12, 20, 64, 3, 3, {1, 1}, {2, 2}, {2, 2}, 2, 4, true, true},
};

class DeformConv : public ::testing::TestWithParam<int> {
 protected:
  const ConvSizes& sizes() const { return kSizes[GetParam()]; }
};
INSTANTIATE_TEST_SUITE_P(Sizes, DeformConv, ::testing::Range(0, static_cast<int>(std::size(kSizes))));

TEST_P(DeformConv, MatchesPlainLoops) {
  for_each_instruction_set([&] {
    ConvCase<float, float>(sizes(), kSeed).check({1e-5, 1e-5, 1e-5, 1e-5});
    ConvCase<double, double>(sizes(), kSeed).check({1e-12, 1e-12, 1e-12, 1e-12});
    const double bfloat16 = 1.1 / 256, float16 = 1.1 / 2048;
    ConvCase<float, Bfloat16>(sizes(), kSeed).check({1e-5, bfloat16, bfloat16, bfloat16});
    ConvCase<float, Float16>(sizes(), kSeed).check({1e-5, float16, float16, float16});
    ConvCase<float, Float16, float, Bfloat16>(sizes(), kSeed).check({1e-5, float16, 1e-5, bfloat16});
  });
}

TEST_P(DeformConv, SameBitsForAnyNumberOfThreads) {
  const int32_t threads = bevel_get_num_threads();
  for_each_instruction_set([&] {
    ConvCase<float, float> one(sizes(), kSeed);
    ASSERT_BEVEL_OK(bevel_set_num_threads(1));
    one.run_forward();
    one.run_backward();
    for (int32_t count : {2, 5}) {
      ConvCase<float, float> many(sizes(), kSeed);
      ASSERT_BEVEL_OK(bevel_set_num_threads(count));
      many.run_forward();
      many.run_backward();
      EXPECT_TRUE(same_bits(one.out, many.out));
      EXPECT_TRUE(same_bits(one.grad_input, many.grad_input));
      EXPECT_TRUE(same_bits(one.grad_offset, many.grad_offset));
      EXPECT_TRUE(same_bits(one.grad_mask, many.grad_mask));
      EXPECT_TRUE(same_bits(one.grad_weight, many.grad_weight));
      EXPECT_TRUE(same_bits(one.grad_bias, many.grad_bias));
    }
  });
  ASSERT_BEVEL_OK(bevel_set_num_threads(threads));
}

TEST(DeformConvPlain, ZeroOffsetsAndUnitMaskAreAConvolution) {
  for (const ConvSizes& sizes : kSizes) {
    ConvCase<float, float> problem(sizes, kSeed);
    for (int64_t i = 0; i < problem.offset.size(); ++i) problem.offset[i] = 0;
    for (int64_t i = 0; i < problem.mask.size(); ++i) problem.mask[i] = 1;
    problem.run_forward();
    EXPECT_LE(relative_error(problem.values(problem.out), plain_convolution(sizes, problem.data(), 0, 0)),
              1e-5);
  }
}

TEST(DeformConvPlain, OffsetsByWholePixelsMoveTheInput) {
  for (const ConvSizes& sizes : kSizes) {
    for (const auto& [down, right] : {std::pair{1, 0}, {0, -1}, {-2, 3}, {1000, 0}}) {
      ConvCase<float, float> problem(sizes, kSeed);
      for (int64_t i = 0; i < problem.offset.size(); ++i) {
        problem.offset[i] = static_cast<float>(i / sizes.out_pixels() % 2 ? right : down);
      }
      for (int64_t i = 0; i < problem.mask.size(); ++i) problem.mask[i] = 1;
      problem.run_forward();
      EXPECT_LE(
          relative_error(problem.values(problem.out), plain_convolution(sizes, problem.data(), down, right)),
          1e-5);
    }
  }
}

TEST(DeformConvPrecision, SixteenBitErrorIsAtMostTwiceTheCompositions) {
  const ConvSizes sizes = {1, 32, 8, 9, 16, 3, 3};
  const auto check = [&](auto storage) {
    using Storage = decltype(storage);
    ConvCase<float, Storage> problem(sizes, kSeed);
    problem.run_forward();
    const auto round = [](double value) { return to_double(from_double<Storage>(value)); };
    const std::vector<double> exact = conv_reference(sizes, problem.data(), false).out;
    std::vector<double> composition = conv_reference(sizes, problem.data(), false, round).out;
    for (double& value : composition) value = round(value);
    EXPECT_LE(relative_error(problem.values(problem.out), exact), 2 * relative_error(composition, exact));
  };
  for_each_instruction_set([&] {
    check(Bfloat16{});
    check(Float16{});
  });
}

TEST(DeformConvHostile, SamplesThatDoNotCountGiveZero) {
  const float nan = NAN, inf = INFINITY;
  const float bad[][2] = {{nan, 0}, {0, nan}, {inf, 0}, {0, -inf}, {1e30f, 0}, {0, -3e38f}, {2e9f, -2e9f}};
  for_each_instruction_set([&] {
    for (const auto& offset : bad) {
      ConvCase<float, float> problem({1, 20, 5, 6, 4, 3, 3}, kSeed);
      for (int64_t i = 0; i < problem.offset.size(); ++i) {
        problem.offset[i] = offset[i / problem.s.out_pixels() % 2];
      }
      // Whatever the mask: what is not there cannot be weighed.
      for (int64_t i = 0; i < problem.mask.size(); ++i) problem.mask[i] = i % 3 ? nan : inf;
      problem.run_forward();
      problem.run_backward();
      for (int64_t i = 0; i < problem.out.size(); ++i) {
        EXPECT_EQ(problem.bias[i / problem.s.out_pixels()], problem.out[i]) << i;
      }
      const auto expect_zero = [](const Tensor<float>& tensor) {
        for (int64_t i = 0; i < tensor.size(); ++i) EXPECT_EQ(0.0f, tensor[i]) << i;
      };
      expect_zero(problem.grad_input);
      expect_zero(problem.grad_offset);
      expect_zero(problem.grad_mask);
      expect_zero(problem.grad_weight);
    }
  });
}

TEST(DeformConvHostile, ValuesOutsideTheSamplesDoNotMatter) {
  for_each_instruction_set([&] {
    // One sample beside the map's corner; every value but its one neighbour is NaN.
    ConvCase<float, float> problem({1, 2, 5, 7, 1, 1, 1, {5, 7}, {0, 0}, {1, 1}, 1, 1, false, false}, kSeed);
    for (int64_t i = 0; i < problem.input.size(); ++i) problem.input[i] = NAN;
    problem.input[0] = 1;
    problem.input[35] = 2;
    problem.offset[0] = problem.offset[1] = -0.25f;
    problem.run_forward();
    problem.run_backward();
    const float share = 0.75f * 0.75f;
    EXPECT_NEAR(share * (problem.weight[0] + 2 * problem.weight[1]), problem.out[0], 1e-6);
    EXPECT_NEAR(share * 2 * problem.grad_out[0], problem.grad_weight[1], 1e-6);
    EXPECT_NEAR(0.75f * (problem.weight[0] + 2 * problem.weight[1]) * problem.grad_out[0],
                problem.grad_offset[0], 1e-6);
    for (int64_t i = 0; i < problem.grad_input.size(); ++i) {
      const float expected = i % 35 == 0 ? share * problem.weight[i / 35] * problem.grad_out[0] : 0.0f;
      EXPECT_NEAR(expected, problem.grad_input[i], 1e-6) << i;
    }
  });
}

TEST(DeformConvHostile, NaNsGoWhereTheySample) {
  for_each_instruction_set([&] {
    ConvCase<float, float> problem({1, 3, 4, 4, 2, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1, 1, true, true}, kSeed);
    for (int64_t i = 0; i < problem.offset.size(); ++i) problem.offset[i] = 0;
    problem.mask[5] = NAN;
    problem.run_forward();
    for (int64_t i = 0; i < problem.out.size(); ++i) EXPECT_EQ(i % 16 == 5, std::isnan(problem.out[i])) << i;
  });
}

class DeformConvArguments : public ::testing::Test {
 protected:
  void SetUp() override {
    int64_t bytes = 0;
    p_ = problem_.forward_params();
    ASSERT_BEVEL_OK(bevel_deform_conv_forward_workspace(&p_, &bytes));
    b_ = problem_.backward_params();
    int64_t backward_bytes = 0;
    ASSERT_BEVEL_OK(bevel_deform_conv_backward_workspace(&b_, &backward_bytes));
    workspace_ = std::make_unique<Tensor<uint8_t>>(std::vector<int64_t>{std::max(bytes, backward_bytes)});
    p_.workspace = b_.workspace = workspace_->view();
    ASSERT_BEVEL_OK(bevel_deform_conv_forward(&p_, nullptr));
    ASSERT_BEVEL_OK(bevel_deform_conv_backward(&b_, nullptr));
    std::memset(problem_.out.data(), 0x7f, static_cast<size_t>(problem_.out.size()) * 4);
    std::memset(problem_.grad_input.data(), 0x7f, static_cast<size_t>(problem_.grad_input.size()) * 4);
  }

  template <class Change>
  void expect_refused(Change change, const char* text) {
    bevel_deform_conv_forward_params p = p_;
    change(p);
    EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_deform_conv_forward(&p, nullptr)) << text;
    EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text)) << bevel_last_error();
    expect_untouched(problem_.out);
  }
  template <class Change>
  void expect_backward_refused(Change change, const char* text) {
    bevel_deform_conv_backward_params p = b_;
    change(p);
    EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_deform_conv_backward(&p, nullptr)) << text;
    EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text)) << bevel_last_error();
    expect_untouched(problem_.grad_input);
  }
  static void expect_untouched(const Tensor<float>& tensor) {
    for (int64_t i = 0; i < tensor.size() * 4; ++i) {
      ASSERT_EQ(0x7f, reinterpret_cast<const char*>(tensor.data())[i]);
    }
  }

  using Forward = bevel_deform_conv_forward_params;
  using Backward = bevel_deform_conv_backward_params;
  ConvCase<float, float> problem_{{2, 6, 5, 7, 4, 3, 3, {1, 1}, {1, 1}, {1, 1}, 2, 3, true, true}, kSeed};
  Forward p_;
  Backward b_;
  std::unique_ptr<Tensor<uint8_t>> workspace_;
};

TEST_F(DeformConvArguments, AreRefusedWithTheReason) {
  expect_refused([](Forward& p) { p.workspace = nullptr; }, "workspace");
  expect_refused([](Forward& p) { p.settings.stride[1] = 0; },
                 "settings.stride must be at least 1 both ways, got (1, 0)");
  expect_refused([](Forward& p) { p.settings.padding[0] = -1; },
                 "settings.padding must be at least 0 both ways, got (-1, 1)");
  expect_refused([](Forward& p) { p.settings.dilation[0] = 0; }, "settings.dilation must be at least 1");
  expect_refused([](Forward& p) { p.settings.padding[0] = INT32_MAX; },
                 "sides of 1 to 2^24 pixels, padding included");
  expect_refused([](Forward& p) { p.settings.dilation[1] = INT32_MAX; },
                 "kernel that fits into the padded input");
  expect_refused([](Forward& p) { p.settings.groups = 4; },
                 "settings.groups must be at least 1 and divide the 6 channels of input, got 4");
  expect_refused([](Forward& p) { p.settings.groups = 3; },
                 "settings.groups must be at least 1 and divide the 4 outputs of weight, got 3");
  expect_refused([](Forward& p) { p.settings.groups = 0; }, "settings.groups must be at least 1");
  expect_refused([](Forward& p) { p.settings.groups = 1; },
                 "weight must be [4, 6, any, any] to match input and groups");
  expect_refused([](Forward& p) { p.settings.deform_groups = 4; },
                 "settings.deform_groups must be at least 1 and divide the 6 channels");
  expect_refused([](Forward& p) { p.settings.deform_groups = 2; },
                 "offset must be [2, 36, 5, 7] to match input, weight and settings, got [2, 54, 5, 7]");
  expect_refused([](Forward& p) { p.settings.stride[0] = 2; }, "offset must be [2, 54, 3, 7]");
  expect_refused([this](Forward& p) { p.mask = problem_.offset.view(); }, "mask must be [2, 27, 5, 7]");
  expect_refused([this](Forward& p) { p.bias = problem_.weight.view(); }, "bias must be [4]");
  Tensor<float> wide({4, 3, 8, 1}), wrong_out({2, 5, 5, 7});
  expect_refused([&](Forward& p) { p.weight = wide.view(); }, "kernel of 1 to 7 pixels both ways");
  expect_refused([&](Forward& p) { p.out = wrong_out.view(); }, "out must be [2, 4, 5, 7]");
  Tensor<double> doubles({2, 54, 5, 7}), double_out({2, 4, 5, 7});
  Tensor<Float16> half_bias({4});
  expect_refused([&](Forward& p) { p.offset = doubles.view(); }, "offset must be float32");
  expect_refused([&](Forward& p) { p.out = double_out.view(); }, "out must be");
  expect_refused([&](Forward& p) { p.bias = half_bias.view(); }, "bias must have the dtype of weight");
  Tensor<uint8_t> small({64});
  expect_refused([&](Forward& p) { p.workspace = small.view(); }, "workspace must have at least");
  DLTensor strided = *problem_.input.view();
  int64_t strides[] = {210, 1, 42, 6};
  strided.strides = strides;
  expect_refused([&](Forward& p) { p.input = &strided; }, "input must be compact");
  int stream;
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_deform_conv_forward(&p_, &stream));
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), "stream must be NULL"));
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_deform_conv_forward_workspace(&p_, nullptr));
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_deform_conv_forward(nullptr, nullptr));
}

TEST_F(DeformConvArguments, OfBackwardAreRefusedWithTheReason) {
  expect_backward_refused([](Backward& p) { p.mask = nullptr; }, "grad_mask must be NULL where mask is");
  expect_backward_refused([](Backward& p) { p.determinism = 2; }, "determinism must be 0 or 1, got 2");
  expect_backward_refused([](Backward& p) { p.reserved = 1; }, "reserved must be 0, got 1");
  expect_backward_refused([this](Backward& p) { p.grad_weight = problem_.bias.view(); },
                          "grad_weight must be [4, 3, 3, 3]");
  expect_backward_refused([this](Backward& p) { p.grad_offset = problem_.mask.view(); },
                          "grad_offset must be [2, 54, 5, 7]");
  Tensor<Float16> half({2, 6, 5, 7});
  expect_backward_refused([&](Backward& p) { p.grad_input = half.view(); },
                          "grad_input must have the dtype of input");
  expect_backward_refused(
      [](Backward& p) { p.grad_input = p.grad_offset = p.grad_mask = p.grad_weight = p.grad_bias = nullptr; },
      "no gradient is asked for");
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_deform_conv_backward_workspace(&b_, nullptr));
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::testing::kSeed));
  return RUN_ALL_TESTS();
}
