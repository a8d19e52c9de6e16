# SPDX-License-Identifier: Apache-2.0
"""The IKEv1 rows: main and aggressive mode, NAT, DPD, rekeys of both phases, deletes, several selectors,
and our next-hop announcement towards a peer that knows nothing of it."""
import time

import rows as v2
from lab import LabError, wait_for

# name: (our words, strongSwan's words)
IKE = {
    "cbc256-sha256-modp2048": "aes256-sha256-modp2048",
    "cbc128-sha256-ecp256": "aes128-sha256-ecp256",
    "cbc256-sha384-ecp384": "aes256-sha384-ecp384",
    "cbc256-sha512-modp3072": "aes256-sha512-modp3072",
    "cbc256-sha512-modp4096": "aes256-sha512-modp4096",
}


def row(name, role, ike="cbc256-sha256-modp2048", esp="aes256-sha256", v1=None, **more):
    """v1: members of the gateway's "ikev1"."""
    swan = {"version": "1", **more.pop("swan", {})}
    over = dict(more.pop("gateway", {}))
    gateway = {"ike_version": 1, **over.pop("gateway", {})}
    if v1:
        gateway["ikev1"] = v1
    return {"name": "IKEv1 " + name, "role": role, "ike": [IKE.get(ike, ike)], "swan_ike": IKE.get(ike, ike),
            "esp": [esp], "swan_esp": more.pop("swan_esp", esp), "swan": swan,
            "gateway": {**over, "gateway": gateway}, "version": 1, **more}


AGGRESSIVE = {"v1": {"mode": "aggressive"}, "swan": {"aggressive": "yes"}}


def rekey_phase1_by_us(r):
    sa = r.report()
    r.gateway.ctl("rekey", "peer", "ike")
    v2.new_ike(r, {sa["spi_i"], sa["spi_r"]})


def rekey_phase1_by_peer(r):
    sa = r.report()
    r.peer.ctl("--rekey", "--ike", "nhtb")
    v2.new_ike(r, {sa["spi_i"], sa["spi_r"]})


def unmoved(r):
    """The child outlived its ISAKMP SA: phase 1 was replaced, phase 2 was not."""
    if v2.spis(r.report()) != v2.spis(r.first):
        raise LabError("the IPsec SAs changed with the ISAKMP SA")


def second_selector(r):
    """A second quick mode with proxy IDs of its own; both carry traffic both ways."""
    if r.row["role"] == "responder":
        r.peer.initiate(child="net2")
    sa = wait_for("two SA pairs by the peer's report", 20, lambda: next(
        (s for s in r.peer.sas() if {c["name"] for c in s["children"]} == {"net", "net2"}), None))
    for source, target in (("10.2.0.1", "10.1.0.1"), ("10.3.0.1", "10.1.0.1")):
        if not r.hosts.ping_between(r.hosts.peer, source, target) or \
                not r.hosts.ping_between(r.hosts.ours, target, source):
            raise LabError(f"no traffic between {source} and {target}")
    for child in wait_for("the counters", 5, lambda: r.peer.sas())[0]["children"]:
        if not child["bytes_in"] or not child["bytes_out"]:
            raise LabError(f"{child['name']} carried nothing: {child}")
    if {c["ts_local"] for c in sa["children"]} != {"10.2.0.0/24", "10.3.0.0/24"}:
        raise LabError(f"selectors {sa['children']}")


SEVERAL = {
    "swan": {"more_children": [("net2", "10.3.0.0/24", "10.1.0.0/24")]},
    "gateway": {"remote_ts": ["10.2.0.0/24", "10.3.0.0/24"], "vpns": [
        {"name": "net", "traffic_selectors": {"local": ["10.1.0.0/24"], "remote": ["10.2.0.0/24"]}},
        {"name": "net2", "traffic_selectors": {"local": ["10.1.0.0/24"], "remote": ["10.3.0.0/24"]}}]},
    "peer_lans": ["10.3.0.1/24"],
}


def announced(r):
    """Our notify went out in quick mode, the peer saw a type it does not know, and nothing broke."""
    sent = r.gateway.show("statistics")["rows"][0]["ike"]["notify_nhtb_sent"]
    if not sent:
        raise LabError("no announcement was sent")
    before = v2.spis(r.report())
    r.gateway.ctl("rekey", "peer", "child")
    v2.new_child(r, before)
    if r.gateway.show("statistics")["rows"][0]["ike"]["notify_nhtb_sent"] <= sent:
        raise LabError("no announcement in the rekey")


def we_die(r):
    """The peer's DPD notices that we were killed, so its probes were answered before."""
    time.sleep(3)
    if "DPD" not in r.peer.log() or not r.report():
        raise LabError("no DPD exchange, or the peer lost the SA while we lived")
    v2.kill_us(r)
    wait_for("the peer's DPD", 30, lambda: not r.peer.sas(), 0.5)


# ---- XAuth and mode config ----

def fixed_user(r):
    """The name that XAuth proved is shown: in the peer's report, or in our next-hop table."""
    if r.row["role"] == "initiator" and "alice" not in r.peer.ctl("--list-sas"):
        raise LabError("the peer's report names no user")


def assigned(r):
    """The address we gave is the peer's, is bound as a next hop with its user, and carries traffic."""
    table = r.gateway.show("ipsec", "next-hop-tunnels")["rows"]
    if len(table) != 1 or table[0]["source"] != "assigned" or table[0]["flag"] != "Auto" or not table[0]["up"]:
        raise LabError(f"next-hop table: {table}")
    if r.row.get("user") and table[0]["xauth_user"] != r.row["user"]:
        raise LabError(f"user {table[0]['xauth_user']}")
    if table[0]["next_hop"] != "10.11.11.129":
        raise LabError(f"address {table[0]['next_hop']}")
    if "10.11.11.129" not in r.peer.ctl("--list-sas"):
        raise LabError("the peer's report has no such virtual address")
    way = r.gateway.show("route", "10.11.11.129")
    if way["result"] != "sa" or not way["route"]["on_link"]:
        raise LabError(f"the chain ends at {way['result']}")


def got_address(r):
    """The peer gave us an address (we have no use for it but the selectors)."""
    if "10.11.11.129" not in r.peer.ctl("--list-sas"):
        raise LabError("the peer's report has no such virtual address")


USERS = [{"name": "alice", "password": {"text": "wonderland-and-back"}},
         {"name": "mallory", "password": {"text": "something-else-entirely"}}]
XAUTH_SERVER = {"v1": {"xauth": "server", "users": USERS},
                "swan": {"rounds": " local-xauth { auth = xauth\n  xauth_id = alice\n }"}}
XAUTH_CLIENT = {"v1": {"xauth": "client", "user": "alice", "password": {"text": "wonderland-and-back"}},
                "swan": {"rounds": " remote-xauth { auth = xauth\n }"}}
HUB = {"interfaces": [{"name": "st0.0", "multipoint": True, "address": ["10.11.11.1/24"]}], "routes": [],
       "vpn": {"traffic_selectors": {"local": ["10.1.0.0/24"], "remote": ["10.11.11.0/24"]}}}
POOL = {"role": "server", "pool": "10.11.11.129/32", "dns": ["10.1.0.53"]}
VIRTUAL = {"remote_ts": "10.1.0.0/24", "local_ts": "dynamic", "install_vip": "yes"}


def server(push, xauth):
    """We give the peer its address; it speaks from that address."""
    base = XAUTH_SERVER if xauth else {"v1": {}, "swan": {}}
    return {"v1": {**base["v1"], "mode_config": {**POOL, "push": push}}, "gateway": HUB, "virtual": "10.11.11.129",
            "swan": {**base["swan"], **VIRTUAL, "more": " vips = 0.0.0.0", "pull": "no" if push else "yes"},
            "steps": [assigned], "user": "alice" if xauth else None}


def client(push):
    """The peer gives us one."""
    return {"v1": {"mode_config": {"role": "client", "push": push}},
            "swan": {"pull": "no" if push else "yes", "more": " pools = p",
                     "pools": "pools { p { addrs = 10.11.11.129/32\n } }"}, "steps": [got_address]}


ON = {"gateway": {"gateway": {"nhtb_notify": "on"}}}

ROWS = [
    # main mode: suites and groups, both roles
    row("main, AES-256 SHA-256, MODP-2048", "initiator", steps=[v2.big_packets],
        expect_suite=["AES_CBC-256/HMAC_SHA2_256_128", "MODP_2048"]),
    row("main, AES-256 SHA-256, MODP-2048", "responder", steps=[v2.big_packets],
        expect_suite=["AES_CBC-256/HMAC_SHA2_256_128", "MODP_2048"]),
    row("main, AES-128 SHA-256, P-256", "initiator", "cbc128-sha256-ecp256", "aes128-sha256",
        expect_suite=["AES_CBC-128", "ECP_256"]),
    row("main, AES-128 SHA-256, P-256", "responder", "cbc128-sha256-ecp256", "aes128-sha256",
        expect_suite=["AES_CBC-128", "ECP_256"]),
    row("main, AES-256 SHA-384, P-384, PFS", "initiator", "cbc256-sha384-ecp384", "aes256-sha384-ecp384",
        expect_suite=["HMAC_SHA2_384_192", "ECP_384"]),
    row("main, AES-256 SHA-512, MODP-3072, PFS", "responder", "cbc256-sha512-modp3072", "aes256-sha512-modp3072",
        expect_suite=["HMAC_SHA2_512_256", "MODP_3072"]),
    row("main, MODP-4096, ESP AES-256-GCM", "initiator", "cbc256-sha512-modp4096", "aes256gcm16",
        expect_suite=["AES_GCM_16-256", "MODP_4096"]),
    row("main, ESP AES-128-GCM", "responder", esp="aes128gcm16", expect_suite=["AES_GCM_16-128"]),
    # aggressive mode
    row("aggressive", "initiator", steps=[v2.big_packets], **AGGRESSIVE),
    row("aggressive", "responder", steps=[v2.big_packets], **AGGRESSIVE),
    row("aggressive, P-256, PFS", "responder", "cbc128-sha256-ecp256", "aes128-sha256-ecp256", **AGGRESSIVE),
    # NAT
    row("main, we are behind NAT", "initiator", nat="ours", steps=[v2.big_packets],
        expect_suite=["TUNNEL-in-UDP"]),
    row("main, the peer is behind NAT", "responder", nat="peer", steps=[v2.big_packets],
        expect_suite=["TUNNEL-in-UDP"]),
    row("aggressive, the peer is behind NAT", "responder", nat="peer", **AGGRESSIVE),
    # rekeys of both phases
    row("phase 2 rekey by us", "initiator", steps=[v2.rekey_child_by_us, v2.rekey_child_by_us]),
    row("phase 2 rekey by the peer", "responder", steps=[v2.rekey_child_by_peer, v2.rekey_child_by_peer]),
    row("phase 2 rekey by us, PFS", "responder", esp="aes256-sha256-ecp256", steps=[v2.rekey_child_by_us]),
    row("phase 2 rekey by the peer, PFS", "initiator", esp="aes256-sha256-modp2048",
        steps=[v2.rekey_child_by_peer]),
    row("phase 1 rekey by us", "initiator", steps=[rekey_phase1_by_us, v2.rekey_child_by_us]),
    row("phase 1 rekey by the peer", "responder", steps=[rekey_phase1_by_peer, v2.rekey_child_by_peer]),
    # deletes, DPD
    row("delete by the peer, then again", "responder", steps=[v2.delete_and_again_by_peer]),
    row("delete by us", "responder", steps=[v2.delete_by_us], ends_down=True),
    row("DPD: the peer dies", "responder", gateway={"dpd": 2}, steps=[v2.peer_dies], ends_down=True),
    row("DPD: we die", "initiator", swan={"dpd": "1s", "dpd_timeout": "4s"}, steps=[we_die], ends_down=True),
    # several selectors
    row("several selectors", "initiator", steps=[second_selector], first_child="net", ends_down=True, **SEVERAL),
    row("several selectors", "responder", steps=[second_selector], ends_down=True, **SEVERAL),
    # fragments of IKE messages
    row("fragmentation offered", "responder", swan={"fragmentation": "force"}),
    # XAuth, mode config
    row("XAuth, we are the server", "responder", **XAUTH_SERVER),
    row("XAuth, we are the client", "initiator", steps=[fixed_user], **XAUTH_CLIENT),
    row("aggressive, XAuth, we are the server", "responder", v1={**XAUTH_SERVER["v1"], "mode": "aggressive"},
        swan={**XAUTH_SERVER["swan"], "aggressive": "yes"}),
    row("mode config, we give the address (pull)", "responder", **server(False, False)),
    row("mode config, we give the address (push)", "responder", **server(True, False)),
    row("XAuth and mode config, we are the server", "responder", **server(False, True)),
    row("mode config, the peer gives us one (pull)", "initiator", **client(False)),
    row("mode config, the peer gives us one (push)", "initiator", **client(True)),
    # our NHTB notify
    row("our next-hop announcement, undisturbed", "initiator", steps=[announced], **ON),
    row("our next-hop announcement, undisturbed", "responder", steps=[announced], **ON),
]
