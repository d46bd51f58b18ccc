// Arithmetic and conversion intrinsics of CUDA. Those with a rounding in their name give the device's bits;
// the approximate ones (__expf, __fdividef, rsqrtf ...) are more exact here than the few units in the last
// place they have there. Sources that include this must be compiled with -ffp-contract=off.
#pragma once

#include <bit>
#include <climits>
#include <cmath>
#include <cstdint>

inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline float __frcp_rn(float a) { return 1.0f / a; }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __dsqrt_rn(double a) { return std::sqrt(a); }

inline float __fdividef(float a, float b) { return a / b; }
inline float rsqrtf(float a) { return 1.0f / std::sqrt(a); }
inline float __saturatef(float a) { return a >= 1.0f ? 1.0f : a > 0.0f ? a : 0.0f; }

namespace bevel::emulation {

/** Conversion of a rounded value as the device does it: NaN is 0, what does not fit is the nearest end. */
template <class Integer, class Float>
Integer saturating_cast(Float rounded) {
  constexpr auto least = std::numeric_limits<Integer>::min();
  constexpr auto greatest = std::numeric_limits<Integer>::max();
  if (std::isnan(rounded)) return 0;
  if (rounded <= static_cast<Float>(least)) return least;
  if (rounded >= static_cast<Float>(greatest)) return greatest;
  return static_cast<Integer>(rounded);
}

}  // namespace bevel::emulation

#define BEVEL_EMULATED_CONVERSION(prefix, Float, name, Integer)           \
  inline Integer prefix##2##name##_rn(Float a) {                          \
    return bevel::emulation::saturating_cast<Integer>(std::nearbyint(a)); \
  }                                                                       \
  inline Integer prefix##2##name##_rz(Float a) {                          \
    return bevel::emulation::saturating_cast<Integer>(std::trunc(a));     \
  }                                                                       \
  inline Integer prefix##2##name##_rd(Float a) {                          \
    return bevel::emulation::saturating_cast<Integer>(std::floor(a));     \
  }                                                                       \
  inline Integer prefix##2##name##_ru(Float a) {                          \
    return bevel::emulation::saturating_cast<Integer>(std::ceil(a));      \
  }
BEVEL_EMULATED_CONVERSION(__float, float, int, int)
BEVEL_EMULATED_CONVERSION(__float, float, uint, unsigned)
BEVEL_EMULATED_CONVERSION(__float, float, ll, long long)
BEVEL_EMULATED_CONVERSION(__double, double, int, int)
BEVEL_EMULATED_CONVERSION(__double, double, ll, long long)
#undef BEVEL_EMULATED_CONVERSION
inline float __int2float_rn(int a) { return static_cast<float>(a); }
inline float __uint2float_rn(unsigned a) { return static_cast<float>(a); }
inline double __int2double_rn(int a) { return a; }
inline float __double2float_rn(double a) { return static_cast<float>(a); }

inline int __float_as_int(float a) { return std::bit_cast<int>(a); }
inline unsigned __float_as_uint(float a) { return std::bit_cast<unsigned>(a); }
inline float __int_as_float(int a) { return std::bit_cast<float>(a); }
inline float __uint_as_float(unsigned a) { return std::bit_cast<float>(a); }
inline long long __double_as_longlong(double a) { return std::bit_cast<long long>(a); }
inline double __longlong_as_double(long long a) { return std::bit_cast<double>(a); }

inline int __popc(unsigned a) { return std::popcount(a); }
inline int __popcll(unsigned long long a) { return std::popcount(a); }
inline int __ffs(int a) { return a == 0 ? 0 : std::countr_zero(static_cast<unsigned>(a)) + 1; }
inline int __ffsll(long long a) {
  return a == 0 ? 0 : std::countr_zero(static_cast<unsigned long long>(a)) + 1;
}
inline int __clz(int a) { return std::countl_zero(static_cast<unsigned>(a)); }
inline int __clzll(long long a) { return std::countl_zero(static_cast<unsigned long long>(a)); }
inline unsigned __brev(unsigned a) {
  unsigned reversed = 0;
  for (int bit = 0; bit < 32; ++bit) reversed |= (a >> bit & 1u) << (31 - bit);
  return reversed;
}
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32);
}

#define BEVEL_EMULATED_MIN_MAX(T)                  \
  inline T min(T a, T b) { return b < a ? b : a; } \
  inline T max(T a, T b) { return a < b ? b : a; }
BEVEL_EMULATED_MIN_MAX(int)
BEVEL_EMULATED_MIN_MAX(unsigned)
BEVEL_EMULATED_MIN_MAX(long)
BEVEL_EMULATED_MIN_MAX(unsigned long)
BEVEL_EMULATED_MIN_MAX(long long)
BEVEL_EMULATED_MIN_MAX(unsigned long long)
#undef BEVEL_EMULATED_MIN_MAX
inline float min(float a, float b) { return std::fmin(a, b); }
inline float max(float a, float b) { return std::fmax(a, b); }
inline double min(double a, double b) { return std::fmin(a, b); }
inline double max(double a, double b) { return std::fmax(a, b); }

// The C library declares functions of these names for itself, so these are macros.
#define __expf(a) (std::exp(static_cast<float>(a)))
#define __logf(a) (std::log(static_cast<float>(a)))
#define __log2f(a) (std::log2(static_cast<float>(a)))
#define __sinf(a) (std::sin(static_cast<float>(a)))
#define __cosf(a) (std::cos(static_cast<float>(a)))
#define __powf(a, b) (std::pow(static_cast<float>(a), static_cast<float>(b)))
