#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds and runs programs outside the tree against an installed libnhtb, in every way a user may:
# CMake package, add_subdirectory, pkg-config shared and static, Meson, C++.
#   tests/downstream/run.sh [BUILD_DIR]     BUILD_DIR: a finished build (else one is made)
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/nhtb-downstream.XXXXXX")
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

check() { # check NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok: $name"
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
        tail -25 "$work/log" | sed 's/^/    /'
    fi
}

build=${1:-}
if [ -z "$build" ]; then
    build=$work/build
    cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DNHTB_BUILD_TESTS=OFF \
        -DNHTB_BUILD_GATEWAY=OFF >/dev/null && ninja -C "$build" >"$work/log" 2>&1 ||
        { tail -20 "$work/log"; echo "0 passed, 1 failed"; exit 1; }
fi
# Installed once and moved, so that nothing may depend on the prefix it was installed to.
cmake --install "$build" --prefix "$work/first" >/dev/null || exit 1
mv "$work/first" "$work/prefix"
prefix=$work/prefix
libdir=$(dirname "$(find "$prefix" -name libnhtb.a)")
export PKG_CONFIG_PATH=$libdir/pkgconfig
run() { LD_LIBRARY_PATH=$libdir timeout 120 "$@"; }

sources=("$root/tests/downstream/example.c")
two_peers=("$root"/examples/two_peers/*.c)
[ -e "${two_peers[0]}" ] && sources+=("${two_peers[0]}")
backends=()
for b in mbedtls openssl; do
    [ -e "$libdir/libnhtb-$b.a" ] && backends+=("$b")
done
# Bulk only: it is linked beside another one.
ipsecmb=no
[ -e "$libdir/libnhtb-ipsecmb.a" ] && ipsecmb=yes
[ ${#backends[@]} -gt 0 ] || { echo "no backend is installed"; echo "0 passed, 1 failed"; exit 1; }

# two_peers may name more than one backend, so it is linked with all that are installed.
define_of() { echo "-DDOWNSTREAM_${1^^}"; }

with_cmake() { # SOURCE LINKAGE BACKEND
    local dir=$work/cmake-$RANDOM suffix=
    [ "$2" = static ] && suffix=_static
    mkdir "$dir" && cat >"$dir/CMakeLists.txt" <<EOF
cmake_minimum_required(VERSION 3.20)
project(user C)
find_package(nhtb 0.1 REQUIRED COMPONENTS ${backends[*]})
add_executable(user "$1")
target_compile_definitions(user PRIVATE DOWNSTREAM_${3^^} $(for b in "${backends[@]}"; do echo "NHTB_HAVE_${b^^}=1"; done))
target_link_libraries(user PRIVATE nhtb::nhtb$suffix $(for b in "${backends[@]}"; do echo "nhtb::$b$suffix"; done))
EOF
    cmake -S "$dir" -B "$dir/b" -G Ninja "-DCMAKE_PREFIX_PATH=$prefix" && ninja -C "$dir/b" &&
        run "$dir/b/user"
}

with_subdirectory() {
    local dir=$work/subdirectory
    mkdir "$dir" && cat >"$dir/CMakeLists.txt" <<EOF
cmake_minimum_required(VERSION 3.20)
project(user C)
add_subdirectory("$root" nhtb)
add_executable(user "$root/tests/downstream/example.c")
target_compile_definitions(user PRIVATE DOWNSTREAM_${backends[0]^^})
target_link_libraries(user PRIVATE nhtb::nhtb nhtb::${backends[0]})
EOF
    cmake -S "$dir" -B "$dir/b" -G Ninja -DCMAKE_C_COMPILER_LAUNCHER="$(command -v ccache)" &&
        ninja -C "$dir/b" user && "$dir/b/user"
}

version_too_new() { # a version of another major must be refused
    local dir=$work/too-new
    mkdir "$dir" && printf '%s\n' "cmake_minimum_required(VERSION 3.20)" "project(user C)" \
        "find_package(nhtb 1.0 QUIET)" \
        "if(nhtb_FOUND)" "message(FATAL_ERROR found)" "endif()" >"$dir/CMakeLists.txt"
    cmake -S "$dir" -B "$dir/b" -G Ninja "-DCMAKE_PREFIX_PATH=$prefix"
}

with_pkgconfig() { # SOURCE shared|static BACKEND
    local out=$work/pc-$RANDOM static= pcs=
    [ "$2" = static ] && static=--static
    pcs=$(printf 'nhtb-%s ' "${backends[@]}")
    local defs
    defs=$(for b in "${backends[@]}"; do echo "-DNHTB_HAVE_${b^^}=1"; done)
    # -Bstatic around our own libraries only: the system may have no static libc or vendor library.
    local libs
    # shellcheck disable=SC2086
    libs=$(pkg-config $static --libs $pcs nhtb) || return 1
    [ "$2" = static ] && libs=$(echo "$libs" |
        sed -E 's/-l(nhtb[a-z-]*)/-Wl,-Bstatic -l\1 -Wl,-Bdynamic/g')
    # shellcheck disable=SC2046,SC2086
    ${CC:-cc} -std=gnu11 $(define_of "$3") $defs $(pkg-config --cflags $pcs nhtb) "$1" -o "$out" \
        $libs || return 1
    if [ "$2" = static ]; then
        ! ldd "$out" | grep -q libnhtb || return 1
        "$out"
    else
        ldd "$out" | grep -q 'libnhtb\.so\.0' || return 1
        run "$out"
    fi
}

fully_static() { # the vendor library too: Libs.private must name everything
    local out=$work/full-static
    # shellcheck disable=SC2046
    ${CC:-cc} -static -std=gnu11 "$(define_of "$1")" $(pkg-config --cflags "nhtb-$1" nhtb) \
        "$root/tests/downstream/example.c" -o "$out" $(pkg-config --static --libs "nhtb-$1" nhtb) &&
        "$out"
}

with_meson() {
    local dir=$work/meson
    mkdir "$dir" && cp "$root/tests/downstream/example.c" "$dir/" && cat >"$dir/meson.build" <<EOF
project('user', 'c')
executable('user', 'example.c', c_args: ['-DDOWNSTREAM_${backends[0]^^}'],
    dependencies: [dependency('nhtb'), dependency('nhtb-${backends[0]}')])
EOF
    meson setup "$dir/b" "$dir" && meson compile -C "$dir/b" && run "$dir/b/user"
}

with_cpp() { # COMPILER BACKEND
    local out=$work/cpp-$2
    # shellcheck disable=SC2046
    "$1" -std=c++17 -Wall -Wextra -Wconversion -Wshadow -Werror -pedantic -fno-exceptions \
        "$(define_of "$2")" "$root/tests/downstream/cpp_test.cpp" -o "$out" \
        $(pkg-config --cflags --libs "nhtb-$2" nhtb) && run "$out"
}

with_ipsecmb() { # shared|static: packets by ipsec-mb, the rest by the first backend
    local out=$work/ipsecmb-$1 static= libs
    [ "$1" = static ] && static=--static
    # shellcheck disable=SC2086
    libs=$(pkg-config $static --libs nhtb-ipsecmb "nhtb-${backends[0]}" nhtb) || return 1
    [ "$1" = static ] && libs=$(echo "$libs" |
        sed -E 's/-l(nhtb[a-z-]*)/-Wl,-Bstatic -l\1 -Wl,-Bdynamic/g')
    # shellcheck disable=SC2046,SC2086
    ${CC:-cc} -std=gnu11 $(define_of "${backends[0]}") -DDOWNSTREAM_IPSECMB \
        $(pkg-config --cflags nhtb-ipsecmb "nhtb-${backends[0]}" nhtb) \
        "$root/tests/downstream/example.c" -o "$out" $libs && run "$out"
}

ipsecmb_cmake() {
    local dir=$work/cmake-ipsecmb
    mkdir "$dir" && cat >"$dir/CMakeLists.txt" <<EOF
cmake_minimum_required(VERSION 3.20)
project(user C)
find_package(nhtb 0.1 REQUIRED COMPONENTS ipsecmb ${backends[0]})
add_executable(user "$root/tests/downstream/example.c")
target_compile_definitions(user PRIVATE DOWNSTREAM_IPSECMB DOWNSTREAM_${backends[0]^^})
target_link_libraries(user PRIVATE nhtb::nhtb nhtb::ipsecmb nhtb::${backends[0]})
EOF
    cmake -S "$dir" -B "$dir/b" -G Ninja "-DCMAKE_PREFIX_PATH=$prefix" && ninja -C "$dir/b" &&
        run "$dir/b/user"
}

every_header() { # LANGUAGE COMPILER: each alone, then all in one program
    local header all=
    for header in "$prefix"/include/nhtb/*.h; do
        header=nhtb/$(basename "$header")
        all+="#include <$header>"$'\n'
        printf '#include <%s>\nextern int unused;\n' "$header" |
            "$2" -x "$1" -fsyntax-only -Wall -Wextra -Werror -pedantic "-I$prefix/include" - ||
            return 1
    done
    printf '%sint main() { return 0; }\n' "$all" |
        "$2" -x "$1" -fsyntax-only -Wall -Wextra -Werror -pedantic "-I$prefix/include" -
}

for source in "${sources[@]}"; do
    name=$(basename "$source")
    for linkage in shared static; do
        check "$name by CMake package, $linkage" with_cmake "$source" $linkage "${backends[0]}"
        check "$name by pkg-config, $linkage" with_pkgconfig "$source" $linkage "${backends[0]}"
    done
done
for b in "${backends[@]}"; do
    check "example.c with $b, pkg-config shared" \
        with_pkgconfig "$root/tests/downstream/example.c" shared "$b"
    check "example.c with $b, everything static" fully_static "$b"
    check "C++ handles with $b" with_cpp "${CXX:-c++}" "$b"
done
if [ $ipsecmb = yes ]; then
    check "ipsec-mb for packets, pkg-config shared" with_ipsecmb shared
    check "ipsec-mb for packets, pkg-config static" with_ipsecmb static
    check "ipsec-mb for packets, CMake package" ipsecmb_cmake
fi
check "add_subdirectory" with_subdirectory
check "another major version is refused" version_too_new
check "Meson dependency" with_meson
check "every header in C" every_header c "${CC:-cc}"
check "every header in C++" every_header c++ "${CXX:-c++}"
check "no null backend is installed" test -z "$(find "$prefix" -name '*null*')"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
