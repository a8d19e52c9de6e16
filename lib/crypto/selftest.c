/* SPDX-License-Identifier: Apache-2.0
 * Known-answer tests of whatever the three tables claim to have: a miswired or broken backend
 * must not come up. Called once by engine when a context is made, control thread. Inputs are byte
 * patterns; answers were computed with libraries other than the ones under test. */
#include "crypto/bulk.h"
#include "crypto/kdf.h"

#define DH_CTX_MAX 4096
#define HEAD       16 /* leading bytes of longer answers that are compared */

/* keymat 00 01 02 ..., aad a0.., iv b0.., tail c0.. (composites), text d0..df. */
static const struct bulk_case {
    uint16_t alg;
    uint8_t answer[48]; /* 16 bytes ciphertext, then the ICV */
} bulk_cases[] = {
    {NHTB_BULK_AES128_GCM16, {0x30, 0x5d, 0xf4, 0x43, 0xad, 0x8c, 0x40, 0xc9, 0xca, 0x1d, 0xc8,
                              0x16, 0x8a, 0xd9, 0xa0, 0xe1, 0xe2, 0xb5, 0x1e, 0xb5, 0xf4, 0xf1,
                              0xd8, 0xc0, 0x0f, 0x3e, 0xd9, 0xe8, 0x98, 0xf1, 0xba, 0xb7}},
    {NHTB_BULK_AES256_GCM16, {0xb1, 0x89, 0x68, 0x67, 0x63, 0x1c, 0xf2, 0xd9, 0xc1, 0x9b, 0x1d,
                              0xeb, 0x5d, 0x39, 0xaf, 0x70, 0x77, 0xff, 0xbd, 0x8c, 0x3e, 0xb8,
                              0xe1, 0x6b, 0x82, 0x03, 0x31, 0x0a, 0x25, 0xee, 0xec, 0x51}},
    {NHTB_BULK_CHACHA20_POLY1305, {0x24, 0x9e, 0x75, 0x3c, 0x81, 0xa3, 0x2a, 0xfd, 0x06, 0x62, 0x71,
                                   0xa9, 0x59, 0x3f, 0xf5, 0x05, 0x57, 0x96, 0x6f, 0x2b, 0xdd, 0x1f,
                                   0x04, 0x71, 0xe7, 0xfc, 0xfd, 0xbf, 0x7e, 0x50, 0x5b, 0x35}},
    {NHTB_BULK_AES128_CBC_SHA256_128,
     {0xb8, 0xd2, 0xb1, 0xd8, 0x45, 0x11, 0x57, 0x74, 0xb3, 0x0f, 0x85,
      0x15, 0x36, 0x53, 0xc8, 0x30, 0x72, 0x94, 0x55, 0x2f, 0x29, 0xee,
      0xf8, 0x52, 0xfb, 0xc6, 0xd5, 0x74, 0x3f, 0x52, 0x40, 0x93}},
    {NHTB_BULK_AES128_CBC_SHA384_192,
     {0xb8, 0xd2, 0xb1, 0xd8, 0x45, 0x11, 0x57, 0x74, 0xb3, 0x0f, 0x85, 0x15, 0x36, 0x53,
      0xc8, 0x30, 0xf1, 0xc0, 0xdf, 0x35, 0x32, 0x84, 0x5a, 0x4c, 0xe5, 0x38, 0x1f, 0x7e,
      0xd9, 0x30, 0xd6, 0x34, 0x71, 0x1e, 0xad, 0x05, 0x3b, 0x5e, 0x45, 0x81}},
    {NHTB_BULK_AES128_CBC_SHA512_256,
     {0xb8, 0xd2, 0xb1, 0xd8, 0x45, 0x11, 0x57, 0x74, 0xb3, 0x0f, 0x85, 0x15,
      0x36, 0x53, 0xc8, 0x30, 0x1c, 0xfc, 0xa1, 0x33, 0x44, 0x03, 0x53, 0xc5,
      0x1f, 0x0b, 0xbd, 0x14, 0x15, 0x0f, 0x1f, 0x36, 0xc2, 0x25, 0xa3, 0x09,
      0x7e, 0x68, 0x2c, 0xff, 0x1b, 0xa6, 0x1b, 0xc1, 0xdb, 0x04, 0x49, 0x82}},
    {NHTB_BULK_AES256_CBC_SHA256_128,
     {0x86, 0x83, 0x0e, 0x87, 0x59, 0x1a, 0x75, 0xe9, 0x14, 0x5e, 0xc6,
      0xa1, 0x06, 0xa3, 0x0b, 0x2f, 0x72, 0xc4, 0xf4, 0x68, 0x80, 0xb3,
      0xab, 0xb8, 0xa8, 0x8a, 0x05, 0xcf, 0x79, 0x28, 0x85, 0xc2}},
    {NHTB_BULK_AES256_CBC_SHA384_192,
     {0x86, 0x83, 0x0e, 0x87, 0x59, 0x1a, 0x75, 0xe9, 0x14, 0x5e, 0xc6, 0xa1, 0x06, 0xa3,
      0x0b, 0x2f, 0x0f, 0x8f, 0x5f, 0xc9, 0x35, 0x13, 0x15, 0x1a, 0x2c, 0x04, 0xab, 0xc1,
      0x15, 0x0b, 0x4d, 0x2c, 0x37, 0xac, 0x91, 0xbd, 0x38, 0x3c, 0x3a, 0xd3}},
    {NHTB_BULK_AES256_CBC_SHA512_256,
     {0x86, 0x83, 0x0e, 0x87, 0x59, 0x1a, 0x75, 0xe9, 0x14, 0x5e, 0xc6, 0xa1,
      0x06, 0xa3, 0x0b, 0x2f, 0x14, 0x45, 0x0c, 0x18, 0x79, 0x4f, 0x63, 0x69,
      0xcc, 0xd8, 0x53, 0x68, 0x4a, 0x1a, 0x18, 0x82, 0x44, 0x6e, 0xbc, 0x4e,
      0xb1, 0xc9, 0xc9, 0xe7, 0x6a, 0xe7, 0xfa, 0x2d, 0xa8, 0xca, 0x32, 0x9f}},
};

/* hash("abc"), and HMAC of RFC 4231 4.3. */
static const struct hash_case {
    uint16_t hash;
    uint8_t digest[HEAD], mac[HEAD];
} hash_cases[] = {
    {NHTB_HASH_SHA1,
     {0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e, 0x25, 0x71, 0x78, 0x50, 0xc2,
      0x6c},
     {0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74, 0x16, 0xd5, 0xf1, 0x84, 0xdf,
      0x9c}},
    {NHTB_HASH_SHA256,
     {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22,
      0x23},
     {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75,
      0xc7}},
    {NHTB_HASH_SHA384,
     {0xcb, 0x00, 0x75, 0x3f, 0x45, 0xa3, 0x5e, 0x8b, 0xb5, 0xa0, 0x3d, 0x69, 0x9a, 0xc6, 0x50,
      0x07},
     {0xaf, 0x45, 0xd2, 0xe3, 0x76, 0x48, 0x40, 0x31, 0x61, 0x7f, 0x78, 0xd2, 0xb5, 0x8a, 0x6b,
      0x1b}},
    {NHTB_HASH_SHA512,
     {0xdd, 0xaf, 0x35, 0xa1, 0x93, 0x61, 0x7a, 0xba, 0xcc, 0x41, 0x73, 0x49, 0xae, 0x20, 0x41,
      0x31},
     {0x16, 0x4b, 0x7a, 0x7b, 0xfc, 0xf8, 0x19, 0xe2, 0xe3, 0x95, 0xfb, 0xe7, 0x3b, 0x56, 0xe0,
      0xa3}},
};

/* Own seed 00 01 02 ..., the peer's 01 02 03 ... */
static const struct ke_case {
    uint16_t method;
    uint8_t pub[HEAD], secret[HEAD];
} ke_cases[] = {
    {NHTB_KE_MODP2048,
     {0x2a, 0xd9, 0xb3, 0xce, 0x40, 0x69, 0x12, 0x51, 0x44, 0xf7, 0x91, 0xae, 0x64, 0x70, 0xb0,
      0x77},
     {0x4d, 0x28, 0x6f, 0xd2, 0xfa, 0xf6, 0x6a, 0x0e, 0x34, 0x53, 0x6c, 0xb9, 0x28, 0x24, 0x40,
      0xfa}},
    {NHTB_KE_P256,
     {0x33, 0x06, 0xbe, 0x3e, 0x4a, 0xad, 0x76, 0x46, 0x74, 0xda, 0x3e, 0x99, 0x5b, 0x04, 0x17,
      0xc0},
     {0x89, 0x76, 0x7d, 0xbf, 0x80, 0x12, 0xc9, 0xf0, 0x67, 0xc5, 0x52, 0x08, 0x2c, 0x0e, 0x1d,
      0x2a}},
    {NHTB_KE_X25519,
     {0x8f, 0x40, 0xc5, 0xad, 0xb6, 0x8f, 0x25, 0x62, 0x4a, 0xe5, 0xb2, 0x14, 0xea, 0x76, 0x7a,
      0x6e},
     {0x42, 0x74, 0xa3, 0x2e, 0x95, 0x3a, 0xcb, 0x83, 0x14, 0xd0, 0xf0, 0x9b, 0xcb, 0xcb, 0x51,
      0x93}},
};

static const char *const hash_names[] = {"", "SHA-1", "SHA2-256", "SHA2-384", "SHA2-512"};

static void pattern(uint8_t *p, size_t n, unsigned first)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(first + i);
}

static bool named_null(const char *name)
{
    return nhi_strlen(name) == 4 && memcmp(name, "null", 4) == 0;
}

/* ---- bulk ---- */

typedef struct bulk_try {
    uint8_t aad[8], iv[16], tail[4], text[16], icv[32];
    nhtb_bulk_job job;
} bulk_try;

static void try_init(bulk_try *t, const nhi_bulk_facts *f)
{
    pattern(t->aad, sizeof t->aad, 0xa0);
    pattern(t->iv, sizeof t->iv, 0xb0);
    pattern(t->tail, sizeof t->tail, 0xc0);
    pattern(t->text, sizeof t->text, 0xd0);
    t->job = (nhtb_bulk_job){.src = t->text, .iv = t->iv, .aad = t->aad, .dst = t->text};
    t->job.icv = t->icv;
    t->job.tail = f->aead ? NULL : t->tail;
    t->job.tail_len = f->aead ? 0 : sizeof t->tail;
    t->job.len = sizeof t->text;
    t->job.aad_len = sizeof t->aad;
}

static bool seal_answers(const nhtb_crypto *c, const nhi_bulk_ctx *key, const nhi_bulk_lane *lane,
                         bulk_try *t, const uint8_t *answer)
{
    t->job.key = key->mem;
    c->bulk->seal(lane->mem, lane->index, &t->job, 1);
    return t->job.status == NHTB_BULK_OK && memcmp(t->text, answer, 16) == 0 &&
           memcmp(t->icv, answer + 16, key->facts->icv_len) == 0;
}

/* t holds what seal made: open must give the text back, and refuse it once a bit has changed. */
static bool open_answers(const nhtb_crypto *c, const nhi_bulk_ctx *key, const nhi_bulk_lane *lane,
                         bulk_try *t)
{
    uint8_t sealed[16], plain[16];
    pattern(plain, sizeof plain, 0xd0);
    memcpy(sealed, t->text, sizeof sealed);
    t->job.key = key->mem;
    c->bulk->open(lane->mem, lane->index, &t->job, 1);
    if (t->job.status != NHTB_BULK_OK || memcmp(t->text, plain, sizeof plain) != 0)
        return false;
    memcpy(t->text, sealed, sizeof sealed);
    t->icv[0] ^= 1;
    c->bulk->open(lane->mem, lane->index, &t->job, 1);
    return t->job.status == NHTB_BULK_BAD;
}

static int bulk_one(nhi_mem *mem, const nhtb_crypto *c, const struct bulk_case *v)
{
    const nhi_bulk_facts *f = nhi_bulk_of(v->alg);
    uint8_t keymat[96];
    nhi_bulk_ctx out = {0}, in = {0};
    nhi_bulk_lane lane = {0};
    bulk_try t;
    pattern(keymat, sizeof keymat, 0);
    nhtb_span km = {keymat, nhi_bulk_keymat_len(f)};
    int err = nhi_bulk_lane_make(&lane, mem, c, 0);
    if (err == 0)
        err = nhi_bulk_ctx_make(&out, mem, c, f, km, true, 1, 1);
    if (err == 0)
        err = nhi_bulk_ctx_make(&in, mem, c, f, km, false, 1, 1);
    try_init(&t, f);
    if (err == 0 &&
        !(seal_answers(c, &out, &lane, &t, v->answer) && open_answers(c, &in, &lane, &t)))
        err = NHTB_ERR_CRYPTO;
    nhi_bulk_ctx_wipe(&in, mem, c);
    nhi_bulk_ctx_wipe(&out, mem, c);
    nhi_bulk_lane_wipe(&lane, mem, c);
    return err;
}

static int bulk_all(nhi_mem *mem, const nhtb_crypto *c, const char **what)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(bulk_cases); i++) {
        if (!c->bulk->has(bulk_cases[i].alg))
            continue;
        *what = nhi_bulk_of(bulk_cases[i].alg)->name;
        int err = bulk_one(mem, c, &bulk_cases[i]);
        if (err != 0)
            return err;
    }
    return 0;
}

/* ---- kdf ---- */

static int hash_one(const nhtb_crypto *c, const struct hash_case *v)
{
    static const uint8_t abc[] = {'a', 'b', 'c'}, key[] = {'J', 'e', 'f', 'e'};
    static const uint8_t text[] = {"what do ya want for nothing?"};
    nhtb_span first = {abc, sizeof abc};
    nhtb_span second[2] = {{text, 10}, {text + 10, sizeof text - 11}};
    uint8_t out[64];
    if (c->kdf->hash(v->hash, &first, 1, out) != 0 || memcmp(out, v->digest, HEAD) != 0)
        return NHTB_ERR_CRYPTO;
    if (c->kdf->hmac(v->hash, (nhtb_span){key, sizeof key}, second, 2, out) != 0 ||
        memcmp(out, v->mac, HEAD) != 0)
        return NHTB_ERR_CRYPTO;
    return 0;
}

static int hash_all(const nhtb_crypto *c, const char **what)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(hash_cases); i++) {
        if (!c->kdf->has(hash_cases[i].hash))
            continue;
        *what = hash_names[hash_cases[i].hash];
        if (hash_one(c, &hash_cases[i]) != 0)
            return NHTB_ERR_CRYPTO;
    }
    return 0;
}

/* ---- pk ---- */

typedef struct dh_try {
    uint8_t seed[NHTB_KE_SEED], pub[NHTB_KE_PUBLIC_MAX], peer[NHTB_KE_PUBLIC_MAX];
    uint8_t secret[NHTB_KE_SECRET_MAX];
    size_t pub_len, peer_len, secret_len;
} dh_try;

/* The peer's half first, in the same context memory, then ours and the secret. */
static bool dh_answers(const nhtb_pk_ops *pk, const struct ke_case *v, void *ctx, dh_try *t)
{
    uint16_t m = v->method;
    t->pub_len = t->peer_len = NHTB_KE_PUBLIC_MAX;
    t->secret_len = NHTB_KE_SECRET_MAX;
    pattern(t->seed, sizeof t->seed, 1);
    if (pk->dh_make(m, ctx, t->seed, t->peer, &t->peer_len) != 0)
        return false;
    pk->dh_wipe(m, ctx);
    pattern(t->seed, sizeof t->seed, 0);
    if (pk->dh_make(m, ctx, t->seed, t->pub, &t->pub_len) != 0)
        return false;
    bool good =
        pk->dh_shared(m, ctx, (nhtb_span){t->peer, t->peer_len}, t->secret, &t->secret_len) == 0;
    pk->dh_wipe(m, ctx);
    return good && t->pub_len == nhi_ke_public_len(m) && t->secret_len == nhi_ke_secret_len(m) &&
           memcmp(t->pub, v->pub, HEAD) == 0 && memcmp(t->secret, v->secret, HEAD) == 0;
}

static int ke_one(nhi_mem *mem, const nhtb_crypto *c, const struct ke_case *v)
{
    size_t size = c->pk->dh_size(v->method);
    if (size == 0 || size > DH_CTX_MAX)
        return NHTB_ERR_CRYPTO;
    void *ctx = nhi_mem_alloc(mem, size, 16);
    dh_try *t = nhi_mem_alloc(mem, sizeof *t, 16);
    int err = NHTB_ERR_MEMORY;
    if (ctx != NULL && t != NULL)
        err = dh_answers(c->pk, v, ctx, t) ? 0 : NHTB_ERR_CRYPTO;
    nhi_mem_wipe_free(mem, t, sizeof *t);
    nhi_mem_wipe_free(mem, ctx, size);
    return err;
}

static int ke_all(nhi_mem *mem, const nhtb_crypto *c, const char **what)
{
    static const char *const names[] = {"MODP-2048", "ECP-256", "X25519"};
    for (size_t i = 0; i < NHI_ARRAY_LEN(ke_cases); i++) {
        if (!c->pk->has(ke_cases[i].method))
            continue;
        *what = names[i];
        int err = ke_one(mem, c, &ke_cases[i]);
        if (err != 0)
            return err;
    }
    return 0;
}

int nhi_crypto_selftest(nhi_mem *mem, const nhtb_crypto *c, const char **what)
{
    int err = 0;
    *what = "";
    if (c->bulk != NULL && !named_null(c->bulk->name))
        err = bulk_all(mem, c, what);
    if (err == 0 && c->kdf != NULL && !named_null(c->kdf->name))
        err = hash_all(c, what);
    if (err == 0 && c->pk != NULL && !named_null(c->pk->name))
        err = ke_all(mem, c, what);
    return err;
}
