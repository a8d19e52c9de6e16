/* SPDX-License-Identifier: Apache-2.0
 * pk table of the mbedTLS backend: X25519 (RFC 8031), P-256, P-384, P-521 (RFC 5903) and the MODP
 * groups of modp.c, from a private key that the caller's seed fixes. The context holds the seed
 * only; mbedTLS objects live within one call. Point multiplication is blinded by an HMAC_DRBG fed
 * from the seed's last 32 bytes. No private field of mbedTLS is touched, so 2.28 and 3.6 both
 * compile. Jobs, any thread. */
#include <nhtb/backend_mbedtls.h>

#include <string.h>

#include <mbedtls/version.h>

#include <mbedtls/ecp.h>
#include <mbedtls/hmac_drbg.h>
#include <mbedtls/platform_util.h>

#include "modp.h"
#include "sig.h"

#define ECP_LEN_MAX 66 /* P-521 */
#define BLINDING_AT 80 /* in the seed, 32 bytes */

typedef struct dh_ctx {
    uint8_t seed[NHTB_KE_SEED];
} dh_ctx;

typedef struct facts {
    uint16_t method, public_len, secret_len;
    uint16_t seed_len;          /* ECP: bytes of the seed that make the private key */
    mbedtls_ecp_group_id group; /* NONE: MODP */
} facts;

static const facts methods[] = {
    {NHTB_KE_MODP1024, 128, 128, 64, MBEDTLS_ECP_DP_NONE},
    {NHTB_KE_MODP1536, 192, 192, 64, MBEDTLS_ECP_DP_NONE},
    {NHTB_KE_MODP2048, 256, 256, 64, MBEDTLS_ECP_DP_NONE},
    {NHTB_KE_MODP3072, 384, 384, 64, MBEDTLS_ECP_DP_NONE},
    {NHTB_KE_MODP4096, 512, 512, 64, MBEDTLS_ECP_DP_NONE},
    {NHTB_KE_P256, 64, 32, 48, MBEDTLS_ECP_DP_SECP256R1},
    {NHTB_KE_P384, 96, 48, 64, MBEDTLS_ECP_DP_SECP384R1},
    {NHTB_KE_P521, 132, 66, 80, MBEDTLS_ECP_DP_SECP521R1},
    {NHTB_KE_X25519, 32, 32, 32, MBEDTLS_ECP_DP_CURVE25519},
};

/* NULL: unknown, or a curve that this build of mbedTLS leaves out. */
static const facts *find(uint16_t method)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const facts *f = &methods[i];
        if (f->method == method && (f->group == MBEDTLS_ECP_DP_NONE ||
                                    mbedtls_ecp_curve_info_from_grp_id(f->group) != NULL))
            return f;
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
    memcpy(seed, dh->seed + BLINDING_AT, 32);
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
static bool ecp_scalar(ec_work *w, const dh_ctx *dh, size_t seed_len)
{
    mbedtls_mpi top;
    mbedtls_mpi_init(&top);
    bool good = mbedtls_mpi_sub_int(&top, &w->group.N, 1) == 0 &&
                mbedtls_mpi_read_binary(&w->d, dh->seed, seed_len) == 0 &&
                mbedtls_mpi_mod_mpi(&w->d, &w->d, &top) == 0 &&
                mbedtls_mpi_add_int(&w->d, &w->d, 1) == 0;
    mbedtls_mpi_free(&top);
    return good;
}

static bool ec_start(ec_work *w, const facts *f, const dh_ctx *dh, uint8_t purpose)
{
    if (mbedtls_ecp_group_load(&w->group, f->group) != 0 || !blinding_start(&w->drbg, dh, purpose))
        return false;
    return f->method == NHTB_KE_X25519 ? x25519_scalar(w, dh) : ecp_scalar(w, dh, f->seed_len);
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
static bool x25519_run(const facts *f, const dh_ctx *dh, const uint8_t *peer, uint8_t *out)
{
    ec_work w;
    uint8_t raw[32] = {0};
    if (peer != NULL) {
        memcpy(raw, peer, sizeof raw);
        raw[31] &= 127; /* RFC 7748 5: the top bit is ignored */
    }
    ec_init(&w);
    bool good = ec_start(&w, f, dh, peer != NULL) &&
                (peer == NULL || ec_read_peer(&w, raw, sizeof raw)) &&
                ec_times(&w, peer == NULL, out, 32) && !all_zero(out, 32);
    ec_free(&w);
    return good;
}

/* peer NULL: out is the public value x|y, else the secret x. */
static bool ecp_run(const facts *f, const dh_ctx *dh, const uint8_t *peer, uint8_t *out)
{
    ec_work w;
    uint8_t raw[1 + 2 * ECP_LEN_MAX] = {4}; /* SEC1 uncompressed point */
    size_t raw_len = (size_t)f->public_len + 1;
    if (peer != NULL)
        memcpy(raw + 1, peer, f->public_len);
    ec_init(&w);
    bool good = ec_start(&w, f, dh, peer != NULL) &&
                (peer == NULL || ec_read_peer(&w, raw, raw_len)) &&
                ec_times(&w, peer == NULL, raw, raw_len);
    if (good)
        memcpy(out, raw + 1, peer == NULL ? f->public_len : f->secret_len);
    mbedtls_platform_zeroize(raw, sizeof raw);
    ec_free(&w);
    return good;
}

/* ---- table ---- */

static bool run(const facts *f, const dh_ctx *dh, const uint8_t *peer, uint8_t *out)
{
    if (f->group == MBEDTLS_ECP_DP_NONE)
        return nhi_mbedtls_modp_run(f->method, dh->seed, peer, out);
    return f->method == NHTB_KE_X25519 ? x25519_run(f, dh, peer, out) : ecp_run(f, dh, peer, out);
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
        mbedtls_platform_zeroize(dh, sizeof *dh);
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
        mbedtls_platform_zeroize(secret, f->secret_len);
        return NHTB_ERR_CRYPTO;
    }
    *secret_len = f->secret_len;
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
    .has_sig = nhi_mbedtls_has_sig,
    .key_public = nhi_mbedtls_key_public,
    .sign = nhi_mbedtls_sign,
    .verify = nhi_mbedtls_verify,
    .chain = nhi_mbedtls_chain,
};

const nhtb_pk_ops *nhtb_mbedtls_pk(void)
{
    return &ops;
}

nhtb_crypto nhtb_mbedtls_crypto(void)
{
    return (nhtb_crypto){nhtb_mbedtls_bulk(), nhtb_mbedtls_kdf(), nhtb_mbedtls_pk()};
}
