/* SPDX-License-Identifier: Apache-2.0
 * ChaCha20 (RFC 8439 2.3) as a fast-key-erasure generator: every refill replaces the key by the
 * first bytes of its own output and bytes handed out are erased, so a captured state tells nothing
 * about earlier output. Called by workers (CBC IVs) and for jitter; one owner each. */
#include "base/rng.h"

#define KEY_BYTES 32

static uint32_t rotl(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static uint32_t get_le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b;
    *d = rotl(*d ^ *a, 16);
    *c += *d;
    *b = rotl(*b ^ *c, 12);
    *a += *b;
    *d = rotl(*d ^ *a, 8);
    *c += *d;
    *b = rotl(*b ^ *c, 7);
}

static void block(const uint32_t in[16], uint8_t out[64])
{
    uint32_t x[16];
    memcpy(x, in, sizeof x);
    for (unsigned i = 0; i < 10; i++) {
        quarter(&x[0], &x[4], &x[8], &x[12]);
        quarter(&x[1], &x[5], &x[9], &x[13]);
        quarter(&x[2], &x[6], &x[10], &x[14]);
        quarter(&x[3], &x[7], &x[11], &x[15]);
        quarter(&x[0], &x[5], &x[10], &x[15]);
        quarter(&x[1], &x[6], &x[11], &x[12]);
        quarter(&x[2], &x[7], &x[8], &x[13]);
        quarter(&x[3], &x[4], &x[9], &x[14]);
    }
    for (unsigned i = 0; i < 16; i++) {
        uint32_t v = x[i] + in[i];
        out[4 * i] = (uint8_t)v;
        out[4 * i + 1] = (uint8_t)(v >> 8);
        out[4 * i + 2] = (uint8_t)(v >> 16);
        out[4 * i + 3] = (uint8_t)(v >> 24);
    }
    nhi_wipe(x, sizeof x);
}

static void refill(nhi_rng *r)
{
    uint32_t s[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    for (unsigned i = 0; i < 8; i++) {
        s[4 + i] = get_le32(r->key + 4 * i);
    }
    for (uint32_t i = 0; i < sizeof r->buf / 64; i++) {
        s[12] = i; /* nonce 0: the key is used for this refill only */
        block(s, r->buf + 64 * i);
    }
    memcpy(r->key, r->buf, KEY_BYTES);
    nhi_wipe(r->buf, KEY_BYTES);
    nhi_wipe(s, sizeof s);
    r->left = sizeof r->buf - KEY_BYTES;
}

void nhi_rng_init(nhi_rng *r, const uint8_t seed[32])
{
    memset(r, 0, sizeof *r);
    memcpy(r->key, seed, KEY_BYTES);
}

void nhi_rng_bytes(nhi_rng *r, void *dst, size_t n)
{
    uint8_t *out = dst;
    while (n > 0) {
        if (r->left == 0) {
            refill(r);
        }
        uint8_t *from = r->buf + sizeof r->buf - r->left;
        size_t k = n < r->left ? n : r->left;
        memcpy(out, from, k);
        nhi_wipe(from, k);
        r->left -= (uint32_t)k;
        out += k;
        n -= k;
    }
}

uint64_t nhi_rng_u64(nhi_rng *r)
{
    uint8_t b[8];
    nhi_rng_bytes(r, b, sizeof b);
    return nhi_get64(b);
}

uint64_t nhi_rng_below(nhi_rng *r, uint64_t n)
{
    /* 2^64 mod n values at the low end would make the others rarer: draw again. */
    uint64_t least = (UINT64_MAX - n + 1) % n;
    uint64_t v;
    do {
        v = nhi_rng_u64(r);
    } while (v < least);
    return v % n;
}

void nhi_rng_wipe(nhi_rng *r)
{
    nhi_wipe(r, sizeof *r);
}
