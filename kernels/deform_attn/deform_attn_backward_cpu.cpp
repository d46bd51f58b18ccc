// Deformable attention on the CPU, backward.
//
// A task is one head of one batch element: it alone writes that head's gradients, walking the queries in
// order, so sums come out the same for any number of threads and nothing is atomic. The value map's gradient
// grows in a compact buffer of the thread, head_dim numbers a row, and is copied out at the end. For each
// sample and corner one pass multiplies the output's gradient into the buffer and with the value row; sixteen
// such products at a time are then summed across their lanes by a transpose. Bound: three rows moved for each
// corner.
#include <omp.h>

#include "core/cpu_dispatch.hpp"
#include "core/lane_sums.hpp"
#include "core/work_shares.hpp"
#include "deform_attn/deform_attn_cpu.hpp"
#include "deform_attn/deform_attn_samples.hpp"
#include "settings.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {
namespace {

constexpr int kMostVectors = 4;

template <class T>
struct Scratch {
  Samples<T> samples;
  alignas(64) T gradient[kMostVectors * kLanes<T>];
  /// Products of value and gradient for corner k of sample i, lane by lane.
  alignas(64) T products[kMostSamples * 4][kLanes<T>];
  /// Their sums.
  alignas(64) T dot[kMostSamples * 4];
  alignas(64) T grad_x[kMostSamples];
  alignas(64) T grad_y[kMostSamples];
  alignas(64) T grad_weight[kMostSamples];
};

/// One chunk of channels, V vectors, of `count` samples of a head.
template <class T, class Value, int V>
void pass_back(Scratch<T>& scratch, int first, int count, const Value* value, int64_t row_stride, T* buffer,
               int64_t buffer_stride, int width, bool add_products) {
  constexpr int lanes = kLanes<T>;
  const Samples<T>& samples = scratch.samples;
  const int rest = width - (V - 1) * lanes;
  Vector<T> gradient[V];
  for (int v = 0; v < V; ++v) gradient[v] = load(scratch.gradient + v * lanes);
  for (int i = first; i < first + count; ++i) {
    const uint32_t inside = samples.inside[i];
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      T* product = scratch.products[4 * i + k];
      if (!(inside & 1u << k)) {
        if (!add_products) store(product, Vector<T>{});
        continue;
      }
      const int64_t row = samples.row[i] + (k & 2 ? samples.width[i] : 0) + (k & 1);
      if (value) {
        Vector<T> sum = {};
        if (add_products) sum = load(product);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          sum += gradient[v] * load_as<T>(value + row * row_stride + v * lanes, v + 1 < V ? lanes : rest);
        }
        store(product, sum);
      }
      if (buffer) {
        const Vector<T> factor = broadcast(samples.corner[k][i]);
        T* to = buffer + row * buffer_stride;
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          const int valid = v + 1 < V ? lanes : rest;
          store_partial(to + v * lanes, load_partial(to + v * lanes, valid) + factor * gradient[v], valid);
        }
      }
    }
  }
}

/// From the products' sums to the gradients of x, y (pixels) and weight of each sample.
template <class T>
void gradients_of_samples(Scratch<T>& scratch, int count) {
  const Samples<T>& s = scratch.samples;
  for (int i = 0; i < count; ++i) {
    const T d0 = scratch.dot[4 * i], d1 = scratch.dot[4 * i + 1];
    const T d2 = scratch.dot[4 * i + 2], d3 = scratch.dot[4 * i + 3];
    const T above = d0 + s.right[i] * (d1 - d0), below = d2 + s.right[i] * (d3 - d2);
    scratch.grad_weight[i] = above + s.lower[i] * (below - above);
    scratch.grad_x[i] = s.weight[i] * ((d1 - d0) + s.lower[i] * ((d3 - d2) - (d1 - d0)));
    scratch.grad_y[i] = s.weight[i] * (below - above);
  }
}

/// Gradients of one head of one query on one map, from grad_x, grad_y, grad_weight at `first`.
template <class T>
void write_gradients(const DeformAttnBackwardJob& job, const SamplePattern<T>& pattern,
                     const Scratch<T>& scratch, const QueryView& view, int64_t head, int first, T scale,
                     T* grad_reference) {
  const DeformAttnJob& f = job.forward;
  const int per_head = pattern.per_head;
  const T* gx = scratch.grad_x + first;
  const T* gy = scratch.grad_y + first;
  const T* gw = scratch.grad_weight + first;
  const T* weight = scratch.samples.weight + first;
  const T* reference =
      f.boxes ? static_cast<const T*>(f.reference) + offset_of(f.reference_strides, view, 0) : nullptr;
  const T box_step = T(0.5) / static_cast<T>(f.points);
  if (job.grad_locations) {
    T* to = static_cast<T*>(job.grad_locations) + offset_of(job.grad_location_strides, view, head);
    for (int i = 0; i < per_head; ++i) {
      T step_x = f.fused ? T(1) : pattern.wide[i], step_y = f.fused ? T(1) : pattern.high[i];
      if (f.boxes) {
        step_x = reference[pattern.reference[i] * 4 + 2] * pattern.wide[i] * box_step;
        step_y = reference[pattern.reference[i] * 4 + 3] * pattern.high[i] * box_step;
      }
      to[2 * i] += gx[i] * step_x;
      to[2 * i + 1] += gy[i] * step_y;
    }
  }
  if (job.grad_weights) {
    T* to = static_cast<T*>(job.grad_weights) + offset_of(job.grad_weight_strides, view, head);
    if (f.fused) {
      // With w = scale · softmax(logits): ∂/∂logit_i = w_i (g_i − Σ_j w_j g_j / scale).
      T mean = 0;
      for (int i = 0; i < per_head; ++i) mean += weight[i] * gw[i];
      mean /= scale;
      for (int i = 0; i < per_head; ++i) to[i] += weight[i] * (gw[i] - mean);
    } else {
      for (int i = 0; i < per_head; ++i) to[i] += gw[i];
    }
  }
  if (grad_reference) {
    const T* offset = static_cast<const T*>(f.locations) + offset_of(f.location_strides, view, head);
    for (int i = 0; i < per_head; ++i) {
      T* to = grad_reference + pattern.reference[i] * (f.boxes ? 4 : 2);
      to[0] += gx[i] * pattern.wide[i];
      to[1] += gy[i] * pattern.high[i];
      if (f.boxes) {
        to[2] += gx[i] * pattern.wide[i] * box_step * offset[2 * i];
        to[3] += gy[i] * pattern.high[i] * box_step * offset[2 * i + 1];
      }
    }
  }
}

template <class T, class Value, class Out>
class HeadBackward {
 public:
  HeadBackward(const DeformAttnBackwardJob& job, const SamplePattern<T>& pattern, Scratch<T>& scratch,
               T* buffer, T* grad_references)
      : job_(job),
        f_(job.forward),
        pattern_(pattern),
        scratch_(scratch),
        buffer_(buffer),
        grad_references_(grad_references) {}

  void run(int64_t batch, int64_t head) {
    clear(job_.grad_locations, job_.grad_location_strides, batch, head, 2);
    clear(job_.grad_weights, job_.grad_weight_strides, batch, head, 1);
    for (int64_t map = 0; map < f_.maps; ++map) {
      if (job_.grad_value) std::fill_n(buffer_, f_.rows * f_.head_dim, T(0));
      for (int64_t query = 0; query < f_.queries; query += pattern_.runs) {
        queries({batch, map, query}, std::min<int64_t>(pattern_.runs, f_.queries - query), head);
      }
      if (job_.grad_value) copy_out(batch, map, head);
    }
  }

 private:
  /// Zeros this head's part of a gradient; a map stride of 0 means that the maps share it.
  void clear(void* gradient, const AttentionStrides& strides, int64_t batch, int64_t head, int numbers) {
    if (!gradient) return;
    const int64_t maps = strides.map == 0 ? 1 : f_.maps;
    for (int64_t map = 0; map < maps; ++map) {
      for (int64_t query = 0; query < f_.queries; ++query) {
        std::fill_n(static_cast<T*>(gradient) + offset_of(strides, {batch, map, query}, head),
                    pattern_.per_head * numbers, T(0));
      }
    }
  }

  void queries(QueryView view, int64_t count, int64_t head) {
    int64_t seen[kMostRuns];
    T scales[kMostRuns];
    int runs = 0;
    const int64_t first_query = view.query;
    for (int64_t query = first_query; query < first_query + count; ++query) {
      const VisibleMaps maps(f_, view.batch, query);
      if (!maps.sees(view.map)) continue;
      view.query = query;
      scales[runs] = maps.scale<T>();
      read_samples(f_, pattern_, view, head, 1, runs * pattern_.per_head, scales[runs], scratch_.samples);
      seen[runs++] = query;
    }
    const int samples = runs * pattern_.per_head;
    scratch_.samples.place(pattern_, samples);
    for (int run = 0; run < runs; ++run) {
      view.query = seen[run];
      channels(view, head, run * pattern_.per_head);
    }
    if (!wants_products()) return;
    sum_lanes<T>(scratch_.products, 4 * samples, scratch_.dot);
    gradients_of_samples(scratch_, samples);
    for (int run = 0; run < runs; ++run) {
      view.query = seen[run];
      write_gradients(job_, pattern_, scratch_, view, head, run * pattern_.per_head, scales[run],
                      reference_gradient(view, head));
    }
  }

  void channels(const QueryView& view, int64_t head, int first) {
    constexpr int lanes = kLanes<T>, chunk = kMostVectors * lanes;
    const int64_t outputs = f_.mean ? 1 : f_.maps, output = f_.mean ? 0 : view.map;
    const Out* gradient =
        static_cast<const Out*>(job_.grad_out) +
        ((view.batch * outputs + output) * f_.queries + view.query) * f_.heads * f_.head_dim +
        head * f_.head_dim;
    const Value* value = static_cast<const Value*>(f_.value) + view.batch * f_.value_strides.batch +
                         view.map * f_.value_strides.map + head * f_.value_strides.head;
    for (int64_t channel = 0; channel < f_.head_dim; channel += chunk) {
      const int width = static_cast<int>(std::min<int64_t>(f_.head_dim - channel, chunk));
      with_constant<kMostVectors>((width + lanes - 1) / lanes, [&](auto vectors) {
        constexpr int V = vectors;
        for (int v = 0; v < V; ++v) {
          store(scratch_.gradient + v * lanes,
                load_as<T>(gradient + channel + v * lanes, v + 1 < V ? lanes : width - (V - 1) * lanes));
        }
        pass_back<T, Value, V>(scratch_, first, pattern_.per_head,
                               wants_products() ? value + channel : nullptr, f_.value_strides.query,
                               job_.grad_value ? buffer_ + channel : nullptr, f_.head_dim, width,
                               channel > 0);
      });
    }
  }

  bool wants_products() const { return job_.grad_locations || job_.grad_weights || job_.grad_reference; }

  T* reference_gradient(const QueryView& view, int64_t head) const {
    if (!job_.grad_reference) return nullptr;
    const int64_t numbers = f_.references * (f_.boxes ? 4 : 2);
    return grad_references_ +
           (((view.batch * f_.maps + view.map) * f_.queries + view.query) * f_.heads + head) * numbers;
  }

  void copy_out(int64_t batch, int64_t map, int64_t head) {
    constexpr int lanes = kLanes<T>;
    Value* to = static_cast<Value*>(job_.grad_value) +
                ((batch * f_.maps + map) * f_.rows * f_.heads + head) * f_.head_dim;
    for (int64_t row = 0; row < f_.rows; ++row, to += f_.heads * f_.head_dim) {
      for (int64_t channel = 0; channel < f_.head_dim; channel += lanes) {
        const int valid = static_cast<int>(std::min<int64_t>(lanes, f_.head_dim - channel));
        store_as<T>(to + channel, load_partial(buffer_ + row * f_.head_dim + channel, valid), valid);
      }
    }
  }

  const DeformAttnBackwardJob& job_;
  const DeformAttnJob& f_;
  const SamplePattern<T>& pattern_;
  Scratch<T>& scratch_;
  T* buffer_;
  T* grad_references_;
};

constexpr int64_t round_up(int64_t bytes) { return (bytes + 63) / 64 * 64; }

/// Bytes of one thread's buffer and of the reference gradients of all heads.
struct Workspace {
  int64_t buffer = 0, references = 0;

  Workspace(const DeformAttnBackwardJob& job, int64_t element) {
    const DeformAttnJob& f = job.forward;
    if (job.grad_value) buffer = round_up(f.rows * f.head_dim * element);
    if (job.grad_reference) {
      references =
          round_up(f.batch * f.maps * f.queries * f.heads * f.references * (f.boxes ? 4 : 2) * element);
    }
  }
};

template <class T, class Value, class Out>
void backward(const DeformAttnBackwardJob& job) {
  const DeformAttnJob& f = job.forward;
  const SamplePattern<T> pattern(f);
  const Workspace workspace(job, sizeof(T));
  T* grad_references = reinterpret_cast<T*>(job.workspace);
  const int64_t numbers = f.references * (f.boxes ? 4 : 2);
  WorkShares shares(f.batch * f.heads, num_threads());
#pragma omp parallel num_threads(num_threads())
  {
    Scratch<T> scratch;
    T* buffer =
        reinterpret_cast<T*>(job.workspace + workspace.references + omp_get_thread_num() * workspace.buffer);
    HeadBackward<T, Value, Out> head(job, pattern, scratch, buffer, grad_references);
    if (job.grad_reference) {
#pragma omp for schedule(static)
      for (int64_t i = 0; i < f.batch * f.maps * f.queries; ++i) {
        std::fill_n(grad_references + i * f.heads * numbers, f.heads * numbers, T(0));
      }
    }
    shares.work(omp_get_thread_num(), [&](int64_t task) { head.run(task / f.heads, task % f.heads); });
    if (job.grad_reference) {
#pragma omp barrier
#pragma omp for schedule(static)
      for (int64_t i = 0; i < f.batch * f.maps * f.queries; ++i) {
        T* to = static_cast<T*>(job.grad_reference) + i * numbers;
        const T* from = grad_references + i * f.heads * numbers;
        for (int64_t k = 0; k < numbers; ++k) {
          T sum = 0;
          for (int64_t h = 0; h < f.heads; ++h) sum += from[h * numbers + k];
          to[k] = sum;
        }
      }
    }
  }
}

}  // namespace

int64_t deform_attn_backward_workspace(const DeformAttnBackwardJob& job) {
  const Workspace workspace(job, job.forward.value_type == ElementType::kFloat64 ? 8 : 4);
  return workspace.references + workspace.buffer * num_threads();
}

void deform_attn_backward(const DeformAttnBackwardJob& job) {
  with_element_types(job.forward.value_type, job.forward.out_type, [&](auto t, auto value, auto out) {
    backward<decltype(t), decltype(value), decltype(out)>(job);
  });
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
