// The table of entry points: sampling in several cameras, warps and deformable convolution.
#include <algorithm>

#include "bevel/bev_warp.h"
#include "bevel/deform_conv.h"
#include "bevel/multi_view_sample.h"
#include "parts.hpp"

namespace bevel::operators {
namespace {

// --- multi_view_sample ------------------------------------------------------------------------------------

constexpr int kLevels = 3;  // of the operator's eight

const std::vector<Symbol> kViewSymbols = {
    {"B", 0, 3},  {"N", 0, 5},  {"Q", 0, 20}, {"P", 1, 5},  {"C", 1, 40},      {"H0", 1, 9},     {"W0", 1, 9},
    {"H1", 1, 5}, {"W1", 1, 5}, {"H2", 1, 3}, {"W2", 1, 3}, {"L", 1, kLevels}, {"G", 0, 0, true}};

template <class P>
std::vector<TensorLine> view_inputs() {
  const size_t v = AT(P, views);
  using V = bevel_multi_view;
  return {{.name = "features[0]",
           .offset = v + AT(V, features),
           .role = Role::kRead,
           .type = Type::kValue,
           .shape = "B N C H0 W0",
           .shape_last = "B N H0 W0 C",
           .free = 2},
          {.name = "features[1]",
           .offset = v + AT(V, features) + 8,
           .role = Role::kRead,
           .type = Type::kValue,
           .shape = "B N C H1 W1",
           .shape_last = "B N H1 W1 C",
           .free = 2},
          {.name = "features[2]",
           .offset = v + AT(V, features) + 16,
           .role = Role::kRead,
           .type = Type::kValue,
           .shape = "B N C H2 W2",
           .shape_last = "B N H2 W2 C",
           .free = 2},
          {.name = "lidar_to_image",
           .offset = v + AT(V, lidar_to_image),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B N 4 4"},
          {.name = "points",
           .offset = v + AT(V, points),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B Q P 3",
           .left_out = 0.4},
          {.name = "locations",
           .offset = v + AT(V, locations),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B Q P N 2"},
          {.name = "image_sizes",
           .offset = v + AT(V, image_sizes),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B N 2",
           .free = 2,
           .left_out = 0.6},
          {.name = "weights",
           .offset = v + AT(V, weights),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B Q N P L G",
           .free = 4}};
}

void derive_views(Draw& d) { d["G"] = d["C"] > 0 && d["C"] % 2 == 0 && d.chance(0.4) ? 2 : 1; }

void choose_views(Draw& d) {
  const bool points = d.tensor("points").given;
  d.tensor("lidar_to_image").given = points;
  d.tensor("locations").given = !points;
  const char* levels[] = {"features[0]", "features[1]", "features[2]"};
  for (int l = 0; l < kLevels; ++l) d.tensor(levels[l]).given = l < d["L"];
}

template <class P>
void write_views(Draw& d) {
  bevel_multi_view& v = d.as<P>().views;
  v.levels = static_cast<int32_t>(d["L"]);
  v.layout = static_cast<int32_t>(d["last"]);
  v.image_width = 3;
  v.image_height = 2;
  v.points_normalised = static_cast<int32_t>(d.below(2));
  for (int i = 0; i < 6; ++i) v.point_range[i] = i < 3 ? -1 - i : 2 + i;
}

template <class P>
std::vector<NumberLine> view_numbers() {
  using V = bevel_multi_view;
  const size_t v = AT(P, views);
  std::vector<NumberLine> numbers = {{AT(P, struct_size), Number::kSize}};
  for (size_t at : {AT(V, levels), AT(V, layout), AT(V, points_normalised), AT(V, reserved)})
    numbers.push_back({v + at, Number::kInt32});
  for (size_t at : {AT(V, image_width), AT(V, image_height), AT(V, point_range), AT(V, point_range) + 24})
    numbers.push_back({v + at, Number::kDouble});
  return numbers;
}

Operator views_forward() {
  using P = bevel_multi_view_sample_forward_params;
  return {.name = "multi_view_sample_forward",
          .struct_size = sizeof(P),
          .symbols = kViewSymbols,
          .tensors = joined(view_inputs<P>(), {{.name = "out",
                                                .offset = AT(P, out),
                                                .role = Role::kWritten,
                                                .type = Type::kOther,
                                                .shape = "B Q C"},
                                               {.name = "visible",
                                                .offset = AT(P, visible),
                                                .role = Role::kWritten,
                                                .type = Type::kByte,
                                                .shape = "B N Q P",
                                                .left_out = 0.4}}),
          .numbers = view_numbers<P>(),
          .derive = derive_views,
          .choose = choose_views,
          .write_numbers = write_views<P>,
          .run = run<P, bevel_multi_view_sample_forward>,
          .reference = run<P, bevel_reference_multi_view_sample_forward>};
}

Operator views_backward() {
  using P = bevel_multi_view_sample_backward_params;
  std::vector<NumberLine> numbers = view_numbers<P>();
  numbers.push_back({AT(P, determinism), Number::kInt32});
  numbers.push_back({AT(P, reserved), Number::kInt32});
  return {.name = "multi_view_sample_backward",
          .struct_size = sizeof(P),
          .symbols = kViewSymbols,
          .tensors = with_workspace(joined(view_inputs<P>(), {{.name = "grad_out",
                                                               .offset = AT(P, grad_out),
                                                               .role = Role::kRead,
                                                               .type = Type::kOther,
                                                               .shape = "B Q C"},
                                                              {.name = "grad_features[0]",
                                                               .offset = AT(P, grad_features),
                                                               .role = Role::kWritten,
                                                               .type = Type::kValue,
                                                               .shape = "B N C H0 W0",
                                                               .shape_last = "B N H0 W0 C"},
                                                              {.name = "grad_features[1]",
                                                               .offset = AT(P, grad_features) + 8,
                                                               .role = Role::kWritten,
                                                               .type = Type::kValue,
                                                               .shape = "B N C H1 W1",
                                                               .shape_last = "B N H1 W1 C",
                                                               .left_out = 0.3},
                                                              {.name = "grad_features[2]",
                                                               .offset = AT(P, grad_features) + 16,
                                                               .role = Role::kWritten,
                                                               .type = Type::kValue,
                                                               .shape = "B N C H2 W2",
                                                               .shape_last = "B N H2 W2 C",
                                                               .left_out = 0.3},
                                                              {.name = "grad_points",
                                                               .offset = AT(P, grad_points),
                                                               .role = Role::kWritten,
                                                               .type = Type::kExact,
                                                               .shape = "B Q P 3",
                                                               .left_out = 0.3},
                                                              {.name = "grad_locations",
                                                               .offset = AT(P, grad_locations),
                                                               .role = Role::kWritten,
                                                               .type = Type::kExact,
                                                               .shape = "B Q P N 2",
                                                               .left_out = 0.3},
                                                              {.name = "grad_weights",
                                                               .offset = AT(P, grad_weights),
                                                               .role = Role::kWritten,
                                                               .type = Type::kExact,
                                                               .shape = "B Q N P L G"}}),
                                    AT(P, workspace)),
          .numbers = numbers,
          .derive = derive_views,
          .choose =
              [](Draw& d) {
                choose_views(d);
                const bool points = d.tensor("points").given;
                if (!points) d.tensor("grad_points").given = false;
                if (points) d.tensor("grad_locations").given = false;
                const char* levels[] = {"grad_features[0]", "grad_features[1]", "grad_features[2]"};
                for (int l = static_cast<int>(std::clamp<int64_t>(d["L"], 0, kLevels)); l < kLevels; ++l)
                  d.tensor(levels[l]).given = false;
                d.tensor("grad_features[0]").given &= d.chance(0.7);
                d.tensor("grad_weights").given = !d.tensor("grad_features[0]").given || d.chance(0.7);
              },
          .write_numbers = write_views<P>,
          .run = run<P, bevel_multi_view_sample_backward>,
          .workspace = query<P, bevel_multi_view_sample_backward_workspace>,
          .reference = run<P, bevel_reference_multi_view_sample_backward>,
          .determinism = AT(P, determinism)};
}

// --- bev_warp ---------------------------------------------------------------------------------------------

const std::vector<Symbol> kWarpSymbols = {{"B", 0, 2},  {"T", 0, 3},   {"C", 1, 20}, {"H", 0, 20},
                                          {"W", 0, 70}, {"OH", 0, 20}, {"OW", 0, 70}};

template <class P>
std::vector<TensorLine> warp_places() {
  return {{.name = "matrices",
           .offset = AT(P, matrices),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B T 2 3",
           .left_out = 0.5},
          {.name = "grid",
           .offset = AT(P, grid),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B T OH OW 2"}};
}

template <class P>
std::vector<NumberLine> warp_numbers() {
  std::vector<NumberLine> numbers = {{AT(P, struct_size), Number::kSize}};
  // (The field after these is reserved, or the determinism.)
  for (size_t at : {AT(P, layout), AT(P, interpolation), AT(P, coordinates), AT(P, coordinates) + 4})
    numbers.push_back({at, Number::kInt32});
  return numbers;
}

template <class P>
void write_warp(Draw& d) {
  P& p = d.as<P>();
  p.layout = static_cast<int32_t>(d["last"]);
  p.interpolation = static_cast<int32_t>(d.below(2));
  p.coordinates = static_cast<int32_t>(d.below(3));
}

Operator warp_forward() {
  using P = bevel_bev_warp_forward_params;
  return {.name = "bev_warp_forward",
          .struct_size = sizeof(P),
          .symbols = kWarpSymbols,
          .tensors = joined(warp_places<P>(), {{.name = "input",
                                                .offset = AT(P, input),
                                                .role = Role::kRead,
                                                .type = Type::kValue,
                                                .shape = "B T C H W",
                                                .shape_last = "B T H W C",
                                                .free = 3,
                                                .free_last = 2},
                                               {.name = "out",
                                                .offset = AT(P, out),
                                                .role = Role::kWritten,
                                                .type = Type::kOther,
                                                .shape = "B T C OH OW",
                                                .shape_last = "B T OH OW C",
                                                .free = 3,
                                                .free_last = 2}}),
          .numbers = warp_numbers<P>(),
          .choose = [](Draw& d) { d.tensor("grid").given = !d.tensor("matrices").given; },
          .write_numbers = write_warp<P>,
          .run = run<P, bevel_bev_warp_forward>,
          .reference = run<P, bevel_reference_bev_warp_forward>};
}

Operator warp_backward() {
  using P = bevel_bev_warp_backward_params;
  return {.name = "bev_warp_backward",
          .struct_size = sizeof(P),
          .symbols = kWarpSymbols,
          .tensors = with_workspace(joined(warp_places<P>(), {{.name = "input",
                                                               .offset = AT(P, input),
                                                               .role = Role::kRead,
                                                               .type = Type::kValue,
                                                               .shape = "B T C H W",
                                                               .shape_last = "B T H W C",
                                                               .free = 3,
                                                               .free_last = 2},
                                                              {.name = "grad_out",
                                                               .offset = AT(P, grad_out),
                                                               .role = Role::kRead,
                                                               .type = Type::kOther,
                                                               .shape = "B T C OH OW",
                                                               .shape_last = "B T OH OW C",
                                                               .free = 3,
                                                               .free_last = 2},
                                                              {.name = "grad_input",
                                                               .offset = AT(P, grad_input),
                                                               .role = Role::kWritten,
                                                               .type = Type::kValue,
                                                               .shape = "B T C H W",
                                                               .shape_last = "B T H W C",
                                                               .free = 3,
                                                               .free_last = 2},
                                                              {.name = "grad_grid",
                                                               .offset = AT(P, grad_grid),
                                                               .role = Role::kWritten,
                                                               .type = Type::kExact,
                                                               .shape = "B T OH OW 2",
                                                               .left_out = 0.3}}),
                                    AT(P, workspace)),
          .numbers = warp_numbers<P>(),
          .choose =
              [](Draw& d) {
                const bool grid = d.tensor("grid").given = !d.tensor("matrices").given;
                if (!grid) d.tensor("grad_grid").given = false;
                d.tensor("grad_input").given = !d.tensor("grad_grid").given || d.chance(0.7);
                d.tensor("input").given = d.tensor("grad_grid").given || d.chance(0.5);
              },
          .write_numbers = write_warp<P>,
          .run = run<P, bevel_bev_warp_backward>,
          .workspace = query<P, bevel_bev_warp_backward_workspace>,
          .reference = run<P, bevel_reference_bev_warp_backward>,
          .determinism = AT(P, determinism)};
}

// --- deform_conv ------------------------------------------------------------------------------------------

const std::vector<Symbol> kConvSymbols = {
    {"B", 0, 2},       {"G", 1, 2},        {"DG", 1, 2},       {"GC", 1, 20},      {"GO", 1, 20},
    {"H", 1, 12},      {"W", 1, 12},       {"KH", 1, 3},       {"KW", 1, 3},       {"C", 0, 0, true},
    {"O", 0, 0, true}, {"OH", 0, 0, true}, {"OW", 0, 0, true}, {"S2", 0, 0, true}, {"S", 0, 0, true}};

void derive_conv(Draw& d) {
  const auto times = [](int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  };
  d["C"] = times(times(d["G"], d["DG"]), d["GC"]);  // so that both divide it
  d["GCIN"] = times(d["DG"], d["GC"]);
  d["O"] = times(d["G"], d["GO"]);
  const char* sides[2][4] = {{"H", "KH", "OH", "0"}, {"W", "KW", "OW", "1"}};
  for (const auto& side : sides) {
    int64_t &stride = d[std::string("stride") + side[3]], &padding = d[std::string("padding") + side[3]],
            &dilation = d[std::string("dilation") + side[3]];
    stride = 1 + d.below(2);
    dilation = 1 + d.below(2);
    padding = 3 + d.below(2);
    const __int128 room = static_cast<__int128>(d[side[0]]) + 2 * padding -
                          static_cast<__int128>(dilation) * (d[side[1]] - 1) - 1;
    d[side[2]] = room < 0 ? 1 : static_cast<int64_t>(room / stride) + 1;
  }
  d["S"] = times(d["DG"], times(d["KH"], d["KW"]));
  d["S2"] = times(2, d["S"]);
}

template <class P>
std::vector<TensorLine> conv_inputs() {
  return {{.name = "input",
           .offset = AT(P, input),
           .role = Role::kRead,
           .type = Type::kValue,
           .shape = "B C H W"},
          {.name = "offset",
           .offset = AT(P, offset),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B S2 OH OW"},
          {.name = "mask",
           .offset = AT(P, mask),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B S OH OW",
           .left_out = 0.3},
          {.name = "weight",
           .offset = AT(P, weight),
           .role = Role::kRead,
           .type = Type::kOther,
           .shape = "O GCIN KH KW"}};
}

template <class P>
std::vector<NumberLine> conv_numbers() {
  std::vector<NumberLine> numbers = {{AT(P, struct_size), Number::kSize}};
  for (size_t i = 0; i < sizeof(bevel_deform_conv_settings) / 4; ++i)
    numbers.push_back({AT(P, settings) + 4 * i, Number::kInt32});
  return numbers;
}

template <class P>
void write_conv(Draw& d) {
  const auto number = [&](const char* name) { return static_cast<int32_t>(d[name]); };
  d.as<P>().settings = {{number("stride0"), number("stride1")},
                        {number("padding0"), number("padding1")},
                        {number("dilation0"), number("dilation1")},
                        number("G"),
                        number("DG")};
}

Operator conv_forward() {
  using P = bevel_deform_conv_forward_params;
  return {.name = "deform_conv_forward",
          .struct_size = sizeof(P),
          .symbols = kConvSymbols,
          .tensors = with_workspace(joined(conv_inputs<P>(), {{.name = "bias",
                                                               .offset = AT(P, bias),
                                                               .role = Role::kRead,
                                                               .type = Type::kOther,
                                                               .shape = "O",
                                                               .left_out = 0.5},
                                                              {.name = "out",
                                                               .offset = AT(P, out),
                                                               .role = Role::kWritten,
                                                               .type = Type::kThird,
                                                               .shape = "B O OH OW"}}),
                                    AT(P, workspace)),
          .numbers = conv_numbers<P>(),
          .derive = derive_conv,
          .write_numbers = write_conv<P>,
          .run = run<P, bevel_deform_conv_forward>,
          .workspace = query<P, bevel_deform_conv_forward_workspace>,
          .reference = run<P, bevel_reference_deform_conv_forward>};
}

Operator conv_backward() {
  using P = bevel_deform_conv_backward_params;
  std::vector<NumberLine> numbers = conv_numbers<P>();
  numbers.push_back({AT(P, determinism), Number::kInt32});
  numbers.push_back({AT(P, reserved), Number::kInt32});
  return {.name = "deform_conv_backward",
          .struct_size = sizeof(P),
          .symbols = kConvSymbols,
          .tensors = with_workspace(joined(conv_inputs<P>(), {{.name = "grad_out",
                                                               .offset = AT(P, grad_out),
                                                               .role = Role::kRead,
                                                               .type = Type::kThird,
                                                               .shape = "B O OH OW"},
                                                              {.name = "grad_input",
                                                               .offset = AT(P, grad_input),
                                                               .role = Role::kWritten,
                                                               .type = Type::kValue,
                                                               .shape = "B C H W",
                                                               .left_out = 0.3},
                                                              {.name = "grad_offset",
                                                               .offset = AT(P, grad_offset),
                                                               .role = Role::kWritten,
                                                               .type = Type::kExact,
                                                               .shape = "B S2 OH OW",
                                                               .left_out = 0.3},
                                                              {.name = "grad_mask",
                                                               .offset = AT(P, grad_mask),
                                                               .role = Role::kWritten,
                                                               .type = Type::kExact,
                                                               .shape = "B S OH OW",
                                                               .left_out = 0.3},
                                                              {.name = "grad_weight",
                                                               .offset = AT(P, grad_weight),
                                                               .role = Role::kWritten,
                                                               .type = Type::kOther,
                                                               .shape = "O GCIN KH KW"},
                                                              {.name = "grad_bias",
                                                               .offset = AT(P, grad_bias),
                                                               .role = Role::kWritten,
                                                               .type = Type::kOther,
                                                               .shape = "O",
                                                               .left_out = 0.5}}),
                                    AT(P, workspace)),
          .numbers = numbers,
          .derive = derive_conv,
          .choose =
              [](Draw& d) {
                if (!d.tensor("mask").given) d.tensor("grad_mask").given = false;
                if (d.tensor("grad_input").given) d.tensor("grad_weight").given = d.chance(0.7);
              },
          .write_numbers = write_conv<P>,
          .run = run<P, bevel_deform_conv_backward>,
          .workspace = query<P, bevel_deform_conv_backward_workspace>,
          .reference = run<P, bevel_reference_deform_conv_backward>,
          .determinism = AT(P, determinism)};
}

}  // namespace

std::vector<Operator> image_operators() {
  return {views_forward(), views_backward(), warp_forward(),
          warp_backward(), conv_forward(),   conv_backward()};
}

}  // namespace bevel::operators
