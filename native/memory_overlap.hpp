// Outputs must not share memory with anything else that a call takes.
#pragma once

#include <initializer_list>

#include "tensor_check.hpp"

namespace bevel {

/// Throws where an output shares memory with another argument, or elements of one output with each other (a
/// stride of 0, say). Arguments that were not given are passed over. Slices of one buffer that interleave are
/// fine: gradients of depth and context may stand in one tensor, as the network's last layer wrote them.
void check_outputs_apart(std::initializer_list<const TensorArgument*> outputs,
                         std::initializer_list<const TensorArgument*> inputs);

}  // namespace bevel
