# Finds intel-ipsec-mb (1.3 or later), for which neither a .pc nor CMake files are packaged.
# Gives IPSecMB::IPSecMB, IPSecMB_FOUND, IPSecMB_VERSION. Cache: IPSecMB_INCLUDE_DIR,
# IPSecMB_LIBRARY.
if(TARGET IPSecMB::IPSecMB)
    set(IPSecMB_FOUND TRUE)
    return()
endif()

find_path(IPSecMB_INCLUDE_DIR intel-ipsec-mb.h)
find_library(IPSecMB_LIBRARY IPSec_MB)
mark_as_advanced(IPSecMB_INCLUDE_DIR IPSecMB_LIBRARY)

set(IPSecMB_VERSION "")
if(IPSecMB_INCLUDE_DIR AND EXISTS "${IPSecMB_INCLUDE_DIR}/intel-ipsec-mb.h")
    file(STRINGS "${IPSecMB_INCLUDE_DIR}/intel-ipsec-mb.h" _line
        REGEX "define IMB_VERSION_STR[ \t]+\"")
    string(REGEX REPLACE ".*\"([0-9.]+).*" "\\1" IPSecMB_VERSION "${_line}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(IPSecMB
    REQUIRED_VARS IPSecMB_LIBRARY IPSecMB_INCLUDE_DIR
    VERSION_VAR IPSecMB_VERSION)

if(IPSecMB_FOUND)
    add_library(IPSecMB::IPSecMB UNKNOWN IMPORTED)
    set_target_properties(IPSecMB::IPSecMB PROPERTIES
        IMPORTED_LOCATION "${IPSecMB_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${IPSecMB_INCLUDE_DIR}")
endif()
