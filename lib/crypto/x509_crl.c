/* SPDX-License-Identifier: Apache-2.0
 * Revocation lists of the configuration: is a certificate on one that its own issuer signed and that
 * is current? Lists that need what is not done here (deltas, indirect lists, lists for some reasons
 * only, unknown critical extensions) say nothing. The same code for every backend; any thread.
 * RFC 5280 5. */
#include "crypto/cert.h"

typedef struct crl {
    nhtb_span tbs, signature, issuer, revoked, point; /* point: distributionPoint of the list */
    int64_t from, until;                              /* until 0: no next update */
    uint16_t sig_alg, sig_hash;
    bool only_users, only_cas, unusable, has_delta; /* has_delta: newer news are elsewhere */
} crl;

/* issuingDistributionPoint (5.2.5). */
static void point_read(crl *c, nhtb_span v)
{
    nhi_rd w = nhi_der_open(v);
    nhi_rd r = nhi_der_open(nhi_der_get(&w, NHI_DER_SEQUENCE));
    nhtb_span b;
    (void)nhi_der_maybe(&r, NHI_DER_CONSTRUCTED | 0, &c->point);
    if (nhi_der_maybe(&r, NHI_DER_CONTEXT | 1, &b))
        c->only_users = b.n == 1 && b.p[0] != 0;
    if (nhi_der_maybe(&r, NHI_DER_CONTEXT | 2, &b))
        c->only_cas = b.n == 1 && b.p[0] != 0;
    if (!nhi_der_done(&r) || !nhi_der_done(&w))
        c->unusable = true; /* some reasons, indirect, attribute certificates */
}

static void extension(crl *c, nhtb_span oid, bool critical, nhtb_span v)
{
    bool ce = oid.n == 3 && oid.p[0] == 0x55 && oid.p[1] == 0x1d;
    switch (ce ? oid.p[2] : 0) {
    case 20:
    case 35: break; /* number, authority key identifier */
    case 28: point_read(c, v); break;
    case 46: c->has_delta = true; break; /* freshestCRL: it may say revoked, never good */
    default: c->unusable = c->unusable || critical; break; /* 27: a delta is always critical */
    }
}

static bool extensions(crl *c, nhtb_span body)
{
    nhi_rd w = nhi_der_open(body);
    nhi_rd in = nhi_der_open(nhi_der_get(&w, NHI_DER_SEQUENCE));
    nhtb_span flag;
    while (nhi_rd_left(&in) != 0) {
        nhi_rd e = nhi_der_open(nhi_der_get(&in, NHI_DER_SEQUENCE));
        nhtb_span oid = nhi_der_get(&e, NHI_DER_OID);
        bool critical = nhi_der_maybe(&e, NHI_DER_BOOLEAN, &flag) && flag.n == 1 && flag.p[0] != 0;
        nhtb_span v = nhi_der_get(&e, NHI_DER_OCTET_STRING);
        if (in.bad || !nhi_der_done(&e))
            return false;
        extension(c, oid, critical, v);
    }
    return nhi_der_done(&w);
}

static bool tbs_read(crl *c, nhtb_span *algorithm)
{
    nhi_rd w = nhi_der_open(c->tbs);
    nhi_rd r = nhi_der_open(nhi_der_get(&w, NHI_DER_SEQUENCE));
    nhtb_span v;
    if (nhi_der_maybe(&r, NHI_DER_INTEGER, &v) && nhi_der_small(v) != 1)
        return false;
    *algorithm = nhi_der_get(&r, NHI_DER_SEQUENCE);
    c->issuer = nhi_der_whole(&r, NHI_DER_SEQUENCE);
    if (!nhi_der_time(&r, &c->from))
        return false;
    if ((nhi_der_is(&r, NHI_DER_UTC_TIME) || nhi_der_is(&r, NHI_DER_TIME)) &&
        !nhi_der_time(&r, &c->until))
        return false;
    (void)nhi_der_maybe(&r, NHI_DER_SEQUENCE, &c->revoked);
    if (nhi_der_maybe(&r, NHI_DER_CONSTRUCTED | 0, &v) && !extensions(c, v))
        return false;
    return nhi_der_done(&r) && nhi_der_done(&w);
}

static bool read(crl *c, nhtb_span der)
{
    nhtb_span inner, outer, bits;
    memset(c, 0, sizeof *c);
    nhi_rd w = nhi_der_open(der);
    nhi_rd r = nhi_der_open(nhi_der_get(&w, NHI_DER_SEQUENCE));
    c->tbs = nhi_der_whole(&r, NHI_DER_SEQUENCE);
    outer = nhi_der_get(&r, NHI_DER_SEQUENCE);
    bits = nhi_der_get(&r, NHI_DER_BIT_STRING);
    if (!nhi_der_done(&w) || !nhi_der_done(&r) || bits.n < 2 || bits.p[0] != 0 ||
        !tbs_read(c, &inner) || !nhi_der_equal(inner, outer) || !nhi_dn_valid(c->issuer))
        return false;
    c->signature = (nhtb_span){bits.p + 1, bits.n - 1};
    if (!nhi_sig_alg_read(outer, &c->sig_alg, &c->sig_hash))
        c->sig_alg = NHTB_SIG_NONE;
    return true;
}

bool nhi_crl_valid(nhtb_span der)
{
    crl c;
    return read(&c, der);
}

static bool contains(nhtb_span hay, nhtb_span needle)
{
    for (size_t i = 0; needle.n != 0 && i + needle.n <= hay.n; i++) {
        if (memcmp(hay.p + i, needle.p, needle.n) == 0)
            return true;
    }
    return false;
}

/* Is it about this certificate? A list of one distribution point is about those that name it. */
static bool covers(const crl *c, const nhi_cert *cert)
{
    if (c->unusable || (c->only_users && cert->ca) || (c->only_cas && !cert->ca))
        return false;
    return c->point.n == 0 || contains(cert->crl_points, c->point);
}

/* Signed by the issuer's key, which may sign lists. */
static bool proved(const nhtb_crypto *c, const crl *l, const nhi_cert *issuer)
{
    if (!nhi_dn_equal(l->issuer, issuer->subject) || l->sig_alg == NHTB_SIG_NONE ||
        issuer->key == NHI_KEY_NONE)
        return false;
    if (issuer->has_usage && !(issuer->usage & NHI_USAGE_CRL_SIGN))
        return false;
    return c->pk->verify(issuer->spki, l->sig_alg, l->sig_hash, l->tbs, l->signature) ==
           NHTB_SIG_GOOD;
}

typedef enum listed { LISTED_NO, LISTED_YES, LISTED_UNCLEAR } listed;

static bool strange_entry(nhi_rd *e)
{
    nhtb_span body, flag;
    if (!nhi_der_maybe(e, NHI_DER_SEQUENCE, &body))
        return false;
    nhi_rd in = nhi_der_open(body);
    while (nhi_rd_left(&in) != 0 && !in.bad) {
        nhi_rd x = nhi_der_open(nhi_der_get(&in, NHI_DER_SEQUENCE));
        nhtb_span oid = nhi_der_get(&x, NHI_DER_OID);
        bool known = oid.n == 3 && oid.p[0] == 0x55 && oid.p[1] == 0x1d && oid.p[2] == 21;
        if (!known && nhi_der_maybe(&x, NHI_DER_BOOLEAN, &flag) && flag.n == 1 && flag.p[0] != 0)
            return true;
    }
    return in.bad;
}

static listed find(nhtb_span revoked, nhtb_span serial)
{
    nhi_rd r = nhi_der_open(revoked);
    listed found = LISTED_NO;
    int64_t when;
    while (nhi_rd_left(&r) != 0) {
        nhi_rd e = nhi_der_open(nhi_der_get(&r, NHI_DER_SEQUENCE));
        nhtb_span number = nhi_der_get(&e, NHI_DER_INTEGER);
        if (r.bad || !nhi_der_time(&e, &when) || strange_entry(&e) || !nhi_der_done(&e))
            return LISTED_UNCLEAR;
        if (nhi_der_equal(number, serial))
            found = LISTED_YES;
    }
    return found;
}

nhi_revoked nhi_crl_status(const nhtb_crypto *c, const nhtb_span *crls, size_t n,
                           const nhi_cert *cert, const nhi_cert *issuer, int64_t now)
{
    nhi_revoked status = NHI_STATUS_UNKNOWN;
    for (size_t i = 0; i < n; i++) {
        crl l;
        if (!read(&l, crls[i]) || !covers(&l, cert) || !proved(c, &l, issuer))
            continue;
        listed is = find(l.revoked, cert->serial);
        if (is == LISTED_YES)
            return NHI_REVOKED; /* an old list says so too: nothing comes back from there */
        if (is == LISTED_NO && !l.has_delta && l.from <= now && l.until != 0 && now <= l.until)
            status = NHI_NOT_REVOKED;
    }
    return status;
}
