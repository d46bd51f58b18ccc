// Barriers, warp collectives, atomics and cached loads of CUDA, under their own names.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstring>

#include "pointer.hpp"

namespace bevel::emulation {

/** What the lanes of a meeting brought, by lane; only lanes of the mask have something. */
template <class T>
class Brought {
 public:
  explicit Brought(const Collective& collective) : collective_(collective) {}
  T operator[](unsigned lane) const {
    T value;
    std::memcpy(&value, collective_.payload[lane].data(), sizeof(T));
    return value;
  }

 private:
  const Collective& collective_;
};

/** Brings `value` to the lanes of the mask and gives back use(values), with values[lane] what each lane
 * brought. */
template <class T, class F>
auto exchange(const char* operation, uint32_t mask, const T& value, const std::source_location& place,
              F use) {
  static_assert(sizeof(T) <= kPayloadBytes && std::is_trivially_copyable_v<T>);
  Launch& launch = Launch::current();
  Collective& collective = launch.meet(operation, mask, &value, sizeof(T), place);
  auto result = use(Brought<T>(collective));
  launch.leave(collective);
  return result;
}

/** A shuffle: own lane's value where `source` lies outside the segment, an error where its lane is not in the
 * mask. */
template <class T>
T shuffle(const char* operation, uint32_t mask, const T& value, int source,
          const std::source_location& place) {
  const int lane = source < 0 ? static_cast<int>(Launch::thread().lane()) : source;
  if (!(mask >> lane & 1u)) {
    Launch::current().fail(
        FaultKind::kWarpMask,
        std::string(operation) + " reads lane " + std::to_string(lane) + ", which its mask does not name",
        place);
  }
  return exchange(operation, mask, value, place,
                  [&](const auto& values) { return values[static_cast<unsigned>(lane)]; });
}

/** First lane of the segment of `width` lanes that the running lane is in. */
inline int segment(int width) { return static_cast<int>(Launch::thread().lane()) & ~(width - 1); }

template <class T, class F>
T reduce(const char* operation, uint32_t mask, T value, const std::source_location& place, F combine) {
  return exchange(operation, mask, value, place, [&](const auto& values) {
    T result = values[static_cast<unsigned>(std::countr_zero(mask))];
    for (unsigned lane = static_cast<unsigned>(std::countr_zero(mask)) + 1; lane < 32; ++lane) {
      if (mask >> lane & 1u) result = combine(result, values[lane]);
    }
    return result;
  });
}

template <class T>
concept Integer32 = std::same_as<T, int> || std::same_as<T, unsigned>;
template <class T>
concept AtomicInteger = Integer32<T> || std::same_as<T, unsigned long long>;
template <class T>
concept Addable = AtomicInteger<T> || std::same_as<T, float> || std::same_as<T, double>;

using Place = std::source_location;

}  // namespace bevel::emulation

// ---- Built-in variables
#define threadIdx (::bevel::emulation::Launch::thread().index)
#define blockIdx (::bevel::emulation::Launch::current().block_index())
#define blockDim (::bevel::emulation::Launch::current().block())
#define gridDim (::bevel::emulation::Launch::current().grid())
inline constexpr int warpSize = 32;

// ---- Barriers and fences
inline void __syncthreads(bevel::emulation::Place place = bevel::emulation::Place::current()) {
  bevel::emulation::Launch::current().barrier("__syncthreads", 0, place);
}
inline int __syncthreads_count(int predicate,
                               bevel::emulation::Place place = bevel::emulation::Place::current()) {
  return bevel::emulation::Launch::current().barrier("__syncthreads_count", predicate, place);
}
inline int __syncthreads_or(int predicate,
                            bevel::emulation::Place place = bevel::emulation::Place::current()) {
  return bevel::emulation::Launch::current().barrier("__syncthreads_or", predicate, place) != 0;
}
inline int __syncthreads_and(int predicate,
                             bevel::emulation::Place place = bevel::emulation::Place::current()) {
  return bevel::emulation::Launch::current().barrier("__syncthreads_and", !predicate, place) == 0;
}
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu,
                       bevel::emulation::Place place = bevel::emulation::Place::current()) {
  auto& launch = bevel::emulation::Launch::current();
  auto& collective = launch.meet("__syncwarp", mask, nullptr, 0, place);
  launch.join_clocks(collective);
  launch.leave(collective);
}
// Fences order what is written, but tell nobody: alone they settle no race.
inline void __threadfence() {}
inline void __threadfence_block() {}

/** Which lanes happen to run together says nothing that a kernel may rely on. */
unsigned __activemask() = delete;

// ---- Warp collectives (of these only __syncwarp orders memory, as the programming guide says)
template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32,
              bevel::emulation::Place place = bevel::emulation::Place::current()) {
  const int source = bevel::emulation::segment(width) + (lane & (width - 1));
  return bevel::emulation::shuffle("__shfl_sync", mask, value, source, place);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32,
                  bevel::emulation::Place place = bevel::emulation::Place::current()) {
  const int source = static_cast<int>(bevel::emulation::Launch::thread().lane()) ^ lanes;
  const bool inside = source < bevel::emulation::segment(width) + width;
  return bevel::emulation::shuffle("__shfl_xor_sync", mask, value, inside ? source : -1, place);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   bevel::emulation::Place place = bevel::emulation::Place::current()) {
  const int source = static_cast<int>(bevel::emulation::Launch::thread().lane() + delta);
  const bool inside = source < bevel::emulation::segment(width) + width;
  return bevel::emulation::shuffle("__shfl_down_sync", mask, value, inside ? source : -1, place);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 bevel::emulation::Place place = bevel::emulation::Place::current()) {
  const int source = static_cast<int>(bevel::emulation::Launch::thread().lane()) - static_cast<int>(delta);
  const bool inside = source >= bevel::emulation::segment(width);
  return bevel::emulation::shuffle("__shfl_up_sync", mask, value, inside ? source : -1, place);
}
inline unsigned __ballot_sync(unsigned mask, int predicate,
                              bevel::emulation::Place place = bevel::emulation::Place::current()) {
  return bevel::emulation::exchange("__ballot_sync", mask, predicate, place, [&](const auto& values) {
    unsigned bits = 0;
    for (unsigned lane = 0; lane < 32; ++lane) bits |= (mask >> lane & 1u && values[lane]) ? 1u << lane : 0u;
    return bits;
  });
}
inline int __any_sync(unsigned mask, int predicate,
                      bevel::emulation::Place place = bevel::emulation::Place::current()) {
  return bevel::emulation::reduce("__any_sync", mask, predicate != 0, place, std::logical_or<>());
}
inline int __all_sync(unsigned mask, int predicate,
                      bevel::emulation::Place place = bevel::emulation::Place::current()) {
  return bevel::emulation::reduce("__all_sync", mask, predicate != 0, place, std::logical_and<>());
}
template <class T>
unsigned __match_any_sync(unsigned mask, T value,
                          bevel::emulation::Place place = bevel::emulation::Place::current()) {
  return bevel::emulation::exchange("__match_any_sync", mask, value, place, [&](const auto& values) {
    unsigned bits = 0;
    for (unsigned lane = 0; lane < 32; ++lane)
      bits |= (mask >> lane & 1u && values[lane] == value) ? 1u << lane : 0u;
    return bits;
  });
}
template <bevel::emulation::Integer32 T>
T __reduce_add_sync(unsigned mask, T value,
                    bevel::emulation::Place place = bevel::emulation::Place::current()) {
  return bevel::emulation::reduce("__reduce_add_sync", mask, value, place, [](T a, T b) {
    return static_cast<T>(static_cast<unsigned>(a) + static_cast<unsigned>(b));
  });
}
template <bevel::emulation::Integer32 T>
T __reduce_max_sync(unsigned mask, T value,
                    bevel::emulation::Place place = bevel::emulation::Place::current()) {
  return bevel::emulation::reduce("__reduce_max_sync", mask, value, place,
                                  [](T a, T b) { return std::max(a, b); });
}
template <bevel::emulation::Integer32 T>
T __reduce_min_sync(unsigned mask, T value,
                    bevel::emulation::Place place = bevel::emulation::Place::current()) {
  return bevel::emulation::reduce("__reduce_min_sync", mask, value, place,
                                  [](T a, T b) { return std::min(a, b); });
}
inline unsigned __reduce_or_sync(unsigned mask, unsigned value,
                                 bevel::emulation::Place place = bevel::emulation::Place::current()) {
  return bevel::emulation::reduce("__reduce_or_sync", mask, value, place, std::bit_or<>());
}
inline unsigned __reduce_and_sync(unsigned mask, unsigned value,
                                  bevel::emulation::Place place = bevel::emulation::Place::current()) {
  return bevel::emulation::reduce("__reduce_and_sync", mask, value, place, std::bit_and<>());
}

// ---- Atomics: each gives back the old value
#define BEVEL_EMULATED_ATOMIC(name, Concept, expression)                                   \
  template <bevel::emulation::Concept T, bevel::emulation::Space space>                    \
  T name(const bevel::emulation::Pointer<T, space>& target, std::type_identity_t<T> value, \
         bevel::emulation::Place place = bevel::emulation::Place::current()) {             \
    return target.atomic([&](T old) -> T { return expression; }, place);                   \
  }
BEVEL_EMULATED_ATOMIC(atomicMax, AtomicInteger, std::max(old, value))
BEVEL_EMULATED_ATOMIC(atomicMin, AtomicInteger, std::min(old, value))
BEVEL_EMULATED_ATOMIC(atomicOr, AtomicInteger, old | value)
BEVEL_EMULATED_ATOMIC(atomicAnd, AtomicInteger, old& value)
BEVEL_EMULATED_ATOMIC(atomicXor, AtomicInteger, old ^ value)
BEVEL_EMULATED_ATOMIC(atomicExch, Addable, (static_cast<void>(old), value))
#undef BEVEL_EMULATED_ATOMIC

template <bevel::emulation::Addable T, bevel::emulation::Space space>
T atomicAdd(const bevel::emulation::Pointer<T, space>& target, std::type_identity_t<T> value,
            bevel::emulation::Place place = bevel::emulation::Place::current()) {
  return target.atomic(
      [&](T old) -> T {
        if constexpr (std::same_as<T, int>) {  // wraps, as on the device
          return static_cast<int>(static_cast<unsigned>(old) + static_cast<unsigned>(value));
        } else {
          return old + value;
        }
      },
      place);
}
template <bevel::emulation::AtomicInteger T, bevel::emulation::Space space>
T atomicCAS(const bevel::emulation::Pointer<T, space>& target, std::type_identity_t<T> expected,
            std::type_identity_t<T> value,
            bevel::emulation::Place place = bevel::emulation::Place::current()) {
  return target.atomic([&](T old) { return old == expected ? value : old; }, place);
}

// ---- Loads and stores with a cache hint
#define BEVEL_EMULATED_LOAD(name)                                                                           \
  template <class T>                                                                                        \
  std::remove_const_t<T> name(const bevel::emulation::Pointer<T, bevel::emulation::Space::kGlobal>& source, \
                              bevel::emulation::Place place = bevel::emulation::Place::current()) {         \
    return source.read(place);                                                                              \
  }
BEVEL_EMULATED_LOAD(__ldg)
BEVEL_EMULATED_LOAD(__ldcg)
BEVEL_EMULATED_LOAD(__ldcs)
#undef BEVEL_EMULATED_LOAD
#define BEVEL_EMULATED_STORE(name)                                                        \
  template <class T>                                                                      \
  void name(const bevel::emulation::Pointer<T, bevel::emulation::Space::kGlobal>& target, \
            const std::type_identity_t<T>& value,                                         \
            bevel::emulation::Place place = bevel::emulation::Place::current()) {         \
    target.write(value, place);                                                           \
  }
BEVEL_EMULATED_STORE(__stcg)
BEVEL_EMULATED_STORE(__stcs)
#undef BEVEL_EMULATED_STORE
