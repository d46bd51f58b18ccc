// CUDA's built-in vector types (CUDA C++ Programming Guide, "Built-in Vector Types"): sizes and alignments
// are the guide's.
#pragma once

#include <cstdint>

#define BEVEL_EMULATED_VECTORS(scalar, name, alignment2, alignment4)                   \
  struct alignas(alignment2) name##2 {                                                 \
    scalar x, y;                                                                       \
  };                                                                                   \
  struct name##3 {                                                                     \
    scalar x, y, z;                                                                    \
  };                                                                                   \
  struct alignas(alignment4) name##4 {                                                 \
    scalar x, y, z, w;                                                                 \
  };                                                                                   \
  constexpr name##2 make_##name##2(scalar x, scalar y) { return {x, y}; }              \
  constexpr name##3 make_##name##3(scalar x, scalar y, scalar z) { return {x, y, z}; } \
  constexpr name##4 make_##name##4(scalar x, scalar y, scalar z, scalar w) { return {x, y, z, w}; }

BEVEL_EMULATED_VECTORS(int8_t, char, 2, 4)
BEVEL_EMULATED_VECTORS(uint8_t, uchar, 2, 4)
BEVEL_EMULATED_VECTORS(int16_t, short, 4, 8)
BEVEL_EMULATED_VECTORS(uint16_t, ushort, 4, 8)
BEVEL_EMULATED_VECTORS(int32_t, int, 8, 16)
BEVEL_EMULATED_VECTORS(uint32_t, uint, 8, 16)
BEVEL_EMULATED_VECTORS(long long, longlong, 16, 16)
BEVEL_EMULATED_VECTORS(unsigned long long, ulonglong, 16, 16)
BEVEL_EMULATED_VECTORS(float, float, 8, 16)
BEVEL_EMULATED_VECTORS(double, double, 16, 16)
#undef BEVEL_EMULATED_VECTORS

/** Extents of a grid or a block; what is not named is 1. */
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  constexpr dim3(uint3 value) : x(value.x), y(value.y), z(value.z) {}
};
