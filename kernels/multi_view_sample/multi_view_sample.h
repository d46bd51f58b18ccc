/* Feature sampling in several cameras: what DETR3D (Wang et al., CoRL 2021, section 3.2) does with its
 * reference points, and Sparse4D (Lin et al., 2022) with its key points, in one pass. Points are projected
 * into the cameras that see them; there the feature maps of all levels are sampled, and the samples are
 * summed with given weights. Cameras that do not see a point cost nothing.
 *
 * Where a point is seen: lidar_to_image · (x, y, z, 1) = (image x · depth, image y · depth, depth, 1) with
 * image coordinates in pixels, u = image x / max(depth, 1e-5) / image width, v likewise. It is visible iff
 * depth > 1e-5, 0 < u < 1 and 0 < v < 1; so never where a NaN comes in.
 *
 * A sample of level l lies at (u · W − 0.5, v · H − 0.5) in its pixels, (0, 0) the centre of the first, and
 * is the bilinear mean of its four neighbours, those outside the map being zero: grid_sample with zeros
 * padding and align_corners = False. As upstream's nan_to_num has it, a sample that is NaN counts as zero,
 * and ±Inf as ± the largest finite number of the features' dtype. Weights are taken as they are (DETR3D's
 * sigmoid is its module's); those of views that are not visible are not read.
 *
 * dtypes: features, out and their gradients float32, bfloat16 or float16; all else float32: 16-bit
 * coordinates would be off by up to a pixel. Sums are float32. All may be float64. */
#ifndef BEVEL_MULTI_VIEW_SAMPLE_H_
#define BEVEL_MULTI_VIEW_SAMPLE_H_

#include "bevel/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Levels of features at most. */
#define BEVEL_MULTI_VIEW_MAX_LEVELS 8
/** Cameras at most. */
#define BEVEL_MULTI_VIEW_MAX_CAMERAS 32
/** Points of a query at most. */
#define BEVEL_MULTI_VIEW_MAX_POINTS 64

/** What is sampled, and where: B batch elements, N cameras, Q queries of P points, L levels of C channels (B,
 * N, Q, P and C may be 0), G groups of C / G channels. Either points and lidar_to_image are given, or
 * locations. Never grows. */
typedef struct bevel_multi_view {
  /** Level l [B, N, C, H, W] or [B, N, H, W, C] with H, W of its own, pixels; the strides of B and N are
   * free. NULL from L on. */
  const DLTensor* features[BEVEL_MULTI_VIEW_MAX_LEVELS];
  /** L, 1 to BEVEL_MULTI_VIEW_MAX_LEVELS */
  int32_t levels;
  /** A bevel_layout, of features and their gradients. Channels last is the fast one: a sample's neighbours
   * are then four rows of memory. */
  int32_t layout;
  /** [B, N, 4, 4] row-major, from the points' frame (metres) to the image (pixels times depth); the last row
   * is not read. No gradient is computed for it. */
  const DLTensor* lidar_to_image;
  /** [B, Q, P, 3] (x, y, z): metres, or with points_normalised in [0, 1] of point_range. */
  const DLTensor* points;
  /** [B, Q, P, N, 2] (u, v) instead of points: image coordinates in [0, 1], visible iff 0 < u < 1 and 0 < v <
   * 1. */
  const DLTensor* locations;
  /** [B, N, 2] (width, height) of each image in pixels, the strides of B and N free (0 serves); NULL: all
   * have image_width and image_height. (Upstream's DETR3D takes the first batch element's size for all; so
   * does a caller who hands over that one.) Not read with locations. */
  const DLTensor* image_sizes;
  /** Pixels, > 0; not read with image_sizes or locations. The size that lidar_to_image refers to, padding
   * included. */
  double image_width;
  double image_height;
  /** Metres: x, y, z of the lower corner and of the upper one; read with points_normalised only. */
  double point_range[6];
  /** 1: points are in [0, 1] of point_range, 0: in metres. */
  int32_t points_normalised;
  int32_t reserved;
  /** [B, Q, N, P, L], or [B, Q, N, P, L, G]: group g weighs channels [g · C / G, (g + 1) · C / G). The
   * strides of B, Q, N, P are free. */
  const DLTensor* weights;
} bevel_multi_view;

/** Arguments of forward.
 *
 *   out[b, q, c] = Σ_p Σ_{n sees p} Σ_l weights[b, q, n, p, l, g(c)] · sample(features[l][b, n, c], u, v) */
typedef struct bevel_multi_view_sample_forward_params {
  uint64_t struct_size;
  bevel_multi_view views;
  /** [B, Q, C] */
  DLTensor* out;
  /** uint8 [B, N, Q, P], 1 where camera n sees the point, else 0; NULL if not wanted, and where C is 0. */
  DLTensor* visible;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_multi_view_sample_forward_params;

/** Deterministic: samples are added in the order of points, cameras and levels. What is visible, and where,
 * is the same bit for bit on the CPU and on CUDA. */
BEVEL_API bevel_status bevel_multi_view_sample_forward(const bevel_multi_view_sample_forward_params* params,
                                                       void* stream);

/** Arguments of backward; gradients that are NULL are not computed. Views that are not visible have zero
 * gradients. A sample that is not finite has no gradient by location; its features have the gradient of
 * finite ones. */
typedef struct bevel_multi_view_sample_backward_params {
  uint64_t struct_size;
  /** [B, Q, C], dtype of out */
  const DLTensor* grad_out;
  /** As in forward. */
  bevel_multi_view views;
  /** Level l as its features, compact; NULL if not wanted. */
  DLTensor* grad_features[BEVEL_MULTI_VIEW_MAX_LEVELS];
  /** As points (so by normalised ones where points are); NULL if not wanted. */
  DLTensor* grad_points;
  /** As locations; NULL if not wanted. */
  DLTensor* grad_locations;
  /** As weights, compact; NULL if not wanted. */
  DLTensor* grad_weights;
  /** uint8, 64-byte aligned. */
  DLTensor* workspace;
  /** A bevel_determinism, of grad_features; the other gradients are always strict. No order of additions is
   * faster than the strict one here, so BEVEL_FAST does the same. */
  int32_t determinism;
  int32_t reserved;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_multi_view_sample_backward_params;

/** Bytes of workspace that backward with these params needs (workspace itself may be NULL). */
BEVEL_API bevel_status bevel_multi_view_sample_backward_workspace(
    const bevel_multi_view_sample_backward_params* params, int64_t* bytes);

/** With BEVEL_STRICT deterministic: each pixel of grad_features is the sum over queries and points in their
 * order. */
BEVEL_API bevel_status bevel_multi_view_sample_backward(const bevel_multi_view_sample_backward_params* params,
                                                        void* stream);

#ifdef __cplusplus
}
#endif
#endif /* BEVEL_MULTI_VIEW_SAMPLE_H_ */
