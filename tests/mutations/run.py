#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds one fault at a time (seeded.py) into a copy of the tree and proves that tests notice it.

    run.py [SLUG ...]     only these mutations; --list names them

The copy is built once unchanged, and its tests must pass. Then each fault is applied, the named
test programs are rebuilt and run, and at least one must fail. A fault that no longer applies to its
file, or does not compile, counts as failed: the list must follow the code. NHTB_TEST_DIR: where
the copy lives (default: a temporary folder).
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from seeded import MUTATIONS

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ("CMakeLists.txt", "cmake", "include", "lib", "bindings", "pkgconfig", "tests")
TIMEOUT_S = 180


def sh(cmd, timeout=900):
    try:
        r = subprocess.run(cmd, capture_output=True, text=True, errors="replace", timeout=timeout,
                           env={**os.environ, "NHTB_QUICK": "1"})
        return r.returncode, r.stdout + r.stderr
    except subprocess.TimeoutExpired:
        return 124, "timed out"


def copy_tree(tree):
    """Copies changed files only, so that an earlier run's objects stay valid."""
    for part in PARTS:
        src, dst = ROOT / part, tree / part
        if src.is_dir():
            names = {p.relative_to(src) for p in src.rglob("*") if p.is_file()}
            for old in [p for p in dst.rglob("*") if p.is_file()]:
                if old.relative_to(dst) not in names:
                    old.unlink()
        else:
            names = {pathlib.Path()}
        for name in names:
            a, b = src / name, dst / name
            if b.exists() and b.read_bytes() == a.read_bytes():
                continue
            b.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(a, b)


def configure(tree, build):
    launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    code, out = sh(["cmake", "-S", str(tree), "-B", str(build), "-G", "Ninja", *launcher,
                    "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_C_FLAGS=-O1", "-DNHTB_BUILD_GATEWAY=OFF"])
    return code == 0, out


def compile_targets(build, targets):
    code, out = sh(["ninja", "-j2", "-C", str(build), *targets])
    return code == 0, out


def run_tests(build, tests, stop):
    """Runs (program, filter or None) pairs; returns [(program, status, failed tests)]."""
    results = []
    for program, pattern in tests:
        cmd = [str(build / program), "--fail-fast"] if stop else [str(build / program)]
        code, out = sh(cmd + (["--filter", pattern] if pattern else []), TIMEOUT_S)
        names = sorted(set(re.findall(r"\[FAIL\] (\w+::\w+)", out)))
        ran = re.search(r"Synthesis: Tested: (\d+)", out)
        if pattern and ran and ran.group(1) == "0":
            code, names = 0, ["the filter matches no test"]
        results.append((program, code, names))
        if code and stop:
            break
    return results


def mutate(tree, build, m):
    """Returns (caught, text)."""
    path = tree / m["file"]
    if not path.exists():
        return False, f"{m['file']} does not exist"
    original = path.read_text()
    changed, n = re.subn(m["find"], m["replace"], original, flags=re.S)
    if n != 1 or changed == original:
        return False, f"does not apply to {m['file']}: {n} places match, 1 is needed"
    path.write_text(changed)
    try:
        ok, out = compile_targets(build, [t for t, _f in m["tests"]])
        if not ok:
            return False, "does not compile:\n" + "\n".join(out.splitlines()[-12:])
        results = run_tests(build, m["tests"], stop=True)
    finally:
        path.write_text(original)
    for program, code, names in results:
        if code:
            return True, f"{program}: {', '.join(names[:3]) or f'status {code}'}"
    return False, "SURVIVED: " + "; ".join(f"{p} {' '.join(n)}" for p, _c, n in results)


def baseline(build, wanted):
    """Builds and runs the unchanged tests. Returns {(program, filter): why it cannot judge}."""
    bad = {}
    for test in sorted({t for m in wanted for t in m["tests"]}, key=str):
        ok, out = compile_targets(build, [test[0]])
        if not ok:
            bad[test] = "does not build unchanged:\n" + "\n".join(out.splitlines()[-12:])
            continue
        _program, code, names = run_tests(build, [test], stop=False)[0]
        if code or names:
            bad[test] = f"fails unchanged (status {code}): {', '.join(names)}"
    return bad


def main():
    names = sys.argv[1:]
    begun = time.monotonic()
    if names == ["--list"]:
        for m in MUTATIONS:
            print(f"{m['slug']:28} {m['what']}")
        return 0
    wanted = [m for m in MUTATIONS if not names or m["slug"] in names]
    top = pathlib.Path(os.environ.get("NHTB_TEST_DIR") or tempfile.mkdtemp(prefix="nhtb-mut."))
    tree, build = top / "mutants" / "tree", top / "mutants" / "build"
    tree.mkdir(parents=True, exist_ok=True)
    copy_tree(tree)
    ok, out = configure(tree, build)
    passed = 0
    if not ok:
        print(f"FAILED: configuration: {out}")
    bad = baseline(build, wanted) if ok else {}
    for m in wanted if ok else []:
        start = time.monotonic()
        trouble = [f"{t[0]} {bad[t]}" for t in m["tests"] if t in bad]
        caught, text = (False, "; ".join(trouble)) if trouble else mutate(tree, build, m)
        passed += caught
        print(f"{'caught' if caught else 'FAILED'}: {m['slug']} ({m['what']}): {text} "
              f"[{time.monotonic() - start:.1f} s]", flush=True)
    if "NHTB_TEST_DIR" not in os.environ:
        shutil.rmtree(top)
    print(f"{len(wanted)} mutations in {time.monotonic() - begun:.0f} s, the build included")
    print(f"{passed} passed, {len(wanted) - passed} failed")
    return 0 if passed == len(wanted) else 1


if __name__ == "__main__":
    sys.exit(main())
