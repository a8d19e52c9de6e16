/* SPDX-License-Identifier: Apache-2.0
 * Key contexts, lanes and the self-test: memory given back to the last byte, every allocation
 * failing once, and backends that lie being caught. */
#include "vectors/support.h"

Test(context, keymat_is_key_then_salt_then_integrity_key)
{
    uint8_t keymat[128];
    for (size_t i = 0; i < sizeof keymat; i++)
        keymat[i] = (uint8_t)i;
    for (size_t b = 0; b < N_ALL; b++) {
        nhtb_crypto c = all_backends[b]();
        nhi_mem mem = test_mem(NULL);
        for (uint16_t alg = 1; alg < NHTB_BULK_ALG_END; alg++) {
            const nhi_bulk_facts *f = nhi_bulk_of(alg);
            nhtb_span km = {keymat, nhi_bulk_keymat_len(f)};
            test_key want = test_key_make(c.bulk, f, keymat, true, 1);
            nhi_bulk_ctx ctx;
            cr_assert_eq(nhi_bulk_ctx_make(&ctx, &mem, &c, f, km, false, 2, 3), 0);
            uint8_t text[32] = {7}, iv[16] = {1}, aad[8] = {2}, icv[32];
            nhtb_bulk_job j = {.src = text, .dst = text, .iv = iv, .aad = aad, .icv = icv};
            j.len = sizeof text;
            j.aad_len = sizeof aad;
            cr_assert_eq(test_seal(&want, 0, &j), NHTB_BULK_OK);
            j.key = ctx.mem;
            c.bulk->open(test_lane(c.bulk, 1), 1, &j, 1);
            cr_assert_eq(j.status, NHTB_BULK_OK);
            cr_assert_eq(text[0], 7);
            nhi_bulk_ctx_wipe(&ctx, &mem, &c);
            nhi_bulk_ctx_wipe(&ctx, &mem, &c);
            test_key_free(&want);
        }
        cr_assert_eq(mem.bytes, 0);
    }
}

Test(context, bad_arguments_are_refused)
{
    uint8_t keymat[128] = {0};
    nhtb_crypto c = all_backends[0](), none = {NULL, NULL, NULL};
    nhi_mem mem = test_mem(NULL);
    nhi_bulk_ctx ctx;
    nhi_bulk_lane lane;
    const nhi_bulk_facts *f = nhi_bulk_of(NHTB_BULK_AES128_GCM16);
    nhtb_span km = {keymat, 20}, wrong = {keymat, 19};
    cr_assert_eq(nhi_bulk_ctx_make(&ctx, &mem, &c, f, wrong, true, 1, 1), NHTB_ERR_ARG);
    cr_assert_eq(nhi_bulk_ctx_make(&ctx, &mem, &c, NULL, km, true, 1, 1), NHTB_ERR_ARG);
    cr_assert_eq(nhi_bulk_ctx_make(&ctx, &mem, &c, f, km, true, 0, 1), NHTB_ERR_ARG);
    cr_assert_eq(nhi_bulk_ctx_make(&ctx, &mem, &c, f, km, true, 65, 1), NHTB_ERR_ARG);
    cr_assert_eq(nhi_bulk_ctx_make(&ctx, &mem, &none, f, km, true, 1, 1), NHTB_ERR_UNSUPPORTED);
    cr_assert_null(ctx.mem);
    cr_assert_eq(nhi_bulk_lane_make(&lane, &mem, &none, 0), NHTB_ERR_UNSUPPORTED);
    cr_assert_eq(mem.bytes, 0);
}

Test(context, selftest_passes_for_every_backend)
{
    for (size_t b = 0; b < N_ALL; b++) {
        nhtb_crypto c = all_backends[b]();
        nhi_mem mem = test_mem(NULL);
        const char *what = NULL;
        cr_assert_eq(nhi_crypto_selftest(&mem, &c, &what), 0, "%s: %s", c.bulk->name, what);
        cr_assert_eq(mem.bytes, 0);
    }
}

Test(context, selftest_survives_every_failing_allocation)
{
    nhtb_crypto c = real_backends[0]();
    int err = -1;
    size_t n = 0;
    for (; err != 0 && n < 200; n++) {
        size_t left = n;
        nhi_mem mem = test_mem(&left);
        const char *what;
        err = nhi_crypto_selftest(&mem, &c, &what);
        cr_assert(err == 0 || err == NHTB_ERR_MEMORY);
        cr_assert_eq(mem.bytes, 0, "leak when allocation %zu fails", n);
    }
    cr_assert_gt(n, 10);
    cr_assert_eq(err, 0);
}

/* ---- liars: a real table with one function replaced ---- */

static const nhtb_bulk_ops *honest_bulk(void)
{
    return real_backends[0]().bulk;
}

static void seal_in_clear(void *lane, unsigned index, nhtb_bulk_job *jobs, size_t n)
{
    honest_bulk()->seal(lane, index, jobs, n);
    jobs[0].dst[3] ^= 1;
}

static void open_without_looking(void *lane, unsigned index, nhtb_bulk_job *jobs, size_t n)
{
    honest_bulk()->open(lane, index, jobs, n);
    jobs[0].status = NHTB_BULK_OK;
}

static int hash_wrong(uint16_t hash, const nhtb_span *v, size_t n, uint8_t *out)
{
    (void)v;
    (void)n;
    memset(out, 0, nhi_hash_len(hash));
    return 0;
}

static int hmac_wrong(uint16_t hash, nhtb_span key, const nhtb_span *v, size_t n, uint8_t *out)
{
    (void)key;
    return hash_wrong(hash, v, n, out);
}

static int shared_wrong(uint16_t method, void *ctx, nhtb_span peer, uint8_t *secret, size_t *len)
{
    int err = real_backends[0]().pk->dh_shared(method, ctx, peer, secret, len);
    secret[0] ^= 1;
    return err;
}

static void expect_caught(nhtb_crypto c, const char *name)
{
    nhi_mem mem = test_mem(NULL);
    const char *what = NULL;
    cr_assert_eq(nhi_crypto_selftest(&mem, &c, &what), NHTB_ERR_CRYPTO);
    cr_assert_str_eq(what, name);
    cr_assert_eq(mem.bytes, 0);
}

static int cbc_wrong(uint16_t cipher, bool encrypt, nhtb_span key, uint8_t *iv, const uint8_t *src,
                     uint8_t *dst, size_t n)
{
    (void)cipher;
    (void)encrypt;
    (void)key;
    (void)iv;
    memmove(dst, src, n);
    return 0;
}

Test(context, selftest_catches_a_table_that_lies)
{
    nhtb_crypto c = real_backends[0]();
    nhtb_bulk_ops seal = *c.bulk, open = *c.bulk;
    nhtb_kdf_ops hash = *c.kdf, hmac = *c.kdf, cbc = *c.kdf;
    nhtb_pk_ops pk = *c.pk;
    seal.seal = seal_in_clear;
    open.open = open_without_looking;
    hash.hash = hash_wrong;
    hmac.hmac = hmac_wrong;
    pk.dh_shared = shared_wrong;
    expect_caught((nhtb_crypto){&seal, c.kdf, c.pk}, "AES-GCM-16-128");
    expect_caught((nhtb_crypto){&open, c.kdf, c.pk}, "AES-GCM-16-128");
    expect_caught((nhtb_crypto){c.bulk, &hash, c.pk}, "SHA-1");
    expect_caught((nhtb_crypto){c.bulk, &hmac, c.pk}, "SHA-1");
    cbc.cbc = cbc_wrong;
    expect_caught((nhtb_crypto){c.bulk, &cbc, c.pk}, "AES-CBC-128");
    expect_caught((nhtb_crypto){c.bulk, c.kdf, &pk}, "MODP-1024");
}

/* ---- lanes: the backends here need no scratch, so one that does is played ---- */

static size_t lane_bytes(void)
{
    return 128;
}

static int lane_good(void *lane)
{
    memset(lane, 0x77, 128);
    return 0;
}

static int lane_bad(void *lane)
{
    (void)lane;
    return NHTB_ERR_CRYPTO;
}

static int key_bad(void *mem, const nhtb_bulk_key *k, unsigned lanes, uint64_t lane_mask)
{
    (void)mem;
    (void)k;
    (void)lanes;
    (void)lane_mask;
    return NHTB_ERR_CRYPTO;
}

static void lane_forget(void *lane)
{
    memset(lane, 0, 128);
}

Test(context, lane_scratch_is_made_wiped_and_given_back)
{
    nhtb_crypto c = all_backends[0]();
    nhtb_bulk_ops ops = *c.bulk;
    ops.lane_size = lane_bytes;
    ops.lane_init = lane_good;
    ops.lane_wipe = lane_forget;
    c.bulk = &ops;
    size_t left = 1;
    nhi_mem mem = test_mem(&left);
    nhi_bulk_lane lane;
    cr_assert_eq(nhi_bulk_lane_make(&lane, &mem, &c, 3), 0);
    cr_assert_eq(lane.index, 3);
    cr_assert_eq((uintptr_t)lane.mem % 64, 0);
    cr_assert_eq(mem.bytes, 128);
    nhi_bulk_lane_wipe(&lane, &mem, &c);
    nhi_bulk_lane_wipe(&lane, &mem, &c);
    cr_assert_eq(mem.bytes, 0);
    cr_assert_eq(nhi_bulk_lane_make(&lane, &mem, &c, 3), NHTB_ERR_MEMORY);
    left = 1;
    ops.lane_init = lane_bad;
    cr_assert_eq(nhi_bulk_lane_make(&lane, &mem, &c, 3), NHTB_ERR_CRYPTO);
    cr_assert_eq(mem.bytes, 0);
    cr_assert_null(lane.mem);
}

Test(context, a_failing_key_init_leaves_nothing)
{
    uint8_t keymat[20] = {0};
    nhtb_crypto c = all_backends[0]();
    nhtb_bulk_ops ops = *c.bulk;
    nhi_bulk_ctx ctx;
    nhi_mem mem = test_mem(NULL);
    const nhi_bulk_facts *f = nhi_bulk_of(NHTB_BULK_AES128_GCM16);
    ops.key_init = key_bad;
    c.bulk = &ops;
    cr_assert_eq(nhi_bulk_ctx_make(&ctx, &mem, &c, f, (nhtb_span){keymat, 20}, true, 1, 1),
                 NHTB_ERR_CRYPTO);
    cr_assert_null(ctx.mem);
    cr_assert_eq(mem.bytes, 0);
}
