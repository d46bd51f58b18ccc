// What references read and write: tensors of any layout and dtype as compact rows of doubles.
#pragma once

#include <cstring>
#include <stdexcept>
#include <vector>

#include "bevel/base.h"
#include "core/sixteen_bit.hpp"

namespace bevel::references {

inline double number_at(const char* at, DLDataType type) {
  const auto load = [&](auto value) {
    std::memcpy(&value, at, sizeof value);
    return value;
  };
  if (type.code == kDLFloat && type.bits == 64) return load(double{});
  if (type.code == kDLFloat && type.bits == 32) return static_cast<double>(load(float{}));
  if (type.code == kDLFloat && type.bits == 16) return static_cast<double>(widen(load(Float16{})));
  if (type.code == kDLBfloat) return static_cast<double>(widen(load(Bfloat16{})));
  if (type.bits == 32) return load(int32_t{});
  if (type.bits == 8) return load(uint8_t{});
  throw std::logic_error("a dtype that no reference knows");
}

inline void put_at(char* at, DLDataType type, double number) {
  const auto store = [&](auto value) { std::memcpy(at, &value, sizeof value); };
  if (type.code == kDLFloat && type.bits == 64) return store(number);
  if (type.code == kDLFloat && type.bits == 32) return store(static_cast<float>(number));
  if (type.code == kDLFloat && type.bits == 16) return store(narrow<Float16>(static_cast<float>(number)));
  if (type.code == kDLBfloat) return store(narrow<Bfloat16>(static_cast<float>(number)));
  if (type.bits == 32) return store(static_cast<int32_t>(number));
  if (type.bits == 8) return store(static_cast<uint8_t>(number));
  throw std::logic_error("a dtype that no reference knows");
}

/// run(address) of each element, in row-major order.
template <class Run>
void for_each_element(const DLTensor& t, Run run) {
  int64_t count = 1;
  std::vector<int64_t> strides(static_cast<size_t>(t.ndim)), index(static_cast<size_t>(t.ndim), 0);
  for (int i = t.ndim - 1; i >= 0; --i) {
    strides[static_cast<size_t>(i)] = t.strides ? t.strides[i] : count;
    count *= t.shape[i];
  }
  char* const begin = static_cast<char*>(t.data) + t.byte_offset;
  for (int64_t n = 0; n < count; ++n) {
    int64_t at = 0;
    for (size_t i = 0; i < index.size(); ++i) at += index[i] * strides[i];
    run(begin + at * (t.dtype.bits / 8));
    for (size_t i = index.size(); i-- > 0 && ++index[i] == t.shape[i];) index[i] = 0;
  }
}

/// All elements; none of NULL.
inline std::vector<double> values(const DLTensor* t) {
  std::vector<double> all;
  if (t) for_each_element(*t, [&](const char* at) { all.push_back(number_at(at, t->dtype)); });
  return all;
}

/// Writes all elements, unless the tensor is NULL.
inline void write(const std::vector<double>& from, DLTensor* t) {
  size_t next = 0;
  if (t) for_each_element(*t, [&](char* at) { put_at(at, t->dtype, from.at(next++)); });
}

/// [n, rows, columns] to [n, columns, rows].
inline std::vector<double> transposed(const std::vector<double>& from, int64_t rows, int64_t columns) {
  std::vector<double> to(from.size());
  const int64_t size = rows * columns;
  for (size_t i = 0; i < from.size(); ++i) {
    const int64_t at = static_cast<int64_t>(i), in = at % size;
    to[static_cast<size_t>(at - in + in % columns * rows + in / columns)] = from[i];
  }
  return to;
}

/// An extent counted from the end: 0 is the last.
inline int64_t from_end(const DLTensor* t, int place) { return t->shape[t->ndim - 1 - place]; }

}  // namespace bevel::references
