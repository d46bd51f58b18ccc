// multi_view_sample on the CPU against plain loops in double: projected and given places, both layouts,
// groups, hostile values, and the arguments it must refuse.
#include <cstdio>
#include <functional>

#include "multi_view_sample_case.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20261121;

ViewSizes sizes_of(int64_t batch, int64_t cameras, int64_t queries, int64_t points, int64_t channels,
                   std::vector<ViewSizes::Level> levels) {
  return {batch, cameras, queries, points, channels, std::move(levels)};
}
ViewSizes located(ViewSizes s) {
  s.given_locations = true;
  return s;
}
ViewSizes normalised(ViewSizes s) {
  s.normalised = true;
  return s;
}
ViewSizes grouped(ViewSizes s, int64_t groups) {
  s.groups = groups;
  return s;
}
ViewSizes channels_first(ViewSizes s) {
  s.channels_last = false;
  return s;
}

const std::vector<ViewSizes::Level> kOne = {{5, 9}};
const std::vector<ViewSizes::Level> kFour = {{29, 50}, {15, 25}, {8, 13}, {1, 1}};

std::vector<ViewSizes> all_sizes() {
  return {
      normalised(sizes_of(2, 6, 37, 1, 256, kFour)),                 // DETR3D
      grouped(sizes_of(1, 6, 11, 13, 256, kFour), 8),                // Sparse4D
      channels_first(normalised(sizes_of(2, 6, 19, 1, 64, kFour))),  // as FPN leaves them
      located(grouped(sizes_of(2, 3, 9, 4, 24, kOne), 8)),           // groups of three channels
      channels_first(located(grouped(sizes_of(1, 2, 9, 2, 40, kOne), 5))),
      located(sizes_of(1, 32, 3, 64, 5, {{3, 4}, {2, 2}, {1, 7}, {4, 1}, {2, 3}, {3, 3}, {1, 1}, {5, 2}})),
      sizes_of(1, 6, 70, 1, 1, kOne),
      sizes_of(1, 1, 5, 3, 150, {{1, 1}}),
      located(sizes_of(1, 1, 3, 2, 20, {{40, 60}, {1, 1500}})),  // several bands, one wider than a band
      sizes_of(0, 6, 5, 1, 8, kOne),
      sizes_of(2, 0, 5, 1, 8, kOne),
      sizes_of(2, 6, 0, 1, 8, kOne),
  };
}

class MultiViewSample : public ::testing::TestWithParam<int> {
 protected:
  ViewSizes sizes() const { return all_sizes()[static_cast<size_t>(GetParam())]; }
  ViewSizes sizes(double largest) const {
    ViewSizes s = sizes();
    s.largest = largest;
    return s;
  }
};
INSTANTIATE_TEST_SUITE_P(Sizes, MultiViewSample, ::testing::Range(0, static_cast<int>(all_sizes().size())));

/// A float place of a sample is off by about 1e-4 pixels on wide maps and where it is projected:
/// lidar_to_image's entries of thousands cancel out.
TEST_P(MultiViewSample, MatchesPlainLoops) {
  const double places = sizes().given_locations ? 1e-4 : 1e-3;
  for_each_instruction_set([&] {
    ViewCase<double, double>(sizes(), kSeed).check(1e-10, 1e-10);
    ViewCase<float, float>(sizes(), kSeed).check(places, places);
    ViewCase<float, Bfloat16>(sizes(), kSeed).check(places, 1.1 / 256 + places);
    ViewCase<float, Float16>(sizes(), kSeed).check(places, 1.1 / 2048 + places);
  });
}

template <class U>
bool same(const Tensor<U>& a, const Tensor<U>& b) {
  return std::memcmp(a.data(), b.data(), static_cast<size_t>(a.size()) * sizeof(U)) == 0;
}

void expect_same_bits(const ViewCase<float, float>& a, const ViewCase<float, float>& b) {
  EXPECT_TRUE(same(a.out, b.out));
  EXPECT_TRUE(same(a.visible, b.visible));
  for (size_t l = 0; l < a.features.size(); ++l) {
    EXPECT_TRUE(same(*a.grad_features[l], *b.grad_features[l])) << l;
  }
  EXPECT_TRUE(same(a.grad_weights, b.grad_weights));
  EXPECT_TRUE(same(a.grad_points, b.grad_points));
  EXPECT_TRUE(same(a.grad_locations, b.grad_locations));
}

TEST_P(MultiViewSample, SameBitsForAnyNumberOfThreads) {
  const int32_t threads = bevel_get_num_threads();
  ViewCase<float, float> one(sizes(), kSeed), many(sizes(), kSeed);
  ASSERT_BEVEL_OK(bevel_set_num_threads(1));
  one.run_forward();
  one.run_backward();
  ASSERT_BEVEL_OK(bevel_set_num_threads(5));
  many.run_forward();
  many.run_backward();
  ASSERT_BEVEL_OK(bevel_set_num_threads(threads));
  expect_same_bits(one, many);
}

TEST_P(MultiViewSample, SeesTheSameUnderAllInstructionSets) {
  ViewCase<float, float> best(sizes(), kSeed);
  best.run_forward();
  for_each_instruction_set([&] {
    ViewCase<float, float> other(sizes(), kSeed);
    other.run_forward();
    EXPECT_TRUE(same(best.visible, other.visible));
  });
}

/// A camera at the origin that looks along z: u = x / z / 8, v = y / z / 4 with an image of 8 × 4 pixels.
struct PlainCamera : ViewCase<float, float> {
  explicit PlainCamera(int64_t queries) : ViewCase(sizes_of(1, 1, queries, 1, 4, {{4, 8}}), kSeed) {
    for (int i = 0; i < 16; ++i) lidar_to_image[i] = i % 5 == 0 ? 1.0f : 0.0f;
    image_sizes[0] = 8;
    image_sizes[1] = 4;
    for (int64_t i = 0; i < weights.size(); ++i) weights[i] = 1;
  }
  void place(int64_t query, float x, float y, float z) {
    points[3 * query] = x;
    points[3 * query + 1] = y;
    points[3 * query + 2] = z;
  }
};

TEST(MultiViewSampleRule, OnlyWhatIsStrictlyInsideTheImageAndBeyondTheLeastDepthIsSeen) {
  const float nan = NAN, inf = INFINITY;
  const float least = 1e-5f, beyond = std::nextafter(least, 1.0f), hair = std::nextafter(8.0f, 0.0f);
  struct {
    float x, y, z;
    int visible;
  } cases[] = {
      {1, 1, 1, 1},
      {0, 1, 1, 0},
      {8, 1, 1, 0},
      {hair, 1, 1, 1},
      {1, 0, 1, 0},
      {1, 4, 1, 0},
      {1e-30f, 1, 1, 1},
      {-1, -1, -1, 0},
      {1, 1, -1, 0},
      {0, 0, 0, 0},
      {4e-5f, 2e-5f, least, 0},
      {4e-5f, 2e-5f, beyond, 1},
      {nan, 1, 1, 0},
      {1, nan, 1, 0},
      {1, 1, nan, 0},
      {inf, 1, 1, 0},
      {1, 1, inf, 0},
      {inf, inf, inf, 0},
      {3e38f, 1, 3e38f, 1},
      {1, 1, 0.1f, 0},
  };
  const int64_t count = sizeof cases / sizeof cases[0];
  for_each_instruction_set([&] {
    PlainCamera problem(count);
    for (int64_t i = 0; i < count; ++i) problem.place(i, cases[i].x, cases[i].y, cases[i].z);
    problem.run_forward();
    problem.run_backward();
    for (int64_t i = 0; i < count; ++i) {
      EXPECT_EQ(cases[i].visible, problem.visible[i]) << i;
      bool any_out = false, any_gradient = problem.grad_weights[i] != 0;
      for (int64_t c = 0; c < 4; ++c) any_out = any_out || problem.out[4 * i + c] != 0;
      for (int64_t k = 0; k < 3; ++k) any_gradient = any_gradient || problem.grad_points[3 * i + k] != 0;
      EXPECT_EQ(cases[i].visible != 0, any_out) << i;
      EXPECT_EQ(cases[i].visible != 0, any_gradient) << i;
    }
  });
}

TEST(MultiViewSampleRule, WeightsAndFeaturesOfUnseenViewsAreNotRead) {
  for_each_instruction_set([&] {
    PlainCamera problem(2);
    problem.place(0, 2.5f, 1.5f, 1);
    problem.place(1, 2.5f, 1.5f, -1);
    problem.weights[1] = NAN;
    for (int64_t i = 0; i < problem.features[0]->size(); ++i) (*problem.features[0])[i] = NAN;
    for (int c = 0; c < 4; ++c) (*problem.features[0])[(1 * 8 + 2) * 4 + c] = static_cast<float>(c + 1);
    for (int k = 0; k < 4; ++k) {  // x = 2, y = 1: its other neighbours weigh nothing but are read
      for (int c = 0; c < 4; ++c) {
        float& value = (*problem.features[0])[((1 + k / 2) * 8 + 2 + k % 2) * 4 + c];
        if (k) value = 7;
      }
    }
    problem.run_forward();
    for (int c = 0; c < 4; ++c) EXPECT_EQ(static_cast<float>(c + 1), problem.out[c]);
    for (int c = 4; c < 8; ++c) EXPECT_EQ(0.0f, problem.out[c]);
  });
}

/// nan_to_num of each sample, and the gradients that go with it.
TEST(MultiViewSampleRule, SamplesThatAreNotFiniteCountAsZeroOrTheLargestNumber) {
  for (const ViewSizes& sizes :
       {sizes_of(1, 6, 30, 2, 37, kFour), channels_first(grouped(sizes_of(1, 6, 30, 1, 32, kOne), 2))}) {
    for_each_instruction_set([&] {
      auto plant = [](auto& problem) {
        std::mt19937_64 random(kSeed);
        for (auto& map : problem.features) {
          for (int64_t i = 0; i < map->size(); ++i) {
            if (random() % 37) continue;
            const double kinds[3] = {NAN, INFINITY, -INFINITY};
            (*map)[i] = from_double<std::decay_t<decltype((*map)[i])>>(kinds[random() % 3]);
          }
        }
        // Infinities become numbers so large that sums of them say nothing unless they are few.
        for (int64_t i = 0; i < problem.weights.size(); ++i) problem.weights[i] *= 0.01f;
      };
      ViewSizes s = sizes;
      s.largest = 65504;
      ViewCase<float, Float16> problem(s, kSeed);
      plant(problem);
      problem.run_forward();
      problem.run_backward();
      const ViewResult e = multi_view_reference(s, problem.data(), true);
      EXPECT_LE(relative_error(problem.values(problem.out), e.out), 2e-3);
      EXPECT_LE(relative_error(problem.values(problem.grad_weights), e.grad_weights), 2e-3);
      EXPECT_LE(relative_error(problem.values(problem.grad_points), e.grad_points), 2e-3);
    });
  }
}

TEST(MultiViewSampleViews, StridesOfBatchAndCamerasAreFree) {
  ViewCase<float, float> plain(sizes_of(2, 3, 7, 2, 8, kOne), kSeed), strided(plain.s, kSeed);
  plain.run_forward();
  plain.run_backward();
  // Features of the cameras in a tensor of twice as many; weights [B, P, N, Q, L] seen as [B, Q, N, P, L];
  // image sizes expanded from one camera's.
  const int64_t map = 5 * 9 * 8;
  Tensor<float> wide({2, 6, 5, 9, 8}), turned({2, 2, 3, 7, 1}), sizes({2, 1, 2});
  for (int64_t camera = 0; camera < 6; ++camera) {
    std::memcpy(wide.data() + 2 * camera * map, strided.features[0]->data() + camera * map,
                static_cast<size_t>(map) * sizeof(float));
  }
  for (int64_t b = 0; b < 2; ++b) {
    sizes[2 * b] = 1600;
    sizes[2 * b + 1] = 900;
    for (int64_t q = 0; q < 7; ++q) {
      for (int64_t n = 0; n < 3; ++n) {
        for (int64_t p = 0; p < 2; ++p) {
          turned[((b * 2 + p) * 3 + n) * 7 + q] = strided.weights[((b * 7 + q) * 3 + n) * 2 + p];
        }
      }
    }
  }
  for (ViewCase<float, float>* problem : {&plain, &strided}) {
    for (int64_t camera = 0; camera < 6; ++camera) problem->image_sizes[2 * camera + 1] = 900;
  }
  plain.run_forward();
  plain.run_backward();
  int64_t feature_shape[] = {2, 3, 5, 9, 8}, feature_strides[] = {6 * map, 2 * map, 72, 8, 1};
  int64_t weight_shape[] = {2, 7, 3, 2, 1}, weight_strides[] = {42, 1, 7, 21, 1};
  int64_t size_shape[] = {2, 3, 2}, size_strides[] = {2, 0, 1};
  DLTensor feature_view = *wide.view(), weight_view = *turned.view(), size_view = *sizes.view();
  feature_view.shape = feature_shape;
  feature_view.strides = feature_strides;
  weight_view.shape = weight_shape;
  weight_view.strides = weight_strides;
  size_view.shape = size_shape;
  size_view.strides = size_strides;
  auto patch = [&](bevel_multi_view& v) {
    v.features[0] = &feature_view;
    v.weights = &weight_view;
    v.image_sizes = &size_view;
  };
  bevel_multi_view_sample_forward_params f = strided.forward();
  patch(f.views);
  ASSERT_BEVEL_OK(bevel_multi_view_sample_forward(&f, nullptr));
  bevel_multi_view_sample_backward_params b = strided.backward();
  patch(b.views);
  int64_t bytes = 0;
  ASSERT_BEVEL_OK(bevel_multi_view_sample_backward_workspace(&b, &bytes));
  Tensor<uint8_t> workspace({bytes});
  b.workspace = workspace.view();
  ASSERT_BEVEL_OK(bevel_multi_view_sample_backward(&b, nullptr));
  expect_same_bits(plain, strided);
  // And one size for all.
  f = strided.forward();
  f.views.image_sizes = nullptr;
  f.views.image_width = 1600;
  f.views.image_height = 900;
  f.visible = nullptr;
  ASSERT_BEVEL_OK(bevel_multi_view_sample_forward(&f, nullptr));
  EXPECT_TRUE(same(plain.out, strided.out));
}

using Change = std::function<void(bevel_multi_view_sample_backward_params&)>;

/// Refused by backward, and by forward too where `forward` is true; nothing is written.
void expect_refused(ViewCase<float, float>& problem, const Change& change, const char* text,
                    bool forward = true) {
  SCOPED_TRACE(text);
  bevel_multi_view_sample_backward_params b = problem.backward();
  int64_t bytes = 0;
  ASSERT_BEVEL_OK(bevel_multi_view_sample_backward_workspace(&b, &bytes));
  Tensor<uint8_t> workspace({bytes});
  b.workspace = workspace.view();
  change(b);
  std::memset(problem.out.data(), 0x7f, static_cast<size_t>(problem.out.size()) * 4);
  std::memset(problem.grad_weights.data(), 0x7f, static_cast<size_t>(problem.grad_weights.size()) * 4);
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_multi_view_sample_backward(&b, nullptr));
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text)) << bevel_last_error();
  if (forward) {
    bevel_multi_view_sample_forward_params f = problem.forward();
    f.views = b.views;
    EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_multi_view_sample_forward(&f, nullptr));
    EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text)) << bevel_last_error();
  }
  for (int64_t i = 0; i < problem.out.size(); ++i) ASSERT_EQ(0x7f7f7f7fu, bits_of_float(problem.out[i]));
  for (int64_t i = 0; i < problem.grad_weights.size(); ++i) {
    ASSERT_EQ(0x7f7f7f7fu, bits_of_float(problem.grad_weights[i]));
  }
}

TEST(MultiViewSampleArguments, AreRefusedWithTheReason) {
  ViewCase<float, float> problem(grouped(sizes_of(1, 2, 3, 2, 6, kFour), 2), kSeed);
  auto refused = [&](const char* text, const Change& change) { expect_refused(problem, change, text); };
  auto refused_backward = [&](const char* text, const Change& change) {
    expect_refused(problem, change, text, false);
  };
  Tensor<double> doubles({1, 2, 4, 4});
  Tensor<float> wide({1, 2, 29, 50, 7}), six({1, 3, 2, 2, 4, 4}), many({1, 2, 3, 65, 3}),
      none({1, 2, 0, 5, 6});
  Tensor<float> crowd({1, 33, 29, 50, 6}), other_points({1, 3, 65, 3}), flat({1, 3, 2, 3, 1}),
      sizes({1, 2, 3});
  Tensor<Bfloat16> half({1, 2, 15, 25, 6});

  refused_backward("params.struct_size", [](auto& p) { p.struct_size = 16; });
  refused("levels must be 1 to 8, got 0", [](auto& p) { p.views.levels = 0; });
  refused("levels must be 1 to 8, got 9", [](auto& p) { p.views.levels = 9; });
  refused("layout must be 0 or 1, got 2", [](auto& p) { p.views.layout = 2; });
  refused("views.reserved must be 0, got 3", [](auto& p) { p.views.reserved = 3; });
  refused("features[1] must be given, got NULL", [](auto& p) { p.views.features[1] = nullptr; });
  refused("features[1] must have the dtype of features[0]",
          [&](auto& p) { p.views.features[1] = half.view(); });
  refused("features[0] must have 5 dimensions", [&](auto& p) { p.views.features[0] = problem.out.view(); });
  refused("features[3] must be [1, 2, any, any, 6] to match features[0], got [1, 2, 29, 50, 7]",
          [&](auto& p) { p.views.features[3] = wide.view(); });
  refused("features[2] must have at least one pixel, got [1, 2, 0, 5, 6]",
          [&](auto& p) { p.views.features[2] = none.view(); });
  refused("features[0] must have at most 32 cameras", [&](auto& p) { p.views.features[0] = crowd.view(); });
  refused("either points or locations must be given, got neither", [](auto& p) { p.views.points = nullptr; });
  refused("either points or locations must be given, got both",
          [&](auto& p) { p.views.locations = problem.locations.view(); });
  refused("lidar_to_image must be NULL with locations", [&](auto& p) {
    p.views.points = nullptr;
    p.views.locations = problem.locations.view();
  });
  refused("lidar_to_image must be given, got NULL", [](auto& p) { p.views.lidar_to_image = nullptr; });
  refused("lidar_to_image must be float32, got float64",
          [&](auto& p) { p.views.lidar_to_image = doubles.view(); });
  refused("points must have 4 dimensions", [&](auto& p) { p.views.points = flat.view(); });
  refused("points must have at most 64 points a query, got [1, 3, 65, 3]",
          [&](auto& p) { p.views.points = other_points.view(); });
  refused("image_sizes must be [1, 2, 2] to match features, got [1, 2, 3]",
          [&](auto& p) { p.views.image_sizes = sizes.view(); });
  for (double bad : {0.0, -1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    refused("image_width and image_height must be positive where image_sizes is NULL", [&](auto& p) {
      p.views.image_sizes = nullptr;
      p.views.image_width = 5;
      p.views.image_height = bad;
    });
  }
  refused("points_normalised must be 0 or 1, got 2", [](auto& p) { p.views.points_normalised = 2; });
  refused("point_range must have lower < upper bounds, got 3 to 3 for z", [](auto& p) {
    p.views.points_normalised = 1;
    p.views.point_range[2] = 3;
  });
  refused("weights must be given, got NULL", [](auto& p) { p.views.weights = nullptr; });
  refused("weights must have groups that divide the 6 channels, got [1, 3, 2, 2, 4, 4]",
          [&](auto& p) { p.views.weights = six.view(); });
  refused("weights must be [1, 3, 2, 2, 4] (and a last dimension of groups, or none)",
          [&](auto& p) { p.views.weights = many.view(); });
  refused_backward("grad_out must be given, got NULL", [](auto& p) { p.grad_out = nullptr; });
  refused_backward("grad_out must be [1, 3, 6]", [&](auto& p) { p.grad_out = wide.view(); });
  refused_backward("determinism must be 0 or 1, got 2", [](auto& p) { p.determinism = 2; });
  refused_backward("multi_view_sample_backward: reserved must be 0, got 1", [](auto& p) { p.reserved = 1; });
  refused_backward("no gradient is asked for", [](auto& p) {
    for (auto& gradient : p.grad_features) gradient = nullptr;
    p.grad_points = p.grad_weights = nullptr;
  });
  refused_backward("grad_locations must be NULL where locations is",
                   [&](auto& p) { p.grad_locations = problem.grad_locations.view(); });
  refused_backward("grad_features[4] must be NULL where features[4] is",
                   [&](auto& p) { p.grad_features[4] = wide.view(); });
  refused_backward("grad_features[1] must be [1, 2, 15, 25, 6] like features[1]",
                   [&](auto& p) { p.grad_features[1] = wide.view(); });
  refused_backward("grad_features[1] must have the dtype of features[1]",
                   [&](auto& p) { p.grad_features[1] = half.view(); });
  refused_backward("workspace must be given, got NULL", [](auto& p) { p.workspace = nullptr; });
  refused_backward("is written, so it must not share memory with features[0]",
                   [&](auto& p) { p.grad_features[0] = problem.features[0]->view(); });
  refused_backward("is written, so it must not share memory with weights",
                   [&](auto& p) { p.grad_weights = problem.weights.view(); });

  bevel_multi_view_sample_forward_params f = problem.forward();
  Tensor<uint8_t> too_few({1, 2, 3, 1});
  f.visible = too_few.view();
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_multi_view_sample_forward(&f, nullptr));
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), "visible must be [1, 2, 3, 2]")) << bevel_last_error();
  f = problem.forward();
  f.out = nullptr;
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_multi_view_sample_forward(&f, nullptr));
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), "out must be given, got NULL"));
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_multi_view_sample_forward(nullptr, nullptr));
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_multi_view_sample_backward(nullptr, nullptr));
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::testing::kSeed));
  return RUN_ALL_TESTS();
}
