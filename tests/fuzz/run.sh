#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds and runs the fuzz targets, one after the other on one core.
#   run.sh [--seconds N] [--build DIR] [--keep] [TARGET...]
# --keep: writes what was found new into corpus/ (trimmed). A finding goes to regressions/<target>/.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
seconds=60
build="$root/build/fuzz"
keep=
targets=()
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) seconds=$2; shift ;;
    --build) build=$2; shift ;;
    --keep) keep=1 ;;
    -*) sed -n '3,6p' "$0"; exit 2 ;;
    *) targets+=("$1") ;;
    esac
    shift
done
CC=${CC:-clang} cmake -S "$root" -B "$build" -G Ninja -DNHTB_FUZZ=ON >/dev/null
if [ ${#targets[@]} -eq 0 ]; then
    for f in "$here"/target_*.c; do
        t=$(basename "$f" .c)
        t=${t#target_}
        targets+=("${t#gw_}")
    done
fi
ninja -C "$build" "${targets[@]/#/fuzz_}" >"$build/build.log" || { tail -n 40 "$build/build.log"; exit 1; }
findings=0
printf '%-16s %12s %8s %8s %8s\n' target executions seconds coverage findings
for t in "${targets[@]}"; do
    work=$build/work/$t
    mkdir -p "$work/corpus" "$work/findings"
    python3 "$here/seeds.py" "$t" "$work/corpus"
    flags=(-max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -print_final_stats=1
        -artifact_prefix="$work/findings/")
    [ -f "$here/$t.dict" ] && flags+=(-dict="$here/$t.dict")
    found=0
    inputs=("$work/corpus" "$here/corpus/$t")
    mkdir -p "$here/corpus/$t"
    "$build/fuzz_$t" "${flags[@]}" "${inputs[@]}" >"$work/log" 2>&1 || found=1
    for f in "$work"/findings/*; do
        [ -f "$f" ] || continue
        mkdir -p "$here/regressions/$t"
        mv "$f" "$here/regressions/$t/"
        echo "  finding: tests/fuzz/regressions/$t/$(basename "$f")"
        found=1
    done
    [ $found -eq 0 ] || grep -m3 -E 'does not hold|ERROR:|runtime error' "$work/log" || true
    findings=$((findings + found))
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log" | tail -n 1)
    cov=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$work/log" | tail -n 1)
    printf '%-16s %12s %8s %8s %8s\n' "$t" "${runs:-?}" "$seconds" "${cov:-?}" "$found"
    [ -z "$keep" ] || python3 "$here/trim.py" "$build/fuzz_$t" "$here/corpus/$t" "$work/corpus"
done
exit $((findings > 0))
