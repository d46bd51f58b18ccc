# Budgets of registers, stack, spills and static shared memory for CUDA kernels.
#
#   bevel_kernel_budgets(TARGET)
#
# keeps ptxas's report beside every CUDA object of TARGET, adds the CTest test "kernel_budgets" that holds the reports against
# kernels/OPERATOR/OPERATOR.budget, and the build target "update_kernel_budgets" that writes these files anew.
function(bevel_kernel_budgets target)
  set(checker ${BEVEL_ROOT}/cmake/check_kernel_budgets.sh)
  set_target_properties(${target} PROPERTIES CUDA_COMPILER_LAUNCHER ${BEVEL_ROOT}/cmake/capture_ptxas.sh)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-Xptxas=-v>)
  add_test(NAME kernel_budgets COMMAND ${checker} $<TARGET_OBJECTS:${target}> COMMAND_EXPAND_LISTS)
  set_tests_properties(kernel_budgets PROPERTIES LABELS native)
  add_custom_target(update_kernel_budgets COMMAND ${checker} --update $<TARGET_OBJECTS:${target}>
    DEPENDS ${target} COMMAND_EXPAND_LISTS VERBATIM)
endfunction()
