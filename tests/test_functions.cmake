# switchyard_test(tier room NEEDS libs...): all *_test.cpp of tests/<tier>/<room> as one gtest binary.
function(switchyard_test tier room)
  cmake_parse_arguments(TEST "" "" "NEEDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${tier}/${room}/*.cpp)
  if(NOT sources)
    return()
  endif()
  set(name ${tier}_${room})
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${TEST_NEEDS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    SWITCHYARD_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    SWITCHYARD_BINARY="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/switchyard")
  add_test(NAME ${tier}.${room} COMMAND ${name})
  # Sanitized code is up to ten times slower.
  set_tests_properties(${tier}.${room} PROPERTIES LABELS ${tier}
    TIMEOUT $<IF:$<BOOL:${SWITCHYARD_SANITIZE}>,3600,600>)
endfunction()

# switchyard_mpi_test(): the same under mpirun.
if(SWITCHYARD_HAS_MPI)
  include(${CMAKE_CURRENT_LIST_DIR}/mpi/mpi_functions.cmake)
endif()
