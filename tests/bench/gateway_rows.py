#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of gateway_rows.sh from its files NAME.tcp, .plain, .train, .ping (one figure a line).
Usage: gateway_rows.py FOLDER SYSTEM...   A row that could not be measured is short."""
import statistics
import sys

ROWS = (  # name, figure, compared with, bar, larger is better
    ("gateway TCP one flow / better of strongSwan and wireguard-go", "tcp", "peers", 8.0, True),
    ("gateway TCP one flow / null relay pair", "tcp", "relay", 0.45, True),
    ("gateway UDP 64 B, one sendto per packet / null relay pair", "plain", "relay", 0.7, True),
    ("gateway UDP 64 B, UDP_SEGMENT and UDP_GRO / better peer", "train", "peers", 4.0, True),
    ("gateway UDP 64 B, UDP_SEGMENT and UDP_GRO / null relay pair", "train", "relay", 0.35, True),
    ("gateway ping average / null relay pair", "ping", "relay", 2.0, False),
)
PEERS = ("strongswan", "wireguard")
FIGURES = ("tcp", "plain", "train", "ping")


def read(folder, name, figure):
    try:
        with open(f"{folder}/{name}.{figure}", encoding="ascii") as f:
            return [float(x) for x in f.read().split()]
    except (OSError, ValueError):
        return []


def main():
    folder, systems = sys.argv[1], sys.argv[2:]
    got = {(s, f): read(folder, s, f) for s in ("relay", "nhtb") + PEERS for f in FIGURES}
    for s in systems:
        for f in FIGURES:
            v = got.get((s, f)) or [0]
            print(f"{s:11} {f:6} median {statistics.median(v):12.3f}"
                  f"  min {min(v):12.3f}  max {max(v):12.3f}", file=sys.stderr)
    short = 0
    for name, figure, base, bar, more in ROWS:
        ours = got[("nhtb", figure)]
        bases = [statistics.median(got[(p, figure)]) for p in
                 (PEERS if base == "peers" else ("relay",)) if got[(p, figure)]]
        complete = len(bases) == (2 if base == "peers" else 1) and ours and max(bases) > 0
        value = statistics.median(ours) / max(bases) if complete else None
        good = value is not None and (value >= bar if more else value <= bar)
        short += not good
        shown = "-" if value is None else f"{value:.2f}"
        print(f"{name}\t{shown}\t{'>=' if more else '<='} {bar}\t{'ok' if good else 'short'}")
    sys.exit(1 if short else 0)


main()
