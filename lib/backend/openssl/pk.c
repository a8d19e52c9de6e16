/* SPDX-License-Identifier: Apache-2.0
 * pk table of the OpenSSL backend: X25519 (RFC 8031), P-256, P-384, P-521 (RFC 5903), MODP-2048,
 * -3072, -4096 (RFC 3526) from a private key that the caller's seed fixes. The context holds the seed only; all OpenSSL objects
 * live within one call. Scalar work uses OpenSSL's constant-time paths, which bring their own
 * blinding. Runs as jobs, any thread. */
#include <nhtb/backend_openssl.h>

#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include "sig.h"

#define X25519_LEN        32
#define ECP_LEN_MAX       66 /* P-521 */
#define MODP_EXPONENT_LEN 64

typedef struct dh_ctx {
    uint8_t seed[NHTB_KE_SEED];
} dh_ctx;

typedef struct facts {
    uint16_t method, public_len, secret_len;
    uint16_t seed_len;          /* ECP: bytes of the seed that make the private key */
    int nid;                    /* ECP: the curve */
    BIGNUM *(*prime)(BIGNUM *); /* MODP */
} facts;

static const facts methods[] = {
    {NHTB_KE_MODP1024, 128, 128, MODP_EXPONENT_LEN, 0, BN_get_rfc2409_prime_1024},
    {NHTB_KE_MODP1536, 192, 192, MODP_EXPONENT_LEN, 0, BN_get_rfc3526_prime_1536},
    {NHTB_KE_MODP2048, 256, 256, MODP_EXPONENT_LEN, 0, BN_get_rfc3526_prime_2048},
    {NHTB_KE_MODP3072, 384, 384, MODP_EXPONENT_LEN, 0, BN_get_rfc3526_prime_3072},
    {NHTB_KE_MODP4096, 512, 512, MODP_EXPONENT_LEN, 0, BN_get_rfc3526_prime_4096},
    {NHTB_KE_P256, 64, 32, 48, NID_X9_62_prime256v1, NULL},
    {NHTB_KE_P384, 96, 48, 64, NID_secp384r1, NULL},
    {NHTB_KE_P521, 132, 66, 80, NID_secp521r1, NULL},
    {NHTB_KE_X25519, X25519_LEN, X25519_LEN, X25519_LEN, 0, NULL},
};

static const facts *find(uint16_t method)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (methods[i].method == method)
            return &methods[i];
    }
    return NULL;
}

static bool has(uint16_t method)
{
    return find(method) != NULL;
}

static size_t dh_size(uint16_t method)
{
    (void)method;
    return sizeof(dh_ctx);
}

/* ---- X25519 ---- */

static EVP_PKEY *x25519_private(const dh_ctx *dh)
{
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, dh->seed, X25519_LEN);
}

static bool x25519_make(const dh_ctx *dh, uint8_t *pub)
{
    size_t n = X25519_LEN;
    EVP_PKEY *key = x25519_private(dh);
    bool good = key != NULL && EVP_PKEY_get_raw_public_key(key, pub, &n) == 1;
    EVP_PKEY_free(key);
    return good;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

static bool x25519_shared(const dh_ctx *dh, const uint8_t *peer, uint8_t *secret)
{
    size_t n = X25519_LEN;
    EVP_PKEY *key = x25519_private(dh);
    EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, X25519_LEN);
    EVP_PKEY_CTX *c = key != NULL ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    bool good = c != NULL && other != NULL && EVP_PKEY_derive_init(c) == 1 &&
                EVP_PKEY_derive_set_peer(c, other) == 1 && EVP_PKEY_derive(c, secret, &n) == 1 &&
                n == X25519_LEN && !all_zero(secret, n);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
    return good;
}

/* ---- ECP ---- */

/* d = 1 + seed mod (n - 1). */
static bool ecp_scalar(const dh_ctx *dh, size_t seed_len, const EC_GROUP *group, BIGNUM *d,
                       BN_CTX *bn)
{
    BIGNUM *order = BN_dup(EC_GROUP_get0_order(group));
    BN_set_flags(d, BN_FLG_CONSTTIME);
    bool good = order != NULL && BN_sub_word(order, 1) == 1 &&
                BN_bin2bn(dh->seed, (int)seed_len, d) != NULL && BN_mod(d, d, order, bn) == 1 &&
                BN_add_word(d, 1) == 1;
    BN_free(order);
    return good;
}

/* raw: SEC1 uncompressed point of raw_len bytes, in: the peer's, ignored when base; out: d times it,
 * or d times the base point. */
static bool ecp_multiply(const EC_GROUP *group, const BIGNUM *d, bool base, uint8_t *raw,
                         size_t raw_len, BN_CTX *bn)
{
    EC_POINT *p = EC_POINT_new(group), *r = EC_POINT_new(group);
    bool good = p != NULL && r != NULL;
    if (good && base)
        good = EC_POINT_mul(group, r, d, NULL, NULL, bn) == 1;
    else if (good)
        good = EC_POINT_oct2point(group, p, raw, raw_len, bn) == 1 &&
               EC_POINT_is_on_curve(group, p, bn) == 1 &&
               EC_POINT_mul(group, r, NULL, p, d, bn) == 1;
    good = good && EC_POINT_is_at_infinity(group, r) == 0 &&
           EC_POINT_point2oct(group, r, POINT_CONVERSION_UNCOMPRESSED, raw, raw_len, bn) == raw_len;
    EC_POINT_clear_free(r);
    EC_POINT_free(p);
    return good;
}

/* peer NULL: out is the public value x|y, else the secret x. */
static bool ecp_run(const facts *f, const dh_ctx *dh, const uint8_t *peer, uint8_t *out)
{
    uint8_t raw[1 + 2 * ECP_LEN_MAX] = {4};
    EC_GROUP *group = EC_GROUP_new_by_curve_name(f->nid);
    BN_CTX *bn = BN_CTX_secure_new();
    BIGNUM *d = BN_new();
    if (peer != NULL)
        memcpy(raw + 1, peer, f->public_len);
    bool good = group != NULL && bn != NULL && d != NULL &&
                ecp_scalar(dh, f->seed_len, group, d, bn) &&
                ecp_multiply(group, d, peer == NULL, raw, (size_t)f->public_len + 1, bn);
    if (good)
        memcpy(out, raw + 1, peer == NULL ? f->public_len : f->secret_len);
    OPENSSL_cleanse(raw, sizeof raw);
    BN_clear_free(d);
    BN_CTX_free(bn);
    EC_GROUP_free(group);
    return good;
}

/* ---- MODP ---- */

/* 1 < y < p - 1: anything else gives a secret that everybody knows. */
static bool modp_in_range(const BIGNUM *y, const BIGNUM *p)
{
    BIGNUM *top = BN_dup(p);
    bool good = top != NULL && BN_sub_word(top, 1) == 1 && BN_cmp(y, BN_value_one()) > 0 &&
                BN_cmp(y, top) < 0;
    BN_free(top);
    return good;
}

/* out = y^x mod p; y is the generator 2 when peer is NULL. */
static bool modp_run(const facts *f, const dh_ctx *dh, const uint8_t *peer, uint8_t *out)
{
    int len = f->public_len;
    BN_CTX *bn = BN_CTX_secure_new();
    BIGNUM *p = f->prime(NULL);
    BIGNUM *x = BN_bin2bn(dh->seed, f->seed_len, NULL), *r = BN_new();
    BIGNUM *y = peer != NULL ? BN_bin2bn(peer, len, NULL) : BN_new();
    bool good = bn != NULL && p != NULL && x != NULL && r != NULL && y != NULL;
    if (good && peer == NULL)
        good = BN_set_word(y, 2) == 1;
    if (good)
        BN_set_flags(x, BN_FLG_CONSTTIME);
    good = good && modp_in_range(y, p) && BN_mod_exp_mont_consttime(r, y, x, p, bn, NULL) == 1 &&
           modp_in_range(r, p) && BN_bn2binpad(r, out, len) == len;
    BN_clear_free(r);
    BN_clear_free(x);
    BN_free(y);
    BN_free(p);
    BN_CTX_free(bn);
    return good;
}

/* ---- table ---- */

/* peer NULL: out is the public value, else the secret. */
static bool run(const facts *f, const dh_ctx *dh, const uint8_t *peer, uint8_t *out)
{
    if (f->prime != NULL)
        return modp_run(f, dh, peer, out);
    if (f->nid != 0)
        return ecp_run(f, dh, peer, out);
    return peer == NULL ? x25519_make(dh, out) : x25519_shared(dh, peer, out);
}

static int dh_make(uint16_t method, void *ctx, const uint8_t seed[NHTB_KE_SEED], uint8_t *pub,
                   size_t *pub_len)
{
    const facts *f = find(method);
    dh_ctx *dh = ctx;
    if (f == NULL)
        return NHTB_ERR_UNSUPPORTED;
    if (*pub_len < f->public_len)
        return NHTB_ERR_SHORT;
    memcpy(dh->seed, seed, sizeof dh->seed);
    if (!run(f, dh, NULL, pub)) {
        OPENSSL_cleanse(ctx, sizeof *dh);
        return NHTB_ERR_CRYPTO;
    }
    *pub_len = f->public_len;
    return 0;
}

static int dh_shared(uint16_t method, void *ctx, nhtb_span peer, uint8_t *secret,
                     size_t *secret_len)
{
    const facts *f = find(method);
    const dh_ctx *dh = ctx;
    if (f == NULL)
        return NHTB_ERR_UNSUPPORTED;
    if (*secret_len < f->secret_len)
        return NHTB_ERR_SHORT;
    if (peer.n != f->public_len)
        return NHTB_ERR_CRYPTO;
    if (!run(f, dh, peer.p, secret)) {
        OPENSSL_cleanse(secret, f->secret_len);
        return NHTB_ERR_CRYPTO;
    }
    *secret_len = f->secret_len;
    return 0;
}

static void dh_wipe(uint16_t method, void *ctx)
{
    (void)method;
    OPENSSL_cleanse(ctx, sizeof(dh_ctx));
}

static const nhtb_pk_ops ops = {
    .size = sizeof(nhtb_pk_ops),
    .name = "openssl",
    .has = has,
    .dh_size = dh_size,
    .dh_make = dh_make,
    .dh_shared = dh_shared,
    .dh_wipe = dh_wipe,
    .has_sig = nhi_openssl_has_sig,
    .key_public = nhi_openssl_key_public,
    .sign = nhi_openssl_sign,
    .verify = nhi_openssl_verify,
    .chain = nhi_openssl_chain,
};

const nhtb_pk_ops *nhtb_openssl_pk(void)
{
    return &ops;
}

nhtb_crypto nhtb_openssl_crypto(void)
{
    return (nhtb_crypto){nhtb_openssl_bulk(), nhtb_openssl_kdf(), nhtb_openssl_pk()};
}
