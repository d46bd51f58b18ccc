// Workspace of deform_conv's CPU bodies, and what both passes keep there. Included by CPU bodies only.
#pragma once

#include <cstdint>

#include "core/matrix_transpose.hpp"
#include "core/work_shares.hpp"
#include "core/workspace_parts.hpp"
#include "deform_conv/deform_conv_job.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// Parts of the workspace, and what is left of it for threads.
class HostWorkspace : public WorkspaceParts {
 public:
  using WorkspaceParts::WorkspaceParts;

  /// Threads, each with so many bytes of its own, that what is left of a workspace allows; with a null base
  /// `most`.
  int threads_left(int64_t workspace_bytes, int64_t of_thread, int most) const {
    return only_counts() ? most : threads_in_workspace(workspace_bytes - bytes(), of_thread, most);
  }
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

/// The input as maps [B, H · W, C] in T, so that a pixel is one run of channels.
template <class T>
void channels_last(Crew& crew, const DeformConvJob& job, T* maps) {
  constexpr int64_t kPixels = 64;
  const int64_t pixels = job.map_pixels(), tiles = (pixels + kPixels - 1) / kPixels;
  with_storage<T>(job.input_type, [&](auto storage) {
    using In = decltype(storage);
    deal(crew, job.batch * tiles, [&](int64_t tile) {
      const int64_t batch = tile / tiles, first = tile % tiles * kPixels;
      transpose_matrix<T>(static_cast<const In*>(job.input) + batch * job.channels * pixels + first, pixels,
                          job.channels, std::min(kPixels, pixels - first),
                          maps + (batch * pixels + first) * job.channels, job.channels);
    });
  });
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
