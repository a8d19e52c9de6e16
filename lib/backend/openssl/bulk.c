/* SPDX-License-Identifier: Apache-2.0
 * Bulk table of the OpenSSL backend: one EVP_CIPHER_CTX (and one EVP_MAC_CTX) per lane with the key
 * kept, so that a packet costs an IV change and no algorithm fetch. The composite is
 * encrypt-then-MAC over aad | iv | ciphertext | tail (RFC 4303 3.3.2). Contexts mutate: one thread
 * per lane. EVP contexts live on OpenSSL's heap; key_wipe frees them (it cleanses their keys). */
#include <nhtb/backend_openssl.h>

#include <limits.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define LANES_MAX 64

typedef struct lane_ctx {
    EVP_CIPHER_CTX *cipher;
    EVP_MAC_CTX *mac;
} lane_ctx;

typedef struct key_ctx {
    uint64_t lane_mask;
    uint32_t lanes;
    uint16_t alg;
    bool seal;
    uint8_t icv_len, block; /* icv_len set: composite */
    uint8_t salt[4];
    lane_ctx lane[];
} key_ctx;

static const struct suite {
    uint16_t alg;
    uint8_t key_len, integ_len, block; /* integ_len 0: AEAD */
    const char *cipher, *digest;
} suites[] = {
    {NHTB_BULK_AES128_GCM16, 16, 0, 1, "AES-128-GCM", NULL},
    {NHTB_BULK_AES256_GCM16, 32, 0, 1, "AES-256-GCM", NULL},
    {NHTB_BULK_CHACHA20_POLY1305, 32, 0, 1, "ChaCha20-Poly1305", NULL},
    {NHTB_BULK_AES128_CBC_SHA256_128, 16, 32, 16, "AES-128-CBC", "SHA256"},
    {NHTB_BULK_AES256_CBC_SHA256_128, 32, 32, 16, "AES-256-CBC", "SHA256"},
    {NHTB_BULK_AES128_CBC_SHA384_192, 16, 48, 16, "AES-128-CBC", "SHA384"},
    {NHTB_BULK_AES256_CBC_SHA384_192, 32, 48, 16, "AES-256-CBC", "SHA384"},
    {NHTB_BULK_AES128_CBC_SHA512_256, 16, 64, 16, "AES-128-CBC", "SHA512"},
    {NHTB_BULK_AES256_CBC_SHA512_256, 32, 64, 16, "AES-256-CBC", "SHA512"},
    {NHTB_BULK_AES128_CBC_SHA1_96, 16, 20, 16, "AES-128-CBC", "SHA1"},
    {NHTB_BULK_AES256_CBC_SHA1_96, 32, 20, 16, "AES-256-CBC", "SHA1"},
    {NHTB_BULK_3DES_CBC_SHA1_96, 24, 20, 8, "DES-EDE3-CBC", "SHA1"},
    {NHTB_BULK_3DES_CBC_SHA256_128, 24, 32, 8, "DES-EDE3-CBC", "SHA256"},
};

static const struct suite *suite_find(uint16_t alg)
{
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        if (suites[i].alg == alg)
            return &suites[i];
    }
    return NULL;
}

/* A provider set without an algorithm (FIPS has no ChaCha20) must not offer it. */
static bool has(uint16_t alg)
{
    const struct suite *s = suite_find(alg);
    if (s == NULL)
        return false;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, s->cipher, NULL);
    EVP_CIPHER_free(cipher);
    return cipher != NULL;
}

static size_t key_size(uint16_t alg, unsigned lanes)
{
    (void)alg;
    return (sizeof(key_ctx) + lanes * sizeof(lane_ctx) + 63) / 64 * 64;
}

static void key_wipe(void *mem)
{
    key_ctx *key = mem;
    for (uint32_t i = 0; i < key->lanes; i++) {
        EVP_CIPHER_CTX_free(key->lane[i].cipher);
        EVP_MAC_CTX_free(key->lane[i].mac);
    }
    OPENSSL_cleanse(mem, key_size(key->alg, key->lanes));
}

static bool cipher_make(lane_ctx *l, const EVP_CIPHER *cipher, const nhtb_bulk_key *k)
{
    l->cipher = EVP_CIPHER_CTX_new();
    return l->cipher != NULL &&
           EVP_CipherInit_ex2(l->cipher, cipher, k->enc.p, NULL, k->seal, NULL) == 1 &&
           EVP_CIPHER_CTX_set_padding(l->cipher, 0) == 1;
}

static bool mac_make(lane_ctx *l, EVP_MAC *hmac, const char *digest, const nhtb_bulk_key *k)
{
    char name[8] = "";
    strncpy(name, digest, sizeof name - 1);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    l->mac = EVP_MAC_CTX_new(hmac);
    return l->mac != NULL && EVP_MAC_init(l->mac, k->integ.p, k->integ.n, params) == 1;
}

static bool lanes_make(key_ctx *key, const struct suite *s, const nhtb_bulk_key *k)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, s->cipher, NULL);
    EVP_MAC *hmac = s->integ_len != 0 ? EVP_MAC_fetch(NULL, "HMAC", NULL) : NULL;
    bool good = cipher != NULL && (s->integ_len == 0 || hmac != NULL);
    for (uint32_t i = 0; i < key->lanes && good; i++) {
        if ((key->lane_mask >> i & 1) == 0)
            continue;
        good = cipher_make(&key->lane[i], cipher, k);
        if (good && s->integ_len != 0)
            good = mac_make(&key->lane[i], hmac, s->digest, k);
    }
    EVP_CIPHER_free(cipher);
    EVP_MAC_free(hmac);
    return good;
}

static int key_init(void *mem, const nhtb_bulk_key *k, unsigned lanes, uint64_t lane_mask)
{
    const struct suite *s = suite_find(k->alg);
    if (s == NULL || lanes == 0 || lanes > LANES_MAX)
        return NHTB_ERR_ARG;
    if (k->enc.n != s->key_len || k->integ.n != s->integ_len)
        return NHTB_ERR_ARG;
    key_ctx *key = mem;
    key->lane_mask = lane_mask;
    key->lanes = lanes;
    key->alg = k->alg;
    key->seal = k->seal;
    key->icv_len = s->integ_len == 20 ? 12 : (uint8_t)(s->integ_len / 2); /* RFC 2404, 4868 */
    key->block = s->block;
    memcpy(key->salt, k->salt, sizeof key->salt);
    if (lanes_make(key, s, k))
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

static bool start_aead(const key_ctx *key, EVP_CIPHER_CTX *c, const nhtb_bulk_job *j)
{
    uint8_t nonce[12];
    int n;
    memcpy(nonce, key->salt, 4);
    memcpy(nonce + 4, j->iv, 8);
    if (EVP_CipherInit_ex2(c, NULL, NULL, nonce, -1, NULL) != 1)
        return false;
    return j->aad_len == 0 || EVP_CipherUpdate(c, NULL, &n, j->aad, (int)j->aad_len) == 1;
}

static bool crypt(EVP_CIPHER_CTX *c, const nhtb_bulk_job *j)
{
    int n = 0;
    return j->len == 0 ||
           (EVP_CipherUpdate(c, j->dst, &n, j->src, (int)j->len) == 1 && n == (int)j->len);
}

static int seal_aead(const key_ctx *key, EVP_CIPHER_CTX *c, const nhtb_bulk_job *j)
{
    uint8_t none[16];
    int n;
    if (!start_aead(key, c, j) || !crypt(c, j) || EVP_CipherFinal_ex(c, none, &n) != 1)
        return NHTB_BULK_FAIL;
    return EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, j->icv) == 1 ? NHTB_BULK_OK
                                                                          : NHTB_BULK_FAIL;
}

static int open_aead(const key_ctx *key, EVP_CIPHER_CTX *c, const nhtb_bulk_job *j)
{
    uint8_t none[16], tag[16];
    int n;
    memcpy(tag, j->icv, sizeof tag);
    if (!start_aead(key, c, j) || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, tag) != 1 ||
        !crypt(c, j))
        return NHTB_BULK_FAIL;
    if (EVP_CipherFinal_ex(c, none, &n) == 1)
        return NHTB_BULK_OK;
    OPENSSL_cleanse(j->dst, j->len);
    return NHTB_BULK_BAD;
}

/* HMAC with the key kept from key_init: a NULL key only restarts. */
static bool mac(const key_ctx *key, EVP_MAC_CTX *m, const nhtb_bulk_job *j, const uint8_t *ct,
                uint8_t out[64])
{
    size_t n;
    if (EVP_MAC_init(m, NULL, 0, NULL) != 1)
        return false;
    if (j->aad_len != 0 && EVP_MAC_update(m, j->aad, j->aad_len) != 1)
        return false;
    if (EVP_MAC_update(m, j->iv, key->block) != 1)
        return false;
    if (j->len != 0 && EVP_MAC_update(m, ct, j->len) != 1)
        return false;
    if (j->tail_len != 0 && EVP_MAC_update(m, j->tail, j->tail_len) != 1)
        return false;
    return EVP_MAC_final(m, out, &n, 64) == 1;
}

static bool start_cbc(const key_ctx *key, EVP_CIPHER_CTX *c, const nhtb_bulk_job *j)
{
    return j->len % key->block == 0 && EVP_CipherInit_ex2(c, NULL, NULL, j->iv, -1, NULL) == 1;
}

static int seal_cbc(const key_ctx *key, const lane_ctx *l, const nhtb_bulk_job *j)
{
    uint8_t full[64];
    if (!start_cbc(key, l->cipher, j) || !crypt(l->cipher, j) || !mac(key, l->mac, j, j->dst, full))
        return NHTB_BULK_FAIL;
    memcpy(j->icv, full, key->icv_len);
    return NHTB_BULK_OK;
}

static int open_cbc(const key_ctx *key, const lane_ctx *l, const nhtb_bulk_job *j)
{
    uint8_t full[64];
    if (j->len % key->block != 0 || !mac(key, l->mac, j, j->src, full))
        return NHTB_BULK_FAIL;
    if (CRYPTO_memcmp(full, j->icv, key->icv_len) != 0)
        return NHTB_BULK_BAD;
    return start_cbc(key, l->cipher, j) && crypt(l->cipher, j) ? NHTB_BULK_OK : NHTB_BULK_FAIL;
}

static const lane_ctx *lane_of(const key_ctx *key, unsigned index, const nhtb_bulk_job *j,
                               bool seal)
{
    if (index >= key->lanes || (key->lane_mask >> index & 1) == 0 || key->seal != seal)
        return NULL;
    return j->len <= INT_MAX && j->aad_len <= INT_MAX ? &key->lane[index] : NULL;
}

static void seal(void *lane, unsigned lane_index, nhtb_bulk_job *jobs, size_t n)
{
    (void)lane;
    for (size_t i = 0; i < n; i++) {
        const key_ctx *key = jobs[i].key;
        const lane_ctx *l = lane_of(key, lane_index, &jobs[i], true);
        if (l == NULL)
            jobs[i].status = NHTB_BULK_FAIL;
        else if (key->icv_len == 0)
            jobs[i].status = seal_aead(key, l->cipher, &jobs[i]);
        else
            jobs[i].status = seal_cbc(key, l, &jobs[i]);
    }
}

static void open(void *lane, unsigned lane_index, nhtb_bulk_job *jobs, size_t n)
{
    (void)lane;
    for (size_t i = 0; i < n; i++) {
        const key_ctx *key = jobs[i].key;
        const lane_ctx *l = lane_of(key, lane_index, &jobs[i], false);
        if (l == NULL)
            jobs[i].status = NHTB_BULK_FAIL;
        else if (key->icv_len == 0)
            jobs[i].status = open_aead(key, l->cipher, &jobs[i]);
        else
            jobs[i].status = open_cbc(key, l, &jobs[i]);
    }
}

static const nhtb_bulk_ops ops = {
    .size = sizeof(nhtb_bulk_ops),
    .burst = 1,
    .name = "openssl",
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

const nhtb_bulk_ops *nhtb_openssl_bulk(void)
{
    return &ops;
}
