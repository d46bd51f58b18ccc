/* Interval pooling: sums of weighted feature rows, one interval of sorted points per BEV cell.
 *
 * Two forms.
 *  - ranks (bev_pool_v2, Huang and Huang, arXiv 2211.17111): out[ranks_bev[i]] += depth[ranks_depth[i]] ·
 * feature[ranks_feature[i]], grouped in intervals of equal ranks_bev.
 *  - features (bev_pool of BEVFusion, voxel_pooling of BEVDepth): the frustum of features exists already,
 *    out[ranks_bev[i]] += feature[ranks_feature[i]]; depth and ranks_depth are NULL, that is, a weight of 1.
 *
 * Ranks: ranks_bev need not be sorted over the intervals, but within an interval all are equal, no two
 * intervals share a cell, and the intervals must not overlap. Every rank is checked against its tensor's size
 * on the CPU; on CUDA points with a rank out of bounds are skipped (checking would need a synchronisation).
 */
#ifndef BEVEL_BEV_POOL_H_
#define BEVEL_BEV_POOL_H_

#include "bevel.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Arguments of forward. P points, I intervals. dtypes: depth float32; feature and out float32, bfloat16 or
 * float16; accumulation float32; on the CPU all may be float64. Everything compact. */
typedef struct bevel_bev_pool_forward_params {
  uint64_t struct_size;
  const DLTensor* depth;            /**< any shape, indexed flat by ranks_depth; NULL: weight 1 */
  const DLTensor* feature;          /**< [.., C], rows indexed flat by ranks_feature */
  const DLTensor* ranks_depth;      /**< int32 [P]; NULL iff depth is */
  const DLTensor* ranks_feature;    /**< int32 [P] */
  const DLTensor* ranks_bev;        /**< int32 [P], cell of each point: flat over out's dimensions but C */
  const DLTensor* interval_starts;  /**< int32 [I], first point of each interval */
  const DLTensor* interval_lengths; /**< int32 [I] */
  DLTensor* out;                    /**< [.., C]; cells of no interval become zero */
} bevel_bev_pool_forward_params;

BEVEL_API bevel_status bevel_bev_pool_forward(const bevel_bev_pool_forward_params* params, void* stream);

/** Arguments of backward. grad_depth[ranks_depth[i]] = <grad_out[cell], feature row>,
 * grad_feature[ranks_feature[i]] = Σ depth · grad_out[cell]; elements that no point names become zero. Each
 * ranks_depth value must occur at most once. The sum into grad_feature is deterministic: points of one
 * feature row are added in ascending order of the point index. */
typedef struct bevel_bev_pool_backward_params {
  uint64_t struct_size;
  const DLTensor* grad_out; /**< [.., C] */
  const DLTensor* depth;
  const DLTensor* feature; /**< may be NULL when grad_depth is */
  const DLTensor* ranks_depth;
  const DLTensor* ranks_feature;
  const DLTensor* ranks_bev;
  const DLTensor* interval_starts;
  const DLTensor* interval_lengths;
  DLTensor* grad_depth;   /**< as depth; NULL if not wanted */
  DLTensor* grad_feature; /**< as feature; NULL if not wanted */
  DLTensor* workspace;    /**< uint8, 64-byte aligned */
} bevel_bev_pool_backward_params;

BEVEL_API bevel_status bevel_bev_pool_backward_workspace(const bevel_bev_pool_backward_params* params,
                                                         int64_t* bytes);

BEVEL_API bevel_status bevel_bev_pool_backward(const bevel_bev_pool_backward_params* params, void* stream);

#ifdef __cplusplus
}
#endif
#endif /* BEVEL_BEV_POOL_H_ */
