// The gradient of bilinearly sampled maps, deterministic and without atomics on floats: each sample adds
// weight · bilinear weight · source row to the four value rows around it.
//
// Samples are sorted, stably, by the cell that their upper left corner lies in; columns go from −1 to width −
// 1 and rows from −1 to height − 1, since a sample may lie half outside. The owner of a value row then walks
// the four cells around it and adds up in a fixed order: the same bits whatever the order of threads. Sums
// are float32, stored in the value's dtype.
//
// How to use it (one call handles `maps` maps of the same levels; see maps_at_a_time for too many samples):
//
// clang-format off
//   const SampleScatter scatter(shape, workspace);   // a workspace of SampleScatter::workspace_bytes(shape)
//   BEVEL_ENQUEUE(your_kernel, …, scatter.samples(), …);   // each sample once: samples.put(…) or samples.drop(…)
//   scatter.enqueue(source, target, stream);
// clang-format on
//
// Your kernel must write each sample of 0 to shape.samples exactly once: where it lies (core/bilinear.hpp),
// its weight, and the index of its source row. Which sample has which number is yours to choose; sums go by
// these numbers. Value rows that no level names are not written (ScatterLevels::covers tells whether there
// are such): clear them before. Levels may overlap.
#pragma once

#include "core/bilinear.hpp"
#include "core/cuda_elements.cuh"
#include "core/cuda_workspace.cuh"
#include "core/radix_sort.cuh"

namespace bevel {

/// The levels of a map. Every map has the same.
struct ScatterLevels {
  static constexpr int kMost = 8;
  int32_t count = 0;
  int32_t height[kMost], width[kMost];
  int64_t start[kMost];       ///< value row of the first pixel; rows follow each other row-major
  int64_t first_cell[kMost];  ///< among the cells of a map
  int64_t cells = 0;          ///< of a map

  void add(int32_t level_height, int32_t level_width, int64_t level_start) {
    height[count] = level_height;
    width[count] = level_width;
    start[count] = level_start;
    first_cell[count] = cells;
    cells += (int64_t(level_height) + 1) * (int64_t(level_width) + 1);
    ++count;
  }
  __host__ __device__ int64_t pixels(int level) const { return int64_t(height[level]) * width[level]; }
  bool overlap() const;
  /// Each of `rows` value rows lies in a level.
  bool covers(int64_t rows) const;

  /// The cell whose upper left pixel is (column, row), −1 to width − 1 and −1 to height − 1.
  __device__ int64_t cell(int64_t map, int level, int32_t column, int32_t row) const {
    return map * cells + first_cell[level] + (row + 1) * (int64_t(width[level]) + 1) + column + 1;
  }
};

struct ScatterShape {
  int64_t maps, samples;
  int64_t channels;  ///< of a source row and of a value row
  ScatterLevels levels;
};

/// Where source rows lie: row r begins at r / inner · outer_stride + r % inner · inner_stride.
struct ScatterSource {
  const void* data = nullptr;
  ConstMap map;
  int64_t inner = 1, outer_stride = 0, inner_stride = 0, channel_stride = 1;

  ScatterSource() = default;
  /// `elements` from `rows` on, a row each row_stride.
  ScatterSource(const void* rows, int64_t elements, ElementType type, int64_t row_stride)
      : data(rows), map(rows, elements, type, "scatter source"), outer_stride(row_stride) {}
  __device__ int64_t offset(uint32_t row) const {
    if (inner == 1) return row * outer_stride;
    return row / inner * outer_stride + row % inner * inner_stride;
  }
};

/// Where value rows lie: row r of map m begins at M / inner · outer_stride + M % inner · inner_stride + r ·
/// row_stride, with M = first_map + m.
struct ScatterTarget {
  void* data = nullptr;
  Map map;
  int64_t first_map = 0, inner = 1, outer_stride = 0, inner_stride = 0, row_stride = 0, channel_stride = 1;

  ScatterTarget() = default;
  /// `elements` from `rows` on: a map each map_stride, in it a row each row_stride.
  ScatterTarget(void* rows, int64_t elements, ElementType type, int64_t map_stride, int64_t value_row_stride)
      : data(rows),
        map(rows, elements, type, "scatter target"),
        outer_stride(map_stride),
        row_stride(value_row_stride) {}
  __device__ int64_t offset(int64_t map_index, int64_t row) const {
    const int64_t m = first_map + map_index;
    return m / inner * outer_stride + m % inner * inner_stride + row * row_stride;
  }
};

/// What the caller's kernel fills.
struct ScatterSamples {
  DeviceSpan<uint32_t> keys;
  DeviceSpan<float> records;  ///< [samples][4] right, lower, weight, source row (its bits)

  __device__ void drop(int64_t sample) const { keys[sample] = kNoKey; }
  /// A sample of `level` of `map` (of this call, from 0); one that does not count is dropped.
  __device__ void put(int64_t sample, const ScatterLevels& levels, int64_t map, int level,
                      const BilinearPoint<float>& point, float weight, uint32_t source_row) const {
    if (point.inside == 0) {
      drop(sample);
      return;
    }
    keys[sample] = static_cast<uint32_t>(levels.cell(map, level, point.column, point.row));
    const Float4 record = {point.right, point.lower, weight, __uint_as_float(source_row)};
    store_vector(records + sample * 4, record);
  }
};

class SampleScatter {
 public:
  /// How many maps of `samples_of_map` samples one call should take, so that keys fit in 32 bits and the
  /// workspace stays within some 400 MB; at least 1. Throws CudaFailure where one map alone is too large.
  static int64_t maps_at_a_time(int64_t maps, int64_t samples_of_map, const ScatterLevels& levels);
  static int64_t workspace_bytes(const ScatterShape& shape) { return SampleScatter(shape, nullptr).bytes_; }

  /// The workspace is 64-byte aligned device memory, in use until the stream has done what is enqueued.
  SampleScatter(const ScatterShape& shape, char* workspace);

  ScatterSamples samples() const { return {keys_, records_}; }
  void enqueue(const ScatterSource& source, const ScatterTarget& target, cudaStream_t stream) const;

 private:
  ScatterShape shape_;
  int64_t bytes_;
  int window_;
  char* cleared_;  ///< sort state and cell bounds
  int64_t cleared_bytes_;
  DeviceSpan<uint32_t> keys_, sorted_keys_, sorted_samples_;
  DeviceSpan<float> records_, window_sums_;
  DeviceSpan<int32_t> cell_bounds_;
  SortBuffers sort_;
};

}  // namespace bevel
