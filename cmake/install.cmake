# `cmake --install`, find_package(erg) and packages. The headers keep their folders: their includes are relative.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(erg_core PROPERTIES EXPORT_NAME core)
install(TARGETS erg_core EXPORT erg-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
set(ERG_HAS_IO FALSE)
if(TARGET erg_io)
  set(ERG_HAS_IO TRUE)
  set_target_properties(erg_io PROPERTIES EXPORT_NAME io)
  install(TARGETS erg_io EXPORT erg-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
if(TARGET erg_program)
  install(TARGETS erg_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET erg_c)
  install(TARGETS erg_c EXPORT erg-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(FILES tools/c_api/erg_c.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/erg)
endif()

install(FILES erg.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/erg)
install(DIRECTORY kernels engine models samplers DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/erg
        FILES_MATCHING PATTERN "*.h" PATTERN emulator EXCLUDE)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/erg)
install(EXPORT erg-targets NAMESPACE erg:: DESTINATION ${package_dir})
configure_package_config_file(cmake/erg-config.cmake.in ${PROJECT_BINARY_DIR}/erg-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/erg-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/erg-config.cmake ${PROJECT_BINARY_DIR}/erg-config-version.cmake DESTINATION ${package_dir})

set(CPACK_GENERATOR TGZ DEB)
set(CPACK_PACKAGE_CONTACT "the erg authors")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libpng-dev, zlib1g-dev")  # for programs that use erg::io
include(CPack)
