# The installed library: the objects of all rooms as libplimsoll.so and libplimsoll.a, with what find_package and pkg-config read.
# The shared one exports what docs/api/symbols.map lists and nothing else.
include(CMakePackageConfigHelpers)

# Before 1.0 a minor version may change the interface, afterwards a major one (docs/versioning.md).
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(PLIMSOLL_SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  set(compatibility SameMinorVersion)
else()
  set(PLIMSOLL_SOVERSION ${PROJECT_VERSION_MAJOR})
  set(compatibility SameMajorVersion)
endif()

get_property(rooms GLOBAL PROPERTY PLIMSOLL_ROOMS)
set(objects "")
foreach(room IN LISTS rooms)
  list(APPEND objects $<TARGET_OBJECTS:${room}>)
endforeach()

foreach(kind shared static)
  string(TOUPPER ${kind} type)
  add_library(plimsoll_${kind} ${type} ${objects})
  target_link_libraries(plimsoll_${kind} PRIVATE fmt::fmt PkgConfig::utf8proc Threads::Threads)
  target_include_directories(plimsoll_${kind} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(plimsoll_${kind} INTERFACE cxx_std_20)
  plimsoll_compile_options(plimsoll_${kind})
  set_target_properties(plimsoll_${kind} PROPERTIES OUTPUT_NAME plimsoll LINKER_LANGUAGE CXX)
endforeach()

set(symbols ${PROJECT_SOURCE_DIR}/docs/api/symbols.map)
set_target_properties(plimsoll_shared PROPERTIES EXPORT_NAME plimsoll VERSION ${PROJECT_VERSION} SOVERSION ${PLIMSOLL_SOVERSION} LINK_DEPENDS ${symbols})
set_target_properties(plimsoll_static PROPERTIES EXPORT_NAME static)
target_link_options(plimsoll_shared PRIVATE -Wl,--version-script=${symbols})
# For projects that add this one as a folder; the names are those of find_package.
add_library(plimsoll::plimsoll ALIAS plimsoll_shared)
add_library(plimsoll::static ALIAS plimsoll_static)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/plimsoll)
foreach(kind shared static)
  install(TARGETS plimsoll_${kind} EXPORT plimsoll_${kind} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT plimsoll_${kind} DESTINATION ${package} NAMESPACE plimsoll:: FILE plimsoll-${kind}.cmake)
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/plimsoll DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

set(generated ${PROJECT_BINARY_DIR}/package)
configure_package_config_file(cmake/plimsollConfig.cmake.in ${generated}/plimsollConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(${generated}/plimsollConfigVersion.cmake VERSION ${PROJECT_VERSION} COMPATIBILITY ${compatibility})
install(FILES ${generated}/plimsollConfig.cmake ${generated}/plimsollConfigVersion.cmake DESTINATION ${package})

# From the folder of the .pc file up to the prefix, so that a moved installation is found where it is.
file(RELATIVE_PATH to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH to_include ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(cmake/plimsoll.pc.in ${generated}/plimsoll.pc @ONLY)
install(FILES ${generated}/plimsoll.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
