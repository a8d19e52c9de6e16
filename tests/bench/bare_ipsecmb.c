/* SPDX-License-Identifier: Apache-2.0
 * The base of the ipsec-mb rows: the direct GCM calls, and the job queue in bursts of 64. Nonces of a
 * burst are written before its first packet, which is the faster way in both. */
#include <stdlib.h>
#include <string.h>

#include "bench/bare.h"

#if defined(NHTB_HAVE_IPSECMB)
#include <intel-ipsec-mb.h>

enum { AT_ONCE = 64 };

typedef struct imb {
    IMB_MGR *mgr;
    _Alignas(64) struct gcm_key_data gcm;
    struct gcm_context_data ctx;
    _Alignas(16) uint32_t enc[60], dec[60];
    _Alignas(16) uint8_t inner[64], outer[64];
    uint8_t nonce[AT_ONCE][16], tag[AT_ONCE][16];
    uint8_t salt[4];
    bool cbc, seal;
} imb;

static void imb_del(void *ctx)
{
    imb *x = ctx;
    free_mb_mgr(x->mgr);
    free(x);
}

static void hmac_key(imb *x, const uint8_t *key, uint8_t with, uint8_t *state)
{
    uint8_t block[64];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)((i < 32 ? key[i] : 0) ^ with);
    IMB_SHA256_ONE_BLOCK(x->mgr, block, state);
}

static void *imb_make(const bare_alg *alg, const uint8_t *keymat, bool seal)
{
    IMB_ARCH arch;
    imb *x = aligned_alloc(64, sizeof *x);
    if (!x)
        return NULL;
    memset(x, 0, sizeof *x);
    x->mgr = alloc_mb_mgr(0);
    if (!x->mgr) {
        free(x);
        return NULL;
    }
    init_mb_mgr_auto(x->mgr, &arch);
    x->cbc = alg->integ != 0;
    x->seal = seal;
    memcpy(x->salt, keymat + 16, 4);
    IMB_AES128_GCM_PRE(x->mgr, keymat, &x->gcm);
    IMB_AES_KEYEXP_128(x->mgr, keymat, x->enc, x->dec);
    if (x->cbc) {
        hmac_key(x, keymat + 16, 0x36, x->inner);
        hmac_key(x, keymat + 16, 0x5c, x->outer);
    }
    return x;
}

static void nonces(imb *x, uint8_t *const *esp, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(x->nonce[i], x->salt, 4);
        memcpy(x->nonce[i] + 4, esp[i] + 8, 8);
    }
}

static bool direct(imb *x, uint8_t *const *esp, size_t n, uint32_t len)
{
    nonces(x, esp, n);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        uint8_t *text = esp[i] + 16;
        if (x->seal) {
            IMB_AES128_GCM_ENC(x->mgr, &x->gcm, &x->ctx, text, text, len, x->nonce[i], esp[i], 8,
                               text + len, BARE_TAG);
            continue;
        }
        IMB_AES128_GCM_DEC(x->mgr, &x->gcm, &x->ctx, text, text, len, x->nonce[i], esp[i], 8,
                           x->tag[i], BARE_TAG);
        ok &= memcmp(x->tag[i], text + len, BARE_TAG) == 0;
    }
    return ok;
}

static void gcm_job(imb *x, IMB_JOB *j, uint8_t *esp, size_t i, uint32_t len)
{
    j->cipher_mode = IMB_CIPHER_GCM;
    j->hash_alg = IMB_AUTH_AES_GMAC;
    j->enc_keys = j->dec_keys = &x->gcm;
    j->src = j->dst = esp + 16;
    j->cipher_start_src_offset_in_bytes = j->hash_start_src_offset_in_bytes = 0;
    j->msg_len_to_cipher_in_bytes = j->msg_len_to_hash_in_bytes = len;
    j->iv = x->nonce[i];
    j->iv_len_in_bytes = 12;
    j->u.GCM.aad = esp;
    j->u.GCM.aad_len_in_bytes = 8;
    j->auth_tag_output = x->seal ? esp + 16 + len : x->tag[i];
}

static void cbc_job(imb *x, IMB_JOB *j, uint8_t *esp, size_t i, uint32_t len)
{
    j->cipher_mode = IMB_CIPHER_CBC;
    j->hash_alg = IMB_AUTH_HMAC_SHA_256;
    j->enc_keys = x->enc;
    j->dec_keys = x->dec;
    j->src = esp;
    j->dst = esp + 24;
    j->cipher_start_src_offset_in_bytes = 24;
    j->msg_len_to_cipher_in_bytes = len;
    j->hash_start_src_offset_in_bytes = 0;
    j->msg_len_to_hash_in_bytes = len + 24;
    j->iv = esp + 8;
    j->iv_len_in_bytes = 16;
    j->u.HMAC._hashed_auth_key_xor_ipad = x->inner;
    j->u.HMAC._hashed_auth_key_xor_opad = x->outer;
    j->auth_tag_output = x->seal ? esp + 24 + len : x->tag[i];
}

static bool burst(imb *x, uint8_t *const *esp, size_t n, uint32_t len)
{
    IMB_JOB *j[AT_ONCE];
    if (IMB_GET_NEXT_BURST(x->mgr, (uint32_t)n, j) != n)
        return false;
    if (!x->cbc)
        nonces(x, esp, n);
    for (size_t i = 0; i < n; i++) {
        j[i]->cipher_direction = x->seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
        j[i]->chain_order = x->seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
        j[i]->key_len_in_bytes = 16;
        j[i]->auth_tag_output_len_in_bytes = BARE_TAG;
        if (x->cbc)
            cbc_job(x, j[i], esp[i], i, len);
        else
            gcm_job(x, j[i], esp[i], i, len);
    }
    uint32_t done = IMB_SUBMIT_BURST_NOCHECK(x->mgr, (uint32_t)n, j), more = 1;
    while (done < n && more != 0)
        done += more = IMB_FLUSH_BURST(x->mgr, (uint32_t)n - done, j);
    bool ok = done == n;
    for (size_t i = 0; i < n && !x->seal; i++)
        ok &= memcmp(x->tag[i], esp[i] + (x->cbc ? 24 : 16) + len, BARE_TAG) == 0;
    return ok;
}

static bool work(void *ctx, bare_mode mode, uint8_t *const *esp, size_t n, uint32_t len)
{
    imb *x = ctx;
    bool ok = true;
    for (size_t k; n != 0; esp += k, n -= k) {
        k = n < AT_ONCE ? n : AT_ONCE;
        ok &= x->cbc || mode == BARE_BURST ? burst(x, esp, k, len) : direct(x, esp, k, len);
    }
    return ok;
}

static const bare_vendor vendor = {imb_make, imb_del, work, work};

const bare_vendor *bare_ipsecmb(const bare_alg *alg)
{
    (void)alg;
    return &vendor;
}
#else
const bare_vendor *bare_ipsecmb(const bare_alg *alg)
{
    (void)alg;
    return NULL;
}
#endif
