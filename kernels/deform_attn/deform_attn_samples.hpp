// The samples of deformable attention on the CPU: where each lies and what it weighs, worked out for a run of
// heads or of queries at a time, in loops that become vector code. Included by CPU bodies only.
#pragma once

#include <algorithm>
#include <limits>

#include "core/bilinear.hpp"
#include "core/simd.hpp"
#include "deform_attn/deform_attn_job.hpp"
#include "deform_attn/deform_attn_position.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

constexpr int kMostSamples = BEVEL_DEFORM_ATTN_MAX_SAMPLES;
/// Heads or queries of a run at most.
constexpr int kMostRuns = 16;

/// What is the same for each head of each query: levels × points, repeated as often as they fit.
template <class T>
struct SamplePattern {
  alignas(64) int32_t width[kMostSamples];
  alignas(64) int32_t height[kMostSamples];
  alignas(64) int32_t start[kMostSamples];
  alignas(64) T wide[kMostSamples];  ///< width and height in T
  alignas(64) T high[kMostSamples];
  int32_t reference[kMostSamples];
  int per_head;  ///< levels × points
  int runs;      ///< heads or queries that are worked out at a time

  explicit SamplePattern(const DeformAttnJob& job)
      : per_head(job.levels.levels * job.points), runs(std::min(kMostSamples / per_head, kMostRuns)) {
    for (int i = 0; i < kMostSamples; ++i) {
      const int level = i % per_head / job.points, point = i % job.points;
      width[i] = job.levels.width[level];
      height[i] = job.levels.height[level];
      start[i] = static_cast<int32_t>(job.levels.start[level]);
      wide[i] = static_cast<T>(width[i]);
      high[i] = static_cast<T>(height[i]);
      reference[i] = job.reference_of_level ? level : job.references > 0 ? point % job.references : 0;
    }
  }
};

/// A run of samples: `runs` times levels × points of them.
template <class T>
struct Samples {
  alignas(64) T x[kMostSamples];  ///< pixels
  alignas(64) T y[kMostSamples];
  alignas(64) T weight[kMostSamples];
  alignas(64) int32_t row[kMostSamples];  ///< of corner 0 in the value map; may lie outside it
  alignas(64) int32_t width[kMostSamples];
  alignas(64) uint32_t inside[kMostSamples];
  alignas(64) T right[kMostSamples];
  alignas(64) T lower[kMostSamples];
  alignas(64) T corner[4][kMostSamples];  ///< weight of each corner

  Samples() {
    // Places are worked out for whole vectors: beyond the last sample there must be some number.
    std::fill_n(x, kMostSamples, T(0));
    std::fill_n(y, kMostSamples, T(0));
    std::fill_n(weight, kMostSamples, T(0));
  }

  /// From x, y and weight to corners.
  void place(const SamplePattern<T>& pattern, int count) {
    for (int first = 0; first < count; first += kLanes<T>) {
      for (int i = first; i < first + kLanes<T>; ++i) {
        const BilinearPoint<T> point = bilinear_point(x[i], y[i], pattern.width[i], pattern.height[i]);
        row[i] = pattern.start[i] + point.row * pattern.width[i] + point.column;
        width[i] = pattern.width[i];
        inside[i] = point.inside;
        right[i] = point.right;
        lower[i] = point.lower;
        for (int k = 0; k < 4; ++k) corner[k][i] = weight[i] * bilinear_weight(point, k);
      }
    }
  }
};

/// One query's view of one value map.
struct QueryView {
  int64_t batch, map, query;
};

inline int64_t offset_of(const AttentionStrides& s, const QueryView& view, int64_t head) {
  return view.batch * s.batch + view.map * s.map + view.query * s.query + head * s.head;
}

/// scale · softmax over `count` logits.
template <class T>
inline void softmax(const T* logits, int count, T scale, T* out) {
  constexpr int lanes = kLanes<T>;
  T largest = -std::numeric_limits<T>::infinity();
  for (int i = 0; i < count; ++i)
    largest = logits[i] > largest || logits[i] != logits[i] ? logits[i] : largest;
  T sum = 0;
  for (int i = 0; i < count; i += lanes) {
    const int valid = std::min(lanes, count - i);
    const Vector<T> power = exponential(load_partial(logits + i, valid) - broadcast(largest));
    store_partial(out + i, power, valid);
  }
  for (int i = 0; i < count; ++i) sum += out[i];
  const T factor = scale / sum;
  for (int i = 0; i < count; ++i) out[i] *= factor;
}

/// The samples of `heads` heads of a query in the field's form, whose heads lie one behind the other: one
/// loop over all of them.
template <class T>
inline void read_locations(const DeformAttnJob& job, const SamplePattern<T>& pattern, const QueryView& view,
                           int64_t head, int heads, Samples<T>& samples) {
  const T* location = static_cast<const T*>(job.locations) + offset_of(job.location_strides, view, head);
  const T* weight = static_cast<const T*>(job.weights) + offset_of(job.weight_strides, view, head);
  for (int i = 0; i < heads * pattern.per_head; ++i) {
    samples.x[i] = axis_of_location(pattern.wide[i]).at(location[2 * i]);
    samples.y[i] = axis_of_location(pattern.high[i]).at(location[2 * i + 1]);
    samples.weight[i] = weight[i];
  }
}

/// Reads the samples of `heads` heads of a query. `scale` is one over the number of maps whose mean is taken.
template <class T>
inline void read_samples(const DeformAttnJob& job, const SamplePattern<T>& pattern, const QueryView& view,
                         int64_t head, int heads, T scale, Samples<T>& samples) {
  if (!job.fused) return read_locations(job, pattern, view, head, heads, samples);
  const int per_head = pattern.per_head;
  T base_x[kMostSamples], base_y[kMostSamples], step_x[kMostSamples], step_y[kMostSamples];
  const int numbers = job.boxes ? 4 : 2;
  const T* reference = static_cast<const T*>(job.reference) + offset_of(job.reference_strides, view, 0);
  for (int i = 0; i < per_head; ++i) {
    const T* r = reference + pattern.reference[i] * numbers;
    const SampleAxis<T> along_x = job.boxes ? axis_of_box(r[0], r[2], pattern.wide[i], job.points)
                                            : axis_of_point(r[0], pattern.wide[i]);
    const SampleAxis<T> along_y = job.boxes ? axis_of_box(r[1], r[3], pattern.high[i], job.points)
                                            : axis_of_point(r[1], pattern.high[i]);
    base_x[i] = along_x.base;
    step_x[i] = along_x.step;
    base_y[i] = along_y.base;
    step_y[i] = along_y.step;
  }
  for (int h = 0; h < heads; ++h) {
    const T* location =
        static_cast<const T*>(job.locations) + offset_of(job.location_strides, view, head + h);
    const T* weight = static_cast<const T*>(job.weights) + offset_of(job.weight_strides, view, head + h);
    T* x = samples.x + h * per_head;
    T* y = samples.y + h * per_head;
    T* w = samples.weight + h * per_head;
    for (int i = 0; i < per_head; ++i) {
      x[i] = SampleAxis<T>{base_x[i], step_x[i]}.at(location[2 * i]);
      y[i] = SampleAxis<T>{base_y[i], step_y[i]}.at(location[2 * i + 1]);
    }
    softmax(weight, per_head, scale, w);
  }
}

/// The maps that a query sees.
class VisibleMaps {
 public:
  VisibleMaps(const DeformAttnJob& job, int64_t batch, int64_t query)
      : job_(job), batch_(batch), query_(query) {
    if (!job.visible) {
      count_ = job.maps;
    } else {
      for (int64_t map = 0; map < job.maps; ++map) count_ += sees(map) ? 1 : 0;
    }
  }
  bool sees(int64_t map) const {
    return !job_.visible || job_.visible[(batch_ * job_.maps + map) * job_.queries + query_] != 0;
  }
  /// Factor of each map in the output.
  template <class T>
  T scale() const {
    return job_.mean && count_ > 0 ? T(1) / static_cast<T>(count_) : T(1);
  }

 private:
  const DeformAttnJob& job_;
  int64_t batch_, query_, count_ = 0;
};

}  // namespace bevel::BEVEL_ISA_NAMESPACE
