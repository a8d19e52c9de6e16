/* SPDX-License-Identifier: Apache-2.0
 * A certificate taken apart, its key and signature algorithm classified. The peer's octets are
 * borrowed, never copied. Called by x509_path and ike; any thread. RFC 5280 4.1, 4.2, RFC 4055. */
#include "crypto/cert.h"

#define EXTENSIONS_MAX 32

static const uint8_t oid_rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
static const uint8_t oid_ec[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
static const struct {
    uint8_t key, n, oid[8];
} curves[] = {
    {NHI_KEY_P256, 8, {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}},
    {NHI_KEY_P384, 5, {0x2b, 0x81, 0x04, 0x00, 0x22}},
    {NHI_KEY_P521, 5, {0x2b, 0x81, 0x04, 0x00, 0x23}},
};

#define IS(span, bytes) ((span).n == sizeof(bytes) && memcmp((span).p, bytes, sizeof(bytes)) == 0)

/* ---- keys ---- */

static nhtb_span unsigned_body(nhtb_span i)
{
    if (i.n == 0 || i.p[0] & 0x80)
        return (nhtb_span){NULL, 0};
    while (i.n > 1 && i.p[0] == 0) {
        i.p++;
        i.n--;
    }
    return i;
}

static size_t bits_of(nhtb_span number)
{
    size_t bits = number.n * 8;
    for (uint8_t top = number.n != 0 ? number.p[0] : 0; bits != 0 && !(top & 0x80); top <<= 1)
        bits--;
    return bits;
}

/* The floor of reliability.md 5: a small exponent has forged signatures before. */
static bool rsa_good(nhtb_span bits)
{
    nhi_rd r = nhi_der_open(bits);
    nhtb_span seq = nhi_der_get(&r, NHI_DER_SEQUENCE);
    nhi_rd in = nhi_der_open(seq);
    nhtb_span n = unsigned_body(nhi_der_get(&in, NHI_DER_INTEGER));
    nhtb_span e = unsigned_body(nhi_der_get(&in, NHI_DER_INTEGER));
    if (!nhi_der_done(&r) || !nhi_der_done(&in) || n.n == 0 || e.n == 0)
        return false;
    size_t modulus = bits_of(n), exponent = bits_of(e);
    return modulus >= NHI_RSA_BITS_MIN && modulus <= NHI_RSA_BITS_MAX && (n.p[n.n - 1] & 1) != 0 &&
           exponent >= 17 && exponent <= 64 && (e.p[e.n - 1] & 1) != 0;
}

static nhi_key_kind curve_of(nhtb_span oid)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(curves); i++) {
        if (oid.n == curves[i].n && memcmp(oid.p, curves[i].oid, oid.n) == 0)
            return (nhi_key_kind)curves[i].key;
    }
    return NHI_KEY_NONE;
}

nhi_key_kind nhi_spki_kind(nhtb_span spki)
{
    nhi_rd r = nhi_der_open(spki);
    nhi_rd in = nhi_der_open(nhi_der_get(&r, NHI_DER_SEQUENCE));
    nhi_rd alg = nhi_der_open(nhi_der_get(&in, NHI_DER_SEQUENCE));
    nhtb_span bits = nhi_der_get(&in, NHI_DER_BIT_STRING), oid = nhi_der_get(&alg, NHI_DER_OID);
    if (!nhi_der_done(&r) || !nhi_der_done(&in) || alg.bad || bits.n < 2 || bits.p[0] != 0)
        return NHI_KEY_NONE;
    bits = (nhtb_span){bits.p + 1, bits.n - 1};
    if (IS(oid, oid_rsa))
        return rsa_good(bits) ? NHI_KEY_RSA : NHI_KEY_NONE;
    return IS(oid, oid_ec) ? curve_of(nhi_der_get(&alg, NHI_DER_OID)) : NHI_KEY_NONE;
}

/* ---- extensions ---- */

static bool basic(nhi_cert *c, nhtb_span v)
{
    nhi_rd r = nhi_der_open(v);
    nhi_rd in = nhi_der_open(nhi_der_get(&r, NHI_DER_SEQUENCE));
    nhtb_span b;
    if (nhi_der_maybe(&in, NHI_DER_BOOLEAN, &b)) {
        if (b.n != 1)
            return false;
        c->ca = b.p[0] != 0;
    }
    if (nhi_der_maybe(&in, NHI_DER_INTEGER, &b)) {
        c->path_len = nhi_der_small(b);
        if (c->path_len < 0)
            return false;
    }
    return nhi_der_done(&r) && nhi_der_done(&in);
}

static bool usage(nhi_cert *c, nhtb_span v)
{
    nhi_rd r = nhi_der_open(v);
    nhtb_span bits = nhi_der_get(&r, NHI_DER_BIT_STRING);
    c->has_usage = true;
    c->usage = bits.n >= 2 ? bits.p[1] : 0;
    return nhi_der_done(&r) && bits.n >= 1 && bits.p[0] <= 7;
}

/* RFC 4945 5.1.3.12 and what other IPsec implementations put there: ipsecIKE, anyExtendedKeyUsage,
 * the three old IPsec ones, Microsoft's IKE intermediate, and TLS's two. */
static bool eku_known(nhtb_span oid)
{
    static const uint8_t any[] = {0x55, 0x1d, 0x25, 0x00};
    static const uint8_t pkix[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03};
    static const uint8_t intermediate[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x08, 0x02, 0x02};
    if (IS(oid, any) || IS(oid, intermediate))
        return true;
    if (oid.n != sizeof pkix + 1 || memcmp(oid.p, pkix, sizeof pkix) != 0)
        return false;
    uint8_t last = oid.p[sizeof pkix];
    return last == 1 || last == 2 || (last >= 5 && last <= 7) || last == 17;
}

static bool eku(nhi_cert *c, nhtb_span v)
{
    nhi_rd r = nhi_der_open(v);
    nhi_rd in = nhi_der_open(nhi_der_get(&r, NHI_DER_SEQUENCE));
    c->has_eku = true;
    while (nhi_rd_left(&in) != 0) {
        nhtb_span oid = nhi_der_get(&in, NHI_DER_OID);
        if (in.bad)
            return false;
        c->eku_fits = c->eku_fits || eku_known(oid);
    }
    return nhi_der_done(&r);
}

/* id-ce 2.5.29.x; others are strange when critical. Policies: any policy is taken, none is asked
 * for, so certificatePolicies (32) says nothing against a certificate; policyConstraints,
 * policyMappings and inhibitAnyPolicy might, and are not processed. */
static bool extension(nhi_cert *c, nhtb_span oid, bool critical, nhtb_span v)
{
    bool ce = oid.n == 3 && oid.p[0] == 0x55 && oid.p[1] == 0x1d;
    switch (ce ? oid.p[2] : 0) {
    case 14:
    case 35: /* key identifiers */
    case 32: return true;
    case 15: return usage(c, v);
    case 17: c->san = v; return true;
    case 19: return basic(c, v);
    case 30: c->constraints = v; return true;
    case 31: c->crl_points = v; return true;
    case 37: return eku(c, v);
    default: c->strange = c->strange || critical; return true;
    }
}

static bool repeated(const nhtb_span *seen, size_t n, nhtb_span oid)
{
    for (size_t i = 0; i < n; i++) {
        if (nhi_der_equal(seen[i], oid))
            return true;
    }
    return false;
}

static bool extensions(nhi_cert *c, nhtb_span body)
{
    nhi_rd r = nhi_der_open(body);
    nhi_rd in = nhi_der_open(nhi_der_get(&r, NHI_DER_SEQUENCE));
    nhtb_span seen[EXTENSIONS_MAX], flag;
    size_t n = 0;
    while (nhi_rd_left(&in) != 0) {
        nhi_rd e = nhi_der_open(nhi_der_get(&in, NHI_DER_SEQUENCE));
        nhtb_span oid = nhi_der_get(&e, NHI_DER_OID);
        bool critical = nhi_der_maybe(&e, NHI_DER_BOOLEAN, &flag) && flag.n == 1 && flag.p[0] != 0;
        nhtb_span v = nhi_der_get(&e, NHI_DER_OCTET_STRING);
        if (in.bad || !nhi_der_done(&e) || n >= EXTENSIONS_MAX || repeated(seen, n, oid))
            return false;
        seen[n++] = oid;
        if (!extension(c, oid, critical, v))
            return false;
    }
    return nhi_der_done(&r) && n != 0;
}

/* ---- the whole ---- */

static bool tbs_read(nhi_cert *c, nhtb_span *algorithm)
{
    nhi_rd w = nhi_der_open(c->tbs);
    nhi_rd r = nhi_der_open(nhi_der_get(&w, NHI_DER_SEQUENCE));
    nhtb_span v;
    int32_t version = 0;
    if (nhi_der_maybe(&r, NHI_DER_CONSTRUCTED, &v)) {
        nhi_rd in = nhi_der_open(v);
        version = nhi_der_small(nhi_der_get(&in, NHI_DER_INTEGER));
        if (!nhi_der_done(&in) || version < 1 || version > 2)
            return false;
    }
    c->serial = nhi_der_get(&r, NHI_DER_INTEGER);
    *algorithm = nhi_der_get(&r, NHI_DER_SEQUENCE);
    c->issuer = nhi_der_whole(&r, NHI_DER_SEQUENCE);
    nhi_rd t = nhi_der_open(nhi_der_get(&r, NHI_DER_SEQUENCE));
    if (!nhi_der_time(&t, &c->from) || !nhi_der_time(&t, &c->until) || !nhi_der_done(&t))
        return false;
    c->subject = nhi_der_whole(&r, NHI_DER_SEQUENCE);
    c->spki = nhi_der_whole(&r, NHI_DER_SEQUENCE);
    /* unique identifiers: long out of use, and mbedTLS cannot read them */
    if (nhi_der_maybe(&r, NHI_DER_CONTEXT | 1, &v) || nhi_der_maybe(&r, NHI_DER_CONTEXT | 2, &v))
        return false;
    if (nhi_der_maybe(&r, NHI_DER_CONSTRUCTED | 3, &v) && (version != 2 || !extensions(c, v)))
        return false;
    return nhi_der_done(&r) && nhi_der_done(&w) && c->serial.n != 0;
}

bool nhi_cert_read(nhi_cert *c, nhtb_span der)
{
    nhtb_span inner, outer, bits;
    memset(c, 0, sizeof *c);
    c->path_len = -1;
    nhi_rd w = nhi_der_open(der);
    nhi_rd r = nhi_der_open(nhi_der_get(&w, NHI_DER_SEQUENCE));
    c->raw = der;
    c->tbs = nhi_der_whole(&r, NHI_DER_SEQUENCE);
    outer = nhi_der_get(&r, NHI_DER_SEQUENCE);
    bits = nhi_der_get(&r, NHI_DER_BIT_STRING);
    bool good = nhi_der_done(&w) && nhi_der_done(&r) && bits.n > 1 && bits.p[0] == 0 &&
                tbs_read(c, &inner) && nhi_der_equal(inner, outer) && nhi_dn_valid(c->issuer) &&
                nhi_dn_valid(c->subject);
    if (!good) {
        memset(c, 0, sizeof *c);
        return false;
    }
    c->signature = (nhtb_span){bits.p + 1, bits.n - 1};
    c->key = (uint8_t)nhi_spki_kind(c->spki);
    if (!nhi_sig_alg_read(outer, &c->sig_alg, &c->sig_hash))
        c->sig_alg = c->sig_hash = 0;
    return true;
}
