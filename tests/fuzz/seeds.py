#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes first inputs of a fuzz target: seeds.py TARGET DIRECTORY. Formats: the target's source."""
import base64
import hashlib
import json
import os
import re
import struct
import sys


def ip4(proto, body, tos=0, frag=0x4000, src=(10, 1, 0, 2), dst=(10, 2, 0, 9), ttl=64):
    return struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(body), 1, frag, ttl, proto, 0,
                       bytes(src), bytes(dst)) + body


def ip6(next_header, body, dst=1):
    return struct.pack("!IHBB", 0x60000000, len(body), next_header, 64) + \
        b"\x20\x01\x0d\xb8" + bytes(12) + b"\x20\x01\x0d\xb8" + bytes(11) + bytes([dst]) + body


UDP = struct.pack("!HHHH", 5000, 53, 20, 0) + bytes(12)
TCP = struct.pack("!HHIIBBHHH", 4000, 443, 1, 1, 0x50, 0x10, 512, 0, 0) + bytes(40)
ECHO = b"\x08\x00\x00\x00\x00\x01\x00\x01" + bytes(16)
PACKETS = [
    ip4(17, UDP), ip4(6, TCP), ip4(1, ECHO), ip4(17, UDP, frag=0x2000), ip4(17, UDP, frag=0x10),
    ip4(1, b"\x03\x04" + bytes(6) + ip4(17, UDP)), ip4(17, UDP, src=(224, 0, 0, 1)),
    ip4(89, bytes(20), dst=(224, 0, 0, 5)), ip6(17, UDP), ip6(6, TCP), ip6(58, b"\x80" + bytes(15)),
    ip6(0, b"\x11\x00" + bytes(6) + UDP), ip6(44, b"\x11\x00\x00\x01" + bytes(4) + UDP),
    ip6(43, b"\x3c\x00" + bytes(6) + b"\x2c\x00" + bytes(6) + b"\x06\x00\x00\x00" + bytes(4) + TCP),
    ip4(17, UDP, tos=3), ip4(17, UDP, ttl=1), ip4(6, TCP + bytes(1200), frag=0),
]


def tf(kind, number, bits=0, last=False):
    attr = struct.pack("!HH", 0x800e, bits) if bits else b""
    return struct.pack("!BBHBBH", 0 if last else 3, 0, 8 + len(attr), kind, 0, number) + attr


def sa(*proposals):
    out = b""
    for i, (proto, spi, tfs) in enumerate(proposals):
        body = b"".join(tf(*t, last=k == len(tfs) - 1) for k, t in enumerate(tfs))
        out += struct.pack("!BBHBBBB", 0 if i == len(proposals) - 1 else 2, 0,
                           8 + len(spi) + len(body), i + 1, proto, len(spi), len(tfs)) + spi + body
    return out


SA_IKE = sa((1, b"", [(1, 20, 256), (1, 20, 128), (2, 5), (2, 7), (4, 31), (4, 19)]),
            (1, b"", [(1, 12, 256), (3, 12), (2, 5), (4, 14)]))
SA_ESP = sa((3, b"\0\1\2\3", [(1, 20, 128), (5, 1), (5, 0)]),
            (3, b"\0\1\2\3", [(1, 12, 128), (3, 12), (4, 31), (5, 0)]))
TS = b"\x02\0\0\0" + b"\x07\0\0\x10\0\0\xff\xff" + bytes(4) + b"\xff" * 4 + \
    b"\x08\x06\0\x28\0\x50\0\x50" + bytes(16) + b"\xff" * 16
ID = b"\x02\0\0\0hub.example"
KE = b"\0\x1f\0\0" + bytes(range(32))
AUTH = b"\x02\0\0\0" + bytes(32)
NHTB = b"\0\0\x9c\x41\x0a\0\0\x02"
COOKIE = b"\0\0\x40\x06" + b"\1" * 33
DELETE = b"\x03\x04\0\x01\0\1\2\3"
REKEY = b"\x03\x04\x40\x09\0\1\2\3"
NONCE = bytes(range(32))


def chain(payloads):
    out, types = b"", [t for t, _ in payloads] + [0]
    for i, (_, body) in enumerate(payloads):
        out += struct.pack("!BBH", types[i + 1], 0, 4 + len(body)) + body
    return types[0], out


def message(exchange, flags, msg_id, payloads, spi_r=0):
    first, out = chain(payloads)
    return struct.pack("!QQBBBBII", 0x1122334455667788, spi_r, first, 0x20, exchange, flags, msg_id,
                       28 + len(out)) + out


INIT = [(33, SA_IKE), (34, KE), (40, NONCE), (41, b"\0\0\x40\x04" + bytes(20)),
        (41, b"\0\0\x40\x05" + bytes(20)), (43, bytes(16))]
MESSAGES = [
    message(34, 8, 0, INIT), message(34, 8, 0, [(41, COOKIE)] + INIT), message(34, 0x20, 0, INIT, 9),
    message(35, 8, 1, [(35, ID), (36, ID), (39, AUTH), (33, SA_ESP), (44, TS), (45, TS), (41, NHTB)], 9),
    message(36, 8, 2, [(41, REKEY), (33, SA_ESP), (40, NONCE), (44, TS), (45, TS)], 9),
    message(37, 8, 3, [(42, DELETE)], 9), message(37, 8, 3, [(46, bytes(64))], 9),
    message(34, 0x20, 0, [(41, b"\0\0\0\x11\0\x13")]), message(34, 0x20, 0, [(41, COOKIE)]),
    message(37, 8, 0, [(99, b"x")], 9), message(37, 8, 0, []),
]
TEXTS = ["10.0.0.1", "10.0.0.0/8", "2001:db8::1", "::/0", "::", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4",
         "0.0.0.0/0", "fe80::/10", "255.255.255.255/32",
         "aes256gcm16-prfsha256-x25519", "aes128-sha256-esn-noesn-ecp256",
         "chacha20poly1305-prfsha512-ecp256-modp2048", "aes128-aes256-sha384-sha512-x25519-noesn"]


def rolling(n, k):
    x, out = k * 2654435761 % 2**32, b""
    for _ in range(n):
        x = (x * 1664525 + 1013904223) % 2**32
        out += bytes([x >> 24])
    return out


def inbound(k):
    return [ip4(17, UDP, src=(172, 16 + k % 3, 0, 1), dst=(192, 168, 0, 1)),
            ip4(6, TCP, src=(172, 16 + k % 3, 0, 1), dst=(172, 17, 0, 1)),
            ip6(17, UDP), ip4(1, ECHO, src=(10, 0, 0, 2 + k % 3), dst=(10, 0, 0, 1))][k % 4]


def outbound(k):
    return [ip4(17, UDP, dst=(172, 16, 0, 1)), ip4(6, TCP, dst=(172, 17, 0, 1), frag=0),
            ip4(17, UDP, dst=(224, 0, 0, 5)), ip6(17, UDP), ip4(17, UDP, dst=(10, 0, 0, 2)),
            ip4(17, UDP + bytes(700), dst=(172, 18, 0, 1), frag=0),
            ip4(17, UDP + bytes(700), dst=(172, 18, 0, 1))][k % 7]


def v1_attrs(*pairs):
    """(type, value): short form below 65536 unless value is bytes."""
    return b"".join(struct.pack("!HH", t, len(v)) + v if isinstance(v, bytes)
                    else struct.pack("!HH", 0x8000 | t, v) for t, v in pairs)


def v1_sa(protocol, spi, transforms):
    tf = b"".join(struct.pack("!BBHBBH", 3 if i + 1 < len(transforms) else 0, 0, 8 + len(a),
                              i + 1, ident, 0) + a for i, (ident, a) in enumerate(transforms))
    return struct.pack("!II", 1, 1) + struct.pack(
        "!BBHBBBB", 0, 0, 8 + len(spi) + len(tf), 1, protocol, len(spi), len(transforms)) + spi + tf


def v1_chain(*payloads):
    out = b""
    for i, (_kind, body) in enumerate(payloads):
        following = payloads[i + 1][0] if i + 1 < len(payloads) else 0
        out += struct.pack("!BBH", following, 0, 4 + len(body)) + body
    return out


def v1_seeds():
    day = struct.pack("!I", 86400)
    sa1 = v1_sa(1, b"", [(1, v1_attrs((1, 7), (14, 256), (2, 4), (4, 14), (3, 1), (11, 1), (12, day))),
                         (1, v1_attrs((1, 5), (2, 2), (4, 2), (3, 65001), (11, 1), (12, 28800)))])
    sa2 = v1_sa(3, b"\xc0\xff\xee\1", [
        (12, v1_attrs((1, 1), (2, 3600), (3, 14), (4, 1), (5, 5), (6, 128))),
        (20, v1_attrs((3, 14), (4, 1), (6, 128), (1, 2), (2, b"\0\x46\x50\0"))),
        (3, v1_attrs((3, 14), (4, 3), (5, 2)))])
    subnet = struct.pack("!BBH", 4, 0, 0) + bytes([10, 1, 0, 0, 255, 255, 0, 0])
    nhtb = struct.pack("!IBBH", 1, 3, 4, 40001) + b"\xc0\xff\xee\1" + bytes([10, 0, 0, 2])
    delete = struct.pack("!IBBH", 1, 3, 4, 1) + b"\xc0\xff\xee\1"
    cfg = struct.pack("!BBH", 1, 0, 7) + v1_attrs((16520, 0), (16521, b""), (16522, b"pw"))
    quick = v1_chain((8, rolling(32, 1)), (1, sa2), (10, rolling(16, 2)), (5, subnet), (5, subnet),
                     (11, nhtb))
    main = v1_chain((1, sa1), (13, bytes.fromhex("afcad71368a1f1c96b8696fc77570100")))
    head = struct.pack("!QQBBBBII", 1, 0, 1, 0x10, 2, 0, 0, 28 + len(main)) + main
    return [bytes([0]) + head, bytes([8 * 8 + 7]) + quick, bytes([8 * 8 + 7]) + quick + bytes(6),
            bytes([1]) + sa1, bytes([1]) + sa2, bytes([2]) + subnet, bytes([3]) + cfg[4:],
            bytes([3]) + v1_attrs((1, 1), (2, day), (1, 2), (2, 9)), bytes([4]) + nhtb,
            bytes([5]) + delete, bytes([6]) + cfg, bytes([6]) + b"\0\7\1\1part",
            bytes([8 * 14 + 7]) + v1_chain((14, cfg)), bytes([8 * 12 + 7]) + v1_chain((12, delete))]


REQUESTS = [
    {"command": "show", "table": t} for t in
    ("ike sa", "ipsec sa", "ipsec next-hop-tunnels", "route", "interfaces", "statistics", "peers",
     "security", "ipsec next-hop-owners", "security pki", "none")] + [
    {"command": "show", "table": "route", "address": "10.0.0.2"},
    {"command": "show", "table": "ipsec next-hop-tunnels", "interface": "st0.0"},
    {"command": "initiate", "peer": "a"}, {"command": "clear", "peer": "all"},
    {"command": "clear", "table": "ipsec next-hop-tunnels", "address": "10.0.0.2"},
    {"command": "rekey", "peer": "b", "what": "child"}, {"command": "explain", "peer": "a"},
    {"command": "reload"}, {"command": "monitor"}, {"command": "monitor", "peer": "a"},
    {"command": 1}, {"command": "none"}, {}, []]


def session(k):
    text = json.dumps(REQUESTS[k]).encode()
    framed = struct.pack("!I", len(text)) + text
    piece = bytes([3, 5]) + framed[:5] + bytes([0x83, len(framed) - 5]) + framed[5:]
    return bytes([0x80, len(text)]) + text + b"\x36" + piece + b"\x0c" + \
        bytes([0x88, len(text)]) + text + b"\x07\x05"


def pki_seeds(target):
    """The fixture's certificates and lists (tests/pki/fixture.h)."""
    text = open(os.path.join(os.path.dirname(__file__), "../pki/fixture.h"), encoding="utf-8").read()
    blocks = {n: "".join(re.findall(r'"([^"]*)"', b)).replace("\\n", "\n")
              for n, b in re.findall(r"pki_(\w+)\[\] =\n(.*?);", text, re.S)}
    der = {n: base64.b64decode("".join(b.splitlines()[1:-1])) for n, b in blocks.items() if b.startswith("-----")}
    if target == "names":
        names = [b"\0" + t for t in (b"C=DE, O=Example, CN=hub", b"CN=*, DC=a\\, b", b"E=a@b, UID=1")]
        dn = bytes.fromhex("300e310c300a06035504030c03687562")
        return names + [bytes([len(dn)]) + dn + dn, bytes([len(dn)]) + dn + dn[:-1] + b"B"]
    certs = [bytes([0]) + d for n, d in der.items() if "key" not in n and "crl" not in n]
    crls = [bytes([1]) + d for n, d in der.items() if "crl" in n]
    algorithms = ["06092a864886f70d01010b0500", "06082a8648ce3d040302",
                  "06092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108"
                  "300d06096086480165030402010500a203020120"]
    return certs[:8] + crls + [bytes([2]) + bytes.fromhex(a) for a in algorithms] + \
        [bytes([3]) + blocks["p256"].encode(), bytes([4]) + bytes.fromhex("3006020101020102")] + \
        [bytes([5 + k]) for k in range(9)] + [bytes([5, 1, k, 0x30]) for k in range(4)]


def seeds(target):
    if target == "wire_ip":
        return [p + bytes([o, 200, 80]) for i, p in enumerate(PACKETS) for o in (i % 8, 2)]
    if target == "wire_esp":
        head = struct.pack("!IIHIHHB", 0, 100, 64, 5, 1000, 1500, 0)
        return [head + bytes(30) + bytes([1, 2, 2, 4]),
                struct.pack("!IIHIHHB", 5, 3, 1024, 2**32 - 9, 100, 9000, 2) + bytes([0, 41])]
    if target == "wire_ike":
        bodies = [(1, SA_IKE), (1, SA_ESP), (2, TS), (3, NHTB), (3, REKEY), (4, KE), (5, ID),
                  (6, AUTH), (7, DELETE), (8, NHTB[4:]), (8, bytes(16))]
        return [bytes([0]) + m for m in MESSAGES] + [bytes([o]) + b for o, b in bodies]
    if target == "wire_v1":
        return v1_seeds()
    if target == "text":
        return [t.encode() for t in TEXTS]
    if target == "propose":
        return [b"\1" + rolling(16, 3) + SA_IKE, b"\3" + rolling(20, 4) + SA_ESP] + \
            [bytes([2 * k % 8]) + rolling(120, k) for k in range(6)]
    if target == "config_json":
        demo = os.path.join(os.path.dirname(__file__), "../../examples/gateway/demo")
        return [open(os.path.join(demo, f), "rb").read() for f in sorted(os.listdir(demo))
                if f.endswith(".json")]
    if target == "esp_in":
        return [bytes([opt, 0x13]) + b"".join(
            bytes([0x8c | k % 3 << 4, 1]) + struct.pack("!H", len(inbound(k))) + inbound(k)
            for k in range(i, i + 4))
            for i, opt in enumerate((0x40, 0x4c, 0x61, 0x02, 0x58, 0x04, 0x48, 0x11))]
    if target == "inner_out":
        big = ip4(6, TCP, dst=(172, 16, 0, 9))
        out = [bytes([opt, 0xc8, 8, 0, 0]) + struct.pack("!H", len(q)) + q
               for opt, q in zip((0, 1, 4, 8, 0x10, 0x2d, 0x50), (outbound(k) for k in range(7)))]
        out += [bytes([opt, 0xc8, 0x0f, 0, 0]) + struct.pack("!HHBBBH", 4000, 500, 40, 20, 16, 40)
                + big[:40] for opt in (0, 5, 0x12)]
        return out + [bytes([0x50, 0xc8, 9, 0, 0]) + struct.pack("!HH", 1400, 28)
                      + ip4(17, UDP[:8], frag=0, dst=(172, 17, 0, 1))]
    if target in ("cert", "names"):
        return pki_seeds(target)
    if target == "ike_cleartext":
        return [bytes([k % 4]) + b"".join(
            bytes([how, k % 2 * 3]) + struct.pack("!H", len(m)) + m
            for how, m in ((2, MESSAGES[0]), (6, MESSAGES[0]), (3, MESSAGES[k % 11]),
                           (0x0b, MESSAGES[(k + 7) % 11]), (0x13, b""))) for k in range(12)]
    if target == "ike_fragments":
        # tunnel up or not; cut, edit, deliver in any order; then a rekey and the same again
        again = bytes([0x0e, 0, 1, 0x05, 3, 1, 0x10, 0, 0, 0])
        return [bytes([opt]) + body + again + bytes([0x05, 2, how, 0x08, 1, k, 0, 0x10, 0, 0, 0])
                for k in range(6) for opt in (0, 4, 12) for how in (1, 5, 8)
                for body in (b"", bytes(4), bytes([0, 0, 0x05, 3, how, 0x07, 2, k, 0, 0, 0, 0]))]
    if target == "control":
        return [session(k) for k in range(len(REQUESTS))]
    if target == "v1_cleartext":
        ask = [v1_first(2), v1_first(4), v1_first(5), v1_first(2)[:60]]
        return [bytes([k % 8]) + b"".join(
            bytes([how, k % 2 * 3]) + struct.pack("!H", len(m)) + m
            for how, m in ((2, ask[k % 4]), (0x0b, ask[0][28:]), (0x13, b""), (0x0b, ask[(k + 1) % 4]),
                           (0x93, bytes(40) + b"\x01"), (2, ask[1]))) for k in range(12)]
    return [rolling(200, k) for k in range(8)]


def v1_payload(after, body):
    return struct.pack("!BBH", after, 0, len(body) + 4) + body


def v1_first(exchange):
    """Message 1 of main (2) or aggressive mode (4), or an informational message in the clear (5)."""
    attrs = b"".join(struct.pack("!HH", 0x8000 | t, v) for t, v in ((1, 7), (14, 256), (2, 4), (4, 19), (3, 1)))
    transform = v1_payload(0, struct.pack("!BBH", 1, 1, 0) + attrs)
    offer = struct.pack("!II", 1, 1) + v1_payload(0, struct.pack("!BBBB", 1, 1, 0, 1) + transform)
    dpd, natt = bytes.fromhex("afcad71368a1f1c96b8696fc77570100"), bytes.fromhex("4a131c81070358455c5728f20e95452f")
    vendors = v1_payload(13, dpd) + v1_payload(0, natt)
    if exchange == 2:
        first, body = 1, v1_payload(13, offer) + vendors
    elif exchange == 4:
        first, body = 1, (v1_payload(4, offer) + v1_payload(10, bytes(range(64))) + v1_payload(5, bytes(32))
                          + v1_payload(13, b"\x02\0\0\0spoke") + vendors)
    else:
        first, body = 11, v1_payload(12, struct.pack("!IBBH", 1, 1, 0, 14)) + v1_payload(
            0, struct.pack("!IBBH", 1, 1, 16, 1) + bytes(16))
    return (b"\x77" * 8 + bytes(8) + struct.pack("!BBBBII", first, 0x10, exchange, 0, 7 if exchange == 5 else 0,
                                                len(body) + 28) + body)


def main():
    target, where = sys.argv[1:3]
    os.makedirs(where, exist_ok=True)
    for s in seeds(target):
        with open(os.path.join(where, hashlib.sha1(s).hexdigest()[:12]), "wb") as f:
            f.write(s)


if __name__ == "__main__":
    main()
