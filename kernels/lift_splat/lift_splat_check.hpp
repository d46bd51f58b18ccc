// The checks of lift_splat's arguments: from params structs to checked jobs. Each throws Failure.
#pragma once

#include "bevel/lift_splat.h"
#include "lift_splat/lift_splat_job.hpp"
#include "lift_splat/lift_splat_plan_seal.hpp"
#include "operator_frame.hpp"

namespace bevel {

/// A plan that a call pools by.
struct PlanToRead {
  const int32_t* data;
  SealedPlanHeader header;  ///< on the CPU
};

/// Reads a plan's header; from CUDA this waits for the stream.
SealedPlanHeader read_plan_header(const Arguments& a, const TensorArgument& plan, void* stream);

/// Throws unless a plan on the CPU is what its builder wrote: its indices are believed from here on. To be
/// called when everything else about the call has been checked.
void check_plan_sections(const Arguments& a, const PlanToRead& plan, const LiftSplatPlanLayout& layout);

LiftGeometry check_geometry(const bevel_lift_splat_geometry& in, Arguments& a);

/// Everything but the plan, whose size comes of it.
LiftSplatPlanJob check_plan(const bevel_lift_splat_plan_params& p, Arguments& a);

LiftSplatForwardJob check_forward(const bevel_lift_splat_forward_params& p, Arguments& a, void* stream,
                                  PlanToRead& plan);
LiftSplatBackwardJob check_backward(const bevel_lift_splat_backward_params& p, Arguments& a, void* stream,
                                    PlanToRead& plan);

}  // namespace bevel
