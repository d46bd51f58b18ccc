// bev_warp's strides (maps that are parts of wider ones), and the arguments it must refuse.
#include <cstdio>

#include "bev_warp_case.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20261121;

/// A view with strides of its own over a tensor's memory.
struct View {
  std::vector<int64_t> shape, strides;
  DLTensor tensor;

  View(DLTensor* of, int64_t offset, std::vector<int64_t> shape_of_view, std::vector<int64_t> strides_of_view)
      : shape(std::move(shape_of_view)), strides(std::move(strides_of_view)), tensor(*of) {
    tensor.ndim = static_cast<int32_t>(shape.size());
    tensor.shape = shape.data();
    tensor.strides = strides.data();
    tensor.byte_offset = static_cast<uint64_t>(offset * (of->dtype.bits / 8));
  }
  View(const View&) = delete;
};

/// Frames 1 to T − 1 of every batch element of [B, T, C, H, W] (or channels T − 1 to 0 of [B, H, W, T · C]),
/// warped from strided maps and into strided maps, are those of compact ones; nothing else is written.
TEST(BevWarpStrides, PartsOfAConcatenation) {
  for_each_instruction_set([] {
    for (bool channels_last : {false, true}) {
      const WarpSizes s = {2, 3, 5, 9, 21, 11, 35, 0, false, false, channels_last};
      WarpCase<float, float> plain(s, kSeed);
      plain.run_forward();
      plain.run_backward();
      const int64_t frames = s.frames + 1;
      auto strided = [&](DLTensor* of, int64_t height, int64_t width) {
        const int64_t map = height * width, all = frames * s.channels * map;
        if (channels_last) {
          // [B, H, W, T', C]: every pixel holds all frames, ours are all but the first.
          return std::make_unique<View>(
              of, s.channels, std::vector<int64_t>{s.batch, s.frames, height, width, s.channels},
              std::vector<int64_t>{all, s.channels, width * frames * s.channels, frames * s.channels, 1});
        }
        return std::make_unique<View>(of, s.channels * map,
                                      std::vector<int64_t>{s.batch, s.frames, s.channels, height, width},
                                      std::vector<int64_t>{all, s.channels * map, map, width, 1});
      };
      auto index = [&](int64_t height, int64_t width, int64_t i) {
        // From an element of the compact map to the one of the wide map.
        const int64_t map = height * width;
        if (!channels_last) {
          const int64_t each = s.frames * s.channels * map;
          return i / each * frames * s.channels * map + s.channels * map + i % each;
        }
        const int64_t channel = i % s.channels, pixel = i / s.channels % map, frame = i / s.channels / map;
        return ((frame / s.frames * map + pixel) * frames + 1 + frame % s.frames) * s.channels + channel;
      };
      Tensor<float> wide_in({s.batch * frames * s.channels * s.in_pixels()}), wide_grad_in({wide_in.size()}),
          wide_out({s.batch * frames * s.channels * s.out_pixels()}), wide_grad_out({wide_out.size()});
      for (int64_t i = 0; i < plain.input.size(); ++i)
        wide_in[index(s.in_height, s.in_width, i)] = plain.input[i];
      for (int64_t i = 0; i < plain.out.size(); ++i)
        wide_grad_out[index(s.out_height, s.out_width, i)] = plain.grad_out[i];
      const auto in = strided(wide_in.view(), s.in_height, s.in_width),
                 grad_in = strided(wide_grad_in.view(), s.in_height, s.in_width),
                 out = strided(wide_out.view(), s.out_height, s.out_width),
                 grad_out = strided(wide_grad_out.view(), s.out_height, s.out_width);
      bevel_bev_warp_forward_params forward = plain.forward();
      forward.input = &in->tensor;
      forward.out = &out->tensor;
      ASSERT_BEVEL_OK(bevel_bev_warp_forward(&forward, nullptr));
      bevel_bev_warp_backward_params backward = plain.backward();
      backward.grad_out = &grad_out->tensor;
      backward.grad_input = &grad_in->tensor;
      int64_t bytes = 0;
      ASSERT_BEVEL_OK(bevel_bev_warp_backward_workspace(&backward, &bytes));
      Tensor<uint8_t> workspace({bytes});
      backward.workspace = workspace.view();
      ASSERT_BEVEL_OK(bevel_bev_warp_backward(&backward, nullptr));
      auto check = [&](const Tensor<float>& wide, Tensor<float>& compact, int64_t height, int64_t width) {
        std::vector<bool> ours(static_cast<size_t>(wide.size()));
        for (int64_t i = 0; i < compact.size(); ++i) {
          const int64_t at = index(height, width, i);
          ours[static_cast<size_t>(at)] = true;
          ASSERT_EQ(compact[i], wide[at]);
        }
        for (int64_t i = 0; i < wide.size(); ++i) {
          if (ours[static_cast<size_t>(i)]) continue;
          ASSERT_EQ(0xffffffffu, bits_of_float(wide[i])) << "beside the part";
        }
      };
      check(wide_out, plain.out, s.out_height, s.out_width);
      check(wide_grad_in, plain.grad_input, s.in_height, s.in_width);
    }
  });
}

/// One map read by several frames: a stride of 0 is fine for what is read, not for what is written.
TEST(BevWarpStrides, OneMapForAllFrames) {
  const WarpSizes s = {1, 3, 4, 6, 7, 6, 7, 0, false, false, false, false};
  WarpCase<float, float> problem(s, kSeed);
  View repeated(problem.input.view(), 0, {3, 4, 6, 7}, {0, 42, 7, 1});
  for (int64_t i = 0; i < 6; ++i) problem.matrices[6 + i] = problem.matrices[12 + i] = problem.matrices[i];
  bevel_bev_warp_forward_params p = problem.forward();
  p.input = &repeated.tensor;
  ASSERT_BEVEL_OK(bevel_bev_warp_forward(&p, nullptr));
  for (int64_t i = 0; i < 2 * 4 * 42; ++i) EXPECT_EQ(problem.out[i], problem.out[4 * 42 + i]);
  View written(problem.out.view(), 0, {3, 4, 6, 7}, {0, 42, 7, 1});
  p.out = &written.tensor;
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_bev_warp_forward(&p, nullptr));
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), "strides must keep its elements apart"))
      << bevel_last_error();
}

class Refusals {
 public:
  Refusals() : problem({2, 3, 4, 5, 6, 7, 8}, kSeed), gridded({2, 3, 4, 5, 6, 7, 8, 0, false, true}, kSeed) {
    workspace_bytes = needed(problem.backward());
  }

  static int64_t needed(const bevel_bev_warp_backward_params& p) {
    int64_t bytes = 0;
    EXPECT_BEVEL_OK(bevel_bev_warp_backward_workspace(&p, &bytes));
    return bytes;
  }
  void forward(const bevel_bev_warp_forward_params& p, const char* text, void* stream = nullptr) {
    expect(bevel_bev_warp_forward(&p, stream), text);
  }
  void backward(const bevel_bev_warp_backward_params& p, const char* text, void* stream = nullptr) {
    expect(bevel_bev_warp_backward(&p, stream), text);
  }

  WarpCase<float, float> problem, gridded;
  int64_t workspace_bytes;

 private:
  void expect(bevel_status status, const char* text) {
    EXPECT_EQ(BEVEL_INVALID_ARGUMENT, status) << text;
    EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text))
        << "expected: " << text << "\ngot:      " << bevel_last_error();
    for (const Tensor<float>* output :
         {&problem.out, &problem.grad_input, &gridded.out, &gridded.grad_input, &gridded.grad_grid}) {
      for (int64_t i = 0; i < output->size(); ++i)
        ASSERT_EQ(0xffffffffu, bits_of_float((*output)[i])) << text;
    }
  }
};

TEST(BevWarpArguments, OfForwardAreRefusedWithTheReason) {
  Refusals r;
  const bevel_bev_warp_forward_params good = r.problem.forward();
  auto refuse = [&](auto change, const char* text) {
    bevel_bev_warp_forward_params p = good;
    change(p);
    r.forward(p, text);
  };
  refuse([](auto& p) { p.layout = 2; }, "bev_warp_forward: layout must be 0 or 1, got 2");
  refuse([](auto& p) { p.interpolation = -1; }, "interpolation must be 0 or 1, got -1");
  refuse([](auto& p) { p.coordinates = 3; }, "coordinates must be 0 to 2, got 3");
  refuse([](auto& p) { p.reserved = 1; }, "reserved must be 0, got 1");
  refuse([](auto& p) { p.matrices = nullptr; }, "either matrices or grid must be given, got neither");
  refuse([&](auto& p) { p.grid = r.problem.grid.view(); }, "either matrices or grid must be given, got both");
  Tensor<float> flat({3, 4, 5}), channels({2, 3, 6, 7, 8}), frames({2, 2, 4, 7, 8}), matrix({2, 3, 3, 3}),
      grid({2, 3, 8, 7, 2});
  Tensor<double> twice({2, 3, 2, 3}), wide({2, 3, 4, 5, 6});
  Tensor<int32_t> whole({2, 3, 4, 5, 6});
  refuse([&](auto& p) { p.input = flat.view(); },
         "input must be [T, C, H, W] with or without a batch before it, got [3, 4, 5]");
  refuse([&](auto& p) { p.input = whole.view(); }, "input must be float32 or float16 or bfloat16 or float64");
  refuse([&](auto& p) { p.input = wide.view(); }, "out must be float64, got float32");
  refuse([&](auto& p) { p.out = channels.view(); }, "out must be [2, 3, 4, any, any] to match input");
  refuse([&](auto& p) { p.out = frames.view(); }, "out must be [2, 3, 4, any, any] to match input");
  refuse([&](auto& p) { p.matrices = matrix.view(); }, "matrices must be [2, 3, 2, 3] to match input");
  refuse([&](auto& p) { p.matrices = twice.view(); }, "matrices must be float32, got float64");
  refuse([&](auto& p) { p.matrices = nullptr, p.grid = grid.view(); },
         "grid must be [2, 3, 7, 8, 2] to match out");
  refuse([&](auto& p) { p.out = r.problem.input.view(); }, "must not share memory with input");
  r.forward(good, "stream must be NULL for CPU tensors", &r);

  View row_gaps(r.problem.input.view(), 0, {2, 3, 4, 5, 3}, {360, 120, 30, 6, 1});
  refuse([&](auto& p) { p.input = &row_gaps.tensor; }, "stride of dimension 3 must be 3, got 6");
  View backwards(r.problem.input.view(), 0, {2, 3, 4, 5, 6}, {360, 120, -30, 6, 1});
  refuse([&](auto& p) { p.input = &backwards.tensor; }, "input must have no negative stride, got -30");
  View channel_gaps(r.problem.input.view(), 0, {2, 3, 4, 5, 3}, {360, 120, 30, 6, 2});
  refuse([&](auto& p) { p.layout = 1, p.input = &channel_gaps.tensor; }, "channels that follow each other");
  View loose_rows(r.problem.input.view(), 0, {2, 3, 4, 5, 3}, {360, 120, 30, 5, 1});
  refuse([&](auto& p) { p.layout = 1, p.input = &loose_rows.tensor; },
         "rows that follow each other: stride of a row must be 25, got 30");
  View huge(r.problem.input.view(), 0, {2, 3, 4, int64_t{1} << 20, 1024}, {0, 0, 0, 1024, 1});
  refuse([&](auto& p) { p.input = &huge.tensor; }, "input must have fewer than 2^29 pixels");
  View endless(r.problem.input.view(), 0, {1, 1, 1, int64_t{1} << 40, int64_t{1} << 40},
               {0, 0, 0, int64_t{1} << 40, 1});
  refuse([&](auto& p) { p.input = &endless.tensor; }, "input has more than 2^63 - 1 elements");
}

TEST(BevWarpArguments, OfBackwardAreRefusedWithTheReason) {
  Refusals r;
  Tensor<uint8_t> workspace({r.workspace_bytes});
  bevel_bev_warp_backward_params good = r.problem.backward(), grid = r.gridded.backward();
  good.workspace = grid.workspace = workspace.view();
  auto refuse = [&](bevel_bev_warp_backward_params p, auto change, const char* text) {
    change(p);
    r.backward(p, text);
  };
  refuse(
      good, [](auto& p) { p.determinism = 2; }, "determinism must be 0 or 1, got 2");
  refuse(
      good, [](auto& p) { p.grad_input = nullptr; }, "bev_warp_backward: no gradient is asked for");
  refuse(
      good, [&](auto& p) { p.grad_grid = r.gridded.grad_grid.view(); },
      "grad_grid must be NULL where grid is");
  Tensor<uint8_t> small({r.workspace_bytes - 1});
  refuse(
      good, [&](auto& p) { p.workspace = small.view(); }, "workspace must have at least");
  Tensor<float> shape({2, 3, 4, 5, 7}), pairs({2, 3, 7, 8, 3});
  Tensor<Bfloat16> type({2, 3, 4, 5, 6});
  refuse(
      grid, [&](auto& p) { p.grad_input = shape.view(); }, "grad_input must be [2, 3, 4, 5, 6] like input");
  refuse(
      grid, [&](auto& p) { p.grad_input = type.view(); }, "grad_input must have the dtype of input");
  refuse(
      grid, [&](auto& p) { p.grad_grid = pairs.view(); }, "grad_grid must be [2, 3, 7, 8, 2] like grid");
  refuse(
      grid, [&](auto& p) { p.grad_grid = p.workspace; },
      "grad_grid must be float32 or float16 or bfloat16 or float64, got uint8");
  Tensor<uint8_t> large({2 * r.workspace_bytes});
  refuse(
      good, [&](auto& p) { p.grad_input = const_cast<DLTensor*>(p.grad_out), p.workspace = large.view(); },
      "grad_input is written, so it must not share memory with grad_out");
  r.backward(good, "stream must be NULL for CPU tensors", &r);
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_bev_warp_backward_workspace(&good, nullptr));
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), "bytes must be given, got NULL")) << bevel_last_error();
}

TEST(BevWarpArguments, GradientOfTheGridAloneNeedsNoWorkspace) {
  WarpCase<float, float> gridded({1, 1, 2, 3, 4, 5, 6, 0, false, true}, kSeed);
  bevel_bev_warp_backward_params p = gridded.backward();
  p.grad_input = nullptr;
  EXPECT_EQ(0, Refusals::needed(p));
  ASSERT_BEVEL_OK(bevel_bev_warp_backward(&p, nullptr));
  EXPECT_LE(relative_error(gridded.values(gridded.grad_grid), gridded.expected().grad_grid), 1e-4);
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
