// The checks of lift_splat's arguments: from params structs to checked jobs. Each throws Failure.
#pragma once

#include "call_tensors.hpp"
#include "lift_splat.h"
#include "lift_splat/lift_splat_job.hpp"
#include "lift_splat/lift_splat_plan_seal.hpp"
#include "tensor_check.hpp"

namespace bevel {

/// What forward and backward share, checked.
struct LiftSplatCall {
  LiftSplatShape shape;
  DLDevice device;
  const int32_t* plan;
  SealedPlanHeader header;  ///< of a plan on the CPU
};

/// Reads a plan's header; from CUDA this waits for the stream.
SealedPlanHeader read_plan_header(const char* op, const TensorArgument& plan, void* stream);

/// Throws unless a plan on the CPU is what its builder wrote: its indices are believed from here on. To be
/// called when everything else about the call has been checked. `threads` at most.
void check_plan_sections(const char* op, const LiftSplatCall& call, int threads);

LiftGeometry check_geometry(const char* op, const bevel_lift_splat_geometry& in, DLDevice device);

/// Everything but plan and workspace.
LiftSplatPlanJob check_plan_params(const char* op, const bevel_lift_splat_plan_params* params,
                                   DLDevice device);

/// Everything but the workspace.
LiftSplatForwardJob check_forward(const char* op, const bevel_lift_splat_forward_params* params, void* stream,
                                  LiftSplatCall& call);
LiftSplatBackwardJob check_backward(const char* op, const bevel_lift_splat_backward_params* params,
                                    void* stream, LiftSplatCall& call);

/// What a call writes shares no memory with what it reads: checked last, when every argument is known to be
/// sound.
void check_geometry_apart(const char* op, const bevel_lift_splat_geometry& geometry,
                          const ArgumentList& outputs);
void check_plan_apart(const char* op, const bevel_lift_splat_plan_params& params, const TensorArgument& plan,
                      const TensorArgument& workspace);
/// The tensors of a call that has been checked.
struct LiftSplatForwardTensors {
  LiftSplatForwardTensors(const char* op, const bevel_lift_splat_forward_params& p);
  TensorArgument plan, depth, context, prior, prior_weight, out, probabilities;
  CallTensors all;
};
struct LiftSplatBackwardTensors {
  LiftSplatBackwardTensors(const char* op, const bevel_lift_splat_backward_params& p);
  TensorArgument plan, grad_out, probabilities, context, prior, prior_weight, grad_depth, grad_context;
  CallTensors all;
};

/// What the workspaces of forward and backward grow with.
void check_workspace_parts(const char* op, const LiftSplatShape& shape);

}  // namespace bevel
