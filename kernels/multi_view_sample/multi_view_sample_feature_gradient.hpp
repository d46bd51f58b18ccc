// The gradient of features on the CPU. Included by a CPU body only.
//
// First the visible views of each camera are listed, in the order of queries and points. Then a task is a
// band of rows of one level of one camera: it alone writes them, adding the listed samples in their order, so
// sums come out the same for any number of threads and nothing is atomic. Only pixels that samples touch have
// sums; the rest of the band is cleared. Bound: clearing, since all of a camera's maps must be written and
// few pixels of them are touched.
#pragma once

#include <cstring>

#include "core/work_shares.hpp"
#include "core/workspace_parts.hpp"
#include "multi_view_sample/multi_view_sample_views.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

/// Rows of a level that are one task, and the places of it all in the workspace.
class FeatureGradientPlan {
 public:
  FeatureGradientPlan(const MultiViewBackwardJob& job, int64_t element) : threads_(job.forward.cpu.threads) {
    const MultiViewJob& f = job.forward;
    const bool is_double = f.feature_type == ElementType::kFloat64;
    const ElementType computed = is_double ? ElementType::kFloat64 : ElementType::kFloat32;
    if (f.out_type != computed) converted_bytes_ = part_bytes(f.batch * f.queries * f.channels * element);
    if (!job.wants_features()) return;
    for (int level = 0; level < f.levels; ++level) {
      if (!job.grad_features[level]) continue;
      const FeatureLevel& map = f.features[level];
      rows_[level] = static_cast<int32_t>(std::clamp<int64_t>(kBandPixels / map.width, 1, map.height));
      bands_[level] = (map.height + rows_[level] - 1) / rows_[level];
      band_pixels_ = std::max(band_pixels_, static_cast<int64_t>(rows_[level]) * map.width);
      bands_of_camera_ += bands_[level];
    }
    views_bytes_ = part_bytes(f.batch * f.cameras * f.items() * (8 + 2 * element));
    counts_bytes_ = part_bytes(f.batch * f.cameras * 8);
    buffer_bytes_ = part_bytes(band_pixels_ * f.channels * element) + 2 * part_bytes(4 * band_pixels_);
  }

  int64_t bytes() const { return buffer_at(threads_); }
  /// Threads whose buffers fit into a workspace.
  int threads_in(int64_t workspace_bytes) const {
    return threads_in_workspace(workspace_bytes - buffer_at(0), buffer_bytes_, threads_);
  }
  int64_t converted_at() const { return 0; }
  int64_t views_at() const { return converted_bytes_; }
  int64_t counts_at() const { return views_at() + views_bytes_; }
  int64_t buffer_at(int thread) const { return counts_at() + counts_bytes_ + buffer_bytes_ * thread; }
  int64_t band_pixels() const { return band_pixels_; }
  int64_t bands_of_camera() const { return bands_of_camera_; }
  bool converts() const { return converted_bytes_ > 0; }

  struct Band {
    int64_t map;  ///< batch · cameras + camera
    int level;
    int32_t first_row, rows;
  };
  Band band(const MultiViewJob& job, int64_t task) const {
    Band band = {task / bands_of_camera_, 0, 0, 0};
    int64_t index = task % bands_of_camera_;
    while (index >= bands_[band.level]) index -= bands_[band.level++];
    band.first_row = static_cast<int32_t>(index) * rows_[band.level];
    band.rows = std::min(rows_[band.level], job.features[band.level].height - band.first_row);
    return band;
  }

 private:
  /// Pixels of a band about.
  static constexpr int64_t kBandPixels = 1024;

  int32_t rows_[BEVEL_MULTI_VIEW_MAX_LEVELS] = {};
  int32_t bands_[BEVEL_MULTI_VIEW_MAX_LEVELS] = {};
  int64_t band_pixels_ = 0, bands_of_camera_ = 0;
  int64_t converted_bytes_ = 0, views_bytes_ = 0, counts_bytes_ = 0, buffer_bytes_ = 0;
  int threads_;
};

/// A point that a camera sees.
template <class T>
struct VisibleView {
  int64_t item;  ///< query · points + point
  T u, v;
};

template <class T, class Value>
class FeatureGradient {
 public:
  /// `grad_out` is that of the job in T.
  FeatureGradient(const MultiViewBackwardJob& job, const FeatureGradientPlan& plan, const T* grad_out)
      : job_(job),
        f_(job.forward),
        plan_(plan),
        grad_out_(grad_out),
        views_(reinterpret_cast<VisibleView<T>*>(job.workspace + plan.views_at())),
        counts_(reinterpret_cast<int64_t*>(job.workspace + plan.counts_at())) {}

  int64_t maps() const { return f_.batch * f_.cameras; }
  int64_t bands() const { return maps() * plan_.bands_of_camera(); }
  int64_t band_weight(int64_t task) const {
    const FeatureGradientPlan::Band band = plan_.band(f_, task);
    return static_cast<int64_t>(band.rows) * f_.features[band.level].width;
  }

  /// Lists what one camera of one batch element sees.
  void list_views(int64_t map) const {
    PointRun<T> points;
    ViewRun<T> run;
    VisibleView<T>* to = views_ + map * f_.items();
    int64_t count = 0;
    for (int64_t item = 0; item < f_.items(); item += kMostItems) {
      const int items = static_cast<int>(std::min<int64_t>(kMostItems, f_.items() - item));
      const int64_t batch = map / f_.cameras;
      if (f_.points3) points.read(f_, batch, item, items);
      run.find(f_, batch, map % f_.cameras, points, item, items);
      for (int i = 0; i < items; ++i) {
        if (run.visible[i]) to[count++] = {item + i, run.u[i], run.v[i]};
      }
    }
    counts_[map] = count;
  }

  /// Writes one band; `thread` names the buffer.
  void write_band(int64_t task, int thread) const {
    const FeatureGradientPlan::Band band = plan_.band(f_, task);
    const FeatureLevel& level = f_.features[band.level];
    const int64_t batch = band.map / f_.cameras, camera = band.map % f_.cameras;
    const int64_t first_pixel = static_cast<int64_t>(band.first_row) * level.width;
    const int64_t pixels = static_cast<int64_t>(band.rows) * level.width;
    Buffer buffer(job_.workspace + plan_.buffer_at(thread), plan_.band_pixels(), f_.channels);
    std::fill_n(buffer.slot_of_pixel, pixels, -1);
    int touched = 0;
    const VisibleView<T>* views = views_ + band.map * f_.items();
    for (int64_t i = 0; i < counts_[band.map]; ++i) {
      const BilinearPoint<T> at = sample_point(level, views[i].u, views[i].v);
      if (at.row + 1 < band.first_row || at.row >= band.first_row + band.rows) continue;
      const int64_t query = views[i].item / f_.points, point = views[i].item % f_.points;
      const T* weights = static_cast<const T*>(f_.weights) + batch * f_.weight_strides[0] +
                         query * f_.weight_strides[1] + camera * f_.weight_strides[2] +
                         point * f_.weight_strides[3] + static_cast<int64_t>(band.level) * f_.groups;
      const T* gradient = grad_out_ + (batch * f_.queries + query) * f_.channels;
      for (int k = 0; k < 4; ++k) {
        const int32_t row = at.row + (k >> 1) - band.first_row;
        if (!(at.inside >> k & 1u) || row < 0 || row >= band.rows) continue;
        const int64_t pixel = static_cast<int64_t>(row) * level.width + at.column + (k & 1);
        int32_t& slot = buffer.slot_of_pixel[pixel];
        if (slot < 0) {
          slot = touched;
          buffer.pixel_of_slot[touched++] = static_cast<int32_t>(pixel);
          std::fill_n(buffer.sums + static_cast<int64_t>(slot) * f_.channels, f_.channels, T(0));
        }
        add(weights, bilinear_weight(at, k), gradient,
            buffer.sums + static_cast<int64_t>(slot) * f_.channels);
      }
    }
    Value* map = static_cast<Value*>(job_.grad_features[band.level]) +
                 band.map * f_.channels * level.height * level.width;
    store_band(map, band.level, first_pixel, pixels, buffer, touched);
  }

 private:
  /// A thread's: sums of the pixels of a band that are touched, and which those are.
  struct Buffer {
    T* sums;
    int32_t *slot_of_pixel, *pixel_of_slot;

    Buffer(char* at, int64_t pixels, int64_t channels)
        : sums(reinterpret_cast<T*>(at)),
          slot_of_pixel(reinterpret_cast<int32_t*>(at + part_bytes(pixels * channels * sizeof(T)))),
          pixel_of_slot(slot_of_pixel + part_bytes(4 * pixels) / 4) {}
  };

  void add(const T* weights, T factor, const T* gradient, T* sum) const {
    constexpr int lanes = kLanes<T>;
    const int64_t group = f_.channels / f_.groups;
    for (int64_t g = 0; g < f_.groups; ++g) {
      const Vector<T> weight = broadcast(weights[g] * factor);
      for (int64_t c = g * group; c < (g + 1) * group; c += lanes) {
        const int valid = static_cast<int>(std::min<int64_t>(lanes, (g + 1) * group - c));
        store_partial(sum + c, load_partial(sum + c, valid) + weight * load_partial(gradient + c, valid),
                      valid);
      }
    }
  }

  void store_band(Value* map, int level, int64_t first_pixel, int64_t pixels, const Buffer& buffer,
                  int touched) const {
    constexpr int lanes = kLanes<T>;
    if (f_.channels_last) {
      Value* to = map + first_pixel * f_.channels;
      std::memset(static_cast<void*>(to), 0, static_cast<size_t>(pixels * f_.channels) * sizeof(Value));
      for (int slot = 0; slot < touched; ++slot) {
        const T* sum = buffer.sums + slot * f_.channels;
        Value* row = to + buffer.pixel_of_slot[slot] * f_.channels;
        for (int64_t c = 0; c < f_.channels; c += lanes) {
          const int valid = static_cast<int>(std::min<int64_t>(lanes, f_.channels - c));
          store_as<T>(row + c, load_partial(sum + c, valid), valid);
        }
      }
      return;
    }
    const int64_t stride = f_.channel_stride(level);
    for (int64_t c = 0; c < f_.channels; ++c) {
      Value* to = map + c * stride + first_pixel;
      std::memset(static_cast<void*>(to), 0, static_cast<size_t>(pixels) * sizeof(Value));
      for (int slot = 0; slot < touched; ++slot) {
        const T sum = buffer.sums[slot * f_.channels + c];
        if constexpr (std::is_same_v<T, Value>) {
          to[buffer.pixel_of_slot[slot]] = sum;
        } else {
          to[buffer.pixel_of_slot[slot]] = narrow<Value>(sum);
        }
      }
    }
  }

  const MultiViewBackwardJob& job_;
  const MultiViewJob& f_;
  const FeatureGradientPlan& plan_;
  const T* grad_out_;
  VisibleView<T>* views_;
  int64_t* counts_;
};

}  // namespace bevel::BEVEL_ISA_NAMESPACE
