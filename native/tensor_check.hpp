// Checks of DLTensor arguments. Every failure names operator, argument, what was expected and what came.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "bevel/base.h"
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

/// An extent that a check expects: a number, or any at all. "Any" is no number, so that nothing that is
/// worked out can come to mean it.
class Extent {
 public:
  Extent(int64_t value) : value_(value) {}  // NOLINT: numbers stand for themselves in an expected shape
  static Extent any() {
    Extent extent(0);
    extent.any_ = true;
    return extent;
  }
  bool is_any() const { return any_; }
  int64_t value() const { return value_; }
  bool allows(int64_t extent) const { return any_ || extent == value_; }

 private:
  int64_t value_;
  bool any_ = false;
};
inline const Extent kAny = Extent::any();

/// One argument of one operator, under check. Methods chain; each throws Failure.
///
/// From the beginning its extents, those of 0 aside, have a product that fits int64 together with the bytes
/// of an element; so may products of some of them. Products over several arguments need checked_product.
class TensorArgument {
 public:
  static constexpr int kMaxDimensions = 8;

  /// One that is not given.
  TensorArgument() = default;
  TensorArgument(const char* operator_name, const char* name, const DLTensor* tensor);

  bool given() const { return tensor_ != nullptr; }
  /// Given, and without an element.
  bool empty() const { return given() && elements() == 0; }
  const TensorArgument& required() const;
  const TensorArgument& dtype(unsigned allowed) const;
  /// `reason` explains the expectation ("to match depth").
  const TensorArgument& shape(std::initializer_list<Extent> expected, const char* reason = "") const;
  const TensorArgument& shape(const std::vector<Extent>& expected, const char* reason = "") const;
  /// The shape of another argument.
  const TensorArgument& shaped_like(const TensorArgument& of) const;
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
  /// Never null: an empty tensor may come without memory, and still it is given.
  void* data() const;
  template <class T>
  T* data_as() const {
    return static_cast<T*>(data());
  }
  /// Null exactly where the argument is not given.
  template <class T = void>
  T* data_if_given() const {
    return given() ? data_as<T>() : nullptr;
  }
  std::string shape_text() const;
  [[noreturn]] void reject(const std::string& expectation) const;

 private:
  const char* operator_ = "";
  const char* name_ = "";
  const DLTensor* tensor_ = nullptr;
};

std::string shape_text(const std::vector<Extent>& shape);
bool is_cpu(DLDevice device);

/// Throws unless the struct pointer is there and its struct_size is at least that of the fields this library
/// needs; `name` is the struct's in messages.
void check_struct(const char* operator_name, const char* name, const void* params, uint64_t needed);
/// Throws unless low ≤ value ≤ high.
void check_range(const char* operator_name, const char* name, int64_t value, int64_t low, int64_t high);
/// Throws unless a reserved field is 0: a later version may give it a meaning.
void check_reserved(const char* operator_name, const char* name, int32_t value);
/// Throws unless it is a bevel_determinism; whether it is BEVEL_FAST.
bool check_fast(const char* operator_name, int32_t determinism);
/// Throws unless a CPU call has no stream.
void check_stream(const char* operator_name, DLDevice device, const void* stream);

/// Throws unless the workspace is there (or needs not be), 64-byte aligned, on the device and large enough.
TensorArgument check_workspace(const char* operator_name, const DLTensor* workspace, DLDevice device,
                               int64_t bytes);

/// a·b·.., or Failure when it passes 2⁶³ − 1, also where it does so beside a factor of 0; `what` names it.
int64_t checked_product(const char* operator_name, const char* what, std::initializer_list<int64_t> factors);

}  // namespace bevel
