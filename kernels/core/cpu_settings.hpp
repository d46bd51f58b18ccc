// What a call on the CPU runs with.
#pragma once

#include "bevel/base.h"

namespace bevel {

/// Read once, at the call's entry: the process's settings may change while it runs.
struct CpuSettings {
  int threads;  ///< at most; fewer may come (thread_pool.hpp)
  bevel_instruction_set isa;
};

}  // namespace bevel
