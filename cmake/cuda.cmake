# The CUDA part: libbevel_cuda where nvcc exists, and in every build the same sources on the emulation.
set(BEVEL_CUDA_SOURCES
  ${BEVEL_ROOT}/native/cuda/cuda_library.cu
  ${BEVEL_ROOT}/kernels/core/radix_sort.cu
  ${BEVEL_ROOT}/kernels/core/sample_scatter.cu
  ${BEVEL_ROOT}/kernels/lift_splat/lift_splat.cu
  ${BEVEL_ROOT}/kernels/lift_splat/lift_splat_backward.cu
  ${BEVEL_ROOT}/kernels/lift_splat/lift_splat_intervals_backward.cu
  ${BEVEL_ROOT}/kernels/lift_splat/lift_splat_passes.cu
  ${BEVEL_ROOT}/kernels/lift_splat/lift_splat_plan.cu
  ${BEVEL_ROOT}/kernels/lift_splat/lift_splat_plan_intervals.cu
  ${BEVEL_ROOT}/kernels/bev_pool/bev_pool.cu
  ${BEVEL_ROOT}/kernels/bev_pool/bev_pool_backward.cu
  ${BEVEL_ROOT}/kernels/deform_attn/point_sampling.cu
  ${BEVEL_ROOT}/kernels/deform_attn/deform_attn.cu
  ${BEVEL_ROOT}/kernels/deform_attn/deform_attn_backward.cu
  ${BEVEL_ROOT}/kernels/multi_view_sample/multi_view_sample.cu
  ${BEVEL_ROOT}/kernels/multi_view_sample/multi_view_sample_backward.cu
  ${BEVEL_ROOT}/kernels/multi_view_sample/multi_view_sample_features.cu
  ${BEVEL_ROOT}/kernels/deform_conv/deform_conv.cu
  ${BEVEL_ROOT}/kernels/deform_conv/deform_conv_backward.cu
  ${BEVEL_ROOT}/kernels/deform_conv/deform_conv_layout.cu
  ${BEVEL_ROOT}/kernels/deform_conv/deform_conv_weight_backward.cu
  ${BEVEL_ROOT}/kernels/bev_warp/bev_warp.cu
  ${BEVEL_ROOT}/kernels/bev_warp/bev_warp_backward.cu)

include(CheckLanguage)
check_language(CUDA)
if(CMAKE_CUDA_COMPILER)
  # Machine code for the A100 and the H100/H200, and PTX of the latter for what comes after them.
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
  enable_language(CUDA)
  # CMake 3.25.1 (Debian 12) does not know yet that nvcc speaks C++20.
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
  include(${BEVEL_ROOT}/cmake/kernel_budgets.cmake)

  # One folder deeper: the emulation compiles the same sources as C++, and CMake keeps a source's language by folder.
  add_subdirectory(${BEVEL_ROOT}/native/cuda cuda)
else()
  message(NOTICE "bevel: no nvcc, libbevel_cuda is not built")
endif()

option(BEVEL_GPU_SUITE "Build the tests and benchmark that need a GPU" OFF)
if(BEVEL_GPU_SUITE)
  if(NOT CMAKE_CUDA_COMPILER)
    message(FATAL_ERROR "bevel: the GPU suite needs nvcc")
  endif()
  add_subdirectory(${BEVEL_ROOT}/bench/gpu gpu)
endif()
