# Tests of CUDA sources on the host: the emulation of src/test/native/emulation, under AddressSanitizer and UBSan.
#
#   bevel_add_emulated_test(NAME SOURCE...)
#
# adds a GoogleTest program NAME from .cpp and .cu files (the latter compiled as C++ with BEVEL_EMULATE_CUDA, no nvcc needed) and
# registers it with CTest under the label "emulation". An undefined behaviour or an invalid access ends the test.
find_package(GTest REQUIRED)

set(BEVEL_EMULATION_SANITIZERS -fsanitize=address,undefined -fno-sanitize-recover=undefined)

add_library(bevel_emulation STATIC EXCLUDE_FROM_ALL
  ${BEVEL_ROOT}/src/test/native/emulation/fiber.cpp
  ${BEVEL_ROOT}/src/test/native/emulation/orders.cpp
  ${BEVEL_ROOT}/src/test/native/emulation/pointer.cpp
  ${BEVEL_ROOT}/src/test/native/emulation/runtime.cpp
  ${BEVEL_ROOT}/src/test/native/emulation/scheduler.cpp
  ${BEVEL_ROOT}/src/test/native/emulation/shadow.cpp)
target_compile_features(bevel_emulation PUBLIC cxx_std_20)
target_compile_definitions(bevel_emulation PUBLIC BEVEL_EMULATE_CUDA PRIVATE BEVEL_ADDRESS_SANITIZER)
target_include_directories(bevel_emulation PUBLIC
  ${BEVEL_HEADERS} ${BEVEL_ROOT}/src/test/native ${BEVEL_ROOT}/kernels ${BEVEL_ROOT}/native)
# The emulation itself is compiled for speed and not instrumented (though it tells AddressSanitizer of its stacks and red zones);
# what it runs is: -O1 -g whatever the build type, and without contraction, since __fmul_rn and its like must round.
target_compile_options(bevel_emulation PRIVATE -O2 -g -Wall -Wextra
  INTERFACE -O1 -g -Wall -Wextra -Wno-unknown-pragmas -ffp-contract=off -fno-omit-frame-pointer ${BEVEL_EMULATION_SANITIZERS})
target_link_options(bevel_emulation INTERFACE ${BEVEL_EMULATION_SANITIZERS})

function(bevel_add_emulated_test name)
  foreach(source IN LISTS ARGN)
    if(source MATCHES "\\.cu$")
      set_source_files_properties(${source} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
    endif()
  endforeach()
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE bevel_emulation GTest::gtest GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS emulation TIMEOUT 600)
endfunction()

# libbevel_cuda on the emulation: libbevel opens it as it opens the real one, so tests go through the C ABI with CUDA tensors.
set_target_properties(bevel_emulation PROPERTIES POSITION_INDEPENDENT_CODE ON)
add_library(bevel_cuda_emulated SHARED ${BEVEL_CUDA_SOURCES})
set_source_files_properties(${BEVEL_CUDA_SOURCES} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++;-Wno-unknown-pragmas")
target_compile_definitions(bevel_cuda_emulated PRIVATE BEVEL_CUDA_ARCHITECTURES="emulated")
target_link_libraries(bevel_cuda_emulated PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,bevel_emulation>)

# Adds a test of CUDA tensors through the C ABI. Source: its own main() opens BEVEL_TEST_CUDA_LIBRARY. That is the name alone of a
# library that the program is linked with: what is opened is what is already there, be it a mutant from LD_LIBRARY_PATH.
function(bevel_add_emulated_abi_test name)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE
    ${BEVEL_INCLUDES} $<TARGET_PROPERTY:bevel_emulation,INTERFACE_INCLUDE_DIRECTORIES>)
  target_compile_definitions(${name} PRIVATE BEVEL_EMULATE_CUDA
    BEVEL_TEST_CUDA_LIBRARY="$<TARGET_FILE_NAME:bevel_cuda_emulated>")
  target_compile_options(${name} PRIVATE -O1 -g -ffp-contract=off ${BEVEL_WARNINGS} -Wno-missing-field-initializers
    ${BEVEL_EMULATION_SANITIZERS})
  target_link_options(${name} PRIVATE ${BEVEL_EMULATION_SANITIZERS})
  target_link_libraries(${name} PRIVATE bevel bevel_cuda_emulated bevel_references GTest::gtest)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS emulation TIMEOUT 600)
endfunction()
