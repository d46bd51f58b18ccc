// Double arithmetic whose rounding no compiler may change: plans built on the CPU and on CUDA must be equal
// bit for bit, so nothing in an index path may be contracted to a fused multiply-add. On the device the
// intrinsics forbid it; on the host the plan builders are compiled with -ffp-contract=off.
#pragma once

#include "core/host_device.hpp"

namespace bevel {

#if defined(__CUDA_ARCH__)
BEVEL_HD double add_rounded(double a, double b) { return __dadd_rn(a, b); }
BEVEL_HD double subtract_rounded(double a, double b) { return __dsub_rn(a, b); }
BEVEL_HD double multiply_rounded(double a, double b) { return __dmul_rn(a, b); }
BEVEL_HD double divide_rounded(double a, double b) { return __ddiv_rn(a, b); }
#else
BEVEL_HD double add_rounded(double a, double b) { return a + b; }
BEVEL_HD double subtract_rounded(double a, double b) { return a - b; }
BEVEL_HD double multiply_rounded(double a, double b) { return a * b; }
BEVEL_HD double divide_rounded(double a, double b) { return a / b; }
#endif

/// a·b + c with both roundings.
BEVEL_HD double multiply_add_rounded(double a, double b, double c) {
  return add_rounded(multiply_rounded(a, b), c);
}

}  // namespace bevel
