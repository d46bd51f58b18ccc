// multi_view_sample's CUDA bodies through the C ABI against plain loops in double and the CPU's bits of what
// is visible, the same bits in every order of threads. Runs on the emulation, and on the hardware in the GPU
// suite.
#include <cstdio>

#include "device_tensor.hpp"
#include "multi_view_sample_case.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20261121;

/// A problem's inputs on the device; outputs come back to the problem's tensors.
template <class Storage>
class DeviceViewCase {
 public:
  using HostCase = ViewCase<float, Storage>;

  explicit DeviceViewCase(HostCase& host)
      : host_(host),
        lidar_to_image_(host.lidar_to_image),
        image_sizes_(host.image_sizes),
        points_(host.points),
        locations_(host.locations),
        weights_(host.weights),
        grad_out_(host.grad_out),
        out_(host.out.shape()),
        visible_(host.visible.shape()),
        grad_points_(host.grad_points.shape()),
        grad_locations_(host.grad_locations.shape()),
        grad_weights_(host.grad_weights.shape()) {
    for (const auto& map : host.features) {
      features_.push_back(std::make_unique<DeviceTensor<Storage>>(*map));
      grad_features_.push_back(std::make_unique<DeviceTensor<Storage>>(map->shape()));
    }
  }

  void run(int32_t determinism = BEVEL_STRICT) {
    expect_same_bits_in_all_orders([this] { forward(); }, out_, visible_);
    out_.download(host_.out);
    visible_.download(host_.visible);
    Gradients gradients = {*this};
    expect_same_bits_in_all_orders([&] { backward(determinism); }, gradients);
    grad_weights_.download(host_.grad_weights);
    if (host_.s.given_locations) {
      grad_locations_.download(host_.grad_locations);
    } else {
      grad_points_.download(host_.grad_points);
    }
    for (size_t l = 0; l < features_.size(); ++l) grad_features_[l]->download(*host_.grad_features[l]);
  }

 private:
  /// All gradients as one output.
  struct Gradients {
    DeviceViewCase& of;

    void poison() {
      each([](auto& tensor) { tensor.poison(); });
    }
    std::vector<unsigned char> download_bytes() const {
      std::vector<unsigned char> all;
      each([&](auto& tensor) {
        const std::vector<unsigned char> bytes = tensor.download_bytes();
        all.insert(all.end(), bytes.begin(), bytes.end());
      });
      return all;
    }
    template <class Action>
    void each(Action action) const {
      for (auto& map : of.grad_features_) action(*map);
      action(of.grad_weights_);
      action(of.host_.s.given_locations ? of.grad_locations_ : of.grad_points_);
    }
  };

  bevel_multi_view views() {
    bevel_multi_view v = host_.views();
    for (size_t l = 0; l < features_.size(); ++l) v.features[l] = features_[l]->view();
    if (v.locations) v.locations = locations_.view();
    if (v.points) {
      v.points = points_.view();
      v.lidar_to_image = lidar_to_image_.view();
      v.image_sizes = image_sizes_.view();
    }
    v.weights = weights_.view();
    return v;
  }
  void forward() {
    bevel_multi_view_sample_forward_params p = host_.forward();
    p.views = views();
    p.out = out_.view();
    p.visible = visible_.view();
    ASSERT_BEVEL_OK(bevel_multi_view_sample_forward(&p, nullptr));
  }
  void backward(int32_t determinism) {
    bevel_multi_view_sample_backward_params p = host_.backward();
    p.views = views();
    p.grad_out = grad_out_.view();
    for (size_t l = 0; l < features_.size(); ++l) p.grad_features[l] = grad_features_[l]->view();
    if (p.grad_points) p.grad_points = grad_points_.view();
    if (p.grad_locations) p.grad_locations = grad_locations_.view();
    p.grad_weights = grad_weights_.view();
    p.determinism = determinism;
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_multi_view_sample_backward_workspace(&p, &bytes));
    DeviceTensor<uint8_t> workspace({bytes});
    p.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_multi_view_sample_backward(&p, nullptr));
  }

  HostCase& host_;
  std::vector<std::unique_ptr<DeviceTensor<Storage>>> features_, grad_features_;
  DeviceTensor<float> lidar_to_image_, image_sizes_, points_, locations_, weights_;
  DeviceTensor<Storage> grad_out_, out_;
  DeviceTensor<uint8_t> visible_;
  DeviceTensor<float> grad_points_, grad_locations_, grad_weights_;
};

ViewSizes sizes_of(int64_t batch, int64_t cameras, int64_t queries, int64_t points, int64_t channels,
                   std::vector<ViewSizes::Level> levels, int64_t groups, bool locations, bool normalised,
                   bool channels_last) {
  ViewSizes s = {batch, cameras, queries, points, channels, std::move(levels)};
  s.groups = groups;
  s.given_locations = locations;
  s.normalised = normalised;
  s.channels_last = channels_last;
  return s;
}

const std::vector<ViewSizes> kSizes = {
    sizes_of(2, 6, 9, 1, 256, {{6, 10}, {3, 5}, {2, 3}, {1, 1}}, 1, false, true, true),  // DETR3D
    sizes_of(1, 6, 3, 13, 64, {{6, 10}, {3, 5}}, 8, false, false, true),                 // Sparse4D
    sizes_of(1, 6, 9, 2, 24, {{6, 10}, {3, 5}}, 1, false, true, false),                  // planes
    sizes_of(1, 2, 5, 3, 70, {{4, 7}}, 5, true, false, false),                           // planes, groups
    sizes_of(2, 3, 5, 2, 21, {{4, 7}, {9, 1}}, 3, true, false, true),                    // odd channels
    sizes_of(1, 5, 3, 2, 300, {{5, 8}}, 1, true, false, true),   // two warps' channels
    sizes_of(1, 1, 330, 1, 4, {{3, 20}}, 1, true, false, true),  // a list of windows
    sizes_of(1, 1, 330, 1, 5, {{3, 20}}, 1, true, false, false),
    // Two in five locations are seen: more of one camera than a block has threads, and a window not full.
    sizes_of(1, 1, 1100, 1, 5, {{3, 20}}, 1, true, false, false),
    sizes_of(1, 32, 2, 3, 2, {{1, 1}, {2, 2}, {1, 3}, {3, 1}, {2, 1}, {1, 2}, {3, 3}, {2, 3}}, 2, true, false,
             true),
    sizes_of(2, 6, 0, 1, 8, {{2, 3}}, 1, false, false, true),
    sizes_of(2, 0, 3, 1, 8, {{2, 3}}, 1, false, false, true),
    sizes_of(0, 6, 3, 1, 8, {{2, 3}}, 1, false, false, true),
};

class MultiViewSampleCuda : public ::testing::TestWithParam<int> {
 protected:
  ViewSizes sizes() const { return kSizes[static_cast<size_t>(GetParam())]; }
  double places() const { return sizes().given_locations ? 1e-4 : 1e-3; }

  template <class Storage>
  void expect_close(double storage_tolerance) {
    ViewCase<float, Storage> problem(sizes(), kSeed), on_cpu(sizes(), kSeed);
    DeviceViewCase<Storage>(problem).run();
    problem.compare(places(), places() + storage_tolerance);
    on_cpu.run_forward();
    EXPECT_EQ(0, std::memcmp(on_cpu.visible.data(), problem.visible.data(),
                             static_cast<size_t>(problem.visible.size())));
    EXPECT_LE(relative_error(problem.values(problem.out), on_cpu.values(on_cpu.out)),
              1e-5 + storage_tolerance);
  }
};
INSTANTIATE_TEST_SUITE_P(Sizes, MultiViewSampleCuda, ::testing::Range(0, static_cast<int>(kSizes.size())));

TEST_P(MultiViewSampleCuda, Float32MatchesPlainLoops) { expect_close<float>(0); }
TEST_P(MultiViewSampleCuda, Bfloat16MatchesPlainLoops) { expect_close<Bfloat16>(1.1 / 256); }
TEST_P(MultiViewSampleCuda, Float16MatchesPlainLoops) { expect_close<Float16>(1.1 / 2048); }

/// Nothing is faster than the strict sum, so BEVEL_FAST is the same.
TEST(MultiViewSampleCudaDeterminism, FastHasTheBitsOfStrict) {
  ViewCase<float, float> strict(kSizes[0], kSeed), fast(kSizes[0], kSeed);
  DeviceViewCase<float>(strict).run(BEVEL_STRICT);
  DeviceViewCase<float>(fast).run(BEVEL_FAST);
  for (size_t l = 0; l < strict.features.size(); ++l) {
    EXPECT_EQ(strict.values(*strict.grad_features[l]), strict.values(*fast.grad_features[l]));
  }
}

TEST(MultiViewSampleCudaHostile, PlacesAndFeaturesThatAreNoNumbers) {
  ViewSizes sizes = kSizes[4];
  sizes.largest = 65504;
  ViewCase<float, Float16> problem(sizes, kSeed);
  std::mt19937_64 random(kSeed);
  const double kinds[] = {NAN, INFINITY, -INFINITY, 1e30, -1e30};
  for (int64_t i = 0; i < problem.locations.size(); ++i) {
    if (random() % 5 == 0) problem.locations[i] = static_cast<float>(kinds[random() % 5]);
  }
  for (int64_t i = 0; i < problem.weights.size(); ++i) problem.weights[i] *= 0.01f;
  for (auto& map : problem.features) {
    for (int64_t i = 0; i < map->size(); ++i) {
      if (random() % 29 == 0) (*map)[i] = from_double<Float16>(kinds[random() % 3]);
    }
  }
  DeviceViewCase<Float16>(problem).run();
  problem.compare(2e-3, 2e-3);
}

/// A place on the image's very edge is not seen.
TEST(MultiViewSampleCudaHostile, PlacesOnTheEdge) {
  ViewCase<float, float> problem(kSizes[3], kSeed);
  const float places[] = {0, 1, 0.4f, 0.7f};  // between pixels: the gradient has a jump at their centres
  for (int64_t i = 0; i < problem.locations.size(); ++i) {
    problem.locations[i] = places[(i % 2 ? i / 8 : i / 2) % 4];
  }
  DeviceViewCase<float>(problem).run();
  problem.compare(1e-4, 1e-4);
}

TEST(MultiViewSampleCudaArguments, Float64IsRefused) {
  ViewCase<double, double> host(kSizes[3], kSeed);
  DeviceTensor<double> features(*host.features[0]), locations(host.locations), weights(host.weights),
      out(host.out.shape());
  bevel_multi_view_sample_forward_params p = host.forward();
  p.views.features[0] = features.view();
  p.views.locations = locations.view();
  p.views.weights = weights.view();
  p.out = out.view();
  p.visible = nullptr;
  EXPECT_EQ(BEVEL_UNSUPPORTED, bevel_multi_view_sample_forward(&p, nullptr));
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), "float64 is for gradient checks on the CPU"))
      << bevel_last_error();
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
