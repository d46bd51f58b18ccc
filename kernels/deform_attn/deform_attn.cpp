// The entry points of deform_attn: every argument is checked here, then the work goes to the CUDA body or to
// the CPU body of the chosen instruction set.
#include "deform_attn.h"

#include "call_tensors.hpp"
#include "cuda_loader.hpp"
#include "deform_attn/deform_attn_cpu.hpp"
#include "settings.hpp"
#include "status.hpp"
#include "tensor_check.hpp"

namespace bevel {
namespace {

constexpr int64_t kInt32Max = INT32_MAX;

/// An argument that a form or pass does not have.
TensorArgument none() { return {"deform_attn", "none", nullptr}; }

/// The arguments of both forms and both passes; what a form or pass does not have is not given. In the
/// field's form locations and weights stand for offsets and logits.
struct Arguments {
  const char* op;
  CpuSettings cpu;
  TensorArgument value, locations, weights, out;
  TensorArgument reference = none(), visible = none();
  TensorArgument grad_value = none(), grad_locations = none(), grad_weights = none(), grad_reference = none();

  bool double_precision() const { return value.element_type() == ElementType::kFloat64; }
  unsigned exact() const { return double_precision() ? kFloat64Only : kFloat32Only; }

  CallTensors forward_tensors() const {
    return {op, {&out}, {&value, &locations, &weights, &reference, &visible}};
  }
  CallTensors backward_tensors() const {
    return {op,
            {&grad_value, &grad_locations, &grad_weights, &grad_reference},
            {&out, &value, &locations, &weights, &reference, &visible}};
  }
};

Arguments arguments(const bevel_msda_forward_params& p) {
  const char* op = "msda_forward";
  return {.op = op,
          .cpu = cpu_settings(op, p),
          .value = {op, "value", p.value},
          .locations = {op, "locations", p.locations},
          .weights = {op, "weights", p.weights},
          .out = {op, "out", p.out}};
}

Arguments arguments(const bevel_msda_backward_params& p) {
  const char* op = "msda_backward";
  return {.op = op,
          .cpu = cpu_settings(op, p),
          .value = {op, "value", p.value},
          .locations = {op, "locations", p.locations},
          .weights = {op, "weights", p.weights},
          .out = {op, "grad_out", p.grad_out},
          .grad_value = {op, "grad_value", p.grad_value},
          .grad_locations = {op, "grad_locations", p.grad_locations},
          .grad_weights = {op, "grad_weights", p.grad_weights}};
}

Arguments arguments(const bevel_deform_attn_forward_params& p) {
  const char* op = "deform_attn_forward";
  return {.op = op,
          .cpu = cpu_settings(op, p),
          .value = {op, "value", p.value},
          .locations = {op, "offsets", p.offsets},
          .weights = {op, "logits", p.logits},
          .out = {op, "out", p.out},
          .reference = {op, "reference", p.reference},
          .visible = {op, "visible", p.visible}};
}

Arguments arguments(const bevel_deform_attn_backward_params& p) {
  const char* op = "deform_attn_backward";
  return {.op = op,
          .cpu = cpu_settings(op, p),
          .value = {op, "value", p.value},
          .locations = {op, "offsets", p.offsets},
          .weights = {op, "logits", p.logits},
          .out = {op, "grad_out", p.grad_out},
          .reference = {op, "reference", p.reference},
          .visible = {op, "visible", p.visible},
          .grad_value = {op, "grad_value", p.grad_value},
          .grad_locations = {op, "grad_offsets", p.grad_offsets},
          .grad_weights = {op, "grad_logits", p.grad_logits},
          .grad_reference = {op, "grad_reference", p.grad_reference}};
}

void check_levels(const char* op, const bevel_value_levels& levels, int64_t rows) {
  if (levels.levels < 1 || levels.levels > BEVEL_DEFORM_ATTN_MAX_LEVELS) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: levels must be 1 to %d, got %d", op, BEVEL_DEFORM_ATTN_MAX_LEVELS,
         levels.levels);
  }
  check_reserved(op, "levels.reserved", levels.reserved);
  for (int level = 0; level < levels.levels; ++level) {
    const int64_t height = levels.height[level], width = levels.width[level], start = levels.start[level];
    if (height < 1 || width < 1) {
      fail(BEVEL_INVALID_ARGUMENT,
           "%s: level %d must have a height and a width of at least 1, got %lld × %lld", op, level,
           static_cast<long long>(height), static_cast<long long>(width));
    }
    if (start < 0 || start > rows || height * width > rows - start) {
      fail(BEVEL_INVALID_ARGUMENT,
           "%s: level %d (%lld × %lld from row %lld) must lie within the %lld rows of value", op, level,
           static_cast<long long>(height), static_cast<long long>(width), static_cast<long long>(start),
           static_cast<long long>(rows));
    }
  }
}

/// Sizes, dtypes and places that both forms have in common. `lead` is the number of dimensions before the
/// rows of value: B, or B and N.
DeformAttnJob begin(const Arguments& a, const bevel_value_levels& levels, int lead) {
  DeformAttnJob job = {};
  job.cpu = a.cpu;
  a.out.required().on_known_device();
  const DLDevice device = a.out.device();
  a.value.required().dtype(kFeatureTypes).rank(lead + 3).on(device).compact_from(lead);
  a.out.dtype(a.double_precision() ? kFloat64Only : kFloat32Only | kSixteenBit).on(device).compact();
  job.value_type = a.value.element_type();
  job.out_type = a.out.element_type();
  job.batch = a.value.extent(0);
  job.maps = lead == 2 ? a.value.extent(1) : 1;
  job.rows = a.value.extent(lead);
  job.heads = a.value.extent(lead + 1);
  job.head_dim = a.value.extent(lead + 2);
  if (job.rows > kInt32Max) a.value.reject("must have fewer than 2^31 rows, got " + a.value.shape_text());
  check_levels(a.op, levels, job.rows);
  job.levels = levels;
  a.locations.required().dtype(a.exact()).on(device);
  a.weights.required().dtype(a.exact()).on(device);
  job.value_strides = {a.value.stride(0), lead == 2 ? a.value.stride(1) : 0, job.heads * job.head_dim,
                       job.head_dim};
  return job;
}

void check_samples(const Arguments& a, DeformAttnJob& job, int64_t points) {
  if (points > BEVEL_DEFORM_ATTN_MAX_SAMPLES / job.levels.levels) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: %s must have at most %d levels · points, got %s", a.op,
         a.locations.name(), BEVEL_DEFORM_ATTN_MAX_SAMPLES, a.locations.shape_text().c_str());
  }
  job.points = static_cast<int32_t>(points);
}

/// Strides of [B, N, Q, M, ..] after a dimension of extent 1 for N has been made a stride of 0.
AttentionStrides strides_of(const TensorArgument& tensor) {
  return {tensor.stride(0), tensor.extent(1) == 1 ? 0 : tensor.stride(1), tensor.stride(2), tensor.stride(3)};
}

DeformAttnJob check_msda(const Arguments& a, const bevel_value_levels& levels) {
  DeformAttnJob job = begin(a, levels, 1);
  const int64_t count = levels.levels;
  a.locations.rank(6).compact();
  job.queries = a.locations.extent(1);
  a.locations.shape({job.batch, job.queries, job.heads, count, kAny, 2}, "to match value and levels");
  check_samples(a, job, a.locations.extent(4));
  a.weights.shape({job.batch, job.queries, job.heads, count, job.points}, "to match locations").compact();
  a.out.shape({job.batch, job.queries, job.heads * job.head_dim}, "to match value and locations");
  const int64_t samples = count * job.points;
  job.mean = true;
  job.location_strides = {job.queries * job.heads * samples * 2, 0, job.heads * samples * 2, samples * 2};
  job.weight_strides = {job.queries * job.heads * samples, 0, job.heads * samples, samples};
  job.value = a.value.data();
  job.locations = a.locations.data();
  job.weights = a.weights.data();
  return job;
}

DeformAttnJob check_fused(const Arguments& a, const bevel_value_levels& levels, int32_t kind,
                          int32_t combination) {
  DeformAttnJob job = begin(a, levels, 2);
  const DLDevice device = a.out.device();
  const int64_t count = levels.levels;
  if (kind != BEVEL_REFERENCE_OF_LEVEL && kind != BEVEL_REFERENCE_OF_POINT) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: reference_kind must be 0 or 1, got %d", a.op, kind);
  }
  if (combination != BEVEL_MAPS_MEAN && combination != BEVEL_MAPS_SEPARATE) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: combination must be 0 or 1, got %d", a.op, combination);
  }
  a.locations.rank(7).compact_from(4);
  job.queries = a.locations.extent(2);
  const int64_t given_maps = a.locations.extent(1) == 1 ? 1 : job.maps;
  a.locations.shape({job.batch, given_maps, job.queries, job.heads, count, kAny, 2},
                    "to match value and levels");
  check_samples(a, job, a.locations.extent(5));
  a.weights.shape({job.batch, given_maps, job.queries, job.heads, count, job.points}, "to match offsets")
      .compact_from(4);
  a.reference.required().dtype(a.exact()).rank(5).on(device).compact_from(2);
  job.boxes = a.reference.extent(4) == 4;
  job.reference_of_level = kind == BEVEL_REFERENCE_OF_LEVEL;
  a.reference.shape(
      {job.batch, job.maps, job.queries, job.reference_of_level ? Extent(count) : kAny, job.boxes ? 4 : 2},
      job.reference_of_level ? "to match value, offsets and levels" : "to match value and offsets");
  if (a.reference.extent(3) > BEVEL_DEFORM_ATTN_MAX_SAMPLES) {
    a.reference.reject("must have at most 256 references, got " + a.reference.shape_text());
  }
  job.references = static_cast<int32_t>(a.reference.extent(3));
  if (a.visible.given()) {
    a.visible.dtype(kBytes)
        .shape({job.batch, job.maps, job.queries}, "to match value and offsets")
        .compact()
        .on(device);
    job.visible = a.visible.data_as<const uint8_t>();
  }
  job.fused = true;
  job.mean = combination == BEVEL_MAPS_MEAN;
  if (job.mean) {
    a.out.shape({job.batch, job.queries, job.heads * job.head_dim}, "to match value and offsets");
  } else {
    a.out.shape({job.batch, job.maps, job.queries, job.heads * job.head_dim}, "to match value and offsets");
  }
  job.location_strides = strides_of(a.locations);
  job.weight_strides = strides_of(a.weights);
  job.reference_strides = {a.reference.stride(0), a.reference.stride(1), a.reference.stride(2), 0};
  job.value = a.value.data();
  job.locations = a.locations.data();
  job.weights = a.weights.data();
  job.reference = a.reference.data();
  return job;
}

void check_gradient(const TensorArgument& gradient, const TensorArgument& of, DLDevice device) {
  if (!gradient.given()) return;
  const unsigned type = of.element_type() == ElementType::kFloat64   ? kFloat64Only
                        : of.element_type() == ElementType::kFloat32 ? kFloat32Only
                                                                     : kSixteenBit;
  gradient.dtype(type).shaped_like(of).on(device);
  if (gradient.element_type() != of.element_type()) {
    gradient.reject(std::string("must have the dtype of ") + of.name());
  }
}

/// Completes a backward job whose forward half has been checked.
DeformAttnBackwardJob check_gradients(const Arguments& a, const DeformAttnJob& forward) {
  DeformAttnBackwardJob job = {};
  const DLDevice device = a.out.device();
  job.forward = forward;
  job.grad_out = a.out.data();
  const TensorArgument* gradients[] = {&a.grad_value, &a.grad_locations, &a.grad_weights, &a.grad_reference};
  const TensorArgument* originals[] = {&a.value, &a.locations, &a.weights, &a.reference};
  bool any = false;
  for (int i = 0; i < 4; ++i) {
    check_gradient(*gradients[i], *originals[i], device);
    any = any || gradients[i]->given();
  }
  if (!any) fail(BEVEL_INVALID_ARGUMENT, "%s: no gradient is asked for", a.op);
  if (a.grad_value.given()) job.grad_value = a.grad_value.compact().data();
  if (a.grad_reference.given()) job.grad_reference = a.grad_reference.compact().data();
  if (a.grad_locations.given()) {
    job.grad_locations =
        (forward.fused ? a.grad_locations.compact_from(4) : a.grad_locations.compact()).data();
    job.grad_location_strides = forward.fused ? strides_of(a.grad_locations) : forward.location_strides;
  }
  if (a.grad_weights.given()) {
    job.grad_weights = (forward.fused ? a.grad_weights.compact_from(4) : a.grad_weights.compact()).data();
    job.grad_weight_strides = forward.fused ? strides_of(a.grad_weights) : forward.weight_strides;
  }
  return job;
}

/// The device of a call, which has a body for its dtypes.
DLDevice checked_device(const Arguments& a, void* stream) {
  const DLDevice device = a.out.device();
  check_stream(a.op, device, stream);
  if (!is_cpu(device) && a.double_precision()) {
    fail(BEVEL_UNSUPPORTED, "%s: float64 is for gradient checks on the CPU, %s is on CUDA", a.op,
         a.value.name());
  }
  return device;
}

void run_forward(const Arguments& a, DeformAttnJob job, void* stream) {
  const DLDevice device = checked_device(a, stream);
  const CallTensors tensors = a.forward_tensors();
  tensors.check_apart();
  if (tensors.any_empty()) return tensors.write_zeros(device, stream);
  job.out = a.out.data();
  if (is_cpu(device)) {
    BEVEL_ON_INSTRUCTION_SET(a.cpu, deform_attn_forward(job));
  } else {
    bevel_cuda_message message = {};
    check_cuda(a.op, cuda_functions(a.op).deform_attn_forward(&job, device.device_id, stream, &message),
               message);
  }
}

int64_t workspace_of(const Arguments& a, const DeformAttnBackwardJob& job) {
  const DLDevice device = checked_device(a, nullptr);
  if (a.backward_tensors().any_empty()) return 0;
  const DeformAttnJob& f = job.forward;
  check_workspace_part(a.op, {f.batch, f.maps, f.queries, f.heads, f.references, 4});
  check_workspace_part(a.op, {f.rows, f.heads, f.head_dim});
  if (is_cpu(device)) return BEVEL_ON_INSTRUCTION_SET(a.cpu, deform_attn_backward_workspace(job));
  int64_t bytes = 0;
  bevel_cuda_message message = {};
  check_cuda(a.op, cuda_functions(a.op).deform_attn_backward_workspace(&job, &bytes, &message), message);
  return bytes;
}

void run_backward(const Arguments& a, DeformAttnBackwardJob job, const DLTensor* workspace_tensor,
                  void* stream) {
  const DLDevice device = checked_device(a, stream);
  DeformAttnBackwardJob on_one_thread = job;
  on_one_thread.forward.cpu.threads = 1;  // its workspace is the least that will do
  const TensorArgument workspace =
      check_workspace(a.op, workspace_tensor, device, workspace_of(a, on_one_thread));
  const CallTensors tensors = a.backward_tensors();
  tensors.check_apart(workspace);
  if (tensors.any_empty()) return tensors.write_zeros(device, stream);
  job.workspace = workspace.given() ? workspace.data_as<char>() : nullptr;
  job.workspace_bytes = workspace.given() ? workspace.extent(0) : 0;
  if (is_cpu(device)) {
    BEVEL_ON_INSTRUCTION_SET(a.cpu, deform_attn_backward(job));
  } else {
    bevel_cuda_message message = {};
    check_cuda(a.op, cuda_functions(a.op).deform_attn_backward(&job, device.device_id, stream, &message),
               message);
  }
}

template <class Params>
DeformAttnBackwardJob check(const Arguments& a, const Params& p, const DeformAttnJob& forward) {
  DeformAttnBackwardJob job = check_gradients(a, forward);
  job.fast = check_fast(a.op, p.determinism);
  check_reserved(a.op, "reserved", p.reserved);
  return job;
}
DeformAttnBackwardJob check(const Arguments& a, const bevel_msda_backward_params& p) {
  return check(a, p, check_msda(a, p.levels));
}
DeformAttnBackwardJob check(const Arguments& a, const bevel_deform_attn_backward_params& p) {
  return check(a, p, check_fused(a, p.levels, p.reference_kind, p.combination));
}

template <class Params>
bevel_status backward_workspace(const char* op, const Params* params, int64_t* bytes) {
  return guarded(op, [=] {
    check_params(op, params);
    if (!bytes) fail(BEVEL_INVALID_ARGUMENT, "%s: bytes must be given, got NULL", op);
    const Arguments a = arguments(*params);
    *bytes = workspace_of(a, check(a, *params));
  });
}

template <class Params>
bevel_status backward(const char* op, const Params* params, void* stream) {
  return guarded(op, [=] {
    check_params(op, params);
    const Arguments a = arguments(*params);
    run_backward(a, check(a, *params), params->workspace, stream);
  });
}

}  // namespace
}  // namespace bevel

using namespace bevel;

bevel_status bevel_msda_forward(const bevel_msda_forward_params* params, void* stream) {
  return guarded("msda_forward", [=] {
    check_params("msda_forward", params);
    const Arguments a = arguments(*params);
    run_forward(a, check_msda(a, params->levels), stream);
  });
}

bevel_status bevel_deform_attn_forward(const bevel_deform_attn_forward_params* params, void* stream) {
  return guarded("deform_attn_forward", [=] {
    check_params("deform_attn_forward", params);
    const Arguments a = arguments(*params);
    run_forward(a, check_fused(a, params->levels, params->reference_kind, params->combination), stream);
  });
}

bevel_status bevel_msda_backward_workspace(const bevel_msda_backward_params* params, int64_t* bytes) {
  return backward_workspace("msda_backward", params, bytes);
}
bevel_status bevel_msda_backward(const bevel_msda_backward_params* params, void* stream) {
  return backward("msda_backward", params, stream);
}
bevel_status bevel_deform_attn_backward_workspace(const bevel_deform_attn_backward_params* params,
                                                  int64_t* bytes) {
  return backward_workspace("deform_attn_backward", params, bytes);
}
bevel_status bevel_deform_attn_backward(const bevel_deform_attn_backward_params* params, void* stream) {
  return backward("deform_attn_backward", params, stream);
}
