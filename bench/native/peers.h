/* Peers of Bevel's kernels and measurements of the machine. C ABI; the callers of this benchmark library
 * vouch for all sizes and ranks. */
#ifndef BEVEL_BENCH_PEERS_H_
#define BEVEL_BENCH_PEERS_H_

#include <stdint.h>

#define PEERS_API extern "C" __attribute__((visibility("default")))

/** Writes the names of the instruction sets that the peers were compiled for and this CPU lacks, each
 * followed by a space; nothing where it has them all. The one function that every x86-64 CPU can run: call it
 * before any other.
 * @param instructions names between spaces to look for; NULL: those of the peers
 * @param names [size], NUL-terminated */
PEERS_API void peers_missing_instructions(const char* instructions, char* names, int64_t size);

/** The arrays of bev_pool_v2 (Huang and Huang, arXiv 2211.17111), grouped in intervals. P points, I
 * intervals. */
struct peers_ranks {
  const int32_t* depth;   /**< [P], flat index into depth */
  const int32_t* feature; /**< [P], row of feature */
  const int32_t* bev;     /**< [P], cell */
  const int32_t* starts;  /**< [I], first point */
  const int32_t* lengths; /**< [I], points */
  int64_t intervals;
};

/** out [cells, channels] float32: zeroed, then summed in the order of bev_pool_v2's threads: interval,
 * channel, point. The ranks are grouped by cell. One thread. */
PEERS_API void peers_interval_forward(const peers_ranks* ranks, const float* depth, const float* feature,
                                      int64_t cells, int64_t channels, float* out);

/** The same with the two inner loops exchanged: interval, point, channel, so that the compiler vectorises
 * over channels. */
PEERS_API void peers_interval_forward_by_point(const peers_ranks* ranks, const float* depth,
                                               const float* feature, int64_t cells, int64_t channels,
                                               float* out);

/** Gradients in the order of bev_pool_v2's backward over feature intervals: per interval first each point's
 * depth gradient (a sum over channels), then each channel's feature gradient (a sum over points). The ranks
 * are grouped by feature. Both gradients are zeroed first: grad_depth [points], grad_feature [rows,
 * channels]. One thread. */
PEERS_API void peers_interval_backward(const peers_ranks* ranks, const float* grad_out, const float* depth,
                                       const float* feature, int64_t points, int64_t rows, int64_t channels,
                                       float* grad_depth, float* grad_feature);

/** The same with channels innermost throughout. */
PEERS_API void peers_interval_backward_by_point(const peers_ranks* ranks, const float* grad_out,
                                                const float* depth, const float* feature, int64_t points,
                                                int64_t rows, int64_t channels, float* grad_depth,
                                                float* grad_feature);

/** Copies `bytes` (a multiple of 64, 64-byte aligned) with stores that bypass the caches. */
PEERS_API void peers_copy(void* to, const void* from, int64_t bytes, int32_t threads);

/** Reads `bytes` (a multiple of 64, 64-byte aligned); returns a sum so that the reads are needed. */
PEERS_API uint64_t peers_read(const void* from, int64_t bytes, int32_t threads);

#endif /* BEVEL_BENCH_PEERS_H_ */
