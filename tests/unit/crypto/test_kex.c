/* SPDX-License-Identifier: Apache-2.0
 * Key exchange jobs: two sides agree through jobs run elsewhere, a job runs once, private halves
 * move and are wiped, failures of memory and of the random source leave nothing behind. */
#include "vectors/support.h"

#include "crypto/kex.h"

static int random_pattern(void *user, uint8_t *dst, size_t n)
{
    static uint64_t state = 1;
    (void)user;
    test_fill(&state, dst, n);
    return 0;
}

static int random_broken(void *user, uint8_t *dst, size_t n)
{
    (void)user;
    (void)dst;
    (void)n;
    return -1;
}

static nhi_mem kex_mem(size_t *left)
{
    nhi_mem m = test_mem(left);
    m.host.random = random_pattern;
    return m;
}

/* A MAKE job run; what it made is moved out. */
static nhi_kex made(nhi_mem *mem, const nhtb_crypto *c, uint16_t method)
{
    int err = -1;
    nhtb_job *j = nhi_job_make(mem, c, method, NULL, &err);
    cr_assert_eq(err, 0);
    nhtb_job_run(j);
    cr_assert_eq(j->status, 0);
    nhi_kex kex = j->kex;
    memset(&j->kex, 0, sizeof j->kex);
    nhi_job_free(mem, j);
    return kex;
}

static nhtb_job *shared(nhi_mem *mem, const nhtb_crypto *c, nhi_kex *own, nhtb_span peer)
{
    int err = -1;
    nhtb_job *j = nhi_job_shared(mem, c, own, peer, NULL, &err);
    cr_assert_eq(err, 0);
    cr_assert_null(own->ctx, "the private half must have moved");
    nhtb_job_run(j);
    return j;
}

static void both_sides(const nhtb_crypto *c, uint16_t method)
{
    nhi_mem mem = kex_mem(NULL);
    nhi_kex a = made(&mem, c, method), b = made(&mem, c, method);
    uint8_t pub_a[NHTB_KE_PUBLIC_MAX], pub_b[NHTB_KE_PUBLIC_MAX];
    nhtb_span span_a = {pub_a, a.pub_len}, span_b = {pub_b, b.pub_len};
    memcpy(pub_a, a.pub, a.pub_len);
    memcpy(pub_b, b.pub, b.pub_len);
    nhtb_job *ja = shared(&mem, c, &a, span_b), *jb = shared(&mem, c, &b, span_a);
    cr_assert_eq(ja->status, 0);
    cr_assert_eq(jb->status, 0);
    cr_assert_eq(ja->secret_len, nhi_ke_secret_len(method));
    cr_assert_arr_eq(ja->secret, jb->secret, ja->secret_len);
    nhi_job_free(&mem, ja);
    nhi_job_free(&mem, jb);
    cr_assert_eq(mem.bytes, 0);
}

Test(kex, both_sides_agree_through_jobs)
{
    for (size_t b = 0; b < N_ALL; b++) {
        nhtb_crypto c = all_backends[b]();
        for (size_t m = 0; m < NHI_ARRAY_LEN(ke_methods); m++)
            both_sides(&c, ke_methods[m]);
    }
}

Test(kex, a_job_runs_once_and_forgets_its_seed)
{
    nhtb_crypto c = all_backends[0]();
    nhi_mem mem = kex_mem(NULL);
    int err = -1;
    uint8_t pub[NHTB_KE_PUBLIC_MAX];
    nhtb_job *j = nhi_job_make(&mem, &c, NHTB_KE_X25519, NULL, &err);
    cr_assert_eq(err, 0);
    cr_assert_eq(j->status, NHTB_ERR_CRYPTO, "a job that never ran counts as failed");
    nhtb_job_run(j);
    memcpy(pub, j->kex.pub, sizeof pub);
    for (size_t i = 0; i < sizeof j->seed; i++)
        cr_assert_eq(j->seed[i], 0);
    nhtb_job_run(j); /* with the wiped seed this would be another key */
    cr_assert_eq(j->status, 0);
    cr_assert_arr_eq(j->kex.pub, pub, j->kex.pub_len);
    nhi_job_free(&mem, j);
    nhi_job_free(&mem, NULL);
    cr_assert_eq(mem.bytes, 0);
}

Test(kex, bad_peer_values_end_as_a_status)
{
    static const uint8_t zero[NHTB_KE_PUBLIC_MAX + 1];
    for (size_t b = 0; b < N_ALL; b++) {
        nhtb_crypto c = all_backends[b]();
        nhi_mem mem = kex_mem(NULL);
        for (size_t m = 0; m < NHI_ARRAY_LEN(ke_methods); m++) {
            int err = 0;
            nhi_kex kex = made(&mem, &c, ke_methods[m]);
            cr_assert_null(
                nhi_job_shared(&mem, &c, &kex, (nhtb_span){zero, sizeof zero}, NULL, &err));
            cr_assert_eq(err, NHTB_ERR_CRYPTO);
            nhtb_job *j = shared(&mem, &c, &kex, (nhtb_span){zero, kex.pub_len});
            cr_assert_eq(j->status, NHTB_ERR_CRYPTO);
            nhi_job_free(&mem, j);
            cr_assert_null(nhi_job_shared(&mem, &c, &kex, (nhtb_span){zero, 32}, NULL, &err));
            cr_assert_eq(err, NHTB_ERR_CRYPTO, "no private half left");
        }
        cr_assert_eq(mem.bytes, 0);
    }
}

Test(kex, failures_leave_nothing_behind)
{
    nhtb_crypto c = all_backends[0]();
    int err = 0;
    for (size_t n = 0; n < 2; n++) {
        size_t left = n;
        nhi_mem mem = kex_mem(&left);
        cr_assert_null(nhi_job_make(&mem, &c, NHTB_KE_P256, NULL, &err));
        cr_assert_eq(err, NHTB_ERR_MEMORY);
        cr_assert_eq(mem.bytes, 0);
    }
    size_t left = 3;
    nhi_mem mem = kex_mem(&left);
    nhi_kex kex = made(&mem, &c, NHTB_KE_P256);
    left = 0;
    cr_assert_null(nhi_job_shared(&mem, &c, &kex, (nhtb_span){kex.pub, 64}, NULL, &err));
    cr_assert_eq(err, NHTB_ERR_MEMORY);
    cr_assert_not_null(kex.ctx, "stays with the caller");
    nhi_kex_wipe(&mem, &c, &kex);
    nhi_kex_wipe(&mem, &c, &kex);
    cr_assert_eq(mem.bytes, 0);
    mem = kex_mem(NULL);
    mem.host.random = random_broken;
    cr_assert_null(nhi_job_make(&mem, &c, NHTB_KE_P256, NULL, &err));
    cr_assert_eq(err, NHTB_ERR_RANDOM);
    cr_assert_null(nhi_job_make(&mem, &c, 1, NULL, &err));
    cr_assert_eq(err, NHTB_ERR_UNSUPPORTED);
    cr_assert_eq(mem.bytes, 0);
}
