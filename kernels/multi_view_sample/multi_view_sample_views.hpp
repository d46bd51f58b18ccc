// Which cameras see which points, and the samples that come of it, on the CPU. Projecting runs over points in
// loops that become vector code. Included by CPU bodies only.
#pragma once

#include <algorithm>
#include <limits>
#include <type_traits>

#include "core/bilinear.hpp"
#include "core/camera_projection.hpp"
#include "core/simd.hpp"
#include "multi_view_sample/multi_view_sample_job.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

constexpr int kMostItems = BEVEL_MULTI_VIEW_MAX_POINTS;
constexpr int kMostCameras = BEVEL_MULTI_VIEW_MAX_CAMERAS;
/// Samples of a list: those of at least one point.
constexpr int kMostSamples = BEVEL_MULTI_VIEW_MAX_CAMERAS * BEVEL_MULTI_VIEW_MAX_LEVELS;

template <class T>
inline T image_extent(const MultiViewJob& job, int64_t batch, int64_t camera, int axis) {
  if (!job.image_sizes) return static_cast<T>(axis == 0 ? job.image_width : job.image_height);
  return static_cast<const T*>(
      job.image_sizes)[batch * job.image_strides[0] + camera * job.image_strides[1] + axis];
}

/// A point of the job in metres; item = query · points + point.
template <class T>
inline void read_point(const MultiViewJob& job, int64_t batch, int64_t item, T* point) {
  const T* from = static_cast<const T*>(job.points3) + 3 * (batch * job.items() + item);
  for (int k = 0; k < 3; ++k) {
    point[k] = job.normalised
                   ? point_in_range(from[k], static_cast<T>(job.lower[k]), static_cast<T>(job.extent[k]))
                   : from[k];
  }
}

/// A run of points, in metres, component by component.
template <class T>
struct PointRun {
  alignas(64) T x[kMostItems];
  alignas(64) T y[kMostItems];
  alignas(64) T z[kMostItems];

  void read(const MultiViewJob& job, int64_t batch, int64_t item, int count) {
    for (int i = 0; i < count; ++i) {
      T point[3];
      read_point(job, batch, item + i, point);
      x[i] = point[0];
      y[i] = point[1];
      z[i] = point[2];
    }
  }
};

/// Where one camera sees each of a run of points.
template <class T>
struct ViewRun {
  alignas(64) T u[kMostItems];
  alignas(64) T v[kMostItems];
  alignas(64) uint32_t visible[kMostItems];  ///< 1 or 0

  /// `points` has been read, unless the job has locations.
  void find(const MultiViewJob& job, int64_t batch, int64_t camera, const PointRun<T>& points, int64_t item,
            int count) {
    if (job.locations) {
      const T* from =
          static_cast<const T*>(job.locations) + 2 * ((batch * job.items() + item) * job.cameras + camera);
      for (int i = 0; i < count; ++i, from += 2 * job.cameras) {
        u[i] = from[0];
        v[i] = from[1];
        visible[i] = inside_image(u[i], v[i]) ? 1 : 0;
      }
      return;
    }
    T matrix[12];
    std::copy_n(static_cast<const T*>(job.lidar_to_image) + 16 * (batch * job.cameras + camera), 12, matrix);
    const T width = image_extent<T>(job, batch, camera, 0), height = image_extent<T>(job, batch, camera, 1);
    for (int i = 0; i < count; ++i) {
      const CameraPoint<T> seen = project_point(matrix, points.x[i], points.y[i], points.z[i], width, height);
      u[i] = seen.u;
      v[i] = seen.v;
      visible[i] = seen.visible ? 1 : 0;
    }
  }
};

/// Where all cameras see each of a run of points.
template <class T>
struct Views {
  PointRun<T> points;
  ViewRun<T> of_camera[kMostCameras];
  alignas(64) uint32_t seen[kMostItems];  ///< bit n: camera n sees the point

  void find(const MultiViewJob& job, int64_t batch, int64_t item, int count) {
    if (job.points3) points.read(job, batch, item, count);
    std::fill_n(seen, count, 0u);
    for (int camera = 0; camera < job.cameras; ++camera) {
      ViewRun<T>& run = of_camera[camera];
      run.find(job, batch, camera, points, item, count);
      for (int i = 0; i < count; ++i) seen[i] |= run.visible[i] << camera;
    }
  }
};

template <class T>
inline BilinearPoint<T> sample_point(const FeatureLevel& level, T u, T v) {
  return bilinear_point(fused_multiply_add(u, static_cast<T>(level.width), T(-0.5)),
                        fused_multiply_add(v, static_cast<T>(level.height), T(-0.5)), level.width,
                        level.height);
}

template <class T, class Value>
struct Sample {
  const Value* corner[4];  ///< first channel of each neighbour; null where that lies outside
  T factor[4];             ///< weight of each neighbour
  const T* weights;        ///< of the groups
  T right, lower;          ///< see BilinearPoint
  int64_t channel_stride;
  int32_t item, camera, level;  ///< item: in the run of views
};

/// Samples of some points of one query.
template <class T, class Value>
struct SampleList {
  int count = 0;
  Sample<T, Value> samples[kMostSamples];

  /// Takes the points [first, end) of the query, items of the run from `run` on, as far as they fit; returns
  /// the first one that did not.
  int take(const MultiViewJob& job, const Views<T>& views, int64_t batch, int64_t query, int run, int first,
           int end) {
    count = 0;
    for (int point = first; point < end; ++point) {
      uint32_t seen = views.seen[run + point];
      if (count + __builtin_popcount(seen) * job.levels > kMostSamples) return point;
      for (; seen; seen &= seen - 1) add(job, views, batch, query, run, point, __builtin_ctz(seen));
    }
    return end;
  }

 private:
  void add(const MultiViewJob& job, const Views<T>& views, int64_t batch, int64_t query, int run, int point,
           int camera) {
    const T u = views.of_camera[camera].u[run + point], v = views.of_camera[camera].v[run + point];
    const T* weights = static_cast<const T*>(job.weights) + batch * job.weight_strides[0] +
                       query * job.weight_strides[1] + camera * job.weight_strides[2] +
                       point * job.weight_strides[3];
    const int64_t pixel_stride = job.pixel_stride();
    for (int l = 0; l < job.levels; ++l, weights += job.groups) {
      const FeatureLevel& level = job.features[l];
      const BilinearPoint<T> at = sample_point(level, u, v);
      Sample<T, Value>& sample = samples[count++];
      const Value* map =
          static_cast<const Value*>(level.data) + batch * level.batch_stride + camera * level.camera_stride;
      const int64_t pixel = static_cast<int64_t>(at.row) * level.width + at.column;
      for (int k = 0; k < 4; ++k) {
        const int64_t neighbour = pixel + (k & 1) + (k & 2 ? level.width : 0);
        sample.corner[k] = at.inside >> k & 1u ? map + neighbour * pixel_stride : nullptr;
        sample.factor[k] = bilinear_weight(at, k);
      }
      sample.weights = weights;
      sample.right = at.right;
      sample.lower = at.lower;
      sample.channel_stride = job.channel_stride(l);
      sample.item = run + point;
      sample.camera = camera;
      sample.level = l;
    }
  }
};

/// Calls action(first channel, width) for runs of channels of at most Most vectors, in order. A vector never
/// spans groups: either groups are whole vectors long, or runs end with them.
template <class T, int Most, class Action>
inline void for_each_segment(const MultiViewJob& job, Action&& action) {
  const int64_t group = job.channels / job.groups, most = Most * kLanes<T>;
  const int64_t run = group % kLanes<T> == 0 ? job.channels : group;
  for (int64_t begin = 0; begin < job.channels; begin += run) {
    for (int64_t first = begin; first < begin + run; first += most) {
      action(first, static_cast<int>(std::min(most, begin + run - first)));
    }
  }
}

/// One segment's channels of a sample's neighbours, where the layout has them one by one: copied to rows.
template <class Value, int Most>
struct CornerRows {
  Value rows[4][Most];

  /// Turns corner pointers into ones to consecutive channels from `channel` on.
  template <class T>
  void gather(const Sample<T, Value>& sample, int64_t channel, int width, const Value** corner) {
    for (int k = 0; k < 4; ++k) {
      corner[k] = nullptr;
      if (!sample.corner[k]) continue;
      const Value* from = sample.corner[k] + channel * sample.channel_stride;
      if (sample.channel_stride == 1) {
        corner[k] = from;
        continue;
      }
      for (int c = 0; c < width; ++c) rows[k][c] = from[c * sample.channel_stride];
      corner[k] = rows[k];
    }
  }
};

/// The largest finite number of a storage type.
template <class T, class Value>
constexpr T largest_finite() {
  if constexpr (std::is_same_v<Value, Float16>) return T(65504);
  if constexpr (std::is_same_v<Value, Bfloat16>) return T(0x1.fep127);
  return std::numeric_limits<T>::max();
}

template <class T>
inline bool any_nan(Vector<T> value) {
#if BEVEL_ISA == 2
  if constexpr (sizeof(T) == 4) {
    return _mm512_cmp_ps_mask((__m512)value, (__m512)value, _CMP_UNORD_Q) != 0;
  } else {
    return _mm512_cmp_pd_mask((__m512d)value, (__m512d)value, _CMP_UNORD_Q) != 0;
  }
#elif BEVEL_ISA == 1
  if constexpr (sizeof(T) == 4) {
    return _mm256_movemask_ps(_mm256_cmp_ps((__m256)value, (__m256)value, _CMP_UNORD_Q)) != 0;
  } else {
    return _mm256_movemask_pd(_mm256_cmp_pd((__m256d)value, (__m256d)value, _CMP_UNORD_Q)) != 0;
  }
#else
  if constexpr (sizeof(T) == 4) {
    return _mm_movemask_ps(_mm_cmpunord_ps((__m128)value, (__m128)value)) != 0;
  } else {
    return _mm_movemask_pd(_mm_cmpunord_pd((__m128d)value, (__m128d)value)) != 0;
  }
#endif
}

/// nan_to_num: NaN gives zero, ±Inf the largest finite number.
template <class T, class Value>
inline Vector<T> finite_or_limit(Vector<T> value) {
  const Vector<T> most = broadcast(largest_finite<T, Value>());
  value = value == value ? value : Vector<T>{};
  value = value > most ? most : value;
  return value < -most ? -most : value;
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
