# SPDX-License-Identifier: Apache-2.0
# Sourced by demo.sh and the scenarios: words that say and check, and the programs (built, with the
# packages installed that this needs, unless NHTB_BUILD names a build folder). The caller has set
# root (of the tree) and tag (first part of its namespaces' names); dir is a temporary folder.
[ "$(id -u)" -eq 0 ] || { echo "needs root: it makes network namespaces"; exit 1; }
dir=$(mktemp -d)
passed=0 failed=0
declare -A pid=()
# Debian's own python3 has the packages; the shim of a version manager costs 1 s of CPU a call
[ -x /usr/bin/python3 ] && PATH=/usr/bin:$PATH

# ---- saying and checking -----------------------------------------------------------------------
bold='' plain=''
[ -t 1 ] && bold=$'\033[1m' plain=$'\033[0m'
say() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
show() { echo "\$ $*"; }
good() { passed=$((passed + 1)); echo "   ok      $1"; }
bad() { failed=$((failed + 1)); echo "   FAILED  $1"; }
check() { # check TEXT COMMAND...
    local text=$1
    shift
    if "$@" >"$dir/out" 2>&1; then good "$text"; else
        bad "$text"
        tail -5 "$dir/out" | sed 's/^/           /'
    fi
}
check_not() {
    local text=$1
    shift
    if "$@" >"$dir/out" 2>&1; then bad "$text"; else good "$text"; fi
}
wait_for() { # wait_for SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}
in_ns() {
    local n=$1
    shift
    ip netns exec "$tag-$n" "$@"
}
ctl() { # ctl NAME WORD...: nhtbctl on a gateway
    local n=$1
    shift
    "$nhtbctl" --socket "$dir/$n/control" "$@"
}
people() { # people NAME WORD...: a command and what it prints
    local n=$1
    shift
    show "nhtbctl $* # on $n"
    ctl "$n" "$@" | cut -c1-150 | sed 's/^/  /'
}
rows() { # rows NAME WORDS -- PYTHON: true for the list `rows`
    local n=$1 words=()
    shift
    while [ "$1" != -- ]; do words+=("$1"); shift; done
    ctl "$n" --json show "${words[@]}" |
        python3 -c "import json,sys; rows=json.load(sys.stdin)['rows']; sys.exit(not ($2))"
}

# ---- packages and programs ---------------------------------------------------------------------
programs() {
    local missing=() p needs
    while read -r p needs _; do
        case $needs in
        '[demo]') ;;
        '[build]') [ -n "${NHTB_BUILD:-}" ] && continue ;;
        *) continue ;;
        esac
        dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null | grep -q '^ii' || missing+=("$p")
    done <"$root/tests/packages.txt"
    if [ ${#missing[@]} -gt 0 ]; then
        say "installing ${missing[*]}"
        apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install \
            --no-install-recommends "${missing[@]}" || exit 1
    fi
    build=${NHTB_BUILD:-$root/build}
    if [ -z "${NHTB_BUILD:-}" ]; then
        say "building in $build"
        cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DNHTB_BUILD_TESTS=OFF >"$dir/cmake.log" &&
            ninja -C "$build" nhtb-gateway nhtbctl | tail -1 || { tail -20 "$dir/cmake.log"; exit 1; }
    fi
    gateway=$build/nhtb-gateway nhtbctl=$build/nhtbctl
    [ -x "$gateway" ] && [ -x "$nhtbctl" ] || { echo "nhtb-gateway and nhtbctl are not in $build"; exit 1; }
}
