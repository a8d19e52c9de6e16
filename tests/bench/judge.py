#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges rows of nhtb-bench for table.sh.

    judge.py BAR ROW...     reads the JSON documents of the rows: "VALUE ok|short" of the worst of them
    judge.py --count ROW    the sum of a case's counted values, nothing when there is none
BAR: "0.80" at least, "<1.6" at most, against the median of the ratios of neighbouring passes.
"""
import json
import sys


def documents(text):
    decoder, rows = json.JSONDecoder(), []
    while text.strip():
        value, end = decoder.raw_decode(text.lstrip())
        rows += value["rows"]
        text = text.lstrip()[end:]
    return rows


def count(rows, case):
    values = [r["median"] for r in rows if r["name"].split(".")[0] == case]
    print(f"{sum(values):g}" if values else "", end="")


def judge(rows, bar, names):
    most = bar.startswith("<")
    limit = float(bar.lstrip("<"))
    by_name = {r["name"]: r for r in rows}
    ratios = []
    for name in names:
        r = by_name.get(name)
        if r is None or r["samples"] < 5:
            print("- short")
            return
        q = r["ratio"]
        ratios.append(q["median"])
        print(f"  {name}: {r['median']:.1f} {r['unit']} ({r['min']:.1f} to {r['max']:.1f}) of "
              f"{r['samples']}; {r['base']['name']} {r['base']['median']:.1f} "
              f"({r['base']['min']:.1f} to {r['base']['max']:.1f}); ratio {q['median']:.3f} "
              f"({q['min']:.3f} to {q['max']:.3f})", file=sys.stderr)
    worst = max(ratios) if most else min(ratios)
    good = worst <= limit if most else worst >= limit
    print(f"{worst:.3f} {'ok' if good else 'short'}")


def main():
    rows = documents(sys.stdin.read())
    if sys.argv[1] == "--count":
        count(rows, sys.argv[2])
    else:
        judge(rows, sys.argv[1], sys.argv[2:])


if __name__ == "__main__":
    main()
