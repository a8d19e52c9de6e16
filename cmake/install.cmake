# Installed: libraries, public headers, CMake package, pkg-config files, C++ handles.
set(NHTB_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/nhtb")

install(TARGETS nhtb_headers nhtb nhtb_static EXPORT nhtbTargets
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT nhtbTargets NAMESPACE nhtb:: DESTINATION "${NHTB_CMAKE_DIR}")
install(DIRECTORY include/nhtb DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    FILES_MATCHING PATTERN "*.h" PATTERN "backend_*.h" EXCLUDE)
install(FILES "${PROJECT_BINARY_DIR}/include/nhtb/version.h"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/nhtb")
install(FILES bindings/cpp/nhtb.hpp DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/nhtb" OPTIONAL)

configure_package_config_file(cmake/nhtbConfig.cmake.in cmake/nhtbConfig.cmake
    INSTALL_DESTINATION "${NHTB_CMAKE_DIR}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/cmake/nhtbConfigVersion.cmake"
    COMPATIBILITY SameMajorVersion)
install(FILES "${PROJECT_BINARY_DIR}/cmake/nhtbConfig.cmake"
    "${PROJECT_BINARY_DIR}/cmake/nhtbConfigVersion.cmake" cmake/FindMbedTLS.cmake
    cmake/FindIPSecMB.cmake
    DESTINATION "${NHTB_CMAKE_DIR}")

# The .pc files find their prefix from where they lie: libdir may have several components.
file(RELATIVE_PATH NHTB_PC_TO_PREFIX "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/p")
string(REGEX REPLACE "/$" "" NHTB_PC_TO_PREFIX "${NHTB_PC_TO_PREFIX}")
function(nhtb_install_pc name)
    configure_file(pkgconfig/${name}.pc.in pkgconfig/${name}.pc @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/pkgconfig/${name}.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endfunction()
nhtb_install_pc(nhtb)

foreach(backend IN LISTS NHTB_BACKENDS)
    install(TARGETS nhtb_${backend} nhtb_${backend}_static EXPORT nhtb-${backend}-targets
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    install(EXPORT nhtb-${backend}-targets NAMESPACE nhtb:: DESTINATION "${NHTB_CMAKE_DIR}")
    install(FILES include/nhtb/backend_${backend}.h
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/nhtb")
    nhtb_install_pc(nhtb-${backend})
endforeach()

if(TARGET nhtb-gateway)
    install(TARGETS nhtb-gateway RUNTIME DESTINATION "${CMAKE_INSTALL_SBINDIR}")
    install(FILES examples/gateway/schema/nhtb-gateway.schema.json
        DESTINATION "${CMAKE_INSTALL_DATADIR}/nhtb")
endif()
if(TARGET nhtbctl)
    install(TARGETS nhtbctl RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
