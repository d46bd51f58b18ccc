// The entry points of bev_warp: every argument is checked here, then the work goes to the CPU body of the
// chosen instruction set or to CUDA.
#include "bev_warp.h"

#include "bev_warp/bev_warp_cpu.hpp"
#include "call_tensors.hpp"
#include "cuda_loader.hpp"
#include "settings.hpp"
#include "status.hpp"
#include "tensor_check.hpp"

namespace bevel {
namespace {

/// Pixels of a map: four times as many fit an int32.
constexpr int64_t kMostPixels = (int64_t{1} << 29) - 1;

/// The arguments of both passes; out is out or grad_out, and what a pass does not have is not given.
struct Arguments {
  const char* op;
  CpuSettings cpu;
  int32_t layout, interpolation, coordinates;
  TensorArgument input, matrices, grid, out, grad_input, grad_grid;

  bool channels_last() const { return layout == BEVEL_CHANNELS_LAST; }
  CallTensors forward_tensors() const { return {op, {&out}, {&input, &matrices, &grid}}; }
  CallTensors backward_tensors() const {
    return {op, {&grad_input, &grad_grid}, {&out, &input, &matrices, &grid}};
  }
};

Arguments arguments(const bevel_bev_warp_forward_params& p) {
  const char* op = "bev_warp_forward";
  return {op,
          cpu_settings(op, p),
          p.layout,
          p.interpolation,
          p.coordinates,
          {op, "input", p.input},
          {op, "matrices", p.matrices},
          {op, "grid", p.grid},
          {op, "out", p.out},
          {op, "grad_input", nullptr},
          {op, "grad_grid", nullptr}};
}

Arguments arguments(const bevel_bev_warp_backward_params& p) {
  const char* op = "bev_warp_backward";
  return {op,
          cpu_settings(op, p),
          p.layout,
          p.interpolation,
          p.coordinates,
          {op, "input", p.input},
          {op, "matrices", p.matrices},
          {op, "grid", p.grid},
          {op, "grad_out", p.grad_out},
          {op, "grad_input", p.grad_input},
          {op, "grad_grid", p.grad_grid}};
}

void check_choice(const char* op, const char* name, int32_t value, int32_t last) {
  if (value < 0 || value > last) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: %s must be 0 to %d, got %d", op, name, last, value);
  }
}

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
BevWarpForwardJob check_arguments(const Arguments& a, const TensorArgument& input) {
  BevWarpForwardJob job = {};
  job.cpu = a.cpu;
  check_choice(a.op, "layout", a.layout, BEVEL_CHANNELS_LAST);
  check_choice(a.op, "interpolation", a.interpolation, BEVEL_NEAREST);
  check_choice(a.op, "coordinates", a.coordinates, BEVEL_WARP_NORMALIZED_CORNERS);
  a.out.required().on_known_device();
  const DLDevice device = a.out.device();
  input.required().dtype(kFeatureTypes).on(device);
  const bool is_double = input.element_type() == ElementType::kFloat64;
  const unsigned exact = is_double ? kFloat64Only : kFloat32Only;
  if (is_double && !is_cpu(device)) {
    fail(BEVEL_UNSUPPORTED, "%s: float64 is for gradient checks on the CPU, %s is on CUDA", a.op,
         input.name());
  }
  job.in = check_map(input, a.channels_last());
  job.channels = channels_of(input, a.channels_last());
  a.out.dtype(is_double ? kFloat64Only : kFloat32Only | kSixteenBit);
  job.out = check_map(a.out, a.channels_last());
  const std::string reason = std::string("to match ") + input.name();
  if (a.channels_last()) {
    a.out.shape(with_frames(input, {kAny, kAny, job.channels}), reason.c_str());
  } else {
    a.out.shape(with_frames(input, {job.channels, kAny, kAny}), reason.c_str());
  }
  const int lead = input.dimensions() - 3;
  job.frames = input.extent(lead - 1);
  job.batch = lead == 2 ? input.extent(0) : 1;
  if (a.matrices.given() == a.grid.given()) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: either matrices or grid must be given, got %s", a.op,
         a.grid.given() ? "both" : "neither");
  }
  if (a.matrices.given()) {
    a.matrices.dtype(exact).shape(with_frames(input, {2, 3}), reason.c_str()).compact().on(device);
    job.matrices = a.matrices.data();
  } else {
    a.grid.dtype(exact)
        .shape(with_frames(input, {job.out.height, job.out.width, 2}), "to match out")
        .compact()
        .on(device);
    job.grid = a.grid.data();
  }
  job.channels_last = a.channels_last();
  job.nearest = a.interpolation == BEVEL_NEAREST;
  job.coordinates = a.coordinates;
  return job;
}

BevWarpBackwardJob check_backward(const Arguments& a, int32_t determinism) {
  BevWarpBackwardJob job = {};
  if (!a.grad_input.given() && !a.grad_grid.given()) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: no gradient is asked for", a.op);
  }
  if (a.grad_grid.given()) {
    a.grid.required();
    a.input.required();
  }
  job.forward = check_arguments(a, a.input.given() ? a.input : a.grad_input);
  const DLDevice device = a.out.device();
  job.fast = check_fast(a.op, determinism);
  job.grad_out = a.out.data();
  if (a.input.given()) job.forward.input = a.input.data();
  if (a.grad_input.given()) {
    a.grad_input.dtype(kFeatureTypes).on(device);
    if (a.input.given()) {
      a.grad_input.shaped_like(a.input);
      if (a.grad_input.element_type() != job.forward.in.type) {
        a.grad_input.reject("must have the dtype of input");
      }
    }
    job.grad_in = check_map(a.grad_input, a.channels_last());
    job.grad_input = a.grad_input.data();
  }
  if (a.grad_grid.given()) {
    a.grad_grid.dtype(job.forward.in.type == ElementType::kFloat64 ? kFloat64Only : kFloat32Only)
        .shaped_like(a.grid)
        .compact()
        .on(device);
    job.grad_grid = a.grad_grid.data();
  }
  return job;
}

int64_t backward_workspace(const Arguments& a, const BevWarpBackwardJob& job) {
  if (a.backward_tensors().any_empty()) return 0;
  if (is_cpu(a.out.device())) {
    return job.grad_input
               ? checked_product(a.op, "bytes of workspace",
                                 {job.forward.batch, job.forward.frames, ReaderBytes(job.forward).frame})
               : 0;
  }
  int64_t bytes = 0;
  bevel_cuda_message message = {};
  check_cuda(a.op, cuda_functions(a.op).bev_warp_backward_workspace(&job, &bytes, &message), message);
  return bytes;
}

}  // namespace
}  // namespace bevel

using namespace bevel;

bevel_status bevel_bev_warp_forward(const bevel_bev_warp_forward_params* params, void* stream) {
  const char* op = "bev_warp_forward";
  return guarded(op, [=] {
    check_params(op, params);
    const Arguments a = arguments(*params);
    BevWarpForwardJob job = check_arguments(a, a.input);
    check_reserved(op, "reserved", params->reserved);
    const DLDevice device = a.out.device();
    check_stream(op, device, stream);
    const CallTensors tensors = a.forward_tensors();
    tensors.check_apart();
    if (tensors.any_empty()) return tensors.write_zeros(device, stream);
    job.input = a.input.data();
    job.output = a.out.data();
    if (is_cpu(device)) {
      BEVEL_ON_INSTRUCTION_SET(a.cpu, bev_warp_forward(job));
    } else {
      bevel_cuda_message message = {};
      check_cuda(op, cuda_functions(op).bev_warp_forward(&job, device.device_id, stream, &message), message);
    }
  });
}

bevel_status bevel_bev_warp_backward_workspace(const bevel_bev_warp_backward_params* params, int64_t* bytes) {
  const char* op = "bev_warp_backward";
  return guarded(op, [=] {
    check_params(op, params);
    if (!bytes) fail(BEVEL_INVALID_ARGUMENT, "%s: bytes must be given, got NULL", op);
    const Arguments a = arguments(*params);
    *bytes = backward_workspace(a, check_backward(a, params->determinism));
  });
}

bevel_status bevel_bev_warp_backward(const bevel_bev_warp_backward_params* params, void* stream) {
  const char* op = "bev_warp_backward";
  return guarded(op, [=] {
    check_params(op, params);
    const Arguments a = arguments(*params);
    BevWarpBackwardJob job = check_backward(a, params->determinism);
    const DLDevice device = a.out.device();
    check_stream(op, device, stream);
    const TensorArgument workspace =
        check_workspace(op, params->workspace, device, backward_workspace(a, job));
    const CallTensors tensors = a.backward_tensors();
    tensors.check_apart(workspace);
    if (tensors.any_empty()) return tensors.write_zeros(device, stream);
    job.workspace = workspace.given() ? workspace.data_as<char>() : nullptr;
    job.workspace_bytes = workspace.given() ? workspace.extent(0) : 0;
    if (is_cpu(device)) {
      BEVEL_ON_INSTRUCTION_SET(a.cpu, bev_warp_backward(job));
    } else {
      bevel_cuda_message message = {};
      check_cuda(op, cuda_functions(op).bev_warp_backward(&job, device.device_id, stream, &message), message);
    }
  });
}
