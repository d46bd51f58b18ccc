#include "deform_attn.hpp"

#include "bevel/deform_attn.h"
#include "reference.h"
#include "tensors.hpp"

BEVEL_REFERENCE(msda_forward);
BEVEL_REFERENCE(msda_backward);
BEVEL_REFERENCE(deform_attn_forward);
BEVEL_REFERENCE(deform_attn_backward);

namespace bevel::references {
namespace {

using namespace testing;

std::vector<AttentionLevel> levels_of(const bevel_value_levels& from) {
  std::vector<AttentionLevel> levels;
  for (int l = 0; l < from.levels; ++l) levels.push_back({from.height[l], from.width[l], from.start[l]});
  return levels;
}

/// Value is [.., S, M, D]; rows that no level names are there all the same.
void take_value(AttentionSizes& s, const DLTensor* value) {
  s.heads = from_end(value, 1);
  s.head_dim = from_end(value, 0);
  s.padding_rows = 0;
  s.padding_rows = from_end(value, 2) - s.rows();
}

template <class Params>
AttentionSizes field_sizes(const Params& p) {
  AttentionSizes s = {};
  s.batch = p.locations->shape[0];
  s.maps = 1;
  s.queries = p.locations->shape[1];
  s.points = p.locations->shape[4];
  s.levels = levels_of(p.levels);
  take_value(s, p.value);
  return s;
}

template <class Params>
AttentionSizes fused_sizes(const Params& p) {
  AttentionSizes s = {};
  s.batch = p.value->shape[0];
  s.maps = p.value->shape[1];
  s.queries = p.offsets->shape[2];
  s.points = p.offsets->shape[5];
  s.levels = levels_of(p.levels);
  take_value(s, p.value);
  s.references = p.reference->shape[3];
  s.boxes = p.reference->shape[4] == 4;
  s.of_level = p.reference_kind == BEVEL_REFERENCE_OF_LEVEL;
  s.mean = p.combination == BEVEL_MAPS_MEAN;
  s.shared = p.offsets->shape[1] == 1;
  return s;
}

template <class Params>
AttentionData fused_data(const Params& p) {
  AttentionData d = {values(p.value), values(p.offsets), values(p.logits), values(p.reference), {}, {}};
  for (double seen : values(p.visible)) d.visible.push_back(static_cast<uint8_t>(seen));
  return d;
}

}  // namespace
}  // namespace bevel::references

using namespace bevel::references;
using bevel::testing::attention_reference;
using bevel::testing::AttentionData;
using bevel::testing::AttentionResult;

bevel_status bevel_reference_msda_forward(const bevel_msda_forward_params* p, void*) {
  const AttentionData d = {values(p->value), values(p->locations), values(p->weights), {}, {}, {}};
  write(attention_reference(field_sizes(*p), d, false).out, p->out);
  return BEVEL_OK;
}

bevel_status bevel_reference_msda_backward(const bevel_msda_backward_params* p, void*) {
  const AttentionData d = {
      values(p->value), values(p->locations), values(p->weights), {}, values(p->grad_out), {}};
  const AttentionResult r = attention_reference(field_sizes(*p), d, true);
  write(r.grad_value, p->grad_value);
  write(r.grad_locations, p->grad_locations);
  write(r.grad_weights, p->grad_weights);
  return BEVEL_OK;
}

bevel_status bevel_reference_deform_attn_forward(const bevel_deform_attn_forward_params* p, void*) {
  write(attention_reference(fused_sizes(*p), fused_data(*p), false).out, p->out);
  return BEVEL_OK;
}

bevel_status bevel_reference_deform_attn_backward(const bevel_deform_attn_backward_params* p, void*) {
  AttentionData d = fused_data(*p);
  d.grad_out = values(p->grad_out);
  const AttentionResult r = attention_reference(fused_sizes(*p), d, true);
  write(r.grad_value, p->grad_value);
  write(r.grad_reference, p->grad_reference);
  write(r.grad_locations, p->grad_offsets);
  write(r.grad_weights, p->grad_logits);
  return BEVEL_OK;
}
