// Process-wide settings of the CPU bodies.
#pragma once

#include "bevel.h"

namespace bevel {

/// Threads for a parallel region. Every region names them: LibTorch shares this libgomp and changes its
/// default.
int num_threads();

bevel_instruction_set instruction_set();

}  // namespace bevel

/// Calls the build of a CPU body that belongs to the chosen instruction set.
#define BEVEL_ON_INSTRUCTION_SET(call)                                \
  (bevel::instruction_set() == BEVEL_ISA_AVX512 ? bevel::avx512::call \
   : bevel::instruction_set() == BEVEL_ISA_AVX2 ? bevel::avx2::call   \
                                                : bevel::portable::call)
