// A random problem of deformable attention, its calls through the C ABI, and what plain loops in double make
// of it.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "bevel/deform_attn.h"
#include "references/deform_attn.hpp"
#include "lift_splat_case.hpp"

namespace bevel::testing {

inline AttentionSizes msda(int64_t batch, int64_t queries, int64_t heads, int64_t head_dim, int64_t points,
                           std::vector<AttentionLevel> levels) {
  AttentionSizes s = {batch, 1, queries, heads, head_dim, points, std::move(levels)};
  return s;
}

inline AttentionSizes fused(AttentionSizes s, int64_t maps, int64_t references, bool of_level, bool boxes,
                            bool mean, bool shared) {
  s.maps = maps;
  s.references = references;
  s.of_level = of_level;
  s.boxes = boxes;
  s.mean = mean;
  s.shared = shared;
  return s;
}

inline const std::vector<AttentionLevel> kOne = {{5, 7, 0}};
inline const std::vector<AttentionLevel> kFour = {{9, 13, 0}, {5, 7, 117}, {3, 4, 152}, {1, 1, 164}};

/// Coordinates in T (float or double), values in Storage, output in Out.
template <class T, class Storage, class Out = Storage>
class AttentionCase {
 public:
  AttentionCase(AttentionSizes sizes, uint64_t seed)
      : s(std::move(sizes)),
        value(value_shape()),
        grad_value(value_shape()),
        locations(sample_shape(2)),
        grad_locations(sample_shape(2)),
        weights(sample_shape(1)),
        grad_weights(sample_shape(1)),
        reference(reference_shape()),
        grad_reference(reference_shape()),
        visible({s.batch, s.maps, s.queries}),
        out(out_shape()),
        grad_out(out_shape()) {
    std::mt19937_64 random(seed);
    fill_random(value, random);
    fill_random(grad_out, random);
    // Samples all over the map and somewhat beyond it.
    if (s.references) {
      fill_random(reference, random, -0.1, 1.1);
      for (int64_t i = 0; s.boxes && i < reference.size(); ++i) {
        if (i % 4 >= 2) reference[i] = from_double<T>(std::fabs(to_double(reference[i])) * 0.5);
      }
      fill_random(locations, random, -3, 3);
      fill_random(weights, random, -4, 4);
    } else {
      fill_random(locations, random, -0.15, 1.15);
      fill_random(weights, random, 0, 1);
    }
    for (int64_t i = 0; i < visible.size(); ++i) visible[i] = random() % 3 ? 1 : 0;
    value_levels = {};
    value_levels.levels = static_cast<int32_t>(s.levels.size());
    for (size_t l = 0; l < s.levels.size(); ++l) {
      value_levels.height[l] = static_cast<int32_t>(s.levels[l].height);
      value_levels.width[l] = static_cast<int32_t>(s.levels[l].width);
      value_levels.start[l] = s.levels[l].start;
    }
  }

  bevel_msda_forward_params msda_forward() {
    return {sizeof(bevel_msda_forward_params),
            value.view(),
            value_levels,
            locations.view(),
            weights.view(),
            out.view()};
  }
  bevel_msda_backward_params msda_backward() {
    return {sizeof(bevel_msda_backward_params),
            grad_out.view(),
            value.view(),
            value_levels,
            locations.view(),
            weights.view(),
            grad_value.view(),
            grad_locations.view(),
            grad_weights.view(),
            nullptr};
  }
  bevel_deform_attn_forward_params fused_forward() {
    return {sizeof(bevel_deform_attn_forward_params),
            value.view(),
            value_levels,
            kind(),
            combination(),
            reference.view(),
            locations.view(),
            weights.view(),
            use_visible ? visible.view() : nullptr,
            out.view()};
  }
  bevel_deform_attn_backward_params fused_backward() {
    return {sizeof(bevel_deform_attn_backward_params),
            grad_out.view(),
            value.view(),
            value_levels,
            kind(),
            combination(),
            reference.view(),
            locations.view(),
            weights.view(),
            use_visible ? visible.view() : nullptr,
            grad_value.view(),
            grad_reference.view(),
            grad_locations.view(),
            grad_weights.view(),
            nullptr};
  }

  void run_forward() {
    if (s.references) {
      const bevel_deform_attn_forward_params p = fused_forward();
      ASSERT_BEVEL_OK(bevel_deform_attn_forward(&p, nullptr));
    } else {
      const bevel_msda_forward_params p = msda_forward();
      ASSERT_BEVEL_OK(bevel_msda_forward(&p, nullptr));
    }
  }
  void run_backward() {
    int64_t bytes = 0;
    if (s.references) {
      bevel_deform_attn_backward_params p = fused_backward();
      ASSERT_BEVEL_OK(bevel_deform_attn_backward_workspace(&p, &bytes));
      Tensor<uint8_t> workspace({bytes});
      p.workspace = workspace.view();
      ASSERT_BEVEL_OK(bevel_deform_attn_backward(&p, nullptr));
    } else {
      bevel_msda_backward_params p = msda_backward();
      ASSERT_BEVEL_OK(bevel_msda_backward_workspace(&p, &bytes));
      Tensor<uint8_t> workspace({bytes});
      p.workspace = workspace.view();
      ASSERT_BEVEL_OK(bevel_msda_backward(&p, nullptr));
    }
  }

  AttentionData data() const {
    AttentionData d;
    d.value = values(value);
    d.locations = values(locations);
    d.weights = values(weights);
    d.reference = values(reference);
    d.grad_out = values(grad_out);
    if (use_visible) d.visible.assign(visible.data(), visible.data() + visible.size());
    return d;
  }

  /// Compares what was computed, here or elsewhere, with the reference.
  void compare(double tolerance, double storage_tolerance) const {
    const AttentionResult e = attention_reference(s, data(), true);
    EXPECT_LE(relative_error(values(out), e.out), storage_tolerance) << "out";
    EXPECT_LE(relative_error(values(grad_value), e.grad_value), storage_tolerance) << "grad_value";
    EXPECT_LE(relative_error(values(grad_locations), e.grad_locations), tolerance) << "grad_locations";
    EXPECT_LE(relative_error(values(grad_weights), e.grad_weights), tolerance) << "grad_weights";
    if (s.references) {
      EXPECT_LE(relative_error(values(grad_reference), e.grad_reference), tolerance) << "grad_reference";
    }
  }

  void check(double tolerance, double storage_tolerance) {
    run_forward();
    run_backward();
    compare(tolerance, storage_tolerance);
  }

  template <class U>
  static std::vector<double> values(const Tensor<U>& tensor) {
    std::vector<double> out(static_cast<size_t>(tensor.size()));
    for (int64_t i = 0; i < tensor.size(); ++i) out[static_cast<size_t>(i)] = to_double(tensor[i]);
    return out;
  }

  AttentionSizes s;
  bevel_value_levels value_levels;
  bool use_visible = false;
  Tensor<Storage> value, grad_value;
  Tensor<T> locations, grad_locations, weights, grad_weights, reference, grad_reference;
  Tensor<uint8_t> visible;
  Tensor<Out> out, grad_out;

 private:
  int32_t kind() const { return s.of_level ? BEVEL_REFERENCE_OF_LEVEL : BEVEL_REFERENCE_OF_POINT; }
  int32_t combination() const { return s.mean ? BEVEL_MAPS_MEAN : BEVEL_MAPS_SEPARATE; }
  std::vector<int64_t> value_shape() const {
    if (!s.references) return {s.batch, s.rows(), s.heads, s.head_dim};
    return {s.batch, s.maps, s.rows(), s.heads, s.head_dim};
  }
  std::vector<int64_t> sample_shape(int64_t numbers) const {
    std::vector<int64_t> shape = {s.batch, s.queries, s.heads, s.level_count(), s.points};
    if (s.references) shape.insert(shape.begin() + 1, s.sample_maps());
    if (numbers > 1) shape.push_back(numbers);
    return shape;
  }
  std::vector<int64_t> reference_shape() const {
    return {s.batch, s.maps, s.queries, s.references, s.boxes ? 4 : 2};
  }
  std::vector<int64_t> out_shape() const {
    if (!s.references || s.mean) return {s.batch, s.queries, s.heads * s.head_dim};
    return {s.batch, s.maps, s.queries, s.heads * s.head_dim};
  }
};

}  // namespace bevel::testing
