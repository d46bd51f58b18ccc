// The table of entry points: interval pooling, deformable attention and its reference points.
#include <algorithm>
#include <numeric>

#include "bevel/bev_pool.h"
#include "bevel/deform_attn.h"
#include "parts.hpp"
#include "bevel/point_sampling.h"

namespace bevel::operators {
namespace {

// --- bev_pool ---------------------------------------------------------------------------------------------

template <class P>
std::vector<TensorLine> pool_inputs() {
  return {
      {.name = "depth", .offset = AT(P, depth), .role = Role::kRead, .type = Type::kExact, .shape = "E 2"},
      {.name = "feature",
       .offset = AT(P, feature),
       .role = Role::kRead,
       .type = Type::kValue,
       .shape = "F 2 C"},
      {.name = "ranks_depth",
       .offset = AT(P, ranks_depth),
       .role = Role::kRead,
       .type = Type::kInt32,
       .shape = "P",
       .indices = true},
      {.name = "ranks_feature",
       .offset = AT(P, ranks_feature),
       .role = Role::kRead,
       .type = Type::kInt32,
       .shape = "P",
       .indices = true},
      {.name = "ranks_bev",
       .offset = AT(P, ranks_bev),
       .role = Role::kRead,
       .type = Type::kInt32,
       .shape = "P",
       .indices = true},
      {.name = "interval_starts",
       .offset = AT(P, interval_starts),
       .role = Role::kRead,
       .type = Type::kInt32,
       .shape = "I",
       .indices = true},
      {.name = "interval_lengths",
       .offset = AT(P, interval_lengths),
       .role = Role::kRead,
       .type = Type::kInt32,
       .shape = "I",
       .indices = true},
  };
}

const std::vector<Symbol> kPoolSymbols = {{"E", 30, 40}, {"F", 1, 9}, {"C", 1, 37},     {"P", 0, 60},
                                          {"X", 0, 6},   {"Y", 1, 7}, {"I", 0, 0, true}};

void derive_pool(Draw& d) {
  if (d["X"] == 0) d["P"] = std::min<int64_t>(d["P"], 0);  // no cell for a point
  const int64_t cells = std::clamp<int64_t>(d["X"], 0, 100) * std::clamp<int64_t>(d["Y"], 0, 100);
  d["I"] = std::min({d["P"], cells, 1 + d.below(20)});
}

void choose_pool(Draw& d) { d.tensor("ranks_depth").given = d.tensor("depth").given = d.chance(0.7); }

/// Points sorted by cell, cells in any order; every depth is used once at most.
void fill_pool(Draw& d) {
  const int64_t points = d["P"], intervals = d["I"], cells = d["X"] * d["Y"];
  if (points == 0 || cells == 0 || d["F"] == 0) return;
  std::vector<int32_t> order(static_cast<size_t>(cells)), depths(static_cast<size_t>(2 * d["E"]));
  std::iota(order.begin(), order.end(), 0);
  std::iota(depths.begin(), depths.end(), 0);
  std::shuffle(depths.begin(), depths.end(), d.random);
  if (d.chance(0.5)) std::shuffle(order.begin(), order.end(), d.random);
  for (int64_t i = 0; i < points; ++i) {
    d.tensor("ranks_feature").data<int32_t>()[i] = static_cast<int32_t>(d.below(2 * d["F"]));
    if (d.tensor("ranks_depth").given)
      d.tensor("ranks_depth").data<int32_t>()[i] = depths[static_cast<size_t>(i)];
    d.tensor("ranks_bev").data<int32_t>()[i] = static_cast<int32_t>(d.below(cells));
  }
  for (int64_t i = 0; i < intervals; ++i) {
    const int64_t start = i * points / intervals, end = (i + 1) * points / intervals;
    d.tensor("interval_starts").data<int32_t>()[i] = static_cast<int32_t>(start);
    d.tensor("interval_lengths").data<int32_t>()[i] = static_cast<int32_t>(end - start);
    for (int64_t k = start; k < end; ++k)
      d.tensor("ranks_bev").data<int32_t>()[k] = order[static_cast<size_t>(i)];
  }
}

Operator pool_forward() {
  using P = bevel_bev_pool_forward_params;
  return {.name = "bev_pool_forward",
          .struct_size = sizeof(P),
          .symbols = kPoolSymbols,
          .tensors = joined(pool_inputs<P>(), {{.name = "out",
                                                .offset = AT(P, out),
                                                .role = Role::kWritten,
                                                .type = Type::kOther,
                                                .shape = "X Y C"}}),
          .numbers = {{AT(P, struct_size), Number::kSize}},
          .derive = derive_pool,
          .choose = choose_pool,
          .fill = fill_pool,
          .run = run<P, bevel_bev_pool_forward>,
          .reference = run<P, bevel_reference_bev_pool_forward>};
}

Operator pool_backward() {
  using P = bevel_bev_pool_backward_params;
  return {.name = "bev_pool_backward",
          .struct_size = sizeof(P),
          .symbols = kPoolSymbols,
          .tensors = with_workspace(joined(pool_inputs<P>(), {{.name = "grad_out",
                                                               .offset = AT(P, grad_out),
                                                               .role = Role::kRead,
                                                               .type = Type::kOther,
                                                               .shape = "X Y C"},
                                                              {.name = "grad_depth",
                                                               .offset = AT(P, grad_depth),
                                                               .role = Role::kWritten,
                                                               .type = Type::kExact,
                                                               .shape = "E 2",
                                                               .left_out = 0.3},
                                                              {.name = "grad_feature",
                                                               .offset = AT(P, grad_feature),
                                                               .role = Role::kWritten,
                                                               .type = Type::kValue,
                                                               .shape = "F 2 C"}}),
                                    AT(P, workspace)),
          .numbers = {{AT(P, struct_size), Number::kSize}},
          .derive = derive_pool,
          .choose =
              [](Draw& d) {
                choose_pool(d);
                if (!d.tensor("depth").given) d.tensor("grad_depth").given = false;
                if (d.tensor("grad_depth").given) d.tensor("grad_feature").given = d.chance(0.7);
              },
          .fill = fill_pool,
          .run = run<P, bevel_bev_pool_backward>,
          .workspace = query<P, bevel_bev_pool_backward_workspace>,
          .reference = run<P, bevel_reference_bev_pool_backward>};
}

// --- deformable attention ---------------------------------------------------------------------------------

const std::vector<Symbol> kAttentionSymbols = {
    {"B", 0, 3},       {"N", 0, 3},        {"Q", 0, 40},       {"M", 1, 9},        {"D", 1, 40},
    {"L", 1, 4},       {"P", 1, 9},        {"R", 1, 4},        {"H", 1, 9},        {"W", 1, 9},
    {"S", 0, 0, true}, {"N1", 0, 0, true}, {"RL", 0, 0, true}, {"XY", 0, 0, true}, {"K", 0, 0, true}};

void derive_attention(Draw& d) {
  d["kind"] = d.below(2);
  d["separate"] = d.below(2);
  d["N1"] = d.chance(0.5) ? 1 : d["N"];
  d["RL"] = d["kind"] == BEVEL_REFERENCE_OF_LEVEL ? d["L"] : d["R"];
  d["XY"] = d.chance(0.5) ? 2 : 4;
  d["K"] = d["separate"] ? d["N"] : 1;
  if (d.chance(0.05) && d["Q"] > 0 && d["Q"] < 100) {  // enough queries and rows for them to be put in order
    d["Q"] = 300;
    d["H"] = 40;
    d["W"] = 50;
    d["M"] = d["L"] = d["P"] = 1;
    d["RL"] = d["kind"] == BEVEL_REFERENCE_OF_LEVEL ? 1 : d["R"];
    d["B"] = std::min<int64_t>(d["B"], 1);
    d["N"] = std::min<int64_t>(d["N"], 1);
    d["N1"] = 1;
    d["K"] = d["separate"] ? d["N"] : 1;
    d["D"] = 66;
  }
  d["S"] = static_cast<int64_t>(static_cast<uint64_t>(d["L"]) * static_cast<uint64_t>(d["H"]) *
                                static_cast<uint64_t>(d["W"]));
  d["out_rank_4"] = d["separate"];
}

void write_levels(Draw& d, bevel_value_levels& levels) {
  levels.levels = static_cast<int32_t>(d["L"]);
  for (int l = 0; l < std::clamp<int64_t>(d["L"], 0, BEVEL_DEFORM_ATTN_MAX_LEVELS); ++l) {
    levels.height[l] = static_cast<int32_t>(d["H"]);
    levels.width[l] = static_cast<int32_t>(d["W"]);
    levels.start[l] = static_cast<int64_t>(static_cast<uint64_t>(l) * static_cast<uint64_t>(d["H"]) *
                                           static_cast<uint64_t>(d["W"]));
  }
}

template <class P>
std::vector<NumberLine> level_numbers(size_t at) {
  std::vector<NumberLine> numbers = {{AT(P, struct_size), Number::kSize},
                                     {at + AT(bevel_value_levels, levels), Number::kInt32},
                                     {at + AT(bevel_value_levels, reserved), Number::kInt32}};
  for (size_t l = 0; l < 3; ++l) {
    numbers.push_back({at + AT(bevel_value_levels, height) + 4 * l, Number::kInt32});
    numbers.push_back({at + AT(bevel_value_levels, width) + 4 * l, Number::kInt32});
    numbers.push_back({at + AT(bevel_value_levels, start) + 8 * l, Number::kInt64});
  }
  return numbers;
}

template <class P>
std::vector<TensorLine> msda_inputs() {
  return {{.name = "value",
           .offset = AT(P, value),
           .role = Role::kRead,
           .type = Type::kValue,
           .shape = "B S M D",
           .free = 1},
          {.name = "locations",
           .offset = AT(P, locations),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B Q M L P 2"},
          {.name = "weights",
           .offset = AT(P, weights),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B Q M L P"}};
}

Operator msda_forward() {
  using P = bevel_msda_forward_params;
  return {.name = "msda_forward",
          .struct_size = sizeof(P),
          .symbols = kAttentionSymbols,
          .tensors = joined(msda_inputs<P>(), {{.name = "out",
                                                .offset = AT(P, out),
                                                .role = Role::kWritten,
                                                .type = Type::kOther,
                                                .shape = "B Q M*D"}}),
          .numbers = level_numbers<P>(AT(P, levels)),
          .derive = derive_attention,
          .write_numbers = [](Draw& d) { write_levels(d, d.as<P>().levels); },
          .run = run<P, bevel_msda_forward>,
          .reference = run<P, bevel_reference_msda_forward>};
}

Operator msda_backward() {
  using P = bevel_msda_backward_params;
  std::vector<NumberLine> numbers = level_numbers<P>(AT(P, levels));
  numbers.push_back({AT(P, determinism), Number::kInt32});
  numbers.push_back({AT(P, reserved), Number::kInt32});
  return {.name = "msda_backward",
          .struct_size = sizeof(P),
          .symbols = kAttentionSymbols,
          .tensors = with_workspace(joined(msda_inputs<P>(), {{.name = "grad_out",
                                                               .offset = AT(P, grad_out),
                                                               .role = Role::kRead,
                                                               .type = Type::kOther,
                                                               .shape = "B Q M*D"},
                                                              {.name = "grad_value",
                                                               .offset = AT(P, grad_value),
                                                               .role = Role::kWritten,
                                                               .type = Type::kValue,
                                                               .shape = "B S M D",
                                                               .left_out = 0.2},
                                                              {.name = "grad_locations",
                                                               .offset = AT(P, grad_locations),
                                                               .role = Role::kWritten,
                                                               .type = Type::kExact,
                                                               .shape = "B Q M L P 2",
                                                               .left_out = 0.2},
                                                              {.name = "grad_weights",
                                                               .offset = AT(P, grad_weights),
                                                               .role = Role::kWritten,
                                                               .type = Type::kExact,
                                                               .shape = "B Q M L P"}}),
                                    AT(P, workspace)),
          .numbers = numbers,
          .derive = derive_attention,
          .choose =
              [](Draw& d) {
                if (d.tensor("grad_value").given) d.tensor("grad_weights").given = d.chance(0.7);
              },
          .write_numbers = [](Draw& d) { write_levels(d, d.as<P>().levels); },
          .run = run<P, bevel_msda_backward>,
          .workspace = query<P, bevel_msda_backward_workspace>,
          .reference = run<P, bevel_reference_msda_backward>,
          .determinism = AT(P, determinism)};
}

template <class P>
std::vector<TensorLine> fused_inputs() {
  return {{.name = "value",
           .offset = AT(P, value),
           .role = Role::kRead,
           .type = Type::kValue,
           .shape = "B N S M D",
           .free = 2},
          {.name = "reference",
           .offset = AT(P, reference),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B N Q RL XY",
           .free = 2},
          {.name = "offsets",
           .offset = AT(P, offsets),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B N1 Q M L P 2",
           .free = 4},
          {.name = "logits",
           .offset = AT(P, logits),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B N1 Q M L P",
           .free = 4},
          {.name = "visible",
           .offset = AT(P, visible),
           .role = Role::kRead,
           .type = Type::kByte,
           .shape = "B N Q",
           .left_out = 0.5}};
}

template <class P>
void write_fused(Draw& d) {
  P& p = d.as<P>();
  write_levels(d, p.levels);
  p.reference_kind = static_cast<int32_t>(d["kind"]);
  p.combination = static_cast<int32_t>(d["separate"]);
}

/// The output of one map and that of the mean differ in rank.
void choose_out(Draw& d, const char* name) {
  DrawnTensor& out = d.tensor(name);
  if (!d["separate"]) out.shape.erase(out.shape.begin() + 1);
}

Operator fused_forward() {
  using P = bevel_deform_attn_forward_params;
  std::vector<NumberLine> numbers = level_numbers<P>(AT(P, levels));
  numbers.push_back({AT(P, reference_kind), Number::kInt32});
  numbers.push_back({AT(P, combination), Number::kInt32});
  return {.name = "deform_attn_forward",
          .struct_size = sizeof(P),
          .symbols = kAttentionSymbols,
          .tensors = joined(fused_inputs<P>(), {{.name = "out",
                                                 .offset = AT(P, out),
                                                 .role = Role::kWritten,
                                                 .type = Type::kOther,
                                                 .shape = "B K Q M*D"}}),
          .numbers = numbers,
          .derive = derive_attention,
          .choose = [](Draw& d) { choose_out(d, "out"); },
          .write_numbers = write_fused<P>,
          .run = run<P, bevel_deform_attn_forward>,
          .reference = run<P, bevel_reference_deform_attn_forward>};
}

Operator fused_backward() {
  using P = bevel_deform_attn_backward_params;
  std::vector<NumberLine> numbers = level_numbers<P>(AT(P, levels));
  for (size_t at : {AT(P, reference_kind), AT(P, combination), AT(P, determinism), AT(P, reserved)})
    numbers.push_back({at, Number::kInt32});
  return {.name = "deform_attn_backward",
          .struct_size = sizeof(P),
          .symbols = kAttentionSymbols,
          .tensors = with_workspace(joined(fused_inputs<P>(), {{.name = "grad_out",
                                                                .offset = AT(P, grad_out),
                                                                .role = Role::kRead,
                                                                .type = Type::kOther,
                                                                .shape = "B K Q M*D"},
                                                               {.name = "grad_value",
                                                                .offset = AT(P, grad_value),
                                                                .role = Role::kWritten,
                                                                .type = Type::kValue,
                                                                .shape = "B N S M D",
                                                                .left_out = 0.2},
                                                               {.name = "grad_reference",
                                                                .offset = AT(P, grad_reference),
                                                                .role = Role::kWritten,
                                                                .type = Type::kExact,
                                                                .shape = "B N Q RL XY",
                                                                .left_out = 0.2},
                                                               {.name = "grad_offsets",
                                                                .offset = AT(P, grad_offsets),
                                                                .role = Role::kWritten,
                                                                .type = Type::kExact,
                                                                .shape = "B N1 Q M L P 2",
                                                                .free = 4,
                                                                .left_out = 0.2},
                                                               {.name = "grad_logits",
                                                                .offset = AT(P, grad_logits),
                                                                .role = Role::kWritten,
                                                                .type = Type::kExact,
                                                                .shape = "B N1 Q M L P",
                                                                .free = 4}}),
                                    AT(P, workspace)),
          .numbers = numbers,
          .derive = derive_attention,
          .choose =
              [](Draw& d) {
                choose_out(d, "grad_out");
                if (d.tensor("grad_value").given) d.tensor("grad_logits").given = d.chance(0.7);
              },
          .write_numbers = write_fused<P>,
          .run = run<P, bevel_deform_attn_backward>,
          .workspace = query<P, bevel_deform_attn_backward_workspace>,
          .reference = run<P, bevel_reference_deform_attn_backward>,
          .determinism = AT(P, determinism)};
}

Operator point_sampling() {
  using P = bevel_point_sampling_params;
  std::vector<NumberLine> numbers = {{AT(P, struct_size), Number::kSize},
                                     {AT(P, image_height), Number::kInt32},
                                     {AT(P, image_width), Number::kInt32},
                                     {AT(P, visible_of_first_element), Number::kInt32},
                                     {AT(P, reserved), Number::kInt32}};
  for (size_t i = 0; i < 4; ++i) numbers.push_back({AT(P, grid) + 4 * i, Number::kInt32});
  for (size_t i = 0; i < 6; ++i)
    numbers.push_back({AT(P, grid) + AT(bevel_pillar_grid, range) + 8 * i, Number::kDouble});
  return {.name = "point_sampling",
          .struct_size = sizeof(P),
          .symbols = {{"B", 0, 3}, {"N", 0, 7}, {"RO", 1, 6}, {"CO", 1, 9}, {"Z", 1, 9}, {"Q", 0, 0, true}},
          .tensors = {{.name = "lidar_to_image",
                       .offset = AT(P, lidar_to_image),
                       .role = Role::kRead,
                       .type = Type::kPrecision,
                       .shape = "B N 4 4"},
                      {.name = "points",
                       .offset = AT(P, points),
                       .role = Role::kRead,
                       .type = Type::kPrecision,
                       .shape = "1|B Q Z 3",
                       .left_out = 0.4},
                      {.name = "reference",
                       .offset = AT(P, reference),
                       .role = Role::kWritten,
                       .type = Type::kExact,
                       .shape = "B N Q Z 2"},
                      {.name = "mask",
                       .offset = AT(P, mask),
                       .role = Role::kWritten,
                       .type = Type::kByte,
                       .shape = "B N Q Z",
                       .left_out = 0.3},
                      {.name = "visible",
                       .offset = AT(P, visible),
                       .role = Role::kWritten,
                       .type = Type::kByte,
                       .shape = "B N Q"},
                      {.name = "mean_factor",
                       .offset = AT(P, mean_factor),
                       .role = Role::kWritten,
                       .type = Type::kExact,
                       .shape = "B Q",
                       .left_out = 0.3}},
          .numbers = numbers,
          .derive =
              [](Draw& d) {
                d["Q"] =
                    static_cast<int64_t>(static_cast<uint64_t>(d["RO"]) * static_cast<uint64_t>(d["CO"]));
              },
          .write_numbers =
              [](Draw& d) {
                P& p = d.as<P>();
                p.image_height = 16;
                p.image_width = 24;
                p.visible_of_first_element = static_cast<int32_t>(d.below(2));
                if (d.tensor("points").given) return;
                p.grid = {static_cast<int32_t>(d["RO"]),
                          static_cast<int32_t>(d["CO"]),
                          static_cast<int32_t>(d["Z"]),
                          0,
                          {-3, -2, -1, 3, 5, 4}};
              },
          .run = run<P, bevel_point_sampling>,
          .reference = run<P, bevel_reference_point_sampling>};
}

}  // namespace

const std::vector<Operator>& entry_points() {
  static const std::vector<Operator> all = [] {
    std::vector<Operator> list = {pool_forward(),  pool_backward(),  msda_forward(),  msda_backward(),
                                  fused_forward(), fused_backward(), point_sampling()};
    for (std::vector<Operator> (*more)() : {lift_splat_operators, image_operators}) {
      const std::vector<Operator> others = more();
      list.insert(list.end(), others.begin(), others.end());
    }
    return list;
  }();
  return all;
}

}  // namespace bevel::operators
