# cmake --install: libraries, C headers, a CMake package (find_package(bevel), target bevel::bevel) and a pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS bevel EXPORT bevel-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET bevel_cuda)
  # libbevel looks for it beside itself.
  install(TARGETS bevel_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(DIRECTORY ${BEVEL_HEADERS}/bevel DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/bevel)
install(EXPORT bevel-targets NAMESPACE bevel:: FILE bevel-config.cmake DESTINATION ${package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/bevel-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/bevel-config-version.cmake DESTINATION ${package})

file(RELATIVE_PATH PREFIX_FROM_PKGCONFIG /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${BEVEL_ROOT}/cmake/bevel.pc.in ${CMAKE_BINARY_DIR}/bevel.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/bevel.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
