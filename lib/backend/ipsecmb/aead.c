/* SPDX-License-Identifier: Apache-2.0
 * AEADs of the ipsec-mb backend: AES-GCM by the direct calls (one buffer fills the CPU's units),
 * ChaCha20-Poly1305 by the job queue (where a burst is twice as fast as direct calls). Called by
 * bulk.c on a lane's thread. RFC 4106, RFC 7634. */
#include <string.h>

#include "ipsecmb.h"

enum { ICV = 16, LINE = 64 };

/* The next buffer travels while this one is worked on. */
static inline void fetch_ahead(const nhtb_bulk_job *j)
{
    for (uint32_t at = 0; at < j->len; at += LINE)
        __builtin_prefetch(j->src + at);
}

static inline const nhi_imb_key *key_of(const nhtb_bulk_job *j)
{
    return j->key;
}

void nhi_imb_gcm_seal(nhi_imb_lane *l, nhtb_bulk_job *jobs, size_t n)
{
    const IMB_MGR *m = l->mgr;
    for (size_t i = 0; i < n; i++) {
        nhtb_bulk_job *j = &jobs[i];
        if (i + 1 < n)
            fetch_ahead(&jobs[i + 1]);
        if (l->kind[i] != NHI_IMB_GCM)
            continue;
        aes_gcm_enc_dec_t f = key_of(j)->key_len == 16 ? m->gcm128_enc : m->gcm256_enc;
        f(&l->x[i]->gcm, &l->gcm, j->dst, j->src, j->len, l->nonce[i], j->aad, j->aad_len, j->icv,
          ICV);
        j->status = NHTB_BULK_OK;
    }
}

/* What a forged packet decrypts to is worth nothing and goes nowhere. */
static void judge(nhtb_bulk_job *j, const uint8_t *tag)
{
    if (nhi_imb_equal16(tag, j->icv)) {
        j->status = NHTB_BULK_OK;
        return;
    }
    imb_clear_mem(j->dst, j->len);
    j->status = NHTB_BULK_BAD;
}

void nhi_imb_gcm_open(nhi_imb_lane *l, nhtb_bulk_job *jobs, size_t n)
{
    const IMB_MGR *m = l->mgr;
    for (size_t i = 0; i < n; i++) {
        nhtb_bulk_job *j = &jobs[i];
        if (i + 1 < n)
            fetch_ahead(&jobs[i + 1]);
        if (l->kind[i] != NHI_IMB_GCM)
            continue;
        aes_gcm_enc_dec_t f = key_of(j)->key_len == 16 ? m->gcm128_dec : m->gcm256_dec;
        f(&l->x[i]->gcm, &l->gcm, j->dst, j->src, j->len, l->nonce[i], j->aad, j->aad_len,
          l->tag[i], ICV);
        judge(j, l->tag[i]);
    }
}

static void chacha_job(nhi_imb_lane *l, IMB_JOB *q, size_t i, nhtb_bulk_job *j, bool seal)
{
    q->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    q->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    q->cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    q->chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    q->enc_keys = q->dec_keys = key_of(j)->enc;
    q->key_len_in_bytes = 32;
    q->src = j->src;
    q->dst = j->dst;
    q->cipher_start_src_offset_in_bytes = q->hash_start_src_offset_in_bytes = 0;
    q->msg_len_to_cipher_in_bytes = q->msg_len_to_hash_in_bytes = j->len;
    q->iv = l->nonce[i];
    q->iv_len_in_bytes = 12;
    q->u.CHACHA20_POLY1305.aad = j->aad;
    q->u.CHACHA20_POLY1305.aad_len_in_bytes = j->aad_len;
    q->auth_tag_output = seal ? j->icv : l->tag[i];
    q->auth_tag_output_len_in_bytes = ICV;
    q->user_data = j;
    q->user_data2 = l->tag[i];
}

static void chacha_done(IMB_JOB *const *done, size_t n, bool seal)
{
    for (size_t i = 0; i < n; i++) {
        nhtb_bulk_job *j = done[i]->user_data;
        if (done[i]->status != IMB_STATUS_COMPLETED)
            j->status = NHTB_BULK_FAIL;
        else if (seal)
            j->status = NHTB_BULK_OK;
        else
            judge(j, done[i]->user_data2);
    }
}

void nhi_imb_chacha(nhi_imb_lane *l, nhtb_bulk_job *jobs, size_t n, bool seal)
{
    IMB_JOB *q[NHI_IMB_CHUNK];
    uint32_t room = IMB_GET_NEXT_BURST(l->mgr, NHI_IMB_CHUNK, q), got = 0;
    if (room < n) /* cannot be: the queue is empty between calls and holds 256 */
        return;
    for (size_t i = 0; i < n; i++)
        if (l->kind[i] == NHI_IMB_CHACHA)
            chacha_job(l, q[got++], i, &jobs[i], seal);
    uint32_t done = IMB_SUBMIT_BURST_NOCHECK(l->mgr, got, q);
    chacha_done(q, done, seal);
    while (done < got) {
        uint32_t more = IMB_FLUSH_BURST(l->mgr, got - done, q);
        if (more == 0)
            return;
        chacha_done(q, more, seal);
        done += more;
    }
}
