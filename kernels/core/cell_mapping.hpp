// From a metric point to a BEV cell, as the field does it and as it should be.
#pragma once

#include <cstdint>

#include "core/fixed_rounding.hpp"

namespace bevel {

constexpr int32_t kDroppedCell = -1;

/// A grid in the form the index path wants; the doubles are those of bevel_grid.
struct CellGrid {
  double lower[3];
  double cell_size[3];
  int32_t cells[3];  ///< x, y, z
  int32_t floor;     ///< 0: C truncation, 1: floor
  int32_t row_is_x;  ///< 0: maps are [Z, Y, X], 1: [Z, X, Y]
};

/// Index along one axis, or −1 outside. NaN is outside: every comparison with it is false.
BEVEL_HD int32_t axis_cell(const CellGrid& grid, int axis, double coordinate) {
  const double f = divide_rounded(subtract_rounded(coordinate, grid.lower[axis]), grid.cell_size[axis]);
  const bool above = grid.floor ? f >= 0.0 : f > -1.0;
  const bool below = f < static_cast<double>(grid.cells[axis]);
  return above && below ? static_cast<int32_t>(f) : kDroppedCell;
}

/// Flat index of a cell within one batch element's grid.
BEVEL_HD int32_t flat_cell(const CellGrid& grid, int32_t x, int32_t y, int32_t z) {
  return grid.row_is_x ? (z * grid.cells[0] + x) * grid.cells[1] + y
                       : (z * grid.cells[1] + y) * grid.cells[0] + x;
}

/// The cell of a point, or kDroppedCell.
BEVEL_HD int32_t point_cell(const CellGrid& grid, double px, double py, double pz) {
  const int32_t x = axis_cell(grid, 0, px);
  const int32_t y = axis_cell(grid, 1, py);
  const int32_t z = axis_cell(grid, 2, pz);
  return (x | y | z) < 0 ? kDroppedCell : flat_cell(grid, x, y, z);
}

}  // namespace bevel
