#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds and runs the fuzz targets, one after the other on one core.
#   run.sh [--seconds N | --cpu-minutes N] [--build DIR] [--keep] [TARGET...]
# --cpu-minutes: each target runs until it has used that much of a CPU, whatever else the machine
# does, in slices of two minutes; a finding ends its slice and the next one goes on.
# --keep: writes what was found new into corpus/ (trimmed). A finding goes to regressions/<target>/.
set -euo pipefail
# Debian's own python3 has the packages; the shim of a version manager costs 1 s of CPU a call
[ -x /usr/bin/python3 ] && PATH=/usr/bin:$PATH
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
seconds=60
cpu_minutes=
most_findings=7 # slices with one; then a target is given up
build="$root/build/fuzz"
keep=
targets=()
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) seconds=$2; shift ;;
    --cpu-minutes) cpu_minutes=$2; seconds=120; shift ;;
    --build) build=$2; shift ;;
    --keep) keep=1 ;;
    -*) sed -n '3,7p' "$0"; exit 2 ;;
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

# One slice of target $1 with libFuzzer's flags: adds to runs, cpu and found, sets cov.
slice() {
    local t=$1 work=$build/work/$1 f n used new=0
    shift
    TIMEFORMAT='%U %S'
    { time "$build/fuzz_$t" "$@" "$work/corpus" "$here/corpus/$t" >"$work/log" 2>&1 || new=1; } \
        2>"$work/time"
    used=$(awk '{printf "%.0f", $1 + $2}' "$work/time")
    cpu=$((cpu + used))
    n=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log" | tail -n 1)
    runs=$((runs + ${n:-0}))
    n=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$work/log" | tail -n 1)
    cov=${n:-$cov}
    for f in "$work"/findings/*; do
        [ -f "$f" ] || continue
        mkdir -p "$here/regressions/$t"
        mv "$f" "$here/regressions/$t/"
        echo "  finding: tests/fuzz/regressions/$t/$(basename "$f")"
        new=1
    done
    [ $new -eq 0 ] || grep -m3 -E 'does not hold|ERROR:|runtime error' "$work/log" || true
    found=$((found + new))
    # a program that cannot start would be tried for ever
    [ "$used" -gt 0 ] || [ $new -eq 0 ] || found=$most_findings
}

findings=0
printf '%-16s %12s %8s %8s %8s\n' target executions CPU-s coverage findings
for t in "${targets[@]}"; do
    work=$build/work/$t
    mkdir -p "$work/corpus" "$work/findings" "$here/corpus/$t"
    python3 "$here/seeds.py" "$t" "$work/corpus"
    flags=(-max_total_time="$seconds" -rss_limit_mb=1024 -timeout=60 -report_slow_units=60 -print_final_stats=1
        -artifact_prefix="$work/findings/")
    [ -f "$here/$t.dict" ] && flags+=(-dict="$here/$t.dict")
    runs=0 cpu=0 cov=? found=0
    slice "$t" "${flags[@]}"
    while [ -n "$cpu_minutes" ] && [ "$cpu" -lt $((60 * cpu_minutes)) ] &&
        [ "$found" -lt "$most_findings" ]; do
        slice "$t" "${flags[@]}"
    done
    findings=$((findings + found))
    printf '%-16s %12s %8s %8s %8s\n' "$t" "$runs" "$cpu" "$cov" "$found"
    [ -z "$keep" ] || python3 "$here/trim.py" "$build/fuzz_$t" "$here/corpus/$t" "$work/corpus"
done
exit $((findings > 0))
