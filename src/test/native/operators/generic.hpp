// What the tests of every operator have in common: a set of arguments on the CPU, its results, and what the
// reference makes of it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <list>
#include <map>
#include <string>

#include "draw.hpp"
#include "references/tensors.hpp"

namespace bevel::operators {

constexpr uint64_t kGenericSeed = 20261130;

using Numbers = std::map<std::string, std::vector<double>>;

inline std::string name_of_entry(const ::testing::TestParamInfo<size_t>& info) {
  return entry_points()[info.param].name;
}

/// Places in the table.
inline std::vector<size_t> entries_with_reference() {
  std::vector<size_t> all;
  for (size_t i = 0; i < entry_points().size(); ++i) {
    if (entry_points()[i].reference) all.push_back(i);
  }
  return all;
}

inline bool is_written(const DrawnTensor& t) { return t.given && t.line->role == Role::kWritten; }

/// A sound set whose memory is all there.
inline Draw sound_set(const Operator& op, int64_t set) {
  for (int64_t attempt = 0;; ++attempt) {
    Draw d = draw_set(op, kGenericSeed + static_cast<uint64_t>(attempt), set, {});
    if (std::none_of(d.tensors.begin(), d.tensors.end(),
                     [&](const DrawnTensor& t) { return t.line->role != Role::kWorkspace && lies(d, t); })) {
      return d;
    }
  }
}

/// Runs a set with as much workspace as it asks for; memory that is written holds `byte` before.
inline bevel_status run_set(const Operator& op, Draw& d, unsigned char byte = 0xab) {
  write_pointers(d);
  if (op.workspace) {
    int64_t bytes = 0;
    if (const bevel_status status = op.workspace(d.params.data(), &bytes)) return status;
    take_workspace(d, bytes);
    write_pointers(d);
  }
  for (DrawnTensor& t : d.tensors) {
    if (is_written(t)) std::memset(t.memory.data(), byte, static_cast<size_t>(t.memory.bytes()));
  }
  return op.run(d.params.data(), nullptr);
}

/// All that a set writes.
inline Numbers results(const Draw& d) {
  Numbers all;
  for (const DrawnTensor& t : d.tensors) {
    if (is_written(t)) all[t.line->name] = references::values(&t.view);
  }
  return all;
}

/// What the reference writes of a set, in double.
inline Numbers expected_of(const Operator& op, const Draw& d) {
  Draw copy;
  copy.params = d.params;
  std::list<std::vector<double>> memory;
  std::list<DLTensor> views;
  Numbers all;
  for (const DrawnTensor& t : d.tensors) {
    if (!is_written(t)) continue;
    memory.emplace_back(static_cast<size_t>(t.elements()));
    DLTensor view = t.view;
    if (view.dtype.code == kDLFloat || view.dtype.code == kDLBfloat) view.dtype = {kDLFloat, 64, 1};
    view.byte_offset = 0;
    view.strides = nullptr;
    view.data = memory.back().data();  // wide enough for every dtype
    views.push_back(view);
    const DLTensor* pointer = &views.back();
    std::memcpy(copy.params.data() + t.line->offset, &pointer, sizeof pointer);
  }
  EXPECT_EQ(BEVEL_OK, op.reference(copy.params.data(), nullptr));
  auto view = views.begin();
  for (const DrawnTensor& t : d.tensors) {
    if (is_written(t)) all[t.line->name] = references::values(&*view++);
  }
  return all;
}

/// How far a result may be from its reference, over the largest number expected: rounding of the storage, and
/// of positions and sums in float.
inline double tolerance_of(DLDataType type) {
  if (type.code != kDLFloat && type.code != kDLBfloat) return 0;
  if (type.bits == 64) return 1e-11;
  if (type.bits == 32) return 2e-4;
  return type.code == kDLBfloat ? 1.1 / 256 : 1.1 / 2048 + 2e-4;
}

inline void expect_close(const Draw& d, const Numbers& actual, const Numbers& expected) {
  for (const DrawnTensor& t : d.tensors) {
    if (!is_written(t)) continue;
    const std::vector<double>&a = actual.at(t.line->name), &e = expected.at(t.line->name);
    ASSERT_EQ(e.size(), a.size());
    double largest = 1e-30, off = 0;
    size_t worst = 0;
    for (size_t i = 0; i < e.size(); ++i) {
      largest = std::fmax(largest, std::fabs(e[i]));
      const double difference = std::fabs(a[i] - e[i]);
      if (!(difference <= off)) worst = i;
      off = std::isnan(difference) ? INFINITY : std::fmax(off, difference);
    }
    EXPECT_LE(off / largest, tolerance_of(t.view.dtype))
        << t.line->name << ' ' << ::testing::PrintToString(t.shape) << " of " << int{t.view.dtype.bits}
        << " bits: element " << worst << " must be " << (e.empty() ? 0 : e[worst]) << ", got "
        << (a.empty() ? 0 : a[worst]);
  }
}

}  // namespace bevel::operators
