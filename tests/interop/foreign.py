# SPDX-License-Identifier: Apache-2.0
"""Peers of other families against our responder: vpnc (aggressive mode, XAuth and mode config, an ESP of its
own in userland) with traffic, and ike-scan, which asks and reads the answers."""
import os
import re
import subprocess
import time

from gateway import Gateway
from lab import LabError, ping, run, wait_for
from strongswan import PSK

SCRIPT = """#!/bin/sh
# routes the hub's network and the other users into the tunnel, inside the namespace it runs in
[ "$reason" = connect ] || exit 0
ip link set "$TUNDEV" up mtu 1390
ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
ip route add 10.1.0.0/16 dev "$TUNDEV"
ip route add 10.11.11.0/24 dev "$TUNDEV"
echo "$TUNDEV $INTERNAL_IP4_ADDRESS $INTERNAL_IP4_DNS" >"{dir}/up"
"""
CONF = """IPSec gateway {remote}
IPSec ID lab
IPSec secret {psk}
IKE Authmode psk
IKE DH Group {group}
Xauth username {user}
Xauth password {password}
NAT Traversal Mode natt
DPD idle timeout (our side) {dpd}
Local Port 0
Script {dir}/script
Pidfile {dir}/pid
No Detach
Debug 2
"""


USERS = {"alice": "wonderland-and-back", "bob": "what-can-be-built"}


class Vpnc:
    """start(), then tun, address and what it logs and counts itself."""

    def __init__(self, lab, ns, remote, group="dh14", dpd=0, user="alice"):
        self.lab, self.ns, self.user = lab, ns, user
        self.dir = lab.path(f"vpnc-{user}")
        text = CONF.format(remote=remote, psk=PSK, group=group, dpd=dpd, dir=self.dir, user=user, password=USERS[user])
        self.conf = lab.write(f"vpnc-{user}/conf", text)
        lab.write(f"vpnc-{user}/script", SCRIPT.format(dir=self.dir), 0o700)

    def start(self):
        self.process = self.lab.start(self.ns, ["vpnc", self.conf], f"vpnc-{self.user}/log")
        up = os.path.join(self.dir, "up")
        wait_for("vpnc's tunnel", 20, lambda: os.path.exists(up) or self.process.poll() is not None)
        if not os.path.exists(up):
            raise LabError("vpnc: " + " / ".join(self.log().strip().splitlines()[-3:]))
        with open(up, encoding="utf-8") as f:
            self.tun, self.address, *self.dns = f.read().split()
        return self

    def log(self):
        with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def counters(self):
        out = run(["ip", "-n", self.ns, "-s", "link", "show", self.tun]).splitlines()
        numbers = [line.split() for line in out if re.match(r"^\s+\d+\s+\d+", line)]
        return int(numbers[0][0]), int(numbers[1][0])  # received, sent


def hub(local, **over):
    """A multipoint st0.0 whose pool is a part of its subnet."""
    gateway = {"name": "peer", "local_address": local, "remote_address": "any", "remote_identity": "keyid:lab",
               "pre_shared_key": {"file": "psk"}, "proposals": ["aes256-sha1-modp2048"], "ike_version": 1,
               "establish_tunnels": "responder-only",
               "ikev1": {"mode": "aggressive", "xauth": "server",
                         "users": [{"name": "alice", "password": {"text": USERS["alice"]}}],
                         "mode_config": {"role": "server", "pool": "10.11.11.129/32", "dns": ["10.1.0.53"]}},
               "vpns": [{"name": "net", "bind_interface": "st0.0", "proposals": ["aes256-sha1"]}], **over}
    return {"interfaces": [{"name": "st0.0", "multipoint": True, "address": ["10.11.11.1/24"]}],
            "gateways": [gateway], "local_networks": ["10.1.0.0/24"]}


def pair(lab):
    ours, theirs = lab.namespace("a"), lab.namespace("b")
    lab.address(ours, "lo", "10.1.0.1/24")
    lab.link(ours, "va", ["10.99.0.1/24"], theirs, "vb", ["10.99.0.2/24"])
    return ours, theirs


def vpnc(lab, row):
    ours, theirs = pair(lab)
    gateway = Gateway(lab, ours, hub("10.99.0.1")).start()
    peer = Vpnc(lab, theirs, "10.99.0.1", dpd=row.get("dpd", 0)).start()
    if (peer.address, peer.dns) != ("10.11.11.129", ["10.1.0.53"]):
        raise LabError(f"vpnc got {peer.address} {peer.dns}")
    table = wait_for("the next-hop entry", 5, lambda: gateway.show("ipsec", "next-hop-tunnels")["rows"])
    if (table[0]["source"], table[0]["xauth_user"], table[0]["next_hop"]) != ("assigned", "alice", "10.11.11.129"):
        raise LabError(f"next-hop table: {table}")
    for size in (56, 1300):
        if not ping(theirs, peer.address, "10.1.0.1", size=size) or not ping(ours, "10.1.0.1", peer.address, size=size):
            raise LabError(f"no traffic with {size} bytes")
    if row.get("dpd"):
        time.sleep(2.5 * row["dpd"])
        if not ping(theirs, peer.address, "10.1.0.1"):
            raise LabError("no traffic after DPD")
    back, out = peer.counters()
    if back < 4000 or out < 4000:
        raise LabError(f"vpnc counted {back} bytes in, {out} out")
    sa = gateway.show("ipsec", "sa")["rows"][0]
    suite = re.findall(r"IKE SA selected (\S+)", peer.log()) or ["?"]
    esp = re.findall(r"IPSEC SA selected (\S+)", peer.log()) or ["?"]
    lab.stop(peer.process)
    wait_for("our SAs gone after vpnc's delete", 10, lambda: not gateway.show("ipsec", "sa")["rows"])
    return {"suite": suite[0], "esp": esp[0], "mode": "TUNNEL-in-UDP",
            "spis": f"{sa['spi_out'][2:]} / {sa['spi_in'][2:]}", "bytes": f"{back} / {out}"}


def names(gateway):
    """Whose the next hops are, by the gateway's own table."""
    rows = gateway.show("ipsec", "next-hop-tunnels")["rows"]
    return {row["next_hop"]: row["xauth_user"] for row in rows if row["source"] == "assigned"}


def two_users(lab, row):
    """Two hosts behind one entry, each with its own user, at once."""
    ours, first = pair(lab)
    second = lab.namespace("c")
    lab.link(ours, "vc", ["10.98.0.1/24"], second, "vd", ["10.98.0.2/24"])
    run(["ip", "-n", second, "route", "add", "10.99.0.1", "via", "10.98.0.1"])
    settings = hub("10.99.0.1")
    v1 = settings["gateways"][0]["ikev1"]
    v1["shared"] = True
    v1["users"] = [{"name": name, "password": {"text": password}} for name, password in USERS.items()]
    v1["mode_config"]["pool"] = "10.11.11.128/28"
    gateway = Gateway(lab, ours, settings).start()
    alice = Vpnc(lab, first, "10.99.0.1", user="alice").start()
    bob = Vpnc(lab, second, "10.99.0.1", user="bob").start()
    wait_for("a row for each user", 5, lambda: names(gateway) == {alice.address: "alice", bob.address: "bob"})
    for peer, other in ((alice, bob), (bob, alice)):
        for size in (56, 1300):
            if not ping(peer.ns, peer.address, "10.1.0.1", size=size) or \
                    not ping(ours, "10.1.0.1", peer.address, size=size):
                raise LabError(f"no traffic with {size} bytes for {peer.user}")
        if not ping(peer.ns, peer.address, other.address):
            raise LabError(f"{peer.user} does not reach {other.user} through us")
    counts = [peer.counters() for peer in (alice, bob)]
    if min(min(c) for c in counts) < 4000:
        raise LabError(f"vpnc counted {counts}")
    sas = gateway.show("ipsec", "sa")["rows"]
    suite = re.findall(r"IKE SA selected (\S+)", bob.log()) or ["?"]
    esp = re.findall(r"IPSEC SA selected (\S+)", bob.log()) or ["?"]
    lab.stop(alice.process)
    wait_for("alice's row gone", 10, lambda: names(gateway) == {bob.address: "bob"})
    if not ping(second, bob.address, "10.1.0.1"):
        raise LabError("no traffic for bob after alice left")
    return {"suite": suite[0], "esp": esp[0], "mode": "TUNNEL-in-UDP",
            "spis": "; ".join(f"{sa['spi_out'][2:]} / {sa['spi_in'][2:]}" for sa in sas),
            "bytes": "; ".join(f"{back} / {out}" for back, out in counts)}


def wrong_password(lab, row):
    """A user whose password is wrong gets no address and no SA."""
    ours, theirs = pair(lab)
    settings = hub("10.99.0.1")
    settings["gateways"][0]["ikev1"]["users"][0]["password"] = {"text": "not-what-vpnc-says"}
    gateway = Gateway(lab, ours, settings).start()
    try:
        Vpnc(lab, theirs, "10.99.0.1").start()
    except LabError as e:
        if gateway.show("ipsec", "sa")["rows"] or gateway.show("ipsec", "next-hop-tunnels")["rows"]:
            raise LabError("an SA for a wrong password") from e
        return {"suite": "", "esp": "refused", "mode": "", "spis": "", "bytes": ""}
    raise LabError("vpnc came up with a wrong password")


# ---- ike-scan ----

MODERN, OLD = "(1=7,14=256,2=4,3=1,4=14)", "(1=1,2=1,3=1,4=1)"  # AES-256 SHA2-256 PSK MODP-2048; DES MD5


def scan(ns, *options):
    p = subprocess.run(["ip", "netns", "exec", ns, "ike-scan", "--multiline", "--retry=2", "--timeout=1500", *options,
                        "10.99.0.1"], capture_output=True, text=True, timeout=30, check=False)
    return p.stdout + p.stderr


def ike_scan(lab, row):
    ours, theirs = pair(lab)
    settings = hub("10.99.0.1", proposals=["aes256-sha256-modp2048"], ikev1={"mode": "aggressive"})
    one = settings["gateways"][0]
    settings["gateways"] += [
        {**one, "name": "main", "remote_identity": "main.interop", "ikev1": {"mode": "main"}},
        {**{k: v for k, v in one.items() if k != "ikev1"}, "name": "v2", "remote_identity": "v2.interop",
         "ike_version": 2, "proposals": ["aes256-sha1-prfsha1-modp1024"]}]  # ike-scan knows no newer ones
    gateway = Gateway(lab, ours, settings).start()
    said = []
    for options, want in row["asks"]:
        out = scan(theirs, *options)
        said.append(next(line.split("\t")[1] for line in out.splitlines() if line.startswith("10.99.0.1")))
        for text in want:
            if text not in out:
                raise LabError(f"ike-scan {' '.join(options)}: {text} is not in: " + " / ".join(out.splitlines()[1:6]))
    if gateway.show("ipsec", "sa")["rows"]:
        raise LabError("a scan made an SA")
    return {"suite": "; ".join(said), "esp": "", "mode": "", "spis": "", "bytes": ""}


def foreign(name, run_row, peer, **more):
    return {"name": name, "role": "responder", "perform": run_row, "peer": peer, **more}


ROWS = [
    foreign("aggressive, XAuth, mode config, traffic both ways", vpnc, "vpnc"),
    foreign("the same with DPD by vpnc", vpnc, "vpnc", dpd=2),
    foreign("a wrong password is refused", wrong_password, "vpnc"),
    foreign("two users at once by one shared entry, traffic both ways", two_users, "vpnc"),
    foreign("main mode: answered; DES and MD5: NO-PROPOSAL-CHOSEN", ike_scan, "ike-scan", asks=[
        (["--trans=" + OLD], ["Notify message 14", "NO-PROPOSAL-CHOSEN"]),
        (["--trans=" + MODERN], ["Main Mode Handshake returned", "Enc=AES", "Group=14", "Auth=PSK"])]),
    foreign("aggressive mode: answered for its identity", ike_scan, "ike-scan", asks=[
        (["--aggressive", "--id=lab", "--idtype=11", "--dhgroup=14", "--trans=" + MODERN],
         ["Aggressive Mode Handshake returned", "Enc=AES", "KeyExchange(256 bytes)", "Hash("])]),
    foreign("IKEv2: another group is asked for, the right one answered", ike_scan, "ike-scan", asks=[
        (["--ikev2", "--dhgroup=14"], ["Notify message 17 (INVALID_KE_PAYLOAD)"]),
        (["--ikev2"], ["IKEv2 SA_INIT Handshake returned", "DH_Group=2:modp1024", "Nonce(32 bytes)"])]),
]
