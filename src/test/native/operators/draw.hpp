// Draws sets of arguments for an entry point from its lines in the table: sizes, layouts, memory between
// guard pages, numbers.
#pragma once

#include "table.hpp"

namespace bevel::operators {

constexpr int64_t kHuge[] = {(int64_t{1} << 31) - 1, int64_t{1} << 31, (int64_t{1} << 31) + 1,
                             int64_t{1} << 32,       int64_t{1} << 40, int64_t{1} << 61,
                             int64_t{1} << 62,       INT64_MAX - 1,    INT64_MAX};
/// Memory of one tensor at most.
constexpr int64_t kMostBytes = 1 << 20;

struct DrawOptions {
  bool huge = false;   ///< now and then extents that pass all bounds, and a zero beside them
  bool wild = false;   ///< now and then numbers that are none, or have no end
  bool empty = false;  ///< now and then extents of 0
};

/// One set, the same for the same seed and number. It is sound unless extents were drawn that are huge.
Draw draw_set(const Operator& op, uint64_t seed, int64_t set, const DrawOptions& options);

/// Writes the tensors' addresses into the params, NULL for those that are not given.
void write_pointers(Draw& d);

/// Whether a tensor claims memory that is not there.
bool lies(const Draw& d, const DrawnTensor& t);

/// Gives a set's workspace so many bytes, unless somebody has harmed it.
void take_workspace(Draw& d, int64_t bytes);

template <class T, size_t N>
T any_of(const T (&values)[N], Draw& d) {
  return values[d.below(N)];
}

/// run(byte offset) of each element of a tensor in its own memory. (A hostile set's may lie elsewhere, or
/// begin later.)
template <class Run>
void for_each_element(const DrawnTensor& t, Run run) {
  if (t.elements() == 0) return;
  const int64_t begin = static_cast<const char*>(t.view.data) + t.view.byte_offset - t.memory.data();
  if (begin < 0 || begin >= t.memory.bytes()) return;
  const int64_t bytes = t.view.dtype.bits / 8;
  std::vector<int64_t> strides = t.strides;
  if (!t.view.strides) {
    int64_t stride = 1;
    for (size_t i = strides.size(); i-- > 0; stride *= t.shape[i]) strides[i] = stride;
  }
  std::vector<int64_t> index(t.shape.size(), 0);
  for (;;) {
    int64_t at = 0;
    for (size_t i = 0; i < index.size(); ++i) at += index[i] * strides[i];
    run(begin + at * bytes);
    size_t i = index.size();
    while (i > 0 && ++index[i - 1] == t.shape[i - 1]) index[--i] = 0;
    if (i == 0) return;
  }
}

}  // namespace bevel::operators
