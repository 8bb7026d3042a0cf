# plimsoll_room(NAME SOURCES... [NEEDS rooms...] [LIBRARIES targets...])
#
# One folder of src/ is one static library, plimsoll_NAME. NEEDS lists the rooms below it that it includes: the
# link graph is the include graph, so that a missing or upward dependency fails to link as well as in lint.
# Its objects also become part of the installed library (PlimsollLibrary.cmake): what no public header declares is hidden there.
function(plimsoll_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;NEEDS;LIBRARIES" ${ARGN})
  add_library(plimsoll_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(plimsoll_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  plimsoll_compile_options(plimsoll_${name})
  set_target_properties(plimsoll_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_compile_options(plimsoll_${name} PRIVATE -fno-semantic-interposition)
  set_property(GLOBAL APPEND PROPERTY PLIMSOLL_ROOMS plimsoll_${name})
  foreach(need IN LISTS ROOM_NEEDS)
    target_link_libraries(plimsoll_${name} PUBLIC plimsoll_${need})
  endforeach()
  target_link_libraries(plimsoll_${name} PUBLIC ${ROOM_LIBRARIES})
  plimsoll_precompile(plimsoll_${name} rooms)
endfunction()

# plimsoll_test(NAME SOURCES... [NEEDS rooms...]): one test program a room. Tests are compiled often and run seldom: what they test is optimized,
# they are not, least of all with sanitizers, whose checks take the compiler most of its time. They see no rates that somebody measured on this
# machine, nor leave any.
function(plimsoll_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;NEEDS;LIBRARIES" ${ARGN})
  set(level -O1)
  set(timeout 300)
  if(PLIMSOLL_SANITIZE)
    set(level -O0)
    set(timeout 1200)
  endif()
  add_executable(test_${name} ${TEST_SOURCES})
  plimsoll_compile_options(test_${name})
  target_compile_options(test_${name} PRIVATE ${level})
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  foreach(need IN LISTS TEST_NEEDS)
    target_link_libraries(test_${name} PRIVATE plimsoll_${need})
  endforeach()
  target_link_libraries(test_${name} PRIVATE GTest::gtest GTest::gmock GTest::gtest_main ${TEST_LIBRARIES})
  target_compile_definitions(test_${name} PRIVATE PLIMSOLL_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  plimsoll_precompile(test_${name} tests <gmock/gmock.h> <gtest/gtest.h> <nlohmann/json.hpp>)
  gtest_discover_tests(test_${name} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT ${timeout} LABELS ${name} ENVIRONMENT XDG_CACHE_HOME=/dev/null)
endfunction()

function(plimsoll_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wundef)
  # GCC 12 sees overlaps in std::string concatenation that are not there (GCC bug 105651).
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
  # clang sees that the standard library of GCC 12 uses what it has deprecated (std::stable_sort).
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>)
  # Sums are rounded where the source says so: no contraction of a*b+c into a fused operation behind our back.
  target_compile_options(${target} PRIVATE -ffp-contract=off)
  if(PLIMSOLL_DEVELOPER)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(PLIMSOLL_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${PLIMSOLL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${PLIMSOLL_SANITIZE})
  endif()
endfunction()

# plimsoll_precompile(TARGET KIND [HEADERS...]): where PLIMSOLL_PRECOMPILE is KIND or all, one precompiled header for all targets of a kind,
# which are compiled with the same options: the standard library's large headers and HEADERS. Only to save time: a build without it (preset
# clang) is what shows that each file includes what it uses.
set(PLIMSOLL_LARGE_HEADERS <algorithm> <array> <chrono> <cstdint> <functional> <memory> <memory_resource> <mutex> <optional> <span> <string> <utility> <variant> <vector>)
function(plimsoll_precompile target kind)
  if(NOT PLIMSOLL_PRECOMPILE MATCHES "^(all|${kind})$")
    return()
  endif()
  # In precompiled headers of the system GCC 12 also gives warnings, and sees copies of strings that are not there (GCC bug 105651).
  target_compile_options(${target} PRIVATE "$<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-array-bounds>")
  get_property(first GLOBAL PROPERTY PLIMSOLL_PRECOMPILED_${kind})
  if(first)
    target_precompile_headers(${target} REUSE_FROM ${first})
  else()
    target_precompile_headers(${target} PRIVATE ${PLIMSOLL_LARGE_HEADERS} ${ARGN})
    set_property(GLOBAL PROPERTY PLIMSOLL_PRECOMPILED_${kind} ${target})
  endif()
endfunction()
