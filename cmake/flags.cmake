# Compiler and linker flags of the project's own targets. Nothing here reaches a user's targets.
include(CheckCCompilerFlag)
include(CheckPIESupported)
check_pie_supported()

set(NHTB_C_FLAGS -Wall -Wextra -Wconversion -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes
    -Wmissing-prototypes)
if(NHTB_WERROR)
    list(APPEND NHTB_C_FLAGS -Werror)
endif()

# Hardening. FORTIFY needs an optimised build and never reaches the core's calls: the core declares
# its four memory functions itself and includes no libc header.
foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection)
    string(MAKE_C_IDENTIFIER "NHTB_HAVE${flag}" have)
    check_c_compiler_flag(${flag} ${have})
    if(${have})
        list(APPEND NHTB_C_FLAGS ${flag})
    endif()
endforeach()
set(NHTB_NO_MAYBE "")
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    set(NHTB_NO_MAYBE -Wno-maybe-uninitialized)
endif()
set(NHTB_DEFINITIONS "$<$<CONFIG:Debug>:NHTB_DEBUG_ASSERT>")
set(NHTB_LINK_FLAGS -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)

set(NHTB_INSTRUMENT "")
if(NHTB_SANITIZE)
    list(APPEND NHTB_INSTRUMENT -fsanitize=address,undefined -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
endif()
if(NHTB_TSAN)
    list(APPEND NHTB_INSTRUMENT -fsanitize=thread)
endif()
if(NHTB_COVERAGE)
    list(APPEND NHTB_INSTRUMENT --coverage -fprofile-update=atomic)
endif()
if(NHTB_FUZZ)
    list(APPEND NHTB_INSTRUMENT -fsanitize=fuzzer-no-link,address,undefined
        -fno-sanitize-recover=all)
endif()
if(NHTB_SANITIZE OR NHTB_FUZZ)
    # Twice the same macro would warn in Debug builds.
    set(NHTB_DEFINITIONS NHTB_DEBUG_ASSERT)
endif()
if(NHTB_INSTRUMENT)
    # Instrumented trees make gcc raise these two falsely; the plain builds judge them.
    list(APPEND NHTB_C_FLAGS -Wno-conversion ${NHTB_NO_MAYBE})
    list(APPEND NHTB_C_FLAGS ${NHTB_INSTRUMENT})
    list(APPEND NHTB_LINK_FLAGS ${NHTB_INSTRUMENT})
else()
    # Sanitizer and FORTIFY interceptors would hide each other's findings.
    list(APPEND NHTB_DEFINITIONS
        "$<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:_FORTIFY_SOURCE=2>")
endif()

function(nhtb_own_flags target)
    set_target_properties(${target} PROPERTIES
        C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF
        C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
    target_compile_options(${target} PRIVATE ${NHTB_C_FLAGS})
    target_compile_definitions(${target} PRIVATE ${NHTB_DEFINITIONS})
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "SHARED_LIBRARY" OR type STREQUAL "EXECUTABLE")
        target_link_options(${target} PRIVATE ${NHTB_LINK_FLAGS})
    endif()
    if(type STREQUAL "SHARED_LIBRARY" AND NOT NHTB_INSTRUMENT)
        target_link_options(${target} PRIVATE -Wl,-z,defs)
    endif()
endfunction()

function(nhtb_version_script target map)
    target_link_options(${target} PRIVATE
        "-Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/${map}")
    set_target_properties(${target} PROPERTIES LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/${map}")
endfunction()

# Programs that need POSIX: gnu11 opens the C library's declarations without a feature macro.
function(nhtb_host_program target)
    nhtb_own_flags(${target})
    set_target_properties(${target} PROPERTIES C_EXTENSIONS ON)
endfunction()
