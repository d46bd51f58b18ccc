# bevel_references: what every operator's bodies, peers and gradients are compared with (src/test/native/references).
# BEVEL_ROOT and BEVEL_INCLUDES are set.
file(GLOB BEVEL_REFERENCES CONFIGURE_DEPENDS ${BEVEL_ROOT}/src/test/native/references/*.cpp)
add_library(bevel_references STATIC ${BEVEL_REFERENCES})
target_include_directories(bevel_references PUBLIC ${BEVEL_INCLUDES} ${BEVEL_ROOT}/src/test/native)
target_compile_options(bevel_references PRIVATE -O2 -ffp-contract=off ${BEVEL_WARNINGS})
set_target_properties(bevel_references PROPERTIES POSITION_INDEPENDENT_CODE ON)
