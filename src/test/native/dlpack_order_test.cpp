// DLPack's own header and Bevel's declarations in both orders, as C++; the layouts must be those of the
// published ABI.
#if defined(BEVEL_FIRST)
#include "bevel/lift_splat.h"
#include <dlpack/dlpack.h>
#else
#include <dlpack/dlpack.h>
#include "bevel/lift_splat.h"
#endif

static_assert(sizeof(DLDevice) == 8 && sizeof(DLDataType) == 4 && sizeof(DLTensor) == 48 &&
              sizeof(DLManagedTensor) == 64);
static_assert(offsetof(DLTensor, device) == 8 && offsetof(DLTensor, ndim) == 16 &&
              offsetof(DLTensor, dtype) == 20 && offsetof(DLTensor, shape) == 24 &&
              offsetof(DLTensor, strides) == 32 && offsetof(DLTensor, byte_offset) == 40);
static_assert(kDLCPU == 1 && kDLCUDA == 2 && kDLCUDAHost == 3 && kDLFloat == 2 && kDLBfloat == 4);

int main() {
  DLTensor tensor = {nullptr, {kDLCPU, 0}, 0, {kDLFloat, 32, 1}, nullptr, nullptr, 0};
  bevel_lift_splat_plan_info info = {};
  info.struct_size = sizeof info;
  // Not a plan: the call is only there so that both headers are used together.
  return bevel_lift_splat_plan_read_info(&tensor, &info, nullptr) == BEVEL_INVALID_ARGUMENT ? 0 : 1;
}
