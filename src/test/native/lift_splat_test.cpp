// lift_splat on the CPU against the double reference: plans, forward, backward, every instruction set,
// layout, dtype and method.
#include "lift_splat_case.hpp"

#include <cstdio>

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20260101;

struct NamedCase {
  const char* name;
  Sizes sizes;
  CaseOptions options;
};

const NamedCase kCases[] = {
    {"bevdet", {1, 6, 59, 16, 44, 64, 128, 128, 1}, {}},
    {"rotated", {2, 3, 30, 16, 23, 80, 64, 48, 1}, {.image_degrees = 5.4, .bev_degrees = 11}},
    {"row_x_floor", {1, 6, 20, 9, 17, 65, 40, 56, 1}, {.rounding = BEVEL_FLOOR, .row_axis = BEVEL_ROW_X}},
    {"odd_channels", {2, 2, 11, 5, 7, 3, 16, 12, 1}, {.image_degrees = -4}},
    {"one_channel", {1, 1, 4, 1, 1, 1, 4, 4, 1}, {}},
    {"z_resolved", {1, 6, 16, 16, 11, 32, 32, 32, 8}, {.z_low = -1, .z_high = 5.4}},
    {"z_columns", {1, 2, 16, 16, 11, 20, 32, 32, 4}, {.method = BEVEL_LIFT_SPLAT_COLUMNS}},
    {"flat_intervals", {2, 2, 20, 16, 18, 48, 32, 24, 1}, {.method = BEVEL_LIFT_SPLAT_INTERVALS}},
    {"tall", {1, 2, 12, 64, 19, 24, 64, 64, 1}, {.image_degrees = 90}},
    {"very_tall", {1, 1, 6, 255, 3, 16, 32, 32, 1}, {}},
    {"one_cell", {1, 6, 10, 8, 9, 17, 1, 1, 1}, {.extent = 500, .z_low = -500, .z_high = 500}},
    {"nothing_kept", {1, 2, 5, 4, 6, 8, 8, 8, 1}, {.z_low = 400, .z_high = 500}},
    {"no_cameras", {2, 0, 5, 4, 6, 8, 8, 8, 1}, {}},
    {"no_batch", {0, 6, 5, 4, 6, 8, 8, 8, 1}, {}},
};

class LiftSplat : public ::testing::TestWithParam<NamedCase> {};

INSTANTIATE_TEST_SUITE_P(Cases, LiftSplat, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(LiftSplat, CellsAgreeWithTheDefinition) {
  const Sizes& s = GetParam().sizes;
  PlanCase plan(s, GetParam().options);
  const bevel_lift_splat_geometry& g = plan.params().geometry;
  const std::vector<int32_t> cells = plan.cells();
  int64_t point = 0, disagreements = 0;
  for (int64_t camera = 0; camera < s.batch * s.cameras; ++camera) {
    for (int64_t d = 0; d < s.depth_bins; ++d) {
      for (int64_t h = 0; h < s.height; ++h) {
        for (int64_t w = 0; w < s.width; ++w, ++point) {
          const double u = s.width == 1 ? 0 : static_cast<double>(w) * 703 / static_cast<double>(s.width - 1);
          const double v =
              s.height == 1 ? 0 : static_cast<double>(h) * 255 / static_cast<double>(s.height - 1);
          double p[3];
          reference_point(plan.calibration(), s.cameras, camera, u, v,
                          1 + static_cast<double>(d) * g.depth_step, p);
          if (reference_cell(g.grid, p) == cells[static_cast<size_t>(point)]) continue;
          // Only a point on a border, up to rounding, may differ.
          bool on_border = false;
          for (int axis = 0; axis < 3; ++axis) {
            const double f = (p[axis] - g.grid.lower[axis]) / g.grid.cell_size[axis];
            on_border |= std::fabs(f - std::round(f)) < 1e-9;
          }
          EXPECT_TRUE(on_border) << "point " << point;
          ++disagreements;
        }
      }
    }
  }
  EXPECT_LE(disagreements, s.points() / 1000 + 1);
}

TEST_P(LiftSplat, PlanHoldsEveryKeptPointOnce) {
  PlanCase plan(GetParam().sizes, GetParam().options);
  plan.build();
  int64_t kept = 0;
  std::vector<char> filled(static_cast<size_t>(GetParam().sizes.cells()), 0);
  const std::vector<int32_t> cells = plan.cells();
  const int64_t per_image = GetParam().sizes.points() / std::max<int64_t>(1, GetParam().sizes.batch);
  for (size_t i = 0; i < cells.size(); ++i) {
    if (cells[i] < 0) continue;
    ++kept;
    const int64_t b = static_cast<int64_t>(i) / per_image;
    filled[static_cast<size_t>(b * GetParam().sizes.nx * GetParam().sizes.ny * GetParam().sizes.nz +
                               cells[i])] = 1;
  }
  EXPECT_EQ(kept, plan.info().points);
  EXPECT_EQ(std::count(filled.begin(), filled.end(), 1), plan.info().filled_cells);
  EXPECT_EQ(0, plan.info().overflow);
}

template <class T, class Context, class Out>
void expect_close(const NamedCase& named, CallOptions options, double tolerance) {
  PlanCase plan(named.sizes, named.options);
  plan.build();
  Call<T, Context, Out> call(plan, options, kSeed);
  const ReferenceResult reference = call.reference(true);
  for_each_instruction_set([&] {
    call.forward();
    EXPECT_LE(relative_error(call.canonical_out(call.out), reference.out), tolerance);
    if (options.logits) {
      EXPECT_LE(relative_error(call.doubles(call.probabilities), reference.probabilities), tolerance);
    }
    call.backward();
    EXPECT_LE(relative_error(call.doubles(call.grad_depth), reference.grad_depth, 0.5), tolerance);
    EXPECT_LE(relative_error(call.canonical_context(call.grad_context), reference.grad_context), tolerance);
  });
}

TEST_P(LiftSplat, Float32MatchesTheReference) {
  for (int i = 0; i < 16; ++i) {
    const CallOptions options = {(i & 1) == 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0};
    SCOPED_TRACE("options " + std::to_string(i));
    expect_close<float, float, float>(GetParam(), options, 2e-5);
  }
}

TEST_P(LiftSplat, Float64MatchesTheReference) {
  for (int i = 0; i < 16; ++i) {
    const CallOptions options = {(i & 1) == 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0};
    SCOPED_TRACE("options " + std::to_string(i));
    expect_close<double, double, double>(GetParam(), options, 1e-13);
  }
}

// One rounding to storage: half an ulp of the largest element, and a margin for the float sums.
TEST_P(LiftSplat, SixteenBitMatchesTheReference) {
  expect_close<float, Bfloat16, Bfloat16>(GetParam(), {true, false, true, true}, 1.1 / 256);
  expect_close<float, Bfloat16, float>(GetParam(), {false, true, false, false}, 1.1 / 256);
  expect_close<float, Float16, Float16>(GetParam(), {true, true, false, false}, 1.1 / 2048);
  expect_close<float, float, Float16>(GetParam(), {false, false, true, true}, 1.1 / 2048);
}

TEST_P(LiftSplat, ThreadsDoNotChangeABit) {
  PlanCase plan(GetParam().sizes, GetParam().options);
  const int32_t threads = bevel_get_num_threads();
  ASSERT_BEVEL_OK(bevel_set_num_threads(1));
  plan.build();
  Call<float> one(plan, {true, true, false, false}, kSeed);
  one.forward();
  one.backward();
  for (int32_t count : {2, 3, 7}) {
    ASSERT_BEVEL_OK(bevel_set_num_threads(count));
    PlanCase other_plan(GetParam().sizes, GetParam().options);
    other_plan.build();
    Call<float> many(other_plan, {true, true, false, false}, kSeed);
    many.forward();
    many.backward();
    auto same = [](const Tensor<float>& a, const Tensor<float>& b) {
      return std::memcmp(a.data(), b.data(), static_cast<size_t>(a.size()) * 4) == 0;
    };
    EXPECT_TRUE(same(one.out, many.out) && same(one.grad_depth, many.grad_depth) &&
                same(one.grad_context, many.grad_context))
        << count << " threads";
  }
  ASSERT_BEVEL_OK(bevel_set_num_threads(threads));
}

// The reference's own gradients against central differences of its forward.
TEST(LiftSplatReference, GradientsAgreeWithFiniteDifferences) {
  PlanCase plan({1, 2, 7, 6, 5, 3, 8, 8, 1}, {.image_degrees = 7});
  plan.build();
  for (int i = 0; i < 4; ++i) {
    Call<double> call(plan, {(i & 1) == 0, (i & 2) != 0, false, false}, kSeed + static_cast<uint64_t>(i));
    const ReferenceResult exact = call.reference(true);
    const std::vector<double> weight = call.canonical_out(call.grad_out);
    auto loss = [&] {
      const ReferenceResult r = call.reference(false);
      double sum = 0;
      for (size_t k = 0; k < weight.size(); ++k) sum += weight[k] * r.out[k];
      return sum;
    };
    auto check = [&](Tensor<double>& input, const std::vector<double>& gradient) {
      for (int64_t k = 0; k < input.size(); k += 5) {
        const double kept = input[k], step = 1e-5;
        input[k] = kept + step;
        const double above = loss();
        input[k] = kept - step;
        const double below = loss();
        input[k] = kept;
        EXPECT_NEAR((above - below) / (2 * step), gradient[static_cast<size_t>(k)], 1e-8);
      }
    };
    check(call.depth, exact.grad_depth);
    check(call.context, exact.grad_context);
  }
}

/// A value at one pixel reaches exactly the cells of that pixel's points, whatever it is.
TEST(LiftSplatValues, NotFiniteValuesReachTheirOwnCellsOnly) {
  for (bevel_lift_splat_method method : {BEVEL_LIFT_SPLAT_COLUMNS, BEVEL_LIFT_SPLAT_INTERVALS}) {
    PlanCase plan({1, 2, 12, 16, 9, 24, 24, 24, 1}, {.image_degrees = 3, .method = method});
    plan.build();
    const Sizes& s = plan.sizes();
    const std::vector<int32_t> cells = plan.cells();
    const int64_t plane = s.height * s.width;
    for_each_instruction_set([&] {
      for (float value : {NAN, INFINITY, -INFINITY}) {
        for (int64_t pixel : {int64_t{3}, int64_t{40}, plane - 1}) {
          Call<float> call(plan, {false, false, false, true}, kSeed);
          for (int64_t c = 0; c < s.channels; ++c) call.context[c * plane + pixel] = value;
          call.forward();
          std::vector<char> reached(static_cast<size_t>(s.cells()), 0);
          for (int64_t d = 0; d < s.depth_bins; ++d) {
            const int32_t cell = cells[static_cast<size_t>(d * plane + pixel)];
            if (cell >= 0) reached[static_cast<size_t>(cell)] = 1;
          }
          for (int64_t cell = 0; cell < s.cells(); ++cell) {
            EXPECT_NE(std::isfinite(call.out[cell * s.channels]), reached[static_cast<size_t>(cell)] == 1)
                << cell;
          }
        }
      }
    });
  }
}

TEST(LiftSplatValues, DepthOfDroppedPointsReachesNothing) {
  PlanCase plan({1, 2, 12, 16, 9, 24, 24, 24, 1}, {.extent = 20});
  plan.build();
  const std::vector<int32_t> cells = plan.cells();
  for_each_instruction_set([&] {
    Call<float> call(plan, {false, false, true, false}, kSeed);
    for (size_t i = 0; i < cells.size(); ++i) {
      if (cells[i] < 0) call.depth[static_cast<int64_t>(i)] = NAN;
    }
    call.forward();
    for (int64_t i = 0; i < call.out.size(); ++i) ASSERT_TRUE(std::isfinite(call.out[i]));
    call.backward();
    for (int64_t i = 0; i < call.grad_context.size(); ++i) ASSERT_TRUE(std::isfinite(call.grad_context[i]));
    for (size_t i = 0; i < cells.size(); ++i) {
      if (cells[i] < 0) {
        ASSERT_EQ(0.0f, call.grad_depth[static_cast<int64_t>(i)]);
      }
    }
  });
}

TEST(LiftSplatPlan, MatricesThatAreNotFiniteDropEveryPoint) {
  for (double value : {static_cast<double>(NAN), static_cast<double>(INFINITY), 0.0}) {
    PlanCase plan({1, 2, 5, 4, 6, 8, 8, 8, 1}, {});
    auto* intrinsics = static_cast<double*>(plan.params().geometry.intrinsics->data);
    for (int i = 0; i < 9; ++i) intrinsics[i] = value;  // camera 0 only; zeros make it singular
    plan.build();
    const std::vector<int32_t> cells = plan.cells();
    for (size_t i = 0; i < cells.size() / 2; ++i) ASSERT_EQ(-1, cells[i]);
  }
}

TEST(LiftSplatPlan, TruncationKeepsPointsBelowTheBorderAndFloorDropsThem) {
  // A camera at the origin looking along +x, one pixel, depth bins that end exactly on cell borders.
  for (bevel_cell_rounding rounding : {BEVEL_TRUNC, BEVEL_FLOOR}) {
    PlanCase plan({1, 1, 6, 1, 1, 4, 4, 1, 1}, {.rounding = rounding});
    bevel_lift_splat_geometry& g = plan.params().geometry;
    g.grid.lower[0] = 2;
    g.grid.lower[1] = -0.5;
    g.grid.lower[2] = -0.5;
    g.grid.cell_size[0] = g.grid.cell_size[1] = g.grid.cell_size[2] = 1;
    g.depth_start = 1;
    g.depth_step = 1;
    const double look_along_x[16] = {0, 0, 1, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 1};
    std::memcpy(g.camera_to_bev->data, look_along_x, sizeof look_along_x);
    const double intrinsics[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    std::memcpy(g.intrinsics->data, intrinsics, sizeof intrinsics);
    const Matrix4 none = identity4();
    std::memcpy(g.image_augmentation->data, none.data(), sizeof none);
    std::memcpy(g.bev_augmentation->data, none.data(), sizeof none);
    // Depths 1..6 are f = −1, 0, 1, 2, 3, 4: −1 itself is outside under both, 4 is beyond the last cell.
    EXPECT_EQ((std::vector<int32_t>{-1, 0, 1, 2, 3, -1}), plan.cells());
    g.depth_start = 1.5;
    const int32_t below = rounding == BEVEL_TRUNC ? 0 : -1;
    EXPECT_EQ((std::vector<int32_t>{below, 0, 1, 2, 3, -1}), plan.cells());
    g.depth_start = 2 - 1e-300;  // rounds to 2: on the border
    EXPECT_EQ(0, plan.cells()[0]);
  }
}

TEST(LiftSplatPlan, ExplicitCellsGiveTheSamePlanAsMatrices) {
  PlanCase from_matrices({2, 3, 12, 16, 9, 8, 24, 24, 1}, {.image_degrees = 3});
  from_matrices.build();
  Tensor<int32_t> cells({2, 3, 12, 16, 9});
  const std::vector<int32_t> values = from_matrices.cells();
  std::copy(values.begin(), values.end(), cells.data());
  PlanCase from_cells({2, 3, 12, 16, 9, 8, 24, 24, 1}, {});
  from_cells.use_cells(cells);
  from_cells.build();
  EXPECT_EQ(from_matrices.info().rows, from_cells.info().rows);
  Call<float> a(from_matrices, {}, kSeed), b(from_cells, {}, kSeed);
  a.forward();
  b.forward();
  EXPECT_EQ(0, std::memcmp(a.out.data(), b.out.data(), static_cast<size_t>(a.out.size()) * 4));
  cells[0] = 1 << 30;  // beyond the grid: dropped, never followed
  from_cells.build();
  EXPECT_EQ(from_matrices.info().points - (values[0] >= 0), from_cells.info().points);
}

TEST(LiftSplatPlan, RandomCellsThatFollowNoGeometryAreExactToo) {
  // Scattered cells make rows with gaps, many runs and crowded cells: nothing in the kernels may rely on a
  // camera.
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 10; ++round) {
    const Sizes s = {2, 2, 9, 16, 18, 20, 3, 2, 1};
    Tensor<int32_t> cells({s.batch, s.cameras, s.depth_bins, s.height, s.width});
    for (int64_t i = 0; i < cells.size(); ++i) cells[i] = static_cast<int32_t>(random() % 8) - 2;
    PlanCase plan(s, {.method = round % 2 ? BEVEL_LIFT_SPLAT_COLUMNS : BEVEL_LIFT_SPLAT_INTERVALS});
    plan.use_cells(cells);
    plan.build();
    Call<float> call(plan, {}, random());
    std::vector<int32_t> values(cells.data(), cells.data() + cells.size());
    for (int32_t& cell : values) cell = cell >= 6 ? -1 : cell;
    const ReferenceResult r =
        reference_lift_splat(s, values, call.doubles(call.depth), true, call.canonical_context(call.context),
                             {}, {}, call.canonical_out(call.grad_out));
    call.forward();
    call.backward();
    EXPECT_LE(relative_error(call.canonical_out(call.out), r.out), 2e-5);
    EXPECT_LE(relative_error(call.doubles(call.grad_depth), r.grad_depth), 2e-5);
    EXPECT_LE(relative_error(call.canonical_context(call.grad_context), r.grad_context), 2e-5);
  }
}

TEST(LiftSplatPlan, TooSmallACapacityIsSaidAndRefused) {
  PlanCase plan({1, 2, 12, 16, 9, 8, 24, 24, 1}, {});
  plan.params().max_points = 10;
  plan.build();
  EXPECT_EQ(1, plan.info().overflow);
  Call<float> call(plan, {}, kSeed);
  bevel_lift_splat_forward_params p = call.forward_params();
  int64_t bytes = 0;
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_lift_splat_forward_workspace(&p, &bytes));
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), "did not fit"));
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::testing::kSeed));
  return RUN_ALL_TESTS();
}
