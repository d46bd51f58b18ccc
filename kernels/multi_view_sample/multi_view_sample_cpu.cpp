// Feature sampling in several cameras on the CPU, forward.
//
// A task is a run of queries of one batch element: their points are projected into all cameras in vector
// loops. Then, query by query, the samples of the views that are visible are listed, and each run of channels
// is summed over them in registers. Bound: the memory latency and bandwidth of four rows of channels a sample
// (asking for them ahead gained nothing). Where channels come first the neighbours are gathered into rows
// before: two cache lines a sample and channel, each on a memory page of its own.
#include "multi_view_sample/multi_view_sample_job.hpp"
#include "bodies.hpp"

#include "core/cpu_dispatch.hpp"
#include "core/work_shares.hpp"
#include "multi_view_sample/multi_view_sample_views.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {
namespace {

constexpr int kMostVectors = 8;

template <class T, class Value>
struct Scratch {
  Views<T> views;
  SampleList<T, Value> list;
  CornerRows<Value, kMostVectors * kLanes<T>> rows;
  alignas(64) T sum[kMostVectors * kLanes<T>];
};

/// Adds the listed samples' channels [channel, channel + width), V vectors, to sum.
template <class T, class Value, int V>
void add_samples(const MultiViewJob& job, Scratch<T, Value>& scratch, int64_t channel, int width) {
  constexpr int lanes = kLanes<T>;
  const int rest = width - (V - 1) * lanes;
  const int64_t group = job.channels / job.groups;
  int32_t group_of[V];
  for (int v = 0; v < V; ++v) group_of[v] = static_cast<int32_t>((channel + v * lanes) / group);
  Vector<T> sum[V];
  for (int v = 0; v < V; ++v) sum[v] = load(scratch.sum + v * lanes);
  for (int i = 0; i < scratch.list.count; ++i) {
    const Sample<T, Value>& sample = scratch.list.samples[i];
    const Value* corner[4];
    scratch.rows.gather(sample, channel, width, corner);
    Vector<T> value[V] = {};
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      if (!corner[k]) continue;
      const Vector<T> factor = broadcast(sample.factor[k]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) {
        value[v] += factor * load_as<T>(corner[k] + v * lanes, v + 1 < V ? lanes : rest);
      }
    }
    // A number times zero is zero, unless it is not finite.
    Vector<T> check = {};
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) check += value[v] * T(0);
    if (__builtin_expect(any_nan<T>(check), 0)) {
      for (int v = 0; v < V; ++v) value[v] = finite_or_limit<T, Value>(value[v]);
    }
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[v] += broadcast(sample.weights[group_of[v]]) * value[v];
  }
  for (int v = 0; v < V; ++v) store(scratch.sum + v * lanes, sum[v]);
}

template <class T>
void store_sums(const MultiViewJob& job, const T* sum, int64_t at, int width) {
  with_map_types(std::is_same_v<T, double> ? ElementType::kFloat64 : ElementType::kFloat32, job.out_type,
                 [&](auto t, auto, auto out) {
                   if constexpr (std::is_same_v<decltype(t), T>) {
                     auto* to = static_cast<decltype(out)*>(job.out) + at;
                     for (int i = 0; i < width; i += kLanes<T>) {
                       store_as<T>(to + i, load(sum + i), std::min(kLanes<T>, width - i));
                     }
                   }
                 });
}

/// A query whose points are items of the run from `run` on.
template <class T, class Value>
void sample_query(const MultiViewJob& job, Scratch<T, Value>& scratch, int64_t batch, int64_t query,
                  int run) {
  int listed = scratch.list.take(job, scratch.views, batch, query, run, 0, job.points);
  const bool whole = listed == job.points;
  for_each_segment<T, kMostVectors>(job, [&](int64_t channel, int width) {
    std::fill_n(scratch.sum, kMostVectors * kLanes<T>, T(0));
    with_constant<kMostVectors>((width + kLanes<T> - 1) / kLanes<T>, [&](auto vectors) {
      // A query that has more samples than fit a list is listed piece by piece for each run of channels.
      for (int point = 0; point < job.points;) {
        point =
            whole ? job.points : scratch.list.take(job, scratch.views, batch, query, run, point, job.points);
        add_samples<T, Value, vectors>(job, scratch, channel, width);
      }
    });
    store_sums(job, scratch.sum, (batch * job.queries + query) * job.channels + channel, width);
  });
}

template <class T>
void store_visible(const MultiViewJob& job, const Views<T>& views, int64_t batch, int64_t item, int count) {
  for (int camera = 0; camera < job.cameras; ++camera) {
    uint8_t* to = job.visible + (batch * job.cameras + camera) * job.items() + item;
    for (int i = 0; i < count; ++i) to[i] = static_cast<uint8_t>(views.of_camera[camera].visible[i]);
  }
}

template <class T, class Value>
void forward(const MultiViewJob& job) {
  const int64_t queries_of_task = kMostItems / job.points;
  const int64_t runs = (job.queries + queries_of_task - 1) / queries_of_task;
  Crew crew(job.cpu.threads, job.batch * runs);
  WorkShares shares(job.batch * runs, crew.size());
  crew.run([&](int thread) {
    Scratch<T, Value> scratch;
    shares.work(thread, [&](int64_t task) {
      const int64_t batch = task / runs, first = task % runs * queries_of_task;
      const int64_t end = std::min(first + queries_of_task, job.queries);
      const int items = static_cast<int>(end - first) * job.points;
      scratch.views.find(job, batch, first * job.points, items);
      if (job.visible) store_visible(job, scratch.views, batch, first * job.points, items);
      for (int64_t q = first; q < end; ++q) {
        sample_query(job, scratch, batch, q, static_cast<int>(q - first) * job.points);
      }
    });
  });
}

}  // namespace

void multi_view_sample_forward(const MultiViewJob& job) {
  const ElementType out =
      job.feature_type == ElementType::kFloat64 ? job.feature_type : ElementType::kFloat32;
  with_map_types(job.feature_type, out,
                 [&](auto t, auto value, auto) { forward<decltype(t), decltype(value)>(job); });
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
