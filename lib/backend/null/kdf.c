/* SPDX-License-Identifier: Apache-2.0
 * kdf table of the null backend: a fast mixing function with the right output lengths. As with a
 * real hash only the concatenation of the spans counts, not where they are cut. Not cryptographic.
 * For tests, simulation and fuzzing; any thread. */
#include <nhtb/backend_null.h>

#include <string.h>

#define PRIME UINT64_C(0x100000001b3)
#define BASIS UINT64_C(0xcbf29ce484222325)
#define MUL1  UINT64_C(0x9e3779b97f4a7c15)
#define MUL2  UINT64_C(0xbf58476d1ce4e5b9)

static size_t out_len(uint16_t hash)
{
    switch (hash) {
    case NHTB_HASH_SHA1: return 20;
    case NHTB_HASH_SHA256: return 32;
    case NHTB_HASH_SHA384: return 48;
    case NHTB_HASH_SHA512: return 64;
    default: return 0;
    }
}

static bool has(uint16_t hash)
{
    return out_len(hash) != 0;
}

static uint64_t absorb(uint64_t h, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * PRIME;
    return h;
}

static uint64_t scramble(uint64_t h)
{
    h = (h ^ h >> 30) * MUL2;
    h = (h ^ h >> 27) * MUL1;
    return h ^ h >> 31;
}

static void squeeze(uint64_t h, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        uint64_t v = scramble(h += MUL1);
        memcpy(out + i, &v, n - i < 8 ? n - i : 8);
    }
}

static int digest(uint64_t h, uint16_t hash, const nhtb_span *v, size_t n, uint8_t *out)
{
    if (!has(hash))
        return NHTB_ERR_UNSUPPORTED;
    for (size_t i = 0; i < n; i++)
        h = absorb(h, v[i].p, v[i].n);
    squeeze(scramble(h), out, out_len(hash));
    return 0;
}

static int hash_once(uint16_t hash, const nhtb_span *v, size_t n, uint8_t *out)
{
    return digest(BASIS ^ hash, hash, v, n, out);
}

static int hmac_once(uint16_t hash, nhtb_span key, const nhtb_span *v, size_t n, uint8_t *out)
{
    uint64_t h = absorb(BASIS + hash, key.p, key.n);
    return digest(scramble(h), hash, v, n, out);
}

/* ---- cbc ---- */

static size_t cbc_block(uint16_t cipher, size_t key_len)
{
    if (cipher == NHTB_CBC_AES && (key_len == 16 || key_len == 24 || key_len == 32))
        return 16;
    return cipher == NHTB_CBC_3DES && key_len == 24 ? 8 : 0;
}

static bool has_cbc(uint16_t cipher)
{
    return cipher == NHTB_CBC_AES || cipher == NHTB_CBC_3DES;
}

/* A true chain of blocks over a block "cipher" that only adds a pad made from the key. */
static int cbc(uint16_t cipher, bool encrypt, nhtb_span key, uint8_t *iv, const uint8_t *src,
               uint8_t *dst, size_t n)
{
    size_t block = cbc_block(cipher, key.n);
    uint8_t pad[16], in[16];
    if (!has_cbc(cipher))
        return NHTB_ERR_UNSUPPORTED;
    if (block == 0 || n % block != 0)
        return NHTB_ERR_ARG;
    squeeze(absorb(BASIS + cipher, key.p, key.n), pad, block);
    for (size_t at = 0; at < n; at += block) {
        memcpy(in, src + at, block);
        for (size_t i = 0; i < block; i++)
            dst[at + i] = in[i] ^ iv[i] ^ pad[i];
        memcpy(iv, encrypt ? dst + at : in, block);
    }
    return 0;
}

static const nhtb_kdf_ops ops = {
    .size = sizeof(nhtb_kdf_ops),
    .name = "null",
    .has = has,
    .hash = hash_once,
    .hmac = hmac_once,
    .has_cbc = has_cbc,
    .cbc = cbc,
};

const nhtb_kdf_ops *nhtb_null_kdf(void)
{
    return &ops;
}
