// Outputs must not share memory with anything else that a call takes.
#pragma once

#include <vector>

#include "strided_blocks.hpp"
#include "tensor_check.hpp"

namespace bevel {

using ArgumentList = std::vector<const TensorArgument*>;

/// Where a tensor lies; none for one that is empty or was not given.
StridedBlocks memory_of(const TensorArgument& argument);

/// Throws where an output shares memory with another argument, or elements of one output with each other (a
/// stride of 0, say). Arguments that were not given are passed over. Slices of one buffer that interleave are
/// fine: gradients of depth and context may stand in one tensor, as the network's last layer wrote them.
void check_outputs_apart(const ArgumentList& outputs, const ArgumentList& inputs);

}  // namespace bevel
