// deform_attn's CUDA bodies through the C ABI against plain loops in double, the same bits in every order of
// threads. Runs on the emulation, and on the hardware in the GPU suite.
#include <cstdio>

#include "deform_attn_case.hpp"
#include "device_tensor.hpp"

namespace bevel::testing {
namespace {

constexpr uint64_t kSeed = 20261122;

/// How a tensor lies in device memory.
struct Placement {
  int64_t offset = 0;  ///< elements before the first: 1 spoils every vector access
  /// The dimension that is moved to before dimension `before`, so that outer strides are not compact; −1:
  /// none.
  int moved = -1, before = 0;
  int64_t padding = 0;  ///< elements that follow each slice of dimension 0
};

/// A tensor on the device, placed otherwise than compact.
template <class T>
class PlacedTensor {
 public:
  PlacedTensor(const std::vector<int64_t>& shape, const Placement& placement)
      : shape_(shape), strides_(shape.size()), memory_({elements(shape, placement)}) {
    std::vector<size_t> order;
    for (size_t i = 0; i < shape.size(); ++i) {
      if (static_cast<int>(i) != placement.moved) order.push_back(i);
    }
    if (placement.moved >= 0)
      order.insert(order.begin() + placement.before, static_cast<size_t>(placement.moved));
    int64_t stride = 1;
    for (size_t i = order.size(); i-- > 0;) {
      if (i == 0) stride += placement.padding;
      strides_[order[i]] = stride;
      stride *= shape[order[i]];
    }
    view_ = {memory_.data() + placement.offset,
             {kDLCUDA, 0},
             static_cast<int32_t>(shape_.size()),
             dtype_of<T>(),
             shape_.data(),
             strides_.data(),
             0};
    offset_ = placement.offset;
  }
  PlacedTensor(const Tensor<T>& host, const Placement& placement) : PlacedTensor(host.shape(), placement) {
    Tensor<T> staged({memory_.size()});
    std::memset(staged.data(), 0xff, static_cast<size_t>(staged.size()) * sizeof(T));
    for (int64_t i = 0; i < host.size(); ++i) staged[place(i)] = host[i];
    memory_.upload(staged);
  }
  DLTensor* view() { return &view_; }
  void poison() { memory_.poison(); }
  std::vector<unsigned char> download_bytes() const { return memory_.download_bytes(); }
  void download(Tensor<T>& to) const {
    const std::vector<T> all = memory_.download();
    for (int64_t i = 0; i < to.size(); ++i) to[i] = all[static_cast<size_t>(place(i))];
  }

 private:
  static int64_t elements(const std::vector<int64_t>& shape, const Placement& placement) {
    int64_t count = 1;
    for (int64_t extent : shape) count *= extent;
    return count + placement.offset + (shape.empty() ? 0 : shape[0] * placement.padding);
  }
  /// Where the i-th element in row-major order lies.
  int64_t place(int64_t i) const {
    int64_t at = offset_;
    for (size_t d = shape_.size(); d-- > 0; i /= shape_[d]) at += i % shape_[d] * strides_[d];
    return at;
  }

  std::vector<int64_t> shape_, strides_;
  DeviceTensor<T> memory_;
  DLTensor view_;
  int64_t offset_ = 0;
};

/// Placements of a case's tensors.
struct Placements {
  Placement value, samples, reference, out, gradients;
};

/// Which gradients are wanted.
struct Wanted {
  bool value = true, locations = true, weights = true, reference = true;
};

/// A case's inputs on the device; outputs come back to the case's tensors.
template <class Storage, class Out = Storage>
class DeviceCase {
 public:
  using HostCase = AttentionCase<float, Storage, Out>;

  explicit DeviceCase(HostCase& host, const Placements& places = {})
      : host_(host),
        value_(host.value, places.value),
        grad_value_(host.value.shape(), {places.gradients.offset}),
        locations_(host.locations, places.samples),
        grad_locations_(host.locations.shape(), places.gradients),
        weights_(host.weights, places.samples),
        grad_weights_(host.weights.shape(), places.gradients),
        reference_(host.reference, places.reference),
        grad_reference_(host.reference.shape(), {places.gradients.offset}),
        visible_(host.visible),
        out_(host.out.shape(), places.out),
        grad_out_(host.grad_out, places.out) {}

  void run(bevel_determinism determinism = BEVEL_STRICT, Wanted wanted = {}) {
    run_forward();
    run_backward(determinism, wanted);
  }
  void run_forward() {
    expect_same_bits_in_all_orders([this] { forward(); }, out_);
    out_.download(host_.out);
  }
  /// In one order only.
  void run_forward_once() {
    forward();
    out_.download(host_.out);
  }
  void run_backward(bevel_determinism determinism, Wanted wanted) {
    wanted.reference = wanted.reference && host_.s.references > 0;
    const auto work = [&] { backward(determinism, wanted); };
    grad_value_.poison();
    Gradients gradients = {*this, wanted, determinism == BEVEL_STRICT};
    expect_same_bits_in_all_orders(work, gradients);
    if (wanted.value) grad_value_.download(host_.grad_value);
    if (wanted.locations) grad_locations_.download(host_.grad_locations);
    if (wanted.weights) grad_weights_.download(host_.grad_weights);
    if (wanted.reference) grad_reference_.download(host_.grad_reference);
  }

 private:
  /// The gradients whose bits must not vary, as one output.
  struct Gradients {
    DeviceCase& of;
    Wanted wanted;
    bool strict;

    void poison() {
      if (wanted.value) of.grad_value_.poison();
      each([](auto& tensor) { tensor.poison(); });
    }
    std::vector<unsigned char> download_bytes() const {
      std::vector<unsigned char> all;
      const auto append = [&](auto& tensor) {
        const std::vector<unsigned char> bytes = tensor.download_bytes();
        all.insert(all.end(), bytes.begin(), bytes.end());
      };
      if (wanted.value && strict) append(of.grad_value_);
      each(append);
      return all;
    }
    template <class Action>
    void each(Action action) const {
      if (wanted.locations) action(of.grad_locations_);
      if (wanted.weights) action(of.grad_weights_);
      if (wanted.reference) action(of.grad_reference_);
    }
  };

  void forward() {
    if (host_.s.references) {
      bevel_deform_attn_forward_params p = host_.fused_forward();
      p.value = value_.view();
      p.reference = reference_.view();
      p.offsets = locations_.view();
      p.logits = weights_.view();
      if (host_.use_visible) p.visible = visible_.view();
      p.out = out_.view();
      ASSERT_BEVEL_OK(bevel_deform_attn_forward(&p, nullptr));
    } else {
      bevel_msda_forward_params p = host_.msda_forward();
      p.value = value_.view();
      p.locations = locations_.view();
      p.weights = weights_.view();
      p.out = out_.view();
      ASSERT_BEVEL_OK(bevel_msda_forward(&p, nullptr));
    }
  }

  void backward(bevel_determinism determinism, const Wanted& wanted) {
    int64_t bytes = 0;
    if (host_.s.references) {
      bevel_deform_attn_backward_params p = host_.fused_backward();
      p.grad_out = grad_out_.view();
      p.value = value_.view();
      p.reference = reference_.view();
      p.offsets = locations_.view();
      p.logits = weights_.view();
      if (host_.use_visible) p.visible = visible_.view();
      p.grad_value = wanted.value ? grad_value_.view() : nullptr;
      p.grad_offsets = wanted.locations ? grad_locations_.view() : nullptr;
      p.grad_logits = wanted.weights ? grad_weights_.view() : nullptr;
      p.grad_reference = wanted.reference ? grad_reference_.view() : nullptr;
      p.determinism = determinism;
      ASSERT_BEVEL_OK(bevel_deform_attn_backward_workspace(&p, &bytes));
      DeviceTensor<uint8_t> workspace({bytes});
      p.workspace = workspace.view();
      ASSERT_BEVEL_OK(bevel_deform_attn_backward(&p, nullptr));
    } else {
      bevel_msda_backward_params p = host_.msda_backward();
      p.grad_out = grad_out_.view();
      p.value = value_.view();
      p.locations = locations_.view();
      p.weights = weights_.view();
      p.grad_value = wanted.value ? grad_value_.view() : nullptr;
      p.grad_locations = wanted.locations ? grad_locations_.view() : nullptr;
      p.grad_weights = wanted.weights ? grad_weights_.view() : nullptr;
      p.determinism = determinism;
      ASSERT_BEVEL_OK(bevel_msda_backward_workspace(&p, &bytes));
      DeviceTensor<uint8_t> workspace({bytes});
      p.workspace = workspace.view();
      ASSERT_BEVEL_OK(bevel_msda_backward(&p, nullptr));
    }
  }

  HostCase& host_;
  PlacedTensor<Storage> value_, grad_value_;
  PlacedTensor<float> locations_, grad_locations_, weights_, grad_weights_, reference_, grad_reference_;
  DeviceTensor<uint8_t> visible_;
  PlacedTensor<Out> out_, grad_out_;
};

template <class Storage, class Out = Storage>
void expect_close(const AttentionSizes& sizes, double tolerance, double storage_tolerance,
                  bevel_determinism determinism = BEVEL_STRICT, bool use_visible = false,
                  const Placements& places = {}) {
  AttentionCase<float, Storage, Out> host(sizes, kSeed);
  host.use_visible = use_visible;
  DeviceCase<Storage, Out>(host, places).run(determinism);
  host.compare(tolerance, storage_tolerance);
}

/// Every form, and shapes that hurt; small, for the emulation.
std::vector<AttentionSizes> sizes_of_forms() {
  std::vector<AttentionSizes> all = {
      msda(2, 37, 2, 32, 4, kOne),
      msda(1, 11, 3, 10, 8, kFour),
      msda(1, 1, 1, 1, 1, {{1, 1, 0}}),
      msda(2, 5, 2, 150, 20, kOne),
      msda(0, 5, 2, 4, 2, kOne),
      msda(2, 0, 2, 4, 2, kOne),
      fused(msda(2, 5, 2, 32, 8, kFour), 3, 4, false, false, true, true),  // spatial cross-attention
      fused(msda(2, 7, 2, 16, 4, kOne), 2, 1, true, false, true, false),   // temporal self-attention
      fused(msda(1, 7, 2, 16, 4, kFour), 1, 4, true, true, true, true),    // boxes
      fused(msda(1, 5, 2, 20, 3, kFour), 2, 4, true, false, false, true),  // two values, shared sampling
      fused(msda(1, 7, 2, 5, 5, kOne), 3, 2, false, true, false, false),
  };
  // A level that does not begin where the last one ends, and rows that nobody names.
  all.push_back(msda(1, 9, 2, 8, 2, {{3, 4, 5}, {2, 2, 17}}));
  all.back().padding_rows = 8;
  return all;
}

class DeformAttnCuda : public ::testing::TestWithParam<int> {
 protected:
  AttentionSizes sizes() const { return sizes_of_forms()[static_cast<size_t>(GetParam())]; }
};
INSTANTIATE_TEST_SUITE_P(Sizes, DeformAttnCuda,
                         ::testing::Range(0, static_cast<int>(sizes_of_forms().size())));

TEST_P(DeformAttnCuda, MatchesPlainLoops) {
  expect_close<float>(sizes(), 2e-5, 1e-5);
  expect_close<Float16>(sizes(), 2e-5, 1.1 / 2048);
}

TEST_P(DeformAttnCuda, FastMatchesPlainLoops) {
  expect_close<Bfloat16>(sizes(), 2e-5, 1.1 / 256, BEVEL_FAST);
}

TEST_P(DeformAttnCuda, QueriesThatSeeSomeMaps) {
  if (sizes().references == 0) return;  // the field's form has one map
  expect_close<float>(sizes(), 2e-5, 1e-5, BEVEL_STRICT, true);
  expect_close<Bfloat16, float>(sizes(), 2e-5, 1.1 / 256, BEVEL_FAST, true);
}

// One element off every border, so that no access may be wider than its element.
TEST(DeformAttnCudaPlaces, OffTheBordersOfVectors) {
  const Placement off = {1};
  const AttentionSizes tall = fused(msda(2, 5, 2, 32, 4, kOne), 2, 1, true, false, true, false);
  expect_close<float>(tall, 2e-5, 1e-5, BEVEL_STRICT, false, {off, off, off, off, off});
  expect_close<Float16>(tall, 2e-5, 1.1 / 2048, BEVEL_FAST, false, {off, off, off, off, off});
  // Only some of them: each tensor's own alignment counts.
  expect_close<Float16, float>(tall, 2e-5, 1.1 / 2048, BEVEL_STRICT, false, {{}, off, {}, off, {}});
  expect_close<float>(tall, 2e-5, 1e-5, BEVEL_FAST, false, {{}, {}, off, {}, off});
}

// Temporal self-attention's offsets are [B, Q, M, N, L, P, 2]; value and reference have maps outermost.
TEST(DeformAttnCudaPlaces, StridedViews) {
  const AttentionSizes tsa = fused(msda(2, 5, 4, 16, 4, kOne), 2, 1, true, false, true, false);
  const Placement queues = {0, 1, 3}, outermost = {0, 1, 0, 24};
  expect_close<float>(tsa, 2e-5, 1e-5, BEVEL_STRICT, true, {outermost, queues, outermost, {}, queues});
  expect_close<Bfloat16>(tsa, 2e-5, 1.1 / 256, BEVEL_FAST, false, {outermost, queues, {}, {}, {}});
  // Rows padded to an odd number of elements.
  expect_close<float>(tsa, 2e-5, 1e-5, BEVEL_STRICT, false,
                      {{0, -1, 0, 5}, {0, -1, 0, 3}, {0, -1, 0, 1}, {}, {}});
}

// Queries as a grid of their level, as a square, and in a row; tiles that do not divide them.
TEST(DeformAttnCudaTiles, EveryQueryIsTakenOnce) {
  for (const int64_t queries : {35, 100, 77}) {
    SCOPED_TRACE(queries);
    expect_close<float>(msda(1, queries, 2, 8, 1, kOne), 2e-5, 1e-5);
  }
  // Heads of less than a line share blocks: 8 of 2 channels, 3 of 20 that do not.
  expect_close<Float16>(msda(2, 19, 8, 2, 2, kOne), 2e-5, 1.1 / 2048);
  expect_close<Float16>(msda(1, 19, 3, 20, 2, kOne), 2e-5, 1.1 / 2048);
  expect_close<Bfloat16>(msda(1, 9, 6, 16, 2, kOne), 2e-5, 1.1 / 256, BEVEL_FAST);
}

TEST(DeformAttnCudaTiles, MoreSamplesAndMapsThanAWarpHasLanes) {
  expect_close<float>(fused(msda(1, 3, 2, 8, 64, kFour), 1, 5, false, true, true, true), 3e-5, 1e-5);
  expect_close<float>(msda(1, 2, 1, 300, 9, kFour), 2e-5, 1e-5);
  expect_close<float>(fused(msda(1, 4, 2, 4, 2, kOne), 35, 1, false, false, true, true), 2e-5, 1e-5,
                      BEVEL_STRICT, true);
  expect_close<float>(fused(msda(1, 4, 2, 4, 2, kOne), 0, 1, false, false, true, true), 0, 0);
}

// Where there are many queries a warp takes several; here two rows of a tile of sixteen.
TEST(DeformAttnCudaTiles, TilesOfSeveralRows) {
  AttentionCase<float, float> host(msda(1, 130 * 130, 1, 4, 1, kOne), kSeed);
  DeviceCase<float>(host).run_forward_once();
  EXPECT_LE(relative_error(host.values(host.out), attention_reference(host.s, host.data(), false).out), 1e-5);
}

// Hundreds of samples in one cell, and a whole map of queries at its corner.
TEST(DeformAttnCudaValue, CrowdedCells) {
  AttentionCase<float, float> host(msda(2, 130, 2, 16, 4, kOne), kSeed);
  for (int64_t i = 0; i < host.locations.size(); i += 2) {
    if (i % 11 == 0) continue;
    host.locations[i] = i % 3 ? 0.52f : -0.01f;
    host.locations[i + 1] = i % 3 ? 0.41f : 1.02f;
  }
  DeviceCase<float>(host).run();
  host.compare(2e-5, 1e-5);
  DeviceCase<float>(host).run(BEVEL_FAST);
  host.compare(2e-5, 1e-5);
}

TEST(DeformAttnCudaValue, LevelsThatOverlap) {
  AttentionSizes s = msda(1, 9, 2, 8, 2, {{3, 4, 0}, {2, 5, 4}, {3, 4, 0}});
  expect_close<float>(s, 2e-5, 1e-5);
  expect_close<float>(s, 2e-5, 1e-5, BEVEL_FAST);
}

TEST(DeformAttnCudaGradients, EachAlone) {
  const AttentionSizes s = fused(msda(1, 6, 2, 8, 3, kFour), 2, 4, true, true, false, true);
  const Wanted choices[] = {{true, false, false, false},
                            {false, true, false, false},
                            {false, false, true, false},
                            {false, false, false, true}};
  AttentionCase<float, float> all(s, kSeed);
  all.use_visible = true;
  DeviceCase<float>(all).run();
  all.compare(2e-5, 1e-5);
  for (const bevel_determinism determinism : {BEVEL_STRICT, BEVEL_FAST}) {
    for (const Wanted& wanted : choices) {
      AttentionCase<float, float> one(s, kSeed);
      one.use_visible = true;
      DeviceCase<float>(one).run(determinism, wanted);
      const auto expect_equal = [](bool computed, const Tensor<float>& a, const Tensor<float>& b) {
        if (!computed) return;
        for (int64_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-5) << i;
      };
      expect_equal(wanted.value, all.grad_value, one.grad_value);
      expect_equal(wanted.locations, all.grad_locations, one.grad_locations);
      expect_equal(wanted.weights, all.grad_weights, one.grad_weights);
      expect_equal(wanted.reference, all.grad_reference, one.grad_reference);
    }
  }
}

// Maps that are seen by nobody, and a query that sees none, leave zeros everywhere.
TEST(DeformAttnCudaGradients, NothingSeenGivesZeros) {
  for (const bool shared : {true, false}) {
    AttentionCase<float, float> host(fused(msda(1, 5, 2, 8, 3, kOne), 3, 1, true, false, true, shared),
                                     kSeed);
    host.use_visible = true;
    for (int64_t i = 0; i < host.visible.size(); ++i) host.visible[i] = 0;
    DeviceCase<float>(host).run();
    for (const Tensor<float>* tensor :
         {&host.out, &host.grad_value, &host.grad_locations, &host.grad_weights, &host.grad_reference}) {
      for (int64_t i = 0; i < tensor->size(); ++i) ASSERT_EQ(0.0f, (*tensor)[i]);
    }
  }
}

TEST(DeformAttnCudaHostile, CoordinatesThatAreNoNumbersGiveZero) {
  const float nan = NAN, inf = INFINITY;
  AttentionCase<float, float> problem(msda(1, 6, 1, 4, 1, kOne), kSeed);
  const float bad[6][2] = {{nan, 0.5f},  {0.5f, nan},   {inf, 0.5f},
                           {0.5f, -inf}, {1e30f, 0.5f}, {0.5f, -3e38f}};
  std::memcpy(problem.locations.data(), bad, sizeof bad);
  for (const bevel_determinism determinism : {BEVEL_STRICT, BEVEL_FAST}) {
    DeviceCase<float>(problem).run(determinism);
    for (const Tensor<float>* tensor :
         {&problem.out, &problem.grad_value, &problem.grad_locations, &problem.grad_weights}) {
      for (int64_t i = 0; i < tensor->size(); ++i) ASSERT_EQ(0.0f, (*tensor)[i]);
    }
  }
}

// One sample beyond the map's corner; every value but its one neighbour is NaN, and the gradient is Inf.
TEST(DeformAttnCudaHostile, WhatLiesOutsideTheSamplesDoesNotMatter) {
  AttentionCase<float, float> problem(msda(1, 1, 1, 4, 1, kOne), kSeed);
  for (int64_t i = 0; i < problem.value.size(); ++i) problem.value[i] = NAN;
  for (int c = 0; c < 4; ++c) problem.value[c] = static_cast<float>(c + 1);
  for (int c = 0; c < 4; ++c) problem.grad_out[c] = INFINITY;
  problem.locations[0] = 0.25f / 7;  // x = −0.25
  problem.locations[1] = 0.25f / 5;
  problem.weights[0] = 1;
  DeviceCase<float>(problem).run();
  for (int c = 0; c < 4; ++c) EXPECT_NEAR(0.75 * 0.75 * (c + 1), problem.out[c], 1e-6);
  EXPECT_EQ(INFINITY, problem.grad_weights[0]);
  for (int64_t i = 0; i < problem.grad_value.size(); ++i)
    EXPECT_EQ(i < 4 ? INFINITY : 0.0f, problem.grad_value[i]) << i;
}

TEST(DeformAttnCudaArguments, AreRefusedWithTheReason) {
  AttentionCase<float, float> host(msda(1, 5, 2, 8, 2, kOne), kSeed);
  DeviceTensor<float> value(host.value), locations(host.locations), weights(host.weights),
      grad_out(host.grad_out), grad_value(host.value.shape());
  bevel_msda_backward_params p = host.msda_backward();
  p.grad_out = grad_out.view();
  p.value = value.view();
  p.locations = locations.view();
  p.weights = weights.view();
  p.grad_value = grad_value.view();
  p.grad_locations = p.grad_weights = nullptr;
  const auto expect_refused = [&](const char* text) {
    EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_msda_backward(&p, nullptr)) << text;
    EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text)) << bevel_last_error();
  };
  expect_refused("workspace");
  int64_t bytes = 0;
  ASSERT_BEVEL_OK(bevel_msda_backward_workspace(&p, &bytes));
  ASSERT_GT(bytes, 0);
  DeviceTensor<uint8_t> small({bytes - 1}), whole({bytes});
  p.workspace = small.view();
  expect_refused("workspace");
  Tensor<uint8_t> elsewhere({bytes});
  p.workspace = elsewhere.view();
  expect_refused("workspace");
  p.workspace = whole.view();
  p.weights = host.weights.view();
  expect_refused("weights");
  p.weights = weights.view();
  p.determinism = 2;
  expect_refused("determinism");
  p.determinism = BEVEL_FAST;  // straight into grad_value
  ASSERT_BEVEL_OK(bevel_msda_backward_workspace(&p, &bytes));
  EXPECT_EQ(0, bytes);
  p.workspace = nullptr;
  ASSERT_BEVEL_OK(bevel_msda_backward(&p, nullptr));

  AttentionCase<double, double> exact(msda(1, 5, 2, 8, 2, kOne), kSeed);
  DeviceTensor<double> exact_value(exact.value), exact_locations(exact.locations),
      exact_weights(exact.weights), exact_out(exact.out.shape());
  bevel_msda_forward_params f = exact.msda_forward();
  f.value = exact_value.view();
  f.locations = exact_locations.view();
  f.weights = exact_weights.view();
  f.out = exact_out.view();
  EXPECT_EQ(BEVEL_UNSUPPORTED, bevel_msda_forward(&f, nullptr));
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), "float64 is for gradient checks on the CPU"))
      << bevel_last_error();
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
