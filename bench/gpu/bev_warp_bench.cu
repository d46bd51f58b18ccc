// Warps of BEV maps by matrices, against the pixel-per-thread grid_sample of bev_warp_peers.cuh.
#include "bevel/bev_warp.h"
#include "bev_warp_peers.cuh"
#include "suite.hpp"

namespace bevel::bench {
namespace {

constexpr int64_t kFrames = 8, kChannels = 80, kSide = 128, kPixels = kSide * kSide;

/// BEVDet4D's eight history frames: each half a second older than the one before, the car at 10 m/s in a
/// bend, on cells of 0.8 m.
struct WarpProblem {
  WarpProblem() {
    for (int64_t t = 0; t < kFrames; ++t) {
      const double steps = static_cast<double>(t + 1), angle = 0.02 * steps, centre = (kSide - 1) / 2.0;
      const double c = std::cos(angle), s = std::sin(angle), dx = -5.0 / 0.8 * steps, dy = 0.35 * steps;
      const double m[6] = {c, -s, centre - c * centre + s * centre + dx,
                           s, c,  centre - s * centre - c * centre + dy};
      matrices.insert(matrices.end(), m, m + 6);
      for (int64_t i = 0; i < kPixels; ++i) {
        const double x = static_cast<double>(i % kSide), y = static_cast<double>(i / kSide);
        grid.push_back(static_cast<float>((m[0] * x + m[1] * y + m[2]) / centre - 1));
        grid.push_back(static_cast<float>((m[3] * x + m[4] * y + m[5]) / centre - 1));
      }
    }
  }
  std::vector<float> matrices;  ///< [frames, 2, 3], in pixels
  std::vector<float> grid;      ///< [frames, H, W, 2], normalised with align_corners = True
};

/// [frames, C, pixels] as [frames, pixels, C].
template <class T>
std::vector<T> to_channels_last(const std::vector<T>& from) {
  std::vector<T> to(from.size());
  for (int64_t t = 0; t < kFrames; ++t) {
    for (int64_t c = 0; c < kChannels; ++c) {
      for (int64_t i = 0; i < kPixels; ++i) {
        to[static_cast<size_t>((t * kPixels + i) * kChannels + c)] =
            from[static_cast<size_t>((t * kChannels + c) * kPixels + i)];
      }
    }
  }
  return to;
}

template <class T>
struct Maps {
  Maps(bool channels_last, const std::vector<T>& values, const std::vector<T>& gradients)
      : input(shape(channels_last), OnDevice<T>::dtype, values.data()),
        out(shape(channels_last), OnDevice<T>::dtype),
        grad_out(shape(channels_last), OnDevice<T>::dtype, gradients.data()),
        grad_input(shape(channels_last), OnDevice<T>::dtype) {}
  static std::vector<int64_t> shape(bool channels_last) {
    if (channels_last) return {kFrames, kSide, kSide, kChannels};
    return {kFrames, kChannels, kSide, kSide};
  }
  Buffer input, out, grad_out, grad_input;
};

template <class T>
struct WarpTensors {
  WarpTensors(const WarpProblem& problem, const std::vector<T>& values, const std::vector<T>& gradients)
      : matrices({kFrames, 2, 3}, kFloat32, problem.matrices.data()),
        grid({kFrames, kSide, kSide, 2}, kFloat32, problem.grid.data()),
        first(false, values, gradients),
        last(true, to_channels_last(values), to_channels_last(gradients)),
        peer_out(Maps<T>::shape(false), OnDevice<T>::dtype),
        peer_grad_input(Maps<T>::shape(false), kFloat32) {}
  Buffer matrices, grid;
  Maps<T> first, last;  ///< channels
  Buffer peer_out, peer_grad_input;
};

template <class T>
class WarpRunner {
 public:
  using DeviceT = typename OnDevice<T>::type;

  WarpRunner(const WarpProblem& problem, Suite& suite) : suite_(suite) {
    const int64_t values = kFrames * kChannels * kPixels;
    bytes_ = 2 * values * static_cast<int64_t>(sizeof(T)) + kFrames * 6 * 4;
    rotation_ = suite.rotation(bytes_);
    const auto input = random_values<T>(values, 1, -1, 1);
    const auto gradient = random_values<T>(values, 2, -1, 1);
    for (int i = 0; i < rotation_; ++i) {
      tensors_.push_back(std::make_unique<WarpTensors<T>>(problem, input, gradient));
    }
    int64_t most = 0;
    for (const bool channels_last : {false, true}) {
      const auto p = backward_params(0, channels_last);
      int64_t bytes = 0;
      check_bevel(bevel_bev_warp_backward_workspace(&p, &bytes), "bev_warp backward workspace");
      most = std::max(most, bytes);
    }
    workspace_ = make_workspace(most);
  }

  void run() {
    verify();
    suite_.time_case<T>("bev_warp", "bevdet4d-8x80x128x128", rotation_,
                        {{"forward", "bevel", bytes_, [this](int i) { forward(i, false); }},
                         {"forward", "bevel channels last", bytes_, [this](int i) { forward(i, true); }},
                         {"forward", "thread pixel", bytes_, [this](int i) { peer_forward(i); }},
                         {"backward", "bevel", bytes_, [this](int i) { backward(i, false); }},
                         {"backward", "bevel channels last", bytes_, [this](int i) { backward(i, true); }},
                         {"backward", "thread pixel", bytes_, [this](int i) { peer_backward(i); }}});
  }

 private:
  WarpTensors<T>& at(int i) { return *tensors_[static_cast<size_t>(i)]; }
  Maps<T>& maps(int i, bool channels_last) { return channels_last ? at(i).last : at(i).first; }

  void forward(int i, bool channels_last) {
    bevel_bev_warp_forward_params p = {};
    p.struct_size = sizeof p;
    p.layout = channels_last ? BEVEL_CHANNELS_LAST : BEVEL_CHANNELS_FIRST;
    p.interpolation = BEVEL_BILINEAR;
    p.coordinates = BEVEL_WARP_PIXELS;
    p.input = maps(i, channels_last).input.view();
    p.matrices = at(i).matrices.view();
    p.out = maps(i, channels_last).out.view();
    check_bevel(bevel_bev_warp_forward(&p, suite_.stream), "bev_warp forward");
  }
  bevel_bev_warp_backward_params backward_params(int i, bool channels_last) {
    bevel_bev_warp_backward_params p = {};
    p.struct_size = sizeof p;
    p.layout = channels_last ? BEVEL_CHANNELS_LAST : BEVEL_CHANNELS_FIRST;
    p.interpolation = BEVEL_BILINEAR;
    p.coordinates = BEVEL_WARP_PIXELS;
    p.determinism = BEVEL_STRICT;
    p.grad_out = maps(i, channels_last).grad_out.view();
    p.matrices = at(i).matrices.view();
    p.grad_input = maps(i, channels_last).grad_input.view();
    return p;
  }
  void backward(int i, bool channels_last) {
    auto p = backward_params(i, channels_last);
    p.workspace = workspace_->view();
    check_bevel(bevel_bev_warp_backward(&p, suite_.stream), "bev_warp backward");
  }

  void peer_forward(int i) {
    pixel_warp_kernel<DeviceT><<<blocks(kFrames * kPixels), 256, 0, suite_.stream>>>(
        kWarp, at(i).first.input.template as<DeviceT>(), at(i).grid.template as<float>(),
        at(i).peer_out.template as<DeviceT>());
  }
  void peer_backward(int i) {
    suite_.clear(at(i).peer_grad_input);
    pixel_warp_gradient_kernel<DeviceT><<<blocks(kFrames * kPixels), 256, 0, suite_.stream>>>(
        kWarp, at(i).first.grad_out.template as<DeviceT>(), at(i).grid.template as<float>(),
        at(i).peer_grad_input.template as<float>());
  }

  /// Bevel and the peer must agree, and Bevel with itself bit for bit, before anything is timed.
  void verify() {
    peer_forward(1);
    peer_backward(1);
    for (const bool channels_last : {false, true}) {
      const Maps<T>& m = maps(0, channels_last);
      const auto run_both = [&] {
        forward(0, channels_last);
        backward(0, channels_last);
        suite_.finish();
      };
      run_both();
      const auto out = m.out.template download<T>(), gradient = m.grad_input.template download<T>();
      run_both();
      expect_same_bits("bev_warp forward", m.out.template download<T>(), out);
      expect_same_bits("bev_warp backward", m.grad_input.template download<T>(), gradient);
      auto peer_out = at(1).peer_out.template download<T>();
      auto peer_gradient = at(1).peer_grad_input.template download<float>();
      if (channels_last) {
        peer_out = to_channels_last(peer_out);
        peer_gradient = to_channels_last(peer_gradient);
      }
      expect_close("bev_warp", difference(peer_out, out), OnDevice<T>::tolerance);
      expect_close("bev_warp gradient", difference(peer_gradient, gradient), OnDevice<T>::tolerance);
    }
  }

  static constexpr PeerWarp kWarp = {kFrames, kChannels, kSide, kSide};

  Suite& suite_;
  std::vector<std::unique_ptr<WarpTensors<T>>> tensors_;
  std::unique_ptr<Buffer> workspace_;
  int64_t bytes_ = 0;
  int rotation_ = 1;
};

}  // namespace

void bench_bev_warp(Suite& suite) {
  if (!suite.wants("bevdet4d-8x80x128x128")) return;
  const WarpProblem problem;
  WarpRunner<float>(problem, suite).run();
  WarpRunner<Bfloat16>(problem, suite).run();
  WarpRunner<Float16>(problem, suite).run();
}

}  // namespace bevel::bench
