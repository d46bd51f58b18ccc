// The 16-bit floating-point types of CUDA, for the host: IEEE 754 binary16 and bfloat16 (the upper half of a
// binary32). Conversions to 16 bits round to nearest, ties to even; a NaN becomes the canonical 0x7FFF, as
// the hardware does.
#pragma once

#include <bit>
#include <cstdint>

#include "vector_types.hpp"

namespace bevel::emulation {

/** Bits of the binary16 number nearest to value. */
constexpr uint16_t half_bits(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return 0x7FFF;
  if (magnitude >= 0x477FF000u)
    return static_cast<uint16_t>(sign | 0x7C00u);                   // 65520 and more round to infinity
  if (magnitude < 0x33000000u) return static_cast<uint16_t>(sign);  // below half the least subnormal
  const int exponent = static_cast<int>(magnitude >> 23) - 127;
  const uint32_t significand = (magnitude & 0x7FFFFFu) | 0x800000u;
  // A normal result keeps 11 of the 24 bits; a subnormal one counts units of 2^-24.
  const int dropped = exponent >= -14 ? 13 : -exponent - 1;
  uint32_t kept = significand >> dropped;
  const uint32_t rest = significand & ((1u << dropped) - 1);
  const uint32_t middle = 1u << (dropped - 1);
  kept += rest > middle || (rest == middle && (kept & 1u));
  // The hidden bit of `kept` adds one to the exponent field, and so does a carry out of the rounding.
  const uint32_t field = exponent >= -14 ? static_cast<uint32_t>(exponent + 14) << 10 : 0;
  return static_cast<uint16_t>(sign | (field + kept));
}

/** Value of a binary16 number; every one is exact in binary32. */
constexpr float half_value(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1Fu;
  const uint32_t fraction = bits & 0x3FFu;
  if (exponent == 31) return std::bit_cast<float>(fraction ? 0x7FFFFFFFu : sign | 0x7F800000u);
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  return sign ? -magnitude : magnitude;
}

/** Bits of the bfloat16 number nearest to value. */
constexpr uint16_t bfloat16_bits(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return 0x7FFF;
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

/** Value of a bfloat16 number. */
constexpr float bfloat16_value(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

}  // namespace bevel::emulation

struct __half {
  uint16_t bits;
  __half() = default;
  constexpr __half(float value) : bits(bevel::emulation::half_bits(value)) {}
  constexpr operator float() const { return bevel::emulation::half_value(bits); }
};
struct __nv_bfloat16 {
  uint16_t bits;
  __nv_bfloat16() = default;
  constexpr __nv_bfloat16(float value) : bits(bevel::emulation::bfloat16_bits(value)) {}
  constexpr operator float() const { return bevel::emulation::bfloat16_value(bits); }
};
struct alignas(4) __half2 {
  __half x, y;
};
struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};
using half = __half;
using half2 = __half2;
using nv_bfloat16 = __nv_bfloat16;
using nv_bfloat162 = __nv_bfloat162;

constexpr __half __float2half(float value) { return __half(value); }
constexpr __half __float2half_rn(float value) { return __half(value); }
constexpr float __half2float(__half value) { return value; }
constexpr uint16_t __half_as_ushort(__half value) { return value.bits; }
constexpr __half __ushort_as_half(uint16_t bits) { return std::bit_cast<__half>(bits); }
constexpr __half2 __halves2half2(__half low, __half high) { return {low, high}; }
constexpr __half2 __floats2half2_rn(float low, float high) { return {__half(low), __half(high)}; }
constexpr __half2 __float22half2_rn(float2 value) { return __floats2half2_rn(value.x, value.y); }
constexpr float2 __half22float2(__half2 value) { return {value.x, value.y}; }
constexpr float __low2float(__half2 value) { return value.x; }
constexpr float __high2float(__half2 value) { return value.y; }

constexpr __nv_bfloat16 __float2bfloat16(float value) { return __nv_bfloat16(value); }
constexpr __nv_bfloat16 __float2bfloat16_rn(float value) { return __nv_bfloat16(value); }
constexpr float __bfloat162float(__nv_bfloat16 value) { return value; }
constexpr uint16_t __bfloat16_as_ushort(__nv_bfloat16 value) { return value.bits; }
constexpr __nv_bfloat16 __ushort_as_bfloat16(uint16_t bits) { return std::bit_cast<__nv_bfloat16>(bits); }
constexpr __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 low, __nv_bfloat16 high) { return {low, high}; }
constexpr __nv_bfloat162 __floats2bfloat162_rn(float low, float high) {
  return {__nv_bfloat16(low), __nv_bfloat16(high)};
}
constexpr __nv_bfloat162 __float22bfloat162_rn(float2 value) {
  return __floats2bfloat162_rn(value.x, value.y);
}
constexpr float2 __bfloat1622float2(__nv_bfloat162 value) { return {value.x, value.y}; }
constexpr float __low2float(__nv_bfloat162 value) { return value.x; }
constexpr float __high2float(__nv_bfloat162 value) { return value.y; }
