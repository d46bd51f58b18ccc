#include "call_tensors.hpp"

#include <algorithm>
#include <cstring>

#include "cuda_loader.hpp"

namespace bevel {

bool CallTensors::any_empty() const {
  const auto empty = [](const TensorArgument* tensor) { return tensor->empty(); };
  return std::any_of(written_.begin(), written_.end(), empty) ||
         std::any_of(read_.begin(), read_.end(), empty);
}

void CallTensors::check_apart(const TensorArgument& workspace) const {
  ArgumentList written = written_;
  written.push_back(&workspace);
  check_outputs_apart(written, read_);
}

void CallTensors::write_zeros(DLDevice device, void* stream) const {
  const bevel_cuda_functions* cuda = is_cpu(device) ? nullptr : &cuda_functions(operator_);
  for (const TensorArgument* tensor : written_) {
    const StridedBlocks memory = memory_of(*tensor);
    if (cuda) {
      bevel_cuda_message message = {};
      check_cuda(operator_, cuda->clear(&memory, device.device_id, stream, &message), message);
    } else {
      memory.for_each_block([&](uintptr_t block) {
        std::memset(reinterpret_cast<void*>(block), 0, static_cast<size_t>(memory.block));
      });
    }
  }
}

}  // namespace bevel
