// The vectors of the CPU bodies: GCC and Clang vector extensions at the width of the instruction set being
// compiled (BEVEL_ISA), with the few operations that the bodies need. Included by CPU bodies only.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

// GCC 12 takes the undefined operands of its own intrinsics for uninitialised ones.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

#include "core/sixteen_bit.hpp"

#if BEVEL_ISA == 2
#define BEVEL_VECTOR_BYTES 64
#define BEVEL_ISA_NAMESPACE avx512
#elif BEVEL_ISA == 1
#define BEVEL_VECTOR_BYTES 32
#define BEVEL_ISA_NAMESPACE avx2
#else
#define BEVEL_VECTOR_BYTES 16
#define BEVEL_ISA_NAMESPACE portable
#endif

namespace bevel::BEVEL_ISA_NAMESPACE {

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(BEVEL_VECTOR_BYTES)));
  typedef T unaligned __attribute__((vector_size(BEVEL_VECTOR_BYTES), aligned(sizeof(T)), may_alias));
};
template <class T>
using Vector = typename VectorOf<T>::type;

template <class T>
constexpr int kLanes = BEVEL_VECTOR_BYTES / static_cast<int>(sizeof(T));

template <class T>
inline __attribute__((always_inline)) Vector<T> load(const T* from) {
  return *reinterpret_cast<const typename VectorOf<T>::unaligned*>(from);
}
template <class T>
inline __attribute__((always_inline)) void store(T* to, Vector<T> value) {
  *reinterpret_cast<typename VectorOf<T>::unaligned*>(to) = value;
}
template <class T>
inline __attribute__((always_inline)) Vector<T> broadcast(T value) {
  return value - Vector<T>{};
}

#if BEVEL_ISA == 2
/// One bit for each of the first `count` lanes; count may lie outside 0 to kLanes.
template <class T>
inline __attribute__((always_inline)) uint16_t lane_mask(int count) {
  return count >= kLanes<T> ? static_cast<uint16_t>((1u << kLanes<T>)-1)
                            : static_cast<uint16_t>((1u << (count < 0 ? 0 : count)) - 1);
}
#elif BEVEL_ISA == 1
/// All bits set in each of the first `count` lanes.
template <class T>
inline __attribute__((always_inline)) __m256i lane_mask(int count) {
  if constexpr (sizeof(T) == 4) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  } else {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
  }
}
#endif

/// The first `count` elements, the other lanes zero; reads nothing beyond them.
template <class T>
inline __attribute__((always_inline)) Vector<T> load_partial(const T* from, int count) {
#if BEVEL_ISA == 2
  if constexpr (sizeof(T) == 4) {
    return (Vector<T>)_mm512_maskz_loadu_ps(lane_mask<T>(count), from);
  } else {
    return (Vector<T>)_mm512_maskz_loadu_pd(static_cast<__mmask8>(lane_mask<T>(count)), from);
  }
#elif BEVEL_ISA == 1
  if constexpr (sizeof(T) == 4) {
    return (Vector<T>)_mm256_maskload_ps(from, lane_mask<T>(count));
  } else {
    return (Vector<T>)_mm256_maskload_pd(from, lane_mask<T>(count));
  }
#else
  if (count >= kLanes<T>) return load(from);
  T lanes[kLanes<T>] = {};
  for (int i = 0; i < count; ++i) lanes[i] = from[i];
  return load(lanes);
#endif
}
template <class T>
inline __attribute__((always_inline)) void store_partial(T* to, Vector<T> value, int count) {
#if BEVEL_ISA == 2
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_ps(to, lane_mask<T>(count), (__m512)value);
  } else {
    _mm512_mask_storeu_pd(to, static_cast<__mmask8>(lane_mask<T>(count)), (__m512d)value);
  }
#elif BEVEL_ISA == 1
  if constexpr (sizeof(T) == 4) {
    _mm256_maskstore_ps(to, lane_mask<T>(count), (__m256)value);
  } else {
    _mm256_maskstore_pd(to, lane_mask<T>(count), (__m256d)value);
  }
#else
  if (count >= kLanes<T>) {
    store(to, value);
    return;
  }
  for (int i = 0; i < count; ++i) to[i] = value[i];
#endif
}

/// The value's lanes from `begin` to below `end`, the others zero; the bounds may lie outside the vector.
template <class T>
inline __attribute__((always_inline)) Vector<T> lanes_between(Vector<T> value, int begin, int end) {
#if BEVEL_ISA == 2
  const uint32_t mask = lane_mask<T>(end) & ~static_cast<uint32_t>(lane_mask<T>(begin));
  if constexpr (sizeof(T) == 4) {
    return (Vector<T>)_mm512_maskz_mov_ps(static_cast<__mmask16>(mask), (__m512)value);
  } else {
    return (Vector<T>)_mm512_maskz_mov_pd(static_cast<__mmask8>(mask), (__m512d)value);
  }
#else
  using Index = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
  typedef Index Indices __attribute__((vector_size(BEVEL_VECTOR_BYTES)));
  Indices lane;
  for (int i = 0; i < kLanes<T>; ++i) lane[i] = i;
  return (lane >= static_cast<Index>(begin)) & (lane < static_cast<Index>(end)) ? value : Vector<T>{};
#endif
}

/// Stores past the caches: for output larger than they are, which nobody reads soon. `to` must be aligned to
/// the vector.
template <class T>
inline __attribute__((always_inline)) void stream(T* to, Vector<T> value) {
#if BEVEL_ISA == 2
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), (__m512i)value);
#elif BEVEL_ISA == 1
  _mm256_stream_si256(reinterpret_cast<__m256i*>(to), (__m256i)value);
#else
  _mm_stream_si128(reinterpret_cast<__m128i*>(to), (__m128i)value);
#endif
}
/// Orders streamed stores before what follows; each thread calls it after its last.
inline void end_streaming() { _mm_sfence(); }

#if BEVEL_ISA == 2
using SixteenBits = __m256i;
inline __attribute__((always_inline)) SixteenBits load_bits(const void* from, int count) {
  return _mm256_maskz_loadu_epi16(lane_mask<float>(count), from);
}
inline __attribute__((always_inline)) void store_bits(void* to, SixteenBits bits, int count) {
  _mm256_mask_storeu_epi16(to, lane_mask<float>(count), bits);
}
inline __attribute__((always_inline)) Vector<float> widen_bits(SixteenBits bits, Bfloat16) {
  return (Vector<float>)_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16);
}
inline __attribute__((always_inline)) Vector<float> widen_bits(SixteenBits bits, Float16) {
  return (Vector<float>)_mm512_cvtph_ps(bits);
}
inline __attribute__((always_inline)) SixteenBits narrow_bits(Vector<float> value, Float16) {
  return _mm512_cvtps_ph((__m512)value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline __attribute__((always_inline)) SixteenBits low_halves(Vector<float> words) {
  return _mm512_cvtepi32_epi16((__m512i)words);
}
#elif BEVEL_ISA == 1
using SixteenBits = __m128i;
inline __attribute__((always_inline)) SixteenBits load_bits(const void* from, int count) {
  if (count >= kLanes<float>) return _mm_loadu_si128(static_cast<const __m128i*>(from));
  uint16_t lanes[kLanes<float>] = {};
  if (count > 0) std::memcpy(lanes, from, static_cast<size_t>(count) * sizeof *lanes);
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(lanes));
}
inline __attribute__((always_inline)) void store_bits(void* to, SixteenBits bits, int count) {
  if (count >= kLanes<float>) {
    _mm_storeu_si128(static_cast<__m128i*>(to), bits);
  } else if (count > 0) {
    std::memcpy(to, &bits, static_cast<size_t>(count) * sizeof(uint16_t));
  }
}
inline __attribute__((always_inline)) Vector<float> widen_bits(SixteenBits bits, Bfloat16) {
  return (Vector<float>)_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16);
}
inline __attribute__((always_inline)) Vector<float> widen_bits(SixteenBits bits, Float16) {
  return (Vector<float>)_mm256_cvtph_ps(bits);
}
inline __attribute__((always_inline)) SixteenBits narrow_bits(Vector<float> value, Float16) {
  return _mm256_cvtps_ph((__m256)value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline __attribute__((always_inline)) SixteenBits low_halves(Vector<float> words) {
  const __m256i packed = _mm256_packus_epi32((__m256i)words, (__m256i)words);
  return _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08));
}
#endif
#if BEVEL_ISA != 0
/// As narrow<Bfloat16>: to nearest even, a NaN quiet.
inline __attribute__((always_inline)) SixteenBits narrow_bits(Vector<float> value, Bfloat16) {
  typedef uint32_t Bits __attribute__((vector_size(BEVEL_VECTOR_BYTES)));
  const Bits bits = (Bits)value;
  const Bits rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  return low_halves((Vector<float>)((Bits)(value == value) ? rounded : (bits >> 16 | 0x40u)));
}
#endif

/// Up to a vector of elements of any storage type, widened to T (float from 16 bits); the other lanes zero.
template <class T, class Storage>
inline __attribute__((always_inline)) Vector<T> load_as(const Storage* from, int count) {
  if constexpr (std::is_same_v<T, Storage>) {
    return load_partial(from, count);
  } else {
#if BEVEL_ISA != 0
    return widen_bits(load_bits(from, count), Storage());
#else
    T lanes[kLanes<T>] = {};
    const int n = count < kLanes<T> ? count : kLanes<T>;
    for (int i = 0; i < n; ++i) lanes[i] = widen(from[i]);
    return load(lanes);
#endif
  }
}
template <class T, class Storage>
inline __attribute__((always_inline)) void store_as(Storage* to, Vector<T> value, int count) {
  if constexpr (std::is_same_v<T, Storage>) {
    store_partial(to, value, count);
  } else {
#if BEVEL_ISA != 0
    store_bits(to, narrow_bits(value, Storage()), count);
#else
    const int n = count < kLanes<T> ? count : kLanes<T>;
    for (int i = 0; i < n; ++i) to[i] = narrow<Storage>(value[i]);
#endif
  }
}

template <class T>
inline __attribute__((always_inline)) Vector<T> maximum(Vector<T> a, Vector<T> b) {
  return a > b ? a : b;
}

/// One stage of the transpose: rows that differ in bit `Block` exchange the lanes that differ in it.
template <int Block, class T, int... Lane>
inline __attribute__((always_inline)) void exchange(Vector<T> (&rows)[kLanes<T>],
                                                    std::integer_sequence<int, Lane...>) {
  constexpr int lanes = kLanes<T>;
  using Index = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
  typedef Index Mask __attribute__((vector_size(BEVEL_VECTOR_BYTES)));
  constexpr Mask low = {(Lane & Block ? lanes + Lane - Block : Lane)...};
  constexpr Mask high = {(Lane & Block ? lanes + Lane : Lane + Block)...};
#pragma GCC unroll 16
  for (int row = 0; row < lanes; ++row) {
    if (row & Block) continue;
    const Vector<T> a = rows[row], b = rows[row + Block];
    rows[row] = __builtin_shuffle(a, b, low);
    rows[row + Block] = __builtin_shuffle(a, b, high);
  }
}

/// Exchanges rows and columns of a square of kLanes × kLanes, in registers.
template <class T>
inline __attribute__((always_inline)) void transpose(Vector<T> (&rows)[kLanes<T>]) {
  constexpr auto all = std::make_integer_sequence<int, kLanes<T>>();
  exchange<1, T>(rows, all);
  if constexpr (kLanes < T >> 2) exchange<2, T>(rows, all);
  if constexpr (kLanes < T >> 4) exchange<4, T>(rows, all);
  if constexpr (kLanes < T >> 8) exchange<8, T>(rows, all);
}

/// e^x. float: argument reduction by ln 2 in two parts and a polynomial of degree 6 (relative error below
/// 2e-7); −Inf gives 0, NaN gives NaN, above 88.7 Inf. double: the library's.
inline __attribute__((always_inline)) Vector<float> exponential(Vector<float> x) {
  typedef int32_t Bits __attribute__((vector_size(BEVEL_VECTOR_BYTES)));
  const Vector<float> log2e = broadcast(1.44269504088896341f);
  const Vector<float> round = broadcast(12582912.0f);  // 1.5 · 2²³: adding it rounds to an integer
  const Vector<float> clamped = x < -104.0f ? broadcast(-104.0f) : (x > 89.0f ? broadcast(89.0f) : x);
  const Vector<float> shifted = clamped * log2e + round;
  const Vector<float> n = shifted - round;
  Vector<float> r = clamped - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  Vector<float> p = broadcast(1.0f / 720.0f);
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  // 2ⁿ in two factors: n reaches −150, below the smallest normal exponent, and 128, above the largest.
  const Bits whole = (Bits)shifted - (Bits)round;
  const Bits half = whole >> 1;
  const Vector<float> first = (Vector<float>)((half + 127) << 23);
  const Vector<float> second = (Vector<float>)((whole - half + 127) << 23);
  const Vector<float> result = p * first * second;
  return x == x ? result : x;
}
inline Vector<double> exponential(Vector<double> x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_exp(x[i]);
  return x;
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
