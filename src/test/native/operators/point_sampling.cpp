// The entry points of point_sampling: reference points of pillars in images.

#include "bevel/point_sampling.h"
#include "parts.hpp"

BEVEL_REFERENCE(point_sampling);

namespace bevel::operators {
namespace {

Operator point_sampling() {
  using P = bevel_point_sampling_params;
  std::vector<NumberLine> numbers = {{AT(P, struct_size), Number::kSize},
                                     {AT(P, image_height), Number::kInt32},
                                     {AT(P, image_width), Number::kInt32},
                                     {AT(P, visible_of_first_element), Number::kInt32},
                                     {AT(P, reserved), Number::kInt32}};
  for (size_t i = 0; i < 4; ++i) numbers.push_back({AT(P, grid) + 4 * i, Number::kInt32});
  for (size_t i = 0; i < 6; ++i)
    numbers.push_back({AT(P, grid) + AT(bevel_pillar_grid, range) + 8 * i, Number::kDouble});
  return {.name = "point_sampling",
          .struct_size = sizeof(P),
          .symbols = {{"B", 0, 3}, {"N", 0, 7}, {"RO", 1, 6}, {"CO", 1, 9}, {"Z", 1, 9}, {"Q", 0, 0, true}},
          .tensors = {{.name = "lidar_to_image",
                       .offset = AT(P, lidar_to_image),
                       .role = Role::kRead,
                       .type = Type::kPrecision,
                       .shape = "B N 4 4"},
                      {.name = "points",
                       .offset = AT(P, points),
                       .role = Role::kRead,
                       .type = Type::kPrecision,
                       .shape = "1|B Q Z 3",
                       .left_out = 0.4},
                      {.name = "reference",
                       .offset = AT(P, reference),
                       .role = Role::kWritten,
                       .type = Type::kExact,
                       .shape = "B N Q Z 2"},
                      {.name = "mask",
                       .offset = AT(P, mask),
                       .role = Role::kWritten,
                       .type = Type::kByte,
                       .shape = "B N Q Z",
                       .left_out = 0.3},
                      {.name = "visible",
                       .offset = AT(P, visible),
                       .role = Role::kWritten,
                       .type = Type::kByte,
                       .shape = "B N Q"},
                      {.name = "mean_factor",
                       .offset = AT(P, mean_factor),
                       .role = Role::kWritten,
                       .type = Type::kExact,
                       .shape = "B Q",
                       .left_out = 0.3}},
          .numbers = numbers,
          .derive =
              [](Draw& d) {
                d["Q"] =
                    static_cast<int64_t>(static_cast<uint64_t>(d["RO"]) * static_cast<uint64_t>(d["CO"]));
              },
          .write_numbers =
              [](Draw& d) {
                P& p = d.as<P>();
                p.image_height = 16;
                p.image_width = 24;
                p.visible_of_first_element = static_cast<int32_t>(d.below(2));
                if (d.tensor("points").given) return;
                p.grid = {static_cast<int32_t>(d["RO"]),
                          static_cast<int32_t>(d["CO"]),
                          static_cast<int32_t>(d["Z"]),
                          0,
                          {-3, -2, -1, 3, 5, 4}};
              },
          .run = run<P, bevel_point_sampling>,
          .reference = run<P, bevel_reference_point_sampling>};
}

const Registration kRegistered({point_sampling()});

}  // namespace
}  // namespace bevel::operators
