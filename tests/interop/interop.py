# SPDX-License-Identifier: Apache-2.0
"""Interop rows: our gateway against real peers. Each row makes its hosts, brings the tunnel up,
sends traffic both ways, reads suite, SPIs and byte counters from the peer's own report, does what
its name says, and goes into docs/interop.md.

    run.sh [--only TEXT] [--jobs N]     (NHTB_BUILD: build folder; root)"""
import argparse
import concurrent.futures
import os
import platform
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway import Gateway, config  # noqa: E402
from foreign import ROWS as ROWS_FOREIGN  # noqa: E402
from guest import Guest  # noqa: E402
from lab import Lab, LabError, ping, run, wait_for  # noqa: E402
from rows import ROWS as ROWS_V2  # noqa: E402
from rows_pki import ROWS as ROWS_PKI  # noqa: E402
from rows_v1 import ROWS as ROWS_V1  # noqa: E402
from strongswan import StrongSwan, version  # noqa: E402

DOC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "interop.md")
ROWS = ROWS_V2 + ROWS_PKI + ROWS_V1 + ROWS_FOREIGN
print_lock = threading.Lock()


class Hosts:
    """The two ends of a row, with or without a NAT between them, outer IPv4 or IPv6."""

    def __init__(self, lab, row):
        self.lab, self.row, self.guest = lab, row, None
        self.ours = lab.namespace("a")
        self.our_addr, self.peer_addr = ("10.99.0.1", "10.99.0.2")
        if row.get("outer") == "ipv6":
            self.our_addr, self.peer_addr = ("2001:db8:99::1", "2001:db8:99::2")
        self.our_seen, self.peer_seen = self.our_addr, self.peer_addr
        lab.address(self.ours, "lo", "10.1.0.1/24")
        if row.get("kernel"):
            self.with_guest()
        elif row.get("nat"):
            self.with_nat(row["nat"])
        else:
            self.peer = lab.namespace("b")
            lab.link(self.ours, "va", [self.our_addr + "/64" if ":" in self.our_addr else self.our_addr + "/24"],
                     self.peer, "vb", [self.peer_addr + "/64" if ":" in self.peer_addr else self.peer_addr + "/24"])
            lab.address(self.peer, "lo", "10.2.0.1/24")

    def with_guest(self):
        width = "/64" if ":" in self.our_addr else "/24"
        self.peer = self.ours
        self.guest = Guest(self.lab, self.ours, "tap0").boot()
        self.lab.address(self.ours, "tap0", self.our_addr + width)
        nodad = " nodad" if ":" in self.peer_addr else ""
        self.guest.must(f"ip addr add {self.peer_addr}{width} dev vec0{nodad}; ip link set vec0 up; "
                        "ip addr add 10.2.0.1/24 dev lo")

    def with_nat(self, who):
        """The named side ("ours" or "peer") sits behind a NAT that changes ports."""
        nat, self.peer = self.lab.namespace("n"), self.lab.namespace("b")
        inner, outer = (self.ours, self.peer) if who == "ours" else (self.peer, self.ours)
        self.lab.link(inner, "vi", ["192.168.77.2/24"], nat, "nati", ["192.168.77.1/24"])
        self.lab.link(outer, "vo", ["10.99.0.2/24"], nat, "nato", ["10.99.0.9/24"])
        run(["ip", "-n", inner, "route", "add", "10.99.0.0/24", "via", "192.168.77.1"])
        self.lab.masquerade(nat, "nato")
        self.lab.address(self.peer, "lo", "10.2.0.1/24")
        if who == "ours":
            self.our_addr, self.our_seen, self.peer_addr = "192.168.77.2", "any", "10.99.0.2"
            self.peer_seen = self.peer_addr
        else:
            self.peer_addr, self.peer_seen, self.our_addr = "192.168.77.2", "any", "10.99.0.2"
            self.our_seen = self.our_addr

    def peer_lans(self, addresses):
        for a in addresses:
            self.lab.address(self.peer, "lo", a)

    @staticmethod
    def ping_between(ns, source, target):
        return ping(ns, source, target)

    def ping_from_us(self, count=3, size=56):
        return ping(self.ours, "10.1.0.1", self.row.get("virtual", "10.2.0.1"), count, size)

    def ping_from_peer(self, count=3, size=56):
        return ping(self.peer, self.row.get("virtual", "10.2.0.1"), "10.1.0.1", count, size,
                    self.guest.status if self.guest else None)


class Run:
    """One row while it runs; rows' own steps get this object."""

    def __init__(self, lab, row):
        self.lab, self.row = lab, row
        self.hosts = Hosts(lab, row)
        self.hosts.peer_lans(row.get("peer_lans", []))
        remote = "%any" if self.hosts.our_seen == "any" else self.hosts.our_seen
        options = {"local": self.hosts.peer_addr, "remote": remote, "ike": row["swan_ike"], "esp": row["swan_esp"],
                   "files": row.get("peer_files", {}), **row.get("swan", {})}
        if row.get("kernel"):
            options.setdefault("kernel", "")
        self.peer = StrongSwan(lab, self.hosts.peer, guest=self.hosts.guest, **options).start()
        self.gateway = Gateway(lab, self.hosts.ours, config(
            row["role"], self.hosts.our_addr, self.hosts.peer_seen, row["ike"], row["esp"],
            **row.get("gateway", {})), files=row.get("files")).start()

    def up(self):
        """The peer's report of one IKE SA with one child."""
        if self.row["role"] == "responder":
            self.peer.initiate()
        return wait_for("established by the peer's report", 20, self.report)

    def report(self):
        sas = self.peer.sas()
        most = 2 if "peer_lans" in self.row else 1  # rows with several selectors
        good = [s for s in sas if s["suite"] and 1 <= len(s["children"]) <= most and "out" in s["children"][0]]
        return good[0] if len(sas) == 1 and good else None

    def traffic(self, size=56):
        if not self.hosts.ping_from_us(size=size):
            raise LabError("no traffic from us to the peer")
        if not self.hosts.ping_from_peer(size=size):
            raise LabError("no traffic from the peer to us")

    def counted(self):
        """The peer's report after traffic: counters moved both ways, SPIs are those we show."""
        sa = wait_for("one SA pair by the peer's report", 10, self.report)
        child = sa["children"][0]
        if child["bytes_in"] == 0 or child["bytes_out"] == 0:
            raise LabError(f"the peer counted {child['bytes_in']} bytes in, {child['bytes_out']} out")
        ours = self.gateway.ctl("show", "ipsec", "sa", "--json").lower()
        for spi in (child["in"], child["out"]):
            if spi not in ours and str(int(spi, 16)) not in ours:
                raise LabError(f"SPI {spi} of the peer's report is not in ours")
        return sa


def perform(row):
    started = time.monotonic()
    with Lab("row") as lab:
        if "perform" in row:
            return {**row["perform"](lab, row), "seconds": time.monotonic() - started}
        r = Run(lab, row)
        r.first = r.up()
        r.traffic()
        r.counted()
        for step in row.get("steps", []):
            step(r)
        sa = r.counted() if not row.get("ends_down") else None
        for text in row.get("expect_suite", []):
            have = r.first["suite"] + " " + r.first["children"][0]["esp"] + " " + r.first["children"][0]["mode"]
            if text not in have:
                raise LabError(f"{text} is not in the peer's report: {have}")
        sa = sa or r.first
        child = sa["children"][0]
        return {"suite": sa["suite"], "esp": child["esp"], "mode": child["mode"],
                "spis": f"{child['in']} / {child['out']}", "bytes": f"{child['bytes_in']} / {child['bytes_out']}",
                "seconds": time.monotonic() - started}


def attempt(row):
    try:
        got, error = perform(row), None
    except Exception as e:  # a row that breaks in any way has failed; the others go on
        got, error = None, f"{type(e).__name__}: {e}"
        if os.environ.get("NHTB_INTEROP_TRACE"):
            traceback.print_exc()
    with print_lock:
        took = f"{got['seconds']:.1f} s" if got else error
        print(f"{'pass' if got else 'FAIL'} {row['name']} ({took})", flush=True)
    return got, error


def write_doc(results):
    swan, kernel = version(), "user-mode Linux guest, Debian 12 kernel 6.1"
    lines = ["# Interoperability", "",
             "Written by `tests/interop/run.sh`; not edited by hand. Suite, SPIs (in / out as the peer sees them) and",
             "byte counters (in / out) are the peer's own report after traffic both ways.", "",
             f"Peer, unless another is named: strongSwan {swan} (Debian 12, {platform.machine()}); \"userland\" is its kernel-libipsec ESP in UDP,",
             f"\"kernel\" is its netlink interface on a {kernel}.", "",
             "| # | row | peer | our role | IKE suite | ESP | mode | SPIs | bytes | result |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for n, (row, got, error) in enumerate(results, 1):
        peer = row.get("peer") or f"strongSwan {swan}, " + ("kernel" if row.get("kernel") else "userland")
        cells = [got["suite"], got["esp"], got["mode"], got["spis"], got["bytes"], "pass"] if got else \
                ["", "", "", "", "", "FAIL: " + error.replace("|", "/")]
        lines.append("| " + " | ".join([str(n), row["name"], peer, row["role"]] + cells) + " |")
    passed = sum(1 for _, got, _ in results if got)
    lines += ["", f"{passed} of {len(results)} rows pass.", ""]
    with open(DOC, "w", encoding="utf-8") as f:
        f.write("\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="rows whose name contains TEXT (no document is written)")
    parser.add_argument("--jobs", type=int, default=3, help="rows at once")
    args = parser.parse_args()
    rows = [r for r in ROWS if args.only in r["name"]]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        results = [(row, *r) for row, r in zip(rows, pool.map(attempt, rows))]
    failed = sum(1 for _, got, _ in results if not got)
    if not args.only:
        write_doc(results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return failed > 0 or not results


if __name__ == "__main__":
    sys.exit(main())
