// The entry points of bev_warp, and the checks of its arguments.
#include "bevel/bev_warp.h"

#include "bev_warp/bev_warp_job.hpp"
#include "operator_frame.hpp"

namespace bevel {
namespace {

/// Pixels of a map: four times as many fit an int32.
constexpr int64_t kMostPixels = (int64_t{1} << 29) - 1;

/// What both passes have; `out` is out or grad_out, and `input` is not given in a backward that does not read
/// it.
struct WarpTensors {
  const TensorArgument &out, &input, &matrices, &grid;
};

/// Strides of a channels-last map: its rows follow each other, and so do its channels.
void check_channels_last(const TensorArgument& map, WarpMap& layout) {
  const int last = map.dimensions() - 1;
  const bool wide = map.extent(last - 1) > 1, high = map.extent(last - 2) > 1;
  layout.channel = 1;
  layout.pixel = wide ? map.stride(last - 1) : high ? map.stride(last - 2) : map.extent(last);
  if (map.extent(last) > 1 && map.stride(last) != 1) {
    map.reject("must have channels that follow each other (stride 1), got a stride of " +
               std::to_string(map.stride(last)));
  }
  if (wide && high && map.stride(last - 2) != map.extent(last - 1) * layout.pixel) {
    map.reject("must have rows that follow each other: stride of a row must be " +
               std::to_string(map.extent(last - 1) * layout.pixel) + ", got " +
               std::to_string(map.stride(last - 2)));
  }
}

/// A map's sizes and strides. [B, T, C, H, W] or [B, T, H, W, C], B and T both there or T alone.
WarpMap check_map(const TensorArgument& map, bool channels_last) {
  const int dimensions = map.dimensions();
  if (dimensions != 4 && dimensions != 5) {
    map.reject(std::string("must be [T, ") + (channels_last ? "H, W, C]" : "C, H, W]") +
               " with or without a batch before it, got " + map.shape_text());
  }
  const int channel = channels_last ? dimensions - 1 : dimensions - 3;
  const int row = channels_last ? dimensions - 3 : dimensions - 2;
  WarpMap layout = {};
  if (map.extent(row) > kMostPixels || map.extent(row + 1) > kMostPixels ||
      map.extent(row) * map.extent(row + 1) > kMostPixels) {
    map.reject("must have fewer than 2^29 pixels, got " + map.shape_text());
  }
  layout.height = static_cast<int32_t>(map.extent(row));
  layout.width = static_cast<int32_t>(map.extent(row + 1));
  layout.type = map.element_type();
  if (map.elements() == 0) return layout;
  for (int i = 0; i < dimensions; ++i) {
    if (map.extent(i) > 1 && map.stride(i) < 0) {
      map.reject("must have no negative stride, got " + std::to_string(map.stride(i)));
    }
  }
  if (channels_last) {
    check_channels_last(map, layout);
  } else {
    map.compact_from(dimensions - 2);
    layout.channel = map.stride(channel);
    layout.pixel = 1;
  }
  layout.frame = map.stride(dimensions - 4);
  layout.batch = dimensions == 5 ? map.stride(0) : 0;
  return layout;
}

int64_t channels_of(const TensorArgument& map, bool channels_last) {
  return map.extent(map.dimensions() - (channels_last ? 1 : 3));
}

/// [B, T, tail..] or [T, tail..], as `map` has it.
std::vector<Extent> with_frames(const TensorArgument& map, std::initializer_list<Extent> tail) {
  std::vector<Extent> shape;
  for (int i = 0; i < map.dimensions() - 3; ++i) shape.push_back(map.extent(i));
  shape.insert(shape.end(), tail);
  return shape;
}

/// Checks what both passes have. `input` is input, or grad_input in a backward without it.
template <class Params>
BevWarpForwardJob check_both(const Params& p, const Arguments& a, const WarpTensors& t,
                             const TensorArgument& input) {
  check_range(a.op(), "layout", p.layout, 0, BEVEL_CHANNELS_LAST);
  check_range(a.op(), "interpolation", p.interpolation, 0, BEVEL_NEAREST);
  check_range(a.op(), "coordinates", p.coordinates, 0, BEVEL_WARP_NORMALIZED_CORNERS);
  BevWarpForwardJob job = {};
  job.channels_last = p.layout == BEVEL_CHANNELS_LAST;
  job.nearest = p.interpolation == BEVEL_NEAREST;
  job.coordinates = p.coordinates;
  job.in = check_map(input, job.channels_last);
  job.channels = channels_of(input, job.channels_last);
  job.out = check_map(t.out, job.channels_last);
  const std::string reason = std::string("to match ") + input.name();
  t.out.shape(job.channels_last ? with_frames(input, {kAny, kAny, job.channels})
                                : with_frames(input, {job.channels, kAny, kAny}),
              reason.c_str());
  const int lead = input.dimensions() - 3;
  job.frames = input.extent(lead - 1);
  job.batch = lead == 2 ? input.extent(0) : 1;
  if (t.matrices.given() == t.grid.given()) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: either matrices or grid must be given, got %s", a.op(),
         t.grid.given() ? "both" : "neither");
  }
  if (t.matrices.given()) {
    t.matrices.shape(with_frames(input, {2, 3}), reason.c_str()).compact();
  } else {
    t.grid.shape(with_frames(input, {job.out.height, job.out.width, 2}), "to match out").compact();
  }
  job.matrices = t.matrices.data_if_given();
  job.grid = t.grid.data_if_given();
  return job;
}

BevWarpForwardJob check_forward(const bevel_bev_warp_forward_params& p, Arguments& a) {
  const TensorArgument& input = a.read("input", p.input, kFeatureTypes);
  a.set_precision(input);
  const WarpTensors t = {declare_out(p, a), input, a.read_if_given("matrices", p.matrices, a.exact()),
                         a.read_if_given("grid", p.grid, a.exact())};
  BevWarpForwardJob job = check_both(p, a, t, input);
  check_reserved(a.op(), "reserved", p.reserved);
  job.input = input.data();
  job.output = t.out.data();
  return job;
}

BevWarpBackwardJob check_backward(const bevel_bev_warp_backward_params& p, Arguments& a) {
  const TensorArgument& input = a.read_if_given("input", p.input, kFeatureTypes);
  const TensorArgument& grad_input = a.gradient_alone("grad_input", p.grad_input);
  if (p.grad_grid && p.grid) input.required();
  const TensorArgument& like_input = input.given() ? input : grad_input;
  if (!like_input.given()) a.check_any_gradient();
  a.set_precision(like_input);
  const WarpTensors t = {declare_out(p, a), input, a.read_if_given("matrices", p.matrices, a.exact()),
                         a.read_if_given("grid", p.grid, a.exact())};
  BevWarpBackwardJob job = {};
  job.forward = check_both(p, a, t, like_input);
  job.forward.input = input.data_if_given();
  job.fast = check_fast(a.op(), p.determinism);
  job.grad_out = t.out.data();
  a.check_like(grad_input, input);
  job.grad_input = grad_input.data_if_given();
  job.grad_grid = a.compact_gradient("grad_grid", p.grad_grid, t.grid);
  if (grad_input.given()) {
    job.grad_in = check_map(grad_input, job.forward.channels_last);
    for (const WarpMap* map : {&job.forward.in, &job.forward.out}) {
      a.limit_workspace({job.forward.batch, job.forward.frames, int64_t{map->height} * map->width});
    }
  }
  return job;
}

}  // namespace
}  // namespace bevel

using namespace bevel;

bevel_status bevel_bev_warp_forward(const bevel_bev_warp_forward_params* params, void* stream) {
  return run_operator<bodies::bev_warp_forward>("bev_warp_forward", params, stream, check_forward);
}

bevel_status bevel_bev_warp_backward_workspace(const bevel_bev_warp_backward_params* params, int64_t* bytes) {
  return query_workspace<bodies::bev_warp_backward>("bev_warp_backward", params, bytes, check_backward);
}

bevel_status bevel_bev_warp_backward(const bevel_bev_warp_backward_params* params, void* stream) {
  return run_operator<bodies::bev_warp_backward>("bev_warp_backward", params, stream, check_backward);
}
