/* SPDX-License-Identifier: Apache-2.0
 * The bulk contract, for every algorithm and backend: what one backend seals every other real one
 * opens, in place and out of place, at any alignment and length; every changed byte is noticed;
 * bursts of mixed keys; keys wiped to zero; misuse answered with FAIL. */
#include "cross.h"

static void seal_then_open(const nhtb_bulk_ops *from, const nhtb_bulk_ops *to,
                           const nhi_bulk_facts *f, uint64_t seed)
{
    uint8_t keymat[128];
    if (!test_has(from, f) || !test_has(to, f))
        return;
    packet *p = calloc(1, sizeof *p);
    keymat_make(keymat, &seed);
    test_key out = test_key_make(from, f, keymat, true, LANES);
    test_key in = test_key_make(to, f, keymat, false, LANES);
    for (uint32_t i = 0; i < 120; i++) {
        unsigned lane = i % LANES;
        bool in_place = i / LANES % 2 == 0;
        packet_make(p, f, i < 40 ? i : (uint32_t)(test_random(&seed) % 2001), &seed);
        nhtb_bulk_job j = packet_job(p, in_place ? p->text : p->plain, p->text);
        cr_assert_eq(test_seal(&out, lane, &j), NHTB_BULK_OK, "%s %s len %u", from->name, f->name,
                     p->len);
        cr_assert(p->len < 16 || memcmp(p->text, p->plain, p->len) != 0, "left in clear");
        uint8_t *dst = in_place ? p->text : p->other + i % 16;
        j = packet_job(p, p->text, dst);
        cr_assert_eq(test_open(&in, lane, &j), NHTB_BULK_OK, "%s to %s, %s, len %u", from->name,
                     to->name, f->name, p->len);
        cr_assert_eq(memcmp(dst, p->plain, p->len), 0);
    }
    test_key_free(&in);
    test_key_free(&out);
    free(p);
}

Test(bulk, what_one_backend_seals_the_others_open)
{
    cr_assert_gt(N_REAL, 0);
    for (uint16_t alg = 1; alg < NHTB_BULK_ALG_END; alg++) {
        const nhi_bulk_facts *f = nhi_bulk_of(alg);
        for (size_t a = 0; a < N_REAL; a++) {
            for (size_t b = 0; b < N_REAL; b++)
                seal_then_open(real_backends[a]().bulk, real_backends[b]().bulk, f, alg);
        }
    }
}

Test(bulk, every_backend_opens_what_it_sealed)
{
    for (uint16_t alg = 1; alg < NHTB_BULK_ALG_END; alg++) {
        for (size_t a = 0; a < N_ALL; a++) {
            const nhtb_bulk_ops *ops = all_backends[a]().bulk;
            seal_then_open(ops, ops, nhi_bulk_of(alg), 77u + alg);
        }
    }
}

/* Changes one byte at a time, expects BAD, and puts it back. */
static void expect_bad(const test_key *in, packet *p, uint8_t *at, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++) {
        at[i] ^= 0x10;
        nhtb_bulk_job j = packet_job(p, p->text, p->other);
        cr_assert_eq(test_open(in, 0, &j), NHTB_BULK_BAD, "%s %s: changed %s byte %zu passed",
                     in->ops->name, p->f->name, what, i);
        at[i] ^= 0x10;
    }
}

static void notice_changes(const nhtb_bulk_ops *ops, const nhi_bulk_facts *f)
{
    uint64_t seed = f->alg;
    uint8_t keymat[128];
    if (!test_has(ops, f))
        return;
    packet *p = calloc(1, sizeof *p);
    keymat_make(keymat, &seed);
    test_key out = test_key_make(ops, f, keymat, true, 1);
    test_key in = test_key_make(ops, f, keymat, false, 1);
    packet_make(p, f, 48, &seed);
    p->tail_len = f->aead ? 0 : 4;
    nhtb_bulk_job j = packet_job(p, p->text, p->text);
    cr_assert_eq(test_seal(&out, 0, &j), NHTB_BULK_OK);
    expect_bad(&in, p, p->icv, f->icv_len, "icv");
    expect_bad(&in, p, p->text, p->len, "ciphertext");
    expect_bad(&in, p, p->aad, p->aad_len, "aad");
    expect_bad(&in, p, p->iv, f->iv_len, "iv");
    expect_bad(&in, p, p->tail, p->tail_len, "tail");
    j = packet_job(p, p->text, p->other);
    cr_assert_eq(test_open(&in, 0, &j), NHTB_BULK_OK, "the restored packet must open");
    cr_assert_arr_eq(p->other, p->plain, p->len);
    test_key_free(&in);
    keymat[0] ^= 1;
    in = test_key_make(ops, f, keymat, false, 1);
    if (f->aead) {
        j = packet_job(p, p->text, p->other);
        cr_assert_eq(test_open(&in, 0, &j), NHTB_BULK_BAD, "another key opened it");
    }
    test_key_free(&in);
    keymat[0] ^= 1;
    keymat[f->key_len] ^= 1; /* salt, or first byte of the integrity key */
    in = test_key_make(ops, f, keymat, false, 1);
    j = packet_job(p, p->text, p->other);
    cr_assert_eq(test_open(&in, 0, &j), NHTB_BULK_BAD, "another salt or integrity key opened it");
    test_key_free(&in);
    test_key_free(&out);
    free(p);
}

Test(bulk, every_changed_byte_is_noticed)
{
    for (uint16_t alg = 1; alg < NHTB_BULK_ALG_END; alg++) {
        for (size_t a = 0; a < N_ALL; a++)
            notice_changes(all_backends[a]().bulk, nhi_bulk_of(alg));
    }
}

#define BURST 64

/* 64 jobs, every algorithm and key mixed, some of them damaged: each has its own status. */
static void mixed_burst(const nhtb_bulk_ops *ops, uint64_t seed)
{
    test_key out[NHTB_BULK_ALG_END], in[NHTB_BULK_ALG_END];
    packet *p = calloc(BURST, sizeof *p);
    nhtb_bulk_job jobs[BURST];
    uint8_t keymat[128];
    uint16_t end = NHTB_BULK_ALG_END;
    while (!test_has(ops, nhi_bulk_of((uint16_t)(end - 1))))
        end--;
    for (uint16_t alg = 1; alg < end; alg++) {
        keymat_make(keymat, &seed);
        out[alg] = test_key_make(ops, nhi_bulk_of(alg), keymat, true, LANES);
        in[alg] = test_key_make(ops, nhi_bulk_of(alg), keymat, false, LANES);
    }
    for (size_t i = 0; i < BURST; i++) {
        uint16_t alg = (uint16_t)(1 + test_random(&seed) % (end - 1u));
        packet_make(&p[i], nhi_bulk_of(alg), (uint32_t)(test_random(&seed) % 1500), &seed);
        jobs[i] = packet_job(&p[i], p[i].text, p[i].text);
        jobs[i].key = out[alg].mem;
        jobs[i].status = -1;
    }
    ops->seal(test_lane(ops, 1), 1, jobs, BURST);
    for (size_t i = 0; i < BURST; i++) {
        cr_assert_eq(jobs[i].status, NHTB_BULK_OK);
        jobs[i].key = in[p[i].f->alg].mem;
        jobs[i].status = -1;
        p[i].icv[0] ^= i % 5 == 0;
    }
    ops->open(test_lane(ops, 2), 2, jobs, BURST);
    for (size_t i = 0; i < BURST; i++) {
        cr_assert_eq(jobs[i].status, i % 5 == 0 ? NHTB_BULK_BAD : NHTB_BULK_OK, "job %zu", i);
        if (i % 5 != 0)
            cr_assert_eq(memcmp(p[i].text, p[i].plain, p[i].len), 0);
    }
    for (uint16_t alg = 1; alg < end; alg++) {
        test_key_free(&out[alg]);
        test_key_free(&in[alg]);
    }
    free(p);
}

Test(bulk, a_burst_may_mix_keys_and_algorithms)
{
    for (size_t a = 0; a < N_ALL; a++) {
        for (uint64_t seed = 1; seed <= 10; seed++)
            mixed_burst(all_backends[a]().bulk, seed);
    }
}

/* A burst of one key sealed by one backend, opened one by one by another, and the other way round:
 * a nonce that slips by one job would fit a burst that slips alike, but never a single job. */
static void burst_against_single(const nhtb_bulk_ops *from, const nhtb_bulk_ops *to,
                                 const nhi_bulk_facts *f, bool seal_in_burst)
{
    uint64_t seed = f->alg;
    uint8_t keymat[128];
    if (!test_has(from, f) || !test_has(to, f))
        return;
    packet *p = calloc(BURST, sizeof *p);
    nhtb_bulk_job jobs[BURST];
    keymat_make(keymat, &seed);
    test_key out = test_key_make(from, f, keymat, true, LANES);
    test_key in = test_key_make(to, f, keymat, false, LANES);
    for (unsigned round = 0; round < 2; round++) { /* keys may be expanded by the first */
        for (size_t i = 0; i < BURST; i++) {
            packet_make(&p[i], f, (uint32_t)(test_random(&seed) % 600), &seed);
            jobs[i] = packet_job(&p[i], p[i].text, p[i].text);
            jobs[i].key = out.mem;
        }
        for (size_t i = 0; i < BURST && !seal_in_burst; i++)
            from->seal(test_lane(from, 0), 0, &jobs[i], 1);
        if (seal_in_burst)
            from->seal(test_lane(from, 0), 0, jobs, BURST);
        for (size_t i = 0; i < BURST; i++)
            jobs[i].key = in.mem;
        for (size_t i = 0; i < BURST && seal_in_burst; i++)
            to->open(test_lane(to, 0), 0, &jobs[i], 1);
        if (!seal_in_burst)
            to->open(test_lane(to, 0), 0, jobs, BURST);
        for (size_t i = 0; i < BURST; i++) {
            cr_assert_eq(jobs[i].status, NHTB_BULK_OK, "%s to %s, %s, job %zu", from->name,
                         to->name, f->name, i);
            cr_assert_eq(memcmp(p[i].text, p[i].plain, p[i].len), 0);
        }
    }
    test_key_free(&in);
    test_key_free(&out);
    free(p);
}

Test(bulk, a_burst_of_one_key_is_what_its_jobs_are_one_by_one)
{
    for (uint16_t alg = 1; alg < NHTB_BULK_ALG_END; alg++) {
        for (size_t a = 0; a < N_REAL * N_REAL * 2; a++)
            burst_against_single(real_backends[a / 2 % N_REAL]().bulk,
                                 real_backends[a / 2 / N_REAL]().bulk, nhi_bulk_of(alg), a & 1);
    }
}

Test(bulk, key_wipe_leaves_only_zeros)
{
    uint8_t keymat[128];
    uint64_t seed = 5;
    keymat_make(keymat, &seed);
    for (uint16_t alg = 1; alg < NHTB_BULK_ALG_END; alg++) {
        for (size_t a = 0; a < N_ALL; a++) {
            const nhtb_bulk_ops *ops = all_backends[a]().bulk;
            if (!test_has(ops, nhi_bulk_of(alg)))
                continue;
            test_key t = test_key_make(ops, nhi_bulk_of(alg), keymat, true, LANES);
            ops->key_wipe(t.mem);
            for (size_t i = 0; i < t.size; i++)
                cr_assert_eq(((uint8_t *)t.mem)[i], 0, "%s alg %u byte %zu", ops->name, alg, i);
            test_key_free(&t); /* wiping wiped memory is harmless */
        }
    }
}

static void expect_fail(const nhtb_bulk_ops *ops, const nhi_bulk_facts *f)
{
    uint8_t keymat[128];
    uint64_t seed = 9;
    if (!test_has(ops, f))
        return;
    packet *p = calloc(1, sizeof *p);
    keymat_make(keymat, &seed);
    test_key out = test_key_make(ops, f, keymat, true, LANES);
    packet_make(p, f, 32, &seed);
    nhtb_bulk_job j = packet_job(p, p->text, p->text);
    cr_assert_eq(test_seal(&out, LANES, &j), NHTB_BULK_FAIL, "a lane beyond the key's");
    cr_assert_eq(test_open(&out, 0, &j), NHTB_BULK_FAIL, "a key that only seals");
    j.len = 17;
    if (!f->aead)
        cr_assert_eq(test_seal(&out, 0, &j), NHTB_BULK_FAIL, "half a cipher block");
    test_key_free(&out);
    free(p);
}

Test(bulk, misuse_of_a_key_fails_and_touches_nothing_else)
{
    for (uint16_t alg = 1; alg < NHTB_BULK_ALG_END; alg++) {
        for (size_t a = 0; a < N_ALL; a++)
            expect_fail(all_backends[a]().bulk, nhi_bulk_of(alg));
    }
}

Test(bulk, a_lane_outside_the_mask_is_refused)
{
    uint8_t keymat[128] = {1}, buf[64] = {0};
    const nhi_bulk_facts *f = nhi_bulk_of(NHTB_BULK_AES128_GCM16);
    for (size_t a = 0; a < N_ALL; a++) {
        const nhtb_bulk_ops *ops = all_backends[a]().bulk;
        nhtb_bulk_key k = {.alg = f->alg, .seal = true, .enc = {keymat, 16}};
        void *mem = zeroed(ops->key_size(f->alg, LANES));
        cr_assert_eq(ops->key_init(mem, &k, LANES, 4), 0);
        nhtb_bulk_job j = {.key = mem, .src = buf, .dst = buf, .iv = buf + 16, .aad = buf + 24};
        j.icv = buf + 32;
        j.len = 16;
        j.aad_len = 8;
        ops->seal(test_lane(ops, 0), 0, &j, 1);
        cr_assert_eq(j.status, NHTB_BULK_FAIL);
        ops->seal(test_lane(ops, 2), 2, &j, 1);
        cr_assert_eq(j.status, NHTB_BULK_OK);
        ops->key_wipe(mem);
        free(mem);
    }
}

Test(bulk, keys_of_wrong_length_or_unknown_algorithms_are_refused)
{
    uint8_t bytes[128] = {0};
    for (size_t a = 0; a < N_ALL; a++) {
        const nhtb_bulk_ops *ops = all_backends[a]().bulk;
        for (uint16_t alg = 1; alg < NHTB_BULK_ALG_END; alg++) {
            const nhi_bulk_facts *f = nhi_bulk_of(alg);
            void *mem = zeroed(ops->key_size(alg, 1));
            nhtb_bulk_key k = {.alg = alg, .enc = {bytes, f->key_len + 1u}};
            k.integ = (nhtb_span){bytes, f->integ_len};
            cr_assert_eq(ops->key_init(mem, &k, 1, 1), NHTB_ERR_ARG);
            k.enc.n = f->key_len;
            k.integ.n = f->integ_len + 1u;
            cr_assert_eq(ops->key_init(mem, &k, 1, 1), NHTB_ERR_ARG);
            k.integ.n = f->integ_len;
            cr_assert_eq(ops->key_init(mem, &k, 65, 1), NHTB_ERR_ARG);
            k.alg = NHTB_BULK_ALG_END;
            cr_assert_eq(ops->key_init(mem, &k, 1, 1), NHTB_ERR_ARG);
            free(mem);
        }
        cr_assert_not(ops->has(NHTB_BULK_NONE));
        cr_assert_not(ops->has(NHTB_BULK_ALG_END));
    }
}
