// A random problem of deformable convolution, its calls through the C ABI, and what plain loops in double
// make of it.
#pragma once

#include <gtest/gtest.h>

#include "bevel/deform_conv.h"
#include "references/deform_conv.hpp"
#include "lift_splat_case.hpp"

namespace bevel::testing {

/// Offsets and masks in T (float or double), the rest in types of its own.
template <class T, class In, class Weight = In, class Out = In>
class ConvCase {
 public:
  ConvCase(ConvSizes sizes, uint64_t seed)
      : s(sizes),
        input({s.batch, s.channels, s.height, s.width}),
        grad_input(input.shape()),
        offset({s.batch, 2 * s.deform_groups * s.taps(), s.out_height(), s.out_width()}),
        grad_offset(offset.shape()),
        mask({s.batch, s.deform_groups * s.taps(), s.out_height(), s.out_width()}),
        grad_mask(mask.shape()),
        weight({s.outputs, s.channels / s.groups, s.kernel_height, s.kernel_width}),
        grad_weight(weight.shape()),
        bias({s.outputs}),
        grad_bias(bias.shape()),
        out({s.batch, s.outputs, s.out_height(), s.out_width()}),
        grad_out(out.shape()) {
    std::mt19937_64 random(seed);
    fill_random(input, random);
    fill_random(offset, random, -2.5, 2.5);
    fill_random(mask, random, 0, 1);
    fill_random(weight, random);
    fill_random(bias, random);
    fill_random(grad_out, random);
  }

  bevel_deform_conv_settings settings() const {
    const auto pair = [](const int64_t(&from)[2], int32_t(&to)[2]) {
      to[0] = static_cast<int32_t>(from[0]);
      to[1] = static_cast<int32_t>(from[1]);
    };
    bevel_deform_conv_settings settings = {};
    pair(s.stride, settings.stride);
    pair(s.padding, settings.padding);
    pair(s.dilation, settings.dilation);
    settings.groups = static_cast<int32_t>(s.groups);
    settings.deform_groups = static_cast<int32_t>(s.deform_groups);
    return settings;
  }
  bevel_deform_conv_forward_params forward_params() {
    return {sizeof(bevel_deform_conv_forward_params),
            input.view(),
            offset.view(),
            s.masked ? mask.view() : nullptr,
            weight.view(),
            s.biased ? bias.view() : nullptr,
            out.view(),
            nullptr,
            settings()};
  }
  bevel_deform_conv_backward_params backward_params() {
    return {sizeof(bevel_deform_conv_backward_params),
            grad_out.view(),
            input.view(),
            offset.view(),
            s.masked ? mask.view() : nullptr,
            weight.view(),
            grad_input.view(),
            grad_offset.view(),
            s.masked ? grad_mask.view() : nullptr,
            grad_weight.view(),
            grad_bias.view(),
            nullptr,
            settings(),
            BEVEL_STRICT,
            0};
  }

  void run_forward() {
    bevel_deform_conv_forward_params p = forward_params();
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_deform_conv_forward_workspace(&p, &bytes));
    Tensor<uint8_t> workspace({bytes});
    p.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_deform_conv_forward(&p, nullptr));
  }
  void run_backward() { run_backward(backward_params()); }
  static void run_backward(bevel_deform_conv_backward_params p) {
    int64_t bytes = 0;
    ASSERT_BEVEL_OK(bevel_deform_conv_backward_workspace(&p, &bytes));
    Tensor<uint8_t> workspace({bytes});
    p.workspace = workspace.view();
    ASSERT_BEVEL_OK(bevel_deform_conv_backward(&p, nullptr));
  }

  ConvData data() const {
    return {values(input), values(offset), values(mask), values(weight), values(bias), values(grad_out)};
  }

  struct Tolerances {
    double exact, input, weight, out;
  };
  /// Compares what was computed, here or elsewhere, with the reference.
  void compare(const Tolerances& tolerance) const {
    const ConvResult e = conv_reference(s, data(), true);
    EXPECT_LE(relative_error(values(out), e.out), tolerance.out) << "out";
    EXPECT_LE(relative_error(values(grad_input), e.grad_input), tolerance.input) << "grad_input";
    EXPECT_LE(relative_error(values(grad_offset), e.grad_offset), tolerance.exact) << "grad_offset";
    if (s.masked) {
      EXPECT_LE(relative_error(values(grad_mask), e.grad_mask), tolerance.exact) << "grad_mask";
    }
    EXPECT_LE(relative_error(values(grad_weight), e.grad_weight), tolerance.weight) << "grad_weight";
    EXPECT_LE(relative_error(values(grad_bias), e.grad_bias), tolerance.weight) << "grad_bias";
  }

  void check(const Tolerances& tolerance) {
    run_forward();
    run_backward();
    compare(tolerance);
  }

  template <class U>
  static std::vector<double> values(const Tensor<U>& tensor) {
    std::vector<double> out(static_cast<size_t>(tensor.size()));
    for (int64_t i = 0; i < tensor.size(); ++i) out[static_cast<size_t>(i)] = to_double(tensor[i]);
    return out;
  }

  ConvSizes s;
  Tensor<In> input, grad_input;
  Tensor<T> offset, grad_offset, mask, grad_mask;
  Tensor<Weight> weight, grad_weight, bias, grad_bias;
  Tensor<Out> out, grad_out;
};

inline size_t tensor_bytes(const DLTensor& tensor) {
  size_t bytes = tensor.dtype.bits / 8;
  for (int i = 0; i < tensor.ndim; ++i) bytes *= static_cast<size_t>(tensor.shape[i]);
  return bytes;
}

template <class U>
bool same_bits(const Tensor<U>& a, const Tensor<U>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), static_cast<size_t>(a.size()) * sizeof(U)) == 0;
}

}  // namespace bevel::testing
