// Where a sample of deformable attention lies, in pixels of its level: base + location · step along each
// axis. The derivatives by what is given follow from it.
#pragma once

#include "core/host_device.hpp"

namespace bevel {

/// One axis of a sample: `extent` is the level's width (x) or height (y).
template <class T>
struct SampleAxis {
  T base, step;
  BEVEL_HD T at(T location) const { return base + location * step; }
};

/// A location in [0, 1].
template <class T>
BEVEL_HD SampleAxis<T> axis_of_location(T extent) {
  return {T(-0.5), extent};
}

/// An offset in pixels from a reference point in [0, 1].
template <class T>
BEVEL_HD SampleAxis<T> axis_of_point(T reference, T extent) {
  return {reference * extent - T(0.5), T(1)};
}

/// Pixels that an offset of 1 moves a sample for each unit of a box's side.
template <class T>
BEVEL_HD T box_step(T extent, int points) {
  return extent * (T(0.5) / static_cast<T>(points));
}

/// An offset in halves of a reference box's side, spread over the points.
template <class T>
BEVEL_HD SampleAxis<T> axis_of_box(T reference, T side, T extent, int points) {
  return {reference * extent - T(0.5), side * box_step(extent, points)};
}

}  // namespace bevel
