// The CPU bodies of deform_attn, once for each instruction set.
#pragma once

#include "deform_attn/deform_attn_job.hpp"

#define BEVEL_DECLARE_DEFORM_ATTN(isa)                                      \
  namespace bevel::isa {                                                    \
  void deform_attn_forward(const DeformAttnJob& job);                       \
  void deform_attn_backward(const DeformAttnBackwardJob& job);              \
  int64_t deform_attn_backward_workspace(const DeformAttnBackwardJob& job); \
  }

BEVEL_DECLARE_DEFORM_ATTN(portable)
BEVEL_DECLARE_DEFORM_ATTN(avx2)
BEVEL_DECLARE_DEFORM_ATTN(avx512)
