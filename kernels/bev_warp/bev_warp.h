/* Warps of bird's-eye-view maps: BEVDet4D's alignment of the previous frame's map (Huang and Huang, arXiv
 * 2203.17054), the rotation of BEVFormer's history (Li et al., ECCV 2022), and sampling at any positions
 * (spatial transformers, Jaderberg et al., NIPS 2015).
 *
 * Each pixel (i, j) of the output (column, row; (0, 0) is the centre of the first) reads the input at a
 * position (x, y), bilinear or nearest, zero outside:
 *
 *   out[c, j, i] = Σ over pixels (m, n) of max(0, 1 − |x − m|) · max(0, 1 − |y − n|) · input[c, n, m]
 *
 * Positions come from one 2×3 matrix a frame, or from a grid with one position a pixel. They are written in
 * one of three coordinates:
 *
 *   BEVEL_WARP_PIXELS               x
 *   BEVEL_WARP_NORMALIZED           x = ((u + 1) · width − 1) / 2       align_corners = False
 *   BEVEL_WARP_NORMALIZED_CORNERS   x = (u + 1) / 2 · (width − 1)       align_corners = True
 *
 * and likewise y with the height; a matrix takes the output's pixels in the same coordinates, of the output's
 * size (of an extent of 1 the only pixel has u = 0, in either of the last two).
 *
 * A position counts iff −1 < x < width and −1 < y < height: one with a NaN or an infinity gives zero. Nearest
 * takes the pixel that x and y round to, halves to the even one. Of a bilinear position the four neighbours
 * on the map are read even where their weight is zero, so a NaN there comes through.
 *
 * dtypes: input and out float32, bfloat16 or float16, independently; matrices, grid, positions, weights and
 * sums float32. On the CPU all may be float64. */
#ifndef BEVEL_BEV_WARP_H_
#define BEVEL_BEV_WARP_H_

#include "bevel/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How positions are written. */
typedef enum bevel_warp_coordinates {
  /** 0 is the centre of the first pixel, 1 that of the second. */
  BEVEL_WARP_PIXELS = 0,
  /** −1 and 1 are the outer edges of the first and last pixel. */
  BEVEL_WARP_NORMALIZED = 1,
  /** −1 and 1 are the centres of the first and last pixel. */
  BEVEL_WARP_NORMALIZED_CORNERS = 2
} bevel_warp_coordinates;

/** What is read between pixels. */
typedef enum bevel_interpolation { BEVEL_BILINEAR = 0, BEVEL_NEAREST = 1 } bevel_interpolation;

/** Arguments of forward: B × T frames of C channels; B may be left out of all shapes. Either matrices or grid
 * is given.
 *
 * Maps are [B, T, C, H, W] with strides of B, T and C as one likes, or [B, T, H, W, C] with strides of B, T
 * and W (the distance of neighbouring pixels, C at least) as one likes. So a map may be a part of a wider
 * one: the frames T of out may be all but the first of the [B, T', C, H, W] that a convolution over [B, T' ·
 * C, H, W] reads. */
typedef struct bevel_bev_warp_forward_params {
  uint64_t struct_size;
  /** A bevel_layout, of both maps. */
  int32_t layout;
  /** A bevel_interpolation. */
  int32_t interpolation;
  /** A bevel_warp_coordinates. */
  int32_t coordinates;
  int32_t reserved;
  /** [B, T, C, H, W] or [B, T, H, W, C] */
  const DLTensor* input;
  /** [B, T, 2, 3] compact; position in the input = matrix · (x, y, 1) of the output's pixel. NULL with grid.
   */
  const DLTensor* matrices;
  /** [B, T, H', W', 2] compact: position (x, y) in the input. NULL with matrices. */
  const DLTensor* grid;
  /** [B, T, C, H', W'] or [B, T, H', W', C]; wholly written. */
  DLTensor* out;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_bev_warp_forward_params;

/** The operator. Each pixel adds its neighbours in the order upper left, upper right, lower left, lower
 * right; deterministic. */
BEVEL_API bevel_status bevel_bev_warp_forward(const bevel_bev_warp_forward_params* params, void* stream);

/** Arguments of backward. Matrices get no gradient: they are poses. */
typedef struct bevel_bev_warp_backward_params {
  uint64_t struct_size;
  /** As in forward. */
  int32_t layout;
  /** As in forward. */
  int32_t interpolation;
  /** As in forward. */
  int32_t coordinates;
  /** A bevel_determinism. BEVEL_FAST lets a float32 grad_input of a grid on CUDA be added up by atomics. */
  int32_t determinism;
  /** As out in forward. */
  const DLTensor* grad_out;
  /** As in forward; NULL unless grad_grid is wanted. */
  const DLTensor* input;
  /** As in forward. */
  const DLTensor* matrices;
  /** As in forward. */
  const DLTensor* grid;
  /** Shaped as input, with strides as free as there; wholly written. NULL if not wanted. */
  DLTensor* grad_input;
  /** As grid; zero for nearest. NULL if not wanted. */
  DLTensor* grad_grid;
  /** uint8, 64-byte aligned. */
  DLTensor* workspace;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_bev_warp_backward_params;

/** Bytes of workspace that backward with these params needs (workspace itself may be NULL). */
BEVEL_API bevel_status bevel_bev_warp_backward_workspace(const bevel_bev_warp_backward_params* params,
                                                         int64_t* bytes);

/** Deterministic unless BEVEL_FAST is asked for: each input pixel adds the output pixels that read it, with
 * the very weights that forward gave them: by matrices, and on the CPU by a grid, in the order of their rows
 * and columns; on CUDA by a grid in that of the four cells around it. (There, of BEVEL_NEAREST, a gradient
 * that is no number also reaches the neighbours right of and below the pixel.) */
BEVEL_API bevel_status bevel_bev_warp_backward(const bevel_bev_warp_backward_params* params, void* stream);

#ifdef __cplusplus
}
#endif
#endif /* BEVEL_BEV_WARP_H_ */
