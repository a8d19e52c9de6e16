/* SPDX-License-Identifier: Apache-2.0
 * AES-CBC with HMAC of the ipsec-mb backend: all jobs of one algorithm in one cipher burst and one
 * hash burst, so that many packets share the CPU's units (CBC encryption of one packet cannot).
 * Opening hashes first and decrypts only what is genuine. Called by bulk.c on a lane's thread.
 * RFC 3602, RFC 4868, RFC 4303 2.2.1 and 3.3.2. */
#include <string.h>

#include "ipsecmb.h"

enum { IV = 16 };

static const struct hmac_suite {
    uint16_t alg;
    uint8_t key_len, icv_len;
    IMB_HASH_ALG hash;
} hmac_suites[] = {
    {NHTB_BULK_AES128_CBC_SHA256_128, 16, 16, IMB_AUTH_HMAC_SHA_256},
    {NHTB_BULK_AES256_CBC_SHA256_128, 32, 16, IMB_AUTH_HMAC_SHA_256},
    {NHTB_BULK_AES128_CBC_SHA384_192, 16, 24, IMB_AUTH_HMAC_SHA_384},
    {NHTB_BULK_AES256_CBC_SHA384_192, 32, 24, IMB_AUTH_HMAC_SHA_384},
    {NHTB_BULK_AES128_CBC_SHA512_256, 16, 32, IMB_AUTH_HMAC_SHA_512},
    {NHTB_BULK_AES256_CBC_SHA512_256, 32, 32, IMB_AUTH_HMAC_SHA_512},
};

static const struct hmac_suite *suite_of(uint16_t alg)
{
    size_t i = 0;
    while (hmac_suites[i].alg != alg)
        i++;
    return &hmac_suites[i];
}

static bool mine(const nhi_imb_lane *l, const nhtb_bulk_job *jobs, size_t i, uint16_t alg)
{
    return l->kind[i] == NHI_IMB_CBC && ((const nhi_imb_key *)jobs[i].key)->alg == alg;
}

/* ---- cipher ---- */

static void cipher_job(nhi_imb_lane *l, IMB_JOB *q, size_t i, const nhtb_bulk_job *j)
{
    q->src = j->src;
    q->dst = j->dst;
    q->cipher_start_src_offset_in_bytes = 0;
    q->msg_len_to_cipher_in_bytes = j->len;
    q->iv = j->iv;
    q->iv_len_in_bytes = IV;
    q->enc_keys = l->x[i]->cbc.enc;
    q->dec_keys = l->x[i]->cbc.dec;
}

/** Jobs whose status is OK; a burst that did not end turns theirs to FAIL. */
static void cipher(nhi_imb_lane *l, nhtb_bulk_job *jobs, size_t n, const struct hmac_suite *s,
                   IMB_CIPHER_DIRECTION dir)
{
    uint32_t got = 0;
    for (size_t i = 0; i < n; i++) {
        if (!mine(l, jobs, i, s->alg) || jobs[i].status != NHTB_BULK_OK || jobs[i].len == 0)
            continue;
        l->index[got] = (uint8_t)i;
        cipher_job(l, &l->job[got++], i, &jobs[i]);
    }
    if (got == 0)
        return;
    IMB_KEY_SIZE_BYTES size = s->key_len == 16 ? IMB_KEY_128_BYTES : IMB_KEY_256_BYTES;
    uint32_t done = IMB_SUBMIT_CIPHER_BURST_NOCHECK(l->mgr, l->job, got, IMB_CIPHER_CBC, dir, size);
    for (uint32_t k = 0; k < got && done != got; k++)
        jobs[l->index[k]].status = NHTB_BULK_FAIL;
}

/* ---- hash ---- */

/* The vendor hashes one run of memory. An ESP packet is one: SPI, number, IV, ciphertext; and the
 * unsent high half of the number may stand where the ICV belongs while the hash is made. */
static bool is_run(const nhtb_bulk_job *j, const uint8_t *text)
{
    return j->iv == j->aad + j->aad_len && text == j->iv + IV &&
           (j->tail_len == 0 || j->icv == text + j->len);
}

static size_t run_len(const nhtb_bulk_job *j)
{
    return (size_t)j->aad_len + IV + j->len + j->tail_len;
}

static const uint8_t *copy_run(nhi_imb_lane *l, const nhtb_bulk_job *j, const uint8_t *text)
{
    uint8_t *p = l->run;
    if (run_len(j) > sizeof l->run)
        return NULL;
    memcpy(p, j->aad, j->aad_len);
    memcpy(p += j->aad_len, j->iv, IV);
    memcpy(p += IV, text, j->len);
    if (j->tail_len != 0)
        memcpy(p + j->len, j->tail, j->tail_len);
    return l->run;
}

static void hash_job(nhi_imb_lane *l, IMB_JOB *q, size_t i, const uint8_t *from, size_t len,
                     const struct hmac_suite *s)
{
    q->src = from;
    q->hash_start_src_offset_in_bytes = 0;
    q->msg_len_to_hash_in_bytes = len;
    q->auth_tag_output = l->tag[i];
    q->auth_tag_output_len_in_bytes = s->icv_len;
    q->u.HMAC._hashed_auth_key_xor_ipad = l->x[i]->cbc.inner;
    q->u.HMAC._hashed_auth_key_xor_opad = l->x[i]->cbc.outer;
}

/* A job whose parts are apart is hashed alone, from a copy. */
static void hash_apart(nhi_imb_lane *l, size_t i, nhtb_bulk_job *j, const uint8_t *text,
                       const struct hmac_suite *s)
{
    IMB_JOB alone;
    const uint8_t *from = copy_run(l, j, text);
    memset(&alone, 0, sizeof alone);
    if (from != NULL)
        hash_job(l, &alone, i, from, run_len(j), s);
    if (from == NULL || IMB_SUBMIT_HASH_BURST_NOCHECK(l->mgr, &alone, 1, s->hash) != 1)
        j->status = NHTB_BULK_FAIL;
}

/** HMACs of the jobs whose status is OK into tag[]; theirs turn to FAIL when it cannot be made. */
static void hash(nhi_imb_lane *l, nhtb_bulk_job *jobs, size_t n, const struct hmac_suite *s,
                 bool seal)
{
    uint32_t got = 0;
    for (size_t i = 0; i < n; i++) {
        nhtb_bulk_job *j = &jobs[i];
        if (!mine(l, jobs, i, s->alg) || j->status != NHTB_BULK_OK)
            continue;
        const uint8_t *text = seal ? j->dst : j->src;
        if (!is_run(j, text)) {
            hash_apart(l, i, j, text, s);
            continue;
        }
        if (j->tail_len != 0)
            memcpy(j->icv, j->tail, j->tail_len);
        l->index[got] = (uint8_t)i;
        hash_job(l, &l->job[got++], i, j->aad, run_len(j), s);
    }
    if (got == 0)
        return;
    uint32_t done = IMB_SUBMIT_HASH_BURST_NOCHECK(l->mgr, l->job, got, s->hash);
    for (uint32_t k = 0; k < got && done != got; k++)
        jobs[l->index[k]].status = NHTB_BULK_FAIL;
}

/* ---- both ---- */

static void mark(nhi_imb_lane *l, nhtb_bulk_job *jobs, size_t n, uint16_t alg)
{
    for (size_t i = 0; i < n; i++)
        if (mine(l, jobs, i, alg))
            jobs[i].status = NHTB_BULK_OK;
}

void nhi_imb_cbc_seal(nhi_imb_lane *l, nhtb_bulk_job *jobs, size_t n, uint16_t alg)
{
    const struct hmac_suite *s = suite_of(alg);
    mark(l, jobs, n, alg);
    cipher(l, jobs, n, s, IMB_DIR_ENCRYPT);
    hash(l, jobs, n, s, true);
    for (size_t i = 0; i < n; i++)
        if (mine(l, jobs, i, alg) && jobs[i].status == NHTB_BULK_OK)
            memcpy(jobs[i].icv, l->tag[i], s->icv_len);
}

void nhi_imb_cbc_open(nhi_imb_lane *l, nhtb_bulk_job *jobs, size_t n, uint16_t alg)
{
    const struct hmac_suite *s = suite_of(alg);
    mark(l, jobs, n, alg);
    for (size_t i = 0; i < n; i++) /* hash() may need the ICV's place for the tail */
        if (mine(l, jobs, i, alg))
            memcpy(l->icv[i], jobs[i].icv, s->icv_len);
    hash(l, jobs, n, s, false);
    for (size_t i = 0; i < n; i++) {
        if (!mine(l, jobs, i, alg))
            continue;
        memcpy(jobs[i].icv, l->icv[i], s->icv_len);
        if (jobs[i].status == NHTB_BULK_OK && !nhi_imb_equal(l->tag[i], l->icv[i], s->icv_len))
            jobs[i].status = NHTB_BULK_BAD;
    }
    cipher(l, jobs, n, s, IMB_DIR_DECRYPT);
}
