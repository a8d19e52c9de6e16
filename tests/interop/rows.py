# SPDX-License-Identifier: Apache-2.0
"""The rows of the interop matrix and the steps they take after the tunnel is up and counted."""
import itertools
import re
import signal
import threading
import time

from gateway import seeded_psk
from lab import LabError, wait_for
from strongswan import StrongSwan

LONG = ".".join(["nhtb"] + [c * 30 for c in "abcdefg"] + ["interop"])  # 229 bytes
LONG_PEER = LONG.replace("nhtb", "peer", 1)


# ---- steps: each gets the Run object ----

def spis(sa):
    child = sa["children"][0]
    return {child["in"], child["out"]}


def new_child(r, before):
    def changed():
        sa = r.report()
        return sa if sa and not spis(sa) & before else None
    wait_for("a new SA pair by the peer's report", 15, changed)
    r.traffic()


def rekey_child_by_us(r):
    before = spis(r.report())
    r.gateway.ctl("rekey", "peer", "child")
    new_child(r, before)


def rekey_child_by_peer(r):
    before = spis(r.report())
    r.peer.ctl("--rekey", "--child", "net")
    new_child(r, before)


def new_ike(r, before):
    wait_for("a new IKE SA by the peer's report", 15,
             lambda: (lambda sa: sa and sa["spi_i"] not in before and sa["spi_r"] not in before)(r.report()))
    r.traffic()


def rekey_ike_by_us(r):
    sa = r.report()
    r.gateway.ctl("rekey", "peer", "ike")
    new_ike(r, {sa["spi_i"], sa["spi_r"]})


def rekey_ike_by_peer(r):
    sa = r.report()
    r.peer.ctl("--rekey", "--ike", "nhtb")
    new_ike(r, {sa["spi_i"], sa["spi_r"]})


def both_at_once(r, ours, theirs, changed):
    """Both sides start a rekey at the same moment; whoever wins, one SA stands and traffic passes."""
    done = []
    t = threading.Thread(target=lambda: done.append(r.peer.ctl("--rekey", *theirs, check=False)))
    t.start()
    r.gateway.ctl("rekey", "peer", ours)
    t.join()
    wait_for("the rekeys of both sides settled", 20, changed)
    r.traffic()


def rekey_child_by_both(r):
    for _ in range(3):
        before = spis(r.report())
        both_at_once(r, "child", ("--child", "net"),
                     lambda: (lambda sa: sa and not spis(sa) & before)(r.report()))


def rekey_ike_by_both(r):
    sa = r.report()
    before = {sa["spi_i"], sa["spi_r"]}
    both_at_once(r, "ike", ("--ike", "nhtb"),
                 lambda: (lambda s: s and not {s["spi_i"], s["spi_r"]} & before)(r.report()))


def delete_and_again_by_peer(r):
    delete_by_peer(r)
    r.peer.initiate()
    r.first = wait_for("established again by the peer's report", 20, r.report)
    r.traffic()


def delete_and_again_by_us(r):
    before = spis(r.report())
    r.gateway.ctl("clear", "peer")
    r.first = wait_for("established again by the peer's report", 30,
                       lambda: (lambda sa: sa if sa and not spis(sa) & before else None)(r.report()))
    r.traffic()


def delete_by_peer(r):
    r.peer.ctl("--terminate", "--ike", "nhtb", "--timeout", "5")
    wait_for("our SAs gone", 5, lambda: not rows_of(r.gateway.show("ipsec", "sa")))
    if r.hosts.ping_from_us(count=1):
        raise LabError("traffic passes without an SA")


def delete_by_us(r):
    r.gateway.ctl("clear", "peer")
    wait_for("the peer's SAs gone", 5, lambda: not r.peer.sas())


def peer_dies(r):
    """Our liveness checks (2 s x 3) notice a killed peer."""
    r.peer.process.send_signal(signal.SIGKILL)
    r.peer.process.wait()
    started = time.monotonic()
    wait_for("liveness took the SAs down", 20, lambda: not rows_of(r.gateway.show("ipsec", "sa")))
    if time.monotonic() - started > 15:
        raise LabError("liveness took longer than 15 s")


def kill_us(r):
    r.lab.stop(r.gateway.process, signal.SIGKILL)


def we_die(r):
    """The peer's DPD notices that we were killed, so its checks were answered before."""
    time.sleep(2.5)  # at least one of its checks passes while we live
    if not r.report():
        raise LabError("the peer lost the SA while we lived")
    kill_us(r)
    wait_for("the peer's DPD", 25, lambda: not r.peer.sas(), 0.5)


def big_packets(r):
    r.traffic(size=1300)
    r.traffic(size=4000)  # fragments on both sides


def fragmented(from_us, from_peer):
    """IKE_AUTH went in fragments (RFC 7383), by the peer's own log."""
    def step(r):
        log = r.peer.log()
        for text, wanted in ((r"parsed IKE_AUTH \w+ 1 \[ EF\(1/", from_us),
                             (r"generating IKE_AUTH \w+ 1 \[ EF\(1/", from_peer)):
            if bool(re.search(text, log)) != wanted:
                raise LabError(f"{text} is {'not ' if wanted else ''}in the peer's log")
    return step


def spoke(name, kind=2, hub=LONG, **more):
    """strongSwan's options for a spoke of the wildcard entry: its identity and its key of the seed."""
    return {"local_id": more.get("written", name), "remote_id": hub, "psk": seeded_psk((2, hub), (kind, name))}


def another_spoke(r):
    """A second identity comes under the same entry, a third one with the second's key does not."""
    ns = r.lab.namespace("c")
    r.lab.link(r.hosts.ours, "vc", ["10.98.0.1/24"], ns, "vd", ["10.98.0.2/24"])
    r.lab.address(ns, "lo", "10.3.0.1/24")
    address = {"local": "10.98.0.2", "remote": "10.98.0.1", "local_ts": "10.3.0.0/24"}
    second = {**address, **spoke("s2.spokes.interop", hub="nhtb.interop")}
    peer = StrongSwan(r.lab, ns, name="swan2", **second).start()
    peer.initiate()
    wait_for("the second spoke's own report", 10, lambda: [s for s in peer.sas() if s["children"]])
    if not r.report():
        raise LabError("the first spoke lost its SA")
    up = {(p["name"], p["entry"]) for p in rows_of(r.gateway.show("peers")) if p["up"]}
    if up != {("peer.interop", "peer"), ("s2.spokes.interop", "peer")}:
        raise LabError(f"connected: {up}")
    peer.ctl("--terminate", "--ike", "nhtb", "--timeout", "5")
    r.lab.stop(peer.process)
    thief = StrongSwan(r.lab, ns, name="swan3", **{**second, "local_id": "s3.spokes.interop"}).start()
    if "AUTHENTICATION_FAILED" not in thief.initiate(check=False) + thief.log():
        raise LabError("another identity with the second's key was not refused")
    if not r.report():
        raise LabError("the first spoke lost its SA")


def narrowed(r):
    child = r.first["children"][0]
    if child.get("ts_local") != "10.2.0.0/24" or child.get("ts_remote") != "10.1.0.0/24":
        raise LabError(f"selectors {child.get('ts_local')} === {child.get('ts_remote')}")


def rows_of(answer):
    """The list inside one of our JSON answers, whatever its key."""
    if isinstance(answer, list):
        return answer
    return next((v for v in answer.values() if isinstance(v, list)), [])


# ---- suites: (our words, strongSwan's words) ----
GCM = ("aes256gcm16-prfsha256-x25519", "aes256gcm16-prfsha256-x25519")
IKE = {
    "gcm256-x25519": GCM,
    "gcm128-ecp256": ("aes128gcm16-prfsha256-ecp256", "aes128gcm16-prfsha256-ecp256"),
    "cbc256-sha512-modp2048": ("aes256-sha512-modp2048", "aes256-sha512-modp2048"),
    "cbc128-sha256-ecp256": ("aes128-sha256-ecp256", "aes128-sha256-ecp256"),
    "cbc256-sha384-x25519": ("aes256-sha384-x25519", "aes256-sha384-x25519"),
    "gcm256-ecp384": ("aes256gcm16-prfsha384-ecp384", "aes256gcm16-prfsha384-ecp384"),
    "gcm256-ecp521": ("aes256gcm16-prfsha512-ecp521", "aes256gcm16-prfsha512-ecp521"),
    "cbc256-sha384-ecp384": ("aes256-sha384-ecp384", "aes256-sha384-ecp384"),
    "cbc256-sha512-modp3072": ("aes256-sha512-modp3072", "aes256-sha512-modp3072"),
    "gcm128-modp4096": ("aes128gcm16-prfsha256-modp4096", "aes128gcm16-prfsha256-modp4096"),
    "chacha-x25519": ("chacha20poly1305-prfsha256-x25519", "chacha20poly1305-prfsha256-x25519"),
}


def row(name, role, ike="gcm256-x25519", esp="aes256gcm16", **more):
    ours, theirs = IKE[ike]
    return {"name": name, "role": role, "ike": [ours], "swan_ike": theirs,
            "esp": esp if isinstance(esp, list) else [esp],
            "swan_esp": more.pop("swan_esp", esp if isinstance(esp, str) else ",".join(esp)), **more}


def wildcard(**identity):
    return {"gateway": {"remote_address": "any", "local_address": "any", "remote_identity": identity,
                        "pre_shared_key": None, "seed": {"file": "seed"}, "connection_limit": 3}}


# All of them are offered, so that the request is longer than the path; strongSwan takes the first.
MANY = ["aes256gcm16-noesn"] + [f"aes256-aes128-{'-'.join(hashes)}-noesn" for hashes in
                                itertools.permutations(("sha256", "sha384", "sha512"))]
NETS = {side: [f"10.{side}.{n}.0/24" for n in range(10)] for side in (1, 2)}
LONG_IDS = {"gateway": {"local_identity": LONG, "remote_identity": LONG_PEER},
            "local_ts": NETS[1], "remote_ts": NETS[2]}
LONG_IDS_SWAN = {"local_id": LONG_PEER, "remote_id": LONG, "fragmentation": "yes",
                 "local_ts": ",".join(NETS[2]), "remote_ts": ",".join(NETS[1])}
SMALL_FRAGMENTS = {"top": {"ipsec": {"fragment_size": 576}}}
SEEDED = seeded_psk((2, "nhtb.interop"), (2, "peer.interop"))

ROWS = [
    # userland ESP: suites and groups, both roles
    row("AES-256-GCM, X25519", "initiator", steps=[big_packets],
        expect_suite=["AES_GCM_16-256", "PRF_HMAC_SHA2_256", "CURVE_25519"]),
    row("AES-256-GCM, X25519", "responder", steps=[big_packets], expect_suite=["AES_GCM_16-256", "CURVE_25519"]),
    row("AES-128-GCM, P-256", "initiator", "gcm128-ecp256", "aes128gcm16",
        expect_suite=["AES_GCM_16-128", "ECP_256"]),
    row("AES-128-GCM, P-256", "responder", "gcm128-ecp256", "aes128gcm16",
        expect_suite=["AES_GCM_16-128", "ECP_256"]),
    row("AES-256-CBC SHA-512, MODP-2048", "initiator", "cbc256-sha512-modp2048", "aes256-sha512",
        expect_suite=["AES_CBC-256/HMAC_SHA2_512_256", "MODP_2048"]),
    row("AES-128-CBC SHA-256, MODP-2048", "responder", "cbc256-sha512-modp2048", "aes128-sha256",
        expect_suite=["AES_CBC-128/HMAC_SHA2_256_128", "MODP_2048"]),
    row("AES-256-CBC SHA-384, X25519", "initiator", "cbc256-sha384-x25519", "aes256-sha384",
        expect_suite=["AES_CBC-256/HMAC_SHA2_384_192"]),
    row("AES-128-CBC SHA-256, P-256", "responder", "cbc128-sha256-ecp256", "aes128-sha256",
        expect_suite=["AES_CBC-128/HMAC_SHA2_256_128", "ECP_256"]),
    row("ChaCha20-Poly1305, X25519", "initiator", "chacha-x25519", "chacha20poly1305",
        expect_suite=["CHACHA20_POLY1305"]),
    row("ChaCha20-Poly1305, X25519", "responder", "chacha-x25519", "chacha20poly1305",
        expect_suite=["CHACHA20_POLY1305"]),
    # larger groups, each role
    row("AES-256-GCM, P-384", "initiator", "gcm256-ecp384", expect_suite=["ECP_384", "PRF_HMAC_SHA2_384"]),
    row("AES-256-GCM, P-521", "initiator", "gcm256-ecp521", expect_suite=["ECP_521", "PRF_HMAC_SHA2_512"]),
    row("AES-256-GCM, P-521", "responder", "gcm256-ecp521", expect_suite=["ECP_521"]),
    row("AES-256-CBC SHA-384, P-384", "responder", "cbc256-sha384-ecp384", "aes256-sha384",
        expect_suite=["ECP_384", "AES_CBC-256/HMAC_SHA2_384_192"]),
    row("AES-256-CBC SHA-512, MODP-3072", "initiator", "cbc256-sha512-modp3072", "aes256-sha512",
        expect_suite=["MODP_3072"]),
    row("AES-128-CBC SHA-384, MODP-3072", "responder", "cbc256-sha512-modp3072", "aes128-sha384",
        expect_suite=["MODP_3072", "AES_CBC-128/HMAC_SHA2_384_192"]),
    row("AES-128-GCM, MODP-4096", "initiator", "gcm128-modp4096", "aes128gcm16", expect_suite=["MODP_4096"]),
    row("AES-128-CBC SHA-512, MODP-4096", "responder", "gcm128-modp4096", "aes128-sha512",
        expect_suite=["MODP_4096", "AES_CBC-128/HMAC_SHA2_512_256"]),
    row("AES-256-CBC SHA-256, X25519", "initiator", "cbc256-sha384-x25519", "aes256-sha256",
        expect_suite=["AES_CBC-256/HMAC_SHA2_256_128"]),
    row("child rekey by us, PFS P-384", "initiator", esp="aes256gcm16-ecp384", steps=[rekey_child_by_us]),
    row("child rekey by the peer, PFS P-521", "responder", esp="aes256gcm16-ecp521", steps=[rekey_child_by_peer]),
    row("child rekey by the peer, PFS MODP-3072", "initiator", esp="aes128gcm16-modp3072",
        steps=[rekey_child_by_peer, rekey_child_by_us]),
    # both sides at once, down and up again, windows of the peer
    row("child rekeys by both at once", "initiator", steps=[rekey_child_by_both]),
    row("child rekeys by both at once, PFS", "responder", esp="aes256gcm16-x25519", steps=[rekey_child_by_both]),
    row("IKE rekeys by both at once", "responder", steps=[rekey_ike_by_both]),
    row("delete by the peer, then again", "responder", steps=[delete_and_again_by_peer]),
    row("delete by us, then again", "initiator", steps=[delete_and_again_by_us]),
    row("the peer's replay window 1024", "responder", swan={"window": "1024"}, steps=[big_packets]),
    row("the peer has no replay window", "initiator", swan={"window": "0"}, steps=[big_packets]),
    row("wrong KE group first (INVALID_KE_PAYLOAD)", "initiator", ike="gcm256-x25519",
        swan={"ike": "aes256gcm16-prfsha256-ecp256"}, our_ike_words=True, expect_suite=["ECP_256"]),
    row("wrong KE group first (INVALID_KE_PAYLOAD)", "responder",
        swan={"ike": "aes256gcm16-prfsha256-ecp256-x25519"}, expect_suite=["CURVE_25519"]),
    # NAT
    row("we are behind NAT", "initiator", nat="ours", steps=[big_packets], expect_suite=["TUNNEL-in-UDP"]),
    row("the peer is behind NAT", "responder", nat="peer", steps=[big_packets], expect_suite=["TUNNEL-in-UDP"]),
    # rekeys and deletes from either side
    row("child rekey by us", "initiator", steps=[rekey_child_by_us, rekey_child_by_us]),
    row("child rekey by the peer", "initiator", steps=[rekey_child_by_peer, rekey_child_by_peer]),
    row("child rekey by us, PFS", "responder", esp="aes256gcm16-x25519", steps=[rekey_child_by_us]),
    row("child rekey by the peer, PFS", "responder", esp="aes256gcm16-ecp256", steps=[rekey_child_by_peer]),
    row("IKE rekey by us", "initiator", steps=[rekey_ike_by_us, rekey_child_by_us, rekey_ike_by_us]),
    row("IKE rekey by the peer", "responder", steps=[rekey_ike_by_peer, rekey_child_by_peer, rekey_ike_by_peer]),
    row("delete by the peer", "responder", steps=[delete_by_peer], ends_down=True),
    row("delete by us", "responder", steps=[delete_by_us], ends_down=True),
    # liveness
    row("liveness: the peer dies", "responder", gateway={"dpd": 2}, steps=[peer_dies], ends_down=True),
    row("liveness: we die", "initiator", swan={"dpd": "1s"}, steps=[we_die], ends_down=True),
    # narrowing
    row("narrowing: the peer offers 0.0.0.0/0", "responder",
        swan={"local_ts": "10.2.0.0/24", "remote_ts": "0.0.0.0/0"}, steps=[narrowed]),
    row("narrowing: we offer 0.0.0.0/0", "initiator",
        gateway={"vpn": {"traffic_selectors": {"local": ["0.0.0.0/0"], "remote": ["0.0.0.0/0"]}}}, steps=[narrowed]),
    # IKE fragmentation: identities, proposals and selectors that fit no datagram of the path, which loses IP fragments
    row("IKE fragments, path of 1280", "initiator", esp=MANY, narrow=1280, gateway=LONG_IDS, swan=LONG_IDS_SWAN,
        steps=[fragmented(True, False), rekey_child_by_us, rekey_ike_by_us]),
    row("IKE fragments, path of 1280", "responder", esp=MANY, narrow=1280, gateway=LONG_IDS, swan=LONG_IDS_SWAN,
        steps=[fragmented(False, True), rekey_child_by_peer, rekey_ike_by_peer]),
    row("IKE fragments of 576 both ways", "initiator", narrow=1280, gateway={**LONG_IDS, **SMALL_FRAGMENTS},
        swan={**LONG_IDS_SWAN, "fragment_size": "576"}, steps=[fragmented(True, True), rekey_ike_by_us]),
    row("IKE fragments of 576 both ways", "responder", narrow=1280, gateway={**LONG_IDS, **SMALL_FRAGMENTS},
        swan={**LONG_IDS_SWAN, "fragment_size": "576"}, steps=[fragmented(True, True), rekey_ike_by_peer]),
    # one entry of ours for any identity; keys of its seed, computed here by RFC 5869 alone
    row("AutoVPN: domain suffix, seeded PSK, two spokes", "responder", swan=spoke("peer.interop", hub="nhtb.interop"),
        gateway={**wildcard(domain_suffix="interop"), "remote_ts": ["10.2.0.0/15"]}, steps=[another_spoke]),
    row("AutoVPN: e-mail domain, seeded PSK", "responder", gateway=wildcard(email_domain="spokes.interop"),
        swan=spoke("ann@spokes.interop", 3, hub="nhtb.interop"), steps=[rekey_child_by_peer, rekey_ike_by_us]),
    row("AutoVPN: KEY_ID prefix, seeded PSK", "responder", gateway=wildcard(key_id_prefix="site-"),
        swan=spoke("site-17", 11, hub="nhtb.interop", written="keyid:site-17"),
        steps=[rekey_child_by_us, rekey_ike_by_peer]),
    row("seeded PSK, one identity", "initiator", gateway={"gateway": {"pre_shared_key": {"hex": SEEDED[2:]}}},
        swan={"psk": SEEDED}, steps=[rekey_child_by_us]),
    # a real kernel: native ESP, IPv6, ESN
    row("kernel: native ESP, no ESN", "initiator", kernel=True, esp="aes256gcm16-noesn", steps=[big_packets],
        expect_suite=["AES_GCM_16-256"]),
    row("kernel: native ESP, ESN", "responder", kernel=True, esp="aes256gcm16-esn", steps=[big_packets],
        expect_suite=["AES_GCM_16-256"]),
    row("kernel: native ESP, ESN, CBC", "initiator", kernel=True, esp="aes256-sha256-esn",
        steps=[big_packets, rekey_child_by_peer], expect_suite=["AES_CBC-256/HMAC_SHA2_256_128/ESN"]),
    row("kernel: IPv6 outer, native ESP, ESN", "initiator", kernel=True, outer="ipv6", esp="aes128gcm16-esn",
        steps=[big_packets, rekey_child_by_us], expect_suite=["AES_GCM_16-128"]),
    row("kernel: IPv6 outer, native ESP, no ESN", "responder", kernel=True, outer="ipv6",
        esp="aes128-sha256-noesn", steps=[big_packets, rekey_ike_by_peer],
        expect_suite=["AES_CBC-128/HMAC_SHA2_256_128"]),
    row("kernel: ESP in UDP, ChaCha20-Poly1305", "responder", kernel=True, ike="chacha-x25519",
        esp="chacha20poly1305", swan={"encap": "yes"}, expect_suite=["CHACHA20_POLY1305", "TUNNEL-in-UDP"]),
]
for r in ROWS:
    if r.pop("our_ike_words", False):
        r["ike"] = ["aes256gcm16-prfsha256-x25519-ecp256"]  # X25519 first, the peer allows P-256 only
