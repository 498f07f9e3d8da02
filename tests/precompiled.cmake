# What nearly every light test includes, compiled once: it takes a third off their compilation. Only that:
# every file includes what it uses, and is compiled without this by clang and with a compiler cache,
# which does better. The rooms gain nothing by it: there the time is the optimiser's.
set(SWITCHYARD_PRECOMPILED AUTO CACHE STRING "Precompiled headers for tests: AUTO (gcc without ccache), ON or OFF")
set_property(CACHE SWITCHYARD_PRECOMPILED PROPERTY STRINGS AUTO ON OFF)
set(precompile ${SWITCHYARD_PRECOMPILED})
if(precompile STREQUAL "AUTO")
  set(precompile OFF)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT SWITCHYARD_CCACHE AND NOT SWITCHYARD_SANITIZE)
    set(precompile ON)
  endif()
endif()
if(precompile)
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cpp CONTENT "// Nothing but the headers.\n")
  add_library(tests_precompiled OBJECT ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cpp)
  target_link_libraries(tests_precompiled PRIVATE sy_base nlohmann_json::nlohmann_json GTest::gmock)
  target_precompile_headers(tests_precompiled PRIVATE <algorithm> <array> <atomic> <chrono> <filesystem>
    <functional> <map> <memory> <optional> <set> <span> <string> <string_view> <utility> <variant> <vector>
    <fmt/format.h> <gmock/gmock.h> <gtest/gtest.h> <nlohmann/json.hpp>)
endif()

# For a test of a light tier (their optimisation is that of the headers) that links sy_base: gcc refuses
# headers compiled with other definitions than the target's.
function(switchyard_precompiled target)
  if(TARGET tests_precompiled)
    target_precompile_headers(${target} REUSE_FROM tests_precompiled)
  endif()
endfunction()
