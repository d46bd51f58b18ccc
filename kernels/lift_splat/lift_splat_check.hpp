// The checks of lift_splat's arguments: from params structs to checked jobs. Each throws Failure.
#pragma once

#include "lift_splat.h"
#include "lift_splat/lift_splat_job.hpp"
#include "tensor_check.hpp"

namespace bevel {

/// What forward and backward share, checked.
struct LiftSplatCall {
  LiftSplatShape shape;
  DLDevice device;
  const int32_t* plan;
};

/// Reads a plan's header; from CUDA this waits for the stream.
LiftSplatPlanHeader read_plan_header(const char* op, const TensorArgument& plan, void* stream);

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
                          std::initializer_list<const TensorArgument*> outputs);
void check_plan_apart(const char* op, const bevel_lift_splat_plan_params& params, const TensorArgument& plan,
                      const TensorArgument& workspace);
void check_forward_apart(const char* op, const bevel_lift_splat_forward_params& params,
                         const TensorArgument& workspace);
void check_backward_apart(const char* op, const bevel_lift_splat_backward_params& params,
                          const TensorArgument& workspace);

}  // namespace bevel
