// The CPU bodies of bev_pool, once for each instruction set.
#pragma once

#include "bev_pool/bev_pool_job.hpp"

#define BEVEL_DECLARE_BEV_POOL(isa)                      \
  namespace bevel::isa {                                 \
  void bev_pool_forward(const BevPoolForwardJob& job);   \
  void bev_pool_backward(const BevPoolBackwardJob& job); \
  }

BEVEL_DECLARE_BEV_POOL(portable)
BEVEL_DECLARE_BEV_POOL(avx2)
BEVEL_DECLARE_BEV_POOL(avx512)

namespace bevel {
/// Workspace of backward: the points of each feature row, as compressed rows.
int64_t bev_pool_backward_workspace_cpu(const BevPoolBackwardJob& job);
}  // namespace bevel
