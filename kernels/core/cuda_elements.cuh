// Maps whose element type is known at run time: storage is float32, float16 or bfloat16, arithmetic is
// float32.
#pragma once

#include <initializer_list>

#include "core/cuda_target.hpp"
#include "core/element_type.hpp"

namespace bevel {

using Float4 = DeviceVector<float, 4>;

__device__ __forceinline__ float to_float(float value) { return value; }
__device__ __forceinline__ float to_float(__half value) { return __half2float(value); }
__device__ __forceinline__ float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }

__device__ __forceinline__ void from_float(float value, float& out) { out = value; }
__device__ __forceinline__ void from_float(float value, __half& out) { out = __float2half_rn(value); }
__device__ __forceinline__ void from_float(float value, __nv_bfloat16& out) {
  out = __float2bfloat16_rn(value);
}

/// Not NaN and not Inf, whatever the compiler assumes of such values.
__device__ __forceinline__ bool finite(float value) {
  return (__float_as_uint(value) & 0x7f800000u) != 0x7f800000u;
}

/// Calls f with a value of the storage type, so that a loop is compiled for each and the choice stands
/// outside it.
template <typename F>
__device__ __forceinline__ void with_element_type(ElementType type, F f) {
  if (type == ElementType::kFloat32) {
    f(float{});
  } else if (type == ElementType::kBfloat16) {
    f(__nv_bfloat16{});
  } else {
    f(__half{});
  }
}

/// A map to read.
struct ConstMap {
  DeviceSpan<const unsigned char> bytes;
  ElementType type = ElementType::kFloat32;

  ConstMap() = default;
  ConstMap(const void* data, int64_t elements, ElementType element_type, const char* name)
      : bytes(static_cast<const unsigned char*>(data), elements * element_size(element_type), name),
        type(element_type) {}

  template <typename T>
  __device__ __forceinline__ float load(int64_t index) const {
    const T value = (pointer_cast<const T>(bytes))[index];
    return to_float(value);
  }
  template <typename T, int N>
  __device__ __forceinline__ DeviceVector<float, N> load_floats(int64_t index) const {
    const DeviceVector<T, N> raw = load_vector<N>(pointer_cast<const T>(bytes) + index);
    DeviceVector<float, N> values;
#pragma unroll
    for (int i = 0; i < N; ++i) values[i] = to_float(raw[i]);
    return values;
  }
};

/// A map to write.
struct Map {
  DeviceSpan<unsigned char> bytes;
  ElementType type = ElementType::kFloat32;

  Map() = default;
  Map(void* data, int64_t elements, ElementType element_type, const char* name)
      : bytes(static_cast<unsigned char*>(data), elements * element_size(element_type), name),
        type(element_type) {}

  __device__ __forceinline__ ConstMap as_const() const {
    ConstMap map;
    map.bytes = bytes;
    map.type = type;
    return map;
  }
  template <typename T, int N>
  __device__ __forceinline__ void store_as(int64_t index, const DeviceVector<float, N>& values) const {
    DeviceVector<T, N> raw;
#pragma unroll
    for (int i = 0; i < N; ++i) from_float(values[i], raw[i]);
    store_vector(pointer_cast<T>(bytes) + index, raw);
  }
  /// N values in one access; the address must be a multiple of their size.
  template <int N>
  __device__ __forceinline__ void store_floats(int64_t index, const DeviceVector<float, N>& values) const {
    with_element_type(type, [&](auto tag) { store_as<decltype(tag), N>(index, values); });
  }
  __device__ __forceinline__ void store(int64_t index, float value) const {
    with_element_type(type, [&](auto tag) {
      using T = decltype(tag);
      T raw;
      from_float(value, raw);
      (pointer_cast<T>(bytes))[index] = raw;
    });
  }
  /// `count` ≤ 4 values, in one access if `whole`.
  __device__ __forceinline__ void store_some(int64_t index, const Float4& values, int count,
                                             bool whole) const {
    if (whole) {
      store_floats<4>(index, values);
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (i < count) store(index + i, values[i]);
      }
    }
  }
};

/// N values, in as few accesses as there are if `whole`, else one by one, `step` elements apart.
template <int N>
__device__ __forceinline__ void store_row(const Map& map, int64_t index, const float (&values)[N], bool whole,
                                          int64_t step = 1) {
  if (whole) {
    constexpr int M = N < 4 ? N : 4;
    with_element_type(map.type, [&](auto tag) {
      using T = decltype(tag);
#pragma unroll
      for (int c = 0; c < N; c += M) {
        DeviceVector<T, M> part;
#pragma unroll
        for (int i = 0; i < M; ++i) from_float(values[c + i], part[i]);
        store_vector_whole(pointer_cast<T>(map.bytes) + (index + c), part);
      }
    });
  } else {
#pragma unroll
    for (int c = 0; c < N; ++c) map.store(index + c * step, values[c]);
  }
}

inline bool aligned_to(const void* pointer, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(pointer) % static_cast<uintptr_t>(bytes) == 0;
}

/// The longest vector of 4, 2 or 1 elements that every row of a map can be read in: rows begin every
/// `strides` elements.
inline int vector_length(const void* data, ElementType type, std::initializer_list<int64_t> strides) {
  for (int length = 4; length > 1; length /= 2) {
    bool fits = aligned_to(data, length * element_size(type));
    for (const int64_t stride : strides) fits = fits && stride % length == 0;
    if (fits) return length;
  }
  return 1;
}

}  // namespace bevel
