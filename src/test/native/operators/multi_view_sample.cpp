// The entry points of multi_view_sample: sampling in several cameras.
#include <algorithm>

#include "bevel/multi_view_sample.h"
#include "parts.hpp"

BEVEL_REFERENCE(multi_view_sample_forward);
BEVEL_REFERENCE(multi_view_sample_backward);

namespace bevel::operators {
namespace {

constexpr int kLevels = 3;  // of the operator's eight

const std::vector<Symbol> kViewSymbols = {
    {"B", 0, 3},  {"N", 0, 5},  {"Q", 0, 20}, {"P", 1, 5},  {"C", 1, 40},      {"H0", 1, 9},     {"W0", 1, 9},
    {"H1", 1, 5}, {"W1", 1, 5}, {"H2", 1, 3}, {"W2", 1, 3}, {"L", 1, kLevels}, {"G", 0, 0, true}};

template <class P>
std::vector<TensorLine> view_inputs() {
  const size_t v = AT(P, views);
  using V = bevel_multi_view;
  return {{.name = "features[0]",
           .offset = v + AT(V, features),
           .role = Role::kRead,
           .type = Type::kValue,
           .shape = "B N C H0 W0",
           .shape_last = "B N H0 W0 C",
           .free = 2},
          {.name = "features[1]",
           .offset = v + AT(V, features) + 8,
           .role = Role::kRead,
           .type = Type::kValue,
           .shape = "B N C H1 W1",
           .shape_last = "B N H1 W1 C",
           .free = 2},
          {.name = "features[2]",
           .offset = v + AT(V, features) + 16,
           .role = Role::kRead,
           .type = Type::kValue,
           .shape = "B N C H2 W2",
           .shape_last = "B N H2 W2 C",
           .free = 2},
          {.name = "lidar_to_image",
           .offset = v + AT(V, lidar_to_image),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B N 4 4"},
          {.name = "points",
           .offset = v + AT(V, points),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B Q P 3",
           .left_out = 0.4},
          {.name = "locations",
           .offset = v + AT(V, locations),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B Q P N 2"},
          {.name = "image_sizes",
           .offset = v + AT(V, image_sizes),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B N 2",
           .free = 2,
           .left_out = 0.6},
          {.name = "weights",
           .offset = v + AT(V, weights),
           .role = Role::kRead,
           .type = Type::kExact,
           .shape = "B Q N P L G",
           .free = 4}};
}

void derive_views(Draw& d) { d["G"] = d["C"] > 0 && d["C"] % 2 == 0 && d.chance(0.4) ? 2 : 1; }

void choose_views(Draw& d) {
  const bool points = d.tensor("points").given;
  d.tensor("lidar_to_image").given = points;
  d.tensor("locations").given = !points;
  const char* levels[] = {"features[0]", "features[1]", "features[2]"};
  for (int l = 0; l < kLevels; ++l) d.tensor(levels[l]).given = l < d["L"];
}

template <class P>
void write_views(Draw& d) {
  bevel_multi_view& v = d.as<P>().views;
  v.levels = static_cast<int32_t>(d["L"]);
  v.layout = static_cast<int32_t>(d["last"]);
  v.image_width = 3;
  v.image_height = 2;
  v.points_normalised = static_cast<int32_t>(d.below(2));
  for (int i = 0; i < 6; ++i) v.point_range[i] = i < 3 ? -1 - i : 2 + i;
}

template <class P>
std::vector<NumberLine> view_numbers() {
  using V = bevel_multi_view;
  const size_t v = AT(P, views);
  std::vector<NumberLine> numbers = {{AT(P, struct_size), Number::kSize}};
  for (size_t at : {AT(V, levels), AT(V, layout), AT(V, points_normalised), AT(V, reserved)})
    numbers.push_back({v + at, Number::kInt32});
  for (size_t at : {AT(V, image_width), AT(V, image_height), AT(V, point_range), AT(V, point_range) + 24})
    numbers.push_back({v + at, Number::kDouble});
  return numbers;
}

Operator views_forward() {
  using P = bevel_multi_view_sample_forward_params;
  return {.name = "multi_view_sample_forward",
          .struct_size = sizeof(P),
          .symbols = kViewSymbols,
          .tensors = joined(view_inputs<P>(), {{.name = "out",
                                                .offset = AT(P, out),
                                                .role = Role::kWritten,
                                                .type = Type::kOther,
                                                .shape = "B Q C"},
                                               {.name = "visible",
                                                .offset = AT(P, visible),
                                                .role = Role::kWritten,
                                                .type = Type::kByte,
                                                .shape = "B N Q P",
                                                .left_out = 0.4}}),
          .numbers = view_numbers<P>(),
          .derive = derive_views,
          .choose = choose_views,
          .write_numbers = write_views<P>,
          .run = run<P, bevel_multi_view_sample_forward>,
          .reference = run<P, bevel_reference_multi_view_sample_forward>};
}

Operator views_backward() {
  using P = bevel_multi_view_sample_backward_params;
  std::vector<NumberLine> numbers = view_numbers<P>();
  numbers.push_back({AT(P, determinism), Number::kInt32});
  numbers.push_back({AT(P, reserved), Number::kInt32});
  return {.name = "multi_view_sample_backward",
          .struct_size = sizeof(P),
          .symbols = kViewSymbols,
          .tensors = with_workspace(joined(view_inputs<P>(), {{.name = "grad_out",
                                                               .offset = AT(P, grad_out),
                                                               .role = Role::kRead,
                                                               .type = Type::kOther,
                                                               .shape = "B Q C"},
                                                              {.name = "grad_features[0]",
                                                               .offset = AT(P, grad_features),
                                                               .role = Role::kWritten,
                                                               .type = Type::kValue,
                                                               .shape = "B N C H0 W0",
                                                               .shape_last = "B N H0 W0 C"},
                                                              {.name = "grad_features[1]",
                                                               .offset = AT(P, grad_features) + 8,
                                                               .role = Role::kWritten,
                                                               .type = Type::kValue,
                                                               .shape = "B N C H1 W1",
                                                               .shape_last = "B N H1 W1 C",
                                                               .left_out = 0.3},
                                                              {.name = "grad_features[2]",
                                                               .offset = AT(P, grad_features) + 16,
                                                               .role = Role::kWritten,
                                                               .type = Type::kValue,
                                                               .shape = "B N C H2 W2",
                                                               .shape_last = "B N H2 W2 C",
                                                               .left_out = 0.3},
                                                              {.name = "grad_points",
                                                               .offset = AT(P, grad_points),
                                                               .role = Role::kWritten,
                                                               .type = Type::kExact,
                                                               .shape = "B Q P 3",
                                                               .left_out = 0.3},
                                                              {.name = "grad_locations",
                                                               .offset = AT(P, grad_locations),
                                                               .role = Role::kWritten,
                                                               .type = Type::kExact,
                                                               .shape = "B Q P N 2",
                                                               .left_out = 0.3},
                                                              {.name = "grad_weights",
                                                               .offset = AT(P, grad_weights),
                                                               .role = Role::kWritten,
                                                               .type = Type::kExact,
                                                               .shape = "B Q N P L G"}}),
                                    AT(P, workspace)),
          .numbers = numbers,
          .derive = derive_views,
          .choose =
              [](Draw& d) {
                choose_views(d);
                const bool points = d.tensor("points").given;
                if (!points) d.tensor("grad_points").given = false;
                if (points) d.tensor("grad_locations").given = false;
                const char* levels[] = {"grad_features[0]", "grad_features[1]", "grad_features[2]"};
                for (int l = static_cast<int>(std::clamp<int64_t>(d["L"], 0, kLevels)); l < kLevels; ++l)
                  d.tensor(levels[l]).given = false;
                d.tensor("grad_features[0]").given &= d.chance(0.7);
                d.tensor("grad_weights").given = !d.tensor("grad_features[0]").given || d.chance(0.7);
              },
          .write_numbers = write_views<P>,
          .run = run<P, bevel_multi_view_sample_backward>,
          .workspace = query<P, bevel_multi_view_sample_backward_workspace>,
          .reference = run<P, bevel_reference_multi_view_sample_backward>,
          .determinism = AT(P, determinism)};
}

const Registration kRegistered({views_forward(), views_backward()});

}  // namespace
}  // namespace bevel::operators
