// Sums of weighted rows of channels. Included by CPU bodies only.
#pragma once

#include <algorithm>

#include "core/cpu_dispatch.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// out[c] = Σ_i weight_of(i) · row_of(i)[c] for i in [0, count), in this order. A chunk of channels is V
/// vectors, in registers, the last of which may be partial.
template <class T, class Row, class Out, class WeightOf, class RowOf>
inline void weighted_sum(int64_t count, int64_t channels, WeightOf weight_of, RowOf row_of, Out* out) {
  constexpr int lanes = kLanes<T>, most = 8;
  for (int64_t c0 = 0; c0 < channels; c0 += most * lanes) {
    const int width = static_cast<int>(std::min<int64_t>(channels - c0, most * lanes));
    with_constant<most>((width + lanes - 1) / lanes, [&](auto vectors) {
      constexpr int V = vectors;
      const int rest = width - (V - 1) * lanes;
      Vector<T> sum[V] = {};
      for (int64_t i = 0; i < count; ++i) {
        const Vector<T> weight = broadcast(weight_of(i));
        const Row* row = row_of(i) + c0;
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) sum[v] += weight * load_as<T>(row + v * lanes, v + 1 < V ? lanes : rest);
      }
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) store_as<T>(out + c0 + v * lanes, sum[v], v + 1 < V ? lanes : rest);
    });
  }
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
