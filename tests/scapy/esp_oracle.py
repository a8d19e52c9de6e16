# SPDX-License-Identifier: Apache-2.0
"""scapy's IPsec layer as an independent ESP: what we seal it must open, what it seals we must open.
    esp_oracle.py ESP_TOOL            (Debian's python3-scapy; prints "N passed, N failed")"""
import subprocess
import sys

from scapy.all import ESP, IP, IPv6, Raw, SecurityAssociation, UDP, conf, raw

conf.verb = 0
KEY = bytes(range(1, 129))
# label, scapy cipher, scapy integrity, our (encr, bits, integ), key bytes with salt, integrity bytes, ESN
CASES = [
    ("AES-128-GCM-16", "AES-GCM", None, (20, 128, 0), 20, 0, 0),
    ("AES-256-GCM-16", "AES-GCM", None, (20, 256, 0), 36, 0, 0),
    ("AES-256-GCM-16 ESN", "AES-GCM", None, (20, 256, 0), 36, 0, 1),
    ("ChaCha20-Poly1305", "CHACHA20-POLY1305", None, (28, 0, 0), 36, 0, 0),
    ("AES-128-CBC SHA2-256-128", "AES-CBC", "SHA2-256-128", (12, 128, 12), 16, 32, 0),
    ("AES-256-CBC SHA2-256-128", "AES-CBC", "SHA2-256-128", (12, 256, 12), 32, 32, 0),
    ("AES-256-CBC SHA2-384-192", "AES-CBC", "SHA2-384-192", (12, 256, 13), 32, 48, 0),
    ("AES-128-CBC SHA2-512-256", "AES-CBC", "SHA2-512-256", (12, 128, 14), 16, 64, 0),
    # ESN with separate integrity: scapy 2.5 leaves the high half out of the ICV; the kernel rows cover it
]


def inner(size, version):
    body = UDP(sport=1000, dport=2000) / Raw(bytes(i & 255 for i in range(size)))
    if version == 6:
        return IPv6(src="2001:db8:77::1", dst="2001:db8:78::1") / body
    return IP(src="10.77.0.1", dst="10.78.0.1") / body


class Tool:
    def __init__(self, path, backend, case):
        _, _, _, (encr, bits, integ), ek, ak, esn = case
        key = (KEY[:ek] + KEY[64:64 + ak]).hex()
        other = (KEY[32:32 + ek] + KEY[:ak]).hex()
        self.p = subprocess.Popen([path, backend, str(encr), str(bits), str(integ), str(esn), key, other],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, way, data):
        self.p.stdin.write(f"{way} {data.hex()}\n")
        self.p.stdin.flush()
        return self.p.stdout.readline().strip()

    def close(self):
        self.p.stdin.close()
        return self.p.wait(10)


def check(tool_path, backend, case):
    _, crypt, auth, _, ek, ak, esn = case
    words = {"esn_en": True, "esn": 0} if esn else {}

    def association(spi, key, auth_key, src, dst):
        return SecurityAssociation(ESP, spi=spi, crypt_algo=crypt, crypt_key=key, auth_algo=auth,
                                   auth_key=auth_key or None, tunnel_header=IP(src=src, dst=dst), **words)
    to_us = association(0x2000, KEY[:ek], KEY[64:64 + ak], "192.0.2.2", "192.0.2.1")
    from_us = association(0x3000, KEY[32:32 + ek], KEY[:ak], "192.0.2.1", "192.0.2.2")
    tool = Tool(tool_path, backend, case)
    for n, size in enumerate([0, 1, 2, 3, 14, 15, 16, 17, 100, 1000, 1300], 1):
        packet = inner(size, 4)
        sealed = to_us.encrypt(packet, seq_num=n, **words)
        got = tool.ask("in", raw(sealed[ESP]))
        # our data plane keeps the inner packet as it was sent
        assert got == raw(packet).hex(), f"scapy -> us, {size} bytes: {got[:60]}"
        assert tool.ask("in", raw(sealed[ESP])) == "drop replay", "a replay was accepted"
        esp = bytes.fromhex(tool.ask("out", raw(packet)))
        opened = from_us.decrypt(IP(src="192.0.2.1", dst="192.0.2.2", proto=50) / ESP(esp), **words)
        assert raw(IP(raw(opened))).hex() == raw(packet).hex(), f"us -> scapy, {size} bytes"
        broken = bytearray(raw(to_us.encrypt(packet, seq_num=100 + n, **words)[ESP]))
        broken[-1] ^= 1
        assert tool.ask("in", bytes(broken)) == "drop icv", "a broken ICV was accepted"
    assert tool.close() == 0


def main():
    passed = failed = 0
    for backend in ("openssl", "mbedtls"):
        for case in CASES:
            try:
                check(sys.argv[1], backend, case)
                passed += 1
            except Exception as e:  # every case is tried
                failed += 1
                print(f"FAIL {case[0]} with {backend}: {type(e).__name__}: {e}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
