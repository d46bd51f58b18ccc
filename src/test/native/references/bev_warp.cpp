#include "bev_warp.hpp"

#include "bevel/bev_warp.h"
#include "reference.h"
#include "tensors.hpp"

BEVEL_REFERENCE(bev_warp_forward);
BEVEL_REFERENCE(bev_warp_backward);

namespace bevel::references {
namespace {

using namespace testing;

/// A map as [frame][channel][pixel], and back.
std::vector<double> planes(const WarpSizes& s, const DLTensor* map, int64_t pixels) {
  return s.channels_last ? transposed(values(map), pixels, s.channels) : values(map);
}
void write_planes(const WarpSizes& s, const std::vector<double>& from, DLTensor* map, int64_t pixels) {
  write(s.channels_last ? transposed(from, s.channels, pixels) : from, map);
}

template <class Params>
WarpSizes sizes_of(const Params& p, const DLTensor* in, const DLTensor* out) {
  const int channels_last = p.layout == BEVEL_CHANNELS_LAST;
  WarpSizes s = {};
  s.batch = 1;
  s.frames = 1;
  for (int i = 0; i < out->ndim - 3; ++i) s.frames *= out->shape[i];
  s.channels = from_end(out, channels_last ? 0 : 2);
  s.out_height = from_end(out, channels_last ? 2 : 1);
  s.out_width = from_end(out, channels_last ? 1 : 0);
  s.in_height = in ? from_end(in, channels_last ? 2 : 1) : 0;
  s.in_width = in ? from_end(in, channels_last ? 1 : 0) : 0;
  s.coordinates = p.coordinates;
  s.nearest = p.interpolation == BEVEL_NEAREST;
  s.grid = p.grid != nullptr;
  s.channels_last = channels_last;
  return s;
}

void forward(const bevel_bev_warp_forward_params& p) {
  const WarpSizes s = sizes_of(p, p.input, p.out);
  const size_t out = static_cast<size_t>(s.maps() * s.channels * s.out_pixels());
  const WarpData d = {planes(s, p.input, s.in_pixels()), values(p.matrices), values(p.grid),
                      std::vector<double>(out)};
  write_planes(s, warp_reference(s, d).out, p.out, s.out_pixels());
}

void backward(const bevel_bev_warp_backward_params& p) {
  const WarpSizes s = sizes_of(p, p.grad_input ? p.grad_input : p.input, p.grad_out);
  WarpData d = {planes(s, p.input, s.in_pixels()), values(p.matrices), values(p.grid),
                planes(s, p.grad_out, s.out_pixels())};
  d.input.resize(static_cast<size_t>(s.maps() * s.channels * s.in_pixels()));
  const WarpResult r = warp_reference(s, d);
  write_planes(s, r.grad_input, p.grad_input, s.in_pixels());
  write(r.grad_grid, p.grad_grid);
}

}  // namespace
}  // namespace bevel::references

bevel_status bevel_reference_bev_warp_forward(const bevel_bev_warp_forward_params* params, void*) {
  bevel::references::forward(*params);
  return BEVEL_OK;
}
bevel_status bevel_reference_bev_warp_backward(const bevel_bev_warp_backward_params* params, void*) {
  bevel::references::backward(*params);
  return BEVEL_OK;
}
