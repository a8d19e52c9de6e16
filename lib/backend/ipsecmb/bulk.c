/* SPDX-License-Identifier: Apache-2.0
 * Bulk table of the ipsec-mb backend: keys, lanes, and the way from a call's jobs to the passes of
 * aead.c and cbc.c. Everything lies in the caller's memory. Control thread for keys and lanes; each
 * lane by one thread. RFC 4106, RFC 7634, RFC 4303 3.3.2. */
#include <nhtb/backend_ipsecmb.h>

#include <string.h>

#include "ipsecmb.h"

#define LANES_MAX 64

_Static_assert(offsetof(nhi_imb_key, x) == 64, "one line, then the expanded key");

static const struct suite {
    uint16_t alg;
    uint8_t kind, key_len, integ_len;
} suites[] = {
    {NHTB_BULK_AES128_GCM16, NHI_IMB_GCM, 16, 0},
    {NHTB_BULK_AES256_GCM16, NHI_IMB_GCM, 32, 0},
    {NHTB_BULK_CHACHA20_POLY1305, NHI_IMB_CHACHA, 32, 0},
    {NHTB_BULK_AES128_CBC_SHA256_128, NHI_IMB_CBC, 16, 32},
    {NHTB_BULK_AES256_CBC_SHA256_128, NHI_IMB_CBC, 32, 32},
    {NHTB_BULK_AES128_CBC_SHA384_192, NHI_IMB_CBC, 16, 48},
    {NHTB_BULK_AES256_CBC_SHA384_192, NHI_IMB_CBC, 32, 48},
    {NHTB_BULK_AES128_CBC_SHA512_256, NHI_IMB_CBC, 16, 64},
    {NHTB_BULK_AES256_CBC_SHA512_256, NHI_IMB_CBC, 32, 64},
};

static const struct suite *suite_find(uint16_t alg)
{
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        if (suites[i].alg == alg)
            return &suites[i];
    }
    return NULL;
}

/* The vendor emulates AES where the CPU has none: slower than the other backends and not offered. */
static bool has(uint16_t alg)
{
    return suite_find(alg) != NULL &&
           (imb_get_feature_flags() & IMB_CPUFLAGS_SSE) == IMB_CPUFLAGS_SSE;
}

/* ---- keys ---- */

static size_t key_size(uint16_t alg, unsigned lanes)
{
    const struct suite *s = suite_find(alg);
    (void)lanes; /* one context for all: nothing in it changes once it is expanded */
    if (s != NULL && s->kind == NHI_IMB_CHACHA)
        return offsetof(nhi_imb_key, x);
    return sizeof(nhi_imb_key);
}

static void key_wipe(void *mem)
{
    const nhi_imb_key *key = mem;
    if (key->alg != NHTB_BULK_NONE) /* else wiped before */
        imb_clear_mem(mem, key_size(key->alg, key->lanes));
}

static int key_init(void *mem, const nhtb_bulk_key *k, unsigned lanes, uint64_t lane_mask)
{
    const struct suite *s = suite_find(k->alg);
    if (s == NULL || lanes == 0 || lanes > LANES_MAX)
        return NHTB_ERR_ARG;
    if (k->enc.n != s->key_len || k->integ.n != s->integ_len)
        return NHTB_ERR_ARG;
    nhi_imb_key *key = mem;
    key->alg = k->alg;
    key->kind = s->kind;
    key->key_len = s->key_len;
    key->icv_len = s->kind == NHI_IMB_CBC ? s->integ_len / 2 : 16;
    key->lanes = (uint8_t)lanes;
    key->seal = k->seal;
    key->lane_mask = lane_mask;
    memcpy(key->salt, k->salt, sizeof key->salt);
    memcpy(key->enc, k->enc.p, k->enc.n);
    if (s->integ_len != 0) { /* a ChaCha20-Poly1305 key ends before these */
        memcpy(key->integ, k->integ.p, k->integ.n);
        key->integ_len = s->integ_len;
    }
    atomic_store_explicit(&key->state, s->kind == NHI_IMB_CHACHA ? NHI_IMB_READY : NHI_IMB_RAW,
                          memory_order_release);
    return 0;
}

static void hmac_block(nhi_imb_lane *l, const nhi_imb_key *key, uint8_t with, uint8_t *state)
{
    uint8_t block[128];
    size_t n = key->integ_len == 32 ? 64 : 128;
    memset(block, with, sizeof block);
    for (size_t i = 0; i < key->integ_len; i++)
        block[i] ^= key->integ[i];
    if (n == 64)
        IMB_SHA256_ONE_BLOCK(l->mgr, block, state);
    else if (key->integ_len == 48)
        IMB_SHA384_ONE_BLOCK(l->mgr, block, state);
    else
        IMB_SHA512_ONE_BLOCK(l->mgr, block, state);
    imb_clear_mem(block, sizeof block);
}

static void expand(nhi_imb_lane *l, const nhi_imb_key *key, nhi_imb_expanded *x)
{
    if (key->kind == NHI_IMB_GCM) {
        if (key->key_len == 16)
            IMB_AES128_GCM_PRE(l->mgr, key->enc, &x->gcm);
        else
            IMB_AES256_GCM_PRE(l->mgr, key->enc, &x->gcm);
        return;
    }
    if (key->key_len == 16)
        IMB_AES_KEYEXP_128(l->mgr, key->enc, x->cbc.enc, x->cbc.dec);
    else
        IMB_AES_KEYEXP_256(l->mgr, key->enc, x->cbc.enc, x->cbc.dec);
    hmac_block(l, key, 0x36, x->cbc.inner);
    hmac_block(l, key, 0x5c, x->cbc.outer);
}

/* Not READY: the first to come expands it for all; whoever comes meanwhile helps himself. NULL: the
 * lane's room for such copies is used up, so the job is done in a round of its own. */
static const nhi_imb_expanded *expanded_now(nhi_imb_lane *l, nhi_imb_key *key)
{
    uint32_t raw = NHI_IMB_RAW;
    if (atomic_compare_exchange_strong_explicit(&key->state, &raw, NHI_IMB_EXPANDING,
                                                memory_order_acquire, memory_order_acquire)) {
        expand(l, key, &key->x);
        atomic_store_explicit(&key->state, NHI_IMB_READY, memory_order_release);
    }
    if (atomic_load_explicit(&key->state, memory_order_acquire) == NHI_IMB_READY)
        return &key->x;
    if (l->n_copies == NHI_IMB_COPIES)
        return NULL;
    expand(l, key, &l->copy[l->n_copies]);
    return &l->copy[l->n_copies++];
}

static inline const nhi_imb_expanded *expanded_of(nhi_imb_lane *l, const nhi_imb_key *key)
{
    if (atomic_load_explicit(&((nhi_imb_key *)(uintptr_t)key)->state, memory_order_acquire) ==
        NHI_IMB_READY)
        return &key->x;
    return expanded_now(l, (nhi_imb_key *)(uintptr_t)key);
}

/* ---- lanes ---- */

static size_t lane_size(void)
{
    return sizeof(nhi_imb_lane) + (imb_get_mb_mgr_size() + 63) / 64 * 64;
}

static void lane_wipe(void *lane)
{
    imb_clear_mem(lane, lane_size());
}

static int lane_init(void *lane)
{
    nhi_imb_lane *l = lane;
    IMB_ARCH arch = IMB_ARCH_NONE;
    l->mgr = imb_set_pointers_mb_mgr(l + 1, 0, 1);
    if (l->mgr != NULL)
        init_mb_mgr_auto(l->mgr, &arch);
    l->powers = arch == IMB_ARCH_AVX512 ? sizeof(struct gcm_key_data) - 128
                                        : offsetof(struct gcm_key_data, ghash_keys);
    const uint64_t tested = IMB_FEATURE_SELF_TEST | IMB_FEATURE_SELF_TEST_PASS;
    if (l->mgr != NULL && arch != IMB_ARCH_NONE && imb_get_errno(l->mgr) == 0 &&
        (l->mgr->features & tested) == tested)
        return 0;
    lane_wipe(lane);
    return NHTB_ERR_CRYPTO;
}

/* ---- jobs ---- */

static bool fits(const nhi_imb_key *key, unsigned lane_index, const nhtb_bulk_job *j, bool seal)
{
    if (lane_index >= key->lanes || (key->lane_mask >> lane_index & 1) == 0 || key->seal != seal)
        return false;
    return key->kind != NHI_IMB_CBC || (j->len & 15) == 0;
}

/* Nonces are written well before the cipher loads them whole: a load that spans stores which are
 * still under way costs more than the rest of a short packet. */
static void set_nonce(nhi_imb_lane *l, size_t i, const nhi_imb_key *key, const uint8_t *iv)
{
    memcpy(l->nonce[i], key->salt, 4);
    memcpy(l->nonce[i] + 4, iv, 8);
}

/* What a short packet reads of an expanded GCM key: the schedule, and the lowest powers of the hash
 * key, which the CPU paths keep at different places. */
static void fetch_gcm(const nhi_imb_lane *l, const struct gcm_key_data *x)
{
    const uint8_t *p = (const uint8_t *)x;
    for (unsigned at = 0; at < 192; at += 64)
        __builtin_prefetch(p + at);
    __builtin_prefetch(p + l->powers);
    __builtin_prefetch(p + l->powers + 64);
}

/** Looks at up to n jobs; how many are ready for the passes. Bit k of *kinds: kind k occurs. */
static size_t prepare(nhi_imb_lane *l, unsigned lane_index, nhtb_bulk_job *jobs, size_t n,
                      bool seal, unsigned *kinds)
{
    const nhi_imb_key *last = NULL;
    *kinds = 0;
    l->n_copies = 0;
    for (size_t i = 0; i < n; i++) {
        const nhi_imb_key *key = jobs[i].key;
        if (key == last && key->kind == NHI_IMB_GCM) { /* nothing new about it */
            l->x[i] = &key->x;
            l->kind[i] = NHI_IMB_GCM;
            set_nonce(l, i, key, jobs[i].iv);
            continue;
        }
        jobs[i].status = NHTB_BULK_FAIL;
        l->kind[i] = NHI_IMB_REFUSED;
        if (!fits(key, lane_index, &jobs[i], seal))
            continue;
        l->x[i] = expanded_of(l, key);
        if (l->x[i] == NULL)
            return i;
        if (key->kind == NHI_IMB_GCM)
            fetch_gcm(l, &l->x[i]->gcm);
        last = l->x[i] == &key->x ? key : NULL; /* not while another lane expands it */
        l->kind[i] = key->kind;
        *kinds |= 1u << key->kind;
        if (key->kind != NHI_IMB_CBC)
            set_nonce(l, i, key, jobs[i].iv);
    }
    return n;
}

static void cbc(nhi_imb_lane *l, nhtb_bulk_job *jobs, size_t n, bool seal)
{
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        if (suites[i].kind == NHI_IMB_CBC && seal)
            nhi_imb_cbc_seal(l, jobs, n, suites[i].alg);
        else if (suites[i].kind == NHI_IMB_CBC)
            nhi_imb_cbc_open(l, jobs, n, suites[i].alg);
    }
}

static void run(void *lane, unsigned lane_index, nhtb_bulk_job *jobs, size_t n, bool seal)
{
    nhi_imb_lane *l = lane;
    unsigned kinds;
    for (size_t done; n != 0; jobs += done, n -= done) {
        done = prepare(l, lane_index, jobs, n < NHI_IMB_CHUNK ? n : NHI_IMB_CHUNK, seal, &kinds);
        if ((kinds >> NHI_IMB_GCM & 1) != 0 && seal)
            nhi_imb_gcm_seal(l, jobs, done);
        else if ((kinds >> NHI_IMB_GCM & 1) != 0)
            nhi_imb_gcm_open(l, jobs, done);
        if ((kinds >> NHI_IMB_CHACHA & 1) != 0)
            nhi_imb_chacha(l, jobs, done, seal);
        if ((kinds >> NHI_IMB_CBC & 1) != 0)
            cbc(l, jobs, done, seal);
    }
}

static void seal(void *lane, unsigned lane_index, nhtb_bulk_job *jobs, size_t n)
{
    run(lane, lane_index, jobs, n, true);
}

static void open(void *lane, unsigned lane_index, nhtb_bulk_job *jobs, size_t n)
{
    run(lane, lane_index, jobs, n, false);
}

static const nhtb_bulk_ops ops = {
    .size = sizeof(nhtb_bulk_ops),
    .burst = 32,
    .name = "ipsecmb",
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

const nhtb_bulk_ops *nhtb_ipsecmb_bulk(void)
{
    return &ops;
}
