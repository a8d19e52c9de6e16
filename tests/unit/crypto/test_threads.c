/* SPDX-License-Identifier: Apache-2.0
 * Two threads, two lanes, one key: the rule that lets workers share an SA. Run under TSan. */
#include <pthread.h>

#include "cross.h"

typedef struct side {
    const test_key *out, *in;
    unsigned lane;
    int wrong;
} side;

static void *work(void *arg)
{
    side *s = arg;
    uint8_t aad[8] = {0}, iv[16] = {0}, text[256], icv[32];
    for (uint32_t i = 0; i < 300; i++) {
        memset(text, (int)(s->lane + i), sizeof text);
        iv[0] = (uint8_t)i;
        iv[1] = (uint8_t)s->lane;
        nhtb_bulk_job j = {.src = text, .dst = text, .iv = iv, .aad = aad, .icv = icv};
        j.len = sizeof text;
        j.aad_len = sizeof aad;
        s->wrong += test_seal(s->out, s->lane, &j) != NHTB_BULK_OK;
        s->wrong += test_open(s->in, s->lane, &j) != NHTB_BULK_OK;
        s->wrong += text[0] != (uint8_t)(s->lane + i) || text[255] != (uint8_t)(s->lane + i);
    }
    return NULL;
}

static void two_threads(const nhtb_bulk_ops *ops, const nhi_bulk_facts *f)
{
    uint8_t keymat[128];
    uint64_t seed = 3;
    pthread_t t[2];
    side s[2];
    if (!test_has(ops, f))
        return;
    keymat_make(keymat, &seed);
    test_key out = test_key_make(ops, f, keymat, true, LANES);
    test_key in = test_key_make(ops, f, keymat, false, LANES);
    for (unsigned i = 0; i < 2; i++) {
        s[i] = (side){&out, &in, i + 1, 0};
        cr_assert_eq(pthread_create(&t[i], NULL, work, &s[i]), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(t[i], NULL);
        cr_assert_eq(s[i].wrong, 0, "%s %s lane %u", ops->name, f->name, i + 1);
    }
    test_key_free(&in);
    test_key_free(&out);
}

Test(threads, two_lanes_of_one_key_work_at_once)
{
    for (uint16_t alg = 1; alg < NHTB_BULK_ALG_END; alg++) {
        for (size_t a = 0; a < N_ALL; a++)
            two_threads(all_backends[a]().bulk, nhi_bulk_of(alg));
    }
}

static void *derive(void *arg)
{
    side *s = arg;
    uint8_t seed[NHTB_KE_SEED], secret[NHTB_KE_SECRET_MAX];
    memset(seed, (int)s->lane + 1, sizeof seed);
    for (size_t b = 0; b < N_ALL; b++) {
        nhtb_crypto c = all_backends[b]();
        for (size_t m = 0; m < NHI_ARRAY_LEN(ke_methods); m++) {
            test_dh d;
            size_t n;
            s->wrong += test_dh_make(&d, c.pk, ke_methods[m], seed) != 0;
            s->wrong += test_dh_shared(&d, d.pub, d.pub_len, secret, &n) != 0;
            test_dh_free(&d);
        }
        nhtb_span text = {seed, sizeof seed};
        s->wrong += c.kdf->hmac(NHTB_HASH_SHA256, text, &text, 1, secret) != 0;
    }
    return NULL;
}

Test(threads, kdf_and_pk_run_on_any_thread)
{
    pthread_t t[2];
    side s[2] = {{.lane = 0}, {.lane = 1}};
    for (unsigned i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&t[i], NULL, derive, &s[i]), 0);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(t[i], NULL);
        cr_assert_eq(s[i].wrong, 0);
    }
}
