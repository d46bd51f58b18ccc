/* Multi-scale deformable attention (Zhu et al., Deformable DETR, ICLR 2021, equation 3), and what BEVFormer
 * (Li et al., ECCV 2022) makes of it: spatial cross-attention over cameras and temporal self-attention over
 * queues of BEV maps, in one call.
 *
 * Value maps are given flat: a value map of L levels has S = Σ height·width rows of heads · head_dim numbers,
 * level by level, row-major. A sample of level l at (x, y), in pixels with (0, 0) the centre of the first,
 * counts iff −1 < x < width and −1 < y < height, and is the bilinear mean of its four neighbours, those
 * outside the map being zero. So a sample with a NaN coordinate gives zero. This is grid_sample with zeros
 * padding and align_corners = False.
 *
 * dtypes: value, out and their gradients float32, bfloat16 or float16; all else float32: 16-bit coordinates
 * would be off by up to a pixel. Sums are float32. On the CPU all may be float64.
 *
 * On CUDA every extent is below 2^31. A strict gradient of the value takes a workspace of some 50 bytes for
 * each sample of the maps and heads that are worked on at a time, 400 MB or that of one map and head; a fast
 * one four bytes for each number of a 16-bit value, and none for float32. */
#ifndef BEVEL_DEFORM_ATTN_H_
#define BEVEL_DEFORM_ATTN_H_

#include "bevel/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Levels of a value map at most. */
#define BEVEL_DEFORM_ATTN_MAX_LEVELS 8
/** Levels × points at most. */
#define BEVEL_DEFORM_ATTN_MAX_SAMPLES 256

/** The levels of a value map, in host memory wherever the tensors are. Never grows. */
typedef struct bevel_value_levels {
  /** 1 to BEVEL_DEFORM_ATTN_MAX_LEVELS */
  int32_t levels;
  int32_t reserved;
  /** Pixels, ≥ 1. */
  int32_t height[BEVEL_DEFORM_ATTN_MAX_LEVELS];
  /** Pixels, ≥ 1. */
  int32_t width[BEVEL_DEFORM_ATTN_MAX_LEVELS];
  /** First row of each level in the value map. */
  int64_t start[BEVEL_DEFORM_ATTN_MAX_LEVELS];
} bevel_value_levels;

/** Arguments of forward, the signature of the field (mmcv's ms_deform_attn without its im2col step): B batch
 * elements, Q queries, M heads of D channels, L levels, P points.
 *
 *   out[b, q, m] = Σ_{l,p} weights[b, q, m, l, p] · sample(value[b, :, m], l, locations[b, q, m, l, p])
 *
 * A location (u, v) in [0, 1] is the pixel (u · width − 0.5, v · height − 0.5) of its level. */
typedef struct bevel_msda_forward_params {
  uint64_t struct_size;
  /** [B, S, M, D] */
  const DLTensor* value;
  bevel_value_levels levels;
  /** [B, Q, M, L, P, 2] (u, v) */
  const DLTensor* locations;
  /** [B, Q, M, L, P] after the softmax */
  const DLTensor* weights;
  /** [B, Q, M·D] */
  DLTensor* out;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_msda_forward_params;

/** Deterministic: samples are added in a fixed order, on the CPU that of levels and points. */
BEVEL_API bevel_status bevel_msda_forward(const bevel_msda_forward_params* params, void* stream);

/** Arguments of backward; gradients that are NULL are not computed. A sample that does not count has zero
 * gradients. */
typedef struct bevel_msda_backward_params {
  uint64_t struct_size;
  /** [B, Q, M·D], dtype of out */
  const DLTensor* grad_out;
  /** As in forward. */
  const DLTensor* value;
  bevel_value_levels levels;
  /** As in forward. */
  const DLTensor* locations;
  /** As in forward. */
  const DLTensor* weights;
  /** As value; NULL if not wanted. */
  DLTensor* grad_value;
  /** As locations; NULL if not wanted. */
  DLTensor* grad_locations;
  /** As weights; NULL if not wanted. */
  DLTensor* grad_weights;
  /** uint8, 64-byte aligned. */
  DLTensor* workspace;
  /** A bevel_determinism, of grad_value; the other gradients are always strict. */
  int32_t determinism;
  int32_t reserved;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_msda_backward_params;

/** Bytes of workspace that backward with these params needs (workspace itself may be NULL). */
BEVEL_API bevel_status bevel_msda_backward_workspace(const bevel_msda_backward_params* params,
                                                     int64_t* bytes);

/** With BEVEL_STRICT deterministic: the order of each sum depends on the arguments alone, not on threads. */
BEVEL_API bevel_status bevel_msda_backward(const bevel_msda_backward_params* params, void* stream);

/** What a sample's reference is. */
typedef enum bevel_reference_kind {
  /** Reference l is that of level l; there are L of them: Deformable DETR, temporal self-attention. */
  BEVEL_REFERENCE_OF_LEVEL = 0,
  /** Point p takes reference p mod R: the anchors along a pillar in spatial cross-attention. */
  BEVEL_REFERENCE_OF_POINT = 1
} bevel_reference_kind;

/** What becomes of several value maps. */
typedef enum bevel_map_combination {
  /** out is the mean over the maps that the query sees, zero where it sees none. */
  BEVEL_MAPS_MEAN = 0,
  /** Each map has an output of its own, zero where the query does not see it. */
  BEVEL_MAPS_SEPARATE = 1
} bevel_map_combination;

/** Arguments of the fused forward: N value maps a batch element (cameras, or the queues of temporal
 * self-attention, or a student's and a teacher's), R references.
 *
 *   a[b, n, q, m] = softmax over levels and points of logits[b, n, q, m]
 *   out[b, n, q, m] = Σ_{l,p} a[l, p] · sample(value[b, n, :, m], l, x[l, p], y[l, p])
 *
 * With references (u, v) in [0, 1], x = u · width − 0.5 + offset_x: offsets are in pixels of their level.
 * With boxes (u, v, w, h), x = (u + offset_x · w / (2 P)) · width − 0.5. y likewise. Offsets and logits that
 * are the same for all maps are given once, with N = 1: spatial cross-attention makes them once a query.
 *
 * Strides: those of B and N of value and reference, and of all but (L, P, 2) of offsets and (L, P) of logits,
 * are free, so that a view of a wider tensor (TSA's [B, Q, M, N, L, P, 2]) serves. */
typedef struct bevel_deform_attn_forward_params {
  uint64_t struct_size;
  /** [B, N, S, M, D] */
  const DLTensor* value;
  bevel_value_levels levels;
  /** A bevel_reference_kind. */
  int32_t reference_kind;
  /** A bevel_map_combination. */
  int32_t combination;
  /** [B, N, Q, R, 2 or 4] */
  const DLTensor* reference;
  /** [B, N or 1, Q, M, L, P, 2] (x, y) */
  const DLTensor* offsets;
  /** [B, N or 1, Q, M, L, P] */
  const DLTensor* logits;
  /** uint8 [B, N, Q], not 0 where the query sees the map; NULL: all. */
  const DLTensor* visible;
  /** [B, Q, M·D], or with BEVEL_MAPS_SEPARATE [B, N, Q, M·D] */
  DLTensor* out;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_deform_attn_forward_params;

/** Deterministic: samples are added in a fixed order, on the CPU that of maps, levels and points. */
BEVEL_API bevel_status bevel_deform_attn_forward(const bevel_deform_attn_forward_params* params,
                                                 void* stream);

/** Arguments of the fused backward; gradients that are NULL are not computed. Where maps share offsets and
 * logits their gradients are the sums over the maps. */
typedef struct bevel_deform_attn_backward_params {
  uint64_t struct_size;
  /** As out in forward. */
  const DLTensor* grad_out;
  /** As in forward. */
  const DLTensor* value;
  bevel_value_levels levels;
  /** As in forward. */
  int32_t reference_kind;
  /** As in forward. */
  int32_t combination;
  /** As in forward. */
  const DLTensor* reference;
  /** As in forward. */
  const DLTensor* offsets;
  /** As in forward. */
  const DLTensor* logits;
  /** As in forward. */
  const DLTensor* visible;
  /** As value, compact; NULL if not wanted. */
  DLTensor* grad_value;
  /** As reference, compact; NULL if not wanted. */
  DLTensor* grad_reference;
  /** As offsets; strides as free as there, no two elements in one place; NULL if not wanted. */
  DLTensor* grad_offsets;
  /** As logits, likewise; NULL if not wanted. */
  DLTensor* grad_logits;
  /** uint8, 64-byte aligned. */
  DLTensor* workspace;
  /** A bevel_determinism, of grad_value; the other gradients are always strict. */
  int32_t determinism;
  int32_t reserved;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_deform_attn_backward_params;

/** Bytes of workspace that backward with these params needs (workspace itself may be NULL). */
BEVEL_API bevel_status bevel_deform_attn_backward_workspace(const bevel_deform_attn_backward_params* params,
                                                            int64_t* bytes);

/** With BEVEL_STRICT deterministic: the order of each sum depends on the arguments alone, not on threads. */
BEVEL_API bevel_status bevel_deform_attn_backward(const bevel_deform_attn_backward_params* params,
                                                  void* stream);

#ifdef __cplusplus
}
#endif
#endif /* BEVEL_DEFORM_ATTN_H_ */
