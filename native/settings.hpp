// Process-wide settings of the CPU bodies.
#pragma once

#include "bevel.h"

namespace bevel {

/// Threads for a parallel region. Every region names them: LibTorch shares this libgomp and changes its default.
int num_threads();

bevel_instruction_set instruction_set();

}  // namespace bevel
