// The vectors of the CPU bodies: GCC and Clang vector extensions at the width of the instruction set being
// compiled (BEVEL_ISA), with the few operations that the bodies need. Included by CPU bodies only.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

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

/// The first `count` elements, the other lanes zero; reads nothing beyond them.
template <class T>
inline Vector<T> load_partial(const T* from, int count) {
  if (count >= kLanes<T>) return load(from);
  T lanes[kLanes<T>] = {};
  std::memcpy(lanes, from, sizeof(T) * static_cast<size_t>(count < 0 ? 0 : count));
  return load(lanes);
}
template <class T>
inline void store_partial(T* to, Vector<T> value, int count) {
  if (count >= kLanes<T>) {
    store(to, value);
    return;
  }
  T lanes[kLanes<T>];
  store(lanes, value);
  std::memcpy(to, lanes, sizeof(T) * static_cast<size_t>(count < 0 ? 0 : count));
}

/// Elements of any storage type, widened to T (float from 16 bits); the other lanes zero.
template <class T, class Storage>
inline Vector<T> load_as(const Storage* from, int count) {
  if constexpr (std::is_same_v<T, Storage>) {
    return load_partial(from, count);
  } else {
    T lanes[kLanes<T>] = {};
    const int n = count < kLanes<T> ? count : kLanes<T>;
    for (int i = 0; i < n; ++i) lanes[i] = widen(from[i]);
    return load(lanes);
  }
}
template <class T, class Storage>
inline void store_as(Storage* to, Vector<T> value, int count) {
  if constexpr (std::is_same_v<T, Storage>) {
    store_partial(to, value, count);
  } else {
    T lanes[kLanes<T>];
    store(lanes, value);
    const int n = count < kLanes<T> ? count : kLanes<T>;
    for (int i = 0; i < n; ++i) to[i] = narrow<Storage>(lanes[i]);
  }
}

template <class T>
inline __attribute__((always_inline)) Vector<T> maximum(Vector<T> a, Vector<T> b) {
  return a > b ? a : b;
}

/// Exchanges rows and columns of a square of kLanes × kLanes, in registers: one stage a power of two.
template <class T>
inline __attribute__((always_inline)) void transpose(Vector<T> (&rows)[kLanes<T>]) {
  constexpr int lanes = kLanes<T>;
  using Index = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
  typedef Index Mask __attribute__((vector_size(BEVEL_VECTOR_BYTES)));
#pragma GCC unroll 4
  for (int block = 1; block < lanes; block *= 2) {
    Mask low, high;
    for (int i = 0; i < lanes; ++i) {
      const bool swapped = i & block;
      low[i] = swapped ? lanes + i - block : i;
      high[i] = swapped ? lanes + i : i + block;
    }
#pragma GCC unroll 16
    for (int row = 0; row < lanes; ++row) {
      if (row & block) continue;
      const Vector<T> a = rows[row], b = rows[row + block];
      rows[row] = __builtin_shuffle(a, b, low);
      rows[row + block] = __builtin_shuffle(a, b, high);
    }
  }
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
