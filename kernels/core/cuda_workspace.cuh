// Cuts a caller's workspace into parts.
#pragma once

#include "core/cuda_target.hpp"

namespace bevel {

/// Hands out parts on 64-byte borders. With a null base it only adds up what is needed.
class WorkspaceCutter {
 public:
  explicit WorkspaceCutter(char* base) : base_(base) {}

  template <typename T>
  DeviceSpan<T> take(int64_t elements, const char* name) {
    T* part = base_ ? reinterpret_cast<T*>(base_ + bytes_) : nullptr;
    bytes_ += (elements * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
    return DeviceSpan<T>(part, elements, name);
  }
  char* take_bytes(int64_t bytes) {
    char* part = base_ ? base_ + bytes_ : nullptr;
    bytes_ += (bytes + 63) / 64 * 64;
    return part;
  }
  int64_t bytes() const { return bytes_; }

 private:
  char* base_;
  int64_t bytes_ = 0;
};

}  // namespace bevel
