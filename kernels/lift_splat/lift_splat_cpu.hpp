// The CPU bodies of lift_splat, once for each instruction set.
#pragma once

#include "lift_splat/lift_splat_job.hpp"

#define BEVEL_DECLARE_LIFT_SPLAT(isa)                                               \
  namespace bevel::isa {                                                            \
  void lift_splat_forward(const LiftSplatForwardJob& job);                          \
  int64_t lift_splat_forward_workspace(const LiftSplatForwardJob& job);             \
  void lift_splat_backward(const LiftSplatBackwardJob& job);                        \
  int64_t lift_splat_backward_workspace(const LiftSplatBackwardJob& job);           \
  void lift_splat_intervals_forward(const LiftSplatForwardJob& job);                \
  int64_t lift_splat_intervals_forward_workspace(const LiftSplatForwardJob& job);   \
  void lift_splat_intervals_backward(const LiftSplatBackwardJob& job);              \
  int64_t lift_splat_intervals_backward_workspace(const LiftSplatBackwardJob& job); \
  }

BEVEL_DECLARE_LIFT_SPLAT(portable)
BEVEL_DECLARE_LIFT_SPLAT(avx2)
BEVEL_DECLARE_LIFT_SPLAT(avx512)
