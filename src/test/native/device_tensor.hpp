// Tensors on a CUDA device for tests that run twice: on the emulation, where device memory is host memory
// whose every access is checked, and on the hardware.
#pragma once

#include <functional>

#include "lift_splat_case.hpp"

#if defined(BEVEL_EMULATE_CUDA)
#include "emulation/emulation.hpp"
#else
#include <cuda_runtime.h>
#endif

namespace bevel::testing {

#if !defined(BEVEL_EMULATE_CUDA)
inline void check_runtime(cudaError_t error) { ASSERT_EQ(cudaSuccess, error) << cudaGetErrorString(error); }
#endif

/// A compact tensor on the device; what nobody wrote reads as 0xFF bytes, and under emulation is an error to
/// read.
template <class T>
class DeviceTensor {
 public:
  explicit DeviceTensor(std::vector<int64_t> shape) : shape_(std::move(shape)) {
    size_ = 1;
    for (int64_t extent : shape_) size_ *= extent;
    allocate();
    view_ = {data_, {kDLCUDA, 0}, static_cast<int32_t>(shape_.size()), dtype_of<T>(), shape_.data(), nullptr,
             0};
  }
  explicit DeviceTensor(const Tensor<T>& host) : DeviceTensor(host.shape()) { upload(host.data()); }
  DeviceTensor(const DeviceTensor&) = delete;
  DeviceTensor& operator=(const DeviceTensor&) = delete;
  ~DeviceTensor() { release(); }

  DLTensor* view() { return &view_; }
  T* data() { return data_; }
  int64_t size() const { return size_; }
  size_t bytes() const { return static_cast<size_t>(size_) * sizeof(T); }

  void upload(const Tensor<T>& host) { upload(host.data()); }
  std::vector<T> download() const {
    std::vector<T> values(static_cast<size_t>(size_));
    if (size_ == 0) return values;
#if defined(BEVEL_EMULATE_CUDA)
    std::memcpy(values.data(), data_, bytes());
#else
    check_runtime(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost));
#endif
    return values;
  }
  std::vector<unsigned char> download_bytes() const {
    const std::vector<T> values = download();
    const auto* begin = reinterpret_cast<const unsigned char*>(values.data());
    return std::vector<unsigned char>(begin, begin + bytes());
  }
  void download(Tensor<T>& to) const {
    const std::vector<T> values = download();
    std::copy(values.begin(), values.end(), to.data());
  }

  /// Forgets everything written.
  void poison() {
    if (size_ == 0) return;
#if defined(BEVEL_EMULATE_CUDA)
    std::memset(static_cast<void*>(data_), 0xff, bytes());
    emulation::shadow().mark_uninitialized(reinterpret_cast<uintptr_t>(data_), bytes());
#else
    check_runtime(cudaMemset(data_, 0xff, bytes()));
#endif
  }

 private:
#if defined(BEVEL_EMULATE_CUDA)
  // Exactly as long as asked for, so that AddressSanitizer sees what the spans do not.
  void allocate() {
    const int error = posix_memalign(reinterpret_cast<void**>(&data_), 64, bytes() + (size_ == 0));
    if (error != 0) throw std::bad_alloc();
    poison();
  }
  void release() {
    emulation::shadow().mark_initialized(reinterpret_cast<uintptr_t>(data_), bytes());
    std::free(data_);
  }
  void upload(const T* from) {
    if (size_ == 0) return;
    std::memcpy(static_cast<void*>(data_), from, bytes());
    emulation::shadow().mark_initialized(reinterpret_cast<uintptr_t>(data_), bytes());
  }
#else
  void allocate() {
    check_runtime(cudaMalloc(reinterpret_cast<void**>(&data_), bytes() + 64));
    poison();
  }
  void release() { cudaFree(data_); }
  void upload(const T* from) {
    if (size_ > 0) check_runtime(cudaMemcpy(data_, from, bytes(), cudaMemcpyHostToDevice));
  }
#endif

  std::vector<int64_t> shape_;
  int64_t size_;
  T* data_ = nullptr;
  DLTensor view_;
};

/// Runs work that writes `outputs` in every order of threads that can be had, poisoning them before each, and
/// expects the same bits. Each output is a DeviceTensor.
template <class Work, class... Outputs>
void expect_same_bits_in_all_orders(Work work, Outputs&... outputs) {
  const auto run = [&](const std::function<void(const std::function<void()>&)>& in_order) {
    (outputs.poison(), ...);
    in_order(work);
    std::vector<std::vector<unsigned char>> bytes;
    (bytes.push_back(outputs.download_bytes()), ...);
    return bytes;
  };
#if defined(BEVEL_EMULATE_CUDA)
  using emulation::Order;
  const auto in = [](Order order) {
    return [order](const std::function<void()>& body) { emulation::run_in_order(order, body); };
  };
  const auto reverse = run(in(Order::kReverse));
  const auto random = run(in(Order::kRandom));
  const auto forward = run(in(Order::kForward));
  EXPECT_TRUE(forward == reverse) << "the order of threads changes the result";
  EXPECT_TRUE(forward == random) << "the order of threads changes the result, seed "
                                 << emulation::random_seed();
#else
  const auto once = [](const std::function<void()>& body) { body(); };
  const auto first = run(once);
  for (int again = 0; again < 3; ++again) EXPECT_TRUE(first == run(once)) << "two runs differ";
#endif
}

}  // namespace bevel::testing
