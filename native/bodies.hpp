// The CPU bodies' declarations, made from kernels/bodies.def: once for each instruction set.
#pragma once

#include <cstdint>

#define BEVEL_DECLARE_CPU_BODY(isa, name, Job, workspace)      \
  namespace isa {                                              \
  void name(const Job& job);                                   \
  BEVEL_##workspace(int64_t name##_workspace(const Job& job);) \
  }

namespace bevel {

#define BEVEL_FIXED_BODY(name, Job, workspace) \
  struct Job;                                  \
  BEVEL_DECLARE_CPU_BODY(portable, name, Job, workspace)
#define BEVEL_BODY(name, Job, workspace)             \
  BEVEL_FIXED_BODY(name, Job, workspace)             \
  BEVEL_DECLARE_CPU_BODY(avx2, name, Job, workspace) \
  BEVEL_DECLARE_CPU_BODY(avx512, name, Job, workspace)
#include "bodies.def"

}  // namespace bevel

#undef BEVEL_DECLARE_CPU_BODY
