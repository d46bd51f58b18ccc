// Deformable convolution in BEVDepth's depth network, against im2col and products of matrices image by image.
#include "bevel/deform_conv.h"
#include "deform_conv_gemm.cuh"
#include "deform_conv_peers.cuh"
#include "suite.hpp"

namespace bevel::bench {
namespace {

constexpr int kImages = 6, kChannels = 512, kHeight = 16, kWidth = 44, kGroups = 4, kKernel = 3;
constexpr int kPixels = kHeight * kWidth, kTaps = kKernel * kKernel, kOwn = kChannels / kGroups;

/// Offsets of about two pixels and masks, on the host. No sample comes so near a whole pixel that rounding
/// could put it on the other side: slopes jump there.
struct ConvProblem {
  ConvProblem() {
    std::mt19937_64 random(20261121);
    std::normal_distribution<float> offset(0, 2);
    std::uniform_real_distribution<float> uniform(0, 1);
    while (offsets.size() < size_t{kImages} * 2 * kTaps * kPixels) {
      const float value = offset(random);
      if (std::fabs(value - std::round(value)) > 1e-3f) offsets.push_back(value);
    }
    for (int i = 0; i < kImages * kTaps * kPixels; ++i) masks.push_back(uniform(random));
  }
  std::vector<float> offsets;  ///< [images, 2·K, H, W]
  std::vector<float> masks;    ///< [images, K, H, W]
};

template <class T>
struct ConvTensors {
  ConvTensors(const ConvProblem& problem, const std::vector<T>& inputs, const std::vector<T>& weights,
              const std::vector<T>& gradients)
      : input(kMap, kType, inputs.data()),
        grad_input(kMap, kType),
        out(kMap, kType),
        grad_out(kMap, kType, gradients.data()),
        offset(kOffsets, kFloat32, problem.offsets.data()),
        grad_offset(kOffsets, kFloat32),
        mask(kMasks, kFloat32, problem.masks.data()),
        grad_mask(kMasks, kFloat32),
        weight(kWeights, kType, weights.data()),
        grad_weight(kWeights, kType),
        peer_out(kMap, kType),
        peer_grad_input(kMap, kFloat32),
        peer_grad_offset(kOffsets, kFloat32),
        peer_grad_mask(kMasks, kFloat32),
        peer_grad_weight(kWeights, kFloat32),
        columns({kChannels * kTaps, kPixels}, kType),
        grad_columns({kChannels * kTaps, kPixels}, kType) {}

  Buffer input, grad_input, out, grad_out, offset, grad_offset, mask, grad_mask, weight, grad_weight;
  Buffer peer_out, peer_grad_input, peer_grad_offset, peer_grad_mask, peer_grad_weight, columns, grad_columns;

 private:
  static constexpr DLDataType kType = OnDevice<T>::dtype;
  inline static const std::vector<int64_t> kMap = {kImages, kChannels, kHeight, kWidth},
                                           kOffsets = {kImages, 2 * kTaps, kHeight, kWidth},
                                           kMasks = {kImages, kTaps, kHeight, kWidth},
                                           kWeights = {kChannels, kOwn, kKernel, kKernel};
};

template <class T>
class ConvRunner {
 public:
  using DeviceT = typename OnDevice<T>::type;

  ConvRunner(const ConvProblem& problem, Suite& suite) : suite_(suite), gemm_(suite.stream) {
    const int64_t element = sizeof(T), map = int64_t{kImages} * kChannels * kPixels * element;
    const int64_t weight = int64_t{kChannels} * kOwn * kTaps * element;
    const int64_t positions = int64_t{kImages} * 3 * kTaps * kPixels * 4;
    forward_bytes_ = 2 * map + weight + positions;
    backward_bytes_ = 3 * map + 2 * weight + 2 * positions;
    rotation_ = suite.rotation(forward_bytes_);
    const auto inputs = random_values<T>(map / element, 1, -1, 1);
    const auto gradients = random_values<T>(map / element, 2, -1, 1);
    const auto weights = random_values<T>(weight / element, 3, -0.05, 0.05);
    for (int i = 0; i < rotation_; ++i) {
      tensors_.push_back(std::make_unique<ConvTensors<T>>(problem, inputs, weights, gradients));
    }
    int64_t most = 0, bytes = 0;
    const auto forward = forward_params(0);
    check_bevel(bevel_deform_conv_forward_workspace(&forward, &most), "deform_conv forward workspace");
    for (const bevel_determinism determinism : {BEVEL_STRICT, BEVEL_FAST}) {
      const auto backward = backward_params(0, determinism);
      check_bevel(bevel_deform_conv_backward_workspace(&backward, &bytes), "deform_conv backward workspace");
      most = std::max(most, bytes);
    }
    workspace_ = make_workspace(most);
  }

  void run() {
    verify();
    suite_.time_case<T>(
        "deform_conv", "depthnet", rotation_,
        {{"forward", "bevel", forward_bytes_, [this](int i) { forward(i); }},
         {"forward", Gemm::kName, forward_bytes_, [this](int i) { peer_forward(i); }},
         {"backward", "bevel", backward_bytes_, [this](int i) { backward(i, BEVEL_STRICT); }},
         {"backward", "bevel fast", backward_bytes_, [this](int i) { backward(i, BEVEL_FAST); }},
         {"backward", Gemm::kName, backward_bytes_, [this](int i) { peer_backward(i); }}});
  }

 private:
  ConvTensors<T>& at(int i) { return *tensors_[static_cast<size_t>(i)]; }

  static bevel_deform_conv_settings settings() { return {{1, 1}, {1, 1}, {1, 1}, kGroups, 1}; }

  bevel_deform_conv_forward_params forward_params(int i) {
    ConvTensors<T>& t = at(i);
    bevel_deform_conv_forward_params p = {};
    p.struct_size = sizeof p;
    p.input = t.input.view();
    p.offset = t.offset.view();
    p.mask = t.mask.view();
    p.weight = t.weight.view();
    p.out = t.out.view();
    p.settings = settings();
    return p;
  }
  bevel_deform_conv_backward_params backward_params(int i, bevel_determinism determinism) {
    ConvTensors<T>& t = at(i);
    bevel_deform_conv_backward_params p = {};
    p.struct_size = sizeof p;
    p.grad_out = t.grad_out.view();
    p.input = t.input.view();
    p.offset = t.offset.view();
    p.mask = t.mask.view();
    p.weight = t.weight.view();
    p.grad_input = t.grad_input.view();
    p.grad_offset = t.grad_offset.view();
    p.grad_mask = t.grad_mask.view();
    p.grad_weight = t.grad_weight.view();
    p.settings = settings();
    p.determinism = determinism;
    return p;
  }
  void forward(int i) {
    auto p = forward_params(i);
    p.workspace = workspace_->view();
    check_bevel(bevel_deform_conv_forward(&p, suite_.stream), "deform_conv forward");
  }
  void backward(int i, bevel_determinism determinism) {
    auto p = backward_params(i, determinism);
    p.workspace = workspace_->view();
    check_bevel(bevel_deform_conv_backward(&p, suite_.stream), "deform_conv backward");
  }

  /// Image number `image` of a tensor of all.
  template <class Element>
  static Element* part(Buffer& buffer, int image) {
    return buffer.as<Element>() + image * (buffer.bytes() / static_cast<int64_t>(sizeof(Element)) / kImages);
  }
  void im2col(ConvTensors<T>& t, int image) {
    im2col_kernel<DeviceT><<<blocks(kChannels * kPixels), 256, 0, suite_.stream>>>(
        kConv, part<DeviceT>(t.input, image), part<float>(t.offset, image), part<float>(t.mask, image),
        t.columns.template as<DeviceT>());
  }
  void peer_forward(int i) {
    ConvTensors<T>& t = at(i);
    for (int image = 0; image < kImages; ++image) {
      im2col(t, image);
      for (int64_t group = 0; group < kGroups; ++group) {
        gemm_.multiply({false, false, kOwn, kPixels, kOwn * kTaps},
                       t.weight.template as<DeviceT>() + group * kWeightsOfGroup,
                       t.columns.template as<DeviceT>() + group * kColumnsOfGroup, 0,
                       part<DeviceT>(t.peer_out, image) + group * kOwn * kPixels);
      }
    }
  }
  void peer_backward(int i) {
    ConvTensors<T>& t = at(i);
    suite_.clear(t.peer_grad_input);
    for (int image = 0; image < kImages; ++image) {
      const DeviceT* grad_out = part<DeviceT>(t.grad_out, image);
      float *offset = part<float>(t.offset, image), *mask = part<float>(t.mask, image);
      for (int64_t group = 0; group < kGroups; ++group) {
        gemm_.multiply({true, false, kOwn * kTaps, kPixels, kOwn},
                       t.weight.template as<DeviceT>() + group * kWeightsOfGroup,
                       grad_out + group * kOwn * kPixels, 0,
                       t.grad_columns.template as<DeviceT>() + group * kColumnsOfGroup);
      }
      coordinate_gradient_kernel<DeviceT><<<blocks(kTaps * kPixels), 256, 0, suite_.stream>>>(
          kConv, t.grad_columns.template as<DeviceT>(), part<DeviceT>(t.input, image), offset, mask,
          part<float>(t.peer_grad_offset, image), part<float>(t.peer_grad_mask, image));
      col2im_kernel<DeviceT><<<blocks(kChannels * kTaps * kPixels), 256, 0, suite_.stream>>>(
          kConv, t.grad_columns.template as<DeviceT>(), offset, mask, part<float>(t.peer_grad_input, image));
      im2col(t, image);
      for (int64_t group = 0; group < kGroups; ++group) {
        gemm_.multiply({false, true, kOwn, kOwn * kTaps, kPixels}, grad_out + group * kOwn * kPixels,
                       t.columns.template as<DeviceT>() + group * kColumnsOfGroup, image == 0 ? 0.0f : 1.0f,
                       t.peer_grad_weight.template as<float>() + group * kWeightsOfGroup);
      }
    }
  }

  struct Gradients {
    std::vector<T> input, weight;
    std::vector<float> offset, mask;
  };
  Gradients gradients(int i) {
    return {at(i).grad_input.template download<T>(), at(i).grad_weight.template download<T>(),
            at(i).grad_offset.template download<float>(), at(i).grad_mask.template download<float>()};
  }

  /// Bevel and the peer must agree, and Bevel with itself bit for bit, before anything is timed.
  void verify() {
    const double tolerance = OnDevice<T>::tolerance;
    forward(0);
    peer_forward(1);
    backward(0, BEVEL_STRICT);
    peer_backward(1);
    suite_.finish();
    const auto out = at(0).out.template download<T>();
    const Gradients strict = gradients(0);
    expect_close("deform_conv", difference(at(1).peer_out.template download<T>(), out), tolerance);
    forward(0);
    backward(0, BEVEL_STRICT);
    suite_.finish();
    const Gradients again = gradients(0);
    expect_same_bits("deform_conv forward", at(0).out.template download<T>(), out);
    expect_same_bits("input gradient", again.input, strict.input);
    expect_same_bits("weight gradient", again.weight, strict.weight);
    expect_same_bits("offset gradient", again.offset, strict.offset);
    expect_same_bits("mask gradient", again.mask, strict.mask);
    backward(0, BEVEL_FAST);
    suite_.finish();
    const Gradients fast = gradients(0);
    for (const Gradients& g : {strict, fast}) {
      expect_close("input gradient", difference(at(1).peer_grad_input.template download<float>(), g.input),
                   tolerance);
      expect_close("weight gradient", difference(at(1).peer_grad_weight.template download<float>(), g.weight),
                   tolerance);
      expect_close("offset gradient", difference(at(1).peer_grad_offset.template download<float>(), g.offset),
                   tolerance);
      expect_close("mask gradient", difference(at(1).peer_grad_mask.template download<float>(), g.mask),
                   tolerance);
    }
  }

  static constexpr PeerConv kConv = {kChannels, kHeight, kWidth, kKernel, 1};
  static constexpr int64_t kWeightsOfGroup = int64_t{kOwn} * kOwn * kTaps;
  static constexpr int64_t kColumnsOfGroup = int64_t{kOwn} * kTaps * kPixels;

  Suite& suite_;
  Gemm gemm_;
  std::vector<std::unique_ptr<ConvTensors<T>>> tensors_;
  std::unique_ptr<Buffer> workspace_;
  int64_t forward_bytes_ = 0, backward_bytes_ = 0;
  int rotation_ = 1;
};

}  // namespace

void bench_deform_conv(Suite& suite) {
  if (!suite.wants("depthnet")) return;
  const ConvProblem problem;
  ConvRunner<float>(problem, suite).run();
  ConvRunner<Bfloat16>(problem, suite).run();
  ConvRunner<Float16>(problem, suite).run();
}

}  // namespace bevel::bench
