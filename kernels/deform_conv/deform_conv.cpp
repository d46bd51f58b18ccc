// The entry points of deform_conv, and the checks of its arguments.
#include "bevel/deform_conv.h"

#include "deform_conv/deform_conv_job.hpp"
#include "operator_frame.hpp"

namespace bevel {
namespace {

/// Pixels of a padded side at most: float32 holds whole numbers exactly up to there.
constexpr int64_t kLongestSide = int64_t{1} << 24;

/// What both passes have; `out` is out or grad_out.
struct ConvTensors {
  const TensorArgument &input, &offset, &mask, &weight, &out;
};

template <class Params>
ConvTensors declare(const Params& p, Arguments& a) {
  const TensorArgument& input = a.read("input", p.input, kFeatureTypes);
  a.set_precision(input);
  return {input, a.read("offset", p.offset, a.exact()), a.read_if_given("mask", p.mask, a.exact()),
          a.read("weight", p.weight, a.features()), declare_out(p, a)};
}

void check_pair(const Arguments& a, const char* name, const int32_t (&pair)[2], int32_t least) {
  if (pair[0] < least || pair[1] < least) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: settings.%s must be at least %d both ways, got (%d, %d)", a.op(), name,
         least, pair[0], pair[1]);
  }
}

void check_divides(const Arguments& a, const char* name, int32_t groups, const TensorArgument& tensor,
                   int dimension, const char* what) {
  if (groups < 1 || tensor.extent(dimension) % groups != 0) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: settings.%s must be at least 1 and divide the %lld %s of %s, got %d",
         a.op(), name, static_cast<long long>(tensor.extent(dimension)), what, tensor.name(), groups);
  }
}

/// Height (side 0) or width (side 1) of the output.
int64_t out_side(const DeformConvJob& job, const ConvTensors& t, int side) {
  const bevel_deform_conv_settings& s = job.settings;
  const int64_t input = side ? job.width : job.height;
  const int64_t kernel = side ? job.kernel_width : job.kernel_height;
  const int64_t padded = input + 2 * int64_t{s.padding[side]};
  if (input < 1 || padded > kLongestSide) {
    t.input.reject("must have sides of 1 to 2^24 pixels, padding included, got " + t.input.shape_text() +
                   " with padding (" + std::to_string(s.padding[0]) + ", " + std::to_string(s.padding[1]) +
                   ")");
  }
  const int64_t reach = s.dilation[side] * (kernel - 1) + 1;
  if (reach > padded) {
    t.weight.reject("must have a kernel that fits into the padded input, got " + t.weight.shape_text() +
                    " with dilation (" + std::to_string(s.dilation[0]) + ", " +
                    std::to_string(s.dilation[1]) + ") on input " + t.input.shape_text());
  }
  return (padded - reach) / s.stride[side] + 1;
}

/// A bias or its gradient: an output's each, of the weight's dtype.
void check_bias(const TensorArgument& bias, const DeformConvJob& job, const ConvTensors& t) {
  if (!bias.given()) return;
  bias.shape({job.out_channels}, "to match weight").compact();
  if (bias.element_type() != t.weight.element_type()) bias.reject("must have the dtype of weight");
  if (job.channels == 0) {
    t.input.reject("must have at least one channel where there is a bias, got " + t.input.shape_text());
  }
}

/// What both passes check. `settings` is checked first: the rest is measured by it.
DeformConvJob check_both(const Arguments& a, const bevel_deform_conv_settings& settings,
                         const ConvTensors& t) {
  DeformConvJob job = {};
  t.input.rank(4).compact();
  t.weight.rank(4).compact();
  job.settings = settings;
  check_pair(a, "stride", settings.stride, 1);
  check_pair(a, "padding", settings.padding, 0);
  check_pair(a, "dilation", settings.dilation, 1);
  job.batch = t.input.extent(0);
  job.channels = t.input.extent(1);
  job.height = t.input.extent(2);
  job.width = t.input.extent(3);
  job.out_channels = t.weight.extent(0);
  check_divides(a, "groups", settings.groups, t.input, 1, "channels");
  check_divides(a, "groups", settings.groups, t.weight, 0, "outputs");
  check_divides(a, "deform_groups", settings.deform_groups, t.input, 1, "channels");
  t.weight.shape({job.out_channels, job.group_channels(), kAny, kAny}, "to match input and groups");
  for (int side = 2; side < 4; ++side) {
    if (t.weight.extent(side) < 1 || t.weight.extent(side) > BEVEL_DEFORM_CONV_MAX_KERNEL) {
      t.weight.reject("must have a kernel of 1 to " + std::to_string(BEVEL_DEFORM_CONV_MAX_KERNEL) +
                      " pixels both ways, got " + t.weight.shape_text());
    }
  }
  job.kernel_height = static_cast<int32_t>(t.weight.extent(2));
  job.kernel_width = static_cast<int32_t>(t.weight.extent(3));
  job.out_height = out_side(job, t, 0);
  job.out_width = out_side(job, t, 1);
  if (job.map_pixels() > INT32_MAX || job.out_pixels() > INT32_MAX) {
    t.input.reject("must have maps below 2^31 pixels, before and after, got " + t.input.shape_text());
  }

  const char* reason = "to match input, weight and settings";
  const int64_t samples = int64_t{settings.deform_groups} * job.taps();
  t.offset.shape({job.batch, 2 * samples, job.out_height, job.out_width}, reason).compact();
  if (t.mask.given()) t.mask.shape({job.batch, samples, job.out_height, job.out_width}, reason).compact();
  t.out.shape({job.batch, job.out_channels, job.out_height, job.out_width}, reason).compact();
  job.input_type = t.input.element_type();
  job.weight_type = t.weight.element_type();
  job.out_type = t.out.element_type();
  job.input = t.input.data();
  job.offset = t.offset.data();
  job.mask = t.mask.data_if_given();
  job.weight = t.weight.data();
  return job;
}

/// Workspaces hold a few numbers for each pixel of the input, sample, gradient of the output and, rounded up
/// to panels, weight.
void limit_workspaces(const Arguments& a, const DeformConvJob& job) {
  a.limit_workspace({job.batch, job.channels, job.map_pixels()});
  a.limit_workspace({job.batch, job.channels, job.taps(), job.out_pixels()});
  a.limit_workspace({job.batch, job.out_channels, job.out_pixels()});
  a.limit_workspace({job.out_channels, job.group_channels(), job.taps()});
}

DeformConvJob check_forward(const bevel_deform_conv_forward_params& p, Arguments& a) {
  const ConvTensors t = declare(p, a);
  const TensorArgument& bias = a.read_if_given("bias", p.bias, a.features());
  DeformConvJob job = check_both(a, p.settings, t);
  check_bias(bias, job, t);
  job.bias = bias.data_if_given();
  job.out = t.out.data();
  limit_workspaces(a, job);
  return job;
}

DeformConvBackwardJob check_backward(const bevel_deform_conv_backward_params& p, Arguments& a) {
  const ConvTensors t = declare(p, a);
  DeformConvBackwardJob job = {};
  job.forward = check_both(a, p.settings, t);
  job.grad_out = t.out.data();
  job.grad_input = a.compact_gradient("grad_input", p.grad_input, t.input);
  job.grad_offset = a.compact_gradient("grad_offset", p.grad_offset, t.offset);
  job.grad_mask = a.compact_gradient("grad_mask", p.grad_mask, t.mask);
  job.grad_weight = a.compact_gradient("grad_weight", p.grad_weight, t.weight);
  // The bias itself does not enter the backward.
  const TensorArgument& grad_bias = a.gradient_alone("grad_bias", p.grad_bias);
  check_bias(grad_bias, job.forward, t);
  job.grad_bias = grad_bias.data_if_given();
  job.fast = check_fast(a.op(), p.determinism);
  check_reserved(a.op(), "reserved", p.reserved);
  limit_workspaces(a, job.forward);
  return job;
}

}  // namespace
}  // namespace bevel

using namespace bevel;

bevel_status bevel_deform_conv_forward_workspace(const bevel_deform_conv_forward_params* params,
                                                 int64_t* bytes) {
  return query_workspace<bodies::deform_conv_forward>("deform_conv_forward", params, bytes, check_forward);
}

bevel_status bevel_deform_conv_forward(const bevel_deform_conv_forward_params* params, void* stream) {
  return run_operator<bodies::deform_conv_forward>("deform_conv_forward", params, stream, check_forward);
}

bevel_status bevel_deform_conv_backward_workspace(const bevel_deform_conv_backward_params* params,
                                                  int64_t* bytes) {
  return query_workspace<bodies::deform_conv_backward>("deform_conv_backward", params, bytes, check_backward);
}

bevel_status bevel_deform_conv_backward(const bevel_deform_conv_backward_params* params, void* stream) {
  return run_operator<bodies::deform_conv_backward>("deform_conv_backward", params, stream, check_backward);
}
