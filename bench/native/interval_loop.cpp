// Interval pooling as plain loops: what a direct translation of bev_pool_v2's kernels to one CPU thread does.
#include <algorithm>

#include "peers.h"

PEERS_API void peers_interval_forward(const peers_ranks* ranks, const float* depth, const float* feature,
                                      int64_t cells, int64_t channels, float* out) {
  std::fill_n(out, cells * channels, 0.0f);
  for (int64_t interval = 0; interval < ranks->intervals; ++interval) {
    const int64_t begin = ranks->starts[interval], end = begin + ranks->lengths[interval];
    float* cell = out + ranks->bev[begin] * channels;
    for (int64_t c = 0; c < channels; ++c) {
      float sum = 0;
      for (int64_t i = begin; i < end; ++i) {
        sum += depth[ranks->depth[i]] * feature[ranks->feature[i] * channels + c];
      }
      cell[c] = sum;
    }
  }
}

PEERS_API void peers_interval_forward_by_point(const peers_ranks* ranks, const float* depth,
                                               const float* feature, int64_t cells, int64_t channels,
                                               float* out) {
  std::fill_n(out, cells * channels, 0.0f);
  for (int64_t interval = 0; interval < ranks->intervals; ++interval) {
    const int64_t begin = ranks->starts[interval], end = begin + ranks->lengths[interval];
    float* cell = out + ranks->bev[begin] * channels;
    for (int64_t i = begin; i < end; ++i) {
      const float weight = depth[ranks->depth[i]];
      const float* row = feature + ranks->feature[i] * channels;
      for (int64_t c = 0; c < channels; ++c) cell[c] += weight * row[c];
    }
  }
}

static void depth_gradients(const peers_ranks* ranks, int64_t interval, const float* grad_out,
                            const float* feature, int64_t channels, float* grad_depth) {
  const int64_t begin = ranks->starts[interval], end = begin + ranks->lengths[interval];
  const float* row = feature + ranks->feature[begin] * channels;
  for (int64_t i = begin; i < end; ++i) {
    const float* cell = grad_out + ranks->bev[i] * channels;
    float sum = 0;
    for (int64_t c = 0; c < channels; ++c) sum += cell[c] * row[c];
    grad_depth[ranks->depth[i]] = sum;
  }
}

PEERS_API void peers_interval_backward(const peers_ranks* ranks, const float* grad_out, const float* depth,
                                       const float* feature, int64_t points, int64_t rows, int64_t channels,
                                       float* grad_depth, float* grad_feature) {
  std::fill_n(grad_depth, points, 0.0f);
  std::fill_n(grad_feature, rows * channels, 0.0f);
  for (int64_t interval = 0; interval < ranks->intervals; ++interval) {
    depth_gradients(ranks, interval, grad_out, feature, channels, grad_depth);
    const int64_t begin = ranks->starts[interval], end = begin + ranks->lengths[interval];
    float* row = grad_feature + ranks->feature[begin] * channels;
    for (int64_t c = 0; c < channels; ++c) {
      float sum = 0;
      for (int64_t i = begin; i < end; ++i) {
        sum += grad_out[ranks->bev[i] * channels + c] * depth[ranks->depth[i]];
      }
      row[c] = sum;
    }
  }
}

PEERS_API void peers_interval_backward_by_point(const peers_ranks* ranks, const float* grad_out,
                                                const float* depth, const float* feature, int64_t points,
                                                int64_t rows, int64_t channels, float* grad_depth,
                                                float* grad_feature) {
  std::fill_n(grad_depth, points, 0.0f);
  std::fill_n(grad_feature, rows * channels, 0.0f);
  for (int64_t interval = 0; interval < ranks->intervals; ++interval) {
    depth_gradients(ranks, interval, grad_out, feature, channels, grad_depth);
    const int64_t begin = ranks->starts[interval], end = begin + ranks->lengths[interval];
    float* row = grad_feature + ranks->feature[begin] * channels;
    for (int64_t i = begin; i < end; ++i) {
      const float weight = depth[ranks->depth[i]];
      const float* cell = grad_out + ranks->bev[i] * channels;
      for (int64_t c = 0; c < channels; ++c) row[c] += weight * cell[c];
    }
  }
}
