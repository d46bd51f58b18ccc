#include "tensor_check.hpp"

#include <algorithm>
#include <cstring>

#include "status.hpp"

namespace bevel {
namespace {

std::string dtype_name(DLDataType type) {
  const char* kind = type.code == kDLFloat    ? "float"
                     : type.code == kDLBfloat ? "bfloat"
                     : type.code == kDLInt    ? "int"
                     : type.code == kDLUInt   ? "uint"
                     : type.code == kDLBool   ? "bool"
                                              : "type";
  std::string name = kind + std::to_string(type.bits);
  if (type.lanes != 1) name += "x" + std::to_string(type.lanes);
  return name;
}

unsigned dtype_bit(DLDataType type) {
  if (type.lanes != 1) return 0;
  if (type.code == kDLFloat && type.bits == 32) return kFloat32Only;
  if (type.code == kDLFloat && type.bits == 64) return kFloat64Only;
  if ((type.code == kDLFloat || type.code == kDLBfloat) && type.bits == 16) return kSixteenBit;
  if (type.code == kDLInt && type.bits == 32) return kInt32;
  if ((type.code == kDLUInt || type.code == kDLInt || type.code == kDLBool) && type.bits == 8) return kBytes;
  return 0;
}

std::string allowed_names(unsigned allowed) {
  std::string names;
  auto add = [&names](const char* name) { names += (names.empty() ? "" : " or ") + std::string(name); };
  if (allowed & kFloat32Only) add("float32");
  if (allowed & kSixteenBit) add("float16 or bfloat16");
  if (allowed & kFloat64Only) add("float64");
  if (allowed & kInt32) add("int32");
  if (allowed & kBytes) add("uint8");
  return names;
}

}  // namespace

std::string shape_text(const std::vector<Extent>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + (shape[i].is_any() ? std::string("any") : std::to_string(shape[i].value()));
  }
  return text + "]";
}

TensorArgument::TensorArgument(const char* operator_name, const char* name, const DLTensor* tensor)
    : operator_(operator_name), name_(name), tensor_(tensor) {
  if (!tensor) return;
  if (tensor->ndim < 0 || tensor->ndim > kMaxDimensions) {
    reject("must have 0 to " + std::to_string(kMaxDimensions) + " dimensions, got " +
           std::to_string(tensor->ndim));
  }
  if (tensor->ndim > 0 && !tensor->shape) reject("must have a shape, got a null pointer");
  for (int i = 0; i < tensor->ndim; ++i) {
    if (tensor->shape[i] < 0) reject("must have no negative extent, got " + shape_text());
  }
  int64_t count = elements();
  if (__builtin_mul_overflow(count, std::max(tensor->dtype.bits / 8, 1), &count)) {
    reject("has more than 2^63 - 1 bytes: " + shape_text());
  }
  uintptr_t begin;
  if (count > 0 && (!tensor->data || __builtin_add_overflow(reinterpret_cast<uintptr_t>(tensor->data),
                                                            tensor->byte_offset, &begin))) {
    reject(tensor->data
               ? "must lie within memory, got a byte_offset of " + std::to_string(tensor->byte_offset)
               : "must have data, got a null pointer");
  }
}

void TensorArgument::reject(const std::string& expectation) const {
  fail(BEVEL_INVALID_ARGUMENT, "%s: %s %s", operator_, name_, expectation.c_str());
}

const TensorArgument& TensorArgument::required() const {
  if (!tensor_) reject("must be given, got NULL");
  return *this;
}

const TensorArgument& TensorArgument::dtype(unsigned allowed) const {
  if (!(dtype_bit(tensor_->dtype) & allowed)) {
    reject("must be " + allowed_names(allowed) + ", got " + dtype_name(tensor_->dtype));
  }
  const int64_t size = tensor_->dtype.bits / 8;
  if (elements() > 0 && reinterpret_cast<uintptr_t>(data()) % size != 0) {
    reject("must be aligned to its elements of " + std::to_string(size) + " bytes");
  }
  return *this;
}

const TensorArgument& TensorArgument::shape(const std::vector<Extent>& expected, const char* reason) const {
  bool matches = tensor_->ndim == static_cast<int>(expected.size());
  for (size_t i = 0; matches && i < expected.size(); ++i) matches = expected[i].allows(tensor_->shape[i]);
  if (!matches) {
    reject("must be " + bevel::shape_text(expected) + (*reason ? " " : "") + reason + ", got " +
           shape_text());
  }
  return *this;
}

const TensorArgument& TensorArgument::shape(std::initializer_list<Extent> expected,
                                            const char* reason) const {
  return shape(std::vector<Extent>(expected), reason);
}

const TensorArgument& TensorArgument::shaped_like(const TensorArgument& of) const {
  return shape(std::vector<Extent>(of.tensor_->shape, of.tensor_->shape + of.tensor_->ndim),
               (std::string("like ") + of.name()).c_str());
}

const TensorArgument& TensorArgument::rank(int expected) const {
  if (tensor_->ndim != expected) {
    reject("must have " + std::to_string(expected) + " dimensions, got " + shape_text());
  }
  return *this;
}

const TensorArgument& TensorArgument::compact() const { return compact_from(0); }

const TensorArgument& TensorArgument::compact_from(int first) const {
  if (!tensor_->strides || elements() == 0) return *this;
  int64_t expected = 1;
  for (int i = tensor_->ndim - 1; i >= 0; --i) {
    const int64_t actual = tensor_->strides[i];
    if (i >= first && tensor_->shape[i] != 1 && actual != expected) {
      reject("must be compact (row-major) " +
             (first ? "from dimension " + std::to_string(first) + " on" : std::string("in memory")) +
             ": stride of dimension " + std::to_string(i) + " must be " + std::to_string(expected) +
             ", got " + std::to_string(actual));
    }
    if (i < first && tensor_->shape[i] != 1 && actual < 0)
      reject("must have no negative stride, got " + std::to_string(actual));
    expected *= tensor_->shape[i];
  }
  return *this;
}

const TensorArgument& TensorArgument::on_known_device() const {
  if (!is_cpu(tensor_->device) && tensor_->device.device_type != kDLCUDA) {
    reject("must be on the CPU, in pinned memory or on CUDA (device types 1, 3, 2), got device type " +
           std::to_string(tensor_->device.device_type));
  }
  return *this;
}

const TensorArgument& TensorArgument::on(DLDevice device) const {
  const bool same = is_cpu(device) ? is_cpu(tensor_->device)
                                   : tensor_->device.device_type == device.device_type &&
                                         tensor_->device.device_id == device.device_id;
  if (!same) {
    auto name = [](DLDevice d) {
      return is_cpu(d)                  ? std::string("the CPU")
             : d.device_type == kDLCUDA ? "CUDA device " + std::to_string(d.device_id)
                                        : "device type " + std::to_string(d.device_type);
    };
    reject("must be on " + name(device) + " like the rest, got " + name(tensor_->device));
  }
  return *this;
}

const TensorArgument& TensorArgument::aligned(int64_t bytes) const {
  if (elements() > 0 && reinterpret_cast<uintptr_t>(data()) % bytes != 0) {
    reject("must be aligned to " + std::to_string(bytes) + " bytes");
  }
  return *this;
}

int64_t TensorArgument::elements() const {
  int64_t others = 1;
  bool empty = false;
  for (int i = 0; i < tensor_->ndim; ++i) {
    empty = empty || tensor_->shape[i] == 0;
    if (tensor_->shape[i] > 0 && __builtin_mul_overflow(others, tensor_->shape[i], &others)) {
      reject("has more than 2^63 - 1 elements (extents of 0 aside): " + shape_text());
    }
  }
  return empty ? 0 : others;
}

int64_t TensorArgument::stride(int dimension) const {
  if (tensor_->strides) return tensor_->strides[dimension];
  if (elements() == 0) return 0;
  int64_t stride = 1;
  for (int i = tensor_->ndim - 1; i > dimension; --i) stride *= tensor_->shape[i];
  return stride;
}

ElementType TensorArgument::element_type() const {
  if (tensor_->dtype.bits == 64) return ElementType::kFloat64;
  if (tensor_->dtype.bits == 32) return ElementType::kFloat32;
  return tensor_->dtype.code == kDLBfloat ? ElementType::kBfloat16 : ElementType::kFloat16;
}

void* TensorArgument::data() const {
  alignas(64) static char nothing[64];  // where an empty tensor without memory points; never read
  return elements() > 0 ? static_cast<char*>(tensor_->data) + tensor_->byte_offset : nothing;
}

std::string TensorArgument::shape_text() const {
  std::string text = "[";
  for (int i = 0; i < tensor_->ndim; ++i) text += (i ? ", " : "") + std::to_string(tensor_->shape[i]);
  return text + "]";
}

bool is_cpu(DLDevice device) { return device.device_type == kDLCPU || device.device_type == kDLCUDAHost; }

void check_struct(const char* operator_name, const char* name, const void* params, uint64_t needed) {
  if (!params) fail(BEVEL_INVALID_ARGUMENT, "%s: %s must be given, got NULL", operator_name, name);
  uint64_t size;
  std::memcpy(&size, params, sizeof size);
  if (size < needed) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: %s.struct_size must be at least %llu, got %llu (set it with sizeof)",
         operator_name, name, static_cast<unsigned long long>(needed), static_cast<unsigned long long>(size));
  }
}

void check_range(const char* operator_name, const char* name, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: %s must be %lld %s %lld, got %lld", operator_name, name,
         static_cast<long long>(low), high == low + 1 ? "or" : "to", static_cast<long long>(high),
         static_cast<long long>(value));
  }
}

void check_reserved(const char* operator_name, const char* name, int32_t value) {
  if (value != 0) fail(BEVEL_INVALID_ARGUMENT, "%s: %s must be 0, got %d", operator_name, name, value);
}

bool check_fast(const char* operator_name, int32_t determinism) {
  if (determinism != BEVEL_STRICT && determinism != BEVEL_FAST) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: determinism must be 0 or 1, got %d", operator_name, determinism);
  }
  return determinism == BEVEL_FAST;
}

void check_stream(const char* operator_name, DLDevice device, const void* stream) {
  if (is_cpu(device) && stream) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: stream must be NULL for CPU tensors", operator_name);
  }
}

TensorArgument check_workspace(const char* operator_name, const DLTensor* workspace, DLDevice device,
                               int64_t bytes) {
  const TensorArgument argument(operator_name, "workspace", workspace);
  if (bytes == 0 && !workspace) return argument;
  argument.required().dtype(kBytes).rank(1).compact().on(device).aligned(64);
  if (argument.extent(0) < bytes) {
    argument.reject("must have at least " + std::to_string(bytes) + " bytes, got " +
                    std::to_string(argument.extent(0)));
  }
  return argument;
}

int64_t checked_product(const char* operator_name, const char* what, std::initializer_list<int64_t> factors) {
  int64_t others = 1;
  bool zero = false;
  for (int64_t factor : factors) {
    zero = zero || factor == 0;
    if (factor != 0 && __builtin_mul_overflow(others, factor, &others)) {
      fail(BEVEL_INVALID_ARGUMENT, "%s: %s pass 2^63 - 1", operator_name, what);
    }
  }
  return zero ? 0 : others;
}

}  // namespace bevel
