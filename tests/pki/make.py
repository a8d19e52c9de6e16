#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/pki/fixture.h: the keys, certificates and lists the tests use. New keys on every run;
needs python3-cryptography. The keys protect nothing.

usage: tests/pki/make.py > tests/pki/fixture.h"""
import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FROM, UNTIL = datetime.datetime(2020, 1, 1), datetime.datetime(2120, 1, 1)


def name(**parts):
    oids = {"C": NameOID.COUNTRY_NAME, "O": NameOID.ORGANIZATION_NAME,
            "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "CN": NameOID.COMMON_NAME}
    return x509.Name([x509.NameAttribute(oids[k], v) for k, v in parts.items()])


def rsa_key(bits=2048, e=65537):
    return rsa.generate_private_key(e, bits)


class Ca:
    def __init__(self, subject, key, issuer=None, path=None, permitted=None):
        self.subject, self.key = subject, key
        b = builder(subject, key.public_key(), issuer.subject if issuer else subject)
        b = b.add_extension(x509.BasicConstraints(True, path), True)
        b = b.add_extension(usage(cert=True), True)
        if permitted:
            b = b.add_extension(x509.NameConstraints(permitted, None), True)
        self.cert = b.sign((issuer or self).key, hashes.SHA256())


def usage(cert=False):
    return x509.KeyUsage(not cert, False, False, False, False, cert, cert, False, False)


def builder(subject, public, issuer, start=FROM, end=UNTIL):
    b = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    return b.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)


def leaf(ca, cn, key, sans=(), start=FROM, end=UNTIL, eku=None, critical=None, points=False):
    subject = name(C="DE", O="Example", OU="Gateways", CN=cn)
    b = builder(subject, key.public_key(), ca.subject, start, end)
    b = b.add_extension(usage(), True)
    if sans:
        b = b.add_extension(x509.SubjectAlternativeName(list(sans)), False)
    if eku:
        b = b.add_extension(x509.ExtendedKeyUsage([eku]), False)
    if critical:
        b = b.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(critical), b"\5\0"),
                            True)
    if points:
        uri = x509.UniformResourceIdentifier("http://crl.example/sub.crl")
        b = b.add_extension(x509.CRLDistributionPoints(
            [x509.DistributionPoint([uri], None, None, None)]), False)
    return b.sign(ca.key, hashes.SHA256())


def crl(ca, revoked=(), end=UNTIL):
    b = x509.CertificateRevocationListBuilder().issuer_name(ca.subject)
    b = b.last_update(FROM).next_update(end)
    for cert in revoked:
        one = x509.RevokedCertificateBuilder().serial_number(cert.serial_number)
        b = b.add_revoked_certificate(one.revocation_date(FROM).build())
    return b.sign(ca.key, hashes.SHA256())


def pem(what):
    if hasattr(what, "private_bytes"):
        raw = what.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption())
    else:
        raw = what.public_bytes(serialization.Encoding.PEM)
    return raw.decode()


def emit(symbol, what):
    print(f"static const char pki_{symbol}[] =")
    lines = pem(what).splitlines()
    for i, line in enumerate(lines):
        print(f'    "{line}\\n"' + (";" if i == len(lines) - 1 else ""))
    print()


def forged(key, digest_info):
    """A block with a short padding and garbage behind the hash, signed with the real key: what a
    sloppy verifier that does not look at the end would take."""
    n = key.private_numbers()
    size = n.public_numbers.n.bit_length() // 8
    block = b"\0\1" + b"\xff" * 8 + b"\0" + digest_info
    block += b"\xaa" * (size - len(block))
    value = pow(int.from_bytes(block, "big"), n.d, n.public_numbers.n)
    return value.to_bytes(size, "big")


def main():
    dns, ip = x509.DNSName, lambda a: x509.IPAddress(ipaddress.ip_address(a))
    root = Ca(name(C="DE", O="Example", CN="Root"), rsa_key())
    sub = Ca(name(C="DE", O="Example", CN="Sub"), ec.generate_private_key(ec.SECP256R1()), root, 0)
    tight = Ca(name(C="DE", O="Example", CN="Tight"), rsa_key(), root, 0, [dns("spokes.example")])
    deep = Ca(name(C="DE", O="Example", CN="Deep"), rsa_key(), sub)
    other = Ca(name(C="DE", O="Example", CN="Root"), rsa_key())
    keys = {"hub": rsa_key(), "p256": ec.generate_private_key(ec.SECP256R1()),
            "p384": ec.generate_private_key(ec.SECP384R1()),
            "p521": ec.generate_private_key(ec.SECP521R1())}
    hub_sans = [dns("hub.example"), ip("192.0.2.1"), x509.RFC822Name("hub@example.org")]
    certs = {
        "hub": leaf(sub, "hub", keys["hub"], hub_sans, points=True),
        "p256": leaf(sub, "p256", keys["p256"], [dns("p256.example"), ip("198.51.100.1")],
                     eku=ExtendedKeyUsageOID.SERVER_AUTH),
        "p384": leaf(root, "p384", keys["p384"], [dns("p384.example")]),
        "p521": leaf(root, "p521", keys["p521"], [dns("p521.example")]),
        "old": leaf(root, "old", keys["hub"], [dns("hub.example")],
                    end=datetime.datetime(2021, 1, 1)),
        "future": leaf(root, "future", keys["hub"], [dns("hub.example")],
                       start=datetime.datetime(2110, 1, 1)),
        "revoked": leaf(sub, "revoked", keys["hub"], [dns("hub.example")]),
        "stranger": leaf(other, "hub", keys["hub"], hub_sans),
        "inside": leaf(tight, "inside", keys["hub"], [dns("a.spokes.example")]),
        "outside": leaf(tight, "outside", keys["hub"], [dns("hub.example")]),
        "deep": leaf(deep, "deep", keys["hub"], [dns("hub.example")]),
        "mail_only": leaf(root, "mail", keys["hub"], [dns("hub.example")],
                          eku=ExtendedKeyUsageOID.EMAIL_PROTECTION),
        "critical": leaf(root, "critical", keys["hub"], [dns("hub.example")],
                         critical="1.3.6.1.4.1.99999.1"),
        "weak": leaf(root, "weak", rsa_key(1024), [dns("hub.example")]),
        "e3": leaf(root, "e3", rsa_key(2048, 3), [dns("hub.example")]),
    }
    fake = Ca.__new__(Ca)
    fake.subject, fake.key = certs["hub"].subject, keys["hub"]
    certs["by_leaf"] = leaf(fake, "by leaf", keys["p256"], [dns("hub.example")])
    print("/* SPDX-License-Identifier: Apache-2.0\n * Made by tests/pki/make.py: keys that protect "
          "nothing, certificates valid to 2120. */\n#ifndef NHTB_TESTS_PKI_FIXTURE_H\n"
          "#define NHTB_TESTS_PKI_FIXTURE_H\n\n/* clang-format off */")
    for symbol, ca in (("root", root), ("sub", sub), ("tight", tight), ("deep_ca", deep),
                       ("other_root", other)):
        emit(symbol, ca.cert)
    for symbol, cert in certs.items():
        emit(symbol, cert)
    for symbol, key in keys.items():
        emit(symbol + "_key", key)
    emit("root_crl", crl(root))
    emit("sub_crl", crl(sub, [certs["revoked"]]))
    emit("sub_crl_old", crl(sub, [certs["revoked"]], datetime.datetime(2021, 1, 1)))
    emit("other_crl", crl(other, [certs["hub"]]))
    info = bytes.fromhex("3031300d060960864801650304020105000420")
    digest = hashes.Hash(hashes.SHA256())
    digest.update(b"forged")
    value = forged(keys["hub"], info + digest.finalize())
    print("/* short padding, garbage behind the hash of \"forged\" (SHA-256), by pki_hub_key */")
    print("static const char pki_forged[] =")
    rows = [value.hex()[i:i + 88] for i in range(0, len(value.hex()), 88)]
    for i, row in enumerate(rows):
        print(f'    "{row}"' + (";" if i == len(rows) - 1 else ""))
    print("/* clang-format on */\n\n#endif")


if __name__ == "__main__":
    main()
