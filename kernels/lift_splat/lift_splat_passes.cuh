// Passes over whole maps that some calls need before or after the main kernels: depths where they do not fit
// in shared memory or are pooled by intervals, copies in another layout, zeros. Enqueued by
// lift_splat_passes.cu.
#pragma once

#include "lift_splat/lift_splat_tile.cuh"

namespace bevel {

/// Which plans a pass is for; with another it returns at once.
enum class For : int32_t { kEvery, kIntervals, kAllButColumns };

__device__ inline bool is_for(For which, const PlanView& plan) {
  if (which == For::kEvery) return true;
  const int32_t method = plan.method();
  return which == For::kIntervals ? method == BEVEL_LIFT_SPLAT_INTERVALS : method != BEVEL_LIFT_SPLAT_COLUMNS;
}

/// Softmax (if the depths are logits) and prior: `weights` [B, N, D, H, W] compact; probabilities too where
/// the call wants them.
void enqueue_weights(const TileSources& sources, const PlanView& plan, int64_t images, For which,
                     DeviceSpan<float> weights, cudaStream_t stream);

/// A map [planes][C][S] or [planes][S][C] as [planes][S][stride], same element type. `strides`: of planes, as
/// outer (plane / inner_planes) and inner (plane % inner_planes).
struct Transposition {
  ConstMap from;
  Map to;
  int64_t planes, inner_planes, channels, pixels;
  int64_t outer_stride, inner_stride;
  int64_t to_stride;
  bool from_channels_last;
};
void enqueue_channels_last(const Transposition& copy, const PlanView& plan, For which, cudaStream_t stream);

/// Zeros over `bytes` (a multiple of 4, 4-byte aligned).
void enqueue_zeros(void* data, int64_t bytes, const PlanView& plan, For which, cudaStream_t stream);

/// Softmax backward in place over [B, N, D, H, W] with strides: grad ← (1 − f) · grad, then for logits p ·
/// (grad − Σ p · grad).
struct SoftmaxGradient {
  DeviceSpan<const float> probabilities, prior_weight;  ///< compact; prior_weight may be null
  DeviceSpan<float> grad;
  int64_t images, cameras, depth_bins, pixels;
  int64_t strides[2];
  bool logits;
};
void enqueue_softmax_gradient(const SoftmaxGradient& gradient, const PlanView& plan, For which,
                              cudaStream_t stream);

/// Sources of a call for tiles and passes.
TileSources tile_sources(const LiftSplatShape& s, const void* depth, const void* context, const void* prior,
                         const void* prior_weight, void* probabilities);

/// What a kernel on tiles keeps in shared memory besides the features and weights.
struct TileNeeds {
  int depth_tiles;    ///< tiles of D·H·columns floats
  int feature_tiles;  ///< tiles as large as the features
  bool row_channels;  ///< the channels of a chunk's rows
};

/// Whether a tile's depths are kept in shared memory. It must not depend on the device: the workspace does
/// depend on it.
inline bool depths_fit(const LiftSplatShape& s, const TileNeeds& needs) {
  constexpr int64_t kMostFloats = 16 << 10;
  return needs.depth_tiles * s.depth_bins * s.height <= kMostFloats;
}

/// Cuts the work for the device that is current.
TileShape choose_tile(const LiftSplatShape& s, const TileSources& sources, const TileNeeds& needs);

}  // namespace bevel
