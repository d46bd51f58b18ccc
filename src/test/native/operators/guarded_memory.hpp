// Memory between pages that nobody may touch: an access beyond either end ends the test.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <new>

namespace bevel::operators {

class GuardedMemory {
 public:
  GuardedMemory() = default;
  /// The bytes lie at the end of their pages, as far as `alignment` allows, or at their beginning. What is
  /// left of the pages is filled, and looked at by slack_is_whole().
  GuardedMemory(int64_t bytes, int64_t alignment, bool at_end) : bytes_(bytes) {
    const int64_t page = sysconf(_SC_PAGESIZE);
    inside_ = (bytes + page - 1) / page * page;
    mapped_ = inside_ + 2 * page;
    void* base = mmap(nullptr, static_cast<size_t>(mapped_), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<char*>(base);
    if (inside_ > 0 && mprotect(base_ + page, static_cast<size_t>(inside_), PROT_READ | PROT_WRITE) != 0) {
      throw std::bad_alloc();
    }
    first_ = base_ + page;
    std::memset(first_, kSlack, static_cast<size_t>(inside_));
    data_ = first_ + (at_end ? (inside_ - bytes) / alignment * alignment : 0);
  }
  GuardedMemory(GuardedMemory&& other) noexcept { swap(other); }
  GuardedMemory& operator=(GuardedMemory&& other) noexcept {
    swap(other);
    return *this;
  }
  ~GuardedMemory() {
    if (base_) munmap(base_, static_cast<size_t>(mapped_));
  }

  char* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

  bool slack_is_whole() const {
    for (const char* at = first_; at < data_; ++at) {
      if (*at != kSlack) return false;
    }
    for (const char* at = data_ + bytes_; at < first_ + inside_; ++at) {
      if (*at != kSlack) return false;
    }
    return true;
  }

 private:
  static constexpr char kSlack = 0x5a;

  void swap(GuardedMemory& other) {
    std::swap(base_, other.base_);
    std::swap(first_, other.first_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(inside_, other.inside_);
    std::swap(mapped_, other.mapped_);
  }

  char *base_ = nullptr, *first_ = nullptr, *data_ = nullptr;
  int64_t bytes_ = 0, inside_ = 0, mapped_ = 0;
};

}  // namespace bevel::operators
