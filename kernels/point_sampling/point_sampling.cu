// The reference points of spatial cross-attention, bit for bit those of the CPU body.
//
// A thread owns a pillar and goes through the cameras, so a pillar's points are worked out once, the matrices
// of a camera are the same for all threads of a warp, and what neighbours write lies side by side. Bound: the
// writes of reference.
#include "point_sampling/point_sampling_job.hpp"
#include "core/cuda_bodies.hpp"

#include "core/cuda_check.hpp"

namespace bevel {
namespace {

constexpr int kBlockThreads = 128;
/// Room for 102 registers a thread. Left to itself the compiler now and then aims at one block more, and
/// spills.
constexpr int kBlocksAMultiprocessor = 5;

/// float or double numbers, whichever the caller has.
struct Numbers {
  DeviceSpan<const float> as_float;
  DeviceSpan<const double> as_double;
  bool wide = false;

  Numbers() = default;
  Numbers(const void* data, int64_t count, ElementType type, const char* name)
      : wide(type == ElementType::kFloat64) {
    if (wide) {
      as_double = DeviceSpan<const double>(static_cast<const double*>(data), count, name);
    } else {
      as_float = DeviceSpan<const float>(static_cast<const float*>(data), count, name);
    }
  }
  __device__ double load(int64_t index) const {
    if (wide) return as_double[index];
    const float value = as_float[index];
    return static_cast<double>(value);
  }
};

/// The rows of a camera's matrix that count.
struct Matrix {
  double rows[12];
};

struct Sampling {
  int64_t batch, cameras, queries;
  int32_t anchors;
  double width, height;
  bool of_first;
  Numbers matrices, points;
  bool given_points;
  int64_t points_of_batch;
  bevel_pillar_grid grid;
  DeviceSpan<float> reference;
  DeviceSpan<unsigned char> mask, visible;
  DeviceSpan<float> factor;
  bool wants_mask, wants_factor;

  __device__ Matrix matrix(int64_t batch_element, int64_t camera) const {
    Matrix matrix;
    for (int i = 0; i < 12; ++i) matrix.rows[i] = matrices.load((batch_element * cameras + camera) * 16 + i);
    return matrix;
  }
};

/// The pillar of a query.
struct Pillar {
  int64_t first;  ///< of its numbers in given points
  double x, y;    ///< of the grid's

  __device__ Pillar(const Sampling& s, int64_t batch, int64_t query) : first(0), x(0), y(0) {
    if (s.given_points) {
      first = batch * s.points_of_batch + query * s.anchors * 3;
    } else {
      x = pillar_coordinate(query % s.grid.columns, s.grid.columns, s.grid.range[0], s.grid.range[3]);
      y = pillar_coordinate(query / s.grid.columns, s.grid.rows, s.grid.range[1], s.grid.range[4]);
    }
  }
  __device__ PillarPoint<float> project(const Sampling& s, const Matrix& matrix, int anchor) const {
    if (s.given_points) {
      const int64_t at = first + 3 * anchor;
      return place_in_image<float>(matrix.rows, s.points.load(at), s.points.load(at + 1),
                                   s.points.load(at + 2), s.width, s.height);
    }
    return place_in_image<float>(matrix.rows, x, y,
                                 anchor_height(anchor, s.anchors, s.grid.range[2], s.grid.range[5]), s.width,
                                 s.height);
  }
};

/// Writes what camera `camera` makes of a pillar; whether it sees any of its points.
__device__ bool write_points(const Sampling& s, const Matrix& matrix, const Pillar& pillar, int64_t index) {
  bool any = false;
  for (int k = 0; k < s.anchors; ++k) {
    const PillarPoint<float> point = pillar.project(s, matrix, k);
    store_vector(s.reference + 2 * (index * s.anchors + k), DeviceVector<float, 2>{{point.u, point.v}});
    if (s.wants_mask) s.mask[index * s.anchors + k] = point.seen;
    any = any || point.seen;
  }
  return any;
}

__device__ bool sees(const Sampling& s, const Matrix& matrix, const Pillar& pillar) {
  bool any = false;
  for (int k = 0; k < s.anchors && !any; ++k) any = pillar.project(s, matrix, k).seen;
  return any;
}

BEVEL_GLOBAL void __launch_bounds__(kBlockThreads, kBlocksAMultiprocessor) point_sampling_kernel(Sampling s) {
  const int64_t thread = blockIdx.x * static_cast<int64_t>(kBlockThreads) + threadIdx.x;
  if (thread >= s.batch * s.queries) return;
  const int64_t batch = thread / s.queries, query = thread % s.queries;
  const Pillar pillar(s, batch, query);
  int32_t own = 0, visible = 0;
  for (int64_t camera = 0; camera < s.cameras; ++camera) {
    const int64_t index = (batch * s.cameras + camera) * s.queries + query;
    const bool any = write_points(s, s.matrix(batch, camera), pillar, index);
    const bool seen = s.of_first && batch > 0 ? sees(s, s.matrix(0, camera), Pillar(s, 0, query)) : any;
    s.visible[index] = seen;
    own += any;
    visible += seen;
  }
  if (s.wants_factor) s.factor[thread] = mean_factor<float>(visible, own);
}

}  // namespace

void cuda::point_sampling(const PointSamplingJob& job, cudaStream_t stream) {
  const int64_t pillars = job.batch * job.queries;
  if (pillars == 0) return;
  const int64_t views = pillars * job.cameras;
  Sampling s = {};
  s.batch = job.batch;
  s.cameras = job.cameras;
  s.queries = job.queries;
  s.anchors = job.anchors;
  s.width = job.image_width;
  s.height = job.image_height;
  s.of_first = job.visible_of_first_element;
  s.matrices = Numbers(job.lidar_to_image, job.batch * job.cameras * 16, job.matrix_type, "lidar_to_image");
  s.given_points = job.points != nullptr;
  if (job.points) {
    const int64_t elements = job.points_of_batch == 0 ? 1 : job.batch;
    s.points = Numbers(job.points, elements * job.queries * job.anchors * 3, job.point_type, "points");
  }
  s.points_of_batch = job.points_of_batch;
  s.grid = job.grid;
  s.reference = DeviceSpan<float>(static_cast<float*>(job.reference), views * job.anchors * 2, "reference");
  s.visible = DeviceSpan<unsigned char>(job.visible, views, "visible");
  s.wants_mask = job.mask != nullptr;
  if (job.mask) s.mask = DeviceSpan<unsigned char>(job.mask, views * job.anchors, "mask");
  s.wants_factor = job.mean_factor != nullptr;
  if (job.mean_factor)
    s.factor = DeviceSpan<float>(static_cast<float*>(job.mean_factor), pillars, "mean_factor");
  BEVEL_ENQUEUE(point_sampling_kernel, (pillars + kBlockThreads - 1) / kBlockThreads, 0, stream, s);
}

}  // namespace bevel
