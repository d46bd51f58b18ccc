// Workspace of deform_conv's CPU bodies, and what both passes keep there. Included by CPU bodies only.
#pragma once

#include <cstdint>

#include "core/matrix_transpose.hpp"
#include "deform_conv/deform_conv_job.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// Hands out parts of a workspace on 64-byte borders. With a null base it only adds up what is needed.
class HostWorkspace {
 public:
  explicit HostWorkspace(char* base) : base_(base) {}

  template <class T>
  T* take(int64_t elements) {
    T* part = base_ ? reinterpret_cast<T*>(base_ + bytes_) : nullptr;
    bytes_ += (elements * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
    return part;
  }
  int64_t bytes() const { return bytes_; }

 private:
  char* base_;
  int64_t bytes_ = 0;
};

/// Calls action(Storage{}) for the storage type of a tensor where T is what is computed in.
template <class T, class Action>
void with_storage(ElementType type, Action&& action) {
  if constexpr (sizeof(T) == 8) {
    action(double{});
  } else if (type == ElementType::kFloat16) {
    action(Float16{});
  } else if (type == ElementType::kBfloat16) {
    action(Bfloat16{});
  } else {
    action(float{});
  }
}

/// The input as maps [B, H · W, C] in T, so that a pixel is one run of channels. To be called by every thread
/// of a parallel region, which meet at the end.
template <class T>
void channels_last(const DeformConvJob& job, T* maps) {
  constexpr int64_t kPixels = 64;
  const int64_t pixels = job.map_pixels(), tiles = (pixels + kPixels - 1) / kPixels;
  with_storage<T>(job.input_type, [&](auto storage) {
    using In = decltype(storage);
#pragma omp for schedule(static)
    for (int64_t tile = 0; tile < job.batch * tiles; ++tile) {
      const int64_t batch = tile / tiles, first = tile % tiles * kPixels;
      transpose_matrix<T>(static_cast<const In*>(job.input) + batch * job.channels * pixels + first, pixels,
                          job.channels, std::min(kPixels, pixels - first),
                          maps + (batch * pixels + first) * job.channels, job.channels);
    }
  });
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
