// a · b + c in one rounding: always, or where that is fast. (core/fixed_rounding.hpp has it in two.)
#pragma once

#include <type_traits>

#include "core/host_device.hpp"

namespace bevel {

/// a · b + c, rounded once on every target: where bits must agree across targets.
template <class T>
BEVEL_HD T fused_multiply_add(T a, T b, T c) {
#if defined(__CUDA_ARCH__)
  if constexpr (std::is_same_v<T, float>) return __fmaf_rn(a, b, c);
  return __fma_rn(a, b, c);
#else
  if constexpr (std::is_same_v<T, float>) return __builtin_fmaf(a, b, c);
  return __builtin_fma(a, b, c);
#endif
}

/// a · b + c, rounded once where the target has an instruction for it, else twice: where only both passes on
/// one target must agree. (Without the instruction, rounding once is a call of the C library.)
template <class T>
BEVEL_HD T contracted_multiply_add(T a, T b, T c) {
#if defined(__CUDA_ARCH__) || defined(__FMA__)
  return fused_multiply_add(a, b, c);
#else
  return a * b + c;
#endif
}

}  // namespace bevel
