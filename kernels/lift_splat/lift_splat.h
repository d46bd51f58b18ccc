/* Lift-splat (Philion and Fidler, "Lift, Splat, Shoot", ECCV 2020), exact, without a frustum of features.
 *
 *   out[cell, c] = Σ over frustum points (n, d, h, w) that fall in cell of  p[n, d, h, w] · f[n, c, h, w]
 *
 * with p the depth distribution (the softmax of logits over D, or given probabilities, optionally mixed with
 * a prior) and f the context. Sizes: B batch elements, N cameras each, D depth bins, H×W feature pixels, C
 * channels, and a grid of Z×Y×X cells. The geometry enters as a plan: an int32 buffer, built once per
 * calibration (or per step, when the augmentation changes), the same bits on the CPU and on CUDA.
 *
 * Frames: camera x right, y down, z forward, metres; the BEV frame is whatever camera_to_bev maps to (LiDAR
 * or ego). */
#ifndef BEVEL_LIFT_SPLAT_H_
#define BEVEL_LIFT_SPLAT_H_

#include "bevel.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How a plan pools. */
typedef enum bevel_lift_splat_method {
  BEVEL_LIFT_SPLAT_AUTO = 0,      /**< column runs, unless a run holds fewer than 3 points on average */
  BEVEL_LIFT_SPLAT_COLUMNS = 1,   /**< runs of one image column (kernels of this folder) */
  BEVEL_LIFT_SPLAT_INTERVALS = 2, /**< points sorted by cell (kernels of bev_pool): z-resolved grids */
} bevel_lift_splat_method;

/** The lift: which ray and depth each point of the frustum has, and the grid it is splatted to.
 *
 * Point (n, d, h, w): pixel u = w·(image_width − 1)/(W − 1), v = h·(image_height − 1)/(H − 1) of the
 * augmented image (0 where W or H is 1), depth z = depth_start + d·depth_step. The image augmentation is
 * undone, the ray K⁻¹·(u', v', 1)·z taken to the BEV frame by camera_to_bev and then by bev_augmentation.
 * Everything is computed in double with fixed rounding.
 *
 * Either the matrices are given or `cells`. Matrices: all float32 or all float64, row-major, compact, on the
 * plan's device. With `cells` the image size and the depths are not read. */
typedef struct bevel_lift_splat_geometry {
  uint64_t struct_size;
  int64_t batch;       /**< B ≥ 0 */
  int64_t cameras;     /**< N ≥ 0 */
  int64_t depth_bins;  /**< 1 ≤ D ≤ 65535 */
  int64_t height;      /**< 1 ≤ H ≤ 255 feature rows */
  int64_t width;       /**< W ≥ 1 feature columns */
  double image_height; /**< pixels of the augmented image, e.g. 256 */
  double image_width;  /**< e.g. 704 */
  double depth_start;  /**< metres, lower edge of the first bin */
  double depth_step;   /**< metres */
  bevel_grid grid;
  const DLTensor* intrinsics;         /**< [B, N, 3, 3], pixels of the raw image */
  const DLTensor* camera_to_bev;      /**< [B, N, 4, 4], metres */
  const DLTensor* image_augmentation; /**< [B, N, 4, 4] raw → augmented pixels; rows 2, 3 and columns 2 that
                                         of the identity. NULL: identity */
  const DLTensor* bev_augmentation;   /**< [B, 4, 4], applied after camera_to_bev. NULL: identity */
  const DLTensor* cells; /**< int32 [B, N, D, H, W] in place of matrices: cell index z·Y·X + row·columns +
                            column within the batch element, or negative for dropped */
} bevel_lift_splat_geometry;

/** Counts of a built plan. */
typedef struct bevel_lift_splat_plan_info {
  uint64_t struct_size;
  int32_t method;       /**< the method chosen, COLUMNS or INTERVALS */
  int32_t overflow;     /**< 1 if the plan did not fit in its capacity and must not be used */
  int64_t points;       /**< kept frustum points */
  int64_t runs;         /**< contiguous runs of one (camera, column, depth bin) in one cell */
  int64_t rows;         /**< (camera, column, cell) groups after the second merge; INTERVALS: 0 */
  int64_t shared_rows;  /**< rows whose cell has other rows too */
  int64_t shared_cells; /**< cells with two rows or more */
  int64_t filled_cells; /**< cells with a point */
} bevel_lift_splat_plan_info;

typedef struct bevel_lift_splat_plan_params {
  uint64_t struct_size;
  bevel_lift_splat_geometry geometry;
  int32_t method;      /**< a bevel_lift_splat_method */
  int32_t reserved;    /**< 0 */
  int64_t max_points;  /**< capacity in kept points; 0: every point, which never overflows */
  DLTensor* plan;      /**< int32 [≥ plan_elements], output; its device decides where the plan is built */
  DLTensor* workspace; /**< uint8 [≥ workspace_bytes], same device, 64-byte aligned */
} bevel_lift_splat_plan_params;

/** Sizes of the plan and of the workspace for building it. plan and workspace of the params may be NULL here,
 * but for the device: `device_type` and not the tensors decides. */
BEVEL_API bevel_status bevel_lift_splat_plan_size(const bevel_lift_splat_plan_params* params,
                                                  int32_t device_type, int64_t* plan_elements,
                                                  int64_t* workspace_bytes);

/** Builds a plan. On CUDA it is enqueued; plan_info tells later whether it fitted. */
BEVEL_API bevel_status bevel_lift_splat_plan_build(const bevel_lift_splat_plan_params* params, void* stream);

/** Reads a plan's counts. For a plan on CUDA this waits for the stream (the one call here that does). */
BEVEL_API bevel_status bevel_lift_splat_plan_read_info(const DLTensor* plan, bevel_lift_splat_plan_info* info,
                                                       void* stream);

/** Coordinates of all frustum points in the BEV frame, metres: points is float32 or float64 [B, N, D, H, W,
 * 3]. The geometry must have matrices. CPU only. */
BEVEL_API bevel_status bevel_lift_splat_points(const bevel_lift_splat_geometry* geometry, DLTensor* points);

/** Cell index of every frustum point, int32 [B, N, D, H, W], −1 for dropped, as `cells` above wants it. CPU
 * only. */
BEVEL_API bevel_status bevel_lift_splat_cells(const bevel_lift_splat_geometry* geometry, DLTensor* cells);

/** What a depth tensor holds. */
typedef enum bevel_depth_kind {
  BEVEL_DEPTH_LOGITS = 0,       /**< the softmax over D is part of the operator */
  BEVEL_DEPTH_PROBABILITIES = 1 /**< used as they are; need not sum to one */
} bevel_depth_kind;

/** Arguments of forward.
 *
 * dtypes: depth, prior, prior_weight and probabilities float32; context and out float32, bfloat16 or float16,
 * independently; accumulation float32. On the CPU all of them may be float64 instead (gradient checks). Depth
 * and context may have any stride over B and N; within an image they are compact. */
typedef struct bevel_lift_splat_forward_params {
  uint64_t struct_size;
  const DLTensor* plan;         /**< int32, as built, on the device of the rest */
  const DLTensor* depth;        /**< [B, N, D, H, W] */
  const DLTensor* context;      /**< [B, N, C, H, W], or [B, N, H, W, C] with context_layout CHANNELS_LAST */
  const DLTensor* prior;        /**< [B, N, D, H, W] G of f·G + (1 − f)·P (VCD's expert), or NULL */
  const DLTensor* prior_weight; /**< [B, N, H, W] f, 0 ≤ f ≤ 1; given iff prior is */
  DLTensor* out; /**< [B, Z, C, Y, X] (so [B, Z·C, Y, X]), or [B, Z, Y, X, C] with out_layout CHANNELS_LAST;
                    ROW_X swaps Y and X. Wholly written */
  DLTensor* probabilities; /**< [B, N, D, H, W] softmax of the logits, before the prior; NULL if not wanted.
                              Not with PROBABILITIES */
  DLTensor* workspace;     /**< uint8, 64-byte aligned */
  int32_t depth_kind;      /**< a bevel_depth_kind */
  int32_t context_layout;  /**< a bevel_layout */
  int32_t out_layout;      /**< a bevel_layout */
  int32_t reserved;        /**< 0 */
  int64_t max_points;      /**< as given when the plan was built */
  const bevel_lift_splat_plan_info*
      plan_info; /**< counts of the plan; NULL: on the CPU they are read from the plan, on CUDA the workspace
                    is sized for the worst case */
} bevel_lift_splat_forward_params;

/** Bytes of workspace that forward with these params needs (workspace itself may be NULL). */
BEVEL_API bevel_status bevel_lift_splat_forward_workspace(const bevel_lift_splat_forward_params* params,
                                                          int64_t* bytes);

/** The operator. Deterministic: same bits for any number of threads, any thread order. NaN or Inf in depth or
 * context reaches exactly the cells that a point with that value falls in; values of dropped points reach
 * nothing. */
BEVEL_API bevel_status bevel_lift_splat_forward(const bevel_lift_splat_forward_params* params, void* stream);

/** Arguments of backward; dtypes and layouts as in forward. grad_out has the dtype and layout of out,
 * grad_context those of context, grad_depth those of depth. */
typedef struct bevel_lift_splat_backward_params {
  uint64_t struct_size;
  const DLTensor* plan;
  const DLTensor* grad_out; /**< as out */
  const DLTensor*
      probabilities; /**< [B, N, D, H, W]: the softmax that forward returned, or the given probabilities */
  const DLTensor* context;
  const DLTensor* prior;
  const DLTensor* prior_weight;
  DLTensor* grad_depth;   /**< [B, N, D, H, W] with respect to logits or probabilities by depth_kind; NULL if
                             not wanted */
  DLTensor* grad_context; /**< as context; NULL if not wanted */
  DLTensor* workspace;
  int32_t depth_kind;
  int32_t context_layout;
  int32_t out_layout; /**< of grad_out */
  int32_t reserved;
  int64_t max_points;
  const bevel_lift_splat_plan_info* plan_info;
} bevel_lift_splat_backward_params;

BEVEL_API bevel_status bevel_lift_splat_backward_workspace(const bevel_lift_splat_backward_params* params,
                                                           int64_t* bytes);

/** Gradients, owner-computed: no atomics, deterministic like forward. Dropped points get zero. prior and
 * prior_weight get none. */
BEVEL_API bevel_status bevel_lift_splat_backward(const bevel_lift_splat_backward_params* params,
                                                 void* stream);

#ifdef __cplusplus
}
#endif
#endif /* BEVEL_LIFT_SPLAT_H_ */
