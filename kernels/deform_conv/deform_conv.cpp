// The entry points of deform_conv: every argument is checked here, then the work goes to the CPU body of the
// chosen instruction set or to CUDA.
#include "deform_conv.h"

#include "call_tensors.hpp"
#include "cuda_loader.hpp"
#include "deform_conv/deform_conv_cpu.hpp"
#include "settings.hpp"
#include "status.hpp"
#include "tensor_check.hpp"

namespace bevel {
namespace {

/// Pixels of a padded side at most: float32 holds whole numbers exactly up to there.
constexpr int64_t kLongestSide = int64_t{1} << 24;

/// The arguments of both passes; what a pass does not have is not given. out is out or grad_out.
struct Arguments {
  const char* op;
  CpuSettings cpu;
  const bevel_deform_conv_settings& settings;
  TensorArgument input, offset, mask, weight, out;
  TensorArgument bias = {"deform_conv", "none", nullptr};
  TensorArgument grad_input = bias, grad_offset = bias, grad_mask = bias, grad_weight = bias,
                 grad_bias = bias;

  CallTensors forward_tensors() const { return {op, {&out}, {&input, &offset, &mask, &weight, &bias}}; }
  CallTensors backward_tensors() const {
    return {op,
            {&grad_input, &grad_offset, &grad_mask, &grad_weight, &grad_bias},
            {&out, &input, &offset, &mask, &weight}};
  }
};

Arguments arguments(const bevel_deform_conv_forward_params& p) {
  const char* op = "deform_conv_forward";
  return {.op = op,
          .cpu = cpu_settings(op, p),
          .settings = p.settings,
          .input = {op, "input", p.input},
          .offset = {op, "offset", p.offset},
          .mask = {op, "mask", p.mask},
          .weight = {op, "weight", p.weight},
          .out = {op, "out", p.out},
          .bias = {op, "bias", p.bias}};
}

Arguments arguments(const bevel_deform_conv_backward_params& p) {
  const char* op = "deform_conv_backward";
  return {.op = op,
          .cpu = cpu_settings(op, p),
          .settings = p.settings,
          .input = {op, "input", p.input},
          .offset = {op, "offset", p.offset},
          .mask = {op, "mask", p.mask},
          .weight = {op, "weight", p.weight},
          .out = {op, "grad_out", p.grad_out},
          .grad_input = {op, "grad_input", p.grad_input},
          .grad_offset = {op, "grad_offset", p.grad_offset},
          .grad_mask = {op, "grad_mask", p.grad_mask},
          .grad_weight = {op, "grad_weight", p.grad_weight},
          .grad_bias = {op, "grad_bias", p.grad_bias}};
}

void check_pair(const char* op, const char* name, const int32_t (&pair)[2], int32_t least) {
  if (pair[0] < least || pair[1] < least) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: settings.%s must be at least %d both ways, got (%d, %d)", op, name,
         least, pair[0], pair[1]);
  }
}

void check_divides(const Arguments& a, const char* name, int32_t groups, const TensorArgument& tensor,
                   int dimension, const char* what) {
  if (groups < 1 || tensor.extent(dimension) % groups != 0) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: settings.%s must be at least 1 and divide the %lld %s of %s, got %d",
         a.op, name, static_cast<long long>(tensor.extent(dimension)), what, tensor.name(), groups);
  }
}

/// Height (side 0) or width (side 1) of the output.
int64_t out_side(const Arguments& a, int side, int64_t input, int64_t kernel) {
  const int64_t padded = input + 2 * int64_t{a.settings.padding[side]};
  if (input < 1 || padded > kLongestSide) {
    a.input.reject("must have sides of 1 to 2^24 pixels, padding included, got " + a.input.shape_text() +
                   " with padding (" + std::to_string(a.settings.padding[0]) + ", " +
                   std::to_string(a.settings.padding[1]) + ")");
  }
  const int64_t reach = a.settings.dilation[side] * (kernel - 1) + 1;
  if (reach > padded) {
    a.weight.reject("must have a kernel that fits into the padded input, got " + a.weight.shape_text() +
                    " with dilation (" + std::to_string(a.settings.dilation[0]) + ", " +
                    std::to_string(a.settings.dilation[1]) + ") on input " + a.input.shape_text());
  }
  return (padded - reach) / a.settings.stride[side] + 1;
}

/// A gradient, or the bias: like `of` in dtype, place and, but for the bias, shape.
void check_like(const TensorArgument& tensor, const TensorArgument& of, const std::vector<Extent>& shape) {
  if (!tensor.given()) return;
  tensor.dtype(kFeatureTypes).shape(shape, "to match the other arguments").compact().on(of.device());
  if (tensor.element_type() != of.element_type()) {
    tensor.reject(std::string("must have the dtype of ") + of.name());
  }
}
std::vector<Extent> shape_of(const TensorArgument& tensor) {
  std::vector<Extent> shape;
  for (int i = 0; i < tensor.dimensions(); ++i) shape.push_back(tensor.extent(i));
  return shape;
}

DeformConvJob check(const Arguments& a) {
  DeformConvJob job = {};
  job.cpu = a.cpu;
  a.out.required().on_known_device();
  const DLDevice device = a.out.device();
  a.input.required().dtype(kFeatureTypes).rank(4).compact().on(device);
  const bool is_double = a.input.element_type() == ElementType::kFloat64;
  const unsigned exact = is_double ? kFloat64Only : kFloat32Only;
  const unsigned feature = is_double ? kFloat64Only : kFloat32Only | kSixteenBit;
  a.weight.required().dtype(feature).rank(4).compact().on(device);
  if (is_double && !is_cpu(device)) {
    fail(BEVEL_UNSUPPORTED, "%s: float64 is for gradient checks on the CPU, input is on CUDA", a.op);
  }
  job.settings = a.settings;
  check_pair(a.op, "stride", a.settings.stride, 1);
  check_pair(a.op, "padding", a.settings.padding, 0);
  check_pair(a.op, "dilation", a.settings.dilation, 1);
  job.batch = a.input.extent(0);
  job.channels = a.input.extent(1);
  job.height = a.input.extent(2);
  job.width = a.input.extent(3);
  job.out_channels = a.weight.extent(0);
  if (job.channels == 0 && (a.bias.given() || a.grad_bias.given())) {
    a.input.reject("must have at least one channel where there is a bias, got " + a.input.shape_text());
  }
  check_divides(a, "groups", a.settings.groups, a.input, 1, "channels");
  check_divides(a, "groups", a.settings.groups, a.weight, 0, "outputs");
  check_divides(a, "deform_groups", a.settings.deform_groups, a.input, 1, "channels");
  a.weight.shape({job.out_channels, job.group_channels(), kAny, kAny}, "to match input and groups");
  for (int side = 2; side < 4; ++side) {
    if (a.weight.extent(side) < 1 || a.weight.extent(side) > BEVEL_DEFORM_CONV_MAX_KERNEL) {
      a.weight.reject("must have a kernel of 1 to " + std::to_string(BEVEL_DEFORM_CONV_MAX_KERNEL) +
                      " pixels both ways, got " + a.weight.shape_text());
    }
  }
  job.kernel_height = static_cast<int32_t>(a.weight.extent(2));
  job.kernel_width = static_cast<int32_t>(a.weight.extent(3));
  job.out_height = out_side(a, 0, job.height, job.kernel_height);
  job.out_width = out_side(a, 1, job.width, job.kernel_width);
  if (job.map_pixels() > INT32_MAX || job.out_pixels() > INT32_MAX) {
    a.input.reject("must have maps below 2^31 pixels, before and after, got " + a.input.shape_text());
  }

  const int64_t samples = int64_t{a.settings.deform_groups} * job.taps();
  a.offset.required()
      .dtype(exact)
      .shape({job.batch, 2 * samples, job.out_height, job.out_width}, "to match input, weight and settings")
      .compact()
      .on(device);
  if (a.mask.given()) {
    a.mask.dtype(exact)
        .shape({job.batch, samples, job.out_height, job.out_width}, "to match input, weight and settings")
        .compact()
        .on(device);
  }
  a.out.dtype(feature)
      .shape({job.batch, job.out_channels, job.out_height, job.out_width},
             "to match input, weight and settings")
      .compact()
      .on(device);
  job.input_type = a.input.element_type();
  job.weight_type = a.weight.element_type();
  job.out_type = a.out.element_type();
  job.input = a.input.data();
  job.offset = a.offset.data();
  job.mask = a.mask.given() ? a.mask.data() : nullptr;
  job.weight = a.weight.data();
  if (a.bias.given()) {
    check_like(a.bias, a.weight, {job.out_channels});
    job.bias = a.bias.data();
  }
  return job;
}

DeformConvBackwardJob check_backward(const Arguments& a, const bevel_deform_conv_backward_params& p) {
  DeformConvBackwardJob job = {};
  job.forward = check(a);
  job.grad_out = a.out.data();
  check_like(a.grad_input, a.input, shape_of(a.input));
  check_like(a.grad_offset, a.offset, shape_of(a.offset));
  if (a.grad_mask.given()) {
    a.mask.required();
    check_like(a.grad_mask, a.mask, shape_of(a.mask));
  }
  check_like(a.grad_weight, a.weight, shape_of(a.weight));
  check_like(a.grad_bias, a.weight, {job.forward.out_channels});
  const auto pointer = [](const TensorArgument& tensor) { return tensor.given() ? tensor.data() : nullptr; };
  job.grad_input = pointer(a.grad_input);
  job.grad_offset = pointer(a.grad_offset);
  job.grad_mask = pointer(a.grad_mask);
  job.grad_weight = pointer(a.grad_weight);
  job.grad_bias = pointer(a.grad_bias);
  if (!a.grad_input.given() && !a.grad_offset.given() && !a.grad_mask.given() && !a.grad_weight.given() &&
      !a.grad_bias.given()) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: no gradient is asked for", a.op);
  }
  job.fast = check_fast(a.op, p.determinism);
  check_reserved(a.op, "reserved", p.reserved);
  return job;
}

/// Workspaces hold a few numbers for each pixel of the input, sample, gradient of the output and, rounded up
/// to panels, weight.
void check_workspace_parts(const Arguments& a, const DeformConvJob& job) {
  check_workspace_part(a.op, {job.batch, job.channels, job.map_pixels()});
  check_workspace_part(a.op, {job.batch, job.channels, job.taps(), job.out_pixels()});
  check_workspace_part(a.op, {job.batch, job.out_channels, job.out_pixels()});
  check_workspace_part(a.op, {job.out_channels, job.group_channels(), job.taps()});
}

int64_t workspace_of(const Arguments& a, const DeformConvJob& job) {
  if (a.forward_tensors().any_empty()) return 0;
  check_workspace_parts(a, job);
  if (is_cpu(a.out.device())) return BEVEL_ON_INSTRUCTION_SET(a.cpu, deform_conv_forward_workspace(job));
  int64_t bytes = 0;
  bevel_cuda_message message = {};
  check_cuda(a.op, cuda_functions(a.op).deform_conv_forward_workspace(&job, &bytes, &message), message);
  return bytes;
}
int64_t workspace_of(const Arguments& a, const DeformConvBackwardJob& job) {
  if (a.backward_tensors().any_empty()) return 0;
  check_workspace_parts(a, job.forward);
  if (is_cpu(a.out.device())) return BEVEL_ON_INSTRUCTION_SET(a.cpu, deform_conv_backward_workspace(job));
  int64_t bytes = 0;
  bevel_cuda_message message = {};
  check_cuda(a.op, cuda_functions(a.op).deform_conv_backward_workspace(&job, &bytes, &message), message);
  return bytes;
}

/// Its workspace is the least that will do.
DeformConvJob on_one_thread(DeformConvJob job) {
  job.cpu.threads = 1;
  return job;
}
DeformConvBackwardJob on_one_thread(DeformConvBackwardJob job) {
  job.forward.cpu.threads = 1;
  return job;
}

/// Checks the workspace and puts it into the job.
template <class Job>
TensorArgument take_workspace(const Arguments& a, Job& job, const DLTensor* tensor, void* stream) {
  const DLDevice device = a.out.device();
  check_stream(a.op, device, stream);
  const TensorArgument workspace = check_workspace(a.op, tensor, device, workspace_of(a, on_one_thread(job)));
  job.workspace = workspace.given() ? workspace.data_as<char>() : nullptr;
  job.workspace_bytes = workspace.given() ? workspace.extent(0) : 0;
  return workspace;
}

}  // namespace
}  // namespace bevel

using namespace bevel;

bevel_status bevel_deform_conv_forward_workspace(const bevel_deform_conv_forward_params* params,
                                                 int64_t* bytes) {
  const char* op = "deform_conv_forward";
  return guarded(op, [=] {
    check_params(op, params);
    if (!bytes) fail(BEVEL_INVALID_ARGUMENT, "%s: bytes must be given, got NULL", op);
    const Arguments a = arguments(*params);
    *bytes = workspace_of(a, check(a));
  });
}

bevel_status bevel_deform_conv_forward(const bevel_deform_conv_forward_params* params, void* stream) {
  const char* op = "deform_conv_forward";
  return guarded(op, [=] {
    check_params(op, params);
    const Arguments a = arguments(*params);
    DeformConvJob job = check(a);
    const TensorArgument workspace = take_workspace(a, job, params->workspace, stream);
    const CallTensors tensors = a.forward_tensors();
    tensors.check_apart(workspace);
    const DLDevice device = a.out.device();
    if (tensors.any_empty()) return tensors.write_zeros(device, stream);
    job.out = a.out.data();
    if (is_cpu(device)) {
      BEVEL_ON_INSTRUCTION_SET(a.cpu, deform_conv_forward(job));
    } else {
      bevel_cuda_message message = {};
      check_cuda(op, cuda_functions(op).deform_conv_forward(&job, device.device_id, stream, &message),
                 message);
    }
  });
}

bevel_status bevel_deform_conv_backward_workspace(const bevel_deform_conv_backward_params* params,
                                                  int64_t* bytes) {
  const char* op = "deform_conv_backward";
  return guarded(op, [=] {
    check_params(op, params);
    if (!bytes) fail(BEVEL_INVALID_ARGUMENT, "%s: bytes must be given, got NULL", op);
    const Arguments a = arguments(*params);
    *bytes = workspace_of(a, check_backward(a, *params));
  });
}

bevel_status bevel_deform_conv_backward(const bevel_deform_conv_backward_params* params, void* stream) {
  const char* op = "deform_conv_backward";
  return guarded(op, [=] {
    check_params(op, params);
    const Arguments a = arguments(*params);
    DeformConvBackwardJob job = check_backward(a, *params);
    const TensorArgument workspace = take_workspace(a, job, params->workspace, stream);
    const CallTensors tensors = a.backward_tensors();
    tensors.check_apart(workspace);
    const DLDevice device = a.out.device();
    if (tensors.any_empty()) return tensors.write_zeros(device, stream);
    if (is_cpu(device)) {
      BEVEL_ON_INSTRUCTION_SET(a.cpu, deform_conv_backward(job));
    } else {
      bevel_cuda_message message = {};
      check_cuda(op, cuda_functions(op).deform_conv_backward(&job, device.device_id, stream, &message),
                 message);
    }
  });
}
