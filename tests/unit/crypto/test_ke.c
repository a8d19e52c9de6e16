/* SPDX-License-Identifier: Apache-2.0
 * The key exchange contract on every backend: equal seeds give equal keys everywhere, both sides of
 * any two real backends agree, wrong lengths and small rooms are refused, wiping is repeatable. */
#include "vectors/support.h"

static void agree(const nhtb_pk_ops *a, const nhtb_pk_ops *b, uint16_t method, uint64_t seed)
{
    uint8_t seed_a[NHTB_KE_SEED], seed_b[NHTB_KE_SEED];
    uint8_t secret_a[NHTB_KE_SECRET_MAX], secret_b[NHTB_KE_SECRET_MAX];
    size_t n_a, n_b;
    test_dh da, db;
    test_fill(&seed, seed_a, sizeof seed_a);
    test_fill(&seed, seed_b, sizeof seed_b);
    cr_assert_eq(test_dh_make(&da, a, method, seed_a), 0);
    cr_assert_eq(test_dh_make(&db, b, method, seed_b), 0);
    cr_assert_eq(da.pub_len, nhi_ke_public_len(method));
    cr_assert_eq(test_dh_shared(&da, db.pub, db.pub_len, secret_a, &n_a), 0);
    cr_assert_eq(test_dh_shared(&db, da.pub, da.pub_len, secret_b, &n_b), 0);
    cr_assert_eq(n_a, nhi_ke_secret_len(method));
    cr_assert_eq(n_a, n_b);
    cr_assert_arr_eq(secret_a, secret_b, n_a, "%s and %s, method %u", a->name, b->name, method);
    cr_assert_neq(memcmp(da.pub, db.pub, da.pub_len), 0);
    test_dh_free(&da);
    test_dh_free(&db);
}

Test(ke, any_two_backends_agree)
{
    for (size_t m = 0; m < NHI_ARRAY_LEN(ke_methods); m++) {
        for (size_t a = 0; a < N_REAL; a++) {
            for (size_t b = 0; b < N_REAL; b++) {
                for (uint64_t seed = 1; seed <= 3; seed++)
                    agree(real_backends[a]().pk, real_backends[b]().pk, ke_methods[m], seed);
            }
        }
        for (uint64_t seed = 1; seed <= 20; seed++)
            agree(all_backends[N_ALL - 1]().pk, all_backends[N_ALL - 1]().pk, ke_methods[m], seed);
    }
}

Test(ke, equal_seeds_give_equal_public_values)
{
    uint8_t seed[NHTB_KE_SEED];
    uint64_t state = 11;
    for (size_t m = 0; m < NHI_ARRAY_LEN(ke_methods); m++) {
        uint8_t first[NHTB_KE_PUBLIC_MAX] = {0};
        test_fill(&state, seed, sizeof seed);
        for (size_t b = 0; b < 2 * N_REAL; b++) {
            test_dh d;
            seed[80] ^= (uint8_t)b; /* blinding must not show */
            seed[111] ^= (uint8_t)b;
            cr_assert_eq(test_dh_make(&d, real_backends[b / 2]().pk, ke_methods[m], seed), 0);
            if (b == 0)
                memcpy(first, d.pub, d.pub_len);
            cr_assert_arr_eq(first, d.pub, d.pub_len);
            test_dh_free(&d);
        }
    }
}

static const struct ecp_end {
    uint16_t method;
    const char *top; /* n - 2, where n is the order of the group */
} ecp_ends[] = {
    {NHTB_KE_P256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f"},
    {NHTB_KE_P384, "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"
                   "581a0db248b0a77aecec196accc52971"},
    {NHTB_KE_P521, "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
                   "fffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e9138"
                   "6407"},
};

static void ecp_private_ends(const nhtb_pk_ops *pk, const struct ecp_end *e)
{
    uint8_t zero[NHTB_KE_SEED] = {0}, top[NHTB_KE_SEED] = {0}, raw[66];
    size_t n = unhex(e->top, raw, sizeof raw), width = test_seed_width(e->method);
    test_dh low, high;
    memcpy(top + width - n, raw, n);
    cr_assert_eq(test_dh_make(&low, pk, e->method, zero), 0);
    cr_assert_eq(test_dh_make(&high, pk, e->method, top), 0);
    cr_assert_arr_eq(low.pub, high.pub, n, "G and -G share x");
    cr_assert_neq(memcmp(low.pub + n, high.pub + n, n), 0);
    test_dh_free(&high);
    top[width - 1]++; /* wraps to d = 1 */
    cr_assert_eq(test_dh_make(&high, pk, e->method, top), 0);
    cr_assert_arr_eq(low.pub, high.pub, 2 * n);
    test_dh_free(&high);
    top[0] = 1; /* the first byte counts, too */
    cr_assert_eq(test_dh_make(&high, pk, e->method, top), 0);
    cr_assert_neq(memcmp(low.pub, high.pub, n), 0);
    test_dh_free(&low);
    test_dh_free(&high);
}

/* Seeds at the ends of the range still give usable keys: d = 1 and d = n - 1. */
Test(ke, ecp_private_key_stays_in_range_at_the_ends)
{
    for (size_t b = 0; b < N_REAL; b++) {
        for (size_t i = 0; i < NHI_ARRAY_LEN(ecp_ends); i++)
            ecp_private_ends(real_backends[b]().pk, &ecp_ends[i]);
    }
}

static void refuse(const nhtb_pk_ops *pk, uint16_t method)
{
    uint8_t seed[NHTB_KE_SEED], secret[NHTB_KE_SECRET_MAX], zero[NHTB_KE_PUBLIC_MAX] = {0};
    uint8_t pub[NHTB_KE_PUBLIC_MAX];
    size_t want = nhi_ke_public_len(method), n = want - 1;
    test_dh d;
    memset(seed, 0x42, sizeof seed);
    cr_assert_eq(test_dh_make(&d, pk, method, seed), 0);
    cr_assert_eq(test_dh_shared(&d, zero, want, secret, &n), NHTB_ERR_CRYPTO, "%s all zero",
                 pk->name);
    cr_assert_eq(test_dh_shared(&d, d.pub, want - 1, secret, &n), NHTB_ERR_CRYPTO);
    cr_assert_eq(test_dh_shared(&d, d.pub, 0, secret, &n), NHTB_ERR_CRYPTO);
    cr_assert_eq(test_dh_shared(&d, d.pub, want + 1, secret, &n), NHTB_ERR_CRYPTO);
    n = nhi_ke_secret_len(method) - 1;
    cr_assert_eq(pk->dh_shared(method, d.ctx, (nhtb_span){d.pub, want}, secret, &n),
                 NHTB_ERR_SHORT);
    n = want - 1;
    cr_assert_eq(pk->dh_make(method, d.ctx, seed, pub, &n), NHTB_ERR_SHORT);
    pk->dh_wipe(method, d.ctx);
    for (size_t i = 0; i < pk->dh_size(method); i++)
        cr_assert_eq(((uint8_t *)d.ctx)[i], 0);
    test_dh_free(&d);
}

Test(ke, wrong_lengths_and_zero_are_refused_and_wiping_is_complete)
{
    for (size_t b = 0; b < N_ALL; b++) {
        const nhtb_pk_ops *pk = all_backends[b]().pk;
        uint8_t seed[NHTB_KE_SEED] = {1}, buf[NHTB_KE_PUBLIC_MAX];
        size_t n = sizeof buf;
        for (size_t m = 0; m < NHI_ARRAY_LEN(ke_methods); m++)
            refuse(pk, ke_methods[m]);
        cr_assert_not(pk->has(0));
        cr_assert_not(pk->has(1));
        cr_assert_eq(pk->dh_make(1, buf, seed, buf, &n), NHTB_ERR_UNSUPPORTED);
        cr_assert_eq(pk->dh_shared(1, buf, (nhtb_span){buf, 1}, buf, &n), NHTB_ERR_UNSUPPORTED);
    }
}
