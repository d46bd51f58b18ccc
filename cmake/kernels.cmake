# How kernels are compiled.

set(BEVEL_INCLUDES ${BEVEL_ROOT}/native ${BEVEL_ROOT}/kernels ${BEVEL_ROOT}/kernels/lift_splat ${BEVEL_ROOT}/kernels/bev_pool
  ${BEVEL_ROOT}/kernels/deform_attn ${BEVEL_ROOT}/kernels/deform_conv ${BEVEL_ROOT}/kernels/multi_view_sample
  ${BEVEL_ROOT}/kernels/bev_warp)
set(BEVEL_WARNINGS -Wall -Wextra -Wno-psabi)

# Flags of each instruction set; the numbers are those of bevel_instruction_set.
set(BEVEL_ISA_FLAGS_0 "")
set(BEVEL_ISA_FLAGS_1 -march=x86-64-v3)
set(BEVEL_ISA_FLAGS_2 -march=x86-64-v4 -mprefer-vector-width=512)

# A CPU body is compiled once for each instruction set, in a namespace of its own (BEVEL_ISA), and chosen at run time.
# Contraction to fused multiply-adds is wanted there; everywhere else it is off, so that index arithmetic rounds the same everywhere.
function(bevel_add_cpu_body target source)
  get_filename_component(name ${source} NAME_WE)
  foreach(isa 0 1 2)
    add_library(${name}_isa${isa} OBJECT ${source})
    target_include_directories(${name}_isa${isa} PRIVATE ${BEVEL_INCLUDES})
    target_compile_definitions(${name}_isa${isa} PRIVATE BEVEL_ISA=${isa})
    target_compile_options(${name}_isa${isa} PRIVATE -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math
      -fvisibility=hidden ${BEVEL_WARNINGS} ${BEVEL_ISA_FLAGS_${isa}})
    set_target_properties(${name}_isa${isa} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${name}_isa${isa}>)
  endforeach()
endfunction()

function(bevel_library_settings target)
  target_include_directories(${target} PUBLIC ${BEVEL_INCLUDES})
  target_compile_options(${target} PRIVATE -O3 -ffp-contract=off -fno-math-errno -fvisibility=hidden
    -fvisibility-inlines-hidden ${BEVEL_WARNINGS})
  target_link_libraries(${target} PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
  target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc -Wl,--no-undefined -Wl,--exclude-libs,ALL)
endfunction()
