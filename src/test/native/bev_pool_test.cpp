// bev_pool on the CPU against plain loops in double: ranks and features, forward and backward, and the
// arguments it must refuse.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>

#include "bev_pool.h"
#include "lift_splat_case.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20260102;

struct PoolSizes {
  int64_t points, depth_elements, feature_rows, cells, channels;
  bool weighted;
};

/// A random problem: points sorted by cell, intervals shuffled, each depth element used at most once.
template <class T, class Feature, class Out>
class Problem {
 public:
  Problem(PoolSizes sizes, uint64_t seed)
      : s(sizes),
        depth({sizes.depth_elements}),
        grad_depth({sizes.depth_elements}),
        feature({sizes.feature_rows, sizes.channels}),
        grad_feature({sizes.feature_rows, sizes.channels}),
        out({sizes.cells, sizes.channels}),
        grad_out({sizes.cells, sizes.channels}),
        ranks_depth({sizes.points}),
        ranks_feature({sizes.points}),
        ranks_bev({sizes.points}) {
    std::mt19937_64 random(seed);
    fill_random(depth, random, 0, 1);
    fill_random(feature, random);
    fill_random(grad_out, random);
    std::vector<int32_t> elements(static_cast<size_t>(s.depth_elements));
    std::iota(elements.begin(), elements.end(), 0);
    std::shuffle(elements.begin(), elements.end(), random);
    for (int64_t i = 0; i < s.points; ++i) {
      ranks_depth[i] = elements[static_cast<size_t>(i)];
      ranks_feature[i] = static_cast<int32_t>(random() % static_cast<uint64_t>(s.feature_rows));
      ranks_bev[i] = static_cast<int32_t>(random() % static_cast<uint64_t>(s.cells));
    }
    std::sort(ranks_bev.data(), ranks_bev.data() + s.points);
    std::vector<std::pair<int32_t, int32_t>> intervals;
    for (int64_t i = 0; i < s.points; ++i) {
      if (i == 0 || ranks_bev[i] != ranks_bev[i - 1]) intervals.push_back({static_cast<int32_t>(i), 0});
      ++intervals.back().second;
    }
    std::shuffle(intervals.begin(), intervals.end(), random);
    // The last interval is left out: its points belong to no sum.
    if (intervals.size() > 2) intervals.pop_back();
    starts = std::make_unique<Tensor<int32_t>>(std::vector<int64_t>{static_cast<int64_t>(intervals.size())});
    lengths = std::make_unique<Tensor<int32_t>>(std::vector<int64_t>{static_cast<int64_t>(intervals.size())});
    for (size_t i = 0; i < intervals.size(); ++i) {
      (*starts)[static_cast<int64_t>(i)] = intervals[i].first;
      (*lengths)[static_cast<int64_t>(i)] = intervals[i].second;
    }
  }

  bevel_bev_pool_forward_params forward_params() {
    return {sizeof(bevel_bev_pool_forward_params),
            s.weighted ? depth.view() : nullptr,
            feature.view(),
            s.weighted ? ranks_depth.view() : nullptr,
            ranks_feature.view(),
            ranks_bev.view(),
            starts->view(),
            lengths->view(),
            out.view()};
  }

  bevel_bev_pool_backward_params backward_params() {
    return {sizeof(bevel_bev_pool_backward_params),
            grad_out.view(),
            s.weighted ? depth.view() : nullptr,
            feature.view(),
            s.weighted ? ranks_depth.view() : nullptr,
            ranks_feature.view(),
            ranks_bev.view(),
            starts->view(),
            lengths->view(),
            s.weighted ? grad_depth.view() : nullptr,
            grad_feature.view(),
            nullptr};
  }

  void check(double tolerance) {
    std::vector<double> expected_out(static_cast<size_t>(out.size()), 0.0);
    std::vector<double> expected_depth(static_cast<size_t>(grad_depth.size()), 0.0);
    std::vector<double> expected_feature(static_cast<size_t>(grad_feature.size()), 0.0);
    for (int64_t k = 0; k < starts->size(); ++k) {
      for (int64_t i = (*starts)[k]; i < (*starts)[k] + (*lengths)[k]; ++i) {
        const double weight = s.weighted ? to_double(depth[ranks_depth[i]]) : 1;
        double dot = 0;
        for (int64_t c = 0; c < s.channels; ++c) {
          const int64_t f = ranks_feature[i] * s.channels + c, o = ranks_bev[i] * s.channels + c;
          expected_out[static_cast<size_t>(o)] += weight * to_double(feature[f]);
          expected_feature[static_cast<size_t>(f)] += weight * to_double(grad_out[o]);
          dot += to_double(grad_out[o]) * to_double(feature[f]);
        }
        expected_depth[static_cast<size_t>(ranks_depth[i])] = dot;
      }
    }
    const bevel_bev_pool_forward_params f = forward_params();
    ASSERT_BEVEL_OK(bevel_bev_pool_forward(&f, nullptr));
    EXPECT_LE(relative_error(values(out), expected_out), tolerance);
    bevel_bev_pool_backward_params b = backward_params();
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_bev_pool_backward_workspace(&b, &bytes));
    Tensor<uint8_t> workspace({bytes});
    b.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_bev_pool_backward(&b, nullptr));
    EXPECT_LE(relative_error(values(grad_feature), expected_feature), tolerance);
    if (s.weighted) {
      EXPECT_LE(relative_error(values(grad_depth), expected_depth), tolerance);
    }
  }

  template <class U>
  static std::vector<double> values(const Tensor<U>& tensor) {
    std::vector<double> out(static_cast<size_t>(tensor.size()));
    for (int64_t i = 0; i < tensor.size(); ++i) out[static_cast<size_t>(i)] = to_double(tensor[i]);
    return out;
  }

  PoolSizes s;
  Tensor<T> depth, grad_depth;
  Tensor<Feature> feature, grad_feature;
  Tensor<Out> out, grad_out;
  Tensor<int32_t> ranks_depth, ranks_feature, ranks_bev;
  std::unique_ptr<Tensor<int32_t>> starts, lengths;
};

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
  p.struct_size = 8;
  expect_refused(problem, p, "struct_size");
  p = good;
  p.feature = nullptr;
  expect_refused(problem, p, "feature must be given, got NULL");
  p = good;
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

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::testing::kSeed));
  return RUN_ALL_TESTS();
}
