# Flags every C target of the project is built with. Included by the root and by the bindings' own roots.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

add_library(aa_flags INTERFACE)
target_compile_options(aa_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
  -Wwrite-strings -Wformat=2 -Wundef -Wnull-dereference
  -fstack-protector-strong -fno-strict-aliasing -fno-common)
target_compile_definitions(aa_flags INTERFACE _GNU_SOURCE)
if(AA_WERROR)
  target_compile_options(aa_flags INTERFACE -Werror)
endif()
if(CMAKE_BUILD_TYPE MATCHES "Rel")
  target_compile_definitions(aa_flags INTERFACE _FORTIFY_SOURCE=2)
  target_link_options(aa_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
if(AA_SANITIZE STREQUAL "address")
  target_compile_options(aa_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(aa_flags INTERFACE -fsanitize=address,undefined)
elseif(AA_SANITIZE STREQUAL "fuzzer") # clang's; tests/fuzz links libFuzzer itself
  target_compile_options(aa_flags INTERFACE
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(aa_flags INTERFACE -fsanitize=address,undefined)
elseif(AA_SANITIZE STREQUAL "thread")
  target_compile_options(aa_flags INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(aa_flags INTERFACE -fsanitize=thread)
endif()
if(AA_TEST_HOOKS)
  target_compile_definitions(aa_flags INTERFACE AA_TEST_HOOKS)
endif()
