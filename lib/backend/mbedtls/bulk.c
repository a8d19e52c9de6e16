/* SPDX-License-Identifier: Apache-2.0
 * Bulk table of the mbedTLS backend (2.28 and 3.6 by the same calls): one context per lane inside
 * the key's memory, because mbedTLS contexts mutate. The composite is encrypt-then-MAC over
 * aad | iv | ciphertext | tail (RFC 4303 3.3.2). GCM and HMAC contexts allocate their inner state
 * through mbedtls_calloc (MBEDTLS_PLATFORM_MEMORY redirects it); key_wipe frees it. One thread per
 * lane. */
#include <nhtb/backend_mbedtls.h>

#include <string.h>

#include <mbedtls/version.h>

#include <mbedtls/aes.h>
#include <mbedtls/chachapoly.h>
#include <mbedtls/constant_time.h>
#include <mbedtls/gcm.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>

#define LANES_MAX 64

enum { KIND_GCM = 1, KIND_CHACHAPOLY, KIND_CBC };

typedef struct cbc_ctx {
    mbedtls_aes_context aes;
    mbedtls_md_context_t hmac;
} cbc_ctx;

/* Cache-line aligned: lanes of one key are written by different threads. */
typedef union lane_ctx {
    _Alignas(64) mbedtls_gcm_context gcm;
    mbedtls_chachapoly_context chachapoly;
    cbc_ctx cbc;
} lane_ctx;

typedef struct key_ctx {
    uint64_t lane_mask;
    uint32_t lanes;
    uint8_t kind;
    uint8_t icv_len;
    bool seal;
    uint8_t salt[4];
    lane_ctx lane[];
} key_ctx;

static const struct suite {
    uint16_t alg;
    uint8_t kind, key_len, integ_len;
    mbedtls_md_type_t md;
} suites[] = {
    {NHTB_BULK_AES128_GCM16, KIND_GCM, 16, 0, MBEDTLS_MD_NONE},
    {NHTB_BULK_AES256_GCM16, KIND_GCM, 32, 0, MBEDTLS_MD_NONE},
    {NHTB_BULK_CHACHA20_POLY1305, KIND_CHACHAPOLY, 32, 0, MBEDTLS_MD_NONE},
    {NHTB_BULK_AES128_CBC_SHA256_128, KIND_CBC, 16, 32, MBEDTLS_MD_SHA256},
    {NHTB_BULK_AES256_CBC_SHA256_128, KIND_CBC, 32, 32, MBEDTLS_MD_SHA256},
    {NHTB_BULK_AES128_CBC_SHA384_192, KIND_CBC, 16, 48, MBEDTLS_MD_SHA384},
    {NHTB_BULK_AES256_CBC_SHA384_192, KIND_CBC, 32, 48, MBEDTLS_MD_SHA384},
    {NHTB_BULK_AES128_CBC_SHA512_256, KIND_CBC, 16, 64, MBEDTLS_MD_SHA512},
    {NHTB_BULK_AES256_CBC_SHA512_256, KIND_CBC, 32, 64, MBEDTLS_MD_SHA512},
};

static const struct suite *suite_find(uint16_t alg)
{
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        if (suites[i].alg == alg)
            return &suites[i];
    }
    return NULL;
}

static bool has(uint16_t alg)
{
    const struct suite *s = suite_find(alg);
    return s != NULL && (s->kind != KIND_CBC || mbedtls_md_info_from_type(s->md) != NULL);
}

static size_t size_for(unsigned lanes)
{
    return (sizeof(key_ctx) + lanes * sizeof(lane_ctx) + 63) / 64 * 64;
}

static size_t key_size(uint16_t alg, unsigned lanes)
{
    (void)alg;
    return size_for(lanes);
}

static bool has_lane(const key_ctx *key, unsigned index)
{
    return index < key->lanes && (key->lane_mask >> index & 1) != 0;
}

static void lane_free(uint8_t kind, lane_ctx *l)
{
    switch (kind) {
    case KIND_GCM: mbedtls_gcm_free(&l->gcm); break;
    case KIND_CHACHAPOLY: mbedtls_chachapoly_free(&l->chachapoly); break;
    default:
        mbedtls_aes_free(&l->cbc.aes);
        mbedtls_md_free(&l->cbc.hmac);
        break;
    }
}

static void key_wipe(void *mem)
{
    key_ctx *key = mem;
    for (unsigned i = 0; i < key->lanes; i++) {
        if (has_lane(key, i))
            lane_free(key->kind, &key->lane[i]);
    }
    mbedtls_platform_zeroize(mem, size_for(key->lanes));
}

static bool cbc_make(cbc_ctx *c, const struct suite *s, const nhtb_bulk_key *k)
{
    mbedtls_aes_init(&c->aes);
    mbedtls_md_init(&c->hmac);
    unsigned bits = s->key_len * 8u;
    int err = k->seal ? mbedtls_aes_setkey_enc(&c->aes, k->enc.p, bits)
                      : mbedtls_aes_setkey_dec(&c->aes, k->enc.p, bits);
    return err == 0 && mbedtls_md_setup(&c->hmac, mbedtls_md_info_from_type(s->md), 1) == 0 &&
           mbedtls_md_hmac_starts(&c->hmac, k->integ.p, k->integ.n) == 0;
}

static bool lane_make(lane_ctx *l, const struct suite *s, const nhtb_bulk_key *k)
{
    switch (s->kind) {
    case KIND_GCM:
        mbedtls_gcm_init(&l->gcm);
        return mbedtls_gcm_setkey(&l->gcm, MBEDTLS_CIPHER_ID_AES, k->enc.p, s->key_len * 8u) == 0;
    case KIND_CHACHAPOLY:
        mbedtls_chachapoly_init(&l->chachapoly);
        return mbedtls_chachapoly_setkey(&l->chachapoly, k->enc.p) == 0;
    default: return cbc_make(&l->cbc, s, k);
    }
}

/* A failed lane stays in the mask of lanes to free: every context is initialised before it is
 * filled, and the mask grows with them. */
static bool lanes_make(key_ctx *key, const struct suite *s, const nhtb_bulk_key *k, uint64_t mask)
{
    for (unsigned i = 0; i < key->lanes; i++) {
        if ((mask >> i & 1) == 0)
            continue;
        key->lane_mask |= UINT64_C(1) << i;
        if (!lane_make(&key->lane[i], s, k))
            return false;
    }
    return true;
}

static int key_init(void *mem, const nhtb_bulk_key *k, unsigned lanes, uint64_t lane_mask)
{
    const struct suite *s = suite_find(k->alg);
    if (s == NULL || lanes == 0 || lanes > LANES_MAX)
        return NHTB_ERR_ARG;
    if (k->enc.n != s->key_len || k->integ.n != s->integ_len)
        return NHTB_ERR_ARG;
    key_ctx *key = mem;
    key->lane_mask = 0;
    key->lanes = lanes;
    key->kind = s->kind;
    key->icv_len = (uint8_t)(s->integ_len / 2);
    key->seal = k->seal;
    memcpy(key->salt, k->salt, sizeof key->salt);
    if (lanes_make(key, s, k, lane_mask))
        return 0;
    key_wipe(mem);
    return NHTB_ERR_CRYPTO;
}

static size_t lane_size(void)
{
    return 0;
}

static int lane_init(void *lane)
{
    (void)lane;
    return 0;
}

static void lane_wipe(void *lane)
{
    (void)lane;
}

static void nonce_make(const key_ctx *key, const nhtb_bulk_job *j, uint8_t nonce[12])
{
    memcpy(nonce, key->salt, 4);
    memcpy(nonce + 4, j->iv, 8);
}

static bool mac(mbedtls_md_context_t *m, const nhtb_bulk_job *j, const uint8_t *ct, uint8_t out[64])
{
    if (mbedtls_md_hmac_reset(m) != 0)
        return false;
    if (j->aad_len != 0 && mbedtls_md_hmac_update(m, j->aad, j->aad_len) != 0)
        return false;
    if (mbedtls_md_hmac_update(m, j->iv, 16) != 0)
        return false;
    if (j->len != 0 && mbedtls_md_hmac_update(m, ct, j->len) != 0)
        return false;
    if (j->tail_len != 0 && mbedtls_md_hmac_update(m, j->tail, j->tail_len) != 0)
        return false;
    return mbedtls_md_hmac_finish(m, out) == 0;
}

static bool cbc(cbc_ctx *c, int mode, const nhtb_bulk_job *j)
{
    uint8_t iv[16]; /* mbedTLS advances it */
    memcpy(iv, j->iv, sizeof iv);
    return j->len == 0 || mbedtls_aes_crypt_cbc(&c->aes, mode, j->len, iv, j->src, j->dst) == 0;
}

static int seal_cbc(const key_ctx *key, cbc_ctx *c, const nhtb_bulk_job *j)
{
    uint8_t full[64];
    if (j->len % 16 != 0 || !cbc(c, MBEDTLS_AES_ENCRYPT, j) || !mac(&c->hmac, j, j->dst, full))
        return NHTB_BULK_FAIL;
    memcpy(j->icv, full, key->icv_len);
    return NHTB_BULK_OK;
}

static int open_cbc(const key_ctx *key, cbc_ctx *c, const nhtb_bulk_job *j)
{
    uint8_t full[64];
    if (j->len % 16 != 0 || !mac(&c->hmac, j, j->src, full))
        return NHTB_BULK_FAIL;
    if (mbedtls_ct_memcmp(full, j->icv, key->icv_len) != 0)
        return NHTB_BULK_BAD;
    return cbc(c, MBEDTLS_AES_DECRYPT, j) ? NHTB_BULK_OK : NHTB_BULK_FAIL;
}

static int seal_one(const key_ctx *key, lane_ctx *l, const nhtb_bulk_job *j)
{
    uint8_t nonce[12];
    int err;
    if (key->kind == KIND_CBC)
        return seal_cbc(key, &l->cbc, j);
    nonce_make(key, j, nonce);
    if (key->kind == KIND_GCM)
        err = mbedtls_gcm_crypt_and_tag(&l->gcm, MBEDTLS_GCM_ENCRYPT, j->len, nonce, sizeof nonce,
                                        j->aad, j->aad_len, j->src, j->dst, 16, j->icv);
    else
        err = mbedtls_chachapoly_encrypt_and_tag(&l->chachapoly, j->len, nonce, j->aad, j->aad_len,
                                                 j->src, j->dst, j->icv);
    return err == 0 ? NHTB_BULK_OK : NHTB_BULK_FAIL;
}

static int open_one(const key_ctx *key, lane_ctx *l, const nhtb_bulk_job *j)
{
    uint8_t nonce[12];
    int err;
    if (key->kind == KIND_CBC)
        return open_cbc(key, &l->cbc, j);
    nonce_make(key, j, nonce);
    if (key->kind == KIND_GCM)
        err = mbedtls_gcm_auth_decrypt(&l->gcm, j->len, nonce, sizeof nonce, j->aad, j->aad_len,
                                       j->icv, 16, j->src, j->dst);
    else
        err = mbedtls_chachapoly_auth_decrypt(&l->chachapoly, j->len, nonce, j->aad, j->aad_len,
                                              j->icv, j->src, j->dst);
    if (err == 0)
        return NHTB_BULK_OK;
    return err == MBEDTLS_ERR_GCM_AUTH_FAILED || err == MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED
               ? NHTB_BULK_BAD
               : NHTB_BULK_FAIL;
}

/* The job's key pointer is const for the caller; the lane inside belongs to this thread. */
static lane_ctx *lane_of(const void *mem, unsigned index, bool seal)
{
    key_ctx *key = (key_ctx *)(uintptr_t)mem;
    return has_lane(key, index) && key->seal == seal ? &key->lane[index] : NULL;
}

static void seal(void *lane, unsigned lane_index, nhtb_bulk_job *jobs, size_t n)
{
    (void)lane;
    for (size_t i = 0; i < n; i++) {
        lane_ctx *l = lane_of(jobs[i].key, lane_index, true);
        jobs[i].status = l != NULL ? seal_one(jobs[i].key, l, &jobs[i]) : NHTB_BULK_FAIL;
    }
}

static void open(void *lane, unsigned lane_index, nhtb_bulk_job *jobs, size_t n)
{
    (void)lane;
    for (size_t i = 0; i < n; i++) {
        lane_ctx *l = lane_of(jobs[i].key, lane_index, false);
        jobs[i].status = l != NULL ? open_one(jobs[i].key, l, &jobs[i]) : NHTB_BULK_FAIL;
    }
}

static const nhtb_bulk_ops ops = {
    .size = sizeof(nhtb_bulk_ops),
    .burst = 1,
    .name = "mbedtls",
    .has = has,
    .key_size = key_size,
    .key_init = key_init,
    .key_wipe = key_wipe,
    .lane_size = lane_size,
    .lane_init = lane_init,
    .lane_wipe = lane_wipe,
    .seal = seal,
    .open = open,
};

const nhtb_bulk_ops *nhtb_mbedtls_bulk(void)
{
    return &ops;
}
