// point_sampling's CUDA body through the C ABI: the bits of the CPU body, in every order of threads. Runs on
// the emulation, and on the hardware in the GPU suite.
#include <cstdio>

#include "device_tensor.hpp"
#include "point_sampling_case.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20260302;

/// Runs a problem on the device; outputs come back to the problem's tensors.
template <class M>
void run_on_device(PointCase<float, M>& host) {
  DeviceTensor<M> matrices(host.matrices), points(host.points);
  DeviceTensor<float> reference(host.reference.shape()), mean_factor(host.mean_factor.shape());
  DeviceTensor<uint8_t> mask(host.mask.shape()), visible(host.visible.shape());
  bevel_point_sampling_params p = host.params();
  p.lidar_to_image = matrices.view();
  if (p.points) p.points = points.view();
  p.reference = reference.view();
  p.mask = mask.view();
  p.visible = visible.view();
  p.mean_factor = mean_factor.view();
  expect_same_bits_in_all_orders([&] { ASSERT_BEVEL_OK(bevel_point_sampling(&p, nullptr)); }, reference, mask,
                                 visible, mean_factor);
  reference.download(host.reference);
  mask.download(host.mask);
  visible.download(host.visible);
  mean_factor.download(host.mean_factor);

  // The outputs that are not asked for change nothing.
  const std::vector<uint8_t> expected = visible.download();
  p.mask = nullptr;
  p.mean_factor = nullptr;
  visible.poison();
  ASSERT_BEVEL_OK(bevel_point_sampling(&p, nullptr));
  EXPECT_EQ(expected, visible.download());
}

class PointSamplingCuda : public ::testing::TestWithParam<int> {
 protected:
  PointSizes sizes() const { return all_point_sizes()[static_cast<size_t>(GetParam())]; }

  template <class M>
  void expect_bits_of_cpu() const {
    PointCase<float, M> device(sizes(), kSeed), host(sizes(), kSeed);
    run_on_device(device);
    host.run();
    expect_same_bits(host, device);
    device.compare(1e-7);
  }
};
INSTANTIATE_TEST_SUITE_P(Sizes, PointSamplingCuda,
                         ::testing::Range(0, static_cast<int>(all_point_sizes().size())));

TEST_P(PointSamplingCuda, BitsOfTheCpuFromDouble) { expect_bits_of_cpu<double>(); }
TEST_P(PointSamplingCuda, BitsOfTheCpuFromFloat) { expect_bits_of_cpu<float>(); }

TEST(PointSamplingCudaHostile, BitsOfTheCpuFromNumbersThatAreNone) {
  for (const bool of_first : {false, true}) {
    const PointSizes sizes = {2, 6, 5, 10, 4, true, false, of_first};
    PointCase<float> device(sizes, kSeed), host(sizes, kSeed);
    make_hostile(device);
    make_hostile(host);
    run_on_device(device);
    host.run();
    expect_same_bits(host, device);
  }
}

/// A point on the image's very edge is not seen: u = x / z and v = y / z are exactly 0, 1 and between.
TEST(PointSamplingCudaHostile, PointsOnTheEdge) {
  const PointSizes sizes = {1, 1, 4, 4, 4, true};
  PointCase<float> device(sizes, kSeed), host(sizes, kSeed);
  for (auto* problem : {&device, &host}) {
    const double matrix[16] = {kImageWidth, 0, 0, 0, 0, kImageHeight, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    std::copy_n(matrix, 16, problem->matrices.data());
    const double places[] = {0, 1, 0.5, 0.25};
    for (int64_t i = 0; i < problem->points.size() / 3; ++i) {
      const double depth = i < 32 ? 1 : 4;
      problem->points[3 * i] = places[i % 4] * depth;
      problem->points[3 * i + 1] = places[i / 4 % 4] * depth;
      problem->points[3 * i + 2] = depth;
    }
  }
  run_on_device(device);
  host.run();
  expect_same_bits(host, device);
  device.compare(1e-7);
}

TEST(PointSamplingCudaArguments, DoubleIsForTheCpu) {
  const PointSizes sizes = {1, 1, 2, 2, 1};
  PointCase<double> host(sizes, kSeed);
  DeviceTensor<double> matrices(host.matrices), reference(host.reference.shape()),
      factor(host.mean_factor.shape());
  DeviceTensor<uint8_t> mask(host.mask.shape()), visible(host.visible.shape());
  bevel_point_sampling_params p = host.params();
  p.lidar_to_image = matrices.view();
  p.reference = reference.view();
  p.mask = mask.view();
  p.visible = visible.view();
  p.mean_factor = factor.view();
  EXPECT_EQ(BEVEL_UNSUPPORTED, bevel_point_sampling(&p, nullptr));
  EXPECT_STREQ("point_sampling: float64 is for gradient checks on the CPU, reference is on CUDA",
               bevel_last_error());
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
