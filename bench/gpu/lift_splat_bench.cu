// Lift-splat and its plan, against the peers of lift_splat_peers.cuh.
#include "lift_splat_peers.cuh"
#include "lift_splat_problem.hpp"
#include "suite.hpp"

namespace bevel::bench {
namespace {

/// A case in one storage type: bevel's calls and the peers' on the same tensors.
template <class T>
class LiftSplatRunner {
 public:
  using DeviceT = typename OnDevice<T>::type;

  LiftSplatRunner(const CaseSizes& s, Suite& suite)
      : s_(s),
        suite_(suite),
        stream_(suite.stream),
        plan_(s, BEVEL_LIFT_SPLAT_AUTO),
        ranks_plan_(s, BEVEL_LIFT_SPLAT_INTERVALS) {
    const int64_t points = s.batch * 6 * s.depth_bins * s.height * s.width;
    const int64_t pixels = s.batch * 6 * s.height * s.width, cells = s.batch * s.cells * s.cells * s.cells_z;
    const auto depth = random_values<float>(points, 1, 0, 2.0 / static_cast<double>(s.depth_bins));
    const auto features = random_values<T>(pixels * s.channels, 2, -1, 1);
    const auto gradients = random_values<T>(cells * s.channels, 3, -1, 1);
    element_ = static_cast<int64_t>(sizeof(T));
    forward_bytes_ = points * 4 + (pixels + cells) * s.channels * element_;
    backward_bytes_ = points * 8 + (2 * pixels + cells) * s.channels * element_;
    rotation_ = suite.rotation(forward_bytes_);
    for (int i = 0; i < rotation_; ++i) {
      tensors_.push_back(std::make_unique<Tensors<T>>(s, OnDevice<T>::dtype, depth, features, gradients));
    }
    const std::vector<int32_t> plan = ranks_plan_.plan().template download<int32_t>();
    make_ranks(plan);
    make_workspaces();
  }

  void run() {
    verify();
    suite_.time_case<T>(
        "lift_splat", s_.name, rotation_,
        {{"forward", "bevel", forward_bytes_, [this](int i) { forward(i, false, false); }},
         {"forward", "bevel logits", forward_bytes_, [this](int i) { forward(i, true, false); }},
         {"forward", "bevel planes", forward_bytes_, [this](int i) { forward(i, false, true); }},
         {"forward", "interval channel", forward_bytes_, [this](int i) { interval_channel(i); }},
         {"forward", "warp interval", forward_bytes_, [this](int i) { warp_interval(i); }},
         {"backward", "bevel", backward_bytes_, [this](int i) { backward(i); }},
         {"backward", "atomic gradient", backward_bytes_, [this](int i) { atomic_gradient(i); }}});
    if (std::is_same_v<T, float>) time_plans();
  }

 private:
  /// The five arrays out of an interval plan, and the same points sorted by feature row for the peer's
  /// backward.
  void make_ranks(const std::vector<int32_t>& plan) {
    LiftSplatPlanHeader header;
    std::memcpy(&header, plan.data(), sizeof header);
    const LiftSplatPlanLayout at = plan_layout(s_.batch, 6, s_.depth_bins, s_.height, s_.width,
                                               s_.cells * s_.cells * s_.cells_z, header.capacity);
    const int32_t* device = ranks_plan_.plan().template as<int32_t>();
    ranks_ = {device + at.ranks_depth,      device + at.ranks_feature,
              device + at.ranks_bev,        device + at.interval_starts,
              device + at.interval_lengths, static_cast<int32_t>(header.filled_cells)};
    std::vector<int32_t> order(static_cast<size_t>(header.points));
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
    const int32_t* feature = plan.data() + at.ranks_feature;
    std::stable_sort(order.begin(), order.end(),
                     [&](int32_t a, int32_t b) { return feature[a] < feature[b]; });
    std::vector<int32_t> sorted[3], starts, lengths;
    for (size_t i = 0; i < order.size(); ++i) {
      const int32_t from = order[i];
      sorted[0].push_back(plan[at.ranks_depth + from]);
      sorted[1].push_back(feature[from]);
      sorted[2].push_back(plan[at.ranks_bev + from]);
      if (i == 0 || sorted[1][i] != sorted[1][i - 1]) {
        starts.push_back(static_cast<int32_t>(i));
        lengths.push_back(0);
      }
      ++lengths.back();
    }
    const auto upload = [&](const std::vector<int32_t>& values) {
      by_feature_.push_back(std::make_unique<Buffer>(
          std::vector<int64_t>{static_cast<int64_t>(values.size())}, kInt32, values.data()));
      return by_feature_.back()->template as<const int32_t>();
    };
    feature_ranks_ = {upload(sorted[0]), upload(sorted[1]), upload(sorted[2]),
                      upload(starts),    upload(lengths),   static_cast<int32_t>(starts.size())};
  }

  bevel_lift_splat_forward_params forward_params(int i, bool logits, bool planes) {
    Tensors<T>& t = *tensors_[static_cast<size_t>(i)];
    bevel_lift_splat_forward_params p = {};
    p.struct_size = sizeof p;
    p.plan = plan_.plan().view();
    p.depth = t.depth.view();
    p.context = t.context.view();
    p.out = planes ? t.out_planes.view() : t.out.view();
    p.probabilities = logits ? t.probabilities.view() : nullptr;
    p.depth_kind = logits ? BEVEL_DEPTH_LOGITS : BEVEL_DEPTH_PROBABILITIES;
    p.context_layout = BEVEL_CHANNELS_LAST;
    p.out_layout = planes ? BEVEL_CHANNELS_FIRST : BEVEL_CHANNELS_LAST;
    p.plan_info = &plan_.info();
    return p;
  }

  bevel_lift_splat_backward_params backward_params(int i) {
    Tensors<T>& t = *tensors_[static_cast<size_t>(i)];
    bevel_lift_splat_backward_params p = {};
    p.struct_size = sizeof p;
    p.plan = plan_.plan().view();
    p.grad_out = t.grad_out.view();
    p.probabilities = t.depth.view();
    p.context = t.context.view();
    p.grad_depth = t.grad_depth.view();
    p.grad_context = t.grad_context.view();
    p.depth_kind = BEVEL_DEPTH_PROBABILITIES;
    p.context_layout = BEVEL_CHANNELS_LAST;
    p.out_layout = BEVEL_CHANNELS_LAST;
    p.plan_info = &plan_.info();
    return p;
  }

  void make_workspaces() {
    int64_t most = 64;
    for (const bool planes : {false, true}) {
      const bevel_lift_splat_forward_params p = forward_params(0, true, planes);
      int64_t bytes = 0;
      check_bevel(bevel_lift_splat_forward_workspace(&p, &bytes), "forward workspace");
      most = std::max(most, bytes);
    }
    const bevel_lift_splat_backward_params p = backward_params(0);
    int64_t bytes = 0;
    check_bevel(bevel_lift_splat_backward_workspace(&p, &bytes), "backward workspace");
    workspace_ = std::make_unique<Buffer>(std::vector<int64_t>{std::max(most, bytes)}, kBytes);
  }

  void forward(int i, bool logits, bool planes) {
    bevel_lift_splat_forward_params p = forward_params(i, logits, planes);
    p.workspace = workspace_->view();
    check_bevel(bevel_lift_splat_forward(&p, stream_), "forward");
  }
  void backward(int i) {
    bevel_lift_splat_backward_params p = backward_params(i);
    p.workspace = workspace_->view();
    check_bevel(bevel_lift_splat_backward(&p, stream_), "backward");
  }

  void interval_channel(int i) {
    Tensors<T>& t = *tensors_[static_cast<size_t>(i)];
    suite_.clear(t.out);
    interval_channel_kernel<DeviceT><<<blocks(ranks_.intervals * s_.channels), 256, 0, stream_>>>(
        ranks_, t.depth.template as<float>(), t.context.template as<DeviceT>(), t.out.template as<DeviceT>(),
        static_cast<int>(s_.channels));
  }
  void warp_interval(int i) {
    Tensors<T>& t = *tensors_[static_cast<size_t>(i)];
    suite_.clear(t.out);
    warp_interval_kernel<DeviceT><<<blocks(int64_t{ranks_.intervals} * 32), 256, 0, stream_>>>(
        ranks_, t.depth.template as<float>(), t.context.template as<DeviceT>(), t.out.template as<DeviceT>(),
        static_cast<int>(s_.channels));
  }
  void atomic_gradient(int i) {
    Tensors<T>& t = *tensors_[static_cast<size_t>(i)];
    suite_.clear(t.grad_depth);
    suite_.clear(t.grad_context);
    atomic_gradient_kernel<DeviceT><<<blocks(feature_ranks_.intervals * s_.channels), 256, 0, stream_>>>(
        feature_ranks_, t.depth.template as<float>(), t.context.template as<DeviceT>(),
        t.grad_out.template as<DeviceT>(), t.grad_depth.template as<float>(),
        t.grad_context.template as<DeviceT>(), static_cast<int>(s_.channels));
  }

  /// Bevel and the peers must agree, and Bevel with itself bit for bit, before anything is timed.
  void verify() {
    Tensors<T>& a = *tensors_[0];
    Tensors<T>& b = *tensors_[1];
    const double tolerance = OnDevice<T>::tolerance;
    const auto finish = [&] { check(cudaStreamSynchronize(stream_), "kernels"); };
    // Every variant runs once before a graph is captured: kernels are loaded when they are first used.
    forward(0, true, false);
    forward(0, false, true);
    forward(0, false, false);
    warp_interval(1);
    finish();
    const std::vector<T> out = a.out.template download<T>();
    expect_close("forward against warp interval", difference(b.out.template download<T>(), out), tolerance);
    interval_channel(1);
    forward(0, false, false);
    finish();
    expect_close("forward against interval channel", difference(b.out.template download<T>(), out),
                 tolerance);
    const std::vector<T> again = a.out.template download<T>();
    expect_close("forward against itself", std::memcmp(again.data(), out.data(), out.size() * sizeof(T)), 0);
    expect_close("channels-first forward",
                 difference(to_channels_last(a.out_planes.template download<T>()), out), 0);
    backward(0);
    atomic_gradient(1);
    finish();
    expect_close("depth gradient",
                 difference(b.grad_depth.template download<float>(), a.grad_depth.template download<float>()),
                 tolerance);
    expect_close("context gradient",
                 difference(b.grad_context.template download<T>(), a.grad_context.template download<T>()),
                 tolerance);
  }

  /// [planes, C, cells] as [planes, cells, C].
  std::vector<T> to_channels_last(const std::vector<T>& from) const {
    const int64_t planes = s_.batch * s_.cells_z, cells = s_.cells * s_.cells;
    std::vector<T> to(from.size());
    for (int64_t plane = 0; plane < planes; ++plane) {
      for (int64_t c = 0; c < s_.channels; ++c) {
        for (int64_t cell = 0; cell < cells; ++cell) {
          to[static_cast<size_t>((plane * cells + cell) * s_.channels + c)] =
              from[static_cast<size_t>((plane * s_.channels + c) * cells + cell)];
        }
      }
    }
    return to;
  }

  void time_plans() {
    const bool intervals = plan_.info().method == BEVEL_LIFT_SPLAT_INTERVALS;
    Plan fixed(s_, intervals ? BEVEL_LIFT_SPLAT_INTERVALS : BEVEL_LIFT_SPLAT_COLUMNS);
    for (const bool in_graph : {true, false}) {
      const std::string name = std::string(s_.name) + " hot" + (in_graph ? " graph" : " calls");
      const auto time = [&](const char* variant, Plan& plan) {
        suite_.report.add({"lift_splat_plan", name, "forward", "int32", variant,
                           time_calls(stream_, 1, in_graph, [&](int) { plan.build(stream_); }), 0});
      };
      time("bevel", fixed);
      time("bevel auto", plan_);
    }
  }

  const CaseSizes& s_;
  Suite& suite_;
  cudaStream_t stream_;
  Plan plan_, ranks_plan_;
  Ranks ranks_{}, feature_ranks_{};
  std::vector<std::unique_ptr<Buffer>> by_feature_;
  std::vector<std::unique_ptr<Tensors<T>>> tensors_;
  std::unique_ptr<Buffer> workspace_;
  int64_t element_ = 0, forward_bytes_ = 0, backward_bytes_ = 0;
  int rotation_ = 1;
};

}  // namespace

void bench_lift_splat(Suite& suite) {
  for (const CaseSizes& s : kCases) {
    if (!suite.wants(s.name)) continue;
    LiftSplatRunner<float>(s, suite).run();
    LiftSplatRunner<Bfloat16>(s, suite).run();
    LiftSplatRunner<Float16>(s, suite).run();
  }
}

}  // namespace bevel::bench
