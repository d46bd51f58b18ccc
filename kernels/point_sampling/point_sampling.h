/* Where the pillars of a BEV grid lie in the images of a rig: the reference points and camera masks of
 * BEVFormer's spatial cross-attention (Li et al., ECCV 2022, section 3.3; point_sampling of the project's
 * encoder). What it gives is the reference and the visible of bevel_deform_attn_forward with
 * BEVEL_REFERENCE_OF_POINT.
 *
 * There is no backward: calibration and grid are data, and upstream computes the points without gradient. */
#ifndef BEVEL_POINT_SAMPLING_H_
#define BEVEL_POINT_SAMPLING_H_

#include "bevel/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Points of a pillar at most. */
#define BEVEL_POINT_SAMPLING_MAX_ANCHORS 256

/** A BEV grid of pillars, one a query: query row · columns + column stands at the centre of its cell,
 *
 *   x = x_min + (column + 0.5) / columns · (x_max − x_min)
 *   y = y_min + (row + 0.5) / rows · (y_max − y_min)
 *   z = z_min + 0.5 + k · (z_max − z_min − 1) / (anchors − 1)    for anchor k; 0.5 above z_min if there is
 * one
 *
 * so the lowest and highest anchor are half a metre from the range's ends, whatever their number. Never
 * grows. */
typedef struct bevel_pillar_grid {
  /** Along y, ≥ 1. */
  int32_t rows;
  /** Along x, ≥ 1. */
  int32_t columns;
  /** Z, 1 to BEVEL_POINT_SAMPLING_MAX_ANCHORS. */
  int32_t anchors;
  int32_t reserved;
  /** x_min, y_min, z_min, x_max, y_max, z_max: metres, finite, each maximum above its minimum. */
  double range[6];
} bevel_pillar_grid;

/** Arguments: B batch elements, N cameras, Q queries of Z points each. Point p = (x, y, z, 1) is, in camera
 * n,
 *
 *   (a, b, depth, ·) = lidar_to_image[b, n] · p
 *   u = a / (max(depth, 1e-5) · image_width),  v = b / (max(depth, 1e-5) · image_height)
 *
 * and the camera sees it iff depth > 1e-5, 0 < u < 1 and 0 < v < 1, all strictly, with u and v as they are
 * written; so a point with a coordinate that is no number is not seen. Worked out in double and rounded once;
 * the CPU and CUDA bodies give the same bits. */
typedef struct bevel_point_sampling_params {
  uint64_t struct_size;
  /** float32 or float64 [B, N, 4, 4]: from metres in the frame of the points to pixels of the image times
   * depth (intrinsics times extrinsics). */
  const DLTensor* lidar_to_image;
  /** float32 or float64 [B or 1, Q, Z, 3] (x, y, z), metres; 1: the same for every batch element. NULL: those
   * of grid. */
  const DLTensor* points;
  /** All 0 where points are given. */
  bevel_pillar_grid grid;
  /** Pixels of the image that lidar_to_image leads to, ≥ 1: the padded image, in BEVFormer's networks. */
  int32_t image_height;
  int32_t image_width;
  /** 1: visible is that of batch element 0 for all of them. Upstream gathers so (its rebatch takes the mask
   * of element 0), which matters where a batch mixes calibrations; mask stays each element's own. 0 or 1. */
  int32_t visible_of_first_element;
  int32_t reserved;
  /** float32 [B, N, Q, Z, 2] (u, v), aligned to such a pair; or float64, on the CPU, where everything else of
   * an attention is. */
  DLTensor* reference;
  /** uint8 [B, N, Q, Z], 1 where the camera sees the point; NULL if not wanted. */
  DLTensor* mask;
  /** uint8 [B, N, Q], 1 where the camera sees a point of the pillar. */
  DLTensor* visible;
  /** float32 or float64 as reference, [B, Q]: cameras whose visible is 1, over the number of cameras that see
   * the pillar by the element's own mask, at least 1. Upstream divides by the latter, so with
   * visible_of_first_element its attention is this times the mean over visible. NULL if not wanted. */
  DLTensor* mean_factor;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_point_sampling_params;

/** Deterministic; needs no workspace. */
BEVEL_API bevel_status bevel_point_sampling(const bevel_point_sampling_params* params, void* stream);

#ifdef __cplusplus
}
#endif
#endif /* BEVEL_POINT_SAMPLING_H_ */
