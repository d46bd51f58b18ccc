// Lanes picked out of two neighbouring vectors, and sets of lanes as bits: what gathers from near by are made
// of. Included by CPU bodies only.
#pragma once

#include <algorithm>
#include <limits>

#include "core/simd.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// An integer as wide as T.
template <class T>
using Index = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
/// One for each lane.
template <class T>
using Indices = Vector<Index<T>>;

/// Bit l: lane l of a comparison's result holds.
template <class T>
inline __attribute__((always_inline)) uint32_t lanes_where(Indices<T> truth) {
#if BEVEL_ISA == 2
  if constexpr (sizeof(T) == 4) {
    return _mm512_movepi32_mask((__m512i)truth);
  } else {
    return _mm512_movepi64_mask((__m512i)truth);
  }
#elif BEVEL_ISA == 1
  if constexpr (sizeof(T) == 4) {
    return static_cast<uint32_t>(_mm256_movemask_ps((__m256)truth));
  } else {
    return static_cast<uint32_t>(_mm256_movemask_pd((__m256d)truth));
  }
#else
  if constexpr (sizeof(T) == 4) {
    return static_cast<uint32_t>(_mm_movemask_ps((__m128)truth));
  } else {
    return static_cast<uint32_t>(_mm_movemask_pd((__m128d)truth));
  }
#endif
}

/// All bits set in each of the lanes that `lanes` names.
template <class T>
inline __attribute__((always_inline)) Indices<T> lanes_of(uint32_t lanes) {
#if BEVEL_ISA == 2
  if constexpr (sizeof(T) == 4) {
    return (Indices<T>)_mm512_movm_epi32(static_cast<__mmask16>(lanes));
  } else {
    return (Indices<T>)_mm512_movm_epi64(static_cast<__mmask8>(lanes));
  }
#else
  Indices<T> bit;
  for (int i = 0; i < kLanes<T>; ++i) bit[i] = Index<T>{1} << i;
  return (bit & static_cast<Index<T>>(lanes)) != 0;
#endif
}

/// Of the lanes that `lanes` names the smallest.
template <class T>
inline __attribute__((always_inline)) Index<T> smallest(Indices<T> value, uint32_t lanes) {
  alignas(64) Index<T> all[kLanes<T>];
  store(all, lanes_of<T>(lanes) ? value : broadcast(std::numeric_limits<Index<T>>::max()));
  Index<T> least = all[0];
  for (int i = 1; i < kLanes<T>; ++i) least = std::min(least, all[i]);
  return least;
}

/// Lane l of the result is element index[l] of low and high side by side; 0 in lanes that `lanes` does not
/// name.
template <class T>
inline __attribute__((always_inline)) Vector<T> select_lanes(Vector<T> low, Vector<T> high, Indices<T> index,
                                                             uint32_t lanes) {
#if BEVEL_ISA == 2
  if constexpr (sizeof(T) == 4) {
    return (Vector<T>)_mm512_maskz_permutex2var_ps(static_cast<__mmask16>(lanes), (__m512)low, (__m512i)index,
                                                   (__m512)high);
  } else {
    return (Vector<T>)_mm512_maskz_permutex2var_pd(static_cast<__mmask8>(lanes), (__m512d)low, (__m512i)index,
                                                   (__m512d)high);
  }
#else
  return (Vector<T>)((Indices<T>)__builtin_shuffle(low, high, index) & lanes_of<T>(lanes));
#endif
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
