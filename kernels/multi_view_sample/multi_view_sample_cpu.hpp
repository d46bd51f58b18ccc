// The CPU bodies of multi_view_sample, once for each instruction set.
#pragma once

#include "multi_view_sample/multi_view_sample_job.hpp"

#define BEVEL_DECLARE_MULTI_VIEW_SAMPLE(isa)                                     \
  namespace bevel::isa {                                                         \
  void multi_view_sample_forward(const MultiViewJob& job);                       \
  void multi_view_sample_backward(const MultiViewBackwardJob& job);              \
  int64_t multi_view_sample_backward_workspace(const MultiViewBackwardJob& job); \
  }

BEVEL_DECLARE_MULTI_VIEW_SAMPLE(portable)
BEVEL_DECLARE_MULTI_VIEW_SAMPLE(avx2)
BEVEL_DECLARE_MULTI_VIEW_SAMPLE(avx512)
