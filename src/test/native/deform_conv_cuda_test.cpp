// deform_conv's CUDA bodies through the C ABI against plain loops in double, the same bits in every order of
// threads. Runs on the emulation, and on the hardware in the GPU suite.
#include <cstdio>

#include "deform_conv_case.hpp"
#include "device_tensor.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20261123;

/// A problem's inputs on the device; outputs come back to the problem's tensors.
template <class In, class Weight, class Out>
class DeviceCase {
 public:
  using Host = ConvCase<float, In, Weight, Out>;

  explicit DeviceCase(Host& host)
      : host_(host),
        input_(host.input),
        grad_input_(host.input.shape()),
        offset_(host.offset),
        grad_offset_(host.offset.shape()),
        mask_(host.mask),
        grad_mask_(host.mask.shape()),
        weight_(host.weight),
        grad_weight_(host.weight.shape()),
        bias_(host.bias),
        grad_bias_(host.bias.shape()),
        out_(host.out.shape()),
        grad_out_(host.grad_out) {}

  void run_strict() {
    expect_same_bits_in_all_orders([this] { forward(); }, out_);
    out_.download(host_.out);
    if (host_.s.masked) {
      expect_same_bits_in_all_orders([this] { backward(backward_params()); }, grad_input_, grad_offset_,
                                     grad_weight_, grad_bias_, grad_mask_);
    } else {
      expect_same_bits_in_all_orders([this] { backward(backward_params()); }, grad_input_, grad_offset_,
                                     grad_weight_, grad_bias_);
    }
    download_gradients();
  }

  void run_fast() {
    forward();
    out_.download(host_.out);
    bevel_deform_conv_backward_params p = backward_params();
    p.determinism = BEVEL_FAST;
    backward(p);
    download_gradients();
  }

  bevel_deform_conv_backward_params backward_params() {
    bevel_deform_conv_backward_params p = host_.backward_params();
    p.grad_out = grad_out_.view();
    p.input = input_.view();
    p.offset = offset_.view();
    p.weight = weight_.view();
    p.grad_input = grad_input_.view();
    p.grad_offset = grad_offset_.view();
    p.grad_weight = grad_weight_.view();
    p.grad_bias = grad_bias_.view();
    if (host_.s.masked) {
      p.mask = mask_.view();
      p.grad_mask = grad_mask_.view();
    }
    return p;
  }
  void backward(bevel_deform_conv_backward_params p) {
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_deform_conv_backward_workspace(&p, &bytes));
    DeviceTensor<uint8_t> workspace({bytes});
    p.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_deform_conv_backward(&p, nullptr));
  }
  void download_gradients() {
    grad_input_.download(host_.grad_input);
    grad_offset_.download(host_.grad_offset);
    grad_weight_.download(host_.grad_weight);
    grad_bias_.download(host_.grad_bias);
    if (host_.s.masked) grad_mask_.download(host_.grad_mask);
  }

 private:
  void forward() {
    bevel_deform_conv_forward_params p = host_.forward_params();
    p.input = input_.view();
    p.offset = offset_.view();
    if (host_.s.masked) p.mask = mask_.view();
    p.weight = weight_.view();
    if (host_.s.biased) p.bias = bias_.view();
    p.out = out_.view();
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_deform_conv_forward_workspace(&p, &bytes));
    DeviceTensor<uint8_t> workspace({bytes});
    p.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_deform_conv_forward(&p, nullptr));
  }

  Host& host_;
  DeviceTensor<In> input_, grad_input_;
  DeviceTensor<float> offset_, grad_offset_, mask_, grad_mask_;
  DeviceTensor<Weight> weight_, grad_weight_, bias_, grad_bias_;
  DeviceTensor<Out> out_, grad_out_;
};

// Fields as in deform_conv_test.cpp.
const ConvSizes kSizes[] = {
    {2, 16, 5, 7, 24, 3, 3},
    {1, 12, 6, 6, 9, 3, 3, {1, 1}, {1, 1}, {1, 1}, 3, 1, false, false},
    {2, 12, 8, 7, 9, 3, 3, {2, 1}, {1, 2}, {1, 2}, 3, 2, true, true},
    {1, 36, 4, 5, 134, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1, 1, true, true},
    {1, 6, 5, 6, 5, 7, 3, {2, 2}, {3, 1}, {1, 1}, 1, 3, true, true},
    {2, 4, 5, 4, 4, 5, 2, {1, 3}, {2, 0}, {2, 1}, 4, 2, false, true},
    {1, 1, 1, 1, 1, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1, 1, true, true},
    {1, 3, 1, 1, 2, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1, 1, true, true},
    {0, 8, 4, 4, 8, 3, 3},
    {1, 72, 10, 12, 4, 1, 2, {1, 1}, {0, 0}, {1, 1}, 1, 2, true, false},
    {10, 4, 2, 3, 3, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1, 2, true, true},  // more images than columns are kept of
};

class DeformConvCuda : public ::testing::TestWithParam<int> {
 protected:
  const ConvSizes& sizes() const { return kSizes[GetParam()]; }
};
INSTANTIATE_TEST_SUITE_P(Sizes, DeformConvCuda, ::testing::Range(0, static_cast<int>(std::size(kSizes))));

TEST_P(DeformConvCuda, Float32MatchesPlainLoops) {
  ConvCase<float, float> problem(sizes(), kSeed);
  DeviceCase<float, float, float>(problem).run_strict();
  problem.compare({1e-5, 1e-5, 1e-5, 1e-5});
}

TEST_P(DeformConvCuda, SixteenBitsMatchPlainLoops) {
  ConvCase<float, Bfloat16, Float16, Bfloat16> problem(sizes(), kSeed);
  DeviceCase<Bfloat16, Float16, Bfloat16>(problem).run_strict();
  problem.compare({1e-5, 1.1 / 256, 1.1 / 2048, 1.1 / 256});
}

TEST_P(DeformConvCuda, AtomicAdditionsMatchPlainLoops) {
  ConvCase<float, Float16, float, float> problem(sizes(), kSeed);
  DeviceCase<Float16, float, float>(problem).run_fast();
  problem.compare({1e-5, 1.1 / 2048, 1e-5, 1e-5});
}

TEST_P(DeformConvCuda, MatchesTheCpu) {
  ConvCase<float, float> device(sizes(), kSeed), cpu(sizes(), kSeed);
  DeviceCase<float, float, float>(device).run_fast();
  cpu.run_forward();
  cpu.run_backward();
  const auto close = [](const Tensor<float>& a, const Tensor<float>& b) {
    EXPECT_LE(relative_error(ConvCase<float, float>::values(a), ConvCase<float, float>::values(b)), 1e-5);
  };
  close(device.out, cpu.out);
  close(device.grad_input, cpu.grad_input);
  close(device.grad_offset, cpu.grad_offset);
  if (sizes().masked) close(device.grad_mask, cpu.grad_mask);
  close(device.grad_weight, cpu.grad_weight);
  close(device.grad_bias, cpu.grad_bias);
}

TEST(DeformConvCudaHostile, SamplesThatDoNotCountGiveZero) {
  const float nan = NAN, inf = INFINITY;
  for (const std::pair<float, float>& offset :
       {std::pair{nan, 0.0f}, {0.0f, nan}, {inf, 0.0f}, {0.0f, -inf}, {1e30f, 0.0f}, {2e9f, -2e9f}}) {
    ConvCase<float, float> problem({1, 20, 2, 3, 4, 3, 3}, kSeed);
    for (int64_t i = 0; i < problem.offset.size(); ++i) {
      problem.offset[i] = i / problem.s.out_pixels() % 2 ? offset.second : offset.first;
    }
    for (int64_t i = 0; i < problem.mask.size(); ++i) problem.mask[i] = i % 3 ? nan : inf;
    DeviceCase<float, float, float>(problem).run_strict();
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
}

TEST(DeformConvCudaHostile, ValuesOutsideTheSamplesDoNotMatter) {
  // One sample beside the map's corner; every value but its one neighbour is NaN.
  ConvCase<float, float> problem({1, 2, 5, 7, 1, 1, 1, {5, 7}, {0, 0}, {1, 1}, 1, 1, false, false}, kSeed);
  for (int64_t i = 0; i < problem.input.size(); ++i) problem.input[i] = NAN;
  problem.input[0] = 1;
  problem.input[35] = 2;
  problem.offset[0] = problem.offset[1] = -0.25f;
  DeviceCase<float, float, float>(problem).run_strict();
  const float share = 0.75f * 0.75f;
  EXPECT_NEAR(share * (problem.weight[0] + 2 * problem.weight[1]), problem.out[0], 1e-6);
  EXPECT_NEAR(share * 2 * problem.grad_out[0], problem.grad_weight[1], 1e-6);
  for (int64_t i = 0; i < problem.grad_input.size(); ++i) {
    const float expected = i % 35 == 0 ? share * problem.weight[i / 35] * problem.grad_out[0] : 0.0f;
    EXPECT_NEAR(expected, problem.grad_input[i], 1e-6) << i;
  }
}

TEST(DeformConvCudaArguments, Float64IsRefused) {
  ConvCase<double, double> problem({1, 2, 3, 3, 2, 3, 3}, kSeed);
  DeviceTensor<double> input(problem.input), offset(problem.offset), weight(problem.weight), out(problem.out);
  bevel_deform_conv_forward_params p = problem.forward_params();
  p.input = input.view();
  p.offset = offset.view();
  p.mask = p.bias = nullptr;
  p.weight = weight.view();
  p.out = out.view();
  EXPECT_EQ(BEVEL_UNSUPPORTED, bevel_deform_conv_forward(&p, nullptr));
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), "float64 is for gradient checks on the CPU"));
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
