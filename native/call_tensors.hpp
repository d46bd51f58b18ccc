// The tensors of one call of an operator, by what becomes of them.
#pragma once

#include "memory_overlap.hpp"
#include "tensor_check.hpp"

namespace bevel {

/// Of a call whose arguments have been checked. Tensors that were not given are passed over.
///
/// Every operator sums over its inputs. Where one of its tensors is empty there is nothing to sum, so what it
/// writes is zero, and no body is asked: bodies and workspaces know no empty extent, and in their jobs a
/// pointer is null exactly where a tensor was not given.
class CallTensors {
 public:
  /// `written` are the outputs or gradients, without the workspace.
  CallTensors(const char* operator_name, ArgumentList written, ArgumentList read)
      : operator_(operator_name), written_(std::move(written)), read_(std::move(read)) {}

  bool any_empty() const;
  /// What is written, `workspace` too, shares no memory with anything else.
  void check_apart(const TensorArgument& workspace) const;
  void check_apart() const { check_outputs_apart(written_, read_); }
  /// Zeros, at once on the CPU, enqueued on CUDA.
  void write_zeros(DLDevice device, void* stream) const;

 private:
  const char* operator_;
  ArgumentList written_, read_;
};

}  // namespace bevel
