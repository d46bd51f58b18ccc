// The CPU bodies of deform_conv, once for each instruction set.
#pragma once

#include "deform_conv/deform_conv_job.hpp"

#define BEVEL_DECLARE_DEFORM_CONV(isa)                                      \
  namespace bevel::isa {                                                    \
  int64_t deform_conv_forward_workspace(const DeformConvJob& job);          \
  void deform_conv_forward(const DeformConvJob& job);                       \
  int64_t deform_conv_backward_workspace(const DeformConvBackwardJob& job); \
  void deform_conv_backward(const DeformConvBackwardJob& job);              \
  }

BEVEL_DECLARE_DEFORM_CONV(portable)
BEVEL_DECLARE_DEFORM_CONV(avx2)
BEVEL_DECLARE_DEFORM_CONV(avx512)
