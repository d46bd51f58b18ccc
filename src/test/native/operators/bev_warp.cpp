// The entry points of bev_warp.

#include "bevel/bev_warp.h"
#include "parts.hpp"

BEVEL_REFERENCE(bev_warp_forward);
BEVEL_REFERENCE(bev_warp_backward);

namespace bevel::operators {
namespace {

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
                                                .free_last = 2,
                                                .decides = "OH OW"}}),
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
                                                               .free_last = 2,
                                                               .decides = "H W"},
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

const Registration kRegistered({warp_forward(), warp_backward()});

}  // namespace
}  // namespace bevel::operators
