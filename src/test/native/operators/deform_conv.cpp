// The entry points of deform_conv.

#include "bevel/deform_conv.h"
#include "parts.hpp"

BEVEL_REFERENCE(deform_conv_forward);
BEVEL_REFERENCE(deform_conv_backward);

namespace bevel::operators {
namespace {

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

const Registration kRegistered({conv_forward(), conv_backward()});

}  // namespace
}  // namespace bevel::operators
