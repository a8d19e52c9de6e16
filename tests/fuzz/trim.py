#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Chooses the small corpus of a target: those inputs that reach most with fewest bytes.
Usage: trim.py FUZZER CORPUS MORE...; CORPUS is replaced by at most 60 files and 12 KiB."""
import hashlib
import os
import subprocess
import sys
import tempfile

FILES, BYTES = 60, 12 * 1024


def features(fuzzer, dirs):
    """{path: features}, as libFuzzer's merge lists them."""
    with tempfile.TemporaryDirectory() as tmp:
        control = os.path.join(tmp, "control")
        empty = os.path.join(tmp, "empty")
        os.mkdir(empty)
        subprocess.run([fuzzer, "-merge=1", "-merge_control_file=" + control, empty, *dirs],
                       check=True, capture_output=True)
        with open(control, encoding="utf-8") as f:
            lines = f.read().splitlines()
    count = int(lines[0])
    names = lines[2:2 + count]
    found = {}
    for line in lines[2 + count:]:
        word = line.split()
        if word and word[0] == "FT":
            found[names[int(word[1])]] = set(map(int, word[2:]))
    return found


def choose(found):
    sizes = {p: max(1, os.path.getsize(p)) for p in found}
    # One feature is worth a little more than its bytes, so that one long input beats many short.
    left, chosen, room = dict(found), [], BYTES
    while left and len(chosen) < FILES:
        best = max(left, key=lambda p: (len(left[p]) / (sizes[p] + 400), -sizes[p], p))
        if not left[best]:
            break
        gained = left.pop(best)
        if sizes[best] > room:
            continue
        chosen.append(best)
        room -= sizes[best]
        left = {p: f - gained for p, f in left.items()}
    return chosen


def main():
    fuzzer, corpus, more = sys.argv[1], sys.argv[2], sys.argv[3:]
    os.makedirs(corpus, exist_ok=True)
    data = []
    for path in choose(features(fuzzer, [corpus, *more])):
        with open(path, "rb") as f:
            data.append(f.read())
    for name in os.listdir(corpus):
        os.remove(os.path.join(corpus, name))
    for d in data:
        with open(os.path.join(corpus, hashlib.sha1(d).hexdigest()[:12]), "wb") as f:
            f.write(d)


if __name__ == "__main__":
    main()
