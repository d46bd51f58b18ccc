// Blocks of kBlock image columns, the tasks of lift-splat's CPU bodies, in the order of the cells they fall
// into. A thread's share of the blocks then writes and reads mostly the part of the map that the thread also
// finishes (forward) or prepares (backward), which is dealt by cell.
#pragma once

#include "core/work_shares.hpp"
#include "lift_splat/lift_splat_tiles.hpp"

namespace bevel::BEVEL_ISA_NAMESPACE {

class ColumnBlocks {
 public:
  ColumnBlocks(const LiftSplatShape& shape, const int32_t* plan)
      : column_rows_(plan + shape.layout.column_rows),
        row_cell_(plan + shape.layout.row_cell),
        width_(shape.width),
        blocks_an_image_((shape.width + kBlock - 1) / kBlock),
        count_(count(shape)) {}

  /// Bytes of the order, to be kept in the workspace; whole cache lines.
  static int64_t order_bytes(const LiftSplatShape& shape) {
    return round_up(count(shape) * static_cast<int64_t>(sizeof(Place)), 64);
  }

  /// Sorts the blocks, and deals them to the threads.
  WorkShares deal(char* order, int threads) {
    order_ = reinterpret_cast<Place*>(order);
    for (int64_t block = 0; block < count_; ++block) order_[block] = {middle_cell(block), block};
    std::sort(order_, order_ + count_, [](const Place& a, const Place& b) {
      return a.cell != b.cell ? a.cell < b.cell : a.block < b.block;
    });
    return WorkShares(count_, threads, [this](int64_t task) { return weight(order_[task].block); });
  }

  /// run(image, first column) of the task-th block.
  template <class Run>
  void run(int64_t task, Run run) const {
    const int64_t block = order_[task].block;
    run(block / blocks_an_image_, block % blocks_an_image_ * kBlock);
  }

 private:
  struct Place {
    int64_t cell, block;
  };

  /// About what reading a column costs, in rows.
  static constexpr int64_t kRowsForAColumn = 16;

  static int64_t count(const LiftSplatShape& shape) {
    return shape.batch * shape.cameras * ((shape.width + kBlock - 1) / kBlock);
  }
  int64_t first_column(int64_t block) const {
    return block / blocks_an_image_ * width_ + block % blocks_an_image_ * kBlock;
  }
  int64_t columns(int64_t block) const {
    return std::min<int64_t>(kBlock, width_ - block % blocks_an_image_ * kBlock);
  }
  /// The middle row of the middle column: rows are sorted by cell.
  int64_t middle_cell(int64_t block) const {
    const int64_t column = first_column(block) + columns(block) / 2;
    const int64_t begin = column_rows_[column], end = column_rows_[column + 1];
    return begin < end ? row_cell_[(begin + end) / 2] : 0;
  }
  int64_t weight(int64_t block) const {
    const int64_t first = first_column(block), count = columns(block);
    return column_rows_[first + count] - column_rows_[first] + kRowsForAColumn * count;
  }

  const int32_t* column_rows_;
  const int32_t* row_cell_;
  int64_t width_, blocks_an_image_, count_;
  Place* order_ = nullptr;
};

}  // namespace bevel::BEVEL_ISA_NAMESPACE
