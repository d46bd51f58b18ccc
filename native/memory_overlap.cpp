#include "memory_overlap.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace bevel {
namespace {

/// The memory of a tensor: equal blocks of contiguous bytes. Strides are not negative here.
struct Memory {
  struct Dimension {
    int64_t extent, stride;  ///< in elements
  };

  const TensorArgument* argument = nullptr;
  uintptr_t begin = 0, end = 0;  ///< what all blocks lie in; empty for an empty tensor
  int64_t block_elements = 1;
  int outer_dimensions = 0;
  Dimension outer[TensorArgument::kMaxDimensions];  ///< over which the blocks are spread

  Memory() = default;
  explicit Memory(const TensorArgument& of) : argument(&of) {
    const int64_t count = of.given() ? of.elements() : 0;
    if (count == 0) return;
    const int64_t last = of.has_strides() ? spread(of) : 0;
    if (!of.has_strides()) block_elements = count;
    begin = reinterpret_cast<uintptr_t>(of.data());
    int64_t elements, bytes;
    if (__builtin_add_overflow(last, block_elements, &elements) ||
        __builtin_mul_overflow(elements, of.element_bytes(), &bytes) ||
        __builtin_add_overflow(begin, static_cast<uintptr_t>(bytes), &end)) {
      of.reject("must lie within memory, got shape " + of.shape_text());
    }
  }

  /// Splits the dimensions into block and outer ones; returns where the last block begins, in elements.
  int64_t spread(const TensorArgument& of) {
    int dimension = of.dimensions() - 1;
    for (; dimension >= 0; --dimension) {
      const int64_t extent = of.extent(dimension);
      if (extent != 1 && of.stride(dimension) != block_elements) break;
      block_elements *= extent;
    }
    int64_t last = 0;
    for (; dimension >= 0; --dimension) {
      const Dimension d = {of.extent(dimension), of.stride(dimension)};
      if (d.extent == 1) continue;
      int64_t span;
      if (__builtin_mul_overflow(d.extent - 1, d.stride, &span) ||
          __builtin_add_overflow(last, span, &last)) {
        of.reject("must lie within memory, got a stride of " + std::to_string(d.stride) + " elements");
      }
      outer[outer_dimensions++] = d;
    }
    return last;
  }

  bool meets(const Memory& other) const { return begin < other.end && other.begin < end; }

  uintptr_t block_bytes() const { return static_cast<uintptr_t>(block_elements * argument->element_bytes()); }

  /// True where each dimension steps over all that lies within it: the usual case, which needs no list.
  bool is_nested() const {
    int64_t inside = block_elements;
    for (int i = 0; i < outer_dimensions; ++i) {
      if (outer[i].stride < inside) return false;
      inside += (outer[i].extent - 1) * outer[i].stride;
    }
    return true;
  }

  /// Where the blocks begin, in ascending order. Blocks that all coincide (stride 0) count once where
  /// `distinct` is false.
  std::vector<uintptr_t> blocks(bool distinct) const {
    std::vector<uintptr_t> starts = {begin};
    for (int dimension = 0; dimension < outer_dimensions; ++dimension) {
      const Dimension& d = outer[dimension];
      if (d.stride == 0 && !distinct) continue;
      const size_t count = starts.size();
      for (int64_t i = 1; i < d.extent; ++i) {
        for (size_t k = 0; k < count; ++k) {
          starts.push_back(starts[k] + static_cast<uintptr_t>(i * d.stride * argument->element_bytes()));
        }
      }
    }
    std::sort(starts.begin(), starts.end());
    return starts;
  }
};

void check_own_elements_apart(const Memory& output) {
  if (output.is_nested()) return;
  const std::vector<uintptr_t> starts = output.blocks(true);
  for (size_t i = 1; i < starts.size(); ++i) {
    if (starts[i] - starts[i - 1] < output.block_bytes()) {
      output.argument->reject("is written, so its strides must keep its elements apart in memory");
    }
  }
}

void check_apart(const Memory& output, const Memory& other) {
  if (!output.meets(other)) return;
  const std::vector<uintptr_t> a = output.blocks(false), b = other.blocks(false);
  for (size_t i = 0, k = 0; i < a.size() && k < b.size();) {
    if (a[i] + output.block_bytes() <= b[k]) {
      ++i;
    } else if (b[k] + other.block_bytes() <= a[i]) {
      ++k;
    } else {
      output.argument->reject(std::string("is written, so it must not share memory with ") +
                              other.argument->name());
    }
  }
}

}  // namespace

void check_outputs_apart(std::initializer_list<const TensorArgument*> outputs,
                         std::initializer_list<const TensorArgument*> inputs) {
  constexpr size_t kMost = 16;
  Memory written[kMost], read[kMost];
  size_t writes = 0, reads = 0;
  for (const TensorArgument* output : outputs) written[writes++] = Memory(*output);
  for (const TensorArgument* input : inputs) read[reads++] = Memory(*input);
  for (size_t i = 0; i < writes; ++i) {
    check_own_elements_apart(written[i]);
    for (size_t k = i + 1; k < writes; ++k) check_apart(written[i], written[k]);
    for (size_t k = 0; k < reads; ++k) check_apart(written[i], read[k]);
  }
}

}  // namespace bevel
