// Cuts a caller's workspace into parts.
#pragma once

#include "core/cuda_target.hpp"

namespace bevel {

/// Hands out parts on 64-byte borders. With a null base it only adds up what is needed.
class WorkspaceCutter {
 public:
  explicit WorkspaceCutter(char* base) : base_(base) {}

  template <typename T>
  DevicePointer<T> take(int64_t elements, const char* name) {
    T* part = base_ ? reinterpret_cast<T*>(base_ + bytes_) : nullptr;
    bytes_ += (elements * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
    return device_pointer<T>(part, elements, name);
  }
  int64_t bytes() const { return bytes_; }

 private:
  char* base_;
  int64_t bytes_ = 0;
};

}  // namespace bevel
