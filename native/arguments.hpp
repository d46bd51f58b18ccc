// The tensors of one call of an operator, each declared once: what it is called, which dtypes it may have,
// and whether it is read, written or the gradient of another. What holds for all of them follows from that.
#pragma once

#include <array>

#include "core/cpu_settings.hpp"
#include "tensor_check.hpp"

namespace bevel {

/// Declarations check at once, in this order: given or not, dtype, device. The first tensor that is declared
/// and given decides the device of the call. They throw Failure, and return the argument for its own checks
/// (shape, layout), which the operator makes.
///
/// After the operator's own checks the frame (operator_frame.hpp) sees to the rest: a gradient is asked for,
/// a CPU call has no stream, nothing that is written shares memory with anything else, and where a tensor is
/// empty, zeros are written and no body is asked. (Operators sum over their inputs; where one of their
/// tensors is empty there is nothing to sum. One that does not says run_when_empty.) So bodies and workspaces
/// know no empty extent, and in their jobs a pointer is null exactly where a tensor was not given.
class Arguments {
 public:
  Arguments(const char* operator_name, CpuSettings cpu) : op_(operator_name), cpu_(cpu) {}
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  const char* op() const { return op_; }
  const CpuSettings& cpu() const { return cpu_; }
  DLDevice device() const { return device_; }
  bool on_cpu() const { return is_cpu(device_); }

  const TensorArgument& read(const char* name, const DLTensor* tensor, unsigned dtypes);
  const TensorArgument& read_if_given(const char* name, const DLTensor* tensor, unsigned dtypes);
  const TensorArgument& written(const char* name, const DLTensor* tensor, unsigned dtypes);
  const TensorArgument& written_if_given(const char* name, const DLTensor* tensor, unsigned dtypes);
  /// The gradient of an argument, if it is wanted: of its dtype and shape. To be declared when the argument
  /// itself has been checked, so that the error names what is wrong.
  const TensorArgument& gradient(const char* name, const DLTensor* tensor, const TensorArgument& of);
  /// The gradient of an argument that this pass can do without.
  const TensorArgument& gradient_alone(const char* name, const DLTensor* tensor);
  /// What `gradient` checks, where both are given.
  void check_like(const TensorArgument& gradient, const TensorArgument& of) const;
  /// The memory of a gradient that is compact; null where it is not wanted.
  void* compact_gradient(const char* name, const DLTensor* tensor, const TensorArgument& of);
  /// What another pass or form of the operator has, and this one does not.
  const TensorArgument& absent() const { return none_; }

  /// Of a call without a tensor that could decide it.
  void set_device(DLDevice device) {
    device_ = device;
    device_known_ = true;
  }
  /// float64 is for gradient checks on the CPU, and then everything is float64. `argument` decides.
  void set_precision(const TensorArgument& argument);
  bool double_precision() const { return double_precision_; }
  /// Dtype of coordinates, logits and statistics.
  unsigned exact() const { return double_precision_ ? kFloat64Only : kFloat32Only; }
  /// Dtypes of feature maps beside the one that decided.
  unsigned features() const { return double_precision_ ? kFloat64Only : kFloat32Only | kSixteenBit; }

  /// Throws where gradients are declared and none is asked for.
  void check_any_gradient() const;
  /// Throws where a part of the workspace would hold more than 2⁴⁰ numbers. So none that a body adds up, with
  /// some bytes for each number and perhaps for each thread, passes 2⁶³ − 1. A call with an empty tensor
  /// needs no workspace.
  void limit_workspace(std::initializer_list<int64_t> factors) const;

  /// For an operator that has something to do where a tensor is empty.
  void run_when_empty() { run_when_empty_ = true; }
  /// No body is asked.
  bool nothing_to_do() const { return !run_when_empty_ && any_empty(); }
  /// What is written, `workspace` too where there is one, shares no memory with anything else of the call.
  void check_apart(const TensorArgument* workspace = nullptr) const;
  /// Zeros in all that is written: at once on the CPU, enqueued on CUDA.
  void write_zeros(void* stream) const;

 private:
  enum class Role { kRead, kWritten };
  static constexpr int kMost = 40;

  const TensorArgument& declare(const char* name, const DLTensor* tensor, Role role);
  bool any_empty() const;
  void check(const TensorArgument& argument, unsigned dtypes);

  const char* op_;
  CpuSettings cpu_;
  DLDevice device_ = {kDLCPU, 0};
  bool device_known_ = false, double_precision_ = false, run_when_empty_ = false;
  int gradients_ = 0, gradients_given_ = 0;
  int count_ = 0;
  std::array<TensorArgument, kMost> tensors_;
  std::array<Role, kMost> roles_;
  TensorArgument none_;
};

}  // namespace bevel
