// Deformable attention on the CPU, backward.
//
// A task is a group of heads of one batch element: it alone writes their gradients, walking the queries in an
// order that depends on the arguments alone (QueryOrder), so sums come out the same for any number of threads
// and nothing is atomic. The value map's gradient grows in place, or for 16-bit values in a float buffer of
// the thread. For each sample and corner one pass multiplies the output's gradient into it and with the value
// row; sixteen such products at a time are then summed across their lanes by shuffles. Bound: three rows
// moved for each corner.

#include <numeric>

#include "core/cpu_dispatch.hpp"
#include "core/lane_sums.hpp"
#include "core/one_nan.hpp"
#include "core/work_shares.hpp"
#include "core/workspace_parts.hpp"
#include "deform_attn/deform_attn_job.hpp"
#include "bodies.hpp"
#include "deform_attn/deform_attn_order.hpp"
#include "deform_attn/deform_attn_samples.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {
namespace {

constexpr int kMostVectors = 4;
/// Samples whose products are summed across lanes together: their corners fill whole vectors.
constexpr int kSamplesAtOnce = 4;

template <class T>
struct Scratch {
  Samples<T> samples;
  alignas(64) T gradient[kMostVectors * kLanes<T>];
  /// Products of value and gradient for corner k of a few samples, lane by lane.
  alignas(64) T products[kSamplesAtOnce * 4][kLanes<T>];
  /// Their sums, for all samples; room for a last vector.
  alignas(64) T dot[kMostSamples * 4 + kSamplesAtOnce * 4];
  alignas(64) T grad_x[kMostSamples];
  alignas(64) T grad_y[kMostSamples];
  alignas(64) T grad_weight[kMostSamples];
};

/// dot[i] += the sum of the lanes of products[i], for i below count.
template <class T>
inline void add_lane_sums(const T (*products)[kLanes<T>], int count, T* dot) {
  constexpr int lanes = kLanes<T>;
  for (int i = 0; i < count; i += lanes) {
    Vector<T> rows[lanes];
#pragma GCC unroll 16
    for (int row = 0; row < lanes; ++row) rows[row] = load(products[i + row]);
    store(dot + i, load(dot + i) + lane_sums<T>(rows));
  }
}

/// Where the numbers of one head stand: those of row r from numbers + r · stride on.
template <class T>
struct HeadRows {
  T* numbers;
  int64_t stride;
};

/// One chunk of channels, V vectors, the last of `rest` channels, of `count` samples of a head.
template <class T, class Value, int V, bool kProducts, bool kValueGradient>
void pass_back(Scratch<T>& scratch, int first, int count, const HeadRows<const Value>& value,
               const HeadRows<T>& grad_value, int rest) {
  constexpr int lanes = kLanes<T>;
  const Samples<T>& samples = scratch.samples;
  Vector<T> gradient[V];
  for (int v = 0; v < V; ++v) gradient[v] = load(scratch.gradient + v * lanes);
  for (int start = first; start < first + count; start += kSamplesAtOnce) {
    const int few = std::min(kSamplesAtOnce, first + count - start);
    for (int i = start; i < start + few; ++i) {
      const uint32_t inside = samples.inside[i];
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) {
        T* product = scratch.products[4 * (i - start) + k];
        if (!(inside & 1u << k)) {
          if constexpr (kProducts) store(product, Vector<T>{});
          continue;
        }
        const int64_t row = samples.row[i] + (k & 2 ? samples.width[i] : 0) + (k & 1);
        if constexpr (kProducts) {
          const Value* from = value.numbers + row * value.stride;
          Vector<T> sum = {};
#pragma GCC unroll 4
          for (int v = 0; v < V; ++v)
            sum += gradient[v] * load_as<T>(from + v * lanes, v + 1 < V ? lanes : rest);
          store(product, sum);
        }
        if constexpr (kValueGradient) {
          const Vector<T> factor = broadcast(samples.corner[k][i]);
          T* to = grad_value.numbers + row * grad_value.stride;
#pragma GCC unroll 4
          for (int v = 0; v < V; ++v) {
            const int valid = v + 1 < V ? lanes : rest;
            store_partial(to + v * lanes, load_partial(to + v * lanes, valid) + factor * gradient[v], valid);
          }
        }
      }
    }
    if constexpr (kProducts) add_lane_sums<T>(scratch.products, 4 * few, scratch.dot + 4 * start);
  }
}

/// From the products' sums to the gradients of x, y (pixels) and weight of each sample.
template <class T>
void gradients_of_samples(Scratch<T>& scratch, int count) {
  const Samples<T>& s = scratch.samples;
  for (int first = 0; first < count; first += kLanes<T>) {
    for (int i = first; i < first + kLanes<T>; ++i) {
      const T* dot = scratch.dot + 4 * i;
      const BilinearValue<T> at = bilinear_value(s.right[i], s.lower[i], dot[0], dot[1], dot[2], dot[3]);
      scratch.grad_weight[i] = at.value;
      scratch.grad_x[i] = s.weight[i] * at.by_x;
      scratch.grad_y[i] = s.weight[i] * at.by_y;
    }
  }
}

/// Stores a number, or adds it where maps share their gradient. Where a sample stands in its run depends on
/// the number of threads, so there is but one NaN.
template <bool kShared, class T>
void put(T& to, T value) {
  to = with_one_nan(kShared ? to + value : value);
}

/// Gradients of one head of one query on one map, from grad_x, grad_y, grad_weight at `first`.
template <bool kShared, class T>
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
  if (job.grad_locations) {
    T* to = static_cast<T*>(job.grad_locations) + offset_of(job.grad_location_strides, view, head);
    for (int i = 0; i < per_head; ++i) {
      SampleAxis<T> x = axis_of_location(pattern.wide[i]), y = axis_of_location(pattern.high[i]);
      if (f.boxes) {
        const T* box = reference + pattern.reference[i] * 4;
        x = axis_of_box(box[0], box[2], pattern.wide[i], f.points);
        y = axis_of_box(box[1], box[3], pattern.high[i], f.points);
      } else if (f.fused) {
        x = y = axis_of_point(T(0), T(1));  // offsets are in pixels wherever the point
      }
      put<kShared>(to[2 * i], gx[i] * x.step);
      put<kShared>(to[2 * i + 1], gy[i] * y.step);
    }
  }
  if (job.grad_weights) {
    T* to = static_cast<T*>(job.grad_weights) + offset_of(job.grad_weight_strides, view, head);
    if (f.fused) {
      // With w = scale · softmax(logits): ∂/∂logit_i = w_i (g_i − Σ_j w_j g_j / scale).
      T mean = 0;
      for (int i = 0; i < per_head; ++i) mean += weight[i] * gw[i];
      mean /= scale;
      for (int i = 0; i < per_head; ++i) put<kShared>(to[i], weight[i] * (gw[i] - mean));
    } else {
      for (int i = 0; i < per_head; ++i) put<kShared>(to[i], gw[i]);
    }
  }
  if (grad_reference) {
    const T* offset = static_cast<const T*>(f.locations) + offset_of(f.location_strides, view, head);
    for (int i = 0; i < per_head; ++i) {
      T* to = grad_reference + pattern.reference[i] * (f.boxes ? 4 : 2);
      to[0] += gx[i] * pattern.wide[i];
      to[1] += gy[i] * pattern.high[i];
      if (f.boxes) {
        to[2] += gx[i] * box_step(pattern.wide[i], f.points) * offset[2 * i];
        to[3] += gy[i] * box_step(pattern.high[i], f.points) * offset[2 * i + 1];
      }
    }
  }
}

bool wants_products(const DeformAttnBackwardJob& job) {
  return job.grad_locations || job.grad_weights || job.grad_reference;
}

/// Heads of a task: contiguous groups, as few as keep the threads equally busy. A query's numbers of adjacent
/// heads lie together, and are called in once for all heads of a group.
struct HeadGroups {
  int64_t count, of_group;

  HeadGroups(const DeformAttnJob& job, int threads) {
    const int64_t wanted = std::min(threads / std::gcd(job.batch, int64_t{threads}), job.heads);
    of_group = (job.heads + wanted - 1) / wanted;
    count = (job.heads + of_group - 1) / of_group;
  }
};

template <class T, class Value, class Out>
class GroupBackward {
 public:
  /// `buffer`: of 16-bit values, memory for the gradient of one group's heads of one map.
  GroupBackward(const DeformAttnBackwardJob& job, const SamplePattern<T>& pattern, const QueryOrder& order,
                Scratch<T>& scratch, T* buffer, T* grad_references)
      : job_(job),
        f_(job.forward),
        pattern_(pattern),
        order_(order),
        scratch_(scratch),
        buffer_(buffer),
        grad_references_(grad_references),
        shared_(f_.maps > 1 && ((job.grad_locations && job.grad_location_strides.map == 0) ||
                                (job.grad_weights && job.grad_weight_strides.map == 0))) {}

  /// Heads [head, end) of a batch element.
  void run(int64_t batch, int64_t head, int64_t end) {
    head_ = head;
    end_ = end;
    for (int64_t map = 0; map < f_.maps; ++map) {
      if (shared_ && map == 0) {
        for (int64_t query = 0; query < f_.queries; ++query) clear({batch, map, query});
      }
      if (job_.grad_value) begin_map(batch, map);
      for (int64_t place = 0; place < f_.queries; ++place) {
        query({batch, map, order_.query(batch, place)});
      }
      if (job_.grad_value) end_map(batch, map);
    }
  }

 private:
  /// Zeros the gradients of a query's samples.
  void clear(const QueryView& view) {
    for (int64_t head = head_; head < end_; ++head) {
      if (job_.grad_locations) {
        std::fill_n(static_cast<T*>(job_.grad_locations) + offset_of(job_.grad_location_strides, view, head),
                    2 * pattern_.per_head, T(0));
      }
      if (job_.grad_weights) {
        std::fill_n(static_cast<T*>(job_.grad_weights) + offset_of(job_.grad_weight_strides, view, head),
                    pattern_.per_head, T(0));
      }
    }
  }

  const Out* grad_out(const QueryView& view, int64_t head) const {
    const int64_t outputs = f_.mean ? 1 : f_.maps, output = f_.mean ? 0 : view.map;
    return static_cast<const Out*>(job_.grad_out) +
           (((view.batch * outputs + output) * f_.queries + view.query) * f_.heads + head) * f_.head_dim;
  }

  void query(const QueryView& view) {
    const VisibleMaps maps(f_, view.batch, view.query);
    if (!maps.sees(view.map)) {
      if (!shared_) clear(view);
      return;
    }
    const T scale = maps.scale<T>();
    for (int64_t head = head_; head < end_; head += pattern_.runs) {
      few_heads(view, head, static_cast<int>(std::min<int64_t>(pattern_.runs, end_ - head)), scale);
    }
  }

  void few_heads(const QueryView& view, int64_t head, int heads, T scale) {
    const int per_head = pattern_.per_head, samples = heads * per_head;
    read_samples(f_, pattern_, view, head, heads, scale, scratch_.samples);
    scratch_.samples.place(pattern_, samples);
    for (int i = 0; i < heads; ++i) channels(view, head + i, i * per_head);
    if (!wants_products(job_)) return;
    gradients_of_samples(scratch_, samples);
    for (int i = 0; i < heads; ++i) {
      T* grad_reference = reference_gradient(view, head + i);
      if (shared_) {
        write_gradients<true>(job_, pattern_, scratch_, view, head + i, i * per_head, scale, grad_reference);
      } else {
        write_gradients<false>(job_, pattern_, scratch_, view, head + i, i * per_head, scale, grad_reference);
      }
    }
  }

  void channels(const QueryView& view, int64_t head, int first) {
    constexpr int lanes = kLanes<T>, chunk = kMostVectors * lanes;
    // Sums come in whole vectors: those of the head before reach into this one's.
    std::fill_n(scratch_.dot + 4 * first, 4 * pattern_.per_head, T(0));
    const Out* gradient = grad_out(view, head);
    HeadRows<const Value> value = {static_cast<const Value*>(f_.value) + view.batch * f_.value_strides.batch +
                                       view.map * f_.value_strides.map + head * f_.value_strides.head,
                                   f_.value_strides.query};
    HeadRows<T> grad_value = {grad_value_.numbers + (head - head_) * f_.head_dim, grad_value_.stride};
    for (int64_t channel = 0; channel < f_.head_dim; channel += chunk) {
      const int width = static_cast<int>(std::min<int64_t>(f_.head_dim - channel, chunk));
      with_constant<kMostVectors>((width + lanes - 1) / lanes, [&](auto vectors) {
        constexpr int V = vectors;
        const int rest = width - (V - 1) * lanes, count = pattern_.per_head;
        for (int v = 0; v < V; ++v) {
          store(scratch_.gradient + v * lanes,
                load_as<T>(gradient + channel + v * lanes, v + 1 < V ? lanes : rest));
        }
        if (!job_.grad_value) {
          pass_back<T, Value, V, true, false>(scratch_, first, count, value, grad_value, rest);
        } else if (!wants_products(job_)) {
          pass_back<T, Value, V, false, true>(scratch_, first, count, value, grad_value, rest);
        } else {
          pass_back<T, Value, V, true, true>(scratch_, first, count, value, grad_value, rest);
        }
      });
      value.numbers += chunk;
      grad_value.numbers += chunk;
    }
  }

  T* reference_gradient(const QueryView& view, int64_t head) const {
    if (!job_.grad_reference) return nullptr;
    const int64_t numbers = f_.references * (f_.boxes ? 4 : 2);
    return grad_references_ +
           (((view.batch * f_.maps + view.map) * f_.queries + view.query) * f_.heads + head) * numbers;
  }

  Value* grad_value_of(int64_t batch, int64_t map) const {
    return static_cast<Value*>(job_.grad_value) +
           ((batch * f_.maps + map) * f_.rows * f_.heads + head_) * f_.head_dim;
  }

  /// Zeros the group's heads of a map's gradient.
  void begin_map(int64_t batch, int64_t map) {
    const int64_t width = (end_ - head_) * f_.head_dim;
    if constexpr (std::is_same_v<T, Value>) {
      grad_value_ = {grad_value_of(batch, map), f_.heads * f_.head_dim};
    } else {
      grad_value_ = {buffer_, width};
    }
    for (int64_t row = 0; row < f_.rows; ++row)
      std::fill_n(grad_value_.numbers + row * grad_value_.stride, width, T(0));
  }

  /// Narrows the gradient of 16-bit values.
  void end_map(int64_t batch, int64_t map) {
    if constexpr (!std::is_same_v<T, Value>) {
      constexpr int lanes = kLanes<T>;
      Value* to = grad_value_of(batch, map);
      const T* from = buffer_;
      for (int64_t row = 0; row < f_.rows; ++row, to += f_.heads * f_.head_dim, from += grad_value_.stride) {
        for (int64_t i = 0; i < grad_value_.stride; i += lanes) {
          const int valid = static_cast<int>(std::min<int64_t>(lanes, grad_value_.stride - i));
          store_as<T>(to + i, load_partial(from + i, valid), valid);
        }
      }
    }
  }

  const DeformAttnBackwardJob& job_;
  const DeformAttnJob& f_;
  const SamplePattern<T>& pattern_;
  const QueryOrder& order_;
  Scratch<T>& scratch_;
  T* buffer_;
  T* grad_references_;
  const bool shared_;  ///< whether the maps share offsets and logits, and so their gradients
  int64_t head_ = 0, end_ = 0;
  HeadRows<T> grad_value_ = {};  ///< of the group's first head
};

/// Bytes of one thread's buffer and of the reference gradients of all heads.
struct Workspace {
  int64_t buffer = 0, references = 0;

  Workspace(const DeformAttnBackwardJob& job, int64_t element, int64_t heads_of_group) {
    const DeformAttnJob& f = job.forward;
    const bool narrow = f.value_type != ElementType::kFloat32 && f.value_type != ElementType::kFloat64;
    if (job.grad_value && narrow) buffer = part_bytes(f.rows * heads_of_group * f.head_dim * element);
    if (job.grad_reference) {
      references =
          part_bytes(f.batch * f.maps * f.queries * f.heads * f.references * (f.boxes ? 4 : 2) * element);
    }
  }
};

template <class T, class Value, class Out>
void backward(const DeformAttnBackwardJob& job) {
  const DeformAttnJob& f = job.forward;
  const SamplePattern<T> pattern(f);
  const QueryOrder order(f);
  const HeadGroups groups(f, f.cpu.threads);
  const Workspace workspace(job, sizeof(T), groups.of_group);
  const int threads =
      threads_in_workspace(job.workspace_bytes - workspace.references, workspace.buffer, f.cpu.threads);
  T* grad_references = reinterpret_cast<T*>(job.workspace);
  const int64_t numbers = f.references * (f.boxes ? 4 : 2);
  Crew crew(threads);
  if (job.grad_reference) {
    deal<64>(crew, f.batch * f.maps * f.queries, [&](int64_t i) {
      std::fill_n(grad_references + i * f.heads * numbers, f.heads * numbers, T(0));
    });
  }
  WorkShares shares(f.batch * groups.count, crew.size());
  crew.run([&](int thread) {
    Scratch<T> scratch;
    T* buffer = reinterpret_cast<T*>(job.workspace + workspace.references + thread * workspace.buffer);
    GroupBackward<T, Value, Out> group(job, pattern, order, scratch, buffer, grad_references);
    shares.work(thread, [&](int64_t task) {
      const int64_t head = task % groups.count * groups.of_group;
      group.run(task / groups.count, head, std::min(head + groups.of_group, f.heads));
    });
  });
  if (!job.grad_reference) return;
  deal<64>(crew, f.batch * f.maps * f.queries, [&](int64_t i) {
    T* to = static_cast<T*>(job.grad_reference) + i * numbers;
    const T* from = grad_references + i * f.heads * numbers;
    for (int64_t k = 0; k < numbers; ++k) {
      T sum = 0;
      for (int64_t h = 0; h < f.heads; ++h) sum += from[h * numbers + k];
      to[k] = with_one_nan(sum);
    }
  });
}

}  // namespace

int64_t deform_attn_backward_workspace(const DeformAttnBackwardJob& job) {
  const DeformAttnJob& f = job.forward;
  const int threads = f.cpu.threads;
  const Workspace workspace(job, f.value_type == ElementType::kFloat64 ? 8 : 4,
                            HeadGroups(f, threads).of_group);
  return workspace.references + workspace.buffer * threads;
}

void deform_attn_backward(const DeformAttnBackwardJob& job) {
  with_map_types(job.forward.value_type, job.forward.out_type, [&](auto t, auto value, auto out) {
    backward<decltype(t), decltype(value), decltype(out)>(job);
  });
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
