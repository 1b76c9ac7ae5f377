# Language level, warnings, sanitizers, ccache and linker: everything every target shares.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # What a precompiled header needs to be cacheable. One knows its checkout's files by their paths: in another
  # checkout it would bring them in a second time.
  set(TROUPE_PRECOMPILED_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=time_macros,include_file_mtime,include_file_ctime
    CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=true ${CCACHE})
endif()

add_library(troupe_options INTERFACE)
target_include_directories(troupe_options INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}/generated")
target_compile_options(troupe_options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual
  # Bit-exact arithmetic: a fused multiply-add appears where the code writes one, nowhere else.
  -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these falsely inside libstdc++ and fmt at -O2 and above.
  target_compile_options(troupe_options INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-array-bounds
    -Wno-stringop-overflow -Wno-stringop-overread -Wno-dangling-reference -Wno-dangling-pointer -Wno-psabi)
endif()

if(TROUPE_SANITIZE)
  string(REPLACE "," ";" sanitizers "${TROUPE_SANITIZE}")
  set(flags -fsanitize=${TROUPE_SANITIZE} -fno-omit-frame-pointer)
  if("undefined" IN_LIST sanitizers)
    list(APPEND flags -fno-sanitize-recover=all)
  endif()
  if(TROUPE_FUZZ)
    target_compile_options(troupe_options INTERFACE -fsanitize=fuzzer-no-link)
  endif()
  target_compile_options(troupe_options INTERFACE ${flags})
  target_link_options(troupe_options INTERFACE ${flags})
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_CROSSCOMPILING)
  find_program(MOLD mold)
  if(MOLD)
    target_link_options(troupe_options INTERFACE -fuse-ld=mold)
  endif()
endif()
find_package(Threads REQUIRED)
target_link_libraries(troupe_options INTERFACE Threads::Threads)
