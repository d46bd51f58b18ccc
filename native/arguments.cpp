#include "arguments.hpp"

#include <cstring>

#include "cuda_loader.hpp"
#include "status.hpp"
#include "strided_blocks.hpp"

namespace bevel {
namespace {

/// Where a tensor lies; none for one that is empty.
StridedBlocks memory_of(const TensorArgument& argument) {
  StridedBlocks memory;
  if (argument.elements() == 0) return memory;
  StridedBlocks::Dimension dimensions[TensorArgument::kMaxDimensions];
  int count = 0;
  for (int i = 0; i < argument.dimensions(); ++i) {
    if (argument.extent(i) == 1) continue;
    int64_t stride;
    if (argument.stride(i) < 0 ||
        __builtin_mul_overflow(argument.stride(i), argument.element_bytes(), &stride)) {
      argument.reject("must lie within memory, got a stride of " + std::to_string(argument.stride(i)) +
                      " elements");
    }
    dimensions[count++] = {argument.extent(i), stride};
  }
  if (!memory.spread(reinterpret_cast<uintptr_t>(argument.data()), argument.element_bytes(), dimensions,
                     count)) {
    argument.reject("must lie within memory, got shape " + argument.shape_text());
  }
  return memory;
}

void refuse_sharing(Sharing sharing, const TensorArgument& written, const std::string& rule) {
  if (sharing == Sharing::kNone) return;
  written.reject("is written, so " + rule +
                 (sharing == Sharing::kUnknown
                      ? "; the strides interleave too deeply to tell: make it contiguous"
                      : ""));
}

}  // namespace

const TensorArgument& Arguments::declare(const char* name, const DLTensor* tensor, Role role) {
  if (count_ == kMost) fail(BEVEL_INTERNAL, "%s: has more than %d tensors", op_, kMost);
  roles_[static_cast<size_t>(count_)] = role;
  TensorArgument& argument = tensors_[static_cast<size_t>(count_++)];
  argument = TensorArgument(op_, name, tensor);
  return argument;
}

void Arguments::check(const TensorArgument& argument, unsigned dtypes) {
  if (!argument.given()) return;
  argument.dtype(dtypes);
  if (device_known_) {
    argument.on(device_);
    return;
  }
  argument.on_known_device();
  device_ = argument.device();
  device_known_ = true;
}

const TensorArgument& Arguments::read(const char* name, const DLTensor* tensor, unsigned dtypes) {
  const TensorArgument& argument = declare(name, tensor, Role::kRead).required();
  check(argument, dtypes);
  return argument;
}

const TensorArgument& Arguments::read_if_given(const char* name, const DLTensor* tensor, unsigned dtypes) {
  const TensorArgument& argument = declare(name, tensor, Role::kRead);
  check(argument, dtypes);
  return argument;
}

const TensorArgument& Arguments::written(const char* name, const DLTensor* tensor, unsigned dtypes) {
  const TensorArgument& argument = declare(name, tensor, Role::kWritten).required();
  check(argument, dtypes);
  return argument;
}

const TensorArgument& Arguments::written_if_given(const char* name, const DLTensor* tensor, unsigned dtypes) {
  const TensorArgument& argument = declare(name, tensor, Role::kWritten);
  check(argument, dtypes);
  return argument;
}

const TensorArgument& Arguments::gradient(const char* name, const DLTensor* tensor,
                                          const TensorArgument& of) {
  if (tensor && !of.given()) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: %s must be NULL where %s is", op_, name, of.name());
  }
  const TensorArgument& argument = gradient_alone(name, tensor);
  check_like(argument, of);
  return argument;
}

const TensorArgument& Arguments::gradient_alone(const char* name, const DLTensor* tensor) {
  const TensorArgument& argument = declare(name, tensor, Role::kWritten);
  ++gradients_;
  if (argument.given()) ++gradients_given_;
  check(argument, kFeatureTypes);
  return argument;
}

void Arguments::check_like(const TensorArgument& gradient, const TensorArgument& of) const {
  if (!gradient.given() || !of.given()) return;
  if (gradient.element_type() != of.element_type()) {
    gradient.reject(std::string("must have the dtype of ") + of.name());
  }
  gradient.shaped_like(of);
}

void* Arguments::compact_gradient(const char* name, const DLTensor* tensor, const TensorArgument& of) {
  const TensorArgument& argument = gradient(name, tensor, of);
  return argument.given() ? argument.compact().data() : nullptr;
}

void Arguments::set_precision(const TensorArgument& argument) {
  double_precision_ = argument.element_type() == ElementType::kFloat64;
  if (double_precision_ && !on_cpu()) {
    fail(BEVEL_UNSUPPORTED, "%s: float64 is for gradient checks on the CPU, %s is on CUDA", op_,
         argument.name());
  }
}

void Arguments::check_any_gradient() const {
  if (gradients_ > 0 && gradients_given_ == 0) {
    fail(BEVEL_INVALID_ARGUMENT, "%s: no gradient is asked for", op_);
  }
}

void Arguments::limit_workspace(std::initializer_list<int64_t> factors) const {
  constexpr int64_t kMostNumbers = int64_t{1} << 40;
  if (nothing_to_do()) return;
  if (checked_product(op_, "numbers of workspace", factors) <= kMostNumbers) return;
  std::string product;
  for (int64_t factor : factors) product += (product.empty() ? "" : " · ") + std::to_string(factor);
  fail(BEVEL_INVALID_ARGUMENT, "%s: workspace must not have to hold more than 2^40 numbers, got %s", op_,
       product.c_str());
}

bool Arguments::any_empty() const {
  for (size_t i = 0; i < static_cast<size_t>(count_); ++i) {
    if (tensors_[i].empty()) return true;
  }
  return false;
}

void Arguments::check_apart(const TensorArgument* workspace) const {
  struct Place {
    const TensorArgument* argument;
    StridedBlocks memory;
  };
  std::array<Place, kMost + 1> places;
  size_t written = 0, all = 0;
  const auto add = [&](const TensorArgument& argument) {
    if (!argument.given()) return;
    const StridedBlocks memory = memory_of(argument);
    if (memory.block > 0) places[all++] = {&argument, memory};
  };
  const auto add_role = [&](Role role) {
    for (size_t i = 0; i < static_cast<size_t>(count_); ++i) {
      if (roles_[i] == role) add(tensors_[i]);
    }
  };
  add_role(Role::kWritten);
  if (workspace) add(*workspace);
  written = all;
  add_role(Role::kRead);
  for (size_t i = 0; i < written; ++i) {
    refuse_sharing(places[i].memory.with_itself(), *places[i].argument,
                   "its strides must keep its elements apart in memory");
    for (size_t k = i + 1; k < all; ++k) {
      refuse_sharing(StridedBlocks::between(places[i].memory, places[k].memory), *places[i].argument,
                     std::string("it must not share memory with ") + places[k].argument->name());
    }
  }
}

void Arguments::write_zeros(void* stream) const {
  const CudaTable* cuda = on_cpu() ? nullptr : &cuda_table(op_);
  for (size_t i = 0; i < static_cast<size_t>(count_); ++i) {
    if (roles_[i] != Role::kWritten || !tensors_[i].given()) continue;
    const StridedBlocks memory = memory_of(tensors_[i]);
    if (cuda) {
      CudaMessage message = {};
      check_cuda(op_, cuda->clear(&memory, device_.device_id, stream, &message), message);
    } else {
      memory.for_each_block([&](uintptr_t block) {
        std::memset(reinterpret_cast<void*>(block), 0, static_cast<size_t>(memory.block));
      });
    }
  }
}

}  // namespace bevel
