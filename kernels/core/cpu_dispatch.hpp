// From numbers known at run time to the template arguments of the CPU bodies. Included by CPU bodies only.
#pragma once

#include <type_traits>

#include "core/element_type.hpp"
#include "core/simd.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// Calls action(std::integral_constant<int, n>()) for 1 ≤ n ≤ Most.
template <int Most, class Action>
inline void with_constant(int64_t n, Action&& action) {
  if constexpr (Most > 1) {
    if (n < Most) {
      with_constant<Most - 1>(n, action);
      return;
    }
  }
  action(std::integral_constant<int, Most>());
}

/// Calls action(T{}, In{}, Out{}) for the storage types of an input and an output: T, what is computed in, is
/// double where they are, else float.
template <class Action>
auto with_map_types(ElementType in, ElementType out, Action&& action) {
  if (in == ElementType::kFloat64) return action(double{}, double{}, double{});
  auto with_out = [&](auto input) {
    switch (out) {
      case ElementType::kFloat16:
        return action(float{}, input, Float16{});
      case ElementType::kBfloat16:
        return action(float{}, input, Bfloat16{});
      default:
        return action(float{}, input, float{});
    }
  };
  switch (in) {
    case ElementType::kFloat16:
      return with_out(Float16{});
    case ElementType::kBfloat16:
      return with_out(Bfloat16{});
    default:
      return with_out(float{});
  }
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
