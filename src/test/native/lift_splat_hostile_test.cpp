// lift_splat on inputs that hurt: strided and expanded tensors, values that are not finite, cameras that look
// away, and sixteen-bit maps beside a plain composition.
#include <cstdio>

#include "lift_splat_case.hpp"

namespace bevel::testing {
namespace {

/// Words of a plan before its first section.
constexpr int64_t kPlanHeader = 64;
constexpr uint64_t kSeed = 20260103;
constexpr bevel_lift_splat_method kMethods[] = {BEVEL_LIFT_SPLAT_COLUMNS, BEVEL_LIFT_SPLAT_INTERVALS};

template <class T>
void forward(bevel_lift_splat_forward_params p, Call<T>&) {
  int64_t bytes = 0;
  ASSERT_BEVEL_OK(bevel_lift_splat_forward_workspace(&p, &bytes));
  Tensor<uint8_t> workspace({bytes});
  p.workspace = workspace.view();
  ASSERT_BEVEL_OK(bevel_lift_splat_forward(&p, nullptr));
}

template <class T>
void backward(bevel_lift_splat_backward_params p, Call<T>&) {
  int64_t bytes = 0;
  ASSERT_BEVEL_OK(bevel_lift_splat_backward_workspace(&p, &bytes));
  Tensor<uint8_t> workspace({bytes});
  p.workspace = workspace.view();
  ASSERT_BEVEL_OK(bevel_lift_splat_backward(&p, nullptr));
}

bool same_bits(const Tensor<float>& a, const Tensor<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), static_cast<size_t>(a.size()) * 4) == 0;
}

/// What a network's last layer hands over: D + C channels an image, depth and context being slices of them.
struct SlicedImages {
  SlicedImages(const Sizes& s, Tensor<float>& buffer)
      : depth_shape{s.batch, s.cameras, s.depth_bins, s.height, s.width},
        context_shape{s.batch, s.cameras, s.channels, s.height, s.width} {
    const int64_t plane = s.height * s.width, image = (s.depth_bins + s.channels) * plane;
    strides = {s.cameras * image, image, plane, s.width, 1};
    depth = {buffer.data(), {kDLCPU, 0}, 5, dtype_of<float>(), depth_shape.data(), strides.data(), 0};
    context = {buffer.data(),
               {kDLCPU, 0},
               5,
               dtype_of<float>(),
               context_shape.data(),
               strides.data(),
               static_cast<uint64_t>(s.depth_bins * plane) * 4};
  }
  std::vector<int64_t> depth_shape, context_shape, strides;
  DLTensor depth, context;
};

TEST(LiftSplatStrides, SlicesOfOneTensorGiveTheSameBits) {
  for (bevel_lift_splat_method method : kMethods) {
    PlanCase plan({2, 3, 12, 16, 9, 8, 24, 20, 1}, {.image_degrees = 3, .method = method});
    plan.build();
    const Sizes& s = plan.sizes();
    const int64_t plane = s.height * s.width, channels = s.depth_bins + s.channels;
    Call<float> expected(plan, {}, kSeed), actual(plan, {}, kSeed);
    expected.forward();
    expected.backward();
    Tensor<float> inputs({s.batch * s.cameras, channels, s.height, s.width}), gradients(inputs.shape());
    for (int64_t image = 0; image < s.batch * s.cameras; ++image) {
      std::copy_n(expected.depth.data() + image * s.depth_bins * plane, s.depth_bins * plane,
                  inputs.data() + image * channels * plane);
      std::copy_n(expected.context.data() + image * s.channels * plane, s.channels * plane,
                  inputs.data() + (image * channels + s.depth_bins) * plane);
    }
    SlicedImages in(s, inputs), out(s, gradients);
    bevel_lift_splat_forward_params f = actual.forward_params();
    f.depth = &in.depth;
    f.context = &in.context;
    forward(f, actual);
    EXPECT_TRUE(same_bits(expected.out, actual.out) &&
                same_bits(expected.probabilities, actual.probabilities));
    bevel_lift_splat_backward_params b = actual.backward_params();
    b.context = &in.context;
    b.grad_depth = &out.depth;
    b.grad_context = &out.context;
    backward(b, actual);
    for (int64_t image = 0; image < s.batch * s.cameras; ++image) {
      EXPECT_EQ(0, std::memcmp(expected.grad_depth.data() + image * s.depth_bins * plane,
                               gradients.data() + image * channels * plane,
                               static_cast<size_t>(s.depth_bins * plane) * 4));
      EXPECT_EQ(0, std::memcmp(expected.grad_context.data() + image * s.channels * plane,
                               gradients.data() + (image * channels + s.depth_bins) * plane,
                               static_cast<size_t>(s.channels * plane) * 4));
    }
  }
}

TEST(LiftSplatStrides, OneImageExpandedOverTheBatchGivesTheSameBits) {
  PlanCase plan({3, 2, 12, 16, 9, 8, 24, 20, 1}, {});
  plan.build();
  Call<float> expected(plan, {}, kSeed), actual(plan, {}, kSeed);
  const int64_t depth = expected.depth.size() / 6, context = expected.context.size() / 6;
  for (int image = 1; image < 6; ++image) {
    std::copy_n(expected.depth.data(), depth, expected.depth.data() + image * depth);
    std::copy_n(expected.context.data(), context, expected.context.data() + image * context);
  }
  expected.forward();
  int64_t depth_strides[] = {0, 0, 144, 9, 1}, context_strides[] = {0, 0, 144, 9, 1};
  DLTensor one_depth = *expected.depth.view(), one_context = *expected.context.view();
  one_depth.strides = depth_strides;
  one_context.strides = context_strides;
  bevel_lift_splat_forward_params p = actual.forward_params();
  p.depth = &one_depth;
  p.context = &one_context;
  forward(p, actual);
  EXPECT_TRUE(same_bits(expected.out, actual.out));
}

/// Central differences of the operator itself, run in double.
TEST(LiftSplatGradients, AgreeWithFiniteDifferencesOfTheOperator) {
  for (bevel_lift_splat_method method : kMethods) {
    PlanCase plan({1, 2, 7, 6, 5, 3, 8, 8, 1}, {.image_degrees = 7, .method = method});
    plan.build();
    for (int i = 0; i < 16; ++i) {
      SCOPED_TRACE("method " + std::to_string(method) + ", options " + std::to_string(i));
      Call<double> call(plan, {(i & 1) == 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0}, kSeed);
      auto loss = [&] {
        call.forward();
        double sum = 0;
        for (int64_t k = 0; k < call.out.size(); ++k) sum += call.grad_out[k] * call.out[k];
        return sum;
      };
      loss();
      call.backward();
      auto check = [&](Tensor<double>& input, const Tensor<double>& gradient) {
        for (int64_t k = i; k < input.size(); k += 17) {
          const double kept = input[k], step = 1e-5;
          input[k] = kept + step;
          const double above = loss();
          input[k] = kept - step;
          const double below = loss();
          input[k] = kept;
          EXPECT_NEAR((above - below) / (2 * step), gradient[k], 1e-8) << k;
        }
      };
      check(call.depth, call.grad_depth);
      check(call.context, call.grad_context);
    }
  }
}

/// −Inf is how a mask forbids a depth: its probability is exactly 0.
TEST(LiftSplatValues, LogitsOfMinusInfinityAreProbabilityZero) {
  for (bevel_lift_splat_method method : kMethods) {
    PlanCase plan({1, 2, 12, 16, 9, 8, 24, 24, 1}, {.image_degrees = 3, .method = method});
    plan.build();
    const int64_t plane = 16 * 9;
    for_each_instruction_set([&] {
      Call<float> call(plan, {}, kSeed);
      for (int64_t d = 0; d < 12; d += 2) {
        for (int64_t pixel = 0; pixel < plane; ++pixel) call.depth[d * plane + pixel] = -INFINITY;
      }
      const ReferenceResult reference = call.reference(true);
      call.forward();
      EXPECT_LE(relative_error(call.canonical_out(call.out), reference.out), 2e-5);
      EXPECT_EQ(0.0f, call.probabilities[5]);
      call.backward();
      EXPECT_LE(relative_error(call.doubles(call.grad_depth), reference.grad_depth, 0.5), 2e-5);
      EXPECT_LE(relative_error(call.canonical_context(call.grad_context), reference.grad_context), 2e-5);
    });
  }
}

/// A logit that is NaN or +Inf, or a pixel with −Inf only, spoils its pixel's softmax: the pixel's cells, no
/// others.
TEST(LiftSplatValues, SpoiltLogitsReachTheCellsOfTheirPixelOnly) {
  for (bevel_lift_splat_method method : kMethods) {
    PlanCase plan({1, 2, 12, 16, 9, 24, 24, 24, 1}, {.image_degrees = 3, .method = method});
    plan.build();
    const Sizes& s = plan.sizes();
    const std::vector<int32_t> cells = plan.cells();
    const int64_t plane = s.height * s.width, pixel = 2 * s.width + 4;
    for_each_instruction_set([&] {
      for (float value : {NAN, INFINITY, -INFINITY}) {
        Call<float> call(plan, {true, false, false, true}, kSeed);
        call.depth[5 * plane + pixel] = value;
        if (value < 0) {
          for (int64_t d = 0; d < s.depth_bins; ++d) call.depth[d * plane + pixel] = value;
        }
        call.forward();
        std::vector<char> reached(static_cast<size_t>(s.cells()), 0);
        for (int64_t d = 0; d < s.depth_bins; ++d) {
          const int32_t cell = cells[static_cast<size_t>(d * plane + pixel)];
          if (cell >= 0) reached[static_cast<size_t>(cell)] = 1;
        }
        ASSERT_GT(std::count(reached.begin(), reached.end(), 1), 0);
        for (int64_t cell = 0; cell < s.cells(); ++cell) {
          EXPECT_EQ(std::isnan(call.out[cell * s.channels]), reached[static_cast<size_t>(cell)] == 1)
              << "value " << value << " cell " << cell;
        }
        call.backward();
        for (int64_t i = 0; i < call.grad_depth.size(); ++i) {
          if (i % plane != pixel || i >= s.depth_bins * plane) {
            ASSERT_TRUE(std::isfinite(call.grad_depth[i])) << i;
          }
        }
      }
    });
  }
}

/// A gradient that is not finite reaches the points of its own cell and their pixels.
TEST(LiftSplatValues, GradientsThatAreNotFiniteStayWithTheirCell) {
  for (bevel_lift_splat_method method : kMethods) {
    PlanCase plan({1, 2, 12, 16, 9, 24, 24, 24, 1}, {.image_degrees = 3, .method = method});
    plan.build();
    const Sizes& s = plan.sizes();
    const std::vector<int32_t> cells = plan.cells();
    const int64_t plane = s.height * s.width;
    const int32_t spoilt = *std::max_element(cells.begin(), cells.end());
    for_each_instruction_set([&] {
      Call<float> call(plan, {false, false, true, true}, kSeed);
      call.forward();
      for (int64_t c = 0; c < s.channels; ++c) call.grad_out[spoilt * s.channels + c] = NAN;
      call.backward();
      std::vector<char> reached(static_cast<size_t>(s.cameras * plane), 0);
      for (size_t point = 0; point < cells.size(); ++point) {
        const bool inside = cells[point] == spoilt;
        EXPECT_EQ(inside, std::isnan(call.grad_depth[static_cast<int64_t>(point)])) << point;
        const int64_t image = static_cast<int64_t>(point) / (s.depth_bins * plane);
        if (inside) reached[static_cast<size_t>(image * plane + static_cast<int64_t>(point) % plane)] = 1;
      }
      for (int64_t pixel = 0; pixel < s.cameras * plane; ++pixel) {
        EXPECT_EQ(reached[static_cast<size_t>(pixel)] == 1, std::isnan(call.grad_context[pixel * s.channels]))
            << pixel;
      }
    });
  }
}

TEST(LiftSplatValues, EmptyCellsAndEmptyCallsAreZero) {
  for (const Sizes& s : {Sizes{2, 0, 5, 4, 6, 8, 8, 8, 1}, Sizes{1, 2, 5, 4, 6, 7, 8, 8, 2}}) {
    PlanCase plan(s, {.z_low = 400, .z_high = 500});
    plan.build();
    EXPECT_EQ(0, plan.info().points);
    for_each_instruction_set([&] {
      Call<float> call(plan, {}, kSeed);
      call.forward();
      for (int64_t i = 0; i < call.out.size(); ++i) ASSERT_EQ(0.0f, call.out[i]);
      call.backward();
      for (int64_t i = 0; i < call.grad_depth.size(); ++i) ASSERT_EQ(0.0f, call.grad_depth[i]);
      for (int64_t i = 0; i < call.grad_context.size(); ++i) ASSERT_EQ(0.0f, call.grad_context[i]);
    });
  }
}

/// A grid that lies behind the only camera stays empty: depth is along the ray, never against it.
TEST(LiftSplatPlan, NothingBehindTheCameraIsLifted) {
  PlanCase plan({1, 1, 59, 16, 44, 8, 40, 40, 1}, {});
  bevel_grid& grid = plan.params().geometry.grid;  // the first camera looks along +x from x = 1.7
  grid.lower[0] = 1.7 - 40 * grid.cell_size[0];
  plan.build();
  EXPECT_EQ(0, plan.info().points);
  grid.lower[0] = 1.7;
  plan.build();
  EXPECT_GT(plan.info().points, 0);
}

/// −0 is 0: it lies in the first cell of a grid that begins at 0, under both roundings.
TEST(LiftSplatPlan, NegativeZeroIsInTheFirstCell) {
  for (bevel_cell_rounding rounding : {BEVEL_TRUNC, BEVEL_FLOOR}) {
    PlanCase plan({1, 1, 1, 1, 1, 4, 4, 4, 4}, {.rounding = rounding});
    bevel_lift_splat_geometry& g = plan.params().geometry;
    for (int axis = 0; axis < 3; ++axis) g.grid.lower[axis] = 0;
    for (const DLTensor* tensor : {g.image_augmentation, g.bev_augmentation}) {
      const Matrix4 none = identity4();
      std::memcpy(tensor->data, none.data(), sizeof none);
    }
    const double intrinsics[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    std::memcpy(g.intrinsics->data, intrinsics, sizeof intrinsics);
    Matrix4 to_bev = identity4();
    to_bev[0] = to_bev[5] = -1;  // pixel 0 gives x = y = −0
    to_bev[3] = to_bev[7] = -0.0;
    std::memcpy(g.camera_to_bev->data, to_bev.data(), sizeof to_bev);
    g.depth_start = 0;
    EXPECT_EQ(std::vector<int32_t>{0}, plan.cells());
  }
}

/// What a framework does in sixteen bits: every product rounded to storage, and every sum.
template <class T>
std::vector<double> plain_composition(Call<float, T, T>& call, const std::vector<int32_t>& cells,
                                      const Sizes& s) {
  std::vector<T> out(static_cast<size_t>(s.cells() * s.channels), from_double<T>(0));
  const int64_t plane = s.height * s.width;
  for (size_t point = 0; point < cells.size(); ++point) {
    if (cells[point] < 0) continue;
    const int64_t i = static_cast<int64_t>(point), image = i / (s.depth_bins * plane);
    const T weight = narrow<T>(call.depth[i]);
    for (int64_t c = 0; c < s.channels; ++c) {
      T& sum = out[static_cast<size_t>(cells[point] * s.channels + c)];
      const T product =
          narrow<T>(widen(weight) * widen(call.context[(image * s.channels + c) * plane + i % plane]));
      sum = narrow<T>(widen(sum) + widen(product));
    }
  }
  std::vector<double> values;
  for (T value : out) values.push_back(to_double(value));
  return values;
}

template <class T>
void expect_no_worse_than_a_plain_composition() {
  PlanCase plan({1, 6, 59, 16, 44, 64, 128, 128, 1}, {.image_degrees = 2});
  plan.build();
  Call<float, T, T> call(plan, {.logits = false, .out_channels_last = true}, kSeed);
  call.forward();
  const std::vector<double> exact = call.reference(false).out;
  const double plain = relative_error(plain_composition(call, plan.cells(), plan.sizes()), exact);
  const double ours = relative_error(call.canonical_out(call.out), exact);
  EXPECT_LE(ours, 2 * plain);
  std::printf("error of the sixteen-bit map over its largest element: %.2e, plain composition %.2e\n", ours,
              plain);
}

TEST(LiftSplatSixteenBit, IsNoWorseThanAPlainComposition) {
  expect_no_worse_than_a_plain_composition<Bfloat16>();
  expect_no_worse_than_a_plain_composition<Float16>();
}

/// A plan is memory that a caller can reach, and its indices are believed: every word that calls read is
/// under the seal.
TEST(LiftSplatPlan, AnyChangedWordIsNoticed) {
  std::mt19937_64 random(kSeed);
  for (bevel_lift_splat_method method : kMethods) {
    PlanCase plan({1, 2, 12, 16, 9, 8, 24, 20, 1}, {.method = method});
    plan.build();
    Call<float> call(plan, {}, kSeed);
    bevel_lift_splat_forward_params f = call.forward_params();
    bevel_lift_splat_backward_params b = call.backward_params();
    int64_t bytes = 0, backward_bytes = 0;
    ASSERT_BEVEL_OK(bevel_lift_splat_forward_workspace(&f, &bytes));
    ASSERT_BEVEL_OK(bevel_lift_splat_backward_workspace(&b, &backward_bytes));
    Tensor<uint8_t> workspace({std::max(bytes, backward_bytes)});
    f.workspace = b.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_lift_splat_forward(&f, nullptr));
    ASSERT_BEVEL_OK(bevel_lift_splat_backward(&b, nullptr));
    const std::vector<float> out(call.out.data(), call.out.data() + call.out.size());
    int32_t* words = static_cast<int32_t*>(f.plan->data);
    int64_t noticed = 0;
    for (int64_t i = 0; i < f.plan->shape[0]; ++i) {
      const int32_t kept = words[i];
      words[i] ^= 1 << random() % 32;
      const bevel_status status = bevel_lift_splat_forward(&f, nullptr);
      EXPECT_EQ(status, bevel_lift_splat_backward(&b, nullptr));
      if (status == BEVEL_OK) {
        // A word that is not in use: of the room for more points.
        ASSERT_EQ(0, std::memcmp(out.data(), call.out.data(), out.size() * 4)) << i;
      } else {
        ASSERT_EQ(BEVEL_INVALID_ARGUMENT, status) << i;
        EXPECT_EQ(std::string("lift_splat_backward: plan "), std::string(bevel_last_error()).substr(0, 26));
        ++noticed;
      }
      words[i] = kept;
    }
    const bevel_lift_splat_plan_info info = plan.info();
    EXPECT_GT(noticed, method == BEVEL_LIFT_SPLAT_INTERVALS ? 4 * info.points : 4 * info.rows + info.runs);
    // Pairs that cancel in a plain sum, and noise.
    for (int times = 0; times < 300; ++times) {
      const std::vector<int32_t> kept(words, words + f.plan->shape[0]);
      const int64_t first = kPlanHeader, last = first + info.rows + info.points / 4;
      if (times % 3 == 0) {
        const int64_t i = first + static_cast<int64_t>(random() % 64),
                      k = i + 64 * static_cast<int64_t>(1 + random() % 2);
        words[i] ^= INT32_MIN;
        words[k] ^= INT32_MIN;
      } else if (times % 3 == 1) {
        std::swap(words[first], words[first + 64]);
        words[first + 64] += 1;
        words[first] -= 1;
      } else {
        for (int64_t i = first; i < last; ++i) words[i] = static_cast<int32_t>(random());
      }
      EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_lift_splat_forward(&f, nullptr)) << times;
      std::copy(kept.begin(), kept.end(), words);
    }
    ASSERT_BEVEL_OK(bevel_lift_splat_forward(&f, nullptr));
    EXPECT_EQ(0, std::memcmp(out.data(), call.out.data(), out.size() * 4));
  }
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::printf("seed %llu\n", static_cast<unsigned long long>(bevel::testing::kSeed));
  return RUN_ALL_TESTS();
}
