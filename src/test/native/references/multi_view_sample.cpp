#include "multi_view_sample.hpp"

#include <algorithm>

#include "bevel/multi_view_sample.h"
#include "reference.h"
#include "tensors.hpp"

BEVEL_REFERENCE(multi_view_sample_forward);
BEVEL_REFERENCE(multi_view_sample_backward);

namespace bevel::references {
namespace {

using namespace testing;

double largest_of(DLDataType type) {
  if (type.bits == 64) return 1.7976931348623157e308;
  if (type.code == kDLBfloat) return 3.3895313892515355e38;
  return type.bits == 16 ? 65504 : 3.4028234663852886e38;
}

ViewSizes sizes_of(const bevel_multi_view& v) {
  const bool last = v.layout == BEVEL_CHANNELS_LAST;
  const DLTensor *items = v.points ? v.points : v.locations, *first = v.features[0];
  ViewSizes s = {};
  s.batch = items->shape[0];
  s.queries = items->shape[1];
  s.points = items->shape[2];
  s.cameras = first->shape[1];
  s.channels = first->shape[last ? 4 : 2];
  for (int l = 0; l < v.levels; ++l) {
    const int64_t* shape = v.features[l]->shape;
    s.levels.push_back({shape[last ? 2 : 3], shape[last ? 3 : 4]});
  }
  s.groups = v.weights->ndim == 6 ? v.weights->shape[5] : 1;
  s.given_locations = v.locations != nullptr;
  s.normalised = v.points_normalised != 0;
  s.channels_last = last;
  s.largest = largest_of(first->dtype);
  return s;
}

ViewData data_of(const ViewSizes& s, const bevel_multi_view& v) {
  ViewData d;
  for (size_t l = 0; l < s.levels.size(); ++l) {
    const int64_t pixels = s.levels[l].height * s.levels[l].width;
    d.features.push_back(s.channels_last ? values(v.features[l])
                                         : transposed(values(v.features[l]), s.channels, pixels));
  }
  d.lidar_to_image = values(v.lidar_to_image);
  d.points = values(v.points);
  d.locations = values(v.locations);
  d.weights = values(v.weights);
  d.image_sizes = values(v.image_sizes);
  if (!v.image_sizes) {
    for (int64_t camera = 0; camera < s.batch * s.cameras; ++camera) {
      d.image_sizes.push_back(v.image_width);
      d.image_sizes.push_back(v.image_height);
    }
  }
  std::copy_n(v.point_range, 6, d.range);
  return d;
}

}  // namespace
}  // namespace bevel::references

using namespace bevel::references;
using namespace bevel::testing;

bevel_status bevel_reference_multi_view_sample_forward(const bevel_multi_view_sample_forward_params* p,
                                                       void*) {
  const ViewSizes s = sizes_of(p->views);
  const ViewResult r = multi_view_reference(s, data_of(s, p->views), false);
  write(r.out, p->out);
  write(std::vector<double>(r.visible.begin(), r.visible.end()), p->visible);
  return BEVEL_OK;
}

bevel_status bevel_reference_multi_view_sample_backward(const bevel_multi_view_sample_backward_params* p,
                                                        void*) {
  const ViewSizes s = sizes_of(p->views);
  ViewData d = data_of(s, p->views);
  d.grad_out = values(p->grad_out);
  const ViewResult r = multi_view_reference(s, d, true);
  for (size_t l = 0; l < s.levels.size(); ++l) {
    const int64_t pixels = s.levels[l].height * s.levels[l].width;
    const std::vector<double>& of = r.grad_features[l];
    write(s.channels_last ? of : transposed(of, pixels, s.channels), p->grad_features[l]);
  }
  write(r.grad_points, p->grad_points);
  write(r.grad_locations, p->grad_locations);
  write(r.grad_weights, p->grad_weights);
  return BEVEL_OK;
}
