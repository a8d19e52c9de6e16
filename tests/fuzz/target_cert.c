/* SPDX-License-Identifier: Apache-2.0
 * Certificates, revocation lists, keys and signature algorithms as a peer or a file could bring them,
 * and paths over damaged fixtures, which every backend must judge alike. Input: first octet: 0 a
 * certificate, 1 a list, 2 an AlgorithmIdentifier, 3 PEM, 4 an ECDSA signature: the rest is it; from
 * 5 on a fixture's certificate, then edits: offset (2), value (1). */
#include "fuzz/fuzz.h"

#include "crypto/sig.h"
#include "pki/fixture.h"

#if defined(NHTB_HAVE_OPENSSL)
#include <nhtb/backend_openssl.h>
#endif
#if defined(NHTB_HAVE_MBEDTLS)
#include <nhtb/backend_mbedtls.h>
#endif

#define NOW INT64_C(1767225600)

static nhtb_crypto (*const backends[])(void) = {
#if defined(NHTB_HAVE_OPENSSL)
    nhtb_openssl_crypto,
#endif
#if defined(NHTB_HAVE_MBEDTLS)
    nhtb_mbedtls_crypto,
#endif
    NULL,
};

static const char *const leaves[] = {pki_hub,     pki_p256,   pki_p384,    pki_p521,    pki_old,
                                     pki_revoked, pki_inside, pki_outside, pki_critical};

static void cert(const uint8_t *p, size_t n)
{
    nhi_cert c;
    if (!nhi_cert_read(&c, (nhtb_span){p, n}))
        return;
    fuzz_check(c.tbs.p >= p && c.tbs.p + c.tbs.n <= p + n);
    fuzz_check(nhi_dn_valid(c.subject) && nhi_dn_valid(c.issuer));
    fuzz_check(nhi_dn_equal(c.subject, c.subject) && nhi_dn_within(c.subject, c.subject));
    fuzz_check(c.key == nhi_spki_kind(c.spki) && c.sig_alg <= NHTB_SIG_ECDSA);
    static const uint8_t types[] = {1, 2, 3, 5, 9, 11};
    for (size_t i = 0; i < sizeof types; i++) {
        nhtb_identity id = {types[i], types[i] == 9 ? c.subject : c.serial};
        bool held = nhi_cert_holds(&c, &id);
        fuzz_check(types[i] != 9 || held);
        fuzz_check(types[i] != 11 || !held);
    }
    if (c.constraints.n != 0)
        (void)nhi_cert_name_allowed(&c, c.constraints);
}

static void pem(const uint8_t *p, size_t n)
{
    nhtb_span text = {p, n};
    char label[NHI_PEM_LABEL];
    uint8_t *out = fuzz_dup(p, n);
    for (size_t left = n + 1; left > 0; left--) {
        size_t got = n;
        if (nhi_pem_next(&text, label, out, &got) != 1)
            break;
        fuzz_check(got <= n && strlen(label) < NHI_PEM_LABEL && text.n < n);
    }
    free(out);
}

static void algorithm(const uint8_t *p, size_t n)
{
    uint16_t alg, hash;
    uint8_t out[NHI_SIG_ALG_MAX];
    if (!nhi_sig_alg_read((nhtb_span){p, n}, &alg, &hash))
        return;
    fuzz_check(hash >= NHTB_HASH_SHA256 && hash <= NHTB_HASH_SHA512);
    fuzz_check(nhi_sig_alg_write(alg, hash, out) != 0);
}

static void ecdsa(const uint8_t *p, size_t n)
{
    static const size_t order[] = {32, 48, 66};
    for (size_t i = 0; i < 3; i++) {
        uint8_t plain[132], der[160];
        size_t plain_n = sizeof plain, der_n = sizeof der;
        if (!nhi_ecdsa_from_der((nhtb_span){p, n}, order[i], plain, &plain_n))
            continue;
        fuzz_check(nhi_ecdsa_to_der((nhtb_span){plain, plain_n}, der, &der_n));
        fuzz_check(der_n == n && memcmp(der, p, n) == 0); /* one form for each signature */
    }
}

static nhtb_span decode(const char *text, uint8_t *buf, size_t room)
{
    nhtb_span t = {(const uint8_t *)text, strlen(text)};
    char label[NHI_PEM_LABEL];
    fuzz_check(nhi_pem_next(&t, label, buf, &room) == 1);
    return (nhtb_span){buf, room};
}

/* Edited or not, all backends say the same; and what is edited is never believed. */
static void path(fuzz_in *in, unsigned which)
{
    static uint8_t leaf[2048], whole[2048], helper[2][2048], root[2048], crl[2048];
    nhtb_span certs[3], lists[1], anchor = decode(pki_root, root, sizeof root);
    certs[0] = decode(leaves[which % NHI_ARRAY_LEN(leaves)], leaf, sizeof leaf);
    certs[1] = decode(pki_sub, helper[0], sizeof helper[0]);
    certs[2] = decode(pki_tight, helper[1], sizeof helper[1]);
    lists[0] = decode(pki_sub_crl, crl, sizeof crl);
    memcpy(whole, leaf, certs[0].n);
    for (unsigned i = 0; i < 8 && in->n >= 3; i++) {
        size_t at = fuzz_u16(in) % certs[0].n;
        leaf[at] = fuzz_u8(in);
    }
    bool edited = memcmp(whole, leaf, certs[0].n) != 0; /* one edit may undo another */
    nhi_x509_in q = {certs, &anchor, lists, 3, 1, 1, (uint8_t)(which % 3), NOW};
    int good = -1;
    for (size_t b = 0; backends[b] != NULL; b++) {
        nhtb_crypto c = backends[b]();
        nhi_cert out;
        int r = nhi_x509_verify(&c, &q, &out) == NHI_X509_GOOD;
        fuzz_check(!edited || r == 0);
        fuzz_check(good < 0 || good == r);
        good = r;
    }
}

int fuzz_cert(const uint8_t *p, size_t n)
{
    fuzz_in in = {p, n};
    unsigned kind = fuzz_u8(&in);
    nhtb_span rest = in.n != 0 ? (nhtb_span){in.p, in.n} : (nhtb_span){NULL, 0};
    if (kind >= 5) {
        path(&in, kind - 5);
        return 0;
    }
    uint8_t *exact = fuzz_dup(rest.p, rest.n);
    switch (kind) {
    case 0: cert(exact, rest.n); break;
    case 1: (void)nhi_crl_valid((nhtb_span){exact, rest.n}); break;
    case 2: algorithm(exact, rest.n); break;
    case 3: pem(exact, rest.n); break;
    default: ecdsa(exact, rest.n); break;
    }
    free(exact);
    return 0;
}
