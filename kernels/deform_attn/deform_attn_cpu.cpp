// Deformable attention on the CPU, forward.
//
// A task is a run of queries of one batch element. Where the samples of several heads lie is worked out in
// one vector loop; then each head is summed in registers, up to eight vectors of channels, sample by sample,
// four neighbours each. Corners have sums of their own while registers last, so that additions do not wait
// for one another. Maps that a query does not see cost nothing. Bound: the loads of value rows, four for each
// sample, from the caches; queries go in an order that keeps these rows in the second level (QueryOrder).
#include "deform_attn/deform_attn_job.hpp"
#include "bodies.hpp"

#include "core/cpu_dispatch.hpp"
#include "core/work_shares.hpp"
#include "deform_attn/deform_attn_order.hpp"
#include "deform_attn/deform_attn_samples.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {
namespace {

constexpr int64_t kQueriesOfTask = 32;
constexpr int kMostVectors = 8;
/// Output of which little would be left in the caches when the last query is done.
constexpr int64_t kStreamedBytes = 8 << 20;

/// Adds `count` samples from `first` on, `width` channels in V vectors, to sum. kWhole: the vectors are full.
template <class T, class Value, int V, bool kWhole>
inline void add_samples(const Samples<T>& samples, int first, int count, const Value* value,
                        int64_t row_stride, int width, T* sum) {
  constexpr int kSets = V <= 2 ? 4 : V <= 4 ? 2 : 1;
  constexpr int lanes = kLanes<T>;
  const int rest = kWhole ? lanes : width - (V - 1) * lanes;
  Vector<T> sets[kSets][V] = {};
  auto add = [&](int corner, int i, const Value* row) {
    const Vector<T> factor = broadcast(samples.corner[corner][i]);
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      sets[corner % kSets][v] += factor * load_as<T>(row + v * lanes, v + 1 < V ? lanes : rest);
    }
  };
  for (int i = first; i < first + count; ++i) {
    const uint32_t inside = samples.inside[i];
    const Value* row = value + samples.row[i] * row_stride;
    const Value* below = row + samples.width[i] * row_stride;
    if (inside == 15u) {
      add(0, i, row);
      add(1, i, row + row_stride);
      add(2, i, below);
      add(3, i, below + row_stride);
    } else if (inside != 0) {
      if (inside & 1u) add(0, i, row);
      if (inside & 2u) add(1, i, row + row_stride);
      if (inside & 4u) add(2, i, below);
      if (inside & 8u) add(3, i, below + row_stride);
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    Vector<T> total = load(sum + v * lanes);
    for (int set = 0; set < kSets; ++set) total += sets[set][v];
    store(sum + v * lanes, total);
  }
}

template <class T>
struct Scratch {
  Samples<T> samples;
  alignas(64) T sum[kMostRuns][kMostVectors * kLanes<T>];
};

/// Channels [channel, channel + width) of `heads` heads of a query, over maps [map, end).
template <class T, class Value, class Out>
void attend(const DeformAttnJob& job, const SamplePattern<T>& pattern, Scratch<T>& scratch,
            const VisibleMaps& maps, QueryView view, int64_t end, int64_t head, int heads, int64_t channel,
            int width, Out* out, bool streamed) {
  constexpr int lanes = kLanes<T>;
  with_constant<kMostVectors>((width + lanes - 1) / lanes, [&](auto vectors) {
    constexpr int V = vectors;
    for (int h = 0; h < heads; ++h) std::fill_n(scratch.sum[h], V * lanes, T(0));
    for (; view.map < end; ++view.map) {
      if (!maps.sees(view.map)) continue;
      read_samples(job, pattern, view, head, heads, maps.scale<T>(), scratch.samples);
      scratch.samples.place(pattern, heads * pattern.per_head);
      const Value* value = static_cast<const Value*>(job.value) + view.batch * job.value_strides.batch +
                           view.map * job.value_strides.map + channel;
      const auto add = width == V * lanes ? add_samples<T, Value, V, true> : add_samples<T, Value, V, false>;
      for (int h = 0; h < heads; ++h) {
        add(scratch.samples, h * pattern.per_head, pattern.per_head,
            value + (head + h) * job.value_strides.head, job.value_strides.query, width, scratch.sum[h]);
      }
    }
    for (int h = 0; h < heads; ++h) {
      for (int v = 0; v < V; ++v) {
        Out* to = out + (head + h) * job.head_dim + channel + v * lanes;
        const Vector<T> sum = load(scratch.sum[h] + v * lanes);
        if constexpr (std::is_same_v<T, Out>) {
          if (streamed) {
            stream(to, sum);
            continue;
          }
        }
        store_as<T>(to, sum, v + 1 < V ? lanes : width - (V - 1) * lanes);
      }
    }
  });
}

template <class T, class Value, class Out>
void query(const DeformAttnJob& job, const SamplePattern<T>& pattern, Scratch<T>& scratch, int64_t batch,
           int64_t query, bool streamed) {
  constexpr int64_t chunk = kMostVectors * kLanes<T>;
  const VisibleMaps maps(job, batch, query);
  const int64_t outputs = job.mean ? 1 : job.maps;
  for (int64_t output = 0; output < outputs; ++output) {
    Out* out = static_cast<Out*>(job.out) +
               ((batch * outputs + output) * job.queries + query) * job.heads * job.head_dim;
    const int64_t end = job.mean ? job.maps : output + 1;
    for (int64_t head = 0; head < job.heads; head += pattern.runs) {
      const int heads = static_cast<int>(std::min<int64_t>(pattern.runs, job.heads - head));
      for (int64_t channel = 0; channel < job.head_dim; channel += chunk) {
        const int width = static_cast<int>(std::min(job.head_dim - channel, chunk));
        attend<T, Value, Out>(job, pattern, scratch, maps, {batch, output, query}, end, head, heads, channel,
                              width, out, streamed);
      }
    }
  }
}

/// Whether to write past the caches: whole vectors only.
template <class T, class Out>
bool streams_out(const DeformAttnJob& job) {
  const int64_t outputs = job.mean ? 1 : job.maps;
  return std::is_same_v<T, Out> && job.head_dim % kLanes<T> == 0 &&
         job.batch * outputs * job.queries * job.heads * job.head_dim * static_cast<int64_t>(sizeof(T)) >
             kStreamedBytes &&
         reinterpret_cast<uintptr_t>(job.out) % sizeof(Vector<T>) == 0;
}

template <class T, class Value, class Out>
void forward(const DeformAttnJob& job) {
  const SamplePattern<T> pattern(job);
  const QueryOrder order(job);
  const bool streamed = streams_out<T, Out>(job);
  const int64_t tiles = (job.queries + kQueriesOfTask - 1) / kQueriesOfTask;
  Crew crew(job.cpu.threads, job.batch * tiles);
  WorkShares shares(job.batch * tiles, crew.size());
  crew.run([&](int thread) {
    Scratch<T> scratch;
    shares.work(thread, [&](int64_t task) {
      const int64_t first = task % tiles * kQueriesOfTask;
      const int64_t end = std::min(first + kQueriesOfTask, job.queries);
      for (int64_t place = first; place < end; ++place) {
        const int64_t batch = task / tiles;
        query<T, Value, Out>(job, pattern, scratch, batch, order.query(batch, place), streamed);
      }
    });
    if (streamed) end_streaming();
  });
}

}  // namespace

void deform_attn_forward(const DeformAttnJob& job) {
  with_map_types(job.value_type, job.out_type, [&](auto t, auto value, auto out) {
    forward<decltype(t), decltype(value), decltype(out)>(job);
  });
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
