# SPDX-License-Identifier: Apache-2.0
"""Our side of a row: nhtb-gateway with a configuration made for it, asked through nhtbctl."""
import json
import os
import subprocess

from lab import LabError, wait_for
from strongswan import PSK


def binary(name):
    build = os.environ.get("NHTB_BUILD", "")
    for d in (build, os.path.join(build, "examples", "gateway"), os.path.join(build, "bin")):
        p = os.path.join(d, name)
        if build and os.access(p, os.X_OK):
            return p
    raise LabError(f"{name} not found: set NHTB_BUILD to a build folder")


def config(role, local, remote, ike, esp, **over):
    """One point-to-point st0.0 towards one peer; keyword arguments replace parts."""
    vpn = {"name": "net", "bind_interface": "st0.0", "proposals": esp,
           "traffic_selectors": {"local": over.get("local_ts", ["10.1.0.0/24"]),
                                 "remote": over.get("remote_ts", ["10.2.0.0/24"])}}
    vpn.update(over.get("vpn", {}))
    gateway = {"name": "peer", "local_address": local, "remote_address": remote,
               "local_identity": "nhtb.interop", "remote_identity": "peer.interop",
               "pre_shared_key": {"file": "psk"}, "proposals": ike,
               "establish_tunnels": "immediately" if role == "initiator" else "responder-only",
               "dead_peer_detection": {"interval": over.get("dpd", 30), "threshold": 3},
               "vpns": [{**vpn, **v} for v in over.get("vpns", [{}])]}
    gateway.update(over.get("gateway", {}))
    gateway = {k: v for k, v in gateway.items() if v is not None}
    routes = [{"prefix": p, "interface": "st0.0"} for p in over.get("remote_ts", ["10.2.0.0/24"])]
    return {"interfaces": over.get("interfaces", [{"name": "st0.0", "address": ["10.11.11.1/24"]}]),
            "gateways": [gateway], "local_networks": over.get("local_ts", ["10.1.0.0/24"]),
            "routes": over.get("routes", routes)}


class Gateway:
    def __init__(self, lab, ns, settings, name="gateway", files=None):
        self.lab, self.ns, self.name, self.files = lab, ns, name, files or {}
        self.dir = lab.path(name)
        self.socket = os.path.join(self.dir, "control")
        self.settings = {**settings, "control": {"socket": self.socket}}
        self.process = None

    def start(self):
        self.lab.write(f"{self.name}/psk", PSK + "\n")
        for name, text in self.files.items():
            self.lab.write(f"{self.name}/{name}", text)
        path = self.lab.write(f"{self.name}/config.json", json.dumps(self.settings, indent=1))
        self.process = self.lab.start(self.ns, [binary("nhtb-gateway"), "-c", path], f"{self.name}/log")
        wait_for("the gateway's control socket", 10,
                 lambda: os.path.exists(self.socket) or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise LabError("nhtb-gateway did not start: " + self.log().strip()[-300:])
        return self

    def ctl(self, *words, check=True):
        p = subprocess.run([binary("nhtbctl"), "--socket", self.socket, *words], capture_output=True,
                           text=True, timeout=30, check=False)
        if check and p.returncode:
            raise LabError(f"nhtbctl {' '.join(words)}: {p.stderr.strip() or p.stdout.strip()}")
        return p.stdout

    def show(self, *words):
        return json.loads(self.ctl("show", *words, "--json"))

    def log(self):
        with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()
