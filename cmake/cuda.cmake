# The CUDA part: libbevel_cuda where nvcc exists, and in every build the same sources on the emulation.
file(GLOB BEVEL_CUDA_SOURCES CONFIGURE_DEPENDS ${BEVEL_ROOT}/kernels/*/*.cu ${BEVEL_ROOT}/native/cuda/*.cu)

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
