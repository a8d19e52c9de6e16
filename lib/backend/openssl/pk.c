/* SPDX-License-Identifier: Apache-2.0
 * pk table of the OpenSSL backend: X25519 (RFC 8031), P-256 (RFC 5903), MODP-2048 (RFC 3526) from
 * a private key that the caller's seed fixes. The context holds the seed only; all OpenSSL objects
 * live within one call. Scalar work uses OpenSSL's constant-time paths, which bring their own
 * blinding. Runs as jobs, any thread. */
#include <nhtb/backend_openssl.h>

#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#define X25519_LEN        32
#define P256_LEN          32
#define MODP_LEN          256
#define MODP_EXPONENT_LEN 64

typedef struct dh_ctx {
    uint8_t seed[NHTB_KE_SEED];
} dh_ctx;

static bool has(uint16_t method)
{
    return method == NHTB_KE_X25519 || method == NHTB_KE_P256 || method == NHTB_KE_MODP2048;
}

static size_t public_len(uint16_t method)
{
    switch (method) {
    case NHTB_KE_X25519: return X25519_LEN;
    case NHTB_KE_P256: return 2 * P256_LEN;
    default: return MODP_LEN;
    }
}

static size_t secret_len_of(uint16_t method)
{
    return method == NHTB_KE_MODP2048 ? MODP_LEN : 32;
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

/* ---- P-256 ---- */

/* d = 1 + seed mod (n - 1). */
static bool p256_scalar(const dh_ctx *dh, const EC_GROUP *group, BIGNUM *d, BN_CTX *bn)
{
    BIGNUM *order = BN_dup(EC_GROUP_get0_order(group));
    BN_set_flags(d, BN_FLG_CONSTTIME);
    bool good = order != NULL && BN_sub_word(order, 1) == 1 && BN_bin2bn(dh->seed, 48, d) != NULL &&
                BN_mod(d, d, order, bn) == 1 && BN_add_word(d, 1) == 1;
    BN_free(order);
    return good;
}

/* out: x|y of d times the peer's point, or of d times the base point when peer is NULL. */
static bool p256_times(const dh_ctx *dh, const EC_GROUP *group, const uint8_t *peer, uint8_t *out,
                       BN_CTX *bn)
{
    uint8_t raw[1 + 2 * P256_LEN] = {4}; /* SEC1 uncompressed point */
    EC_POINT *p = EC_POINT_new(group), *r = EC_POINT_new(group);
    BIGNUM *d = BN_new();
    bool good = p != NULL && r != NULL && d != NULL && p256_scalar(dh, group, d, bn);
    if (good && peer != NULL) {
        memcpy(raw + 1, peer, 2 * P256_LEN);
        good = EC_POINT_oct2point(group, p, raw, sizeof raw, bn) == 1 &&
               EC_POINT_is_on_curve(group, p, bn) == 1 &&
               EC_POINT_mul(group, r, NULL, p, d, bn) == 1;
    } else if (good) {
        good = EC_POINT_mul(group, r, d, NULL, NULL, bn) == 1;
    }
    good = good && EC_POINT_is_at_infinity(group, r) == 0 &&
           EC_POINT_point2oct(group, r, POINT_CONVERSION_UNCOMPRESSED, raw, sizeof raw, bn) ==
               sizeof raw;
    if (good)
        memcpy(out, raw + 1, 2 * P256_LEN);
    OPENSSL_cleanse(raw, sizeof raw);
    BN_clear_free(d);
    EC_POINT_clear_free(r);
    EC_POINT_free(p);
    return good;
}

static bool p256_run(const dh_ctx *dh, const uint8_t *peer, uint8_t *out)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BN_CTX *bn = BN_CTX_secure_new();
    bool good = group != NULL && bn != NULL && p256_times(dh, group, peer, out, bn);
    BN_CTX_free(bn);
    EC_GROUP_free(group);
    return good;
}

static bool p256_shared(const dh_ctx *dh, const uint8_t *peer, uint8_t *secret)
{
    uint8_t xy[2 * P256_LEN];
    bool good = p256_run(dh, peer, xy);
    if (good)
        memcpy(secret, xy, P256_LEN);
    OPENSSL_cleanse(xy, sizeof xy);
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
static bool modp_run(const dh_ctx *dh, const uint8_t *peer, uint8_t *out)
{
    BN_CTX *bn = BN_CTX_secure_new();
    BIGNUM *p = BN_get_rfc3526_prime_2048(NULL);
    BIGNUM *x = BN_bin2bn(dh->seed, MODP_EXPONENT_LEN, NULL), *r = BN_new();
    BIGNUM *y = peer != NULL ? BN_bin2bn(peer, MODP_LEN, NULL) : BN_new();
    bool good = bn != NULL && p != NULL && x != NULL && r != NULL && y != NULL;
    if (good && peer == NULL)
        good = BN_set_word(y, 2) == 1;
    if (good)
        BN_set_flags(x, BN_FLG_CONSTTIME);
    good = good && modp_in_range(y, p) && BN_mod_exp_mont_consttime(r, y, x, p, bn, NULL) == 1 &&
           modp_in_range(r, p) && BN_bn2binpad(r, out, MODP_LEN) == MODP_LEN;
    BN_clear_free(r);
    BN_clear_free(x);
    BN_free(y);
    BN_free(p);
    BN_CTX_free(bn);
    return good;
}

/* ---- table ---- */

static int dh_make(uint16_t method, void *ctx, const uint8_t seed[NHTB_KE_SEED], uint8_t *pub,
                   size_t *pub_len)
{
    dh_ctx *dh = ctx;
    bool good = false;
    if (!has(method))
        return NHTB_ERR_UNSUPPORTED;
    if (*pub_len < public_len(method))
        return NHTB_ERR_SHORT;
    memcpy(dh->seed, seed, sizeof dh->seed);
    switch (method) {
    case NHTB_KE_X25519: good = x25519_make(dh, pub); break;
    case NHTB_KE_P256: good = p256_run(dh, NULL, pub); break;
    default: good = modp_run(dh, NULL, pub); break;
    }
    if (!good) {
        OPENSSL_cleanse(ctx, sizeof *dh);
        return NHTB_ERR_CRYPTO;
    }
    *pub_len = public_len(method);
    return 0;
}

static int dh_shared(uint16_t method, void *ctx, nhtb_span peer, uint8_t *secret,
                     size_t *secret_len)
{
    const dh_ctx *dh = ctx;
    bool good = false;
    if (!has(method))
        return NHTB_ERR_UNSUPPORTED;
    if (*secret_len < secret_len_of(method))
        return NHTB_ERR_SHORT;
    if (peer.n != public_len(method))
        return NHTB_ERR_CRYPTO;
    switch (method) {
    case NHTB_KE_X25519: good = x25519_shared(dh, peer.p, secret); break;
    case NHTB_KE_P256: good = p256_shared(dh, peer.p, secret); break;
    default: good = modp_run(dh, peer.p, secret); break;
    }
    if (!good) {
        OPENSSL_cleanse(secret, secret_len_of(method));
        return NHTB_ERR_CRYPTO;
    }
    *secret_len = secret_len_of(method);
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
};

const nhtb_pk_ops *nhtb_openssl_pk(void)
{
    return &ops;
}

nhtb_crypto nhtb_openssl_crypto(void)
{
    return (nhtb_crypto){nhtb_openssl_bulk(), nhtb_openssl_kdf(), nhtb_openssl_pk()};
}
