/* SPDX-License-Identifier: Apache-2.0
 * Certificate paths of the mbedTLS backend by mbedtls_x509_crt_verify: signatures, names, basic
 * constraints, path lengths, key usage. mbedTLS compares validity with the system's clock, so those
 * two verdicts are dropped here and taken by the library against the caller's time; so are critical
 * extensions mbedTLS does not know. Nothing is fetched. Called through the pk table. */
#include "sig.h"

#include <string.h>

#include <mbedtls/x509_crt.h>

#define ANCHORS_MAX 64

typedef struct work {
    const nhtb_chain *in;
    mbedtls_x509_crt others, anchors; /* others: the leaf first */
    uint16_t path[NHTB_CHAIN_MAX];
    size_t n;
    bool lost; /* a certificate of the path is not among those given, or it is too long */
} work;

static int any_extension(void *user, mbedtls_x509_crt const *crt, mbedtls_x509_buf const *oid,
                         int critical, const unsigned char *p, const unsigned char *end)
{
    (void)user;
    (void)crt;
    (void)oid;
    (void)critical;
    (void)p;
    (void)end;
    return 0;
}

static bool add(mbedtls_x509_crt *list, nhtb_span der)
{
    return mbedtls_x509_crt_parse_der_with_ext_cb(list, der.p, der.n, 1, any_extension, NULL) == 0;
}

/* A helper that cannot be read is left out, as if it had not come; the leaf and anchors must be. */
static bool read_all(work *w)
{
    for (size_t i = 0; i < w->in->n_certs; i++) {
        if (!add(&w->others, w->in->certs[i]) && i == 0)
            return false;
    }
    for (size_t i = 0; i < w->in->n_anchors; i++) {
        if (!add(&w->anchors, w->in->anchors[i]))
            return false;
    }
    return w->in->n_anchors != 0;
}

static bool same(const mbedtls_x509_crt *c, nhtb_span der)
{
    return c->raw.len == der.n && memcmp(c->raw.p, der.p, der.n) == 0;
}

/* The last of the path is an anchor, though it may have come among the others too. */
static bool index_of(const work *w, const mbedtls_x509_crt *c, bool anchor, uint16_t *out)
{
    const nhtb_chain *in = w->in;
    for (size_t i = 0; i < in->n_certs && !anchor; i++) {
        if (same(c, in->certs[i])) {
            *out = (uint16_t)i;
            return true;
        }
    }
    for (size_t i = 0; i < in->n_anchors; i++) {
        if (same(c, in->anchors[i])) {
            *out = (uint16_t)(in->n_certs + i);
            return true;
        }
    }
    return false;
}

/* Called from the top of the path down to the leaf. */
static int each(void *user, mbedtls_x509_crt *c, int depth, uint32_t *flags)
{
    work *w = user;
    *flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
    if (depth < 0 || depth >= NHTB_CHAIN_MAX) {
        w->lost = true;
        return 0;
    }
    if (w->n == 0)
        w->n = (size_t)depth + 1;
    if (!index_of(w, c, (size_t)depth + 1 == w->n, &w->path[depth]))
        w->lost = true;
    return 0;
}

/* Sizes and hashes are judged by the library. */
static const mbedtls_x509_crt_profile everything = {
    .allowed_mds = 0xfffffff,
    .allowed_pks = 0xfffffff,
    .allowed_curves = 0xfffffff,
    .rsa_min_bitlen = 0,
};

int nhi_mbedtls_chain(const nhtb_chain *in, uint16_t path[NHTB_CHAIN_MAX], size_t *n)
{
    work w = {.in = in};
    uint32_t flags = 0;
    if (in->n_certs == 0 || in->n_certs > NHTB_CHAIN_MAX || in->n_anchors > ANCHORS_MAX)
        return NHTB_ERR_ARG;
    mbedtls_x509_crt_init(&w.others);
    mbedtls_x509_crt_init(&w.anchors);
    bool good = read_all(&w) &&
                mbedtls_x509_crt_verify_with_profile(&w.others, &w.anchors, NULL, &everything, NULL,
                                                     &flags, each, &w) == 0 &&
                !w.lost && w.n != 0;
    if (good) {
        memcpy(path, w.path, sizeof w.path);
        *n = w.n;
    }
    mbedtls_x509_crt_free(&w.others);
    mbedtls_x509_crt_free(&w.anchors);
    return good ? 0 : NHTB_ERR_CRYPTO;
}
