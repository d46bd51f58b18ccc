// CUDA C++ on the host, for tests: see scheduler.hpp (threads, barriers, orders), pointer.hpp (checked
// memory), shadow.hpp (races, uninitialized reads). Kernels do not include this but core/cuda_target.hpp.
//
// What is found: accesses outside an array, misaligned vectors, reads of what nobody wrote, races within a
// block and between blocks of a launch, barriers that not all threads of the block reach (threads that have
// left included: the hardware forgives those, but they are nearly always a mistake), warp collectives whose
// mask and callers disagree, shuffles from lanes outside the mask, results that depend on the order of
// execution. What is not: memory orders weaker than program order, anything between launches, time.
#pragma once

#include "arithmetic.hpp"
#include "half.hpp"
#include "intrinsics.hpp"
#include "orders.hpp"
#include "runtime.hpp"
#include "vector_types.hpp"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __constant__ static
