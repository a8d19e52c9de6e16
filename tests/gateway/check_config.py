# SPDX-License-Identifier: Apache-2.0
"""Bad configurations: each gives exactly one line that names place and cause, and status 3."""
import copy
import json
import os
import re
import subprocess
import sys
import tempfile

BASE = {
    "workers": 2, "worker_weights": [1, 0],
    "interfaces": [{"name": "st0.0", "multipoint": True, "address": ["10.11.11.10/24"]},
                   {"name": "st0.1", "address": ["10.12.0.1/30"]}],
    "gateways": [{"name": "spoke1", "remote_address": "any", "pre_shared_key": {"file": "psk"},
                  "proposals": ["aes256gcm16-prfsha256-x25519"],
                  "vpns": [{"name": "vpn1", "bind_interface": "st0.0", "proposals": ["aes256gcm16-esn"]}]},
                 {"name": "spoke2", "remote_address": "203.0.113.9", "pre_shared_key": {"file": "psk"},
                  "vpns": [{"name": "vpn1", "bind_interface": "st0.1"}]}],
    "next_hop_tunnels": [{"interface": "st0.0", "next_hop": "10.11.11.12", "vpn": "spoke1/vpn1"}],
    "routes": [{"prefix": "192.168.2.0/24", "interface": "st0.0", "next_hop": "10.11.11.12"},
               {"prefix": "192.168.3.0/24", "interface": "st0.1"}],
    "local_networks": ["192.168.1.0/24"],
    "ipsec": {"replay_window": 0, "nat_keepalive_seconds": 0, "retransmit_milliseconds": 50,
              "retransmit_cap_milliseconds": 50, "retransmit_total_seconds": 2, "fragment_size": 576,
              "overlap_seconds": 0, "hold_milliseconds": 0, "held_packets": 0, "vendor_id": False,
              "nhtb_notify_type": 65535, "cookie_threshold": 0, "half_open": 1, "half_open_per_source": 0,
              "half_open_timeout_seconds": 1, "jobs": 0, "ike_message_bytes": 3000},
}

# (name, pointer to set, value (DELETE removes), pointer of the error, words in the message)
DELETE = object()
V1 = {**BASE["gateways"][0], "ike_version": 1, "proposals": ["aes256-sha256-modp2048"]}
CASES = [
    ("unknown key at the top", "/colour", "red", "/colour", "unknown key"),
    ("unknown key deep inside", "/gateways/0/vpns/0/colour", 1, "/gateways/0/vpns/0/colour", "unknown key"),
    ("wrong type: text for a number", "/interfaces/0/mtu", "1400", "/interfaces/0/mtu", "number"),
    ("wrong type: number for text", "/gateways/0/name", 7, "/gateways/0/name", "text"),
    ("wrong type: object for an array", "/interfaces", {}, "/interfaces", "array"),
    ("number out of range", "/interfaces/0/mtu", 99999, "/interfaces/0/mtu", "from 576 to 9000"),
    ("fraction", "/interfaces/0/mtu", 1400.5, "/interfaces/0/mtu", "whole"),
    ("negative number", "/routes/0/metric", -1, "/routes/0/metric", "from 0"),
    ("missing key", "/gateways/0/remote_address", DELETE, "/gateways/0", "remote_address"),
    ("missing interfaces", "/interfaces", DELETE, "", "interfaces"),
    ("bad prefix", "/routes/0/prefix", "192.168.2.0/33", "/routes/0/prefix", "prefix"),
    ("prefix with host bits", "/routes/0/prefix", "192.168.2.1/24", "/routes/0/prefix", "host bits"),
    ("prefix that is no address", "/local_networks/0", "lan", "/local_networks/0", "prefix"),
    ("doubled prefix", "/routes/1/prefix", "192.168.2.0/24", "/routes/1/prefix", "already"),
    ("bad address", "/interfaces/0/address/0", "10.11.11/24", "/interfaces/0/address/0", "address"),
    ("two IPv4 addresses", "/interfaces/0/address", ["10.0.0.1/24", "10.0.1.1/24"], "/interfaces/0/address/1",
     "already"),
    ("duplicate interface", "/interfaces/1/name", "st0.0", "/interfaces/1/name", "twice"),
    ("interface name too long", "/interfaces/0/name", "st0.1234567890123", "/interfaces/0/name", "characters"),
    ("duplicate gateway", "/gateways/1/name", "spoke1", "/gateways/1/name", "twice"),
    ("duplicate VPN", "/gateways/0/vpns", [{"name": "a", "bind_interface": "st0.0"},
                                          {"name": "a", "bind_interface": "st0.0"}],
     "/gateways/0/vpns/1/name", "twice"),
    ("two VPNs on a point-to-point interface", "/gateways/0/vpns/0/bind_interface", "st0.1",
     "/gateways/1/vpns/0/bind_interface", "point-to-point"),
    ("bad proposal word", "/gateways/0/proposals/0", "aes256gcm16-prfsha256-x25518", "/gateways/0/proposals/0",
     "x25518"),
    ("bad ESP proposal word", "/gateways/0/vpns/0/proposals/0", "des-md5", "/gateways/0/vpns/0/proposals/0", "des"),
    ("missing psk file", "/gateways/0/pre_shared_key/file", "none", "/gateways/0/pre_shared_key/file", "No such file"),
    ("no certificate beside the key", "/gateways/0/certificates", {"key": "psk"}, "/gateways/0/certificates",
     "belong together"),
    ("certificates of nobody", "/gateways/0/certificates", {"pss": True}, "/gateways/0/certificates", "is needed"),
    ("missing ca file", "/gateways/0/certificates", {"ca": "none"}, "/gateways/0/certificates/ca", "No such file"),
    ("world-readable private key", "/gateways/0/certificates", {"certificate": "psk", "key": "open"},
     "/gateways/0/certificates/key", "chmod 600"),
    ("unknown hash of signatures", "/gateways/0/certificates", {"ca": "psk", "hashes": ["sha1"]},
     "/gateways/0/certificates/hashes/0", "sha256"),
    ("unknown revocation policy", "/gateways/0/certificates", {"ca": "psk", "revocation": "maybe"},
     "/gateways/0/certificates/revocation", "strict"),
    ("names of certificates without certificates", "/gateways/0/remote_identity", {"dn_container": "O=Example"},
     "/gateways/0", "need"),
    ("world-readable psk", "/gateways/0/pre_shared_key/file", "open", "/gateways/0/pre_shared_key/file", "chmod 600"),
    ("psk behind a symbolic link", "/gateways/0/pre_shared_key/file", "link", "/gateways/0/pre_shared_key/file",
     "symbolic link"),
    ("psk that is a directory", "/gateways/0/pre_shared_key/file", "dir", "/gateways/0/pre_shared_key/file",
     "regular file"),
    ("empty psk", "/gateways/0/pre_shared_key/file", "empty", "/gateways/0/pre_shared_key/file", "bytes"),
    ("foreign psk", "/gateways/0/pre_shared_key/file", "foreign", "/gateways/0/pre_shared_key/file", "user 65534"),
    ("unknown word", "/gateways/0/establish_tunnels", "soon", "/gateways/0/establish_tunnels", "immediately"),
    ("immediately without an address", "/gateways/0/establish_tunnels", "immediately",
     "/gateways/0/establish_tunnels", "remote_address"),
    ("unknown interface in a VPN", "/gateways/0/vpns/0/bind_interface", "st0.9", "/gateways/0/vpns/0/bind_interface",
     "st0.9"),
    ("unknown interface in a route", "/routes/0/interface", "st0.9", "/routes/0/interface", "st0.9"),
    ("unknown VPN in a next hop", "/next_hop_tunnels/0/vpn", "spoke1/vpn9", "/next_hop_tunnels/0/vpn", "vpn9"),
    ("VPN of another interface", "/next_hop_tunnels/0/vpn", "spoke2/vpn1", "/next_hop_tunnels/0/vpn", "another"),
    ("next hop on a point-to-point interface", "/next_hop_tunnels/0/interface", "st0.1",
     "/next_hop_tunnels/0/interface", "point-to-point"),
    ("route without its next hop", "/routes/0/next_hop", DELETE, "/routes/0", "next_hop"),
    ("next hop where none belongs", "/routes/1/next_hop", "10.12.0.2", "/routes/1/next_hop", "point-to-point"),
    ("replay window", "/ipsec", {"replay_window": 100}, "/ipsec/replay_window", "multiple of 64"),
    ("fragment size", "/ipsec", {"fragment_size": 575}, "/ipsec/fragment_size", "0 or from 576"),
    ("fragment size beyond a datagram", "/ipsec", {"fragment_size": 65536}, "/ipsec/fragment_size", "from 0 to 65535"),
    ("no half-open SA at all", "/ipsec", {"half_open": 0}, "/ipsec/half_open", "from 1"),
    ("half-open SAs of a source: text", "/ipsec", {"half_open_per_source": "5"}, "/ipsec/half_open_per_source", "number"),
    ("negative jobs", "/ipsec", {"jobs": -1}, "/ipsec/jobs", "from 0"),
    ("an IKE message too small for IKE", "/ipsec", {"ike_message_bytes": 2999}, "/ipsec/ike_message_bytes", "from 3000"),
    ("a notification that is an error", "/ipsec", {"nhtb_notify_type": 14}, "/ipsec/nhtb_notify_type", "from 16384"),
    ("held packets", "/ipsec", {"held_packets": 65537}, "/ipsec/held_packets", "to 65536"),
    ("overlap", "/ipsec", {"overlap_seconds": 301}, "/ipsec/overlap_seconds", "to 300"),
    ("a cap below the first pause", "/ipsec", {"retransmit_milliseconds": 900, "retransmit_cap_milliseconds": 800},
     "/ipsec/retransmit_cap_milliseconds", "less than"),
    ("no worker", "/workers", 0, "/workers", "from 1 to 32"),
    ("more workers than there are places", "/workers", 33, "/workers", "from 1 to 32"),
    ("workers: text", "/workers", "2", "/workers", "number"),
    ("weights: a number", "/worker_weights", 1, "/worker_weights", "array of 2"),
    ("more weights than workers", "/worker_weights", [1, 1, 1], "/worker_weights", "array of 2"),
    ("fewer weights than workers", "/workers", 3, "/worker_weights", "array of 3"),
    ("a weight out of range", "/worker_weights/1", 1001, "/worker_weights/1", "from 0 to 1000"),
    ("a weight that is text", "/worker_weights/0", "1", "/worker_weights/0", "number"),
    ("all weights 0", "/worker_weights", [0, 0], "/worker_weights", "needs a weight"),
    ("different families", "/gateways/1/local_address", "2001:db8::1", "/gateways/1/local_address", "families"),
    ("MSS that is no word", "/interfaces/0/tcp_mss", "big", "/interfaces/0/tcp_mss", "auto"),
    ("MSS out of range", "/interfaces/0/tcp_mss", 60, "/interfaces/0/tcp_mss", "from 88"),
    ("multicast limit out of range", "/interfaces/0/multicast_max", -1, "/interfaces/0/multicast_max", "from 0"),
    ("unknown IKE version", "/gateways/0/ike_version", 3, "/gateways/0/ike_version", "from 1 to 2"),
    ("unknown IKEv1 mode", "/gateways/0/ikev1", {"mode": "base"}, "/gateways/0/ikev1/mode", "aggressive"),
    ("IKEv1 member out of range", "/gateways/0/ikev1", {"lifetime_kilobytes": 1},
     "/gateways/0/ikev1/lifetime_kilobytes", "from 64"),
    ("IKEv1 members of two minds: IKEv2", "/gateways/0/ikev1", {"mode": "main"}, "/gateways/0/ikev1", "ike_version"),
    ("XAuth client without a password", "/gateways/0", {**V1, "ikev1": {"xauth": "client", "user": "a"}},
     "/gateways/0/ikev1/xauth", "password"),
    ("XAuth server without users", "/gateways/0", {**V1, "ikev1": {"xauth": "server"}}, "/gateways/0/ikev1/xauth", "users"),
    ("XAuth user without a password", "/gateways/0", {**V1, "ikev1": {"xauth": "server", "users": [{"name": "a"}]}},
     "/gateways/0/ikev1/users/0", "password"),
    ("one identity for many users without XAuth", "/gateways/0", {**V1, "ikev1": {"shared": True}},
     "/gateways/0/ikev1/shared", "server"),
    ("one identity for many users: text", "/gateways/0", {**V1, "ikev1": {"shared": "yes"}},
     "/gateways/0/ikev1/shared", "true or false"),
    ("XAuth users with one name", "/gateways/0", {**V1, "ikev1": {"users": [{"name": "a"}, {"name": "a"}]}},
     "/gateways/0/ikev1/users/1/name", "twice"),
    ("virtual addresses outside the subnet", "/gateways/0", {**V1, "ikev1": {"mode_config": {
        "role": "server", "pool": "10.11.12.0/25"}}}, "/gateways/0/ikev1/mode_config/pool", "subnet"),
    ("virtual addresses wider than the subnet", "/gateways/0", {**V1, "ikev1": {"mode_config": {
        "role": "server", "pool": "10.11.10.0/23"}}}, "/gateways/0/ikev1/mode_config/pool", "subnet"),
    ("mode config without a role", "/gateways/0", {**V1, "ikev1": {"mode_config": {"push": True}}},
     "/gateways/0/ikev1/mode_config", "role"),
    ("no VPN", "/gateways/0/vpns", [], "/gateways/0/vpns", "1 to 64"),
]

# (name, text, words): the text is not JSON, or JSON the reader does not take
TEXTS = [
    ("empty file", "", "too early"),
    ("cut off", '{"interfaces": [', "too early"),
    ("trailing comma", '{"interfaces": [],}', "member name"),
    ("comment", '// hub\n{}', "value expected"),
    ("single quotes", "{'interfaces': []}", "member name"),
    ("text after the end", '{"interfaces": [], "gateways": []} x', "after the end"),
    ("bad escape", '{"interfaces": "\\q"}', "escape"),
    ("zero in a string", '{"interfaces": "\\u0000"}', "u0000"),
    ("control character", '{"interfaces": "a\tb"}', "control character"),
    ("leading zero", '{"interfaces": 01}', "start with 0"),
    ("too deep", '{"interfaces": ' + "[" * 4000 + "]" * 4000 + "}", "too deeply"),
    ("doubled key", '{"interfaces": [], "gateways": [], "gateways": []}', "twice"),
    ("not an object", "[]", "object"),
]


def parts(pointer):
    return [p.replace("~1", "/").replace("~0", "~") for p in pointer.split("/")[1:]]


def walk(doc, path):
    for p in path:
        doc = doc[int(p)] if isinstance(doc, list) else doc[p]
    return doc


def change(pointer, value):
    doc = copy.deepcopy(BASE)
    *way, last = parts(pointer)
    at = walk(doc, way)
    if isinstance(at, list):
        at[int(last)] = value
    elif value is DELETE:
        del at[last]
    else:
        at[last] = value
    return doc


def run(gateway, path):
    p = subprocess.run([gateway, "--check", path], capture_output=True, text=True, timeout=20, check=False)
    return p.returncode, [l for l in p.stderr.splitlines() if " warning " not in l]


def judge(status, lines, path, pointer, words, text, doc):
    if status != 3 or len(lines) != 1:
        return f"status {status}, {len(lines)} lines: {lines[:3]}"
    m = re.fullmatch(r"nhtb-gateway: " + re.escape(path) + r":(\d+):(\d+): (\S+): (.*)", lines[0])
    if not m:
        return f"not FILE:LINE:COLUMN: POINTER: TEXT: {lines[0]}"
    if words not in m[4]:
        return f"message without {words!r}: {m[4]}"
    if pointer is None:
        return None
    if m[3] != (pointer or "/"):
        return f"pointer {m[3]}"
    there = "\n".join(text.split("\n")[int(m[1]) - 1:])[int(m[2]) - 1:]
    value = walk(doc, parts(pointer))
    first = "{" if isinstance(value, dict) else "[" if isinstance(value, list) else json.dumps(value)
    return None if there.startswith(first) else f"line {m[1]} column {m[2]} is not the value"


def keys(folder):
    def put(name, text, mode):
        p = os.path.join(folder, name)
        with open(p, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(p, mode)
        return p
    put("psk", "a key of more than twenty bytes\n", 0o600)
    put("open", "a key of more than twenty bytes\n", 0o644)
    put("empty", "\n", 0o600)
    if os.geteuid() == 0:
        os.chown(put("foreign", "a key of more than twenty bytes\n", 0o600), 65534, 65534)
    os.symlink("psk", os.path.join(folder, "link"))
    os.mkdir(os.path.join(folder, "dir"))


def cases():
    for name, where, value, pointer, words in CASES:
        doc = change(where, value)
        yield name, json.dumps(doc, indent=2), pointer, words, doc
    for name, text, words in TEXTS:
        yield name, text, None, words, None


def main(gateway):
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        keys(folder)
        path = os.path.join(folder, "c.json")

        def write(text):
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        write(json.dumps(BASE))
        status, lines = run(gateway, path)
        if status or lines:
            print(f"FAILED: the good configuration: {status} {lines}")
            failed += 1
        for name, text, pointer, words, doc in cases():
            write(text)
            why = judge(*run(gateway, path), path, pointer, words, text, doc)
            passed, failed = (passed, failed + 1) if why else (passed + 1, failed)
            print(f"FAILED: {name}: {why}" if why else f"ok: {name}")
        status, lines = run(gateway, os.path.join(folder, "nowhere.json"))
        good = status == 3 and len(lines) == 1 and "No such file" in lines[0]
        passed, failed = (passed + 1, failed) if good else (passed, failed + 1)
        print("ok: no such file" if good else f"FAILED: no such file: {status} {lines}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


sys.exit(main(sys.argv[1]))
