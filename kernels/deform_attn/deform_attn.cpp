// The entry points of deform_attn, and the checks of their arguments.
#include "bevel/deform_attn.h"

#include <array>

#include "deform_attn/deform_attn_job.hpp"
#include "operator_frame.hpp"

namespace bevel {
namespace {

constexpr int64_t kInt32Max = INT32_MAX;

/// What both forms and both passes have; `out` is out or grad_out. In the field's form locations and weights
/// stand for offsets and logits, and reference and visible are absent.
struct AttentionTensors {
  const TensorArgument &value, &out, &locations, &weights, &reference, &visible;
};

template <class Params>
AttentionTensors declare(const Params& p, Arguments& a) {
  const TensorArgument& value = a.read("value", p.value, kFeatureTypes);
  a.set_precision(value);
  const TensorArgument& out = declare_out(p, a);
  if constexpr (requires { p.offsets; }) {
    return {value,
            out,
            a.read("offsets", p.offsets, a.exact()),
            a.read("logits", p.logits, a.exact()),
            a.read("reference", p.reference, a.exact()),
            a.read_if_given("visible", p.visible, kBytes)};
  } else {
    return {value,
            out,
            a.read("locations", p.locations, a.exact()),
            a.read("weights", p.weights, a.exact()),
            a.absent(),
            a.absent()};
  }
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

/// Sizes that both forms have in common. `lead` is the number of dimensions before the rows of value: B, or B
/// and N.
DeformAttnJob begin(const Arguments& a, const AttentionTensors& t, const bevel_value_levels& levels,
                    int lead) {
  DeformAttnJob job = {};
  t.value.rank(lead + 3).compact_from(lead);
  t.out.compact();
  job.value_type = t.value.element_type();
  job.out_type = t.out.element_type();
  job.batch = t.value.extent(0);
  job.maps = lead == 2 ? t.value.extent(1) : 1;
  job.rows = t.value.extent(lead);
  job.heads = t.value.extent(lead + 1);
  job.head_dim = t.value.extent(lead + 2);
  if (job.rows > kInt32Max) t.value.reject("must have fewer than 2^31 rows, got " + t.value.shape_text());
  check_levels(a.op(), levels, job.rows);
  job.levels = levels;
  job.value_strides = {t.value.stride(0), lead == 2 ? t.value.stride(1) : 0, job.heads * job.head_dim,
                       job.head_dim};
  job.value = t.value.data();
  job.locations = t.locations.data();
  job.weights = t.weights.data();
  return job;
}

void check_samples(const Arguments& a, const AttentionTensors& t, DeformAttnJob& job, int64_t points) {
  if (points > BEVEL_DEFORM_ATTN_MAX_SAMPLES / job.levels.levels) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: %s must have at most %d levels · points, got %s", a.op(),
         t.locations.name(), BEVEL_DEFORM_ATTN_MAX_SAMPLES, t.locations.shape_text().c_str());
  }
  job.points = static_cast<int32_t>(points);
}

/// Strides of [B, N, Q, M, ..] after a dimension of extent 1 for N has been made a stride of 0.
AttentionStrides strides_of(const TensorArgument& tensor) {
  return {tensor.stride(0), tensor.extent(1) == 1 ? 0 : tensor.stride(1), tensor.stride(2), tensor.stride(3)};
}

/// The field's form.
template <class Params>
requires requires(Params p) { p.locations; }
DeformAttnJob check_form(const Params& p, const Arguments& a, const AttentionTensors& t) {
  DeformAttnJob job = begin(a, t, p.levels, 1);
  const int64_t count = p.levels.levels;
  t.locations.rank(6).compact();
  job.queries = t.locations.extent(1);
  t.locations.shape({job.batch, job.queries, job.heads, count, kAny, 2}, "to match value and levels");
  check_samples(a, t, job, t.locations.extent(4));
  t.weights.shape({job.batch, job.queries, job.heads, count, job.points}, "to match locations").compact();
  t.out.shape({job.batch, job.queries, job.heads * job.head_dim}, "to match value and locations");
  const int64_t samples = count * job.points;
  job.mean = true;
  job.location_strides = {job.queries * job.heads * samples * 2, 0, job.heads * samples * 2, samples * 2};
  job.weight_strides = {job.queries * job.heads * samples, 0, job.heads * samples, samples};
  return job;
}

/// The fused form.
template <class Params>
requires requires(Params p) { p.offsets; }
DeformAttnJob check_form(const Params& p, const Arguments& a, const AttentionTensors& t) {
  DeformAttnJob job = begin(a, t, p.levels, 2);
  const int64_t count = p.levels.levels;
  check_range(a.op(), "reference_kind", p.reference_kind, BEVEL_REFERENCE_OF_LEVEL, BEVEL_REFERENCE_OF_POINT);
  check_range(a.op(), "combination", p.combination, BEVEL_MAPS_MEAN, BEVEL_MAPS_SEPARATE);
  t.locations.rank(7).compact_from(4);
  job.queries = t.locations.extent(2);
  const int64_t given_maps = t.locations.extent(1) == 1 ? 1 : job.maps;
  t.locations.shape({job.batch, given_maps, job.queries, job.heads, count, kAny, 2},
                    "to match value and levels");
  check_samples(a, t, job, t.locations.extent(5));
  t.weights.shape({job.batch, given_maps, job.queries, job.heads, count, job.points}, "to match offsets")
      .compact_from(4);
  t.reference.rank(5).compact_from(2);
  job.boxes = t.reference.extent(4) == 4;
  job.reference_of_level = p.reference_kind == BEVEL_REFERENCE_OF_LEVEL;
  t.reference.shape(
      {job.batch, job.maps, job.queries, job.reference_of_level ? Extent(count) : kAny, job.boxes ? 4 : 2},
      job.reference_of_level ? "to match value, offsets and levels" : "to match value and offsets");
  if (t.reference.extent(3) > BEVEL_DEFORM_ATTN_MAX_SAMPLES) {
    t.reference.reject("must have at most 256 references, got " + t.reference.shape_text());
  }
  job.references = static_cast<int32_t>(t.reference.extent(3));
  if (t.visible.given()) {
    t.visible.shape({job.batch, job.maps, job.queries}, "to match value and offsets").compact();
  }
  job.visible = t.visible.data_if_given<const uint8_t>();
  job.fused = true;
  job.mean = p.combination == BEVEL_MAPS_MEAN;
  const int64_t width = job.heads * job.head_dim;
  t.out.shape(job.mean ? std::vector<Extent>{job.batch, job.queries, width}
                       : std::vector<Extent>{job.batch, job.maps, job.queries, width},
              "to match value and offsets");
  job.location_strides = strides_of(t.locations);
  job.weight_strides = strides_of(t.weights);
  job.reference_strides = {t.reference.stride(0), t.reference.stride(1), t.reference.stride(2), 0};
  job.reference = t.reference.data();
  return job;
}

template <class Params>
DeformAttnJob check_forward(const Params& p, Arguments& a) {
  const AttentionTensors t = declare(p, a);
  DeformAttnJob job = check_form(p, a, t);
  job.out = t.out.data();
  return job;
}

/// A gradient that is laid out as its tensor may be: compact, or in the fused form from its fifth dimension
/// on.
AttentionStrides check_layout(const TensorArgument& gradient, bool fused, AttentionStrides compact) {
  if (!fused) gradient.compact();
  return fused ? strides_of(gradient.compact_from(4)) : compact;
}

template <class Params>
DeformAttnBackwardJob check_backward(const Params& p, Arguments& a) {
  const AttentionTensors t = declare(p, a);
  DeformAttnBackwardJob job = {};
  const DeformAttnJob& f = job.forward = check_form(p, a, t);
  job.grad_out = t.out.data();
  job.grad_value = a.compact_gradient("grad_value", p.grad_value, t.value);
  constexpr bool fused = requires { p.grad_offsets; };
  const auto gradients = [&]() -> std::array<const TensorArgument*, 3> {
    if constexpr (fused) {
      return {&a.gradient("grad_offsets", p.grad_offsets, t.locations),
              &a.gradient("grad_logits", p.grad_logits, t.weights),
              &a.gradient("grad_reference", p.grad_reference, t.reference)};
    } else {
      return {&a.gradient("grad_locations", p.grad_locations, t.locations),
              &a.gradient("grad_weights", p.grad_weights, t.weights), &a.absent()};
    }
  }();
  const TensorArgument &grad_locations = *gradients[0], &grad_weights = *gradients[1],
                       &grad_reference = *gradients[2];
  if (grad_reference.given()) job.grad_reference = grad_reference.compact().data();
  if (grad_locations.given()) {
    job.grad_location_strides = check_layout(grad_locations, fused, f.location_strides);
    job.grad_locations = grad_locations.data();
  }
  if (grad_weights.given()) {
    job.grad_weight_strides = check_layout(grad_weights, fused, f.weight_strides);
    job.grad_weights = grad_weights.data();
  }
  job.fast = check_fast(a.op(), p.determinism);
  check_reserved(a.op(), "reserved", p.reserved);
  a.limit_workspace({f.batch, f.maps, f.queries, f.heads, f.references, 4});
  a.limit_workspace({f.rows, f.heads, f.head_dim});
  return job;
}

}  // namespace
}  // namespace bevel

using namespace bevel;

bevel_status bevel_msda_forward(const bevel_msda_forward_params* params, void* stream) {
  return run_operator<bodies::deform_attn_forward>("msda_forward", params, stream,
                                                   check_forward<bevel_msda_forward_params>);
}

bevel_status bevel_deform_attn_forward(const bevel_deform_attn_forward_params* params, void* stream) {
  return run_operator<bodies::deform_attn_forward>("deform_attn_forward", params, stream,
                                                   check_forward<bevel_deform_attn_forward_params>);
}

bevel_status bevel_msda_backward_workspace(const bevel_msda_backward_params* params, int64_t* bytes) {
  return query_workspace<bodies::deform_attn_backward>("msda_backward", params, bytes,
                                                       check_backward<bevel_msda_backward_params>);
}

bevel_status bevel_msda_backward(const bevel_msda_backward_params* params, void* stream) {
  return run_operator<bodies::deform_attn_backward>("msda_backward", params, stream,
                                                    check_backward<bevel_msda_backward_params>);
}

bevel_status bevel_deform_attn_backward_workspace(const bevel_deform_attn_backward_params* params,
                                                  int64_t* bytes) {
  return query_workspace<bodies::deform_attn_backward>("deform_attn_backward", params, bytes,
                                                       check_backward<bevel_deform_attn_backward_params>);
}

bevel_status bevel_deform_attn_backward(const bevel_deform_attn_backward_params* params, void* stream) {
  return run_operator<bodies::deform_attn_backward>("deform_attn_backward", params, stream,
                                                    check_backward<bevel_deform_attn_backward_params>);
}
