// The order in which queries are worked off on the CPU: by where they look. Included by CPU bodies only.
//
// Queries that look at the same place should follow each other while its rows of the value map lie in the
// second-level cache. In the order of a BEV map 200 cells wide they do not: between a query and the one below
// it, ten map rows of 200 pixels of 1 kB have passed. So the finest level is cut into strips of 32 columns,
// which are walked downwards one after the other. Sums over samples are one query's own: the order has no
// effect on the forward result.
#pragma once

#include <algorithm>
#include <vector>

#include "deform_attn/deform_attn_samples.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

class QueryOrder {
 public:
  explicit QueryOrder(const DeformAttnJob& job) : queries_(job.queries) {
    if (job.queries < kFewQueries || job.queries > INT32_MAX || is_small(job)) return;
    const bevel_value_levels& levels = job.levels;
    int finest = 0;
    for (int level = 1; level < levels.levels; ++level) {
      if (levels.width[level] * levels.height[level] > levels.width[finest] * levels.height[finest])
        finest = level;
    }
    place_ = {finest, levels.width[finest], levels.height[finest]};
    strips_ = (place_.width + kStripColumns - 1) / kStripColumns;
    const int64_t most = std::min<int64_t>(kPlacesOfQuery * job.queries, INT32_MAX - 1);
    if (job.maps > most / (strips_ * place_.height)) return;
    order_.resize(static_cast<size_t>(job.batch * job.queries));
    keys_.resize(order_.size());
    starts_.resize(static_cast<size_t>(job.maps * strips_ * place_.height + 1));
    with_map_types(job.value_type, job.out_type, [&](auto t, auto, auto) { sort<decltype(t)>(job); });
  }

  int64_t query(int64_t batch, int64_t place) const {
    return order_.empty() ? place : order_[batch * queries_ + place];
  }

 private:
  static constexpr int64_t kStripColumns = 32;
  /// A value map that stays in the second-level cache anyhow, and queries too few to meet.
  static constexpr int64_t kSmallMap = 512 << 10, kFewQueries = 256;
  /// Places (rows of a strip) for each query at most: where there are more, few queries meet, and the list of
  /// places would outgrow the inputs, and its numbers an int32.
  static constexpr int64_t kPlacesOfQuery = 16;

  struct Place {
    int level;
    int64_t width, height;
  };

  static bool is_small(const DeformAttnJob& job) {
    return job.rows * job.heads * job.head_dim <= kSmallMap / element_size(job.value_type);
  }

  template <class T>
  void sort(const DeformAttnJob& job) {
    for (int64_t batch = 0; batch < job.batch; ++batch) {
      int32_t* keys = keys_.data() + batch * queries_;
      for (int64_t query = 0; query < queries_; ++query) keys[query] = key<T>(job, batch, query);
      std::fill(starts_.begin(), starts_.end(), 0);
      for (int64_t query = 0; query < queries_; ++query) ++starts_[keys[query] + 1];
      for (size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
      for (int64_t query = 0; query < queries_; ++query)
        order_[batch * queries_ + starts_[keys[query]]++] = static_cast<int32_t>(query);
    }
  }

  template <class T>
  int32_t key(const DeformAttnJob& job, int64_t batch, int64_t query) const {
    int64_t map = 0;
    while (job.visible && map + 1 < job.maps && !job.visible[(batch * job.maps + map) * job.queries + query])
      ++map;
    const QueryView view{batch, map, query};
    const T* at = job.fused ? static_cast<const T*>(job.reference) + offset_of(job.reference_strides, view, 0)
                            : static_cast<const T*>(job.locations) +
                                  offset_of(job.location_strides, view, 0) + 2 * place_.level * job.points;
    const int64_t column = cell(at[0], place_.width), row = cell(at[1], place_.height);
    return static_cast<int32_t>((map * strips_ + column / kStripColumns) * place_.height + row);
  }

  /// The cell of a coordinate in [0, 1]; the nearest for others, any for a NaN.
  template <class T>
  static int64_t cell(T u, int64_t cells) {
    const T scaled = u * static_cast<T>(cells);
    return scaled > T(0) ? scaled < static_cast<T>(cells) ? static_cast<int64_t>(scaled) : cells - 1 : 0;
  }

  int64_t queries_;
  Place place_ = {};
  int64_t strips_ = 0;
  std::vector<int32_t> order_, keys_, starts_;
};

}  // namespace bevel::BEVEL_ISA_NAMESPACE
