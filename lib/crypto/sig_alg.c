/* SPDX-License-Identifier: Apache-2.0
 * AlgorithmIdentifiers of signatures, as certificates and RFC 7427 write them: read and written.
 * SHA-1 and MD5 are not among them. Called by cert, crl and sig; any thread. RFC 4055, RFC 5758. */
#include "crypto/cert.h"

static const uint8_t pkcs1[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01}; /* + last */
static const uint8_t ecdsa[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03};       /* + last */
static const uint8_t sha2[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02};  /* + last */

enum { LAST_MGF1 = 8, LAST_PSS = 10 };

/* NHTB_HASH_*, the last arc under pkcs1, ecdsa and sha2, and the digest's length. */
static const struct row {
    uint16_t hash;
    uint8_t pkcs1, ecdsa, sha2, len;
} rows[] = {
    {NHTB_HASH_SHA256, 11, 2, 1, 32},
    {NHTB_HASH_SHA384, 12, 3, 2, 48},
    {NHTB_HASH_SHA512, 13, 4, 3, 64},
};

static int last_of(nhtb_span oid, const uint8_t *base, size_t n)
{
    return oid.n == n + 1 && memcmp(oid.p, base, n) == 0 ? oid.p[n] : -1;
}

static bool null_or_none(nhi_rd *r)
{
    nhtb_span v;
    bool null = nhi_der_maybe(r, NHI_DER_NULL, &v);
    return nhi_der_done(r) && (!null || v.n == 0);
}

/* AlgorithmIdentifier of a hash; NULL: not one we take. */
static const struct row *hash_read(nhi_rd *r)
{
    nhi_rd in = nhi_der_open(nhi_der_get(r, NHI_DER_SEQUENCE));
    int last = last_of(nhi_der_get(&in, NHI_DER_OID), sha2, sizeof sha2);
    if (r->bad || !null_or_none(&in))
        return NULL;
    for (size_t i = 0; i < NHI_ARRAY_LEN(rows); i++) {
        if (rows[i].sha2 == last)
            return &rows[i];
    }
    return NULL;
}

/* RSASSA-PSS-params: the same hash twice, a salt as long as it, trailer 1 (RFC 4055 3.1). Anything
 * that is left to its default would mean SHA-1. */
static bool pss_read(nhi_rd *alg, uint16_t *hash)
{
    nhi_rd p = nhi_der_open(nhi_der_get(alg, NHI_DER_SEQUENCE));
    nhi_rd h = nhi_der_open(nhi_der_get(&p, NHI_DER_CONSTRUCTED | 0));
    nhi_rd m = nhi_der_open(nhi_der_get(&p, NHI_DER_CONSTRUCTED | 1));
    nhi_rd s = nhi_der_open(nhi_der_get(&p, NHI_DER_CONSTRUCTED | 2));
    nhtb_span trailer;
    if (nhi_der_maybe(&p, NHI_DER_CONSTRUCTED | 3, &trailer)) {
        nhi_rd t = nhi_der_open(trailer);
        if (nhi_der_small(nhi_der_get(&t, NHI_DER_INTEGER)) != 1 || !nhi_der_done(&t))
            return false;
    }
    const struct row *row = hash_read(&h);
    nhi_rd mgf = nhi_der_open(nhi_der_get(&m, NHI_DER_SEQUENCE));
    int last = last_of(nhi_der_get(&mgf, NHI_DER_OID), pkcs1, sizeof pkcs1);
    const struct row *mgf_row = hash_read(&mgf);
    int32_t salt = nhi_der_small(nhi_der_get(&s, NHI_DER_INTEGER));
    if (row == NULL || mgf_row != row || last != LAST_MGF1 || salt != row->len ||
        !nhi_der_done(alg) || !nhi_der_done(&p) || !nhi_der_done(&h) || !nhi_der_done(&m) ||
        !nhi_der_done(&s) || !nhi_der_done(&mgf))
        return false;
    *hash = row->hash;
    return true;
}

bool nhi_sig_alg_read(nhtb_span algorithm_body, uint16_t *alg, uint16_t *hash)
{
    nhi_rd r = nhi_der_open(algorithm_body);
    nhtb_span oid = nhi_der_get(&r, NHI_DER_OID);
    int rsa = last_of(oid, pkcs1, sizeof pkcs1), ec = last_of(oid, ecdsa, sizeof ecdsa);
    if (rsa == LAST_PSS) {
        *alg = NHTB_SIG_RSA_PSS;
        return pss_read(&r, hash);
    }
    for (size_t i = 0; i < NHI_ARRAY_LEN(rows); i++) {
        if (rsa != rows[i].pkcs1 && ec != rows[i].ecdsa)
            continue;
        *alg = ec < 0 ? NHTB_SIG_RSA_PKCS1 : NHTB_SIG_ECDSA;
        *hash = rows[i].hash;
        return ec < 0 ? null_or_none(&r) : nhi_der_done(&r);
    }
    return false;
}

/* ---- writing ---- */

static void oid_write(nhi_wr *w, const uint8_t *base, size_t n, unsigned last)
{
    nhi_wr_u8(w, NHI_DER_OID);
    nhi_wr_u8(w, (unsigned)n + 1);
    nhi_wr_bytes(w, base, n);
    nhi_wr_u8(w, last);
}

static void null_write(nhi_wr *w)
{
    nhi_wr_u8(w, NHI_DER_NULL);
    nhi_wr_u8(w, 0);
}

/* SEQUENCE { hash, NULL }: 15 octets. */
static void hash_write(nhi_wr *w, const struct row *row)
{
    nhi_wr_u8(w, NHI_DER_SEQUENCE);
    nhi_wr_u8(w, 13);
    oid_write(w, sha2, sizeof sha2, row->sha2);
    null_write(w);
}

static void pss_write(nhi_wr *w, const struct row *row)
{
    oid_write(w, pkcs1, sizeof pkcs1, LAST_PSS);
    nhi_wr_u8(w, NHI_DER_SEQUENCE);
    nhi_wr_u8(w, 52);
    nhi_wr_u8(w, NHI_DER_CONSTRUCTED | 0);
    nhi_wr_u8(w, 15);
    hash_write(w, row);
    nhi_wr_u8(w, NHI_DER_CONSTRUCTED | 1);
    nhi_wr_u8(w, 28);
    nhi_wr_u8(w, NHI_DER_SEQUENCE);
    nhi_wr_u8(w, 26);
    oid_write(w, pkcs1, sizeof pkcs1, LAST_MGF1);
    hash_write(w, row);
    nhi_wr_u8(w, NHI_DER_CONSTRUCTED | 2);
    nhi_wr_u8(w, 3);
    nhi_wr_u8(w, NHI_DER_INTEGER);
    nhi_wr_u8(w, 1);
    nhi_wr_u8(w, row->len);
}

size_t nhi_sig_alg_write(uint16_t alg, uint16_t hash, uint8_t out[NHI_SIG_ALG_MAX])
{
    nhi_wr w;
    nhi_wr_init(&w, out, NHI_SIG_ALG_MAX);
    nhi_wr_u8(&w, NHI_DER_SEQUENCE);
    nhi_wr_u8(&w, 0);
    for (size_t i = 0; i < NHI_ARRAY_LEN(rows); i++) {
        if (rows[i].hash != hash)
            continue;
        switch (alg) {
        case NHTB_SIG_RSA_PKCS1:
            oid_write(&w, pkcs1, sizeof pkcs1, rows[i].pkcs1);
            null_write(&w);
            break;
        case NHTB_SIG_RSA_PSS: pss_write(&w, &rows[i]); break;
        case NHTB_SIG_ECDSA: oid_write(&w, ecdsa, sizeof ecdsa, rows[i].ecdsa); break;
        default: break;
        }
    }
    nhi_wr_patch8(&w, 1, (unsigned)w.n - 2);
    return w.bad || w.n == 2 ? 0 : w.n;
}
