# plimsoll_room(NAME SOURCES... [NEEDS rooms...] [LIBRARIES targets...])
#
# One folder of src/ is one static library, plimsoll_NAME. NEEDS lists the rooms below it that it includes: the
# link graph is the include graph, so that a missing or upward dependency fails to link as well as in lint.
function(plimsoll_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;NEEDS;LIBRARIES" ${ARGN})
  add_library(plimsoll_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(plimsoll_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
  plimsoll_compile_options(plimsoll_${name})
  foreach(need IN LISTS ROOM_NEEDS)
    target_link_libraries(plimsoll_${name} PUBLIC plimsoll_${need})
  endforeach()
  target_link_libraries(plimsoll_${name} PUBLIC ${ROOM_LIBRARIES})
endfunction()

# plimsoll_test(NAME SOURCES... [NEEDS rooms...]): one test program a room.
function(plimsoll_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;NEEDS;LIBRARIES" ${ARGN})
  add_executable(test_${name} ${TEST_SOURCES})
  plimsoll_compile_options(test_${name})
  target_compile_options(test_${name} PRIVATE -O1)  # tests are compiled often and run seldom
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  foreach(need IN LISTS TEST_NEEDS)
    target_link_libraries(test_${name} PRIVATE plimsoll_${need})
  endforeach()
  target_link_libraries(test_${name} PRIVATE GTest::gtest GTest::gmock GTest::gtest_main ${TEST_LIBRARIES})
  target_compile_definitions(test_${name} PRIVATE PLIMSOLL_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  set(timeout 300)
  if(PLIMSOLL_SANITIZE)
    set(timeout 1200)
  endif()
  gtest_discover_tests(test_${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT ${timeout} LABELS ${name})
endfunction()

function(plimsoll_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wundef)
  # GCC 12 sees overlaps in std::string concatenation that are not there (GCC bug 105651).
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
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
