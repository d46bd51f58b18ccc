// Where pillars lie in images, in double and in plain loops: each camera's matrix times a homogeneous point.
#include <cmath>

#include "bevel/point_sampling.h"
#include "reference.h"
#include "tensors.hpp"

BEVEL_REFERENCE(point_sampling);

namespace bevel::references {
namespace {

struct Place {
  double u, v;
  bool seen;
};

class Pillars {
 public:
  explicit Pillars(const bevel_point_sampling_params& p)
      : p_(p), matrices_(values(p.lidar_to_image)), points_(values(p.points)) {
    batch = p.lidar_to_image->shape[0];
    cameras = p.lidar_to_image->shape[1];
    queries = p.points ? p.points->shape[1] : int64_t{p.grid.rows} * p.grid.columns;
    anchors = p.points ? p.points->shape[2] : p.grid.anchors;
  }

  /// Where camera n of element b sees a point: in front, and strictly inside.
  Place project(int64_t b, int64_t n, int64_t q, int64_t k) const {
    double point[4] = {0, 0, 0, 1}, image[3] = {};
    locate(b, q, k, point);
    for (int64_t row = 0; row < 3; ++row) {
      for (int64_t c = 0; c < 4; ++c) {
        image[row] += matrices_[static_cast<size_t>((b * cameras + n) * 16 + 4 * row + c)] * point[c];
      }
    }
    const double depth = std::fmax(image[2], 1e-5);
    const double u = image[0] / (depth * p_.image_width), v = image[1] / (depth * p_.image_height);
    return {u, v, image[2] > 1e-5 && u > 0 && u < 1 && v > 0 && v < 1};
  }

  int64_t batch, cameras, queries, anchors;

 private:
  void locate(int64_t b, int64_t q, int64_t k, double point[3]) const {
    if (p_.points) {
      const int64_t element = p_.points->shape[0] == 1 ? 0 : b;
      for (int64_t i = 0; i < 3; ++i)
        point[i] = points_[static_cast<size_t>(((element * queries + q) * anchors + k) * 3 + i)];
      return;
    }
    const bevel_pillar_grid& g = p_.grid;
    const double column = static_cast<double>(q % g.columns), row = static_cast<double>(q / g.columns);
    point[0] = g.range[0] + (column + 0.5) / g.columns * (g.range[3] - g.range[0]);
    point[1] = g.range[1] + (row + 0.5) / g.rows * (g.range[4] - g.range[1]);
    point[2] = g.range[2] + 0.5;
    if (g.anchors > 1) point[2] += static_cast<double>(k) * (g.range[5] - g.range[2] - 1) / (g.anchors - 1);
  }

  const bevel_point_sampling_params& p_;
  std::vector<double> matrices_, points_;
};

}  // namespace
}  // namespace bevel::references

bevel_status bevel_reference_point_sampling(const bevel_point_sampling_params* p, void*) {
  using namespace bevel::references;
  const Pillars pillars(*p);
  std::vector<double> reference, mask, visible, factor;
  const auto sees = [&](int64_t b, int64_t n, int64_t q) {
    for (int64_t k = 0; k < pillars.anchors; ++k) {
      if (pillars.project(b, n, q, k).seen) return true;
    }
    return false;
  };
  for (int64_t b = 0; b < pillars.batch; ++b) {
    const int64_t gathered_of = p->visible_of_first_element ? 0 : b;
    for (int64_t n = 0; n < pillars.cameras; ++n) {
      for (int64_t q = 0; q < pillars.queries; ++q) {
        for (int64_t k = 0; k < pillars.anchors; ++k) {
          const Place place = pillars.project(b, n, q, k);
          reference.push_back(place.u);
          reference.push_back(place.v);
          mask.push_back(place.seen);
        }
        visible.push_back(sees(gathered_of, n, q));
      }
    }
    for (int64_t q = 0; q < pillars.queries; ++q) {
      double own = 0, gathered = 0;
      for (int64_t n = 0; n < pillars.cameras; ++n) {
        own += sees(b, n, q);
        gathered += sees(gathered_of, n, q);
      }
      factor.push_back(gathered / std::fmax(own, 1));
    }
  }
  write(reference, p->reference);
  write(mask, p->mask);
  write(visible, p->visible);
  write(factor, p->mean_factor);
  return BEVEL_OK;
}
