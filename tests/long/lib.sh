# SPDX-License-Identifier: Apache-2.0
# Shared by the long tests (sourced, not run): counts over several test programs.
# shellcheck shell=bash
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${NHTB_BUILD:-$root/build}
export NHTB_LONG=1
passed=0 failed=0

# suite PROGRAM PATTERN [VARIABLE=VALUE...]: the tests of a Criterion program that match. A program
# that says nothing, or finds no such test, has failed.
suite() {
    local program=$build/$1 pattern=$2 log counts good total
    shift 2
    if [ ! -x "$program" ]; then
        echo "FAILED: $program is not built: set NHTB_BUILD"
        failed=$((failed + 1))
        return
    fi
    log=$(mktemp)
    env "$@" "$program" --filter "$pattern" -j2 2>&1 | tee "$log"
    counts=$(grep -aoE 'Tested: [0-9]+ \| Passing: [0-9]+' "$log" | tail -1)
    rm -f "$log"
    total=$(echo "$counts" | sed -n 's/Tested: \([0-9]*\).*/\1/p')
    good=$(echo "$counts" | sed -n 's/.*Passing: \([0-9]*\)/\1/p')
    if [ "${total:-0}" -eq 0 ]; then
        echo "FAILED: $pattern: no test ran"
        failed=$((failed + 1))
        return
    fi
    passed=$((passed + good))
    failed=$((failed + total - good))
    [ "$good" -eq "$total" ] || echo "FAILED: $pattern: $((total - good)) of $total"
}
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}
