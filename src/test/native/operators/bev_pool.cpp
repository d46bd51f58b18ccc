// The entry points of bev_pool: interval pooling.
#include <algorithm>
#include <numeric>

#include "bevel/bev_pool.h"
#include "parts.hpp"

BEVEL_REFERENCE(bev_pool_forward);
BEVEL_REFERENCE(bev_pool_backward);

namespace bevel::operators {
namespace {

template <class P>
std::vector<TensorLine> pool_inputs() {
  return {
      {.name = "depth", .offset = AT(P, depth), .role = Role::kRead, .type = Type::kExact, .shape = "E 2"},
      {.name = "feature",
       .offset = AT(P, feature),
       .role = Role::kRead,
       .type = Type::kValue,
       .shape = "F 2 C",
       .decides = "F 2"},
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
  // (Hostile extents may leave too few depths for the points; then all ranks stay 0.)
  if (points == 0 || cells == 0 || d["F"] == 0 || 2 * d["E"] < points) return;
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
                                                .shape = "X Y C",
                                                .decides = "X Y"}}),
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

const Registration kRegistered({pool_forward(), pool_backward()});

}  // namespace
}  // namespace bevel::operators
