// Deformable attention, plain (msda) and fused, against the peers of deform_attn_peers.cuh.
#include "deform_attn_peers.cuh"
#include "deform_attn_problem.hpp"
#include "suite.hpp"

namespace bevel::bench {
namespace {

using Floats = std::vector<float>;
constexpr int64_t kHeads = AttentionCase::kHeads, kHeadDim = AttentionCase::kHeadDim;
constexpr int64_t kRow = kHeads * kHeadDim;

/// One call's tensors: Bevel's, and the peers' where theirs are others.
template <class T>
struct AttentionTensors {
  AttentionTensors(const AttentionProblem& problem, const std::vector<T>& values,
                   const std::vector<T>& gradients)
      : AttentionTensors(problem, problem.sizes(), OnDevice<T>::dtype, values, gradients) {}

  Buffer value, grad_value, out, grad_out;
  std::unique_ptr<Buffer> reference, visible, offsets, logits, grad_offsets, grad_logits;  ///< fused only
  Buffer locations, weights, packed, grad_locations, grad_weights;
  std::unique_ptr<Buffer> msda_grad_locations, msda_grad_weights;  ///< Bevel's, plain only
  Buffer lists, grad_lists, peer_out, peer_grad_value;

 private:
  AttentionTensors(const AttentionProblem& p, const AttentionCase& c, DLDataType dtype,
                   const std::vector<T>& values, const std::vector<T>& gradients)
      : value(value_shape(c), dtype, values.data()),
        grad_value(value_shape(c), dtype),
        out({c.batch, c.queries, kRow}, dtype),
        grad_out({c.batch, c.queries, kRow}, dtype, gradients.data()),
        locations(sample_shape(p, 2), kFloat32, p.peer.locations.data()),
        weights(sample_shape(p, 0), kFloat32, p.peer.weights.data()),
        packed(sample_shape(p, 3), kFloat32, p.peer.packed.data()),
        grad_locations(sample_shape(p, 2), kFloat32),
        grad_weights(sample_shape(p, 0), kFloat32),
        lists({p.peer.entries, p.peer.queries, kRow}, dtype),
        grad_lists({p.peer.entries, p.peer.queries, kRow}, dtype),
        peer_out({c.batch, c.queries, kRow}, dtype),
        peer_grad_value(value_shape(c), kFloat32) {
    if (c.kind == Attention::kMsda) {
      msda_grad_locations = std::make_unique<Buffer>(sample_shape(p, 2), kFloat32);
      msda_grad_weights = std::make_unique<Buffer>(sample_shape(p, 0), kFloat32);
      return;
    }
    const auto make = [](std::vector<int64_t> shape, DLDataType type, const void* from) {
      return std::make_unique<Buffer>(std::move(shape), type, from);
    };
    const std::vector<int64_t> logit_shape = {c.batch, p.offset_maps(), c.queries,
                                              kHeads,  c.levels,        c.points};
    std::vector<int64_t> offset_shape = logit_shape;
    offset_shape.push_back(2);
    reference = make({c.batch, c.maps, c.queries, p.references(), 2}, kFloat32, p.reference.data());
    visible = make({c.batch, c.maps, c.queries}, kBytes, p.visible.data());
    offsets = make(offset_shape, kFloat32, p.offsets.data());
    logits = make(logit_shape, kFloat32, p.logits.data());
    grad_offsets = make(offset_shape, kFloat32, nullptr);
    grad_logits = make(logit_shape, kFloat32, nullptr);
  }

  static std::vector<int64_t> value_shape(const AttentionCase& c) {
    if (c.kind == Attention::kMsda) return {c.batch, c.rows(), kHeads, kHeadDim};
    return {c.batch, c.maps, c.rows(), kHeads, kHeadDim};
  }
  /// [entries, queries, M, L, P], with a last axis if it has an extent.
  static std::vector<int64_t> sample_shape(const AttentionProblem& p, int64_t last) {
    const AttentionCase& c = p.sizes();
    std::vector<int64_t> shape = {p.peer.entries, p.peer.queries, kHeads, c.levels, c.points};
    if (last > 0) shape.push_back(last);
    return shape;
  }
};

template <class T>
class AttentionRunner {
 public:
  using DeviceT = typename OnDevice<T>::type;

  AttentionRunner(const AttentionProblem& problem, Suite& suite)
      : problem_(problem),
        c_(problem.sizes()),
        plain_(c_.kind == Attention::kMsda),
        suite_(suite),
        slot_of_({problem.peer.entries, c_.queries}, kInt32, problem.peer.slot_of.data()),
        query_of_({problem.peer.entries, problem.peer.queries}, kInt32, problem.peer.query_of.data()) {
    const int64_t element = sizeof(T), values = problem.peer.entries * c_.rows() * kRow;
    const int64_t outputs = c_.batch * c_.queries * kRow;
    // Locations and weights, or offsets and logits with references and visibility.
    const int64_t positions = problem.offset_maps() * c_.batch * c_.queries * kHeads * c_.samples() * 12;
    const int64_t rest =
        plain_ ? 0 : static_cast<int64_t>(problem.reference.size() * 4 + problem.visible.size());
    // Few queries do not touch all of a map, but all of its gradient is written.
    const int64_t touched = std::min(values, problem.seen * c_.samples() * 4 * kRow);
    forward_bytes_ = (touched + outputs) * element + positions + rest;
    backward_bytes_ = (touched + values + outputs) * element + 2 * positions + rest;
    rotation_ = suite.rotation(forward_bytes_);
    make_levels();
    const auto value = random_values<T>(values, 1, -1, 1);
    const auto gradient = random_values<T>(outputs, 2, -1, 1);
    for (int i = 0; i < rotation_; ++i) {
      tensors_.push_back(std::make_unique<AttentionTensors<T>>(problem, value, gradient));
    }
    workspace_ = make_workspace(std::max(backward_workspace(BEVEL_STRICT), backward_workspace(BEVEL_FAST)));
  }

  void run() {
    verify();
    suite_.time_case<T>(
        "deform_attn", c_.name, rotation_,
        {{"forward", "bevel", forward_bytes_, [this](int i) { forward(i); }},
         {"forward", "thread channel", forward_bytes_, [this](int i) { thread_channel(i); }},
         {"forward", "flash", forward_bytes_, [this](int i) { flash(i); }},
         {"backward", "bevel", backward_bytes_, [this](int i) { backward(i, BEVEL_STRICT); }},
         {"backward", "bevel fast", backward_bytes_, [this](int i) { backward(i, BEVEL_FAST); }},
         {"backward", "thread channel", backward_bytes_, [this](int i) { thread_channel_gradient(i); }}});
  }

 private:
  AttentionTensors<T>& at(int i) { return *tensors_[static_cast<size_t>(i)]; }

  void make_levels() {
    std::vector<int64_t> shapes, starts;
    const bevel_value_levels levels = c_.value_levels();
    for (int32_t l = 0; l < c_.levels; ++l) {
      shapes.push_back(levels.height[l]);
      shapes.push_back(levels.width[l]);
      starts.push_back(levels.start[l]);
    }
    shapes_ = std::make_unique<Buffer>(std::vector<int64_t>{c_.levels, 2}, kInt64, shapes.data());
    starts_ = std::make_unique<Buffer>(std::vector<int64_t>{c_.levels}, kInt64, starts.data());
    peer_ = {problem_.peer.entries,
             problem_.peer.queries,
             c_.rows(),
             static_cast<int>(kHeads),
             static_cast<int>(kHeadDim),
             c_.levels,
             c_.points,
             shapes_->as<int64_t>(),
             starts_->as<int64_t>()};
  }

  void forward(int i) {
    AttentionTensors<T>& t = at(i);
    if (plain_) {
      bevel_msda_forward_params p = {};
      p.struct_size = sizeof p;
      p.value = t.value.view();
      p.levels = c_.value_levels();
      p.locations = t.locations.view();
      p.weights = t.weights.view();
      p.out = t.out.view();
      check_bevel(bevel_msda_forward(&p, suite_.stream), "msda forward");
      return;
    }
    bevel_deform_attn_forward_params p = {};
    p.struct_size = sizeof p;
    p.value = t.value.view();
    p.levels = c_.value_levels();
    p.reference_kind = reference_kind();
    p.combination = BEVEL_MAPS_MEAN;
    p.reference = t.reference->view();
    p.offsets = t.offsets->view();
    p.logits = t.logits->view();
    p.visible = visible(t);
    p.out = t.out.view();
    check_bevel(bevel_deform_attn_forward(&p, suite_.stream), "deform_attn forward");
  }

  int32_t reference_kind() const {
    return c_.kind == Attention::kSpatial ? BEVEL_REFERENCE_OF_POINT : BEVEL_REFERENCE_OF_LEVEL;
  }
  DLTensor* visible(AttentionTensors<T>& t) const {
    return c_.kind == Attention::kSpatial ? t.visible->view() : nullptr;
  }

  bevel_msda_backward_params plain_backward_params(int i, bevel_determinism determinism) {
    AttentionTensors<T>& t = at(i);
    bevel_msda_backward_params p = {};
    p.struct_size = sizeof p;
    p.grad_out = t.grad_out.view();
    p.value = t.value.view();
    p.levels = c_.value_levels();
    p.locations = t.locations.view();
    p.weights = t.weights.view();
    p.grad_value = t.grad_value.view();
    p.grad_locations = t.msda_grad_locations->view();
    p.grad_weights = t.msda_grad_weights->view();
    p.determinism = determinism;
    return p;
  }
  bevel_deform_attn_backward_params fused_backward_params(int i, bevel_determinism determinism) {
    AttentionTensors<T>& t = at(i);
    bevel_deform_attn_backward_params p = {};
    p.struct_size = sizeof p;
    p.grad_out = t.grad_out.view();
    p.value = t.value.view();
    p.levels = c_.value_levels();
    p.reference_kind = reference_kind();
    p.combination = BEVEL_MAPS_MEAN;
    p.reference = t.reference->view();
    p.offsets = t.offsets->view();
    p.logits = t.logits->view();
    p.visible = visible(t);
    p.grad_value = t.grad_value.view();
    p.grad_offsets = t.grad_offsets->view();
    p.grad_logits = t.grad_logits->view();
    p.determinism = determinism;
    return p;
  }
  int64_t backward_workspace(bevel_determinism determinism) {
    int64_t bytes = 0;
    if (plain_) {
      const auto p = plain_backward_params(0, determinism);
      check_bevel(bevel_msda_backward_workspace(&p, &bytes), "msda backward workspace");
    } else {
      const auto p = fused_backward_params(0, determinism);
      check_bevel(bevel_deform_attn_backward_workspace(&p, &bytes), "deform_attn backward workspace");
    }
    return bytes;
  }
  void backward(int i, bevel_determinism determinism) {
    if (plain_) {
      auto p = plain_backward_params(i, determinism);
      p.workspace = workspace_->view();
      check_bevel(bevel_msda_backward(&p, suite_.stream), "msda backward");
    } else {
      auto p = fused_backward_params(i, determinism);
      p.workspace = workspace_->view();
      check_bevel(bevel_deform_attn_backward(&p, suite_.stream), "deform_attn backward");
    }
  }

  /// Whether queries are gathered in lists, whose results the peers must bring together.
  bool lists() const { return c_.maps > 1; }
  Buffer& peer_result(AttentionTensors<T>& t) { return lists() ? t.peer_out : t.lists; }

  void combine(AttentionTensors<T>& t) {
    if (!lists()) return;
    combine_kernel<DeviceT><<<blocks(c_.queries * kRow), 256, 0, suite_.stream>>>(
        static_cast<int>(peer_.entries), peer_.queries, c_.queries, static_cast<int>(kRow),
        slot_of_.as<int32_t>(), t.lists.template as<DeviceT>(), t.peer_out.template as<DeviceT>());
  }
  void thread_channel(int i) {
    AttentionTensors<T>& t = at(i);
    thread_channel_kernel<DeviceT><<<blocks(peer_.entries * peer_.queries * kRow), 256, 0, suite_.stream>>>(
        peer_, t.value.template as<DeviceT>(), t.locations.template as<float>(),
        t.weights.template as<float>(), t.lists.template as<DeviceT>());
    combine(t);
  }
  template <int levels, int points>
  void launch_flash(AttentionTensors<T>& t) {
    constexpr int64_t kPieces = kHeadDim * static_cast<int64_t>(sizeof(T)) / 16;
    flash_kernel<DeviceT, levels, points>
        <<<blocks(peer_.entries * peer_.queries * kHeads * kPieces), 256, 0, suite_.stream>>>(
            peer_, t.value.template as<DeviceT>(), t.packed.template as<float>(),
            t.lists.template as<DeviceT>());
  }
  void flash(int i) {
    AttentionTensors<T>& t = at(i);
    if (c_.levels == 1 && c_.points == 4) {
      launch_flash<1, 4>(t);
    } else if (c_.levels == 1 && c_.points == 8) {
      launch_flash<1, 8>(t);
    } else if (c_.levels == 4 && c_.points == 8) {
      launch_flash<4, 8>(t);
    } else {
      std::fprintf(stderr, "gpu_bench: the flash peer has no kernel for %d levels of %d points\n", c_.levels,
                   c_.points);
      std::exit(1);
    }
    combine(t);
  }
  void thread_channel_gradient(int i) {
    AttentionTensors<T>& t = at(i);
    suite_.clear(t.peer_grad_value);
    Buffer& gradients = lists() ? t.grad_lists : t.grad_out;
    if (lists()) {
      spread_kernel<DeviceT><<<blocks(peer_.entries * peer_.queries * kRow), 256, 0, suite_.stream>>>(
          static_cast<int>(peer_.entries), peer_.queries, c_.queries, static_cast<int>(kRow),
          slot_of_.as<int32_t>(), query_of_.as<int32_t>(), t.grad_out.template as<DeviceT>(),
          gradients.as<DeviceT>());
    }
    thread_channel_gradient_kernel<DeviceT>
        <<<static_cast<unsigned>(peer_.entries * peer_.queries * kHeads), kHeadDim, 0, suite_.stream>>>(
            peer_, gradients.as<DeviceT>(), t.value.template as<DeviceT>(), t.locations.template as<float>(),
            t.weights.template as<float>(), t.peer_grad_value.template as<float>(),
            t.grad_locations.template as<float>(), t.grad_weights.template as<float>());
  }

  struct Gradients {
    std::vector<T> value;
    Floats positions, weights;  ///< of offsets or locations, of logits or weights
  };
  Gradients gradients(AttentionTensors<T>& t) {
    Buffer& positions = plain_ ? *t.msda_grad_locations : *t.grad_offsets;
    Buffer& weights = plain_ ? *t.msda_grad_weights : *t.grad_logits;
    return {t.grad_value.template download<T>(), positions.download<float>(), weights.download<float>()};
  }

  /// Bevel and the peers must agree, and Bevel with itself bit for bit, before anything is timed.
  void verify() {
    const double tolerance = OnDevice<T>::tolerance;
    forward(0);
    thread_channel(1);
    suite_.finish();
    const auto out = at(0).out.template download<T>();
    expect_close("attention against thread channel",
                 difference(peer_result(at(1)).template download<T>(), out), tolerance);
    forward(0);
    flash(1);
    suite_.finish();
    expect_close("attention against flash", difference(peer_result(at(1)).template download<T>(), out),
                 tolerance);
    expect_same_bits("attention forward", at(0).out.template download<T>(), out);

    backward(0, BEVEL_STRICT);
    thread_channel_gradient(1);
    suite_.finish();
    const Gradients strict = gradients(at(0));
    backward(0, BEVEL_STRICT);
    suite_.finish();
    const Gradients again = gradients(at(0));
    expect_same_bits("value gradient", again.value, strict.value);
    expect_same_bits("gradient of positions", again.positions, strict.positions);
    expect_same_bits("gradient of weights", again.weights, strict.weights);
    backward(0, BEVEL_FAST);
    suite_.finish();
    const Gradients fast = gradients(at(0));
    Floats positions = at(1).grad_locations.template download<float>();
    Floats weights = at(1).grad_weights.template download<float>();
    if (!plain_) through_softmax(&positions, &weights);
    for (const Gradients& g : {strict, fast}) {
      expect_close("value gradient", difference(at(1).peer_grad_value.template download<float>(), g.value),
                   tolerance);
      expect_close("gradient of positions", difference(positions, g.positions), tolerance);
      expect_close("gradient of weights", difference(weights, g.weights), tolerance);
    }
  }

  /// Takes the peer's gradients of lists' locations and weights to those of offsets and logits.
  void through_softmax(Floats* locations, Floats* weights) const {
    const int64_t samples = c_.samples(), sets = problem_.offset_maps(), shared = c_.maps / sets;
    Floats to_offsets(problem_.offsets.size()), to_logits(problem_.logits.size());
    for (int64_t row = 0; row < sets * c_.queries * kHeads; ++row) {
      const int64_t set = row / kHeads / c_.queries, query = row / kHeads % c_.queries, head = row % kHeads;
      std::vector<double> offset(static_cast<size_t>(2 * samples)), weight(static_cast<size_t>(samples));
      const float* attention = nullptr;
      for (int64_t n = set * shared; n < (set + 1) * shared; ++n) {
        const int32_t slot = problem_.peer.slot_of[static_cast<size_t>(n * c_.queries + query)];
        if (slot < 0) continue;
        const int64_t from = ((n * peer_.queries + slot) * kHeads + head) * samples;
        attention = &problem_.peer.weights[static_cast<size_t>(from)];
        for (int64_t i = 0; i < samples; ++i) {
          const size_t place = static_cast<size_t>(i);
          weight[place] += (*weights)[static_cast<size_t>(from + i)];
          const int64_t level = i / c_.points;
          offset[2 * place] += (*locations)[static_cast<size_t>(2 * (from + i))] / c_.width[level];
          offset[2 * place + 1] += (*locations)[static_cast<size_t>(2 * (from + i) + 1)] / c_.height[level];
        }
      }
      if (!attention) continue;
      double mean = 0;
      for (int64_t i = 0; i < samples; ++i) mean += attention[i] * weight[static_cast<size_t>(i)];
      for (int64_t i = 0; i < samples; ++i) {
        const size_t place = static_cast<size_t>(i), to = static_cast<size_t>(row * samples + i);
        to_logits[to] = static_cast<float>(attention[i] * (weight[place] - mean));
        to_offsets[2 * to] = static_cast<float>(offset[2 * place]);
        to_offsets[2 * to + 1] = static_cast<float>(offset[2 * place + 1]);
      }
    }
    *locations = std::move(to_offsets);
    *weights = std::move(to_logits);
  }

  const AttentionProblem& problem_;
  const AttentionCase& c_;
  const bool plain_;
  Suite& suite_;
  Buffer slot_of_, query_of_;
  std::unique_ptr<Buffer> shapes_, starts_, workspace_;
  PeerAttention peer_{};
  std::vector<std::unique_ptr<AttentionTensors<T>>> tensors_;
  int64_t forward_bytes_ = 0, backward_bytes_ = 0;
  int rotation_ = 1;
};

}  // namespace

void bench_deform_attn(Suite& suite) {
  for (const AttentionCase& c : kAttentionCases) {
    if (!suite.wants(c.name)) continue;
    const AttentionProblem problem(c);
    AttentionRunner<float>(problem, suite).run();
    AttentionRunner<Bfloat16>(problem, suite).run();
    AttentionRunner<Float16>(problem, suite).run();
    if (std::strcmp(c.name, "sca-base") == 0) {
      suite.report.print_goal("deform_attn", "sca-base cold graph", "forward", "float16", "flash", 0.160, 2);
    }
  }
}

}  // namespace bevel::bench
