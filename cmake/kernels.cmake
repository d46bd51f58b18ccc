# How kernels are compiled.

# The C headers, as they are installed: bevel/<operator>.h, and bevel/bevel.h that includes all of them.
set(BEVEL_HEADERS ${CMAKE_BINARY_DIR}/include)
file(GLOB headers CONFIGURE_DEPENDS ${BEVEL_ROOT}/native/include/bevel/*.h ${BEVEL_ROOT}/kernels/*/*.h)
set(umbrella "/* All of Bevel's C ABI. */\n#ifndef BEVEL_BEVEL_H_\n#define BEVEL_BEVEL_H_\n\n")
foreach(header ${headers})
  cmake_path(GET header FILENAME name)
  configure_file(${header} ${BEVEL_HEADERS}/bevel/${name} COPYONLY)
  string(APPEND umbrella "#include \"bevel/${name}\"\n")
endforeach()
file(CONFIGURE OUTPUT ${BEVEL_HEADERS}/bevel/bevel.h CONTENT "${umbrella}\n#endif /* BEVEL_BEVEL_H_ */\n" @ONLY)
set(BEVEL_INCLUDES ${BEVEL_HEADERS} ${BEVEL_ROOT}/native ${BEVEL_ROOT}/kernels)
# In its own build Bevel declares DLPack itself, whatever the machine has.
add_compile_definitions(BEVEL_OWN_DLPACK)
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

# Links a library so that it runs on glibc 2.28, whatever newer one it is built on (native/old_glibc.c).
# check: src/test/java/.../GlibcVersionsTest.
set(BEVEL_OLD_GLIBC_OPTIONS "")
if(CMAKE_SYSTEM_NAME STREQUAL Linux AND CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
  add_library(bevel_old_glibc OBJECT ${BEVEL_ROOT}/native/old_glibc.c)
  set_target_properties(bevel_old_glibc PROPERTIES POSITION_INDEPENDENT_CODE ON C_EXTENSIONS ON)
  target_compile_options(bevel_old_glibc PRIVATE -O2 -fexceptions -ffunction-sections -fdata-sections -fno-lto -Wall -Wextra)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${BEVEL_ROOT}/native/old_glibc.def)
  file(STRINGS ${BEVEL_ROOT}/native/old_glibc.def lines REGEX "^BEVEL_OLD")
  foreach(line ${lines})
    string(REGEX REPLACE "^BEVEL_OLD.([a-zA-Z0-9_]+),.*" "-Wl,--wrap=\\1" option "${line}")
    list(APPEND BEVEL_OLD_GLIBC_OPTIONS ${option})
  endforeach()
  # Where the older versions are functions of their own libraries, before glibc 2.34.
  list(APPEND BEVEL_OLD_GLIBC_OPTIONS -Wl,--gc-sections
    -Wl,--push-state,--no-as-needed -l:libdl.so.2 -l:libpthread.so.0 -l:librt.so.1 -Wl,--pop-state)
  # For the JNI library, which Maven links.
  string(JOIN "\n" options ${BEVEL_OLD_GLIBC_OPTIONS})
  file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/old_glibc.rsp CONTENT "$<TARGET_OBJECTS:bevel_old_glibc>\n${options}\n")
endif()

function(bevel_run_on_old_glibc target)
  if(TARGET bevel_old_glibc)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:bevel_old_glibc>)
    target_link_options(${target} PRIVATE ${BEVEL_OLD_GLIBC_OPTIONS})
  endif()
endfunction()

function(bevel_library_settings target)
  bevel_run_on_old_glibc(${target})
  target_include_directories(${target} PUBLIC "$<BUILD_INTERFACE:${BEVEL_INCLUDES}>" $<INSTALL_INTERFACE:include>)
  target_compile_definitions(${target} PRIVATE BEVEL_BUILDING)
  target_compile_options(${target} PRIVATE -O3 -ffp-contract=off -fno-math-errno -fvisibility=hidden
    -fvisibility-inlines-hidden ${BEVEL_WARNINGS})
  target_link_libraries(${target} PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
  target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc -Wl,--no-undefined -Wl,--exclude-libs,ALL)
endfunction()
