// The CPU body of point_sampling, once for each instruction set.
#pragma once

#include "deform_attn/point_sampling_job.hpp"

#define BEVEL_DECLARE_POINT_SAMPLING(isa)           \
  namespace bevel::isa {                            \
  void point_sampling(const PointSamplingJob& job); \
  }

BEVEL_DECLARE_POINT_SAMPLING(portable)
BEVEL_DECLARE_POINT_SAMPLING(avx2)
BEVEL_DECLARE_POINT_SAMPLING(avx512)
