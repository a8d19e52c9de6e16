#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the tests behind one CTest run (JUnit file): count.py JUNIT SKIPS -> "PASSED FAILED".

A Criterion program counts as its single tests, any other CTest entry as one. A skipped test counts
as failed unless SKIPS (tests/skips.md) names it. Failures are listed on stderr.
"""
import re
import sys
import xml.etree.ElementTree as ET


def count(case, skips):
    name = case.get("name")
    text = re.sub(r"\x1b\[[0-9;]*m", "", case.findtext("system-out") or "")
    good = case.get("status") == "run"
    passed = failed = 0
    for tested, ok in re.findall(r"Synthesis: Tested: (\d+) \| Passing: (\d+)", text):
        passed += int(ok)
        failed += int(tested) - int(ok)
    if case.get("status") == "disabled" or case.find("skipped") is not None:
        skipped = [name]
    else:
        skipped = re.findall(r"\[SKIP\] (\w+::\w+)", text)
    for test in skipped:
        if re.search(rf"`{re.escape(test)}`", skips):
            continue
        failed += 1
        print(f"  skipped without a reason in tests/skips.md: {test}", file=sys.stderr)
    for test in sorted(set(re.findall(r"\[(?:FAIL|CRASH)\] (\w+::\w+)", text))):
        print(f"  failed: {test}", file=sys.stderr)
    if passed + failed == 0:
        passed, failed = (1, 0) if good else (0, 1)
    elif not good and failed == 0:
        failed = 1  # all tests passed, but the program did not (a leak at exit, a time-out)
    if not good:
        print(f"  failed: {name}", file=sys.stderr)
        lines = text.splitlines()
        if "Synthesis" in text and failed:
            lines = [l for l in lines if l.startswith("[----]") and l[6:].strip()][:30]
        print("\n".join("    " + l for l in lines[-30:]), file=sys.stderr)
    return passed, failed


def main():
    with open(sys.argv[2], encoding="utf-8") as f:
        skips = f.read()
    cases = [count(c, skips) for c in ET.parse(sys.argv[1]).getroot().iter("testcase")]
    print(sum(c[0] for c in cases), sum(c[1] for c in cases))


if __name__ == "__main__":
    main()
