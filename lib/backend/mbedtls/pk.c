/* SPDX-License-Identifier: Apache-2.0
 * pk table of the mbedTLS backend: X25519 (RFC 8031), P-256 (RFC 5903) and MODP-2048 (RFC 3526 3)
 * from a private key that the caller's seed fixes. The context holds the seed only; mbedTLS objects
 * live within one call. Point multiplication is blinded by an HMAC_DRBG fed from the seed's last 32
 * bytes. No private field of mbedTLS is touched, so 2.28 and 3.6 both compile. Jobs, any thread. */
#include <nhtb/backend_mbedtls.h>

#include <string.h>

#include <mbedtls/version.h>

#include <mbedtls/bignum.h>
#include <mbedtls/ecp.h>
#include <mbedtls/hmac_drbg.h>
#include <mbedtls/platform_util.h>

#define P256_LEN          32
#define MODP_LEN          256
#define MODP_EXPONENT_LEN 64

typedef struct dh_ctx {
    uint8_t seed[NHTB_KE_SEED];
} dh_ctx;

/* RFC 3526 3: 2^2048 - 2^1984 - 1 + 2^64 * { [2^1918 pi] + 124476 }, generator 2. */
static const uint8_t modp2048[MODP_LEN] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc9, 0x0f, 0xda, 0xa2, 0x21, 0x68, 0xc2, 0x34,
    0xc4, 0xc6, 0x62, 0x8b, 0x80, 0xdc, 0x1c, 0xd1, 0x29, 0x02, 0x4e, 0x08, 0x8a, 0x67, 0xcc, 0x74,
    0x02, 0x0b, 0xbe, 0xa6, 0x3b, 0x13, 0x9b, 0x22, 0x51, 0x4a, 0x08, 0x79, 0x8e, 0x34, 0x04, 0xdd,
    0xef, 0x95, 0x19, 0xb3, 0xcd, 0x3a, 0x43, 0x1b, 0x30, 0x2b, 0x0a, 0x6d, 0xf2, 0x5f, 0x14, 0x37,
    0x4f, 0xe1, 0x35, 0x6d, 0x6d, 0x51, 0xc2, 0x45, 0xe4, 0x85, 0xb5, 0x76, 0x62, 0x5e, 0x7e, 0xc6,
    0xf4, 0x4c, 0x42, 0xe9, 0xa6, 0x37, 0xed, 0x6b, 0x0b, 0xff, 0x5c, 0xb6, 0xf4, 0x06, 0xb7, 0xed,
    0xee, 0x38, 0x6b, 0xfb, 0x5a, 0x89, 0x9f, 0xa5, 0xae, 0x9f, 0x24, 0x11, 0x7c, 0x4b, 0x1f, 0xe6,
    0x49, 0x28, 0x66, 0x51, 0xec, 0xe4, 0x5b, 0x3d, 0xc2, 0x00, 0x7c, 0xb8, 0xa1, 0x63, 0xbf, 0x05,
    0x98, 0xda, 0x48, 0x36, 0x1c, 0x55, 0xd3, 0x9a, 0x69, 0x16, 0x3f, 0xa8, 0xfd, 0x24, 0xcf, 0x5f,
    0x83, 0x65, 0x5d, 0x23, 0xdc, 0xa3, 0xad, 0x96, 0x1c, 0x62, 0xf3, 0x56, 0x20, 0x85, 0x52, 0xbb,
    0x9e, 0xd5, 0x29, 0x07, 0x70, 0x96, 0x96, 0x6d, 0x67, 0x0c, 0x35, 0x4e, 0x4a, 0xbc, 0x98, 0x04,
    0xf1, 0x74, 0x6c, 0x08, 0xca, 0x18, 0x21, 0x7c, 0x32, 0x90, 0x5e, 0x46, 0x2e, 0x36, 0xce, 0x3b,
    0xe3, 0x9e, 0x77, 0x2c, 0x18, 0x0e, 0x86, 0x03, 0x9b, 0x27, 0x83, 0xa2, 0xec, 0x07, 0xa2, 0x8f,
    0xb5, 0xc5, 0x5d, 0xf0, 0x6f, 0x4c, 0x52, 0xc9, 0xde, 0x2b, 0xcb, 0xf6, 0x95, 0x58, 0x17, 0x18,
    0x39, 0x95, 0x49, 0x7c, 0xea, 0x95, 0x6a, 0xe5, 0x15, 0xd2, 0x26, 0x18, 0x98, 0xfa, 0x05, 0x10,
    0x15, 0x72, 0x8e, 0x5a, 0x8a, 0xac, 0xaa, 0x68, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};

static bool has(uint16_t method)
{
    return method == NHTB_KE_X25519 || method == NHTB_KE_P256 || method == NHTB_KE_MODP2048;
}

static size_t public_len(uint16_t method)
{
    switch (method) {
    case NHTB_KE_X25519: return 32;
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

/* ---- elliptic curves ---- */

/* What one multiplication needs; init and free are safe around any failure in between. */
typedef struct ec_work {
    mbedtls_ecp_group group;
    mbedtls_ecp_point peer, result;
    mbedtls_mpi d;
    mbedtls_hmac_drbg_context drbg;
} ec_work;

static void ec_init(ec_work *w)
{
    mbedtls_ecp_group_init(&w->group);
    mbedtls_ecp_point_init(&w->peer);
    mbedtls_ecp_point_init(&w->result);
    mbedtls_mpi_init(&w->d);
    mbedtls_hmac_drbg_init(&w->drbg);
}

static void ec_free(ec_work *w)
{
    mbedtls_hmac_drbg_free(&w->drbg);
    mbedtls_mpi_free(&w->d);
    mbedtls_ecp_point_free(&w->result);
    mbedtls_ecp_point_free(&w->peer);
    mbedtls_ecp_group_free(&w->group);
}

/* Blinding differs between making the key and using it: the purpose byte separates the streams. */
static bool blinding_start(mbedtls_hmac_drbg_context *drbg, const dh_ctx *dh, uint8_t purpose)
{
    uint8_t seed[33];
    memcpy(seed, dh->seed + 64, 32);
    seed[32] = purpose;
    int err = mbedtls_hmac_drbg_seed_buf(drbg, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), seed,
                                         sizeof seed);
    mbedtls_platform_zeroize(seed, sizeof seed);
    return err == 0;
}

/* RFC 7748 5: the private key is clamped before use. */
static bool x25519_scalar(ec_work *w, const dh_ctx *dh)
{
    uint8_t k[32];
    memcpy(k, dh->seed, sizeof k);
    k[0] &= 248;
    k[31] = (uint8_t)((k[31] & 127) | 64);
    int err = mbedtls_mpi_read_binary_le(&w->d, k, sizeof k);
    mbedtls_platform_zeroize(k, sizeof k);
    return err == 0;
}

/* d = 1 + seed mod (n - 1). */
static bool p256_scalar(ec_work *w, const dh_ctx *dh)
{
    mbedtls_mpi top;
    mbedtls_mpi_init(&top);
    bool good = mbedtls_mpi_sub_int(&top, &w->group.N, 1) == 0 &&
                mbedtls_mpi_read_binary(&w->d, dh->seed, 48) == 0 &&
                mbedtls_mpi_mod_mpi(&w->d, &w->d, &top) == 0 &&
                mbedtls_mpi_add_int(&w->d, &w->d, 1) == 0;
    mbedtls_mpi_free(&top);
    return good;
}

static bool ec_start(ec_work *w, const dh_ctx *dh, mbedtls_ecp_group_id id, uint8_t purpose)
{
    if (mbedtls_ecp_group_load(&w->group, id) != 0 || !blinding_start(&w->drbg, dh, purpose))
        return false;
    return id == MBEDTLS_ECP_DP_CURVE25519 ? x25519_scalar(w, dh) : p256_scalar(w, dh);
}

/* raw: SEC1 uncompressed point, or 32 little-endian bytes for X25519. Refuses what is not on the
 * curve, out of range or of low order. */
static bool ec_read_peer(ec_work *w, const uint8_t *raw, size_t n)
{
    return mbedtls_ecp_point_read_binary(&w->group, &w->peer, raw, n) == 0 &&
           mbedtls_ecp_check_pubkey(&w->group, &w->peer) == 0;
}

/* result = d times the peer's point, or times the base point, written in the form of raw. */
static bool ec_times(ec_work *w, bool base, uint8_t *raw, size_t n)
{
    size_t len = 0;
    const mbedtls_ecp_point *p = base ? &w->group.G : &w->peer;
    return mbedtls_ecp_mul(&w->group, &w->result, &w->d, p, mbedtls_hmac_drbg_random, &w->drbg) ==
               0 &&
           mbedtls_ecp_point_write_binary(&w->group, &w->result, MBEDTLS_ECP_PF_UNCOMPRESSED, &len,
                                          raw, n) == 0 &&
           len == n;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

/* peer NULL: out is the public value. */
static bool x25519_run(const dh_ctx *dh, const uint8_t *peer, uint8_t *out)
{
    ec_work w;
    uint8_t raw[32] = {0};
    if (peer != NULL) {
        memcpy(raw, peer, sizeof raw);
        raw[31] &= 127; /* RFC 7748 5: the top bit is ignored */
    }
    ec_init(&w);
    bool good = ec_start(&w, dh, MBEDTLS_ECP_DP_CURVE25519, peer != NULL) &&
                (peer == NULL || ec_read_peer(&w, raw, sizeof raw)) &&
                ec_times(&w, peer == NULL, out, 32) && !all_zero(out, 32);
    ec_free(&w);
    return good;
}

/* peer NULL: out is the public value x|y, else the secret x. */
static bool p256_run(const dh_ctx *dh, const uint8_t *peer, uint8_t *out)
{
    ec_work w;
    uint8_t raw[1 + 2 * P256_LEN] = {4}; /* SEC1 uncompressed point */
    if (peer != NULL)
        memcpy(raw + 1, peer, 2 * P256_LEN);
    ec_init(&w);
    bool good = ec_start(&w, dh, MBEDTLS_ECP_DP_SECP256R1, peer != NULL) &&
                (peer == NULL || ec_read_peer(&w, raw, sizeof raw)) &&
                ec_times(&w, peer == NULL, raw, sizeof raw);
    if (good)
        memcpy(out, raw + 1, peer == NULL ? 2 * P256_LEN : P256_LEN);
    mbedtls_platform_zeroize(raw, sizeof raw);
    ec_free(&w);
    return good;
}

/* ---- MODP ---- */

typedef struct modp_work {
    mbedtls_mpi p, top, x, y, r;
} modp_work;

static void modp_init(modp_work *w)
{
    mbedtls_mpi_init(&w->p);
    mbedtls_mpi_init(&w->top);
    mbedtls_mpi_init(&w->x);
    mbedtls_mpi_init(&w->y);
    mbedtls_mpi_init(&w->r);
}

static void modp_free(modp_work *w)
{
    mbedtls_mpi_free(&w->r);
    mbedtls_mpi_free(&w->y);
    mbedtls_mpi_free(&w->x);
    mbedtls_mpi_free(&w->top);
    mbedtls_mpi_free(&w->p);
}

/* 1 < y < p - 1: anything else gives a secret that everybody knows. */
static bool modp_in_range(const modp_work *w, const mbedtls_mpi *y)
{
    return mbedtls_mpi_cmp_int(y, 1) > 0 && mbedtls_mpi_cmp_mpi(y, &w->top) < 0;
}

static bool modp_load(modp_work *w, const dh_ctx *dh, const uint8_t *peer)
{
    int err =
        peer != NULL ? mbedtls_mpi_read_binary(&w->y, peer, MODP_LEN) : mbedtls_mpi_lset(&w->y, 2);
    return err == 0 && mbedtls_mpi_read_binary(&w->p, modp2048, MODP_LEN) == 0 &&
           mbedtls_mpi_sub_int(&w->top, &w->p, 1) == 0 &&
           mbedtls_mpi_read_binary(&w->x, dh->seed, MODP_EXPONENT_LEN) == 0;
}

/* out = y^x mod p; y is the generator 2 when peer is NULL. */
static bool modp_run(const dh_ctx *dh, const uint8_t *peer, uint8_t *out)
{
    modp_work w;
    modp_init(&w);
    bool good = modp_load(&w, dh, peer) && modp_in_range(&w, &w.y) &&
                mbedtls_mpi_exp_mod(&w.r, &w.y, &w.x, &w.p, NULL) == 0 && modp_in_range(&w, &w.r) &&
                mbedtls_mpi_write_binary(&w.r, out, MODP_LEN) == 0;
    modp_free(&w);
    return good;
}

/* ---- table ---- */

static bool run(uint16_t method, const dh_ctx *dh, const uint8_t *peer, uint8_t *out)
{
    switch (method) {
    case NHTB_KE_X25519: return x25519_run(dh, peer, out);
    case NHTB_KE_P256: return p256_run(dh, peer, out);
    default: return modp_run(dh, peer, out);
    }
}

static int dh_make(uint16_t method, void *ctx, const uint8_t seed[NHTB_KE_SEED], uint8_t *pub,
                   size_t *pub_len)
{
    dh_ctx *dh = ctx;
    if (!has(method))
        return NHTB_ERR_UNSUPPORTED;
    if (*pub_len < public_len(method))
        return NHTB_ERR_SHORT;
    memcpy(dh->seed, seed, sizeof dh->seed);
    if (!run(method, dh, NULL, pub)) {
        mbedtls_platform_zeroize(dh, sizeof *dh);
        return NHTB_ERR_CRYPTO;
    }
    *pub_len = public_len(method);
    return 0;
}

static int dh_shared(uint16_t method, void *ctx, nhtb_span peer, uint8_t *secret,
                     size_t *secret_len)
{
    const dh_ctx *dh = ctx;
    if (!has(method))
        return NHTB_ERR_UNSUPPORTED;
    if (*secret_len < secret_len_of(method))
        return NHTB_ERR_SHORT;
    if (peer.n != public_len(method))
        return NHTB_ERR_CRYPTO;
    if (!run(method, dh, peer.p, secret)) {
        mbedtls_platform_zeroize(secret, secret_len_of(method));
        return NHTB_ERR_CRYPTO;
    }
    *secret_len = secret_len_of(method);
    return 0;
}

static void dh_wipe(uint16_t method, void *ctx)
{
    (void)method;
    mbedtls_platform_zeroize(ctx, sizeof(dh_ctx));
}

static const nhtb_pk_ops ops = {
    .size = sizeof(nhtb_pk_ops),
    .name = "mbedtls",
    .has = has,
    .dh_size = dh_size,
    .dh_make = dh_make,
    .dh_shared = dh_shared,
    .dh_wipe = dh_wipe,
};

const nhtb_pk_ops *nhtb_mbedtls_pk(void)
{
    return &ops;
}

nhtb_crypto nhtb_mbedtls_crypto(void)
{
    return (nhtb_crypto){nhtb_mbedtls_bulk(), nhtb_mbedtls_kdf(), nhtb_mbedtls_pk()};
}
