# troupe_library(NAME SOURCES ... [LINK ...] [PRIVATE_LINK ...]): a static library with the project's rules.
function(troupe_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC troupe_options ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
endfunction()

# troupe_precompile(TARGET HEADER): HEADER is compiled once for all of the target's sources.
function(troupe_precompile target header)
  target_precompile_headers(${target} PRIVATE "${PROJECT_SOURCE_DIR}/${header}")
  if(TROUPE_PRECOMPILED_LAUNCHER)
    set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER "${TROUPE_PRECOMPILED_LAUNCHER}")
  endif()
endfunction()

# Everything that the ThreadSanitizer and libFuzzer suites build, and nothing else.
add_custom_target(troupe_tsan_tests)
add_custom_target(troupe_fuzzers)

# troupe_test(NAME SOURCES ... [LINK ...] [LABELS ...] [TIMEOUT seconds]): one doctest program, one CTest entry.
# The label "tsan" has it built and run under ThreadSanitizer too.
function(troupe_test name)
  if(NOT TROUPE_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE troupe_options troupe_test_support ${ARG_LINK})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
    ENVIRONMENT "TROUPE_TEST_DATA=${PROJECT_SOURCE_DIR}/tests/data")
  if("tsan" IN_LIST ARG_LABELS)
    add_dependencies(troupe_tsan_tests ${name})
  endif()
endfunction()

# troupe_fuzzer(NAME SOURCES ... CORPUS dir [LINK ...]): a libFuzzer target that CTest runs for some seconds.
function(troupe_fuzzer name)
  if(NOT TROUPE_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "CORPUS" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE troupe_options ${ARG_LINK})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(troupe_fuzzers ${name})
  set(work "${CMAKE_CURRENT_BINARY_DIR}/${name}-corpus")
  add_test(NAME ${name}
    COMMAND ${name} -max_total_time=10 -timeout=10 -rss_limit_mb=2048 -max_len=65536
            ${work} ${ARG_CORPUS})
  file(MAKE_DIRECTORY ${work})
  set_tests_properties(${name} PROPERTIES TIMEOUT 120 LABELS fuzz)
endfunction()

# troupe_require(VARIABLE what package): stops with one line when a dependency is missing.
function(troupe_require found what package)
  if(NOT ${found})
    message(FATAL_ERROR "${what} is missing. Install it: apt-get install ${package}  (or run tools/install-deps.sh)")
  endif()
endfunction()
