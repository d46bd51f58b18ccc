/* Deformable convolution: version 1 (Dai et al., ICCV 2017, equation 2) and the modulated version 2 (Zhu et
 * al., CVPR 2019, equation 1), with the conventions of mmcv's modulated_deform_conv.
 *
 *   out[b, o, i, j] = bias[o] + Σ_{t,c} weight[o, c, t] · mask[b, d·K + t, i, j] · sample(input[b, c], y, x)
 *   y = i · stride_h − padding_h + t_h · dilation_h + offset[b, 2·(d·K + t), i, j]
 *   x = j · stride_w − padding_w + t_w · dilation_w + offset[b, 2·(d·K + t) + 1, i, j]
 *
 * over the K = kh · kw taps t = t_h · kw + t_w and the C / groups input channels c of the group of o;
 * d = c / (C / deform_groups) is the deformable group of the channel. groups and deform_groups are
 * independent of each other.
 *
 * Coordinates and offsets are in pixels of the input map, (0, 0) being the centre of the first. A sample
 * counts iff −1 < x < W and −1 < y < H, and is the bilinear mean of its four neighbours, those outside the
 * map being zero. One that does not count, so also one with a NaN or infinite offset, contributes zero
 * whatever its mask.
 *
 * dtypes: input, weight (with bias) and out float32, bfloat16 or float16, independently of one another;
 * offset and mask float32: 16-bit offsets would be off by up to a pixel. Sums are float32. All may be float64
 * (for gradient checks, on the CPU only). On CUDA products are float32 fused multiply-adds for 16-bit tensors
 * too: tensor cores are not used.
 *
 * Shapes: B batch elements, C input and O output channels (each may be 0, C only without a bias), H × W
 * pixels in and Ho × Wo out, with Ho = ⌊(H + 2 · padding_h − dilation_h · (kh − 1) − 1) / stride_h⌋ + 1 ≥ 1,
 * Wo likewise. Every tensor is compact and row-major. */
#ifndef BEVEL_DEFORM_CONV_H_
#define BEVEL_DEFORM_CONV_H_

#include "bevel/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Height and width of a kernel at most. */
#define BEVEL_DEFORM_CONV_MAX_KERNEL 7

/** How the kernel moves over the input and what of it is shared. Never grows. */
typedef struct bevel_deform_conv_settings {
  /** Vertical, horizontal; pixels of the input, ≥ 1. */
  int32_t stride[2];
  /** Vertical, horizontal; pixels of the input, ≥ 0. H + 2 · padding and W + 2 · padding are at most 2^24: a
   * float32 coordinate is exact up to there. */
  int32_t padding[2];
  /** Vertical, horizontal; pixels of the input, ≥ 1. */
  int32_t dilation[2];
  /** Of the channels: divides C and O. */
  int32_t groups;
  /** Channels that share offsets and mask: divides C. */
  int32_t deform_groups;
} bevel_deform_conv_settings;

/** Arguments of forward. */
typedef struct bevel_deform_conv_forward_params {
  uint64_t struct_size;
  /** [B, C, H, W] */
  const DLTensor* input;
  /** [B, 2 · deform_groups · K, Ho, Wo]: dy and dx of each tap in turn. */
  const DLTensor* offset;
  /** [B, deform_groups · K, Ho, Wo] after the sigmoid; NULL: 1 everywhere, version 1. */
  const DLTensor* mask;
  /** [O, C / groups, kh, kw], kh and kw 1 to BEVEL_DEFORM_CONV_MAX_KERNEL */
  const DLTensor* weight;
  /** [O], dtype of weight; NULL: 0. */
  const DLTensor* bias;
  /** [B, O, Ho, Wo] */
  DLTensor* out;
  /** uint8, 64-byte aligned. */
  DLTensor* workspace;
  bevel_deform_conv_settings settings;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_deform_conv_forward_params;

/** Bytes of workspace that forward with these params needs (workspace itself may be NULL). On the CPU it
 * depends on the number of threads set. */
BEVEL_API bevel_status bevel_deform_conv_forward_workspace(const bevel_deform_conv_forward_params* params,
                                                           int64_t* bytes);

/** Deterministic: products are added in an order that depends on the shapes alone. */
BEVEL_API bevel_status bevel_deform_conv_forward(const bevel_deform_conv_forward_params* params,
                                                 void* stream);

/** Arguments of backward; gradients that are NULL are not computed, and cost nothing of their own. Gradients
 * of offset and mask are zero where the sample does not count. Where a coordinate is a whole number the
 * gradient of its offset is the slope towards the next larger coordinate. */
typedef struct bevel_deform_conv_backward_params {
  uint64_t struct_size;
  /** [B, O, Ho, Wo], dtype of out */
  const DLTensor* grad_out;
  /** As in forward. */
  const DLTensor* input;
  /** As in forward. */
  const DLTensor* offset;
  /** As in forward. */
  const DLTensor* mask;
  /** As in forward. */
  const DLTensor* weight;
  /** As input; NULL if not wanted. */
  DLTensor* grad_input;
  /** As offset; NULL if not wanted. */
  DLTensor* grad_offset;
  /** As mask, which must be given then; NULL if not wanted. */
  DLTensor* grad_mask;
  /** As weight; NULL if not wanted. */
  DLTensor* grad_weight;
  /** [O], dtype of weight; NULL if not wanted. */
  DLTensor* grad_bias;
  /** uint8, 64-byte aligned. */
  DLTensor* workspace;
  bevel_deform_conv_settings settings;
  /** A bevel_determinism, of grad_input; the other gradients are always strict. */
  int32_t determinism;
  int32_t reserved;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_deform_conv_backward_params;

/** Bytes of workspace that backward with these params needs (workspace itself may be NULL). On the CPU it
 * depends on the number of threads set. */
BEVEL_API bevel_status bevel_deform_conv_backward_workspace(const bevel_deform_conv_backward_params* params,
                                                            int64_t* bytes);

/** With BEVEL_STRICT deterministic. */
BEVEL_API bevel_status bevel_deform_conv_backward(const bevel_deform_conv_backward_params* params,
                                                  void* stream);

#ifdef __cplusplus
}
#endif
#endif /* BEVEL_DEFORM_CONV_H_ */
