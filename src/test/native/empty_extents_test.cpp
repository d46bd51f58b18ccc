// Extents of zero, and what they must not hide: products that pass 2⁶³, gradients that nobody writes,
// pointers that are null because nothing is there. The fuzzer (fuzz/) draws the kind; these are the instances
// that were found first.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstring>

#include "bevel/bev_pool.h"
#include "bevel/bev_warp.h"
#include "deform_attn_case.hpp"
#include "bevel/deform_conv.h"
#include "bevel/multi_view_sample.h"
#include "bevel/point_sampling.h"
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
  expect_message("msda_forward: locations must have at most 256 levels · points");
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

template <class T>
void expect_zeros(const Tensor<T>& tensor, const char* name) {
  for (int64_t i = 0; i < tensor.size(); ++i) ASSERT_EQ(0, to_double(tensor[i])) << name << " at " << i;
}

/// No channels: nothing is written, and what is not a feature has zero gradients.
TEST(EmptyExtents, NoChannelsGiveZeroGradients) {
  View map(nullptr, {1, 1, 0, 4, 4}), warped(nullptr, {1, 1, 0, 2, 2});
  Tensor<float> grid({1, 1, 2, 2, 2}), grad_grid(grid.shape());
  bevel_bev_warp_forward_params w = {};
  w.struct_size = sizeof w;
  w.input = &map;
  w.grid = grid.view();
  w.out = &warped;
  EXPECT_BEVEL_OK(bevel_bev_warp_forward(&w, nullptr));
  bevel_bev_warp_backward_params wb = {};
  wb.struct_size = sizeof wb;
  wb.grad_out = &warped;
  wb.input = &map;
  wb.grid = grid.view();
  wb.grad_grid = grad_grid.view();
  ASSERT_BEVEL_OK(bevel_bev_warp_backward(&wb, nullptr));
  expect_zeros(grad_grid, "grad_grid");

  View value(nullptr, {1, 1, 2, 0}), attended(nullptr, {1, 3, 0});
  Tensor<float> places({1, 3, 2, 1, 2, 2}), weights({1, 3, 2, 1, 2}), grad_places(places.shape()),
      grad_weights(weights.shape());
  bevel_msda_backward_params m = {sizeof m, &attended, &value, one_pixel(1), places.view(), weights.view()};
  m.grad_locations = grad_places.view();
  m.grad_weights = grad_weights.view();
  ASSERT_BEVEL_OK(bevel_msda_backward(&m, nullptr));
  expect_zeros(grad_places, "grad_locations");
  expect_zeros(grad_weights, "grad_weights");

  View rows(nullptr, {5, 0}), cells(nullptr, {7, 0});
  Tensor<float> depth({4}), grad_depth({4});
  Tensor<int32_t> ranks({4}), starts({1}), lengths({1});
  for (int i = 0; i < 4; ++i) ranks[i] = i;
  starts[0] = 0;
  lengths[0] = 1;
  bevel_bev_pool_backward_params p = {};
  p.struct_size = sizeof p;
  p.grad_out = &cells;
  p.depth = depth.view();
  p.feature = &rows;
  p.ranks_depth = p.ranks_feature = p.ranks_bev = ranks.view();
  p.interval_starts = starts.view();
  p.interval_lengths = lengths.view();
  p.grad_depth = grad_depth.view();
  ASSERT_BEVEL_OK(bevel_bev_pool_backward(&p, nullptr));
  expect_zeros(grad_depth, "grad_depth");
}

/// A convolution of no channels is zero; one with a bias would be the bias, so it is refused.
TEST(EmptyExtents, AConvolutionOfNoChannelsIsZero) {
  View input(nullptr, {1, 0, 4, 4}), weight(nullptr, {3, 0, 1, 1});
  Tensor<float> offset({1, 2, 4, 4}), out({1, 3, 4, 4}), bias({3}), grad_offset(offset.shape());
  bevel_deform_conv_forward_params f = {};
  f.struct_size = sizeof f;
  f.input = &input;
  f.offset = offset.view();
  f.weight = &weight;
  f.settings = {{1, 1}, {0, 0}, {1, 1}, 1, 1};
  f.out = out.view();
  ASSERT_BEVEL_OK(bevel_deform_conv_forward(&f, nullptr));
  expect_zeros(out, "out");
  f.bias = bias.view();
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_deform_conv_forward(&f, nullptr));
  expect_message("deform_conv_forward: input must have at least one channel where there is a bias");
  bevel_deform_conv_backward_params b = {};
  b.struct_size = sizeof b;
  b.grad_out = out.view();
  b.input = &input;
  b.offset = offset.view();
  b.weight = &weight;
  b.settings = f.settings;
  b.grad_offset = grad_offset.view();
  ASSERT_BEVEL_OK(bevel_deform_conv_backward(&b, nullptr));
  expect_zeros(grad_offset, "grad_offset");
}

/// Queries that look at no point read zero, and pillars of no point are seen by no camera.
TEST(EmptyExtents, QueriesWithoutPointsGiveZeros) {
  Tensor<float> value({1, 1, 2, 4}), attended({1, 3, 8}), grad_value(value.shape());
  View places(nullptr, {1, 3, 2, 1, 0, 2}), weights(nullptr, {1, 3, 2, 1, 0});
  bevel_msda_forward_params m = {sizeof m, value.view(), one_pixel(1), &places, &weights, attended.view()};
  ASSERT_BEVEL_OK(bevel_msda_forward(&m, nullptr));
  expect_zeros(attended, "out");
  bevel_msda_backward_params mb = {sizeof mb, attended.view(), value.view(), one_pixel(1), &places, &weights};
  mb.grad_value = grad_value.view();
  ASSERT_BEVEL_OK(bevel_msda_backward(&mb, nullptr));
  expect_zeros(grad_value, "grad_value");

  Tensor<float> maps({1, 1, 1, 2, 4}), fused({1, 3, 8}), offsets({1, 1, 3, 2, 1, 1, 2}),
      logits({1, 1, 3, 2, 1, 1});
  View no_references(nullptr, {1, 1, 3, 0, 2});
  bevel_deform_attn_forward_params d = {};
  d.struct_size = sizeof d;
  d.value = maps.view();
  d.levels = one_pixel(1);
  d.reference = &no_references;
  d.reference_kind = BEVEL_REFERENCE_OF_POINT;
  d.offsets = offsets.view();
  d.logits = logits.view();
  d.out = fused.view();
  ASSERT_BEVEL_OK(bevel_deform_attn_forward(&d, nullptr));
  expect_zeros(fused, "out");

  Tensor<float> features({1, 2, 3, 4, 4}), matrices({1, 2, 4, 4}), sampled({1, 5, 3});
  View points(nullptr, {1, 5, 0, 3}), point_weights(nullptr, {1, 5, 2, 0, 1});
  bevel_multi_view_sample_forward_params v = {};
  v.struct_size = sizeof v;
  v.views.features[0] = features.view();
  v.views.levels = 1;
  v.views.lidar_to_image = matrices.view();
  v.views.points = &points;
  v.views.image_width = v.views.image_height = 4;
  v.views.weights = &point_weights;
  v.out = sampled.view();
  ASSERT_BEVEL_OK(bevel_multi_view_sample_forward(&v, nullptr));
  expect_zeros(sampled, "out");

  // What is seen does not depend on the channels: without any, whoever asks for it is told that it is not
  // written.
  View no_channels(nullptr, {1, 2, 0, 4, 4}), nothing(nullptr, {1, 5, 0});
  Tensor<float> five_points({1, 5, 1, 3}), five_weights({1, 5, 2, 1, 1});
  Tensor<uint8_t> seen({1, 2, 5, 1});
  v.views.features[0] = &no_channels;
  v.views.points = five_points.view();
  v.views.weights = five_weights.view();
  v.out = &nothing;
  ASSERT_BEVEL_OK(bevel_multi_view_sample_forward(&v, nullptr));
  v.visible = seen.view();
  EXPECT_EQ(BEVEL_INVALID_ARGUMENT, bevel_multi_view_sample_forward(&v, nullptr));
  expect_message("multi_view_sample_forward: visible is only written when features have a channel");

  View pillars(nullptr, {1, 5, 0, 3}), reference(nullptr, {1, 2, 5, 0, 2});
  Tensor<uint8_t> visible({1, 2, 5});
  Tensor<float> factor({1, 5});
  bevel_point_sampling_params s = {};
  s.struct_size = sizeof s;
  s.lidar_to_image = matrices.view();
  s.points = &pillars;
  s.image_height = s.image_width = 4;
  s.reference = &reference;
  s.visible = visible.view();
  s.mean_factor = factor.view();
  ASSERT_BEVEL_OK(bevel_point_sampling(&s, nullptr));
  for (int64_t i = 0; i < visible.size(); ++i) ASSERT_EQ(0, visible[i]) << i;
  expect_zeros(factor, "mean_factor");
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
