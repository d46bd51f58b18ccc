// Cuts a caller's workspace into parts.
#pragma once

#include <cstdint>

namespace bevel {

/// Bytes of a part, so that the next one begins on a 64-byte border.
constexpr int64_t part_bytes(int64_t bytes) { return (bytes + 63) / 64 * 64; }

/// Hands out parts on 64-byte borders. With a null base it only adds up what is needed.
class WorkspaceParts {
 public:
  explicit WorkspaceParts(char* base) : base_(base) {}

  char* take_bytes(int64_t bytes) {
    char* part = base_ ? base_ + bytes_ : nullptr;
    bytes_ += part_bytes(bytes);
    return part;
  }
  template <class T>
  T* take_array(int64_t elements) {
    return reinterpret_cast<T*>(take_bytes(elements * static_cast<int64_t>(sizeof(T))));
  }
  bool only_counts() const { return !base_; }
  int64_t bytes() const { return bytes_; }

 private:
  char* base_;
  int64_t bytes_ = 0;
};

}  // namespace bevel
