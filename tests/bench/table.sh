#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures and prints the performance table: a row a line, tab-separated: name, value, bar, ok|short.
#   tests/bench/table.sh [--seconds S] [--library] [BUILD_DIR]
# BUILD_DIR: a Release build to use (else one is made). --library: without the gateway's rows.
# Medians, minimum and maximum of each row go to standard error. A row that cannot be measured is
# short. Exit status 0 only if none is. The bars are constants; docs/performance.md says what they mean.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=2 gateway=yes build=
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) seconds=$2; shift ;;
    --library) gateway=no ;;
    *) build=$1 ;;
    esac
    shift
done
work=$(mktemp -d "${TMPDIR:-/tmp}/nhtb-table.XXXXXX")
trap 'rm -rf "$work"' EXIT
if [ -z "$build" ]; then
    build=$work/build
    cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release >"$work/log" 2>&1 &&
        ninja -C "$build" nhtb-bench nhtb-gateway >>"$work/log" 2>&1 || tail -20 "$work/log" >&2
fi
if ! grep -qs '^CMAKE_BUILD_TYPE:STRING=Release$' "$build/CMakeCache.txt"; then
    echo "$build is not a Release build: its figures would be worth nothing" >&2
    build=$work/none
fi

short=0
row() { # NAME VALUE BAR ok|short
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4"
    [ "$4" = ok ] || short=1
}

# NAME BAR ("0.80": at least, "<1.6": at most) BENCH_ROW...: the worst of them counts
measured() {
    local name=$1 bar=$2
    shift 2
    for r in "$@"; do
        "$build/nhtb-bench" --json --seconds "$seconds" --only "$r" || echo '{"rows":[]}'
    done >"$work/json" 2>"$work/errors"
    cat "$work/errors" >&2
    local line
    line=$(python3 "$root/tests/bench/judge.py" "$bar" "$@" <"$work/json")
    row "$name" "${line% *}" "$(bar_text "$bar")" "${line##* }"
}

bar_text() { case $1 in "<"*) echo "<= ${1#<}" ;; *) echo ">= $1" ;; esac; }

measured "out AES-128-GCM 1420 B, ipsec-mb, rate / bare" 0.80 out/ipsecmb/1420
measured "out AES-128-GCM 64 B, ipsec-mb, rate / bare" 0.45 out/ipsecmb/64
measured "in AES-128-GCM 1420 B, ipsec-mb, rate / bare" 0.80 in/ipsecmb/1420
measured "in AES-128-GCM 64 B, ipsec-mb, rate / bare" 0.45 in/ipsecmb/64
measured "out AES-128-GCM 1420 B, OpenSSL, rate / bare" 0.88 out/openssl/1420
measured "out AES-128-GCM 64 B, OpenSSL, rate / bare" 0.75 out/openssl/64
measured "out AES-CBC+SHA256 1420 B, ipsec-mb burst, rate / bare" 0.85 out/ipsecmb-cbc/1424
measured "transit 1420 B, ipsec-mb, rate / bare open + seal" 0.80 transit/ipsecmb/1420
measured "64 B over 10,000 SAs and 100,000 routes, time / 1 and 1" "<1.6" \
    routes/ipsecmb/out/64 routes/ipsecmb/in/64

# The gateway's rows, printed by their own script in the same form.
gateway_row() { row "$1" - "$2" short; }
if [ $gateway = yes ] && [ -x "$root/tests/bench/gateway_rows.sh" ]; then
    "$root/tests/bench/gateway_rows.sh" "$build" | tee "$work/gateway"
    [ "${PIPESTATUS[0]}" -eq 0 ] && ! grep -q 'short$' "$work/gateway" &&
        [ "$(grep -c 'ok$' "$work/gateway")" -eq 6 ] || short=1
elif [ $gateway = yes ]; then
    gateway_row "gateways, TCP one flow, vs the better of kernel-libipsec and wireguard-go" ">= 8"
    gateway_row "gateways, TCP one flow, vs null relay pair" ">= 0.45"
    gateway_row "gateways, UDP 64 B, one sendto per packet, vs null relay pair" ">= 0.7"
    gateway_row "gateways, UDP 64 B, UDP_SEGMENT and UDP_GRO, vs the better peer" ">= 4"
    gateway_row "gateways, UDP 64 B, UDP_SEGMENT and UDP_GRO, vs null relay pair" ">= 0.35"
    gateway_row "gateways, ping average, vs null relay pair" "<= 2"
fi

# No symbol of dp and fib that could allocate, lock or enter the kernel; and none of the three in a
# run of every pipeline, where any system call ends the process (nhtb-bench quiet).
foreign=$(for o in "$build"/CMakeFiles/nhi_dp.dir/lib/dp/*.o "$build"/CMakeFiles/nhi_fib.dir/lib/fib/*.o; do
    nm -u "$o"
done 2>/dev/null | awk '{print $2}' | sort -u |
    grep -vE '^(nhi_|nhtb_|mem(cpy|move|set|cmp)$|__mem(cpy|move|set)_chk$|__stack_chk_fail$|_GLOBAL_OFFSET_TABLE_$)')
objects=$(find "$build/CMakeFiles/nhi_dp.dir" "$build/CMakeFiles/nhi_fib.dir" -name '*.o' 2>/dev/null | wc -l)
[ -n "$foreign" ] && echo "dp and fib need: $foreign" >&2
counted=$("$build/nhtb-bench" --json --seconds 0.1 --only quiet 2>>"$work/errors" |
    python3 "$root/tests/bench/judge.py" --count quiet)
if [ "$objects" -gt 0 ] && [ -z "$foreign" ] && [ "$counted" = 0 ]; then
    row "allocations, locks, system calls per packet in dp and fib" 0 0 ok
else
    row "allocations, locks, system calls per packet in dp and fib" "${counted:--}" 0 short
fi
exit $short
