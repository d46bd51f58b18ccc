// The entry points of msda and deform_attn: deformable attention.
#include <algorithm>

#include "bevel/deform_attn.h"
#include "parts.hpp"

BEVEL_REFERENCE(msda_forward);
BEVEL_REFERENCE(msda_backward);
BEVEL_REFERENCE(deform_attn_forward);
BEVEL_REFERENCE(deform_attn_backward);

namespace bevel::operators {
namespace {

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

const Registration kRegistered({msda_forward(), msda_backward(), fused_forward(), fused_backward()});

}  // namespace
}  // namespace bevel::operators
