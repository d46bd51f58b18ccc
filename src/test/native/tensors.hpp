// Tensors for the native tests: owners of memory with a DLTensor over it, and the six-camera rig.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <random>
#include <vector>

#include "bevel/base.h"
#include "core/sixteen_bit.hpp"

namespace bevel::testing {

template <class T>
DLDataType dtype_of();
template <>
inline DLDataType dtype_of<float>() {
  return {kDLFloat, 32, 1};
}
template <>
inline DLDataType dtype_of<double>() {
  return {kDLFloat, 64, 1};
}
template <>
inline DLDataType dtype_of<Float16>() {
  return {kDLFloat, 16, 1};
}
template <>
inline DLDataType dtype_of<Bfloat16>() {
  return {kDLBfloat, 16, 1};
}
template <>
inline DLDataType dtype_of<int32_t>() {
  return {kDLInt, 32, 1};
}
template <>
inline DLDataType dtype_of<uint8_t>() {
  return {kDLUInt, 8, 1};
}

/// A compact CPU tensor that owns its memory, 64-byte aligned and filled with a pattern that is NaN as a
/// float.
template <class T>
class Tensor {
 public:
  explicit Tensor(std::vector<int64_t> shape) : shape_(std::move(shape)) {
    size_ = 1;
    for (int64_t extent : shape_) size_ *= extent;
    const size_t bytes = (static_cast<size_t>(size_) * sizeof(T) + 127) / 64 * 64;
    data_ = static_cast<T*>(std::aligned_alloc(64, bytes));
    if (!data_) throw std::bad_alloc();
    std::memset(data_, 0xff, bytes);
    view_ = {data_, {kDLCPU, 0}, static_cast<int32_t>(shape_.size()), dtype_of<T>(), shape_.data(), nullptr,
             0};
  }
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;
  ~Tensor() { std::free(data_); }

  DLTensor* view() { return &view_; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t size() const { return size_; }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }
  const std::vector<int64_t>& shape() const { return shape_; }

 private:
  std::vector<int64_t> shape_;
  int64_t size_;
  T* data_;
  DLTensor view_;
};

inline double to_double(float value) { return value; }
inline double to_double(double value) { return value; }
inline double to_double(Float16 value) { return widen(value); }
inline double to_double(Bfloat16 value) { return widen(value); }

template <class T>
T from_double(double value) {
  if constexpr (std::is_same_v<T, double>) {
    return value;
  } else {
    return narrow<T>(static_cast<float>(value));
  }
}

/// Fills with values uniform in [low, high).
template <class T>
void fill_random(Tensor<T>& tensor, std::mt19937_64& random, double low = -1, double high = 1) {
  std::uniform_real_distribution<double> uniform(low, high);
  for (int64_t i = 0; i < tensor.size(); ++i) tensor[i] = from_double<T>(uniform(random));
}

}  // namespace bevel::testing
