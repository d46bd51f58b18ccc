// lift_splat's CUDA bodies through the C ABI: plans against the CPU's bit for bit, values and gradients
// against the double reference, the same bits in every order of threads. Runs on the emulation, and on the
// hardware in the GPU suite.
#include <algorithm>
#include <cstdio>

#include "lift_splat_cuda_case.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20260301;

struct NamedCase {
  const char* name;
  Sizes sizes;
  CaseOptions options;
};

const NamedCase kCases[] = {
    {"six_cameras", {1, 6, 12, 8, 10, 16, 24, 24, 1}, {}},
    {"batch_rotated", {2, 2, 9, 8, 7, 20, 24, 16, 1}, {.image_degrees = 5.4, .bev_degrees = 11}},
    {"row_x_floor_odd_channels",
     {1, 3, 10, 5, 9, 65, 12, 20, 1},
     {.rounding = BEVEL_FLOOR, .row_axis = BEVEL_ROW_X}},
    {"three_channels", {2, 2, 11, 5, 7, 3, 16, 12, 1}, {.image_degrees = -4}},
    {"one_channel_one_pixel", {1, 1, 4, 1, 1, 1, 4, 4, 1}, {}},
    {"merged_bins", {1, 2, 40, 4, 6, 8, 16, 16, 1}, {.extent = 80}},
    {"many_runs_in_a_row", {1, 1, 600, 2, 2, 4, 1, 1, 1}, {.extent = 500, .z_low = -500, .z_high = 500}},
    {"z_resolved", {1, 3, 8, 8, 6, 12, 16, 16, 4}, {.z_low = -1, .z_high = 5.4}},
    {"z_columns", {1, 2, 10, 8, 5, 20, 16, 16, 4}, {.method = BEVEL_LIFT_SPLAT_COLUMNS}},
    {"flat_intervals", {2, 2, 8, 8, 6, 24, 16, 12, 1}, {.method = BEVEL_LIFT_SPLAT_INTERVALS}},
    {"tall", {1, 1, 6, 64, 5, 8, 32, 32, 1}, {.image_degrees = 90}},
    {"very_tall", {1, 1, 3, 255, 2, 4, 16, 16, 1}, {}},
    {"depths_too_large_for_shared_memory", {1, 1, 70, 255, 1, 4, 16, 16, 1}, {}},
    {"channels_too_many_for_shared_memory", {1, 1, 2, 255, 1, 196, 8, 8, 1}, {}},
    {"one_cell", {1, 2, 9, 4, 6, 17, 1, 1, 1}, {.extent = 500, .z_low = -500, .z_high = 500}},
    {"one_cell_intervals",
     {1, 2, 9, 4, 6, 17, 1, 1, 1},
     {.method = BEVEL_LIFT_SPLAT_INTERVALS, .extent = 500, .z_low = -500, .z_high = 500}},
    {"nothing_kept", {1, 2, 5, 4, 6, 8, 8, 8, 1}, {.z_low = 400, .z_high = 500}},
    {"nothing_kept_intervals",
     {1, 2, 5, 4, 6, 8, 8, 8, 1},
     {.method = BEVEL_LIFT_SPLAT_INTERVALS, .z_low = 400, .z_high = 500}},
    {"no_cameras", {2, 0, 5, 4, 6, 8, 8, 8, 1}, {}},
    {"no_batch", {0, 6, 5, 4, 6, 8, 8, 8, 1}, {}},
};

class LiftSplatCuda : public ::testing::TestWithParam<NamedCase> {};

INSTANTIATE_TEST_SUITE_P(Cases, LiftSplatCuda, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(LiftSplatCuda, PlanHasTheBitsOfTheCpus) {
  PlanCase host(GetParam().sizes, GetParam().options);
  host.build();
#if defined(BEVEL_EMULATE_CUDA)
  for (emulation::Order order :
       {emulation::Order::kForward, emulation::Order::kReverse, emulation::Order::kRandom}) {
    DevicePlan device(host);
    emulation::run_in_order(order, [&] { device.build(); });
    expect_same_plan(host, device);
  }
#else
  DevicePlan device(host);
  device.build();
  expect_same_plan(host, device);
#endif
}

template <class Context, class Out>
void expect_close(const NamedCase& named, CallOptions options, bool with_info, double tolerance) {
  PlanCase host_plan(named.sizes, named.options);
  host_plan.build();
  DevicePlan plan(host_plan);
  plan.build();
  Call<float, Context, Out> call(host_plan, options, kSeed);
  const ReferenceResult reference = call.reference(true);
  DeviceCall<Context, Out> device(call, plan, options, with_info);
  device.forward();
  EXPECT_LE(relative_error(call.canonical_out(call.out), reference.out), tolerance);
  if (options.logits) {
    EXPECT_LE(relative_error(call.doubles(call.probabilities), reference.probabilities), 1e-5);
  }
  device.backward();
  EXPECT_LE(relative_error(call.doubles(call.grad_depth), reference.grad_depth, 0.5), tolerance);
  EXPECT_LE(relative_error(call.canonical_context(call.grad_context), reference.grad_context), tolerance);
  device.expect_single_gradients_equal();
}

TEST_P(LiftSplatCuda, LogitsChannelsLastMatchTheReference) {
  expect_close<float, float>(GetParam(), {true, false, false, true}, false, 2e-5);
}

TEST_P(LiftSplatCuda, ProbabilitiesAndPriorChannelsFirstMatchTheReference) {
  expect_close<float, float>(GetParam(), {false, true, true, false}, true, 2e-5);
}

TEST_P(LiftSplatCuda, LogitsAndPriorInBfloat16MatchTheReference) {
  expect_close<Bfloat16, Bfloat16>(GetParam(), {true, true, true, true}, true, 1.1 / 256);
}

TEST_P(LiftSplatCuda, Float16ChannelsFirstMatchesTheReference) {
  expect_close<Float16, Float16>(GetParam(), {true, false, false, false}, false, 1.1 / 2048);
}

/// A plan built on both devices, equal, and a call on the device against the reference with these cells.
void expect_exact_with_cells(const Sizes& s, const CaseOptions& options, Tensor<int32_t>& cells,
                             uint64_t seed) {
  PlanCase host_plan(s, options);
  host_plan.use_cells(cells);
  host_plan.build();
  DevicePlan plan(host_plan);
  plan.build();
  expect_same_plan(host_plan, plan);
  const CallOptions call_options = {true, false, false, true};
  Call<float> call(host_plan, call_options, seed);
  std::vector<int32_t> values(cells.data(), cells.data() + cells.size());
  for (int32_t& cell : values) cell = cell >= s.nx * s.ny * s.nz ? -1 : cell;
  const ReferenceResult r =
      reference_lift_splat(s, values, call.doubles(call.depth), true, call.canonical_context(call.context),
                           {}, {}, call.canonical_out(call.grad_out));
  DeviceCall<float, float> device(call, plan, call_options, false);
  device.forward();
  device.backward();
  EXPECT_LE(relative_error(call.canonical_out(call.out), r.out), 2e-5);
  EXPECT_LE(relative_error(call.doubles(call.grad_depth), r.grad_depth), 2e-5);
  EXPECT_LE(relative_error(call.canonical_context(call.grad_context), r.grad_context), 2e-5);
}

TEST(LiftSplatCudaPlan, RandomCellsThatFollowNoGeometryAreExactToo) {
  std::mt19937_64 random(kSeed);
  for (bevel_lift_splat_method method :
       {BEVEL_LIFT_SPLAT_COLUMNS, BEVEL_LIFT_SPLAT_INTERVALS, BEVEL_LIFT_SPLAT_AUTO}) {
    const Sizes s = {2, 1, 9, 16, 5, 20, 3, 2, 1};
    Tensor<int32_t> cells({s.batch, s.cameras, s.depth_bins, s.height, s.width});
    for (int64_t i = 0; i < cells.size(); ++i) cells[i] = static_cast<int32_t>(random() % 8) - 2;
    expect_exact_with_cells(s, {.method = method}, cells, random());
  }
}

// More runs in a column than a block keeps in shared memory, and more points than it lifts at once.
TEST(LiftSplatCudaPlan, RunsBeyondSharedMemoryAreSortedInDeviceMemory) {
  const Sizes s = {1, 1, 90, 50, 1, 4, 40, 40, 1};
  Tensor<int32_t> cells({1, 1, s.depth_bins, s.height, s.width});
  std::mt19937_64 random(kSeed);
  for (int64_t i = 0; i < cells.size(); ++i) cells[i] = static_cast<int32_t>(random() % 1600);
  expect_exact_with_cells(s, {.method = BEVEL_LIFT_SPLAT_COLUMNS}, cells, kSeed);
}

// Several tiles of the scans and sorts, and cell numbers of more than one digit.
TEST(LiftSplatCudaPlan, LargeGridsAreScannedInTiles) {
  PlanCase host({1, 2, 30, 8, 8, 4, 100, 70, 1}, {.method = BEVEL_LIFT_SPLAT_INTERVALS});
  host.build();
  DevicePlan device(host);
  device.build();
  expect_same_plan(host, device);
  PlanCase host_columns({1, 2, 12, 8, 8, 4, 100, 70, 1}, {.method = BEVEL_LIFT_SPLAT_COLUMNS});
  host_columns.build();
  DevicePlan columns(host_columns);
  columns.build();
  expect_same_plan(host_columns, columns);
}

// Points whose coordinates fall on cell borders to the last bit: where reciprocals would round another way
// than divisions.
TEST(LiftSplatCudaPlan, PointsOnBordersFallInTheCellsOfTheCpu) {
  for (bevel_cell_rounding rounding : {BEVEL_TRUNC, BEVEL_FLOOR}) {
    for (double cell_size : {0.1, 0.3, 0.8, 1.0, 1.0 / 3.0}) {
      PlanCase host({1, 1, 64, 1, 1, 4, 40, 1, 1},
                    {.rounding = rounding, .method = BEVEL_LIFT_SPLAT_COLUMNS});
      bevel_lift_splat_geometry& g = host.params().geometry;
      g.grid.lower[0] = -4 * cell_size;
      g.grid.lower[1] = g.grid.lower[2] = -0.5;
      g.grid.cell_size[0] = cell_size;
      g.grid.cell_size[1] = g.grid.cell_size[2] = 1;
      g.depth_start = -6 * cell_size;
      g.depth_step = cell_size;
      const double look_along_x[16] = {0, 0, 1, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 1};
      std::memcpy(g.camera_to_bev->data, look_along_x, sizeof look_along_x);
      const double intrinsics[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
      std::memcpy(g.intrinsics->data, intrinsics, sizeof intrinsics);
      const Matrix4 none = identity4();
      std::memcpy(g.image_augmentation->data, none.data(), sizeof none);
      std::memcpy(g.bev_augmentation->data, none.data(), sizeof none);
      host.build();
      DevicePlan device(host);
      device.build();
      expect_same_plan(host, device);
    }
  }
}

TEST(LiftSplatCudaPlan, MatricesThatAreNotFiniteDropEveryPoint) {
  for (double value : {static_cast<double>(NAN), static_cast<double>(INFINITY), 0.0, -0.0, 1e-320, 1e300}) {
    PlanCase host({1, 2, 5, 4, 6, 8, 8, 8, 1}, {});
    auto* intrinsics = static_cast<double*>(host.params().geometry.intrinsics->data);
    for (int i = 0; i < 9; ++i) intrinsics[i] = value;  // camera 0 only
    host.build();
    DevicePlan device(host);
    device.build();
    expect_same_plan(host, device);
  }
}

TEST(LiftSplatCudaValues, NotFiniteValuesReachTheirOwnCellsOnly) {
  for (bevel_lift_splat_method method : {BEVEL_LIFT_SPLAT_COLUMNS, BEVEL_LIFT_SPLAT_INTERVALS}) {
    PlanCase host_plan({1, 1, 10, 16, 5, 8, 16, 16, 1}, {.image_degrees = 3, .method = method});
    host_plan.build();
    DevicePlan plan(host_plan);
    plan.build();
    const Sizes& s = host_plan.sizes();
    const std::vector<int32_t> cells = host_plan.cells();
    const int64_t plane = s.height * s.width;
    for (float value : {NAN, -INFINITY}) {
      for (int64_t pixel : {int64_t{3}, plane / 2}) {
        const CallOptions options = {false, false, false, true};
        Call<float> call(host_plan, options, kSeed);
        for (int64_t c = 0; c < s.channels; ++c) call.context[c * plane + pixel] = value;
        DeviceCall<float, float> device(call, plan, options, false);
        device.forward();
        std::vector<char> reached(static_cast<size_t>(s.cells()), 0);
        for (int64_t d = 0; d < s.depth_bins; ++d) {
          const int32_t cell = cells[static_cast<size_t>(d * plane + pixel)];
          if (cell >= 0) reached[static_cast<size_t>(cell)] = 1;
        }
        for (int64_t cell = 0; cell < s.cells(); ++cell) {
          ASSERT_NE(std::isfinite(call.out[cell * s.channels]), reached[static_cast<size_t>(cell)] == 1)
              << "cell " << cell << ", pixel " << pixel << ", value " << value << ", method " << method;
        }
      }
    }
  }
}

TEST(LiftSplatCudaValues, NotFiniteGradientsReachTheirOwnPixelsOnly) {
  PlanCase host_plan({1, 1, 10, 16, 5, 8, 16, 16, 1},
                     {.image_degrees = 3, .method = BEVEL_LIFT_SPLAT_COLUMNS});
  host_plan.build();
  DevicePlan plan(host_plan);
  plan.build();
  const Sizes& s = host_plan.sizes();
  const std::vector<int32_t> cells = host_plan.cells();
  const int64_t plane = s.height * s.width;
  const CallOptions options = {false, false, true, true};
  Call<float> call(host_plan, options, kSeed);
  const int32_t poisoned = *std::max_element(cells.begin(), cells.end());
  ASSERT_GE(poisoned, 0);
  for (int64_t c = 0; c < s.channels; ++c) call.grad_out[poisoned * s.channels + c] = INFINITY;
  DeviceCall<float, float> device(call, plan, options, true);
  device.forward();
  device.backward();
  for (int64_t pixel = 0; pixel < plane; ++pixel) {
    bool reached = false;
    for (int64_t d = 0; d < s.depth_bins; ++d) {
      const bool in_cell = cells[static_cast<size_t>(d * plane + pixel)] == poisoned;
      reached = reached || in_cell;
      EXPECT_NE(std::isfinite(call.grad_depth[d * plane + pixel]), in_cell);
    }
    EXPECT_NE(std::isfinite(call.grad_context[pixel * s.channels]), reached);
  }
}

TEST(LiftSplatCudaValues, DepthOfDroppedPointsReachesNothing) {
  for (bevel_lift_splat_method method : {BEVEL_LIFT_SPLAT_COLUMNS, BEVEL_LIFT_SPLAT_INTERVALS}) {
    PlanCase host_plan({1, 1, 12, 16, 5, 8, 16, 16, 1}, {.method = method, .extent = 20});
    host_plan.build();
    DevicePlan plan(host_plan);
    plan.build();
    const std::vector<int32_t> cells = host_plan.cells();
    const CallOptions options = {false, false, true, false};
    Call<float> call(host_plan, options, kSeed);
    for (size_t i = 0; i < cells.size(); ++i) {
      if (cells[i] < 0) call.depth[static_cast<int64_t>(i)] = NAN;
    }
    DeviceCall<float, float> device(call, plan, options, false);
    device.forward();
    for (int64_t i = 0; i < call.out.size(); ++i) ASSERT_TRUE(std::isfinite(call.out[i]));
    device.backward();
    for (int64_t i = 0; i < call.grad_context.size(); ++i) ASSERT_TRUE(std::isfinite(call.grad_context[i]));
    for (size_t i = 0; i < cells.size(); ++i) {
      if (cells[i] < 0) {
        ASSERT_EQ(0.0f, call.grad_depth[static_cast<int64_t>(i)]);
      }
    }
  }
}

/// A device tensor whose cameras lie twice as far apart as they need to; the gaps hold NaN.
template <class T>
class StridedTensor {
 public:
  explicit StridedTensor(const Tensor<T>& host) : shape_(host.shape()) {
    std::vector<int64_t> wide = shape_;
    wide[1] *= 2;
    camera_ = 1;
    for (size_t i = 2; i < shape_.size(); ++i) camera_ *= shape_[i];
    Tensor<T> spread(wide);
    for (int64_t camera = 0; camera < shape_[0] * shape_[1]; ++camera) {
      std::memcpy(spread.data() + 2 * camera * camera_, host.data() + camera * camera_,
                  static_cast<size_t>(camera_) * sizeof(T));
    }
    memory_ = std::make_unique<DeviceTensor<T>>(spread);
    strides_.assign(shape_.size(), 1);
    for (size_t i = shape_.size() - 1; i > 1; --i) strides_[i - 1] = strides_[i] * shape_[i];
    strides_[1] = 2 * camera_;
    strides_[0] = strides_[1] * shape_[1];
    view_ = *memory_->view();
    view_.shape = shape_.data();
    view_.strides = strides_.data();
  }
  DLTensor* view() { return &view_; }
  void download(Tensor<T>& to) const {
    const std::vector<T> all = memory_->download();
    for (int64_t camera = 0; camera < shape_[0] * shape_[1]; ++camera) {
      std::memcpy(to.data() + camera * camera_, all.data() + 2 * camera * camera_,
                  static_cast<size_t>(camera_) * sizeof(T));
    }
  }

 private:
  std::vector<int64_t> shape_, strides_;
  int64_t camera_;
  std::unique_ptr<DeviceTensor<T>> memory_;
  DLTensor view_;
};

TEST(LiftSplatCudaValues, StridesOverBatchAndCamerasAreFollowed) {
  for (bevel_lift_splat_method method : {BEVEL_LIFT_SPLAT_COLUMNS, BEVEL_LIFT_SPLAT_INTERVALS}) {
    for (const bool channels_last : {true, false}) {
      PlanCase host_plan({2, 2, 7, 8, 6, 12, 16, 16, 1}, {.method = method});
      host_plan.build();
      DevicePlan plan(host_plan);
      plan.build();
      const CallOptions options = {true, false, channels_last, true};
      Call<float> call(host_plan, options, kSeed);
      const ReferenceResult reference = call.reference(true);
      StridedTensor<float> depth(call.depth), context(call.context);
      DeviceTensor<float> out(call.out.shape()), probabilities(call.probabilities.shape()),
          grad_out(call.grad_out);
      const auto with_workspace = [](int64_t bytes, auto run) {
        DeviceTensor<uint8_t> workspace({bytes});
        run(workspace.view());
      };

      bevel_lift_splat_forward_params f = call.forward_params();
      f.plan = plan.plan().view();
      f.depth = depth.view();
      f.context = context.view();
      f.out = out.view();
      f.probabilities = probabilities.view();
      int64_t bytes = 0;
      ASSERT_BEVEL_OK(bevel_lift_splat_forward_workspace(&f, &bytes));
      with_workspace(bytes, [&f](DLTensor* workspace) {
        f.workspace = workspace;
        ASSERT_BEVEL_OK(bevel_lift_splat_forward(&f, nullptr));
      });
      out.download(call.out);
      EXPECT_LE(relative_error(call.canonical_out(call.out), reference.out), 2e-5);

      StridedTensor<float> grad_depth(call.grad_depth), grad_context(call.grad_context);
      bevel_lift_splat_backward_params b = call.backward_params();
      b.plan = plan.plan().view();
      b.grad_out = grad_out.view();
      b.probabilities = probabilities.view();
      b.context = context.view();
      b.grad_depth = grad_depth.view();
      b.grad_context = grad_context.view();
      ASSERT_BEVEL_OK(bevel_lift_splat_backward_workspace(&b, &bytes));
      with_workspace(bytes, [&b](DLTensor* workspace) {
        b.workspace = workspace;
        ASSERT_BEVEL_OK(bevel_lift_splat_backward(&b, nullptr));
      });
      grad_depth.download(call.grad_depth);
      grad_context.download(call.grad_context);
      EXPECT_LE(relative_error(call.doubles(call.grad_depth), reference.grad_depth, 0.5), 2e-5);
      EXPECT_LE(relative_error(call.canonical_context(call.grad_context), reference.grad_context), 2e-5);
    }
  }
}

/// A plan that did not fit, and counts that are not this plan's: everything is written, and it is zero.
TEST(LiftSplatCudaValues, PlansThatCannotBeUsedPoolNothing) {
  for (bevel_lift_splat_method method : {BEVEL_LIFT_SPLAT_COLUMNS, BEVEL_LIFT_SPLAT_INTERVALS}) {
    for (const bool overflow : {true, false}) {
      for (const bool channels_last : {true, false}) {
        PlanCase host_plan({1, 2, 6, 8, 5, 8, 16, 16, 1}, {.method = method});
        if (overflow) host_plan.params().max_points = 10;
        host_plan.build();
        DevicePlan plan(host_plan);
        plan.build();
        expect_same_plan(host_plan, plan);
        EXPECT_EQ(overflow, plan.info().overflow != 0);
        const CallOptions options = {false, false, false, channels_last};
        Call<float> call(host_plan, options, kSeed);
        DeviceCall<float, float> device(call, plan, options, !overflow);
        if (!overflow) {
          device.info().method =
              method == BEVEL_LIFT_SPLAT_COLUMNS ? BEVEL_LIFT_SPLAT_INTERVALS : BEVEL_LIFT_SPLAT_COLUMNS;
        }
        device.forward();
        for (int64_t i = 0; i < call.out.size(); ++i) ASSERT_EQ(0.0f, call.out[i]);
        device.backward();
        for (int64_t i = 0; i < call.grad_depth.size(); ++i) ASSERT_EQ(0.0f, call.grad_depth[i]);
        for (int64_t i = 0; i < call.grad_context.size(); ++i) ASSERT_EQ(0.0f, call.grad_context[i]);
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
