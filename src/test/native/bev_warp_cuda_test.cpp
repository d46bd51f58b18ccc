// bev_warp's CUDA bodies through the C ABI against plain loops in double, the same bits in every order of
// threads. Runs on the emulation, and on the hardware in the GPU suite.
#include <cstdio>

#include "bev_warp_case.hpp"
#include "bev_warp/bev_warp_readers.hpp"
#include "device_tensor.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20261121;

/// A problem's inputs on the device; outputs come back to the problem's tensors.
template <class In, class Out>
class DeviceProblem {
 public:
  explicit DeviceProblem(WarpCase<float, In, Out>& host)
      : host_(host),
        input_(host.input),
        grad_input_(host.grad_input.shape()),
        matrices_(host.matrices),
        grid_(host.grid),
        grad_grid_(host.grad_grid.shape()),
        out_(host.out.shape()),
        grad_out_(host.grad_out) {}

  /// Both passes in every order of threads.
  void run() {
    expect_same_bits_in_all_orders([this] { forward(); }, out_);
    if (host_.s.grid) {
      expect_same_bits_in_all_orders([this] { backward(BEVEL_STRICT); }, grad_input_, grad_grid_);
      grad_grid_.download(host_.grad_grid);
    } else {
      expect_same_bits_in_all_orders([this] { backward(BEVEL_STRICT); }, grad_input_);
    }
    out_.download(host_.out);
    grad_input_.download(host_.grad_input);
  }

  /// Backward in whatever order atomics come.
  void run_fast() {
    backward(BEVEL_FAST);
    grad_input_.download(host_.grad_input);
  }

 private:
  void forward() {
    bevel_bev_warp_forward_params p = host_.forward();
    p.input = input_.view();
    if (p.matrices) p.matrices = matrices_.view();
    if (p.grid) p.grid = grid_.view();
    p.out = out_.view();
    ASSERT_BEVEL_OK(bevel_bev_warp_forward(&p, nullptr));
  }

  void backward(bevel_determinism determinism) {
    bevel_bev_warp_backward_params p = host_.backward();
    p.determinism = determinism;
    p.grad_out = grad_out_.view();
    if (p.input) p.input = input_.view();
    if (p.matrices) p.matrices = matrices_.view();
    if (p.grid) p.grid = grid_.view();
    p.grad_input = grad_input_.view();
    if (p.grad_grid) p.grad_grid = grad_grid_.view();
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_bev_warp_backward_workspace(&p, &bytes));
    DeviceTensor<uint8_t> workspace({bytes});
    p.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_bev_warp_backward(&p, nullptr));
  }

  WarpCase<float, In, Out>& host_;
  DeviceTensor<In> input_, grad_input_;
  DeviceTensor<float> matrices_, grid_, grad_grid_;
  DeviceTensor<Out> out_, grad_out_;
};

template <class In, class Out = In>
void expect_close(const WarpSizes& sizes, double in_tolerance, double out_tolerance, double grid_tolerance) {
  WarpCase<float, In, Out> problem(sizes, kSeed);
  DeviceProblem<In, Out>(problem).run();
  problem.compare(in_tolerance, out_tolerance, grid_tolerance);
}

std::vector<WarpSizes> all_sizes() {
  return {{2, 2, 8, 7, 11, 6, 13}, {1, 2, 13, 4, 7, 4, 7}, {1, 1, 1, 1, 1, 1, 1},
          {1, 1, 20, 3, 14, 5, 7}, {1, 1, 4, 3, 5, 0, 2},  {1, 1, 2, 0, 6, 5, 4}};
}

/// Every size, interpolation and layout, by matrices or by a grid; all coordinates for the first size, since
/// the emulation is slow.
void check_all(bool grid, bool channels_last) {
  const std::vector<WarpSizes> all = all_sizes();
  for (size_t size = 0; size < all.size(); ++size) {
    for (int coordinates = 0; coordinates < 3; ++coordinates) {
      const bool usual = coordinates == static_cast<int>(size) % 3;
      if (!usual && (size > 0 || grid)) continue;
      for (bool nearest : {false, true}) {
        WarpSizes s = all[size];
        s.coordinates = coordinates;
        s.nearest = nearest;
        s.grid = grid;
        s.channels_last = channels_last;
        s.with_batch = size % 2 == 0;
        std::printf("size %zu, coordinates %d, %s\n", size, coordinates, nearest ? "nearest" : "bilinear");
        expect_close<float>(s, 2e-5, 2e-5, 1e-4);
        if (!usual || nearest || size > 3) continue;
        expect_close<Bfloat16>(s, 1.1 / 256, 1.1 / 256, 1e-4);
        expect_close<Float16, float>(s, 1.1 / 2048, 2e-5, 1e-4);
        expect_close<float, Float16>(s, 2e-5, 1.1 / 2048, 1e-4);
      }
    }
  }
}

TEST(BevWarpCuda, MatricesChannelsFirst) { check_all(false, false); }
TEST(BevWarpCuda, MatricesChannelsLast) { check_all(false, true); }
TEST(BevWarpCuda, GridChannelsFirst) { check_all(true, false); }
TEST(BevWarpCuda, GridChannelsLast) { check_all(true, true); }

TEST(BevWarpCudaFast, AtomicsAddUpToTheSame) {
  for (bool channels_last : {false, true}) {
    const WarpSizes s = {2, 2, 7, 8, 9, 10, 11, 0, false, true, channels_last};
    WarpCase<float, float> problem(s, kSeed);
    DeviceProblem<float, float>(problem).run_fast();
    EXPECT_LE(
        relative_error(problem.planes(problem.grad_input, s.in_pixels()), problem.expected().grad_input),
        2e-5);
  }
}

TEST(BevWarpCudaHostile, AnyMatrix) {
  const float big = 3e38f;
  const float matrices[][6] = {
      {0, 0, 5.25f, 0, 0, 4.5f},   {1, 1, 0, 1, 1, 0},        {0.125f, 0, 3, 0, 0.125f, 3},
      {9, 0, -50, 0, 9, -50},      {0, 1, 0.3f, 0, 0, 4},     {0, 0, 3, 0, 1, 0},
      {big, 0, 0, 0, big, 0},      {NAN, 0, 0, 0, 1, 0},      {1, 0, INFINITY, 0, 1, 0},
      {1, 0, 0, 0, INFINITY, 0},   {big, big, -big, 1, 0, 0}, {1, 0, -0.99999994f, 0, 1, 0},
      {1e-38f, 0, 7, 0, 1e-38f, 7}};
  for (bool nearest : {false, true}) {
    for (const auto& matrix : matrices) {
      WarpSizes s = {1, 1, 3, 9, 12, 10, 13, BEVEL_WARP_PIXELS, nearest, false, !nearest};
      WarpCase<float, float> problem(s, kSeed);
      std::memcpy(problem.matrices.data(), matrix, sizeof matrix);
      std::printf("matrix %g %g %g %g %g %g\n", static_cast<double>(matrix[0]),
                  static_cast<double>(matrix[1]), static_cast<double>(matrix[2]),
                  static_cast<double>(matrix[3]), static_cast<double>(matrix[4]),
                  static_cast<double>(matrix[5]));
      DeviceProblem<float, float>(problem).run();
      problem.compare(2e-5, 2e-5, 0);
    }
  }
}

/// No reader of a pixel may lie outside the rows and columns that are searched: all pairs, for matrices of
/// every kind; and for near-isometries the search is short.
TEST(BevWarpReaders, NoneIsMissedAndFewAreSearched) {
  std::mt19937_64 random(kSeed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  constexpr int32_t width = 19, height = 14, in_width = 17, in_height = 15;
  for (int round = 0; round < 600; ++round) {
    PixelMatrix<float> m;
    const float size = std::pow(10.0f, 3 * uniform(random)), turn = 3.2f * uniform(random);
    const bool rigid = round % 3 == 0;
    float* entries[] = {&m.a, &m.b, &m.c, &m.d, &m.e, &m.f};
    for (float* entry : entries) *entry = size * uniform(random);
    if (round % 7 == 0) m.d = 2 * m.a, m.e = 2 * m.b;
    if (round % 11 == 0) m.a = m.d = 0;
    if (rigid) {
      m = {std::cos(turn), -std::sin(turn), 8 + 5 * uniform(random),
           std::sin(turn), std::cos(turn),  7 + 5 * uniform(random)};
    } else {
      // Somewhere on the map all the same.
      m.c = 8 - m.a * 9 - m.b * 7;
      m.f = 7 - m.d * 9 - m.e * 7;
    }
    const WarpReaders readers(m, WarpReaders::inverse_determinant(m), width, height);
    for (int32_t y = 0; y < in_height; ++y) {
      for (int32_t x = 0; x < in_width; ++x) {
        const WarpRange rows = readers.rows(x, y);
        int searched = 0;
        for (int32_t row = 0; row < height; ++row) {
          const WarpRange columns = readers.columns(x, y, row);
          for (int32_t column = 0; column < width; ++column) {
            const bool in_range =
                row >= rows.first && row <= rows.last && column >= columns.first && column <= columns.last;
            searched += in_range;
            const float dx = m.x(column, row) - static_cast<float>(x),
                        dy = m.y(column, row) - static_cast<float>(y);
            if (std::fabs(dx) <= 1 && std::fabs(dy) <= 1) {
              ASSERT_TRUE(in_range) << "round " << round << " pixel " << x << " " << y << " reader " << column
                                    << " " << row;
            }
          }
        }
        if (rigid) {
          EXPECT_LE(searched, 25) << "round " << round;
        }
      }
    }
  }
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
