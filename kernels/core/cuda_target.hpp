// What every .cu includes: one vocabulary with two targets.
//
//  - nvcc: CUDA itself; a DeviceSpan is a pointer and a SharedSpan is another, so nothing here costs
//  anything.
//  - BEVEL_EMULATE_CUDA: the host, where threads are fibers, spans know their bounds, and every access is
//    checked (src/test/native/emulation). Needs no CUDA toolkit.
//
// Kernels keep to these rules so that both work:
//  - Kernels are BEVEL_GLOBAL void, launched with BEVEL_LAUNCH, whose value is a cudaError_t. The name of a
//    template goes in parentheses if it holds commas.
//  - Shared arrays by BEVEL_SHARED or BEVEL_DYNAMIC_SHARED, one-dimensional; device memory by
//    DeviceSpan(pointer, count, name). Addresses are `p + i`. Other element types: pointer_cast<U>(p). Parts:
//    subarray(p + i, count).
//  - Elements: `float x = p[i]; p[i] = x; p[i] += x;`, not `auto x = p[i]`. Of class elements take a copy
//    before the member: `float4 v = p[i]; v.x`.
//  - 8- and 16-byte accesses by load_vector / store_vector; copies to shared memory by copy_async.
//  - Every thread of a block reaches every __syncthreads: no early return before one. Masks of warp
//    collectives name exactly the lanes that call. Only __syncthreads and __syncwarp order memory, shuffles
//    do not.
//  - No __activemask, no communication between the blocks of a launch.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(BEVEL_EMULATE_CUDA)
#include "emulation/emulation.hpp"
#elif defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#else
#error "a CUDA source: compile it with nvcc, or for the host with BEVEL_EMULATE_CUDA"
#endif

/// A kernel, local to its source file.
#define BEVEL_GLOBAL [[maybe_unused]] static __global__

namespace bevel {

/// N values that move as one: 2, 4, 8 or 16 bytes, aligned to their size.
template <class T, int N>
struct alignas(sizeof(T) * N) DeviceVector {
  static_assert(sizeof(T) * N <= 16);
  T values[N];
  __host__ __device__ T& operator[](int i) { return values[i]; }
  __host__ __device__ const T& operator[](int i) const { return values[i]; }
};

}  // namespace bevel

#if defined(BEVEL_EMULATE_CUDA)

#define BEVEL_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
  ::bevel::emulation::launch(#kernel, kernel, grid, block, shared_bytes, stream __VA_OPT__(, ) __VA_ARGS__)
// The key is a variable of its own for every instantiation of a function template, as a __shared__ array
// would be.
#define BEVEL_SHARED(type, name, count)                                            \
  const ::bevel::SharedSpan<type> name = ::bevel::emulation::shared_pointer<type>( \
      [] {                                                                         \
        static const char key = 0;                                                 \
        return &key;                                                               \
      }(),                                                                         \
      #name, count)
#define BEVEL_DYNAMIC_SHARED(type, name) \
  const ::bevel::SharedSpan<type> name = ::bevel::emulation::dynamic_shared_pointer<type>()

namespace bevel {

template <class T>
using DeviceSpan = emulation::Pointer<T, emulation::Space::kGlobal>;
template <class T>
using SharedSpan = emulation::Pointer<T, emulation::Space::kShared>;

template <class U, class T, emulation::Space space>
emulation::Pointer<U, space> pointer_cast(const emulation::Pointer<T, space>& pointer) {
  static_assert(std::is_const_v<U> || !std::is_const_v<T>, "a cast may not take const away");
  return {pointer.region(), pointer.offset()};
}

/// The `count` elements from `pointer` on, checked for themselves: an array carved out of a larger one.
template <class T, emulation::Space space>
emulation::Pointer<T, space> subarray(const emulation::Pointer<T, space>& pointer, int64_t count,
                                      const char* name = "subarray") {
  return emulation::checked_part(pointer, count, name);
}

template <int N, class T, emulation::Space space>
DeviceVector<std::remove_const_t<T>, N> load_vector(const emulation::Pointer<T, space>& pointer,
                                                    emulation::Place place = emulation::Place::current()) {
  return pointer.template read_as<DeviceVector<std::remove_const_t<T>, N>>(place);
}
template <int N, class T>
DeviceVector<std::remove_const_t<T>, N> load_vector_readonly(
    const DeviceSpan<T>& pointer, emulation::Place place = emulation::Place::current()) {
  return load_vector<N>(pointer, place);
}
template <class T, int N, emulation::Space space>
void store_vector(const emulation::Pointer<T, space>& pointer, const DeviceVector<T, N>& value,
                  emulation::Place place = emulation::Place::current()) {
  pointer.write_as(value, place);
}
template <class T, int N>
void store_vector_whole(const DeviceSpan<T>& pointer, const DeviceVector<T, N>& value,
                        emulation::Place place = emulation::Place::current()) {
  store_vector(pointer, value, place);
}
template <class T, int N>
void store_vector_streaming(const DeviceSpan<T>& pointer, const DeviceVector<T, N>& value,
                            emulation::Place place = emulation::Place::current()) {
  store_vector(pointer, value, place);
}

template <int N>
void add_vector(const DeviceSpan<float>& to, const DeviceVector<float, N>& value,
                emulation::Place place = emulation::Place::current()) {
  if (reinterpret_cast<uintptr_t>(to.address()) % sizeof(value) != 0) {
    emulation::Launch::current().fail(emulation::FaultKind::kMisaligned,
                                      "add_vector needs an address that is a multiple of its size", place);
  }
  for (int i = 0; i < N; ++i) (to + i).atomic([&](float old) { return old + value[i]; }, place);
}

template <int N, class T>
void copy_async(const SharedSpan<T>& to, const DeviceSpan<const T>& from,
                emulation::Place place = emulation::Place::current()) {
  static_assert(sizeof(T) * N == 4 || sizeof(T) * N == 8 || sizeof(T) * N == 16);
  emulation::start_copy<DeviceVector<T, N>>(to, from, place);
}
inline void await_copies() { emulation::finish_copies(); }

}  // namespace bevel

#else  // nvcc

// The formatter takes the launch brackets apart in a file that is not .cu.
// clang-format off
#define BEVEL_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
  ((kernel)<<<grid, block, shared_bytes, stream>>>(__VA_ARGS__), cudaGetLastError())
// clang-format on
#define BEVEL_SHARED(type, name, count) __shared__ __align__(16) type name[count]
#define BEVEL_DYNAMIC_SHARED(type, name)                                        \
  extern __shared__ __align__(128) unsigned char bevel_dynamic_shared_memory[]; \
  type* const name = reinterpret_cast<type*>(bevel_dynamic_shared_memory)

namespace bevel {

/// Device memory of `count` elements. Used as a T*; emulation checks every access and names the array in
/// messages.
template <class T>
class DeviceSpan {
 public:
  DeviceSpan() = default;
  __host__ __device__ DeviceSpan(T* pointer, int64_t /*count*/, const char* /*name*/ = nullptr)
      : pointer_(pointer) {}
  template <class U, class = std::enable_if_t<std::is_same_v<const U, T> && !std::is_same_v<U, T>>>
  __host__ __device__ DeviceSpan(const DeviceSpan<U>& other) : pointer_(other) {}
  __host__ __device__ operator T*() const { return pointer_; }

 private:
  T* pointer_ = nullptr;
};

/// Shared memory of the block. Used as a T*.
template <class T>
using SharedSpan = T*;

/// The same address as a pointer to U.
template <class U, class T>
__device__ __forceinline__ U* pointer_cast(T* pointer) {
  return reinterpret_cast<U*>(pointer);
}
template <class U, class T>
__device__ __forceinline__ U* pointer_cast(const DeviceSpan<T>& span) {
  return reinterpret_cast<U*>(static_cast<T*>(span));
}

/// The `count` elements from `pointer` on, which emulation checks for themselves: an array carved out of a
/// larger one.
template <class T>
__device__ __forceinline__ T* subarray(T* pointer, int64_t /*count*/, const char* /*name*/ = nullptr) {
  return pointer;
}

template <int bytes>
struct RawVector;
template <>
struct RawVector<2> {
  using type = unsigned short;
};
template <>
struct RawVector<4> {
  using type = unsigned;
};
template <>
struct RawVector<8> {
  using type = uint2;
};
template <>
struct RawVector<16> {
  using type = uint4;
};

/// N elements in one access; the address must be a multiple of their size (2, 4, 8 or 16 bytes).
template <int N, class T>
__device__ __forceinline__ DeviceVector<std::remove_const_t<T>, N> load_vector(T* pointer) {
  // The DeviceVector itself is what is read: by way of another type and memcpy nvcc would read single bytes.
  return *reinterpret_cast<const DeviceVector<std::remove_const_t<T>, N>*>(pointer);
}
/// The same through the read-only cache: for memory that no thread writes during the launch.
template <int N, class T>
__device__ __forceinline__ DeviceVector<std::remove_const_t<T>, N> load_vector_readonly(T* pointer) {
  using Raw = typename RawVector<sizeof(T) * N>::type;
  using Result = DeviceVector<std::remove_const_t<T>, N>;
  return __builtin_bit_cast(Result, __ldg(reinterpret_cast<const Raw*>(pointer)));
}
template <class T, int N>
__device__ __forceinline__ void store_vector(T* pointer, const DeviceVector<T, N>& value) {
  *reinterpret_cast<DeviceVector<T, N>*>(pointer) = value;
}
/// The same to device memory, where nvcc is seen to take store_vector apart: one instruction for certain.
template <class T, int N>
__device__ __forceinline__ void store_vector_whole(T* pointer, const DeviceVector<T, N>& value) {
  using Raw = typename RawVector<sizeof(T) * N>::type;
  __stwb(reinterpret_cast<Raw*>(pointer), __builtin_bit_cast(Raw, value));
}
/// The same for data that will not be read again soon.
template <class T, int N>
__device__ __forceinline__ void store_vector_streaming(T* pointer, const DeviceVector<T, N>& value) {
  using Raw = typename RawVector<sizeof(T) * N>::type;
  __stcs(reinterpret_cast<Raw*>(pointer), __builtin_bit_cast(Raw, value));
}

/// Adds N floats to device memory that other threads may be adding to at the same time; the address must be a
/// multiple of their size. One instruction from sm_90 on. The order of additions, and so the last bits, vary.
template <int N>
__device__ __forceinline__ void add_vector(float* to, const DeviceVector<float, N>& value) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  if constexpr (N == 4) {
    asm volatile("red.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(to)),
                 "f"(value[0]), "f"(value[1]), "f"(value[2]), "f"(value[3])
                 : "memory");
  } else if constexpr (N == 2) {
    asm volatile("red.global.add.v2.f32 [%0], {%1, %2};" ::"l"(__cvta_generic_to_global(to)), "f"(value[0]),
                 "f"(value[1])
                 : "memory");
  } else {
    static_assert(N == 1);
    atomicAdd(to, value[0]);
  }
#else
#pragma unroll
  for (int i = 0; i < N; ++i) atomicAdd(to + i, value[i]);
#endif
}

/// Starts to copy N elements (4, 8 or 16 bytes, both addresses a multiple of that) from device to shared
/// memory, past the registers: the thread goes on at once. Until its await_copies() neither place may be
/// touched; the other threads of the block see the copy after a barrier that follows it.
template <int N, class T>
__device__ __forceinline__ void copy_async(T* to, const T* from) {
  constexpr int kBytes = static_cast<int>(sizeof(T)) * N;
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
  asm volatile(
      "cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(static_cast<unsigned>(__cvta_generic_to_shared(to))),
      "l"(__cvta_generic_to_global(from)), "n"(kBytes)
      : "memory");
}
/// Waits for all copies that this thread has started.
__device__ __forceinline__ void await_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }

}  // namespace bevel

#endif
