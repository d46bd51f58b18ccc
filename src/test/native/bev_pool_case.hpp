// A random problem of bev_pool, compared with its reference.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>

#include "lift_splat_case.hpp"
#include "bevel/bev_pool.h"
#include "references/reference.h"

BEVEL_REFERENCE(bev_pool_forward);
BEVEL_REFERENCE(bev_pool_backward);

namespace bevel::testing {

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

  /// What the reference gives.
  struct Expected {
    std::vector<double> out, grad_depth, grad_feature;
  };
  Expected expected() {
    Tensor<double> exact_out(out.shape()), exact_depth(grad_depth.shape()),
        exact_feature(grad_feature.shape());
    bevel_bev_pool_forward_params f = forward_params();
    f.out = exact_out.view();
    EXPECT_BEVEL_OK(bevel_reference_bev_pool_forward(&f, nullptr));
    bevel_bev_pool_backward_params b = backward_params();
    if (b.grad_depth) b.grad_depth = exact_depth.view();
    b.grad_feature = exact_feature.view();
    EXPECT_BEVEL_OK(bevel_reference_bev_pool_backward(&b, nullptr));
    return {values(exact_out), values(exact_depth), values(exact_feature)};
  }

  /// Compares the outputs, wherever they were computed.
  void compare(double tolerance) {
    const Expected e = expected();
    EXPECT_LE(relative_error(values(out), e.out), tolerance);
    EXPECT_LE(relative_error(values(grad_feature), e.grad_feature), tolerance);
    if (s.weighted) {
      EXPECT_LE(relative_error(values(grad_depth), e.grad_depth), tolerance);
    }
  }

  /// Runs both passes on the CPU and compares.
  void check(double tolerance) {
    const bevel_bev_pool_forward_params f = forward_params();
    ASSERT_BEVEL_OK(bevel_bev_pool_forward(&f, nullptr));
    bevel_bev_pool_backward_params b = backward_params();
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_bev_pool_backward_workspace(&b, &bytes));
    Tensor<uint8_t> workspace({bytes});
    b.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_bev_pool_backward(&b, nullptr));
    compare(tolerance);
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

}  // namespace bevel::testing
