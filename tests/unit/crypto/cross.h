/* SPDX-License-Identifier: Apache-2.0
 * One sealed packet laid out as ESP would (aad | iv | text | icv, then the unsent tail), with buffers
 * of its own at any alignment. Tests only. */
#ifndef NHTB_TESTS_CRYPTO_CROSS_H
#define NHTB_TESTS_CRYPTO_CROSS_H

#include "vectors/support.h"

#define TEXT_MAX 2048
#define LANES    3

typedef struct packet {
    const nhi_bulk_facts *f;
    uint8_t raw[16 + 16 + TEXT_MAX + 32 + 64]; /* aad | iv | text | icv, somewhere inside */
    uint8_t plain[TEXT_MAX], other[TEXT_MAX + 64], tail[4];
    uint8_t *aad, *iv, *text, *icv;
    uint32_t len, aad_len, tail_len;
} packet;

static inline void packet_make(packet *p, const nhi_bulk_facts *f, uint32_t len, uint64_t *seed)
{
    p->f = f;
    p->len = f->aead ? len : len / 16 * 16;
    p->aad_len = f->aead && (test_random(seed) & 1) ? 12 : 8;
    p->tail_len = f->aead ? 0 : (test_random(seed) & 1) * 4;
    test_fill(seed, p->raw, sizeof p->raw);
    test_fill(seed, p->plain, p->len);
    test_fill(seed, p->tail, sizeof p->tail);
    p->aad = p->raw + test_random(seed) % 17; /* any alignment */
    p->iv = p->aad + p->aad_len;
    p->text = p->iv + f->iv_len;
    p->icv = p->text + p->len;
    memcpy(p->text, p->plain, p->len);
}

static inline nhtb_bulk_job packet_job(packet *p, const uint8_t *src, uint8_t *dst)
{
    nhtb_bulk_job j = {.src = src, .dst = dst, .iv = p->iv, .aad = p->aad, .icv = p->icv};
    j.len = p->len;
    j.aad_len = p->aad_len;
    j.tail_len = p->tail_len;
    j.tail = p->tail_len != 0 ? p->tail : NULL;
    return j;
}

static inline void keymat_make(uint8_t keymat[128], uint64_t *seed)
{
    test_fill(seed, keymat, 128);
}

#endif
