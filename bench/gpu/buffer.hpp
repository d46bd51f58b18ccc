// Tensors of the benchmark: memory on the device, and random values on the host.
#pragma once

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bevel/base.h"
#include "core/sixteen_bit.hpp"
#include "timing.hpp"

namespace bevel::bench {

/// Device memory with a DLTensor over it.
class Buffer {
 public:
  Buffer(std::vector<int64_t> shape, DLDataType dtype, const void* host = nullptr)
      : shape_(std::move(shape)) {
    bytes_ = dtype.bits / 8;
    for (int64_t extent : shape_) bytes_ *= extent;
    check(cudaMalloc(&data_, static_cast<size_t>(bytes_) + 64), "cudaMalloc");
    if (host) {
      check(cudaMemcpy(data_, host, static_cast<size_t>(bytes_), cudaMemcpyHostToDevice), "cudaMemcpy");
    } else {
      check(cudaMemset(data_, 0xff, static_cast<size_t>(bytes_)), "cudaMemset");
    }
    view_ = {data_, {kDLCUDA, 0}, static_cast<int32_t>(shape_.size()), dtype, shape_.data(), nullptr, 0};
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { cudaFree(data_); }

  DLTensor* view() { return &view_; }
  template <class T>
  T* as() {
    return static_cast<T*>(data_);
  }
  int64_t bytes() const { return bytes_; }
  template <class T>
  std::vector<T> download() const {
    std::vector<T> values(static_cast<size_t>(bytes_) / sizeof(T));
    check(cudaMemcpy(values.data(), data_, static_cast<size_t>(bytes_), cudaMemcpyDeviceToHost),
          "cudaMemcpy");
    return values;
  }

 private:
  std::vector<int64_t> shape_;
  int64_t bytes_;
  void* data_ = nullptr;
  DLTensor view_;
};

constexpr DLDataType kFloat32 = {kDLFloat, 32, 1}, kFloat64 = {kDLFloat, 64, 1}, kInt32 = {kDLInt, 32, 1},
                     kInt64 = {kDLInt, 64, 1}, kBytes = {kDLUInt, 8, 1};

inline void check_bevel(bevel_status status, const char* what) {
  if (status == BEVEL_OK) return;
  std::fprintf(stderr, "gpu_bench: %s: %s\n", what, bevel_last_error());
  std::exit(1);
}

template <class T>
std::vector<T> random_values(int64_t count, uint64_t seed, double low, double high) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> uniform(static_cast<float>(low), static_cast<float>(high));
  std::vector<T> values(static_cast<size_t>(count));
  for (T& value : values) value = bevel::narrow<T>(uniform(random));
  return values;
}

}  // namespace bevel::bench
