#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every fuzz target for ten CPU minutes. NHTB_FUZZ_CPU_MINUTES: another time for each; arguments: only
# these targets. A finding is kept under tests/fuzz/regressions and counts as a failure.
. "$(dirname "$0")/lib.sh"
log=$(mktemp)
work=$(mktemp -d)
trap 'rm -rf "$log" "$work"' EXIT
"$root/tests/fuzz/run.sh" --cpu-minutes "${NHTB_FUZZ_CPU_MINUTES:-10}" --build "$work" "$@" | tee "$log"
status=${PIPESTATUS[0]}
# rows: target executions CPU-s coverage findings; a target that says no number did not run
passed=$(awk '$2 > 0 && $5 == 0 {n++} END {print n + 0}' "$log")
failed=$(awk 'NF == 5 && $1 != "target" && ($2 == 0 || $5 != 0) {n++} END {print n + 0}' "$log")
if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ] || [ "$passed" -eq 0 ]; then
    echo "FAILED: run.sh, exit status $status"
    failed=$((failed + 1))
fi
finish
