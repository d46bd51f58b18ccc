// Extents of zero, and what they must not hide: products that pass 2⁶³, gradients that nobody writes,
// pointers that are null because nothing is there. The fuzzer (fuzz/) draws the kind; these are the instances
// that were found first.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstring>

#include "bev_warp.h"
#include "deform_attn_case.hpp"
#include "tensors.hpp"

namespace bevel::testing {
namespace {

/// A tensor without memory of its own.
struct View {
  View(void* data, std::vector<int64_t> extents, DLDataType type = dtype_of<float>())
      : shape(std::move(extents)) {
    tensor = {data, {kDLCPU, 0}, static_cast<int32_t>(shape.size()), type, shape.data(), nullptr, 0};
  }
  View(const View&) = delete;
  DLTensor* operator&() { return &tensor; }
  std::vector<int64_t> shape;
  DLTensor tensor;
};

bevel_value_levels one_pixel(int count) {
  bevel_value_levels levels = {};
  levels.levels = count;
  for (int l = 0; l < count; ++l) levels.height[l] = levels.width[l] = 1;
  return levels;
}

void expect_message(const char* text) {
  EXPECT_NE(nullptr, std::strstr(bevel_last_error(), text)) << bevel_last_error();
}

/// 8 levels × 2⁶¹ points wrapped to 0, and a division by it followed.
TEST(EmptyExtents, LevelsTimesPointsDoNotWrap) {
  Tensor<float> numbers({64});
  View value(numbers.data(), {1, 8, 1, 1}), out(nullptr, {1, 0, 1});
  View locations(nullptr, {1, 0, 1, 8, int64_t{1} << 61, 2}), weights(nullptr, {1, 0, 1, 8, 0});
  bevel_msda_forward_params p = {sizeof p, &value, one_pixel(8), &locations, &weights, &out};
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_msda_forward(&p, nullptr));
  expect_message("msda_forward: locations has more than 2^63 - 1 elements (extents of 0 aside)");
  View fewer(nullptr, {1, 0, 1, 8, int64_t{1} << 57, 2}),
      fewer_weights(nullptr, {1, 0, 1, 8, int64_t{1} << 57});
  p.locations = &fewer;
  p.weights = &fewer_weights;
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_msda_forward(&p, nullptr));
  expect_message("msda_forward: locations must have 1 to 256 levels · points");
}

/// Heads × channels wrapped to something negative, which a shape took for "any".
TEST(EmptyExtents, HeadsTimesChannelsDoNotWrapToAny) {
  const int64_t many = int64_t{1} << 32;
  View value(nullptr, {0, 1, many, many - 1}), locations(nullptr, {0, 1, many, 1, 1, 2});
  View weights(nullptr, {0, 1, many, 1, 1}), out(nullptr, {0, 1, 3});
  const bevel_msda_forward_params p = {sizeof p, &value, one_pixel(1), &locations, &weights, &out};
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_msda_forward(&p, nullptr));
  expect_message("value has more than 2^63 - 1 elements");
}

/// With no batch element there is nothing to do, however many queries each has.
TEST(EmptyExtents, ManyQueriesOfNothingReturnAtOnce) {
  const int64_t many = int64_t{1} << 59;
  View value(nullptr, {0, 1, 1, 1}), locations(nullptr, {0, many, 1, 1, 1, 2});
  View weights(nullptr, {0, many, 1, 1, 1}), out(nullptr, {0, many, 1}), grad(nullptr, {0, many, 1, 1, 1});
  const bevel_msda_forward_params f = {sizeof f, &value, one_pixel(1), &locations, &weights, &out};
  EXPECT_BEVEL_OK(bevel_msda_forward(&f, nullptr));
  bevel_msda_backward_params b = {sizeof b, &out, &value, one_pixel(1), &locations, &weights};
  b.grad_weights = &grad;
  int64_t bytes = -1;
  EXPECT_BEVEL_OK(bevel_msda_backward_workspace(&b, &bytes));
  EXPECT_EQ(0, bytes);
  EXPECT_BEVEL_OK(bevel_msda_backward(&b, nullptr));
}

/// No maps: the output and all gradients are zero, and the order of queries asks no map.
TEST(EmptyExtents, AttentionOverNoMapsGivesZeros) {
  constexpr int64_t queries = 400, heads = 8, channels = 32, rows = 2048;
  Tensor<float> offsets({1, 1, queries, heads, 1, 1, 2}), logits({1, 1, queries, heads, 1, 1});
  Tensor<float> out({1, queries, heads * channels}), grad_offsets(offsets.shape()),
      grad_logits(logits.shape());
  std::mt19937_64 random(1);
  fill_random(offsets, random);
  fill_random(logits, random);
  View value(nullptr, {1, 0, rows, heads, channels}), reference(nullptr, {1, 0, queries, 1, 2});
  bevel_value_levels levels = one_pixel(1);
  levels.height[0] = 64;
  levels.width[0] = 32;
  bevel_deform_attn_forward_params f = {};
  f.struct_size = sizeof f;
  f.value = &value;
  f.levels = levels;
  f.reference = &reference;
  f.offsets = offsets.view();
  f.logits = logits.view();
  f.out = out.view();
  ASSERT_BEVEL_OK(bevel_deform_attn_forward(&f, nullptr));
  for (int64_t i = 0; i < out.size(); ++i) ASSERT_EQ(0.0f, out[i]) << i;
  bevel_deform_attn_backward_params b = {};
  b.struct_size = sizeof b;
  b.grad_out = out.view();
  b.value = &value;
  b.levels = levels;
  b.reference = &reference;
  b.offsets = offsets.view();
  b.logits = logits.view();
  b.grad_offsets = grad_offsets.view();
  b.grad_logits = grad_logits.view();
  ASSERT_BEVEL_OK(bevel_deform_attn_backward(&b, nullptr));
  for (int64_t i = 0; i < grad_offsets.size(); ++i) ASSERT_EQ(0.0f, grad_offsets[i]) << i;
  for (int64_t i = 0; i < grad_logits.size(); ++i) ASSERT_EQ(0.0f, grad_logits[i]) << i;
}

/// Maps that coincide (strides of 0) claim no memory: 4 MB of visibility name 16,384 maps of 32,768 rows
/// each, for which a list of all places to look at took 2 GB, and with four times as many its numbers an
/// int64.
TEST(EmptyExtents, TheOrderOfQueriesIsBoundedByTheQueries) {
  constexpr int64_t queries = 256, rows = 32768, channels = 8, maps = 16384;
  Tensor<float> map({rows, channels}), places({queries, 2}), offsets({1, 1, queries, 1, 1, 1, 2});
  Tensor<float> logits({1, 1, queries, 1, 1, 1}), out({1, queries, channels});
  Tensor<uint8_t> visible({1, maps, queries});
  std::mt19937_64 random(1);
  for (Tensor<float>* tensor : {&map, &places, &offsets, &logits}) fill_random(*tensor, random, 0, 1);
  std::memset(visible.data(), 0, static_cast<size_t>(visible.size()));
  std::memset(visible.data() + (maps - 1) * queries, 1, queries);  // the last map alone
  View value(map.data(), {1, maps, rows, 1, channels}), reference(places.data(), {1, maps, queries, 1, 2});
  int64_t value_strides[] = {0, 0, channels, channels, 1}, reference_strides[] = {0, 0, 2, 2, 1};
  value.tensor.strides = value_strides;
  reference.tensor.strides = reference_strides;
  bevel_deform_attn_forward_params f = {};
  f.struct_size = sizeof f;
  f.value = &value;
  f.levels = one_pixel(1);
  f.levels.height[0] = static_cast<int32_t>(rows);
  f.reference = &reference;
  f.offsets = offsets.view();
  f.logits = logits.view();
  f.visible = visible.view();
  f.out = out.view();
  rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  ASSERT_BEVEL_OK(bevel_deform_attn_forward(&f, nullptr));
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 100 << 10) << "kB";
}

/// Gradients of references of all heads: 2²⁸ maps · 256 queries · 2³² heads' numbers made a negative size.
TEST(EmptyExtents, WorkspacesAreNeverNegative) {
  constexpr int64_t maps = int64_t{1} << 28, queries = int64_t{1} << 20, heads = int64_t{1} << 12;
  Tensor<float> numbers({64});
  View value(numbers.data(), {1, maps, 1, heads, 1}), reference(numbers.data(), {1, maps, queries, 1, 2});
  View offsets(numbers.data(), {1, 1, queries, heads, 1, 1, 2}),
      logits(numbers.data(), {1, 1, queries, heads, 1, 1});
  View out(numbers.data(), {1, queries, heads}), gradient(numbers.data(), {1, maps, queries, 1, 2});
  bevel_deform_attn_backward_params b = {};
  b.struct_size = sizeof b;
  b.grad_out = &out;
  b.value = &value;
  b.levels = one_pixel(1);
  b.reference = &reference;
  b.offsets = &offsets;
  b.logits = &logits;
  b.grad_reference = &gradient;
  int64_t bytes = -77;
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_deform_attn_backward_workspace(&b, &bytes));
  expect_message("deform_attn_backward: workspace must not have to hold more than 2^40 numbers");
  EXPECT_EQ(-77, bytes);
}

/// A warp by an empty grid: forward gives an empty map, so the gradient of the input is zero. (An empty grid
/// without memory was taken for none, and the matrices read instead.)
TEST(EmptyExtents, AWarpByAnEmptyGridHasZeroGradients) {
  Tensor<float> input({1, 1, 3, 4, 4}), grad_input(input.shape());
  View grid(nullptr, {1, 1, 0, 4, 2}), out(nullptr, {1, 1, 3, 0, 4}), grad_grid(nullptr, {1, 1, 0, 4, 2});
  bevel_bev_warp_forward_params f = {};
  f.struct_size = sizeof f;
  f.input = input.view();
  f.grid = &grid;
  f.out = &out;
  EXPECT_BEVEL_OK(bevel_bev_warp_forward(&f, nullptr));
  bevel_bev_warp_backward_params b = {};
  b.struct_size = sizeof b;
  b.grad_out = &out;
  b.input = input.view();
  b.grid = &grid;
  b.grad_input = grad_input.view();
  b.grad_grid = &grad_grid;
  int64_t bytes = -1;
  ASSERT_BEVEL_OK(bevel_bev_warp_backward_workspace(&b, &bytes));
  EXPECT_EQ(0, bytes);
  ASSERT_BEVEL_OK(bevel_bev_warp_backward(&b, nullptr));
  for (int64_t i = 0; i < grad_input.size(); ++i) ASSERT_EQ(0.0f, grad_input[i]) << i;
}

/// An address that wraps is no address, and hides no null pointer.
TEST(EmptyExtents, AByteOffsetDoesNotWrap) {
  Tensor<float> numbers({64});
  View input(numbers.data(), {1, 1, 1, 4, 4}), out(numbers.data() + 32, {1, 1, 1, 4, 4});
  View matrices(numbers.data() + 48, {1, 1, 2, 3});
  input.tensor.byte_offset = UINT64_MAX - 7;
  bevel_bev_warp_forward_params f = {};
  f.struct_size = sizeof f;
  f.input = &input;
  f.matrices = &matrices;
  f.out = &out;
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_bev_warp_forward(&f, nullptr));
  expect_message("bev_warp_forward: input must lie within memory, got a byte_offset of");
}

}  // namespace
}  // namespace bevel::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
