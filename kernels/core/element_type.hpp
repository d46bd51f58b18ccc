// Element types of feature maps, as the bodies know them once the arguments are checked.
#pragma once

#include <cstdint>

#include "core/host_device.hpp"

namespace bevel {

enum class ElementType : int32_t { kFloat32 = 0, kFloat64 = 1, kFloat16 = 2, kBfloat16 = 3 };

BEVEL_HD constexpr int64_t element_size(ElementType type) {
  return type == ElementType::kFloat64 ? 8 : type == ElementType::kFloat32 ? 4 : 2;
}

}  // namespace bevel
