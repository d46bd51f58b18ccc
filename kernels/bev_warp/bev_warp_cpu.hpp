// The CPU bodies of bev_warp, once for each instruction set.
#pragma once

#include "bev_warp/bev_warp_job.hpp"

#define BEVEL_DECLARE_BEV_WARP(isa)                      \
  namespace bevel::isa {                                 \
  void bev_warp_forward(const BevWarpForwardJob& job);   \
  void bev_warp_backward(const BevWarpBackwardJob& job); \
  }

BEVEL_DECLARE_BEV_WARP(portable)
BEVEL_DECLARE_BEV_WARP(avx2)
BEVEL_DECLARE_BEV_WARP(avx512)

namespace bevel {

/// Workspace of backward: for each frame the readers of its input pixels, as compressed rows.
struct ReaderBytes {
  int64_t first = 0;    ///< bytes of where the list of each input pixel begins
  int64_t readers = 0;  ///< bytes of the lists
  int64_t frame = 0;

  explicit ReaderBytes(const BevWarpForwardJob& job) {
    const auto whole = [](int64_t bytes) { return (bytes + 63) / 64 * 64; };
    const int64_t inputs = int64_t{job.in.height} * job.in.width;
    const int64_t outputs = int64_t{job.out.height} * job.out.width;
    first = whole((inputs + 1) * 4);
    readers = whole(outputs * (job.nearest ? 1 : 4) * (job.in.type == ElementType::kFloat64 ? 16 : 12));
    frame = first + readers;
  }
};

}  // namespace bevel
