/* Prints "struct size" and "struct.field offset size" for every struct of the ABI, as this compiler lays them
 * out, and the version of the headers. A Java test compares the lines with the layouts of the Panama binding.
 */
#include "struct_layouts.h"

#include "bevel.h"

static void common_layouts(void) {
  STRUCT(DLTensor);
  FIELD(DLTensor, data);
  FIELD(DLTensor, device.device_type);
  FIELD(DLTensor, device.device_id);
  FIELD(DLTensor, ndim);
  FIELD(DLTensor, dtype.code);
  FIELD(DLTensor, dtype.bits);
  FIELD(DLTensor, dtype.lanes);
  FIELD(DLTensor, shape);
  FIELD(DLTensor, strides);
  FIELD(DLTensor, byte_offset);

  STRUCT(bevel_capabilities);
  FIELD(bevel_capabilities, struct_size);
  FIELD(bevel_capabilities, cuda_library);
  FIELD(bevel_capabilities, cuda_devices);
  FIELD(bevel_capabilities, cuda_runtime);
  FIELD(bevel_capabilities, cuda_driver);
  FIELD(bevel_capabilities, cuda_architectures);
  FIELD(bevel_capabilities, cuda_reason);

  STRUCT(bevel_grid);
  FIELD(bevel_grid, lower);
  FIELD(bevel_grid, cell_size);
  FIELD(bevel_grid, cells);
  FIELD(bevel_grid, rounding);
  FIELD(bevel_grid, row_axis);
  FIELD(bevel_grid, reserved);
}

int main(void) {
  printf("version %d\n", BEVEL_VERSION_MAJOR * 10000 + BEVEL_VERSION_MINOR * 100 + BEVEL_VERSION_PATCH);
  common_layouts();
  lift_splat_layouts();
  bev_pool_layouts();
  deform_attn_layouts();
  point_sampling_layouts();
  deform_conv_layouts();
  multi_view_sample_layouts();
  bev_warp_layouts();
  return 0;
}
