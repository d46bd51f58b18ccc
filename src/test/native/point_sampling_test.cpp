// point_sampling on the CPU against plain loops in double, on borders, on hostile numbers, in front of
// deform_attn, and the arguments it must refuse.
#include <cstdio>

#include "deform_attn_case.hpp"
#include "point_sampling_case.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20261121;

class PointSampling : public ::testing::TestWithParam<int> {
 protected:
  PointSizes sizes() const { return all_point_sizes()[static_cast<size_t>(GetParam())]; }
};
INSTANTIATE_TEST_SUITE_P(Sizes, PointSampling,
                         ::testing::Range(0, static_cast<int>(all_point_sizes().size())));

template <class T, class M>
void expect_match(const PointSizes& sizes, double tolerance) {
  PointCase<T, M> problem(sizes, kSeed);
  problem.run();
  problem.compare(tolerance);
}

TEST_P(PointSampling, MatchesPlainLoops) {
  for_each_instruction_set([&] {
    expect_match<float, double>(sizes(), 1e-7);
    expect_match<float, float>(sizes(), 1e-7);
    expect_match<double, double>(sizes(), 1e-12);
  });
}

TEST_P(PointSampling, SameBitsForAllInstructionSetsAndThreads) {
  const int32_t threads = bevel_get_num_threads();
  PointCase<float> expected(sizes(), kSeed);
  if (expected.points.size() > 200 && expected.matrices.size() > 80) make_hostile(expected);
  ASSERT_BEVEL_OK(bevel_set_num_threads(1));
  expected.run();
  for_each_instruction_set([&] {
    for (const int32_t count : {1, 2, 5}) {
      ASSERT_BEVEL_OK(bevel_set_num_threads(count));
      PointCase<float> again(sizes(), kSeed);
      if (again.points.size() > 200 && again.matrices.size() > 80) make_hostile(again);
      again.run();
      expect_same_bits(expected, again);
    }
  });
  ASSERT_BEVEL_OK(bevel_set_num_threads(threads));
}

TEST(PointSamplingGrid, AnchorsStandHalfAMetreFromTheEnds) {
  // A matrix that shows the height: u = (z + 6) / 16, at depth 1.
  PointCase<double> problem({1, 1, 2, 4, 4}, kSeed);
  const double rows[16] = {0, 0, 1, 6, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
  std::copy_n(rows, 16, problem.matrices.data());
  bevel_point_sampling_params p = problem.params();
  p.image_width = 16;
  ASSERT_BEVEL_OK(bevel_point_sampling(&p, nullptr));
  for (int64_t q = 0; q < 8; ++q) {
    for (int64_t k = 0; k < 4; ++k) {
      EXPECT_NEAR(-4.5 + 7.0 / 3 * static_cast<double>(k), problem.reference[(q * 4 + k) * 2] * 16 - 6,
                  1e-12);
    }
  }
}

/// One camera whose image is one pixel, and whose (pixels · depth, depth) are a point's x, y and z
/// themselves.
template <class T>
class BorderCase {
 public:
  explicit BorderCase(std::vector<std::array<double, 3>> given)
      : sizes_{1, 1, static_cast<int32_t>(given.size()), 1, 1, true}, problem_(sizes_, kSeed) {
    const Matrix4 identity = identity4();
    std::copy_n(identity.data(), 16, problem_.matrices.data());
    for (size_t i = 0; i < given.size(); ++i) std::copy_n(given[i].data(), 3, problem_.points.data() + 3 * i);
    bevel_point_sampling_params p = problem_.params();
    p.image_height = p.image_width = 1;
    EXPECT_BEVEL_OK(bevel_point_sampling(&p, nullptr));
  }
  bool seen(int64_t point) const {
    EXPECT_EQ(problem_.mask[point], problem_.visible[point]);
    return problem_.mask[point] == 1;
  }
  double u(int64_t point) const { return problem_.reference[2 * point]; }
  double v(int64_t point) const { return problem_.reference[2 * point + 1]; }

 private:
  PointSizes sizes_;
  PointCase<T> problem_;
};

TEST(PointSamplingBorders, AreStrict) {
  const double just_in = std::nextafter(1.0, 0.0), deeper = std::nextafter(1e-5, 1.0);
  const std::vector<std::array<double, 3>> points = {
      {0.5, 0.5, 1},
      {0, 0.5, 1},
      {1, 0.5, 1},
      {0.5, 0, 1},
      {0.5, 1, 1},
      {just_in, 0.5, 1},
      {0.5, 1e-300, 1},
      {1e-20, 0.5, 1},
      {0.5e-5, 0.5e-5, 1e-5},
      {0.5e-5, 0.5e-5, deeper},
      {0.5, 0.5, 0},
      {0.5, 0.5, -1},
      {-0.5, -0.5, -1},
      {-0.0, 0.5, 1},
  };
  const bool in_double[] = {true, false, false, false, false, true,  true,
                            true, false, true,  false, false, false, false};
  // The nearest float of a number just below 1 is 1 and of 1e-300 is 0.
  const bool in_float[] = {true, false, false, false, false, false, false,
                           true, false, true,  false, false, false, false};
  for_each_instruction_set([&] {
    const BorderCase<double> doubles(points);
    const BorderCase<float> floats(points);
    for (size_t i = 0; i < points.size(); ++i) {
      EXPECT_EQ(in_double[i], doubles.seen(static_cast<int64_t>(i))) << "double, point " << i;
      EXPECT_EQ(in_float[i], floats.seen(static_cast<int64_t>(i))) << "float, point " << i;
    }
    // Behind the camera the depth that is divided by is 1e-5.
    EXPECT_DOUBLE_EQ(-0.5 / 1e-5, doubles.u(12));
    EXPECT_DOUBLE_EQ(0.5 / 1e-5, doubles.v(11));
  });
}

TEST(PointSamplingHostile, NoNumberIsSeenAndEveryNanIsTheSame) {
  for_each_instruction_set([&] {
    PointCase<float> problem({1, 6, 5, 10, 4, true}, kSeed);
    make_hostile(problem);
    problem.run();
    int64_t nans = 0, seen = 0;
    for (int64_t i = 0; i < problem.mask.size(); ++i) {
      const float u = problem.reference[2 * i], v = problem.reference[2 * i + 1];
      for (const float coordinate : {u, v}) {
        if (coordinate != coordinate) {
          ++nans;
          uint32_t bits;
          std::memcpy(&bits, &coordinate, 4);
          ASSERT_EQ(0x7fc00000u, bits);
        }
      }
      if (problem.mask[i]) {
        ++seen;
        ASSERT_TRUE(u > 0 && u < 1 && v > 0 && v < 1) << u << ", " << v;
      }
    }
    EXPECT_GT(nans, 0);
    EXPECT_GT(seen, 0);
  });
}

TEST(PointSamplingHostile, AMatrixOfNansSeesNothing) {
  for (const double bad : {static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    PointCase<float> problem({1, 2, 20, 20, 4}, kSeed);
    for (int i = 0; i < 16; ++i) problem.matrices[i] = bad;
    problem.run();
    int64_t seen = 0;
    for (int64_t i = 0; i < problem.visible.size(); ++i) {
      if (i < 400) {
        ASSERT_EQ(0, problem.visible[i]);
      }
      seen += problem.visible[i];
    }
    EXPECT_GT(seen, 0) << "the second camera sees as ever";
  }
}

TEST(PointSamplingQuirk, OnlyWhatIsVisibleComesFromTheFirstElement) {
  PointCase<float> own({3, 6, 20, 20, 4}, kSeed), gathered({3, 6, 20, 20, 4, false, false, true}, kSeed);
  own.run();
  gathered.run();
  EXPECT_TRUE(same_bits(own.reference, gathered.reference));
  EXPECT_TRUE(same_bits(own.mask, gathered.mask));
  EXPECT_FALSE(same_bits(own.visible, gathered.visible)) << "the elements are turned against each other";
  const size_t views = 6 * 400;
  for (size_t b = 0; b < 3; ++b) {
    EXPECT_EQ(0, std::memcmp(own.visible.data(), gathered.visible.data() + b * views, views)) << b;
  }
  for (int64_t i = 0; i < own.mean_factor.size(); ++i) {
    ASSERT_TRUE(own.mean_factor[i] == 1 || own.mean_factor[i] == 0);
  }
}

TEST(PointSamplingInFrontOfAttention, IsWhatSpatialCrossAttentionTakes) {
  AttentionSizes sizes = {2, 6, 35, 2, 8, 8, {{9, 13, 0}, {5, 7, 117}}};
  sizes.references = 4;
  sizes.shared = true;
  AttentionCase<double, double> attention(sizes, kSeed);
  PointCase<double> points({2, 6, 5, 7, 4}, kSeed);
  bevel_point_sampling_params p = points.params();
  p.reference = attention.reference.view();
  p.visible = attention.visible.view();
  ASSERT_BEVEL_OK(bevel_point_sampling(&p, nullptr));
  int64_t seen = 0;
  for (int64_t i = 0; i < attention.visible.size(); ++i) seen += attention.visible[i];
  EXPECT_GT(seen, 2 * 35 / 2);
  attention.use_visible = true;
  attention.check(1e-12, 1e-12);
}

class PointSamplingArguments : public ::testing::Test {
 protected:
  PointSamplingArguments() : problem_({2, 3, 4, 5, 4}, kSeed), good_(problem_.params()) {}

  void expect_refused(const bevel_point_sampling_params& p, const char* text, void* stream = nullptr) {
    std::memset(problem_.reference.data(), 0x7f, static_cast<size_t>(problem_.reference.size()) * 4);
    std::memset(problem_.visible.data(), 0x7f, static_cast<size_t>(problem_.visible.size()));
    EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_point_sampling(&p, stream)) << text;
    EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text)) << bevel_last_error();
    for (int64_t i = 0; i < problem_.reference.size() * 4; ++i) {
      ASSERT_EQ(0x7f, reinterpret_cast<const char*>(problem_.reference.data())[i]) << text;
    }
    for (int64_t i = 0; i < problem_.visible.size(); ++i) ASSERT_EQ(0x7f, problem_.visible[i]) << text;
  }

  PointCase<float> problem_;
  bevel_point_sampling_params good_;
};

TEST_F(PointSamplingArguments, NumbersAreRefusedWithTheReason) {
  ASSERT_BEVEL_OK(bevel_point_sampling(&good_, nullptr));
  auto refuse = [&](auto change, const char* text) {
    bevel_point_sampling_params p = good_;
    change(p);
    expect_refused(p, text);
  };
  refuse([](auto& p) { p.grid.rows = 0; }, "grid must have at least one row and one column, got 0 × 5");
  refuse([](auto& p) { p.grid.columns = -3; }, "grid must have at least one row and one column, got 4 × -3");
  refuse([](auto& p) { p.grid.anchors = 0; }, "a pillar must have 1 to 256 anchors, got 0");
  refuse([](auto& p) { p.grid.anchors = 257; }, "a pillar must have 1 to 256 anchors, got 257");
  refuse([](auto& p) { p.grid.reserved = 1; }, "grid.reserved");
  refuse([](auto& p) { p.reserved = 1; }, "reserved");
  refuse([](auto& p) { p.grid.range[3] = -51.2; },
         "grid.range must be finite and rise in x, got -51.2 to -51.2");
  refuse([](auto& p) { p.grid.range[1] = NAN; }, "grid.range must be finite and rise in y");
  refuse([](auto& p) { p.grid.range[5] = INFINITY; },
         "grid.range must be finite and rise in z, got -5 to inf");
  refuse([](auto& p) { p.grid.range[0] = -1.7e308, p.grid.range[3] = 1.7e308; }, "rise in x");
  refuse([](auto& p) { p.image_height = 0; },
         "image_height and image_width must be at least 1, got 0 × 1600");
  refuse([](auto& p) { p.image_width = -1; },
         "image_height and image_width must be at least 1, got 928 × -1");
  refuse([](auto& p) { p.visible_of_first_element = 2; }, "visible_of_first_element must be 0 or 1, got 2");
  refuse([](auto& p) { p.grid.rows = p.grid.columns = 50000; }, "queries must be below 2^31, got 2500000000");
  int stream = 0;
  expect_refused(good_, "stream", &stream);
}

TEST_F(PointSamplingArguments, TensorsAreRefusedWithTheReason) {
  auto refuse = [&](auto change, const char* text) {
    bevel_point_sampling_params p = good_;
    change(p);
    expect_refused(p, text);
  };
  Tensor<double> three({2, 3, 3, 4});
  refuse([&](auto& p) { p.lidar_to_image = three.view(); }, "lidar_to_image must be [any, any, 4, 4]");
  Tensor<int32_t> whole({2, 3, 4, 4});
  refuse([&](auto& p) { p.lidar_to_image = whole.view(); }, "lidar_to_image");
  Tensor<float> fewer({2, 3, 19, 4, 2});
  refuse([&](auto& p) { p.reference = fewer.view(); }, "reference must be [2, 3, 20, 4, 2]");
  Tensor<Float16> half({2, 3, 20, 4, 2});
  refuse([&](auto& p) { p.reference = half.view(); }, "reference");
  Tensor<uint8_t> bytes({2, 3, 21});
  refuse([&](auto& p) { p.visible = bytes.view(); }, "visible must be [2, 3, 20]");
  refuse([&](auto& p) { p.mask = bytes.view(); }, "mask must be [2, 3, 20, 4]");
  Tensor<double> wide({2, 20});
  refuse([&](auto& p) { p.mean_factor = wide.view(); }, "mean_factor");
  Tensor<float> shorter({20});
  refuse([&](auto& p) { p.mean_factor = shorter.view(); }, "mean_factor must be [2, 20]");
  DLTensor shifted = *good_.reference;
  Tensor<float> larger({2 * 3 * 20 * 4 * 2 + 1});
  shifted.data = larger.data();
  shifted.byte_offset = 4;
  refuse([&](auto& p) { p.reference = &shifted; }, "reference must be aligned to 8 bytes");
}

TEST_F(PointSamplingArguments, GivenPointsAreRefusedWithTheReason) {
  auto refuse = [&](const DLTensor* points, const char* text) {
    bevel_point_sampling_params p = good_;
    p.grid = {};
    p.points = points;
    expect_refused(p, text);
  };
  Tensor<float> with_grid({2, 20, 4, 3}), three({3, 20, 4, 3}), flat({20, 4, 3}), many({2, 20, 257, 3}),
      two({2, 20, 4, 2});
  bevel_point_sampling_params p = good_;
  p.points = with_grid.view();
  expect_refused(p, "grid must be all 0 where points are given");
  refuse(three.view(), "points must be [2, any, any, 3] to match lidar_to_image");
  refuse(flat.view(), "points must have 4 dimensions");
  refuse(many.view(), "a pillar must have 0 to 256 anchors, got 257");
  refuse(two.view(), "points must be [2, any, any, 3]");
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::testing::kSeed));
  return RUN_ALL_TESTS();
}
