// Interval pooling in double and in plain loops, straight from its definition: a point adds its row of
// feature, weighed by its depth, to its cell.
#include "bevel/bev_pool.h"
#include "reference.h"
#include "tensors.hpp"

BEVEL_REFERENCE(bev_pool_forward);
BEVEL_REFERENCE(bev_pool_backward);

namespace bevel::references {
namespace {

/// run(point) of every point of the intervals.
template <class Params, class Run>
void for_each_point(const Params& p, Run run) {
  const std::vector<double> starts = values(p.interval_starts), lengths = values(p.interval_lengths);
  for (size_t k = 0; k < starts.size(); ++k) {
    for (size_t i = 0; i < static_cast<size_t>(lengths[k]); ++i) run(static_cast<size_t>(starts[k]) + i);
  }
}

size_t elements(const DLTensor* t) {
  int64_t count = 1;
  for (int i = 0; i < t->ndim; ++i) count *= t->shape[i];
  return static_cast<size_t>(count);
}

/// Ranks of the points; the places where rows of C channels begin.
template <class Params>
struct Ranks {
  std::vector<double> depth, feature, bev;
  size_t channels;

  Ranks(const Params& p, const DLTensor* out)
      : depth(values(p.ranks_depth)),
        feature(values(p.ranks_feature)),
        bev(values(p.ranks_bev)),
        channels(static_cast<size_t>(from_end(out, 0))) {}

  size_t row(size_t i) const { return static_cast<size_t>(feature[i]) * channels; }
  size_t cell(size_t i) const { return static_cast<size_t>(bev[i]) * channels; }
  size_t element(size_t i) const { return static_cast<size_t>(depth[i]); }
  double weight(const std::vector<double>& depths, size_t i) const {
    return depth.empty() ? 1 : depths[element(i)];
  }
};

void forward(const bevel_bev_pool_forward_params& p) {
  const Ranks ranks(p, p.out);
  const std::vector<double> depth = values(p.depth), feature = values(p.feature);
  std::vector<double> out(elements(p.out));
  for_each_point(p, [&](size_t i) {
    for (size_t c = 0; c < ranks.channels; ++c)
      out[ranks.cell(i) + c] += ranks.weight(depth, i) * feature[ranks.row(i) + c];
  });
  write(out, p.out);
}

void backward(const bevel_bev_pool_backward_params& p) {
  const Ranks ranks(p, p.grad_out);
  const std::vector<double> depth = values(p.depth), feature = values(p.feature), grad = values(p.grad_out);
  std::vector<double> grad_depth(p.grad_depth ? elements(p.grad_depth) : 0);
  std::vector<double> grad_feature(p.grad_feature ? elements(p.grad_feature) : 0);
  for_each_point(p, [&](size_t i) {
    double dot = 0;
    for (size_t c = 0; c < ranks.channels; ++c) {
      const double g = grad[ranks.cell(i) + c];
      if (p.grad_depth) dot += g * feature[ranks.row(i) + c];
      if (p.grad_feature) grad_feature[ranks.row(i) + c] += ranks.weight(depth, i) * g;
    }
    if (p.grad_depth) grad_depth[ranks.element(i)] = dot;
  });
  write(grad_depth, p.grad_depth);
  write(grad_feature, p.grad_feature);
}

}  // namespace
}  // namespace bevel::references

bevel_status bevel_reference_bev_pool_forward(const bevel_bev_pool_forward_params* params, void*) {
  bevel::references::forward(*params);
  return BEVEL_OK;
}
bevel_status bevel_reference_bev_pool_backward(const bevel_bev_pool_backward_params* params, void*) {
  bevel::references::backward(*params);
  return BEVEL_OK;
}
