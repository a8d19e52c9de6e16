#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The rows of big tables: name, value, bar, ok|short, tab-separated. Exit status 0 only when no row is
# short. Usage: table_scale.sh [build directory]; without one it builds in a temporary folder. The
# rows beside DPDK need libdpdk-dev (tests/packages.txt, [bench]); root installs it when it is missing.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! pkg-config --exists libdpdk && [ "$(id -u)" = 0 ]; then
    apt-get install -y libdpdk-dev >"$work/apt" 2>&1 || tail -3 "$work/apt" >&2
fi
if [ -z "$build" ]; then
    build=$work/build
fi
if [ ! -f "$build/build.ninja" ]; then
    cmake -G Ninja -S "$top" -B "$build" -DCMAKE_BUILD_TYPE=Release >"$work/cmake" || exit 2
else
    cmake "$build" >"$work/cmake" || exit 2
fi
ninja -C "$build" nhtb-bench >"$work/ninja" 2>&1 || { tail -5 "$work/ninja" >&2; exit 2; }
short=0

# row NAME VALUE BAR at-least|at-most
row() {
    if [ -z "$2" ]; then
        verdict=short
        set -- "$1" "not measured" "$3" "$4"
    else
        verdict=$(awk -v v="$2" -v b="$3" -v w="$4" \
            'BEGIN { print (w == "at-least" ? v + 0 >= b + 0 : v + 0 <= b + 0) ? "ok" : "short" }')
    fi
    [ "$verdict" = ok ] || short=1
    sign='<='
    [ "$4" = at-least ] && sign='>='
    printf '%s\t%s\t%s %s\t%s\n' "$1" "$2" "$sign" "$3" "$verdict"
}

# measure CASE: runs a case of nhtb-bench; of CASE DETAIL [COLUMN]: a figure of it
measure() {
    "$build/nhtb-bench" --only "$1" --seconds "${2:-1}" >"$work/$(echo "$1" | tr / _)" 2>"$work/err" ||
        tail -1 "$work/err" >&2
}
of() {
    awk -v n="$1.$2" -v c="${3:-median}" '
        $1 == "row" { next }
        $1 == n { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9.]+$/) v[++k] = $i }
        END { if (k) print (c == "ratio" ? v[k > 5 ? 6 : k] : v[1]) }' "$work/$(echo "$1" | tr / _)"
}

# ---- prefixes beside DPDK ----
if pkg-config --exists libdpdk && ninja -C "$build" nhtb-bench-fib >"$work/ninja" 2>&1; then
    "$build/nhtb-bench-fib" --no-huge --no-pci -l 1 -m 3000 --log-level=3 -- "${ROUNDS:-41}" \
        >"$work/fib" 2>"$work/err" || tail -1 "$work/err" >&2
else
    : >"$work/fib"
fi
fib() {
    awk -F '\t' -v n="$1" '$1 == n { print $2 }' "$work/fib"
}
row ipv4-lookup-random-vs-dpdk "$(fib ipv4-random)" 1.0 at-least
row ipv4-lookup-prefixes-vs-dpdk "$(fib ipv4-prefixes)" 1.0 at-least
row ipv4-structure-mb "$(fib ipv4-structure)" 24 at-most
row ipv4-resident-mb "$(fib ipv4-resident)" 120 at-most
row ipv6-lookup-prefixes-vs-dpdk "$(fib ipv6-prefixes)" 2.0 at-least
row ipv6-structure-mb "$(fib ipv6-structure)" 16 at-most

# ---- changes while a worker forwards ----
measure routes/churn
row route-commits-per-s "$(of routes/churn commits)" 200000 at-least
row route-commits-worker-p99.9-growth "$(of routes/churn growth)" 1.5 at-most
measure routes/flap
row flap-10000-routes-down-words "$(of routes/flap down)" 4 at-most
row flap-10000-routes-up-words "$(of routes/flap up)" 4 at-most

# ---- tunnels ----
measure ike/psk-x25519
row ike-responder-us "$(of ike/psk-x25519 responder)" 250 at-most
measure ike/growth
row ike-initiator-growth-10-to-10000 "$(of ike/growth initiator ratio)" 1.2 at-most
for n in 10 10k 100k; do
    measure "tunnels/$n"
done
set_up=$(of tunnels/10 set-up)
for n in 10k 100k; do
    much=$(of "tunnels/$n" set-up)
    row "tunnels-set-up-growth-10-to-$n" \
        "$(awk -v a="$set_up" -v b="$much" 'BEGIN { if (a > 0 && b > 0) printf "%.2f", b / a }')" 1.5 at-most
    much=$(of "tunnels/$n" message)
    row "tunnels-message-growth-10-to-$n" \
        "$(awk -v a="$(of tunnels/10 message)" -v b="$much" \
            'BEGIN { if (a > 0 && b > 0) printf "%.2f", b / a }')" 1.5 at-most
done
measure memory/10k
own=$(awk -v a="$(of memory/10k up)" -v b="$(of memory/10k configured)" \
    'BEGIN { if (a > 0) printf "%.0f", a - b }')
all=$(awk -v a="$own" -v b="$(of memory/10k vendor)" 'BEGIN { if (a > 0) printf "%.0f", a + b }')
row memory-per-tunnel-bytes "$all" 6144 at-most
row memory-per-tunnel-own-bytes "$own" 2560 at-most
exit $short
