// Process-wide settings of the CPU bodies, and what a call makes of them.
#pragma once

#include <cstddef>

#include "bevel/base.h"
#include "core/cpu_settings.hpp"
#include "tensor_check.hpp"

namespace bevel {

/// The process's settings, for calls that have no params.
CpuSettings cpu_settings();
/// Those of a call that asks for so many threads, 0: as the process does. Throws unless that is a number of
/// threads.
CpuSettings cpu_settings(const char* operator_name, int64_t threads);

/// Throws unless the params are there and hold every field of version 0.1.0.
template <class Params>
void check_params(const char* operator_name, const Params* params) {
  check_struct(operator_name, "params", params, offsetof(Params, threads));
}

/// Those of a call with checked params. A caller built against version 0.1.0 has no field `threads`.
template <class Params>
CpuSettings cpu_settings(const char* operator_name, const Params& params) {
  const bool given = params.struct_size >= offsetof(Params, threads) + sizeof params.threads;
  return cpu_settings(operator_name, given ? params.threads : int64_t{0});
}

}  // namespace bevel

/// Calls the build of a CPU body that belongs to the instruction set of a CpuSettings.
#define BEVEL_ON_INSTRUCTION_SET(cpu, call)            \
  ((cpu).isa == BEVEL_ISA_AVX512 ? bevel::avx512::call \
   : (cpu).isa == BEVEL_ISA_AVX2 ? bevel::avx2::call   \
                                 : bevel::portable::call)
