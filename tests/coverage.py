#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds gcovr's figures against tests/coverage.txt: coverage.py GCOVR_JSON. Prints each line of the
table with what was reached, and what is missing in a file that must be whole; 1: one is too low."""
import collections
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def bars():
    with open(os.path.join(HERE, "coverage.txt"), encoding="utf-8") as f:
        rows = [line.split() for line in f if line.strip() and not line.startswith("#")]
    return {path: (float(lines), float(branches)) for path, lines, branches in rows}


def count(file):
    """lines hit, lines, branches taken, branches, numbers of the lines that miss something."""
    n = [0, 0, 0, 0]
    missing = []
    for line in file["lines"]:
        if line.get("gcovr/noncode") or line.get("gcovr/excluded"):
            continue
        taken = sum(b["count"] > 0 for b in line["branches"])
        n[0] += line["count"] > 0
        n[1] += 1
        n[2] += taken
        n[3] += len(line["branches"])
        if line["count"] == 0 or taken < len(line["branches"]):
            missing.append(line["line_number"])
    return n, missing


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def main():
    wanted = bars()
    folders = [p for p in wanted if p.endswith("/")]
    sums = collections.defaultdict(lambda: [0, 0, 0, 0])
    missing = {}
    with open(sys.argv[1], encoding="utf-8") as f:
        files = json.load(f)["files"]
    for file in files:
        name = file["file"]
        n, missing[name] = count(file)
        folder = max((p for p in folders if name.startswith(p)), key=len, default=None)
        for key in {folder, name} & set(wanted):
            sums[key] = [a + b for a, b in zip(sums[key], n)]
    bad = 0
    for path, (lines, branches) in wanted.items():
        if path not in sums:
            print(f"not measured: {path}")
            bad += 1
            continue
        s = sums[path]
        got = percent(s[0], s[1]), percent(s[2], s[3])
        low = got[0] < lines or got[1] < branches
        bad += low
        print(f"{'TOO LOW ' if low else ''}{path:20} lines {got[0]:5.1f} % of {lines:g} %, "
              f"branches {got[1]:5.1f} % of {branches:g} %")
        if low and path in missing:
            print("    lines " + ", ".join(map(str, missing[path])))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
