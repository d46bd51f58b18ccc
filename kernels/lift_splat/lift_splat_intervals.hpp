// Lift-splat on the CPU by a plan of intervals (lift_splat_intervals_cpu.cpp); the bodies choose by the plan.
#pragma once

#include "core/simd.hpp"
#include "lift_splat/lift_splat_job.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

void lift_splat_intervals_forward(const LiftSplatForwardJob& job);
int64_t lift_splat_intervals_forward_workspace(const LiftSplatForwardJob& job);
void lift_splat_intervals_backward(const LiftSplatBackwardJob& job);
int64_t lift_splat_intervals_backward_workspace(const LiftSplatBackwardJob& job);

}  // namespace bevel::BEVEL_ISA_NAMESPACE
