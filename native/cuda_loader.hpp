// Opens libbevel_cuda on first use and remembers why it could not.
#pragma once

#include "cuda_table.hpp"

namespace bevel {

/// The CUDA bodies; throws BEVEL_NO_CUDA with the reason when there are none or no device is usable.
const CudaTable& cuda_table(const char* operator_name);

/// Throws with the body's message unless status is BEVEL_OK.
void check_cuda(const char* operator_name, bevel_status status, const CudaMessage& message);

}  // namespace bevel
