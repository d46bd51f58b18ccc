// The 16-bit types of the emulation over all their bit patterns, and the arithmetic intrinsics.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/cuda_target.hpp"

namespace {

float from_bits(uint32_t bits) { return std::bit_cast<float>(bits); }

/** A 16-bit format in plain arithmetic, to compare with. */
struct Format {
  int exponent_bits, fraction_bits;
  uint16_t (*round)(float);
  float (*value)(uint16_t);

  uint16_t infinity() const { return static_cast<uint16_t>(((1 << exponent_bits) - 1) << fraction_bits); }
  double exact(uint16_t magnitude) const {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = magnitude >> fraction_bits;
    const int fraction = magnitude & ((1 << fraction_bits) - 1);
    if (exponent == 0) return std::ldexp(fraction, 1 - bias - fraction_bits);
    return std::ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
  }
};

const Format kHalf{5, 10, bevel::emulation::half_bits, bevel::emulation::half_value};
const Format kBfloat16{8, 7, bevel::emulation::bfloat16_bits, bevel::emulation::bfloat16_value};

/** Every number converts exactly to float and back; infinities stay, a NaN becomes 0x7FFF. */
void check_all_patterns(const Format& format) {
  for (uint32_t pattern = 0; pattern < 65536; ++pattern) {
    const auto bits = static_cast<uint16_t>(pattern);
    const auto magnitude = static_cast<uint16_t>(bits & 0x7FFF);
    const float value = format.value(bits);
    if (magnitude > format.infinity()) {
      ASSERT_TRUE(std::isnan(value)) << pattern;
      ASSERT_EQ(format.round(value), 0x7FFF) << pattern;
      continue;
    }
    const double expected = magnitude == format.infinity() ? HUGE_VAL : format.exact(magnitude);
    ASSERT_EQ(std::fabs(static_cast<double>(value)), expected) << pattern;
    ASSERT_EQ(std::signbit(value), bits >> 15 != 0) << pattern;
    ASSERT_EQ(format.round(value), bits) << pattern;
  }
}

/** Rounding is settled by the middles between neighbours: there, and one float to each side, for both signs.
 * The middle above the greatest number separates it from infinity, as if the format went on. */
void check_all_roundings(const Format& format) {
  for (uint16_t low = 0; low < format.infinity(); ++low) {
    const auto high = static_cast<uint16_t>(low + 1);
    const double middle_exact = (format.exact(low) + format.exact(high)) / 2;
    const auto middle = static_cast<float>(middle_exact);
    ASSERT_EQ(middle, middle_exact) << low;
    const uint16_t even = low % 2 == 0 ? low : high;
    for (uint16_t sign : {0x0000, 0x8000}) {
      const float signed_middle = sign ? -middle : middle;
      const float outward = sign ? -HUGE_VALF : HUGE_VALF;
      ASSERT_EQ(format.round(signed_middle), even | sign) << low;
      ASSERT_EQ(format.round(std::nextafter(signed_middle, outward)), high | sign) << low;
      ASSERT_EQ(format.round(std::nextafter(signed_middle, 0.0f)), low | sign) << low;
    }
  }
}

TEST(HalfTypes, HalfConvertsAllPatterns) { check_all_patterns(kHalf); }
TEST(HalfTypes, HalfRoundsToNearestEven) { check_all_roundings(kHalf); }
TEST(HalfTypes, Bfloat16ConvertsAllPatterns) { check_all_patterns(kBfloat16); }
TEST(HalfTypes, Bfloat16RoundsToNearestEven) { check_all_roundings(kBfloat16); }

TEST(HalfTypes, ExtremesOfFloat) {
  EXPECT_EQ(__half(std::numeric_limits<float>::max()).bits, 0x7C00);
  EXPECT_EQ(__half(-std::numeric_limits<float>::denorm_min()).bits, 0x8000);
  EXPECT_EQ(__nv_bfloat16(std::numeric_limits<float>::max()).bits, 0x7F80);
  EXPECT_EQ(__nv_bfloat16(std::numeric_limits<float>::denorm_min()).bits, 0x0000);
  for (uint32_t nan : {0x7F800001u, 0x7FC00000u, 0xFFFFFFFFu}) {
    EXPECT_EQ(__half(from_bits(nan)).bits, 0x7FFF);
    EXPECT_EQ(__nv_bfloat16(from_bits(nan)).bits, 0x7FFF);
  }
}

TEST(HalfTypes, PairsKeepLowAndHighApart) {
  const __half2 halves = __floats2half2_rn(1.5f, -2.0f);
  EXPECT_EQ(std::bit_cast<uint32_t>(halves), 0xC0003E00u);
  EXPECT_EQ(__low2float(halves), 1.5f);
  EXPECT_EQ(__high2float(halves), -2.0f);
  const __nv_bfloat162 brains = __floats2bfloat162_rn(1.5f, -2.0f);
  EXPECT_EQ(std::bit_cast<uint32_t>(brains), 0xC0003FC0u);
  EXPECT_EQ(__bfloat1622float2(brains).y, -2.0f);
}

TEST(VectorTypes, SizesAndAlignmentsAreThoseOfTheDevice) {
  static_assert(sizeof(float3) == 12 && alignof(float3) == 4);
  static_assert(sizeof(float4) == 16 && alignof(float4) == 16);
  static_assert(sizeof(uchar4) == 4 && alignof(uchar4) == 4);
  static_assert(sizeof(int2) == 8 && alignof(int2) == 8);
  static_assert(sizeof(double2) == 16 && alignof(double2) == 16);
  static_assert(sizeof(__half2) == 4 && alignof(__half2) == 4 && sizeof(__nv_bfloat16) == 2);
  static_assert(sizeof(bevel::DeviceVector<__half, 8>) == 16 &&
                alignof(bevel::DeviceVector<__half, 8>) == 16);
  const dim3 grid(5, 2);
  EXPECT_EQ(grid.z, 1u);
}

TEST(Arithmetic, ConversionsToIntegersSaturate) {
  EXPECT_EQ(__float2int_rz(-2.9f), -2);
  EXPECT_EQ(__float2int_rd(-2.1f), -3);
  EXPECT_EQ(__float2int_ru(2.1f), 3);
  EXPECT_EQ(__float2int_rn(2.5f), 2);
  EXPECT_EQ(__float2int_rn(3.5f), 4);
  EXPECT_EQ(__float2int_rz(3e9f), INT_MAX);
  EXPECT_EQ(__float2int_rz(-HUGE_VALF), INT_MIN);
  EXPECT_EQ(__float2int_rz(NAN), 0);
  EXPECT_EQ(__float2uint_rz(-1.0f), 0u);
  EXPECT_EQ(__double2ll_rz(1e300), LLONG_MAX);
}

TEST(Arithmetic, BitCounts) {
  EXPECT_EQ(__ffs(0), 0);
  EXPECT_EQ(__ffs(0x50), 5);
  EXPECT_EQ(__clz(1), 31);
  EXPECT_EQ(__clz(0), 32);
  EXPECT_EQ(__popc(0xF0F0u), 8);
  EXPECT_EQ(__brev(1u), 0x80000000u);
  EXPECT_EQ(__umulhi(0x80000000u, 6u), 3u);
}

TEST(Arithmetic, MultiplyAndAddRoundTwiceAndFusedOnce) {
  const float a = 1.0f + 0x1p-12f;
  EXPECT_EQ(__fadd_rn(__fmul_rn(a, a), -1.0f), 0x1p-11f);
  EXPECT_EQ(__fmaf_rn(a, a, -1.0f), 0x1p-11f + 0x1p-24f);
}

TEST(Arithmetic, MinimumAndMaximumIgnoreNan) {
  EXPECT_EQ(max(NAN, 1.0f), 1.0f);
  EXPECT_EQ(min(1.0, static_cast<double>(NAN)), 1.0);
  EXPECT_EQ(max(3u, 5u), 5u);
}

}  // namespace
