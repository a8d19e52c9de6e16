# SPDX-License-Identifier: Apache-2.0
"""Test hosts for the interop rows: network namespaces, links, NAT, processes ended by their pid.

Everything made here is removed by Lab.close(), also after a failure. Only addresses inside the
namespaces are used. Python 3.11, standard library only; needs root and iproute2."""
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time


class LabError(Exception):
    """A step of the lab itself failed (not the thing under test)."""


def wait_for(what, seconds, test, every=0.05):
    """Polls test() until it gives something true; LabError with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        got = test()
        if got:
            return got
        if time.monotonic() > end:
            raise LabError(f"{what}: not within {seconds} s")
        time.sleep(every)


class Lab:
    """One set of namespaces with the processes in them."""

    count = itertools.count(1)

    def __init__(self, label):
        self.tag = f"nhi{os.getpid()}x{next(Lab.count)}"
        self.dir = tempfile.mkdtemp(prefix=f"nhtb-interop-{label}-")
        self.namespaces, self.processes, self.closers = [], [], []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close(keep=kind is not None)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o600):
        p = self.path(name)
        os.makedirs(os.path.dirname(p), exist_ok=True)
        with open(os.open(p, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as f:
            f.write(text)
        return p

    def namespace(self, name):
        ns = f"{self.tag}{name}"
        run(["ip", "netns", "add", ns])
        self.namespaces.append(ns)
        run(["ip", "-n", ns, "link", "set", "lo", "up"])
        return ns

    def link(self, a, dev_a, addrs_a, b, dev_b, addrs_b):
        """A veth pair between two namespaces with their addresses."""
        run(["ip", "link", "add", dev_a, "netns", a, "type", "veth", "peer", "name", dev_b, "netns", b])
        for ns, dev, addrs in ((a, dev_a, addrs_a), (b, dev_b, addrs_b)):
            for addr in addrs:
                self.address(ns, dev, addr)
            run(["ip", "-n", ns, "link", "set", dev, "up"])

    def address(self, ns, dev, addr):
        run(["ip", "-n", ns, "addr", "add", addr, "dev", dev] + (["nodad"] if ":" in addr else []))

    def forwarding(self, ns):
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            run(["ip", "netns", "exec", ns, "sysctl", "-qw", f"{key}=1"])

    def masquerade(self, ns, dev):
        """Source NAT with changed ports out of dev."""
        rules = ("table ip nat {\n chain post {\n  type nat hook postrouting priority 100;\n"
                 f'  oifname "{dev}" ip protocol udp masquerade to :20000-30000\n'
                 f'  oifname "{dev}" masquerade\n }}\n}}\n')
        run(["ip", "netns", "exec", ns, "nft", "-f", "-"], stdin=rules)
        self.forwarding(ns)

    def narrow(self, ns, dev, mtu):
        """A path of this MTU that loses every IP fragment, as many firewalls do."""
        run(["ip", "-n", ns, "link", "set", dev, "mtu", str(mtu)])
        rules = ("table ip nofrag {\n chain pre {\n  type filter hook prerouting priority -500;\n"
                 f'  iifname "{dev}" ip frag-off & 0x3fff != 0 counter drop\n }}\n}}\n')
        run(["ip", "netns", "exec", ns, "nft", "-f", "-"], stdin=rules)

    def start(self, ns, argv, log, env=None):
        """Starts a long-running process in a namespace; its output goes to a file."""
        out = open(self.path(log), "ab")
        p = subprocess.Popen(["ip", "netns", "exec", ns] + argv, stdin=subprocess.DEVNULL, stdout=out,
                             stderr=out, env={**os.environ, **(env or {})}, start_new_session=True)
        out.close()
        self.processes.append(p)
        return p

    def stop(self, p, sig=signal.SIGTERM, seconds=5):
        if p.poll() is None:
            p.send_signal(sig)
            try:
                p.wait(seconds)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        if p in self.processes:
            self.processes.remove(p)

    def close(self, keep=False):
        for f in reversed(self.closers):
            try:
                f()
            except (LabError, OSError, subprocess.SubprocessError):
                pass
        for p in list(reversed(self.processes)):
            self.stop(p)
        for ns in self.namespaces:
            subprocess.run(["ip", "netns", "del", ns], check=False, stderr=subprocess.DEVNULL)
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)


def run(argv, stdin=None, check=True, seconds=60):
    """Runs a command to its end and gives its output; LabError when it fails."""
    p = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
    if check and p.returncode:
        raise LabError(f"{' '.join(argv)}: {p.stderr.strip() or p.stdout.strip()}")
    return p.stdout


def ping(ns, source, target, count=3, size=56, executor=None):
    """True when every echo came back."""
    argv = ["ping", "-q", "-n", "-c", str(count), "-i", "0.2", "-W", "2", "-s", str(size), "-I", source, target]
    if executor:
        return executor(" ".join(argv)) == 0
    return subprocess.run(["ip", "netns", "exec", ns] + argv, check=False, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0
