#include "memory_overlap.hpp"

#include <string>

namespace bevel {

StridedBlocks memory_of(const TensorArgument& argument) {
  StridedBlocks memory;
  if (!argument.given() || argument.elements() == 0) return memory;
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

void check_outputs_apart(const ArgumentList& outputs, const ArgumentList& inputs) {
  std::vector<StridedBlocks> read, written;
  for (const TensorArgument* input : inputs) read.push_back(memory_of(*input));
  for (const TensorArgument* output : outputs) written.push_back(memory_of(*output));
  const auto check_apart = [](const TensorArgument& output, const StridedBlocks& memory,
                              const TensorArgument& other, const StridedBlocks& others) {
    if (StridedBlocks::meet(memory, others)) {
      output.reject(std::string("is written, so it must not share memory with ") + other.name());
    }
  };
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (written[i].block > 0 && written[i].shares_with_itself()) {
      outputs[i]->reject("is written, so its strides must keep its elements apart in memory");
    }
    for (size_t k = i + 1; k < outputs.size(); ++k) {
      check_apart(*outputs[i], written[i], *outputs[k], written[k]);
    }
    for (size_t k = 0; k < inputs.size(); ++k) check_apart(*outputs[i], written[i], *inputs[k], read[k]);
  }
}

}  // namespace bevel
