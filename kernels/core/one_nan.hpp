// One NaN for all: which of two NaN operands an instruction passes on, and with what sign, depends on the
// order that a compiler gave them, so it may differ between a loop's vector part and its rest, and with the
// number of threads.
#pragma once

#include <cstdint>

#include "core/host_device.hpp"

namespace bevel {

/// The value, with every NaN made the same one.
BEVEL_HD float with_one_nan(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  return __builtin_bit_cast(float, (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits);
}
BEVEL_HD double with_one_nan(double value) {
  const uint64_t bits = __builtin_bit_cast(uint64_t, value);
  return __builtin_bit_cast(double,
                            (bits & ~(1ull << 63)) > 0x7ff0000000000000u ? 0x7ff8000000000000u : bits);
}

}  // namespace bevel
