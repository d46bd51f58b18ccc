/* Lift-splat (Philion and Fidler, "Lift, Splat, Shoot", ECCV 2020), exact, without a frustum of features.
 *
 *   out[cell, c] = Σ over frustum points (n, d, h, w) that fall in cell of  p[n, d, h, w] · f[n, c, h, w]
 *
 * with p the depth distribution (the softmax of logits over D, or given probabilities, optionally mixed with
 * a prior) and f the context.
 *
 * Sizes: B batch elements, N cameras each, D depth bins, H×W feature pixels, C channels, and a grid of Z×Y×X
 * cells. The geometry enters as a plan: an int32 buffer, built once per calibration (or per step, when the
 * augmentation changes), the same bits on the CPU and on CUDA.
 *
 * A plan carries a checksum. Calls on the CPU compare it, so a plan that was changed since it was built is an
 * error; one that another thread changes during a call is not noticed. Calls on CUDA do not compare it (the
 * host would have to wait): there only the header's counts are looked at, and a plan of another call pools
 * nothing, but indices that were changed are believed. Whoever gives others access to a plan on CUDA answers
 * for them.
 *
 * Frames: camera x right, y down, z forward, metres; the BEV frame is whatever camera_to_bev maps to (LiDAR
 * or ego). */
#ifndef BEVEL_LIFT_SPLAT_H_
#define BEVEL_LIFT_SPLAT_H_

#include "bevel/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How a plan pools. */
typedef enum bevel_lift_splat_method {
  /** Column runs, unless a run holds fewer than 3 points on average. */
  BEVEL_LIFT_SPLAT_AUTO = 0,
  /** Runs of one image column (the kernels of this folder). */
  BEVEL_LIFT_SPLAT_COLUMNS = 1,
  /** Points sorted by cell (the kernels of bev_pool): for z-resolved grids. */
  BEVEL_LIFT_SPLAT_INTERVALS = 2
} bevel_lift_splat_method;

/** The lift: which ray and depth each point of the frustum has, and the grid it is splatted to.
 *
 * Point (n, d, h, w) lies at pixel u = w·(image_width − 1)/(W − 1), v = h·(image_height − 1)/(H − 1) of the
 * augmented image (0 where W or H is 1) and at depth z = depth_start + d·depth_step. The image augmentation
 * is undone, the ray K⁻¹·(u', v', 1)·z taken to the BEV frame by camera_to_bev and then by bev_augmentation.
 * Everything is computed in double with fixed rounding. A point whose coordinates are not finite is dropped.
 *
 * Either the matrices are given or `cells`. The matrices are all float32 or all float64, row-major, compact
 * and on the plan's device; the last rows of the 4×4 ones are taken to be (0, 0, 0, 1). With `cells` the
 * image size and the depths are not read. */
typedef struct bevel_lift_splat_geometry {
  uint64_t struct_size;
  /** B ≥ 0 */
  int64_t batch;
  /** N ≥ 0 */
  int64_t cameras;
  /** 1 ≤ D ≤ 65535 */
  int64_t depth_bins;
  /** 1 ≤ H ≤ 255 feature rows. */
  int64_t height;
  /** W ≥ 1 feature columns. */
  int64_t width;
  /** Pixels of the augmented image, e.g. 256. */
  double image_height;
  /** Pixels of the augmented image, e.g. 704. */
  double image_width;
  /** Lower edge of the first bin, metres. */
  double depth_start;
  /** Metres. */
  double depth_step;
  bevel_grid grid;
  /** [B, N, 3, 3] K, pixels of the raw image. */
  const DLTensor* intrinsics;
  /** [B, N, 4, 4] metres. */
  const DLTensor* camera_to_bev;
  /** [B, N, 4, 4] raw → augmented pixels; NULL: identity. It must leave depth alone: its rows 2 and 3 and its
   * column 2 are those of the identity (checked on the CPU, taken for granted on CUDA). */
  const DLTensor* image_augmentation;
  /** [B, 4, 4] applied after camera_to_bev; NULL: identity. */
  const DLTensor* bev_augmentation;
  /** int32 [B, N, D, H, W] in place of matrices: cell index z·Y·X + row·columns + column within the batch
   * element. Points with an index outside the grid, negative for instance, are dropped. */
  const DLTensor* cells;
} bevel_lift_splat_geometry;

/** Counts of a built plan. */
typedef struct bevel_lift_splat_plan_info {
  uint64_t struct_size;
  /** The method chosen, COLUMNS or INTERVALS. */
  int32_t method;
  /** 1 if the plan did not fit in its capacity and must not be used. */
  int32_t overflow;
  /** Kept frustum points. */
  int64_t points;
  /** Contiguous runs of one (camera, column, depth bin) in one cell. */
  int64_t runs;
  /** (camera, column, cell) groups after the second merge; INTERVALS: 0. */
  int64_t rows;
  /** Rows whose cell has other rows too. */
  int64_t shared_rows;
  /** Cells with two rows or more. */
  int64_t shared_cells;
  /** Cells with a point. */
  int64_t filled_cells;
} bevel_lift_splat_plan_info;

typedef struct bevel_lift_splat_plan_params {
  uint64_t struct_size;
  bevel_lift_splat_geometry geometry;
  /** A bevel_lift_splat_method. */
  int32_t method;
  int32_t reserved;
  /** Capacity in kept points; 0: every point, which never overflows. */
  int64_t max_points;
  /** int32 [≥ plan_elements], output; its device decides where the plan is built. */
  DLTensor* plan;
  /** uint8 [≥ workspace_bytes], same device, 64-byte aligned. */
  DLTensor* workspace;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_lift_splat_plan_params;

/** Sizes of the plan and of the workspace for building it. The params' plan and workspace are not read and
 * may be NULL: device_type, a DLDeviceType, says where the plan will be built. */
BEVEL_API bevel_status bevel_lift_splat_plan_size(const bevel_lift_splat_plan_params* params,
                                                  int32_t device_type, int64_t* plan_elements,
                                                  int64_t* workspace_bytes);

/** Builds a plan. On CUDA it is enqueued. A plan that does not fit in max_points is no failure here: its info
 * tells, and forward and backward refuse it; on CUDA without plan_info they write zeros. */
BEVEL_API bevel_status bevel_lift_splat_plan_build(const bevel_lift_splat_plan_params* params, void* stream);

/** Reads a plan's counts. For a plan on CUDA this waits for the stream (the one call here that does), and so
 * is refused while the stream is captured. */
BEVEL_API bevel_status bevel_lift_splat_plan_read_info(const DLTensor* plan, bevel_lift_splat_plan_info* info,
                                                       void* stream);

/** Coordinates of all frustum points in the BEV frame, metres: points is float32 or float64
 * [B, N, D, H, W, 3]. The geometry must have matrices. CPU only. */
BEVEL_API bevel_status bevel_lift_splat_points(const bevel_lift_splat_geometry* geometry, DLTensor* points);

/** Cell index of every frustum point, int32 [B, N, D, H, W], −1 for dropped, as `cells` above wants it. CPU
 * only. */
BEVEL_API bevel_status bevel_lift_splat_cells(const bevel_lift_splat_geometry* geometry, DLTensor* cells);

/** What a depth tensor holds. */
typedef enum bevel_depth_kind {
  /** The softmax over D is part of the operator. */
  BEVEL_DEPTH_LOGITS = 0,
  /** Used as they are; need not sum to one. */
  BEVEL_DEPTH_PROBABILITIES = 1
} bevel_depth_kind;

/** Arguments of forward.
 *
 * dtypes: depth, prior, prior_weight and probabilities float32; context and out float32, bfloat16 or float16,
 * independently; accumulation float32. On the CPU all of them may be float64 instead (gradient checks). Depth
 * and context may have any stride over B and N; within an image they are compact. */
typedef struct bevel_lift_splat_forward_params {
  uint64_t struct_size;
  /** int32, as built, on the device of the rest. */
  const DLTensor* plan;
  /** [B, N, D, H, W] */
  const DLTensor* depth;
  /** [B, N, C, H, W], or [B, N, H, W, C] with context_layout CHANNELS_LAST. */
  const DLTensor* context;
  /** [B, N, D, H, W] G of f·G + (1 − f)·P (VCD's expert), or NULL. */
  const DLTensor* prior;
  /** [B, N, H, W] f, 0 ≤ f ≤ 1; given iff prior is. */
  const DLTensor* prior_weight;
  /** [B, Z, C, Y, X] (so [B, Z·C, Y, X]), or [B, Z, Y, X, C] with out_layout CHANNELS_LAST; ROW_X swaps Y and
   * X. Wholly written: cells without a point become 0. */
  DLTensor* out;
  /** [B, N, D, H, W] softmax of the logits, before the prior; NULL if not wanted, with PROBABILITIES, and
   * where C is 0. */
  DLTensor* probabilities;
  /** uint8, 64-byte aligned. */
  DLTensor* workspace;
  /** A bevel_depth_kind. */
  int32_t depth_kind;
  /** A bevel_layout. */
  int32_t context_layout;
  /** A bevel_layout. */
  int32_t out_layout;
  int32_t reserved;
  /** As given when the plan was built. */
  int64_t max_points;
  /** Counts of the plan, which CUDA sizes its workspace and grid by. NULL: the worst case is taken. The CPU
   * reads them from the plan. */
  const bevel_lift_splat_plan_info* plan_info;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_lift_splat_forward_params;

/** Bytes of workspace that forward with these params needs (workspace itself may be NULL). */
BEVEL_API bevel_status bevel_lift_splat_forward_workspace(const bevel_lift_splat_forward_params* params,
                                                          int64_t* bytes);

/** The operator. Deterministic: same bits for any number of threads, any thread order.
 *
 * NaN or Inf in probabilities or context reaches exactly the cells that a point with that value falls in;
 * values of dropped points reach nothing. A logit of −Inf is probability 0; a logit that is NaN or +Inf, or a
 * pixel whose logits are all −Inf, makes the softmax of that pixel NaN, and with it the pixel's cells. */
BEVEL_API bevel_status bevel_lift_splat_forward(const bevel_lift_splat_forward_params* params, void* stream);

/** Arguments of backward; dtypes and layouts as in forward. */
typedef struct bevel_lift_splat_backward_params {
  uint64_t struct_size;
  /** As in forward. */
  const DLTensor* plan;
  /** Shape, dtype and layout of out. */
  const DLTensor* grad_out;
  /** [B, N, D, H, W] the softmax that forward returned, or the given probabilities. */
  const DLTensor* probabilities;
  /** As in forward. */
  const DLTensor* context;
  /** As in forward. */
  const DLTensor* prior;
  /** As in forward. */
  const DLTensor* prior_weight;
  /** [B, N, D, H, W] with respect to logits or probabilities, by depth_kind; NULL if not wanted. May have
   * strides as depth may. */
  DLTensor* grad_depth;
  /** Shape, dtype and layout of context; NULL if not wanted. May have strides as context may. */
  DLTensor* grad_context;
  /** uint8, 64-byte aligned. */
  DLTensor* workspace;
  /** A bevel_depth_kind. */
  int32_t depth_kind;
  /** Of context and grad_context. */
  int32_t context_layout;
  /** Of grad_out. */
  int32_t out_layout;
  int32_t reserved;
  /** As given when the plan was built. */
  int64_t max_points;
  /** As in forward. */
  const bevel_lift_splat_plan_info* plan_info;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_lift_splat_backward_params;

/** Bytes of workspace that backward with these params needs (workspace itself may be NULL). */
BEVEL_API bevel_status bevel_lift_splat_backward_workspace(const bevel_lift_splat_backward_params* params,
                                                           int64_t* bytes);

/** Gradients, owner-computed: no atomics, deterministic like forward. Dropped points get zero, and so do
 * pixels without a kept point. prior and prior_weight get no gradient. */
BEVEL_API bevel_status bevel_lift_splat_backward(const bevel_lift_splat_backward_params* params,
                                                 void* stream);

#ifdef __cplusplus
}
#endif
#endif /* BEVEL_LIFT_SPLAT_H_ */
