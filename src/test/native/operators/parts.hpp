// The parts of the table of entry points, and what they have in common.
#pragma once

#include "references/reference.h"
#include "table.hpp"

namespace bevel::operators {

/// In each operator's file, an object of it: the file is all that a new operator adds to the table.
struct Registration {
  explicit Registration(const std::vector<Operator>& entry_points);
};

template <class Params, bevel_status (*Run)(const Params*, void*)>
bevel_status run(const void* params, void* stream) {
  return Run(static_cast<const Params*>(params), stream);
}
template <class Params, bevel_status (*Query)(const Params*, int64_t*)>
bevel_status query(const void* params, int64_t* bytes) {
  return Query(static_cast<const Params*>(params), bytes);
}

#define AT(params, field) offsetof(params, field)

/// Tensors with "workspace" last.
inline std::vector<TensorLine> with_workspace(std::vector<TensorLine> tensors, size_t offset) {
  tensors.push_back(
      {.name = "workspace", .offset = offset, .role = Role::kWorkspace, .type = Type::kByte, .shape = "0"});
  return tensors;
}

inline std::vector<TensorLine> joined(std::vector<TensorLine> a, const std::vector<TensorLine>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace bevel::operators
