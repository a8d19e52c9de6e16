# Finds mbedTLS where neither a .pc nor CMake files are packaged (Debian 12's 2.28).
# Gives MbedTLS::mbedcrypto, MbedTLS::mbedx509, MbedTLS_FOUND, MbedTLS_VERSION. Cache:
# MbedTLS_INCLUDE_DIR, MbedTLS_CRYPTO_LIBRARY, MbedTLS_X509_LIBRARY. A config package (mbedTLS 3.x) is preferred when there is one.
if(TARGET MbedTLS::mbedcrypto)
    set(MbedTLS_FOUND TRUE)
    return()
endif()
find_package(MbedTLS CONFIG QUIET)
if(TARGET MbedTLS::mbedcrypto)
    set(MbedTLS_FOUND TRUE)
    return()
endif()

find_path(MbedTLS_INCLUDE_DIR mbedtls/gcm.h)
find_library(MbedTLS_CRYPTO_LIBRARY mbedcrypto)
find_library(MbedTLS_X509_LIBRARY mbedx509)
mark_as_advanced(MbedTLS_INCLUDE_DIR MbedTLS_CRYPTO_LIBRARY MbedTLS_X509_LIBRARY)

set(MbedTLS_VERSION "")
foreach(_header version.h build_info.h)
    set(_file "${MbedTLS_INCLUDE_DIR}/mbedtls/${_header}")
    if(MbedTLS_INCLUDE_DIR AND NOT MbedTLS_VERSION AND EXISTS "${_file}")
        file(STRINGS "${_file}" _line REGEX "define MBEDTLS_VERSION_STRING[ \t]+\"")
        string(REGEX REPLACE ".*\"([0-9.]+)\".*" "\\1" MbedTLS_VERSION "${_line}")
    endif()
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MbedTLS
    REQUIRED_VARS MbedTLS_CRYPTO_LIBRARY MbedTLS_X509_LIBRARY MbedTLS_INCLUDE_DIR
    VERSION_VAR MbedTLS_VERSION)

if(MbedTLS_FOUND)
    add_library(MbedTLS::mbedcrypto UNKNOWN IMPORTED)
    set_target_properties(MbedTLS::mbedcrypto PROPERTIES
        IMPORTED_LOCATION "${MbedTLS_CRYPTO_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${MbedTLS_INCLUDE_DIR}")
    add_library(MbedTLS::mbedx509 UNKNOWN IMPORTED)
    set_target_properties(MbedTLS::mbedx509 PROPERTIES
        IMPORTED_LOCATION "${MbedTLS_X509_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${MbedTLS_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES MbedTLS::mbedcrypto)
endif()
