#include "deform_conv.hpp"

#include "bevel/deform_conv.h"
#include "reference.h"
#include "tensors.hpp"

BEVEL_REFERENCE(deform_conv_forward);
BEVEL_REFERENCE(deform_conv_backward);

namespace bevel::references {
namespace {

using namespace testing;

template <class Params>
ConvSizes sizes_of(const Params& p, const DLTensor* input, const DLTensor* weight) {
  ConvSizes s = {input->shape[0],  input->shape[1],  input->shape[2], input->shape[3],
                 weight->shape[0], weight->shape[2], weight->shape[3]};
  for (int i = 0; i < 2; ++i) {
    s.stride[i] = p.settings.stride[i];
    s.padding[i] = p.settings.padding[i];
    s.dilation[i] = p.settings.dilation[i];
  }
  s.groups = p.settings.groups;
  s.deform_groups = p.settings.deform_groups;
  s.masked = p.mask != nullptr;
  return s;
}

void forward(const bevel_deform_conv_forward_params& p) {
  ConvSizes s = sizes_of(p, p.input, p.weight);
  s.biased = p.bias != nullptr;
  const ConvData d = {values(p.input),  values(p.offset), values(p.mask),
                      values(p.weight), values(p.bias),   {}};
  write(conv_reference(s, d, false).out, p.out);
}

void backward(const bevel_deform_conv_backward_params& p) {
  ConvSizes s = sizes_of(p, p.input, p.weight);
  s.biased = false;
  const ConvData d = {values(p.input),   values(p.offset), values(p.mask), values(p.weight), {},
                      values(p.grad_out)};
  const ConvResult r = conv_reference(s, d, true);
  write(r.grad_input, p.grad_input);
  write(r.grad_offset, p.grad_offset);
  write(r.grad_mask, p.grad_mask);
  write(r.grad_weight, p.grad_weight);
  write(r.grad_bias, p.grad_bias);
}

}  // namespace
}  // namespace bevel::references

bevel_status bevel_reference_deform_conv_forward(const bevel_deform_conv_forward_params* params, void*) {
  bevel::references::forward(*params);
  return BEVEL_OK;
}
bevel_status bevel_reference_deform_conv_backward(const bevel_deform_conv_backward_params* params, void*) {
  bevel::references::backward(*params);
  return BEVEL_OK;
}
