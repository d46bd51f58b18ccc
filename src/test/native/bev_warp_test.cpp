// bev_warp on the CPU against plain loops in double, forward and backward, and what a warp must do: shift,
// rotate, undo itself, and treat any matrix alike.
#include <cstdio>

#include "bev_warp_case.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20261121;

std::vector<WarpSizes> all_sizes() {
  return {
      {2, 3, 5, 17, 23, 17, 23}, {1, 2, 80, 40, 130, 40, 130}, {1, 1, 1, 1, 1, 1, 1}, {1, 2, 3, 1, 7, 5, 1},
      {1, 1, 4, 33, 9, 21, 70},  {1, 1, 33, 8, 8, 8, 8},       {2, 1, 2, 5, 6, 0, 4}, {0, 1, 2, 5, 6, 5, 6},
      {1, 1, 2, 0, 6, 5, 4},     {1, 1, 200, 3, 5, 4, 3},
  };
}

/// Size, coordinates, nearest, grid, channels last.
class BevWarp : public ::testing::TestWithParam<std::tuple<int, int, bool, bool, bool>> {
 protected:
  WarpSizes sizes() const {
    const auto [size, coordinates, nearest, grid, channels_last] = GetParam();
    WarpSizes s = all_sizes()[static_cast<size_t>(size)];
    s.coordinates = coordinates;
    s.nearest = nearest;
    s.grid = grid;
    s.channels_last = channels_last;
    s.with_batch = size % 2 == 0;
    return s;
  }
};
INSTANTIATE_TEST_SUITE_P(Sizes, BevWarp,
                         ::testing::Combine(::testing::Range(0, static_cast<int>(all_sizes().size())),
                                            ::testing::Range(0, 3), ::testing::Bool(), ::testing::Bool(),
                                            ::testing::Bool()));

// A position carries the rounding of float, about 130 · 2⁻²³ pixels here, and a pixel differs from its
// neighbour by up to twice the largest; the gradient of a grid adds 80 channels of that.
TEST_P(BevWarp, MatchesPlainLoops) {
  for_each_instruction_set([&] {
    WarpCase<double, double>(sizes(), kSeed).check(1e-12, 1e-12, 1e-12);
    WarpCase<float, float>(sizes(), kSeed).check(6e-5, 6e-5, 2e-4);
    WarpCase<float, Bfloat16>(sizes(), kSeed).check(1.1 / 256, 1.1 / 256, 2e-4);
    WarpCase<float, Float16, float>(sizes(), kSeed).check(1.1 / 2048, 6e-5, 2e-4);
    WarpCase<float, float, Float16>(sizes(), kSeed).check(6e-5, 1.1 / 2048, 2e-4);
  });
}

template <class T>
bool same_bits(const Tensor<T>& a, const Tensor<T>& b) {
  return std::memcmp(a.data(), b.data(), static_cast<size_t>(a.size()) * sizeof(T)) == 0;
}

TEST_P(BevWarp, SameBitsForAnyNumberOfThreads) {
  const int32_t threads = bevel_get_num_threads();
  WarpCase<float, float> one(sizes(), kSeed);
  ASSERT_BEVEL_OK(bevel_set_num_threads(1));
  one.run_forward();
  one.run_backward();
  for (int32_t count : {2, 5}) {
    WarpCase<float, float> many(sizes(), kSeed);
    ASSERT_BEVEL_OK(bevel_set_num_threads(count));
    many.run_forward();
    many.run_backward();
    EXPECT_TRUE(same_bits(one.out, many.out));
    EXPECT_TRUE(same_bits(one.grad_input, many.grad_input));
    EXPECT_TRUE(same_bits(one.grad_grid, many.grad_grid) || !sizes().grid);
  }
  ASSERT_BEVEL_OK(bevel_set_num_threads(threads));
}

/// Every layout, coordinate, interpolation and instruction set.
template <class Body>
void for_each_mode(Body body) {
  for_each_instruction_set([&] {
    for (int coordinates = 0; coordinates < 3; ++coordinates) {
      for (bool nearest : {false, true}) {
        for (bool channels_last : {false, true}) body(coordinates, nearest, channels_last);
      }
    }
  });
}

TEST(BevWarpMeaning, WholeCellsShiftExactly) {
  for_each_mode([](int coordinates, bool nearest, bool channels_last) {
    // Extents of 2ⁿ and 2ⁿ + 1, where a shift by whole pixels is a float in every coordinate.
    for (int64_t extent : {32, 33}) {
      WarpSizes s = {1, 4, 3, extent, extent, extent, extent, coordinates, nearest, false, channels_last};
      WarpCase<float, float> problem(s, kSeed);
      const int shifts[4][2] = {{0, 0}, {5, -3}, {-31, 16}, {40, 2}};
      for (int64_t t = 0; t < 4; ++t) {
        const std::vector<double> m = rigid_matrix(s, 0, shifts[t][0], shifts[t][1]);
        for (int i = 0; i < 6; ++i)
          problem.matrices[t * 6 + i] = static_cast<float>(m[static_cast<size_t>(i)]);
      }
      if (coordinates == 1 && extent == 33) continue;  // 2/33 is no float
      problem.run_forward();
      const std::vector<double> in = problem.planes(problem.input, s.in_pixels());
      const std::vector<double> out = problem.planes(problem.out, s.out_pixels());
      for (size_t i = 0; i < out.size(); ++i) {
        const int64_t at = static_cast<int64_t>(i), map = at / s.out_pixels();
        const int64_t column = at % extent + shifts[map / 3][0],
                      row = at / extent % extent + shifts[map / 3][1];
        const bool on = column >= 0 && row >= 0 && column < extent && row < extent;
        const double expected = on ? in[static_cast<size_t>((map * extent + row) * extent + column)] : 0.0;
        ASSERT_EQ(expected, out[i]) << "coordinates " << coordinates << " extent " << extent << " at " << i;
      }
    }
  });
}

/// A quarter turn there and back restores the map exactly, and so does backward, its inverse here.
TEST(BevWarpMeaning, QuarterTurnsUndoThemselves) {
  for_each_mode([](int, bool nearest, bool channels_last) {
    const WarpSizes s = {1, 1, 3, 21, 21, 21, 21, BEVEL_WARP_PIXELS, nearest, false, channels_last};
    WarpCase<float, float> there(s, kSeed), back(s, kSeed);
    const float turn[6] = {0, -1, 20, 1, 0, 0}, unturn[6] = {0, 1, 0, -1, 0, 20};
    std::memcpy(there.matrices.data(), turn, sizeof turn);
    std::memcpy(back.matrices.data(), unturn, sizeof unturn);
    there.run_forward();
    EXPECT_FALSE(same_bits(there.input, there.out));
    std::memcpy(back.input.data(), there.out.data(), static_cast<size_t>(there.out.size()) * 4);
    back.run_forward();
    EXPECT_TRUE(same_bits(there.input, back.out));
    std::memcpy(there.grad_out.data(), there.out.data(), static_cast<size_t>(there.out.size()) * 4);
    there.run_backward();
    EXPECT_TRUE(same_bits(there.input, there.grad_input));
  });
}

/// On a smooth map any warp and its inverse give the map back inside. Bilinear interpolation errs by at most
/// h²/8 · (|f_xx| + |f_yy|), with h = 1 and f = sin(x/8) · cos(y/9) at most (1/64 + 1/81)/8 = 0.0035; twice,
/// the second time on a map whose error the first added: 0.007.
TEST(BevWarpMeaning, InverseRestoresASmoothMapInside) {
  for_each_instruction_set([] {
    for (bool channels_last : {false, true}) {
      const WarpSizes s = {1, 1, 1, 64, 64, 64, 64, BEVEL_WARP_PIXELS, false, false, channels_last};
      WarpCase<float, float> there(s, kSeed), back(s, kSeed);
      for (int64_t i = 0; i < 64 * 64; ++i) {
        there.input[i] = static_cast<float>(std::sin(static_cast<double>(i % 64) / 8) *
                                            std::cos(static_cast<double>(i / 64) / 9));
      }
      const double c = std::cos(0.3), n = std::sin(0.3), x = 3.3, y = -2.7;
      // p = R (q − 31.5) + 31.5 + shift, and its inverse.
      const double forward[6] = {c, -n, 31.5 - c * 31.5 + n * 31.5 + x, n, c, 31.5 - n * 31.5 - c * 31.5 + y};
      const double inverse[6] = {c,  n, 31.5 - c * (31.5 + x) - n * (31.5 + y),
                                 -n, c, 31.5 + n * (31.5 + x) - c * (31.5 + y)};
      for (int i = 0; i < 6; ++i) {
        there.matrices[i] = static_cast<float>(forward[i]);
        back.matrices[i] = static_cast<float>(inverse[i]);
      }
      there.run_forward();
      std::memcpy(back.input.data(), there.out.data(), static_cast<size_t>(there.out.size()) * 4);
      back.run_forward();
      for (int64_t row = 16; row < 48; ++row) {
        for (int64_t column = 16; column < 48; ++column) {
          EXPECT_NEAR(there.input[row * 64 + column], back.out[row * 64 + column], 0.007);
        }
      }
    }
  });
}

/// Matrices that shrink, magnify, mirror, collapse, leave the map, or hold no numbers: forward and backward
/// are what plain loops make of the same positions.
TEST(BevWarpHostile, AnyMatrix) {
  const float big = 3e38f;
  const float matrices[][6] = {
      {0, 0, 5, 0, 0, 4},           {0, 0, 5.25f, 0, 0, 4.5f},    {1, 1, 0, 1, 1, 0},
      {0.125f, 0, 3, 0, 0.125f, 3}, {9, 0, -50, 0, 9, -50},       {-1, 0, 20, 0, 1, 0},
      {big, 0, 0, 0, big, 0},       {NAN, 0, 0, 0, 1, 0},         {1, 0, INFINITY, 0, 1, 0},
      {1, 0, 0, 0, INFINITY, 0},    {1e-30f, 0, 7, 0, 1e-30f, 7}, {1, 0, 1000, 0, 1, 0},
      {big, big, -big, 1, 0, 0},    {0, 0, -1, 0, 0, -1},         {0, 0, 21.999998f, 0, 0, 16.999998f},
      {1, 0, -0.99999994f, 0, 1, 0}};
  for_each_mode([&](int, bool nearest, bool channels_last) {
    for (const auto& matrix : matrices) {
      WarpSizes s = {1, 1, 3, 17, 22, 19, 37, BEVEL_WARP_PIXELS, nearest, false, channels_last};
      WarpCase<float, float> problem(s, kSeed);
      std::memcpy(problem.matrices.data(), matrix, sizeof matrix);
      SCOPED_TRACE(::testing::Message() << "matrix " << matrix[0] << " " << matrix[1] << " " << matrix[2]
                                        << " " << matrix[3] << " " << matrix[4] << " " << matrix[5]);
      problem.check(2e-5, 2e-5, 0);
    }
  });
}

/// ⟨warp(x), g⟩ = ⟨x, backward(g)⟩ for the same weights, here to the last bit: all numbers are small integers
/// and weights are 0 or 1, so neither sum rounds, however often an input pixel is read.
TEST(BevWarpHostile, NearestBackwardIsExactlyTheTranspose) {
  for_each_instruction_set([] {
    std::mt19937_64 random(kSeed);
    std::uniform_real_distribution<float> uniform(-2, 2);
    for (int round = 0; round < 50; ++round) {
      WarpSizes s = {1, 1, 2, 19, 31, 23, 29, BEVEL_WARP_PIXELS, true, false, round % 2 == 0};
      WarpCase<float, float> problem(s, kSeed);
      for (int i = 0; i < 6; ++i) problem.matrices[i] = uniform(random) * (i % 3 == 2 ? 10.0f : 1.0f);
      for (int64_t i = 0; i < problem.input.size(); ++i) problem.input[i] = static_cast<float>(random() % 17);
      for (int64_t i = 0; i < problem.grad_out.size(); ++i)
        problem.grad_out[i] = static_cast<float>(random() % 17);
      problem.run_forward();
      problem.run_backward();
      double above = 0, below = 0;
      for (int64_t i = 0; i < problem.out.size(); ++i)
        above += static_cast<double>(problem.out[i]) * problem.grad_out[i];
      for (int64_t i = 0; i < problem.input.size(); ++i)
        below += static_cast<double>(problem.input[i]) * problem.grad_input[i];
      EXPECT_EQ(above, below) << "round " << round;
    }
  });
}

TEST(BevWarpHostile, PositionsThatAreNoNumbersGiveZero) {
  for_each_mode([](int coordinates, bool nearest, bool channels_last) {
    WarpSizes s = {1, 1, 4, 5, 7, 1, 6, coordinates, nearest, true, channels_last};
    WarpCase<float, float> problem(s, kSeed);
    const float bad[6][2] = {{NAN, 0.5f},       {0.5f, NAN},   {INFINITY, 0.5f},
                             {0.5f, -INFINITY}, {1e30f, 0.5f}, {0.5f, -3e38f}};
    std::memcpy(problem.grid.data(), bad, sizeof bad);
    problem.run_forward();
    problem.run_backward();
    for (int64_t i = 0; i < problem.out.size(); ++i) EXPECT_EQ(0.0f, problem.out[i]) << i;
    for (int64_t i = 0; i < problem.grad_input.size(); ++i) EXPECT_EQ(0.0f, problem.grad_input[i]) << i;
    for (int64_t i = 0; i < problem.grad_grid.size(); ++i) EXPECT_EQ(0.0f, problem.grad_grid[i]) << i;
  });
}

/// One pixel of numbers in a sea of NaN: who does not read a NaN is not touched by it.
TEST(BevWarpHostile, PixelsThatAreNotReadDoNotMatter) {
  for_each_mode([](int, bool nearest, bool channels_last) {
    WarpSizes s = {1, 1, 3, 9, 40, 9, 40, BEVEL_WARP_PIXELS, nearest, false, channels_last};
    WarpCase<float, float> problem(s, kSeed);
    const float matrix[6] = {1, 0.3f, 0.4f, -0.2f, 1, 0.6f};
    std::memcpy(problem.matrices.data(), matrix, sizeof matrix);
    problem.run_forward();
    for (int64_t poisoned = 0; poisoned < s.in_pixels(); poisoned += 37) {
      WarpCase<float, float> other(s, kSeed);
      std::memcpy(other.matrices.data(), matrix, sizeof matrix);
      for (int64_t c = 0; c < s.channels; ++c) {
        other.input[channels_last ? poisoned * s.channels + c : c * s.in_pixels() + poisoned] = NAN;
      }
      other.run_forward();
      const WarpData data = other.data();
      for (int64_t pixel = 0; pixel < s.out_pixels(); ++pixel) {
        const WarpPosition p = warp_position(s, data, 0, pixel / s.out_width, pixel % s.out_width);
        const double reach = nearest ? 0.51 : 1.01;
        const bool near = std::fabs(p.x - static_cast<double>(poisoned % s.in_width)) < reach &&
                          std::fabs(p.y - static_cast<double>(poisoned / s.in_width)) < reach;
        if (near) continue;
        for (int64_t c = 0; c < s.channels; ++c) {
          const int64_t at = channels_last ? pixel * s.channels + c : c * s.out_pixels() + pixel;
          EXPECT_EQ(problem.out[at], other.out[at]);
        }
      }
    }
  });
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::testing::kSeed));
  return RUN_ALL_TESTS();
}
