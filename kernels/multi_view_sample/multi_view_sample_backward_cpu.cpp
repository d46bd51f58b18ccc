// Feature sampling in several cameras on the CPU, backward.
//
// Gradients of weights and of points (or locations) belong to queries: a task is a run of them, as forward.
// For each sample one pass over its neighbours gives the products of the output's gradient with the sample
// and with each neighbour, summed over channels in registers. Gradients of features:
// multi_view_sample_feature_gradient.hpp.

#include "core/cpu_dispatch.hpp"
#include "multi_view_sample/multi_view_sample_job.hpp"
#include "bodies.hpp"
#include "multi_view_sample/multi_view_sample_feature_gradient.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {
namespace {

constexpr int kMostVectors = 4;

template <class T, class Value>
struct Scratch {
  Views<T> views;
  SampleList<T, Value> list;
  CornerRows<Value, kMostVectors * kLanes<T>> rows;
  /// By u and v of each visible view of a query.
  T by_view[BEVEL_MULTI_VIEW_MAX_POINTS][kMostCameras][2];
};

template <class T>
inline T sum_of_lanes(Vector<T> value) {
  T lanes[kLanes<T>];
  store(lanes, value);
  for (int half = kLanes<T> / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

template <class T, class Value>
class QueryGradients {
 public:
  QueryGradients(const MultiViewBackwardJob& job, const T* grad_out, Scratch<T, Value>& scratch)
      : job_(job), f_(job.forward), grad_out_(grad_out), scratch_(scratch) {}

  /// A query whose points are items of the run from `run` on.
  void run(int64_t batch, int64_t query, int run) {
    const int64_t at = batch * f_.queries + query;
    const int64_t views = static_cast<int64_t>(f_.points) * f_.cameras;
    if (job_.grad_weights) {
      const int64_t count = views * f_.levels * f_.groups;
      grad_weights_ = static_cast<T*>(job_.grad_weights) + at * count;
      std::fill_n(grad_weights_, count, T(0));
    }
    for (int point = 0; point < f_.points; ++point) {
      std::fill_n(&scratch_.by_view[point][0][0], 2 * f_.cameras, T(0));
    }
    const T* gradient = grad_out_ + at * f_.channels;
    const bool whole = scratch_.list.take(f_, scratch_.views, batch, query, run, 0, f_.points) == f_.points;
    for_each_segment<T, kMostVectors>(f_, [&](int64_t channel, int width) {
      with_constant<kMostVectors>((width + kLanes<T> - 1) / kLanes<T>, [&](auto vectors) {
        for (int point = 0; point < f_.points;) {
          point =
              whole ? f_.points : scratch_.list.take(f_, scratch_.views, batch, query, run, point, f_.points);
          samples<vectors>(gradient, channel, width, run);
        }
      });
    });
    if (job_.grad_locations) store_locations(at);
    if (job_.grad_points) store_points(batch, query, run);
  }

 private:
  /// The listed samples' channels [channel, channel + width), V vectors.
  template <int V>
  void samples(const T* gradients, int64_t channel, int width, int run) {
    constexpr int lanes = kLanes<T>;
    const int rest = width - (V - 1) * lanes;
    const int64_t group = f_.channels / f_.groups;
    int32_t group_of[V];
    Vector<T> gradient[V];
    for (int v = 0; v < V; ++v) {
      group_of[v] = static_cast<int32_t>((channel + v * lanes) / group);
      gradient[v] = load_partial(gradients + channel + v * lanes, v + 1 < V ? lanes : rest);
    }
    for (int i = 0; i < scratch_.list.count; ++i) {
      const Sample<T, Value>& sample = scratch_.list.samples[i];
      const Value* corner[4];
      scratch_.rows.gather(sample, channel, width, corner);
      Vector<T> neighbour[4][V];
      Vector<T> value[V] = {};
      for (int k = 0; k < 4; ++k) {
        const Vector<T> factor = broadcast(sample.factor[k]);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          neighbour[k][v] =
              corner[k] ? load_as<T>(corner[k] + v * lanes, v + 1 < V ? lanes : rest) : Vector<T>{};
          value[v] += corner[k] ? factor * neighbour[k][v] : Vector<T>{};
        }
      }
      // A number times zero is zero, unless it is not finite: then it has no gradient by location.
      Vector<T> check = {};
      for (int v = 0; v < V; ++v) check += value[v] * T(0);
      if (__builtin_expect(any_nan<T>(check), 0)) {
        for (int v = 0; v < V; ++v) {
          const Vector<T> zero = value[v] * T(0);
          for (int k = 0; k < 4; ++k) neighbour[k][v] = zero == zero ? neighbour[k][v] : Vector<T>{};
          value[v] = finite_or_limit<T, Value>(value[v]);
        }
      }
      Vector<T> product[4] = {};
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        const Vector<T> weighed = gradient[v] * sample.weights[group_of[v]];
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k) product[k] += weighed * neighbour[k][v];
      }
      if (job_.grad_weights) {
        T* to = grad_weights_ +
                ((static_cast<int64_t>(sample.camera) * f_.points + sample.item - run) * f_.levels +
                 sample.level) *
                    f_.groups;
        Vector<T> sum = {};
        for (int v = 0; v < V; ++v) {
          sum += gradient[v] * value[v];
          if (v + 1 < V && group_of[v + 1] == group_of[v]) continue;
          to[group_of[v]] += sum_of_lanes<T>(sum);
          sum = Vector<T>{};
        }
      }
      add_location(sample, product, scratch_.by_view[sample.item - run][sample.camera]);
    }
  }

  /// With x = u · width − 0.5.
  void add_location(const Sample<T, Value>& sample, const Vector<T> (&product)[4], T* by_view) {
    if (!job_.grad_points && !job_.grad_locations) return;
    const Vector<T> top = product[1] - product[0], bottom = product[3] - product[2];
    const Vector<T> left = product[2] - product[0], right = product[3] - product[1];
    const FeatureLevel& level = f_.features[sample.level];
    by_view[0] += static_cast<T>(level.width) * sum_of_lanes<T>(top + sample.lower * (bottom - top));
    by_view[1] += static_cast<T>(level.height) * sum_of_lanes<T>(left + sample.right * (right - left));
  }

  void store_locations(int64_t at) const {
    T* to = static_cast<T*>(job_.grad_locations) + at * f_.points * f_.cameras * 2;
    for (int point = 0; point < f_.points; ++point) {
      to = std::copy_n(&scratch_.by_view[point][0][0], 2 * f_.cameras, to);
    }
  }

  void store_points(int64_t batch, int64_t query, int run) const {
    T* to = static_cast<T*>(job_.grad_points) + (batch * f_.queries + query) * f_.points * 3;
    for (int point = 0; point < f_.points; ++point, to += 3) {
      T at[3], gradient[3] = {};
      read_point(f_, batch, query * f_.points + point, at);
      for (uint32_t seen = scratch_.views.seen[run + point]; seen; seen &= seen - 1) {
        const int camera = __builtin_ctz(seen);
        const T* matrix = static_cast<const T*>(f_.lidar_to_image) + 16 * (batch * f_.cameras + camera);
        const T width = image_extent<T>(f_, batch, camera, 0), height = image_extent<T>(f_, batch, camera, 1);
        const CameraPoint<T> view = project_point(matrix, at[0], at[1], at[2], width, height);
        add_projection_gradient(matrix, view, width, height, scratch_.by_view[point][camera][0],
                                scratch_.by_view[point][camera][1], gradient);
      }
      for (int k = 0; k < 3; ++k)
        to[k] = f_.normalised ? gradient[k] * static_cast<T>(f_.extent[k]) : gradient[k];
    }
  }

  const MultiViewBackwardJob& job_;
  const MultiViewJob& f_;
  const T* grad_out_;
  Scratch<T, Value>& scratch_;
  T* grad_weights_ = nullptr;
};

template <class T, class Value>
void backward_of_queries(const MultiViewBackwardJob& job, const T* grad_out) {
  const MultiViewJob& f = job.forward;
  const int64_t queries_of_task = kMostItems / f.points;
  const int64_t runs = (f.queries + queries_of_task - 1) / queries_of_task;
  Crew crew(f.cpu.threads, f.batch * runs);
  WorkShares shares(f.batch * runs, crew.size());
  crew.run([&](int thread) {
    Scratch<T, Value> scratch;
    QueryGradients<T, Value> gradients(job, grad_out, scratch);
    shares.work(thread, [&](int64_t task) {
      const int64_t batch = task / runs, first = task % runs * queries_of_task;
      const int64_t end = std::min(first + queries_of_task, f.queries);
      scratch.views.find(f, batch, first * f.points, static_cast<int>(end - first) * f.points);
      for (int64_t q = first; q < end; ++q) gradients.run(batch, q, static_cast<int>(q - first) * f.points);
    });
  });
}

template <class T, class Value>
void backward_of_features(const MultiViewBackwardJob& job, const FeatureGradientPlan& plan,
                          const T* grad_out) {
  const FeatureGradient<T, Value> gradient(job, plan, grad_out);
  Crew crew(plan.threads_in(job.workspace_bytes));
  deal(crew, gradient.maps(), [&](int64_t map) { gradient.list_views(map); });
  WorkShares bands(gradient.bands(), crew.size(), [&](int64_t task) { return gradient.band_weight(task); });
  crew.run([&](int thread) { bands.work(thread, [&](int64_t task) { gradient.write_band(task, thread); }); });
}

template <class Storage>
void widen_gradient(const MultiViewBackwardJob& job, float* to) {
  const int64_t count = job.forward.batch * job.forward.queries * job.forward.channels;
  const auto* from = static_cast<const Storage*>(job.grad_out);
  constexpr int lanes = kLanes<float>;
  Crew crew(job.forward.cpu.threads);
  deal<256>(crew, (count + lanes - 1) / lanes, [&](int64_t vector) {
    const int64_t i = vector * lanes;
    const int valid = static_cast<int>(std::min<int64_t>(lanes, count - i));
    store_partial(to + i, load_as<float>(from + i, valid), valid);
  });
}

/// The output's gradient in T: as it stands, or widened into the workspace.
template <class T>
const T* gradient_in(const MultiViewBackwardJob& job, const FeatureGradientPlan& plan) {
  if constexpr (std::is_same_v<T, float>) {
    if (plan.converts()) {
      float* to = reinterpret_cast<float*>(job.workspace + plan.converted_at());
      if (job.forward.out_type == ElementType::kBfloat16) {
        widen_gradient<Bfloat16>(job, to);
      } else {
        widen_gradient<Float16>(job, to);
      }
      return to;
    }
  }
  return static_cast<const T*>(job.grad_out);
}

template <class T, class Value>
void backward(const MultiViewBackwardJob& job) {
  const FeatureGradientPlan plan(job, sizeof(T));
  const T* grad_out = gradient_in<T>(job, plan);
  if (job.grad_weights || job.grad_points || job.grad_locations) {
    backward_of_queries<T, Value>(job, grad_out);
  }
  if (job.wants_features()) backward_of_features<T, Value>(job, plan, grad_out);
}

}  // namespace

int64_t multi_view_sample_backward_workspace(const MultiViewBackwardJob& job) {
  return FeatureGradientPlan(job, job.forward.feature_type == ElementType::kFloat64 ? 8 : 4).bytes();
}

void multi_view_sample_backward(const MultiViewBackwardJob& job) {
  const ElementType type = job.forward.feature_type;
  with_map_types(type, type == ElementType::kFloat64 ? type : ElementType::kFloat32,
                 [&](auto t, auto value, auto) { backward<decltype(t), decltype(value)>(job); });
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
