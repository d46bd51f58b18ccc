/* Interval pooling: sums of weighted feature rows, one interval of sorted points per BEV cell.
 *
 * Two forms. With ranks (bev_pool_v2, Huang and Huang, arXiv 2211.17111), in intervals of equal ranks_bev:
 *
 *   out[ranks_bev[i]] += depth[ranks_depth[i]] · feature[ranks_feature[i]]
 *
 * With features (bev_pool of BEVFusion, voxel_pooling of BEVDepth) the frustum of features exists already;
 * depth and ranks_depth are NULL, that is, a weight of 1:
 *
 *   out[ranks_bev[i]] += feature[ranks_feature[i]]
 *
 * Intervals may come in any order, but within an interval all ranks_bev are equal, and no two intervals hold
 * one cell (so they do not overlap): sort the points by cell first. On the CPU all of that is checked, and
 * that every rank and interval lies within its tensor; what breaks a rule is an error that names the point or
 * the interval.
 *
 * On CUDA none of it is, since that would need a synchronisation: points with a rank out of bounds are
 * skipped, and intervals that break a rule never lead out of bounds, but give sums that mean nothing: of two
 * intervals with one cell, either's sum may be what stays there, another time the other's. */
#ifndef BEVEL_BEV_POOL_H_
#define BEVEL_BEV_POOL_H_

#include "bevel/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Arguments of forward: P points, I intervals.
 *
 * dtypes: depth float32; feature and out float32, bfloat16 or float16, independently; accumulation float32.
 * On the CPU all may be float64. Everything is compact. */
typedef struct bevel_bev_pool_forward_params {
  uint64_t struct_size;
  /** Any shape, indexed flat by ranks_depth; NULL: weight 1. */
  const DLTensor* depth;
  /** [.., C] rows indexed flat by ranks_feature. */
  const DLTensor* feature;
  /** int32 [P]; NULL iff depth is. */
  const DLTensor* ranks_depth;
  /** int32 [P] */
  const DLTensor* ranks_feature;
  /** int32 [P] cell of each point: flat over out's dimensions but C. */
  const DLTensor* ranks_bev;
  /** int32 [I] first point of each interval. */
  const DLTensor* interval_starts;
  /** int32 [I] */
  const DLTensor* interval_lengths;
  /** [.., C] wholly written: cells of no interval become 0. */
  DLTensor* out;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_bev_pool_forward_params;

/** The operator. Points are added in the order of the interval; deterministic. */
BEVEL_API bevel_status bevel_bev_pool_forward(const bevel_bev_pool_forward_params* params, void* stream);

/** Arguments of backward:
 *
 *   grad_depth[ranks_depth[i]] = <grad_out[ranks_bev[i]], feature[ranks_feature[i]]>
 *   grad_feature[ranks_feature[i]] = Σ depth[ranks_depth[i]] · grad_out[ranks_bev[i]]
 *
 * over the points of the intervals; elements that no such point names become zero. Each ranks_depth value
 * must occur at most once (checked on the CPU; on CUDA either point's gradient stays). Points of one feature
 * row are added in ascending order of i; deterministic. */
typedef struct bevel_bev_pool_backward_params {
  uint64_t struct_size;
  /** [.., C] */
  const DLTensor* grad_out;
  /** As in forward. */
  const DLTensor* depth;
  /** As in forward; may be NULL when grad_depth is. */
  const DLTensor* feature;
  /** As in forward. */
  const DLTensor* ranks_depth;
  /** As in forward. */
  const DLTensor* ranks_feature;
  /** As in forward. */
  const DLTensor* ranks_bev;
  /** As in forward. */
  const DLTensor* interval_starts;
  /** As in forward. */
  const DLTensor* interval_lengths;
  /** As depth; NULL if not wanted. */
  DLTensor* grad_depth;
  /** As feature; NULL if not wanted. */
  DLTensor* grad_feature;
  /** uint8, 64-byte aligned. */
  DLTensor* workspace;
  /** Threads of this call on the CPU, 1 to 4096; 0: as bevel_set_num_threads says. Not read on CUDA. */
  int64_t threads;
} bevel_bev_pool_backward_params;

/** Bytes of workspace that backward with these params needs (workspace itself may be NULL). */
BEVEL_API bevel_status bevel_bev_pool_backward_workspace(const bevel_bev_pool_backward_params* params,
                                                         int64_t* bytes);

BEVEL_API bevel_status bevel_bev_pool_backward(const bevel_bev_pool_backward_params* params, void* stream);

#ifdef __cplusplus
}
#endif
#endif /* BEVEL_BEV_POOL_H_ */
