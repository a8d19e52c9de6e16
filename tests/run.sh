#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every test of the project, on a fresh Debian 12 too (missing packages are installed).
#   tests/run.sh                   the normal run
#   tests/run.sh --long            also coverage with its bars, seeded mutations, tests/long/*.sh
#   tests/run.sh --stage NAME ...  only these stages; --list names them
# Environment: NHTB_VECTORS  folder of published test vectors (shared/vectors)
#              NHTB_TEST_DIR build folders and logs, kept between runs (default: ./build-tests)
# Each stage prints its time and its counts; the last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD
# Debian's own python3 has the packages; the shim of a version manager costs 0.1 s of CPU a call
[ -x /usr/bin/python3 ] && PATH=/usr/bin:$PATH
work=${NHTB_TEST_DIR:-$root/build-tests}
jobs=${NHTB_JOBS:-2}

stages=(packages format cppcheck gcc clang layer abi release sanitize downstream scripts)
long_stages=(coverage mutations long)
wanted=()
long=no
while [ $# -gt 0 ]; do
    case $1 in
    --long) long=yes ;;
    --list) printf '%s\n' "${stages[@]}" "${long_stages[@]}"; exit 0 ;;
    --stage) shift; wanted+=("${1:?--stage needs a name}") ;;
    *) sed -n '3,9s/^# \?//p' "$0"; exit 2 ;;
    esac
    shift
done
[ "$long" = yes ] && stages+=("${long_stages[@]}")
[ ${#wanted[@]} -gt 0 ] && stages=("${wanted[@]}")

mkdir -p "$work/logs" || exit 1
total_passed=0 total_failed=0
stage_passed=0 stage_failed=0
started=$SECONDS

pass() { stage_passed=$((stage_passed + ${1:-1})); }
fail() { # fail TEXT [LOG]
    stage_failed=$((stage_failed + 1))
    echo "  FAILED: $1"
    [ -n "${2:-}" ] && [ -s "$2" ] && tail -n "${3:-40}" "$2" | sed 's/^/    /'
    return 0
}
log_of() { echo "$work/logs/$(echo "$1" | tr -c 'A-Za-z0-9\n' _).log"; }

tracked() { # tracked GLOB...: files of the repository, or of the tree where there is no git
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -z -- "$@" | tr '\0' '\n' | while read -r f; do [ -e "$f" ] && echo "$f"; done
    else
        local g
        for g in "$@"; do find . -path './build*' -prune -o -path "./$g" -print; done
    fi
}

one() { # one NAME COMMAND...: a check that counts as one test
    local name=$1 log
    shift
    log=$(log_of "$name")
    if "$@" >"$log" 2>&1; then pass; else fail "$name" "$log"; fi
}

# A script may close with "N passed, N failed" (then these count); else it counts as one.
script() { # script NAME COMMAND...
    run_script "$@"
    judge_script "$1"
}

run_script() { # run_script NAME COMMAND...: leaves its log, exit status and seconds
    local log from=$SECONDS status
    log=$(log_of "$1")
    rm -f "$log.status"
    shift
    "$@" >"$log" 2>&1
    status=$?
    echo "$status $((SECONDS - from))" >"$log.status"
}

judge_script() { # judge_script NAME
    local name=$1 log counts status seconds
    log=$(log_of "$name")
    read -r status seconds <"$log.status"
    counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -1)
    echo "  $name: ${counts:-exit status $status} ($seconds s)"
    if grep -qE '^(SKIP|skipped):' "$log"; then
        grep -qF "\`$name\`" tests/skips.md || fail "$name skipped something" "$log"
    fi
    if [ -n "$counts" ]; then
        pass "${counts%% *}"
        local bad=${counts#*, }
        stage_failed=$((stage_failed + ${bad%% *}))
        [ "${bad%% *}" -gt 0 ] && { grep -iE '^(FAILED|not ok)' "$log" || tail -40 "$log"; } |
            head -40 | sed 's/^/    /'
        [ "$status" -ne 0 ] && [ "${bad%% *}" -eq 0 ] && fail "$name: exit status $status" "$log"
    elif [ "$status" -eq 0 ]; then
        pass
    else
        fail "$name" "$log"
    fi
    return 0
}

# Each script has namespaces of its own and mostly waits: LANES of them at a time.
side_by_side() { # side_by_side LANES SCRIPT...
    local lanes=$1 s
    shift
    for s in "$@"; do
        while [ "$(jobs -rp | wc -l)" -ge "$lanes" ]; do wait -n; done
        NHTB_BUILD=$work/gcc run_script "$s" "./$s" &
    done
    wait
    for s in "$@"; do judge_script "$s"; done
}

build() { # build DIR CMAKE_ARGUMENT...
    local dir=$work/$1 log
    log=$(log_of "build_$1")
    shift
    local launcher=()
    command -v ccache >/dev/null && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
    cmake -S . -B "$dir" -G Ninja -DNHTB_WERROR=ON "${launcher[@]}" "$@" >"$log" 2>&1 &&
        ninja -j "$jobs" -k 20 -C "$dir" >>"$log" 2>&1
}

build_or_fail() {
    if build "$@"; then pass; else
        grep -E 'error:|FAILED:|CMake Error' "$(log_of "build_$1")" | head -30 | sed 's/^/    /'
        fail "build $1" "$(log_of "build_$1")" 15
    fi
}

tests() { # tests DIR CTEST_ARGUMENT...
    local dir=$work/$1 log junit counts
    shift
    log=$(log_of "ctest_$(basename "$dir")_$*")
    junit=$dir/junit.xml
    rm -f "$junit"
    (cd "$dir" && CRITERION_VERBOSITY_LEVEL=1 ctest -j "$jobs" --no-tests=error --output-junit "$junit" \
        --test-output-size-passed 4000000 --test-output-size-failed 4000000 "$@") >"$log" 2>&1
    if [ ! -s "$junit" ]; then
        fail "no tests ran in $(basename "$dir")" "$log"
        return
    fi
    counts=$(python3 tests/count.py "$junit" tests/skips.md) || { fail "count.py"; return; }
    pass "${counts% *}"
    stage_failed=$((stage_failed + ${counts#* }))
}

# ---- stages ----------------------------------------------------------------------------------
stage_packages() {
    local missing=() p needs
    while read -r p needs _; do
        case $p in '' | '#'*) continue ;; esac
        [ "$needs" = '[bench]' ] && continue
        dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null | grep -q '^ii' || missing+=("$p")
    done <tests/packages.txt
    if [ ${#missing[@]} -gt 0 ]; then
        echo "  installing: ${missing[*]}"
        local sudo=
        [ "$(id -u)" -eq 0 ] || sudo=sudo
        one "apt-get update" $sudo apt-get -q update
        one "apt-get install" $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y install \
            --no-install-recommends "${missing[@]}"
    fi
    if [ -n "${NHTB_VECTORS:-}" ]; then
        echo "  published vectors: $NHTB_VECTORS"
    else
        echo "  NHTB_VECTORS is not set: the published vector files are NOT run"
    fi
}

stage_format() {
    local list
    list=$(tracked '*.c' '*.h' '*.hpp' '*.cpp')
    # shellcheck disable=SC2086
    one "clang-format" clang-format --dry-run -Werror $list
}

stage_cppcheck() {
    mkdir -p "$work/gcc/include/nhtb" "$work/cppcheck"
    one "cppcheck" cppcheck -q -j "$jobs" --std=c11 --error-exitcode=1 --inline-suppr \
        --enable=warning,portability,performance --max-configs=2 \
        --suppressions-list=tests/cppcheck-suppressions.txt --cppcheck-build-dir="$work/cppcheck" \
        -Iinclude -Ilib -D__GNUC__=12 -D__x86_64__ $(tracked 'lib/*.c' 'examples/*.c')
}

stage_gcc() { build_or_fail gcc -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Release -DNHTB_BUILD_BENCH=ON; }
# for its warnings: nothing is run from it, so it need not optimise; tests are gcc's, three times
stage_clang() {
    build_or_fail clang -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O0 \
        -DNHTB_BUILD_TESTS=OFF
}
stage_layer() { tests gcc -L layer; }
stage_abi() { tests gcc -L abi; }
stage_release() { tests gcc -LE 'layer|abi'; }
stage_sanitize() {
    build_or_fail sanitize -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=None \
        "-DCMAKE_C_FLAGS=-O1 -g1" -DNHTB_SANITIZE=ON
    # no detect_stack_use_after_return: gcc 12 lays 64-aligned locals at 32 on its fake stack
    # NHTB_QUICK: every tenth seed of what the release stage runs in full. A quarantine of 32 MB and
    # shorter stacks of allocations take a third less time; freed memory is poisoned as before
    NHTB_QUICK=1 ASAN_OPTIONS=strict_string_checks=1:quarantine_size_mb=32:malloc_context_size=8 \
        UBSAN_OPTIONS=print_stacktrace=1 tests sanitize
}
stage_downstream() { script tests/downstream/run.sh tests/downstream/run.sh "$work/gcc"; }

stage_coverage() {
    build_or_fail coverage -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O0 \
        -DNHTB_COVERAGE=ON -DNHTB_BUILD_GATEWAY=OFF
    find "$work/coverage" -name '*.gcda' -delete
    # Figures come from the tests; their verdicts were counted by the stages above. NHTB_QUICK
    # lets tests with many seeds run fewer of them.
    (cd "$work/coverage" && NHTB_QUICK=1 ctest -j "$jobs") >"$(log_of coverage_ctest)" 2>&1 ||
        fail "tests under gcov" "$(log_of coverage_ctest)"
    local log
    log=$(log_of gcovr)
    rm -f "$work/coverage.json"
    # nhi_check's other branch is our own broken invariant: no input may reach it.
    if gcovr -j "$jobs" --root "$root" --filter "$root/lib/" --exclude "$root/lib/backend/null/" \
        --exclude-unreachable-branches --exclude-branches-by-pattern '.*nhi_check\(.*' \
        --gcov-ignore-parse-errors --print-summary --txt "$work/coverage.txt" \
        --json "$work/coverage.json" "$work/coverage" >"$log" 2>&1; then
        pass
    else
        fail "gcovr" "$log" 12
    fi
    # What each room must reach stands in tests/coverage.txt.
    one "coverage" python3 tests/coverage.py "$work/coverage.json"
    sed 's/^/  /' "$(log_of coverage)"
    grep -E '^(lines|branches|functions)' "$log" | sed 's/^/  /'
}

stage_mutations() {
    [ -x tests/mutations/run.sh ] || { fail "tests/mutations/run.sh is missing"; return; }
    script tests/mutations/run.sh tests/mutations/run.sh
}

stage_scripts() {
    local s list=()
    for s in tests/interop/run.sh tests/gateway/*.sh examples/gateway/demo.sh \
        examples/gateway/scenarios/*/run.sh tests/scapy/run.sh; do
        [ -x "$s" ] && [ "$s" != tests/gateway/flood.sh ] && list+=("$s")
    done
    side_by_side 3 "${list[@]}"
    # it measures: no neighbours
    NHTB_BUILD=$work/gcc script tests/gateway/flood.sh ./tests/gateway/flood.sh
}

stage_long() {
    local s
    for s in tests/long/*.sh; do
        [ -x "$s" ] && NHTB_BUILD=$work/gcc script "$s" "./$s"
    done
}

for stage in "${stages[@]}"; do
    if ! declare -F "stage_$stage" >/dev/null; then
        echo "no such stage: $stage (see --list)"
        exit 2
    fi
    stage_passed=0 stage_failed=0 from=$SECONDS
    echo "== $stage"
    "stage_$stage"
    echo "== $stage: $stage_passed passed, $stage_failed failed, $((SECONDS - from)) s"
    total_passed=$((total_passed + stage_passed))
    total_failed=$((total_failed + stage_failed))
done
echo "time: $((SECONDS - started)) s; logs in $work/logs"
echo "$total_passed passed, $total_failed failed"
[ "$total_failed" -eq 0 ]
