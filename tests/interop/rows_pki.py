# SPDX-License-Identifier: Apache-2.0
"""Rows with certificates: a root, an intermediate and one certificate for each side and kind of key,
made anew for every run (tests/pki/make.py)."""
import functools
import os
import sys

from cryptography.hazmat.primitives.asymmetric import ec

import rows_v1
from rows import big_packets, rekey_child_by_us, rekey_ike_by_peer, row

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pki"))
import make as pki  # noqa: E402

OURS, THEIRS = "nhtb.interop", "peer.interop"


@functools.lru_cache(maxsize=None)
def authority():
    root = pki.Ca(pki.name(C="DE", O="Interop", CN="Root"), pki.rsa_key())
    sub = pki.Ca(pki.name(C="DE", O="Interop", CN="Sub"), ec.generate_private_key(ec.SECP256R1()), root, 0)
    return root, sub


def new_key(kind):
    curves = {"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}
    return ec.generate_private_key(curves[kind]()) if kind in curves else pki.rsa_key(int(kind[3:]))


@functools.lru_cache(maxsize=None)
def entity(kind, who, deep):
    root, sub = authority()
    key = new_key(kind)
    cert = pki.leaf(sub if deep else root, who, key, [pki.x509.DNSName(who)])
    return pki.pem(cert), pki.pem(key)


def certificates(name, role, ours="rsa2048", theirs="rsa2048", deep=False, ours_only=False, theirs_only=False,
                 gateway=None, swan=None, crl=False, make=row, **more):
    """One row; ours_only, theirs_only: the other side uses the pre-shared key."""
    root, sub = authority()
    our_cert, our_key = entity(ours, OURS, deep)
    their_cert, their_key = entity(theirs, THEIRS, deep)
    chain = pki.pem(sub.cert) if deep else ""
    cfg, files = {}, {"root.pem": pki.pem(root.cert)}
    if not theirs_only:
        files.update({"our.pem": our_cert + chain, "our.key": our_key})
        cfg.update({"certificate": "our.pem", "key": "our.key"})
    if not ours_only:
        cfg["ca"] = "root.pem"
    if crl:
        files["all.crl"] = pki.pem(pki.crl(root)) + pki.pem(pki.crl(sub))
        cfg.update({"crl": "all.crl", "revocation": "strict"})
    cfg.update((gateway or {}).pop("certificates", {}))
    options = {"local_auth": "pubkey", "remote_auth": "pubkey", "local_more": "  certs = peer.pem"}
    if ours_only:
        options.update({"local_auth": "psk", "local_more": ""})
    if theirs_only:
        options["remote_auth"] = "psk"
    options.update(swan or {})
    peer_files = {"x509/peer.pem": their_cert, "private/peer.key": their_key, "x509ca/root.pem": pki.pem(root.cert)}
    if deep:
        peer_files["x509ca/sub.pem"] = chain
    over = {"certificates": cfg, **(gateway or {})}
    if not (ours_only or theirs_only):
        over["pre_shared_key"] = None
    return make(name, role, gateway={"gateway": over}, swan=options, files=files, peer_files=peer_files, **more)


PSS = {"charon_more": "rsa_pss = yes"}
OLD = {"charon_more": "signature_authentication = no"}
DN = {"local_id": '"C=DE, O=Example, OU=Gateways, CN=peer.interop"',
      "remote_id": '"C=DE, O=Example, OU=Gateways, CN=nhtb.interop"'}
DN_OURS = {"local_identity": "C=DE, O=Example, OU=Gateways, CN=nhtb.interop",
           "remote_identity": "C=DE, O=Example, OU=Gateways, CN=peer.interop"}

ROWS = [
    certificates("certificates: RSA-2048, PKCS#1", "initiator", steps=[big_packets, rekey_child_by_us]),
    certificates("certificates: RSA-3072, PKCS#1", "responder", "rsa3072", "rsa3072", steps=[rekey_ike_by_peer]),
    certificates("certificates: RSA, PSS", "initiator", gateway={"certificates": {"pss": True}}, swan=PSS),
    certificates("certificates: RSA, PSS", "responder", gateway={"certificates": {"pss": True}}, swan=PSS),
    certificates("certificates: ECDSA P-256", "initiator", "p256", "p256"),
    certificates("certificates: ECDSA P-256", "responder", "p256", "p256"),
    certificates("certificates: ECDSA P-384, an intermediate, lists required", "initiator", "p384", "p384",
                 deep=True, crl=True, steps=[rekey_ike_by_peer]),
    certificates("certificates: ECDSA P-384, an intermediate, lists required", "responder", "p384", "p384",
                 deep=True, crl=True),
    certificates("certificates: ECDSA P-521", "responder", "p521", "p521"),
    certificates("certificates: RSA here, ECDSA there", "initiator", "rsa2048", "p256"),
    certificates("certificates: ECDSA methods without RFC 7427", "initiator", "p256", "p384", swan=OLD),
    certificates("certificates: ECDSA methods without RFC 7427", "responder", "p384", "p256", swan=OLD),
    certificates("certificates: distinguished names", "initiator", gateway=DN_OURS, swan=DN),
    certificates("certificates: distinguished names", "responder", gateway=DN_OURS, swan=DN),
    certificates("certificates: ours, their pre-shared key", "initiator", ours_only=True),
    certificates("certificates: theirs, our pre-shared key", "responder", theirs_only=True),
    certificates("main, RSA signatures", "initiator", make=rows_v1.row, steps=[rows_v1.rekey_phase1_by_us]),
    certificates("main, RSA signatures", "responder", make=rows_v1.row, steps=[rows_v1.rekey_phase1_by_peer]),
    certificates("main, RSA signatures, an intermediate", "initiator", deep=True, make=rows_v1.row),
    certificates("main, ECDSA P-256 signatures", "initiator", "p256", "p256", make=rows_v1.row),
    certificates("main, ECDSA P-256 signatures", "responder", "p256", "p256", make=rows_v1.row),
    certificates("main, ECDSA P-384 signatures", "responder", "p384", "p384", ike="cbc256-sha384-ecp384",
                 make=rows_v1.row),
    certificates("aggressive, RSA signatures", "initiator", make=rows_v1.row, v1={"mode": "aggressive"},
                 swan={"aggressive": "yes"}, steps=[rows_v1.rekey_phase1_by_us]),
    certificates("aggressive, RSA signatures", "responder", make=rows_v1.row, v1={"mode": "aggressive"},
                 swan={"aggressive": "yes"}, steps=[rows_v1.rekey_phase1_by_peer]),
    certificates("aggressive, ECDSA P-256 signatures, an intermediate", "initiator", "p256", "p256", deep=True,
                 make=rows_v1.row, v1={"mode": "aggressive"}, swan={"aggressive": "yes"}),
    certificates("aggressive, ECDSA P-256 signatures, an intermediate", "responder", "p256", "p256", deep=True,
                 make=rows_v1.row, v1={"mode": "aggressive"}, swan={"aggressive": "yes"}),
]
