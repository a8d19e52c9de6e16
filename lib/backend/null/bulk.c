/* SPDX-License-Identifier: Apache-2.0
 * Bulk table of the null backend: a fixed XOR pad and a 64-bit keyed mix as ICV. It protects
 * nothing, but wrong keys, corruption, a wrong lane and wrong use of a key are noticed, at a few
 * cycles per 8 bytes. For tests, simulation and fuzzing; any thread, contexts never mutate. */
#include <nhtb/backend_null.h>

#include <string.h>

#define KEY_SIZE 64
#define MUL1     UINT64_C(0x9e3779b97f4a7c15)
#define MUL2     UINT64_C(0xd6e8feb86659fd93)

typedef struct key_ctx {
    uint64_t pad, mac, lane_mask;
    uint16_t alg;
    bool seal;
} key_ctx;

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * MUL1;
    return h ^ h >> 29;
}

static uint64_t mix_bytes(uint64_t h, const uint8_t *p, size_t n)
{
    uint64_t v;
    h = mix(h, n);
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&v, p, 8);
        h = mix(h, v);
    }
    if (n == 0)
        return h;
    v = 0;
    memcpy(&v, p, n);
    return mix(h, v);
}

static bool is_aead(uint16_t alg)
{
    return alg >= NHTB_BULK_AES128_GCM16 && alg <= NHTB_BULK_CHACHA20_POLY1305;
}

static size_t icv_len(uint16_t alg)
{
    switch (alg) {
    case NHTB_BULK_AES128_CBC_SHA1_96:
    case NHTB_BULK_AES256_CBC_SHA1_96:
    case NHTB_BULK_3DES_CBC_SHA1_96: return 12;
    case NHTB_BULK_AES128_CBC_SHA384_192:
    case NHTB_BULK_AES256_CBC_SHA384_192: return 24;
    case NHTB_BULK_AES128_CBC_SHA512_256:
    case NHTB_BULK_AES256_CBC_SHA512_256: return 32;
    default: return 16;
    }
}

static size_t enc_len(uint16_t alg)
{
    switch (alg) {
    case NHTB_BULK_AES128_GCM16:
    case NHTB_BULK_AES128_CBC_SHA256_128:
    case NHTB_BULK_AES128_CBC_SHA384_192:
    case NHTB_BULK_AES128_CBC_SHA512_256:
    case NHTB_BULK_AES128_CBC_SHA1_96: return 16;
    case NHTB_BULK_3DES_CBC_SHA1_96:
    case NHTB_BULK_3DES_CBC_SHA256_128: return 24;
    default: return 32;
    }
}

static size_t integ_len(uint16_t alg)
{
    if (is_aead(alg))
        return 0;
    return icv_len(alg) == 12 ? 20 : 2 * icv_len(alg);
}

static size_t block_len(uint16_t alg)
{
    return alg == NHTB_BULK_3DES_CBC_SHA1_96 || alg == NHTB_BULK_3DES_CBC_SHA256_128 ? 8 : 16;
}

static bool has(uint16_t alg)
{
    return alg > NHTB_BULK_NONE && alg < NHTB_BULK_ALG_END;
}

static size_t key_size(uint16_t alg, unsigned lanes)
{
    (void)alg;
    (void)lanes;
    return KEY_SIZE;
}

static int key_init(void *mem, const nhtb_bulk_key *k, unsigned lanes, uint64_t lane_mask)
{
    if (!has(k->alg) || lanes == 0 || lanes > 64)
        return NHTB_ERR_ARG;
    if (k->enc.n != enc_len(k->alg) || k->integ.n != integ_len(k->alg))
        return NHTB_ERR_ARG;
    key_ctx *key = mem;
    uint64_t h = mix_bytes(k->alg, k->enc.p, k->enc.n);
    key->pad = mix_bytes(h, k->salt, sizeof k->salt);
    key->mac = mix_bytes(key->pad * MUL2, k->integ.p, k->integ.n);
    key->lane_mask = lane_mask;
    key->alg = k->alg;
    key->seal = k->seal;
    return 0;
}

static void key_wipe(void *mem)
{
    volatile uint8_t *p = mem;
    for (size_t i = 0; i < KEY_SIZE; i++)
        p[i] = 0;
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

static void crypt(const key_ctx *key, const nhtb_bulk_job *j)
{
    uint64_t v, pad = key->pad | 1;
    size_t i = 0;
    for (; i + 8 <= j->len; i += 8) {
        memcpy(&v, j->src + i, 8);
        v ^= pad;
        memcpy(j->dst + i, &v, 8);
    }
    for (; i < j->len; i++)
        j->dst[i] = (uint8_t)(j->src[i] ^ pad >> 8 * (i & 7));
}

static void icv_make(const key_ctx *key, const nhtb_bulk_job *j, const uint8_t *ct, uint8_t *icv)
{
    uint64_t h = mix_bytes(key->mac, j->aad, j->aad_len);
    h = mix_bytes(h, j->iv, is_aead(key->alg) ? 8 : block_len(key->alg));
    h = mix_bytes(h, ct, j->len);
    h = mix_bytes(h, j->tail, j->tail_len);
    h = (h ^ h >> 32) * MUL2;
    h ^= h >> 32;
    size_t n = icv_len(key->alg);
    for (size_t i = 0; i < n; i += 8)
        memcpy(icv + i, &h, n - i < 8 ? n - i : 8);
}

static bool usable(const key_ctx *key, unsigned lane_index, const nhtb_bulk_job *j, bool seal)
{
    if (lane_index >= 64 || (key->lane_mask >> lane_index & 1) == 0 || key->seal != seal)
        return false;
    return is_aead(key->alg) || j->len % block_len(key->alg) == 0;
}

static void seal(void *lane, unsigned lane_index, nhtb_bulk_job *jobs, size_t n)
{
    (void)lane;
    for (size_t i = 0; i < n; i++) {
        const key_ctx *key = jobs[i].key;
        jobs[i].status = NHTB_BULK_FAIL;
        if (!usable(key, lane_index, &jobs[i], true))
            continue;
        crypt(key, &jobs[i]);
        icv_make(key, &jobs[i], jobs[i].dst, jobs[i].icv);
        jobs[i].status = NHTB_BULK_OK;
    }
}

static void open(void *lane, unsigned lane_index, nhtb_bulk_job *jobs, size_t n)
{
    (void)lane;
    for (size_t i = 0; i < n; i++) {
        const key_ctx *key = jobs[i].key;
        uint8_t icv[32];
        jobs[i].status = NHTB_BULK_FAIL;
        if (!usable(key, lane_index, &jobs[i], false))
            continue;
        icv_make(key, &jobs[i], jobs[i].src, icv);
        bool good = memcmp(icv, jobs[i].icv, icv_len(key->alg)) == 0;
        if (good)
            crypt(key, &jobs[i]);
        jobs[i].status = good ? NHTB_BULK_OK : NHTB_BULK_BAD;
    }
}

static const nhtb_bulk_ops ops = {
    .size = sizeof(nhtb_bulk_ops),
    .burst = 1,
    .name = "null",
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

const nhtb_bulk_ops *nhtb_null_bulk(void)
{
    return &ops;
}
