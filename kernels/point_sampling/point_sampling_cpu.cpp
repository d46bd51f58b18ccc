// The reference points of spatial cross-attention on the CPU.
//
// A task is a run of pillars of one batch element. Its points are laid out once, then each camera is one
// vector loop over them. Bound: four double divisions for each point and camera.
#include "point_sampling/point_sampling_job.hpp"
#include "bodies.hpp"

#include <algorithm>

#include "core/simd.hpp"
#include "core/work_shares.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {
namespace {

constexpr int kMostPoints = 2 * BEVEL_POINT_SAMPLING_MAX_ANCHORS;

/// The points of a run of pillars, pillar by pillar.
struct Points {
  alignas(64) double x[kMostPoints];
  alignas(64) double y[kMostPoints];
  alignas(64) double z[kMostPoints];
};

double number(const void* numbers, ElementType type, int64_t index) {
  return type == ElementType::kFloat64 ? static_cast<const double*>(numbers)[index]
                                       : static_cast<const float*>(numbers)[index];
}

void lay_out(const PointSamplingJob& job, int64_t batch, int64_t first_query, int count, Points& points) {
  if (job.points) {
    const int64_t first = batch * job.points_of_batch + first_query * job.anchors * 3;
    for (int i = 0; i < count; ++i) {
      points.x[i] = number(job.points, job.point_type, first + 3 * i);
      points.y[i] = number(job.points, job.point_type, first + 3 * i + 1);
      points.z[i] = number(job.points, job.point_type, first + 3 * i + 2);
    }
    return;
  }
  const bevel_pillar_grid& grid = job.grid;
  for (int i = 0; i < count; i += job.anchors) {
    const int64_t query = first_query + i / job.anchors;
    const double x = pillar_coordinate(query % grid.columns, grid.columns, grid.range[0], grid.range[3]);
    const double y = pillar_coordinate(query / grid.columns, grid.rows, grid.range[1], grid.range[4]);
    for (int k = 0; k < job.anchors; ++k) {
      points.x[i + k] = x;
      points.y[i + k] = y;
      points.z[i + k] = anchor_height(k, job.anchors, grid.range[2], grid.range[5]);
    }
  }
}

/// 1 where a camera of batch element `batch` sees a point, else 0, and, unless null, where it lies. Flags are
/// as wide as what they come of: with bytes the loop would not become vector code.
template <class T>
void project(const PointSamplingJob& job, int64_t batch, int64_t camera, const Points& points, int count,
             T* __restrict reference, double* __restrict seen) {
  double matrix[12];
  for (int i = 0; i < 12; ++i) {
    matrix[i] = number(job.lidar_to_image, job.matrix_type, (batch * job.cameras + camera) * 16 + i);
  }
  const double width = job.image_width, height = job.image_height;
  if (reference) {
    for (int i = 0; i < count; ++i) {
      const PillarPoint<T> point =
          place_in_image<T>(matrix, points.x[i], points.y[i], points.z[i], width, height);
      reference[2 * i] = point.u;
      reference[2 * i + 1] = point.v;
      seen[i] = point.seen ? 1 : 0;
    }
  } else {
    for (int i = 0; i < count; ++i) {
      seen[i] = place_in_image<T>(matrix, points.x[i], points.y[i], points.z[i], width, height).seen ? 1 : 0;
    }
  }
}

/// Whether any point of each pillar is seen.
void any_seen(const double* seen, int pillars, int anchors, uint8_t* any) {
  for (int pillar = 0; pillar < pillars; ++pillar) {
    double found = 0;
    for (int k = 0; k < anchors; ++k) found += seen[pillar * anchors + k];
    any[pillar] = found > 0;
  }
}

template <class T>
void run(const PointSamplingJob& job, int64_t batch, int64_t first_query, int pillars) {
  const int count = pillars * job.anchors;
  Points points, first_points;
  alignas(64) double seen[kMostPoints];
  uint8_t own[kMostPoints];
  int32_t own_cameras[kMostPoints] = {}, cameras[kMostPoints] = {};
  lay_out(job, batch, first_query, count, points);
  const bool of_first = job.visible_of_first_element && batch > 0;
  if (of_first) lay_out(job, 0, first_query, count, first_points);
  for (int64_t camera = 0; camera < job.cameras; ++camera) {
    const int64_t pillar = (batch * job.cameras + camera) * job.queries + first_query;
    uint8_t* const visible = job.visible + pillar;
    project(job, batch, camera, points, count, static_cast<T*>(job.reference) + pillar * job.anchors * 2,
            seen);
    if (job.mask) {
      for (int i = 0; i < count; ++i) job.mask[pillar * job.anchors + i] = seen[i] != 0;
    }
    any_seen(seen, pillars, job.anchors, own);
    if (of_first) {
      project<T>(job, 0, camera, first_points, count, nullptr, seen);
      any_seen(seen, pillars, job.anchors, visible);
    } else {
      std::copy_n(own, pillars, visible);
    }
    for (int i = 0; i < pillars; ++i) {
      own_cameras[i] += own[i];
      cameras[i] += visible[i];
    }
  }
  if (T* factor = static_cast<T*>(job.mean_factor)) {
    for (int i = 0; i < pillars; ++i) {
      factor[batch * job.queries + first_query + i] = mean_factor<T>(cameras[i], own_cameras[i]);
    }
  }
}

template <class T>
void run_all(const PointSamplingJob& job) {
  const int64_t pillars = std::max(1, kMostPoints / job.anchors);
  const int64_t runs = (job.queries + pillars - 1) / pillars;
  Crew crew(job.cpu.threads, job.batch * runs);
  deal(crew, job.batch * runs, [&](int64_t task) {
    const int64_t first = task % runs * pillars;
    run<T>(job, task / runs, first, static_cast<int>(std::min(pillars, job.queries - first)));
  });
}

}  // namespace

void point_sampling(const PointSamplingJob& job) {
  if (job.reference_type == ElementType::kFloat64) {
    run_all<double>(job);
  } else {
    run_all<float>(job);
  }
}

}  // namespace bevel::BEVEL_ISA_NAMESPACE
