/* SPDX-License-Identifier: Apache-2.0
 * Certificate paths of the OpenSSL backend by X509_verify_cert: signatures, names, validity at the
 * caller's time, basic constraints, path lengths, key usage, name constraints, critical extensions.
 * Any anchor ends a path, self-signed or not. Nothing is fetched. Called through the pk table. */
#include "sig.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#define ANCHORS_MAX 64
#define ISSUERS_MAX (NHTB_CHAIN_MAX - 2) /* between the leaf and the anchor */

typedef struct work {
    X509 *cert[NHTB_CHAIN_MAX + ANCHORS_MAX];
    size_t n;
    X509_STORE *store;
    X509_STORE_CTX *ctx;
    STACK_OF(X509) * others;
} work;

static X509 *read_one(nhtb_span der)
{
    const unsigned char *p = der.p;
    X509 *x = der.n <= LONG_MAX ? d2i_X509(NULL, &p, (long)der.n) : NULL;
    if (x != NULL && p != der.p + der.n) {
        X509_free(x);
        x = NULL;
    }
    return x;
}

/* A helper that cannot be read is left out, as if it had not come; the leaf and anchors must be. */
static bool read_all(work *w, const nhtb_chain *in)
{
    for (size_t i = 0; i < in->n_certs + in->n_anchors; i++) {
        bool anchor = i >= in->n_certs;
        X509 *x = read_one(anchor ? in->anchors[i - in->n_certs] : in->certs[i]);
        w->cert[w->n++] = x;
        if (x == NULL && (i == 0 || anchor))
            return false;
        if (x != NULL && anchor && X509_STORE_add_cert(w->store, x) != 1)
            return false;
        if (x != NULL && !anchor && i != 0 && sk_X509_push(w->others, x) <= 0)
            return false;
    }
    return true;
}

static bool prepare(work *w, const nhtb_chain *in)
{
    w->store = X509_STORE_new();
    w->ctx = X509_STORE_CTX_new();
    w->others = sk_X509_new_null();
    if (w->store == NULL || w->ctx == NULL || w->others == NULL || !read_all(w, in) ||
        X509_STORE_CTX_init(w->ctx, w->store, w->cert[0], w->others) != 1)
        return false;
    X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(w->ctx);
    X509_VERIFY_PARAM_set_time(p, (time_t)in->at);
    X509_VERIFY_PARAM_set_depth(p, ISSUERS_MAX);
    return X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

/* The chain holds references to the objects given, or equal ones from the store. */
static bool index_of(const work *w, const X509 *x, size_t from, uint16_t *out)
{
    for (size_t i = from; i < w->n; i++) {
        if (w->cert[i] != NULL && (w->cert[i] == x || X509_cmp(w->cert[i], x) == 0)) {
            *out = (uint16_t)i;
            return true;
        }
    }
    return false;
}

static bool take_path(const work *w, const nhtb_chain *in, uint16_t *path, size_t *n)
{
    const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(w->ctx);
    int len = chain != NULL ? sk_X509_num(chain) : 0;
    if (len < 1 || len > NHTB_CHAIN_MAX)
        return false;
    for (int i = 0; i < len; i++) {
        if (!index_of(w, sk_X509_value(chain, i), i == len - 1 ? in->n_certs : 0, &path[i]))
            return false;
    }
    *n = (size_t)len;
    return true;
}

int nhi_openssl_chain(const nhtb_chain *in, uint16_t path[NHTB_CHAIN_MAX], size_t *n)
{
    work w = {.n = 0};
    if (in->n_certs == 0 || in->n_certs > NHTB_CHAIN_MAX || in->n_anchors > ANCHORS_MAX)
        return NHTB_ERR_ARG;
    bool good = prepare(&w, in) && X509_verify_cert(w.ctx) == 1 && take_path(&w, in, path, n);
    X509_STORE_CTX_free(w.ctx);
    X509_STORE_free(w.store);
    sk_X509_free(w.others);
    for (size_t i = 0; i < w.n; i++)
        X509_free(w.cert[i]);
    ERR_clear_error();
    return good ? 0 : NHTB_ERR_CRYPTO;
}
