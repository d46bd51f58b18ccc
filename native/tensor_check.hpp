// Checks of DLTensor arguments. Every failure names operator, argument, what was expected and what came.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "bevel.h"
#include "core/element_type.hpp"

namespace bevel {

/// A set of dtypes that an argument may have.
enum DTypeSet : unsigned {
  kFloat32Only = 1,
  kFloat64Only = 2,
  kSixteenBit = 4,
  kInt32 = 8,
  kBytes = 16,
  kFeatureTypes = kFloat32Only | kFloat64Only | kSixteenBit,
  kFloatOrDouble = kFloat32Only | kFloat64Only,
};

/// One argument of one operator, under check. Methods chain; each throws Failure.
class TensorArgument {
 public:
  static constexpr int kMaxDimensions = 8;

  TensorArgument(const char* operator_name, const char* name, const DLTensor* tensor);

  bool given() const { return tensor_ != nullptr; }
  const TensorArgument& required() const;
  const TensorArgument& dtype(unsigned allowed) const;
  /// Shape with −1 for any extent; `reason` explains the expectation ("to match depth").
  const TensorArgument& shape(std::initializer_list<int64_t> expected, const char* reason = "") const;
  const TensorArgument& shape(const std::vector<int64_t>& expected, const char* reason = "") const;
  const TensorArgument& rank(int expected) const;
  const TensorArgument& compact() const;
  /// Row-major within the dimensions from `first` on; the dimensions before may have any stride ≥ 0.
  const TensorArgument& compact_from(int first) const;
  /// On a device that Bevel has bodies for.
  const TensorArgument& on_known_device() const;
  /// On the given device, or, on CPU, in pinned memory.
  const TensorArgument& on(DLDevice device) const;
  const TensorArgument& aligned(int64_t bytes) const;

  const char* name() const { return name_; }
  int dimensions() const { return tensor_->ndim; }
  int64_t extent(int dimension) const { return tensor_->shape[dimension]; }
  int64_t elements() const;
  /// Bytes of one element; the dtype has been checked.
  int64_t element_bytes() const { return tensor_->dtype.bits / 8; }
  bool has_strides() const { return tensor_->strides != nullptr; }
  /// In elements. In an empty tensor it means nothing.
  int64_t stride(int dimension) const;
  ElementType element_type() const;
  DLDevice device() const { return tensor_->device; }
  void* data() const;
  template <class T>
  T* data_as() const {
    return static_cast<T*>(data());
  }
  std::string shape_text() const;
  [[noreturn]] void reject(const std::string& expectation) const;

 private:
  const char* operator_;
  const char* name_;
  const DLTensor* tensor_;
};

/// An expected shape, "any" for extents below 0.
std::string shape_text(const std::vector<int64_t>& shape);
bool is_cpu(DLDevice device);

/// Throws unless the struct pointer is there and its struct_size is at least that of the fields this library
/// needs; `name` is the struct's in messages.
void check_struct(const char* operator_name, const char* name, const void* params, uint64_t needed);
/// Throws unless a reserved field is 0: a later version may give it a meaning.
void check_reserved(const char* operator_name, const char* name, int32_t value);
/// Throws unless it is a bevel_determinism; whether it is BEVEL_FAST.
bool check_fast(const char* operator_name, int32_t determinism);
/// Throws unless a CPU call has no stream.
void check_stream(const char* operator_name, DLDevice device, const void* stream);

/// Throws unless the workspace is there (or needs not be), 64-byte aligned, on the device and large enough.
TensorArgument check_workspace(const char* operator_name, const DLTensor* workspace, DLDevice device,
                               int64_t bytes);

/// a·b, or Failure when it passes 2⁶³ − 1; `what` names the product.
int64_t checked_product(const char* operator_name, const char* what, std::initializer_list<int64_t> factors);

}  // namespace bevel
