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
#include <mbedtls/cipher.h>
#include <mbedtls/constant_time.h>
#include <mbedtls/gcm.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>

#define LANES_MAX 64

enum { KIND_GCM = 1, KIND_CHACHAPOLY, KIND_CBC, KIND_3DES };

/* 3DES goes through the generic layer, which knows whether the build has it. */
typedef struct cbc_ctx {
    union {
        mbedtls_aes_context aes;
        mbedtls_cipher_context_t des3;
    };
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
    uint8_t icv_len, block;
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
    {NHTB_BULK_AES128_CBC_SHA1_96, KIND_CBC, 16, 20, MBEDTLS_MD_SHA1},
    {NHTB_BULK_AES256_CBC_SHA1_96, KIND_CBC, 32, 20, MBEDTLS_MD_SHA1},
    {NHTB_BULK_3DES_CBC_SHA1_96, KIND_3DES, 24, 20, MBEDTLS_MD_SHA1},
    {NHTB_BULK_3DES_CBC_SHA256_128, KIND_3DES, 24, 32, MBEDTLS_MD_SHA256},
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
    if (s == NULL || (s->kind == KIND_3DES &&
                      mbedtls_cipher_info_from_type(MBEDTLS_CIPHER_DES_EDE3_CBC) == NULL))
        return false;
    return s->md == MBEDTLS_MD_NONE || mbedtls_md_info_from_type(s->md) != NULL;
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
        if (kind == KIND_3DES)
            mbedtls_cipher_free(&l->cbc.des3);
        else
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

static bool aes_make(mbedtls_aes_context *aes, const nhtb_bulk_key *k)
{
    unsigned bits = (unsigned)k->enc.n * 8u;
    mbedtls_aes_init(aes);
    return (k->seal ? mbedtls_aes_setkey_enc(aes, k->enc.p, bits)
                    : mbedtls_aes_setkey_dec(aes, k->enc.p, bits)) == 0;
}

static bool des3_make(mbedtls_cipher_context_t *des3, const nhtb_bulk_key *k)
{
    const mbedtls_cipher_info_t *info = mbedtls_cipher_info_from_type(MBEDTLS_CIPHER_DES_EDE3_CBC);
    mbedtls_cipher_init(des3);
    return mbedtls_cipher_setup(des3, info) == 0 &&
           mbedtls_cipher_setkey(des3, k->enc.p, (int)k->enc.n * 8,
                                 k->seal ? MBEDTLS_ENCRYPT : MBEDTLS_DECRYPT) == 0 &&
           mbedtls_cipher_set_padding_mode(des3, MBEDTLS_PADDING_NONE) == 0;
}

static bool cbc_make(cbc_ctx *c, const struct suite *s, const nhtb_bulk_key *k)
{
    mbedtls_md_init(&c->hmac);
    bool good = s->kind == KIND_3DES ? des3_make(&c->des3, k) : aes_make(&c->aes, k);
    return good && mbedtls_md_setup(&c->hmac, mbedtls_md_info_from_type(s->md), 1) == 0 &&
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
    key->icv_len = s->integ_len == 20 ? 12 : (uint8_t)(s->integ_len / 2); /* RFC 2404, 4868 */
    key->block = s->kind == KIND_3DES ? 8 : 16;
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

static bool mac(const key_ctx *key, mbedtls_md_context_t *m, const nhtb_bulk_job *j,
                const uint8_t *ct, uint8_t out[64])
{
    if (mbedtls_md_hmac_reset(m) != 0)
        return false;
    if (j->aad_len != 0 && mbedtls_md_hmac_update(m, j->aad, j->aad_len) != 0)
        return false;
    if (mbedtls_md_hmac_update(m, j->iv, key->block) != 0)
        return false;
    if (j->len != 0 && mbedtls_md_hmac_update(m, ct, j->len) != 0)
        return false;
    if (j->tail_len != 0 && mbedtls_md_hmac_update(m, j->tail, j->tail_len) != 0)
        return false;
    return mbedtls_md_hmac_finish(m, out) == 0;
}

static bool cbc(const key_ctx *key, cbc_ctx *c, const nhtb_bulk_job *j)
{
    uint8_t iv[16]; /* mbedTLS advances it */
    size_t n = 0;
    int mode = key->seal ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT;
    memcpy(iv, j->iv, key->block);
    if (key->kind == KIND_3DES)
        return j->len == 0 ||
               (mbedtls_cipher_crypt(&c->des3, iv, 8, j->src, j->len, j->dst, &n) == 0 &&
                n == j->len);
    return j->len == 0 || mbedtls_aes_crypt_cbc(&c->aes, mode, j->len, iv, j->src, j->dst) == 0;
}

static int seal_cbc(const key_ctx *key, cbc_ctx *c, const nhtb_bulk_job *j)
{
    uint8_t full[64];
    if (j->len % key->block != 0 || !cbc(key, c, j) || !mac(key, &c->hmac, j, j->dst, full))
        return NHTB_BULK_FAIL;
    memcpy(j->icv, full, key->icv_len);
    return NHTB_BULK_OK;
}

static int open_cbc(const key_ctx *key, cbc_ctx *c, const nhtb_bulk_job *j)
{
    uint8_t full[64];
    if (j->len % key->block != 0 || !mac(key, &c->hmac, j, j->src, full))
        return NHTB_BULK_FAIL;
    if (mbedtls_ct_memcmp(full, j->icv, key->icv_len) != 0)
        return NHTB_BULK_BAD;
    return cbc(key, c, j) ? NHTB_BULK_OK : NHTB_BULK_FAIL;
}

static int seal_one(const key_ctx *key, lane_ctx *l, const nhtb_bulk_job *j)
{
    uint8_t nonce[12];
    int err;
    if (key->kind >= KIND_CBC)
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
    if (key->kind >= KIND_CBC)
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
