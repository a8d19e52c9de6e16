/* SPDX-License-Identifier: Apache-2.0
 * Published answers for X25519 on every real backend: RFC 7748 5.2 (with the iterated test) and
 * 6.1. The other groups are in test_rfc_groups.c. */
#include "support.h"

static int exchange(const nhtb_pk_ops *pk, uint16_t method, const uint8_t *seed,
                    const uint8_t *peer, size_t peer_len, uint8_t *secret)
{
    test_dh d;
    size_t n;
    cr_assert_eq(test_dh_make(&d, pk, method, seed), 0);
    int err = test_dh_shared(&d, peer, peer_len, secret, &n);
    test_dh_free(&d);
    return err;
}

static void x25519(const nhtb_pk_ops *pk, const uint8_t k[32], const uint8_t u[32], uint8_t *out)
{
    uint8_t seed[NHTB_KE_SEED], secret[NHTB_KE_SECRET_MAX];
    test_dh_seed(NHTB_KE_X25519, k, 32, seed);
    cr_assert_eq(exchange(pk, NHTB_KE_X25519, seed, u, 32, secret), 0);
    memcpy(out, secret, 32);
}

/* Scalar, u coordinate, result: 5.2 (two), then 6.1's second key pair with the first's public. */
static const char *const rfc7748[][3] = {
    {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
     "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
     "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
    {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
     "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
     "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
    {"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
     "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
     "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
};

Test(rfc_ke, x25519_answers_of_rfc7748)
{
    cr_assert_gt(N_REAL, 0);
    for (size_t b = 0; b < N_REAL; b++) {
        for (size_t i = 0; i < NHI_ARRAY_LEN(rfc7748); i++) {
            uint8_t k[32], u[32], want[32], got[32];
            unhex(rfc7748[i][0], k, 32);
            unhex(rfc7748[i][1], u, 32);
            unhex(rfc7748[i][2], want, 32);
            x25519(real_backends[b]().pk, k, u, got);
            cr_assert_arr_eq(got, want, 32);
        }
    }
}

Test(rfc_ke, x25519_iterated_1_and_1000_times)
{
    uint8_t once[32], thousand[32];
    unhex("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079", once, 32);
    unhex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51", thousand, 32);
    for (size_t b = 0; b < N_REAL; b++) {
        uint8_t k[32] = {9}, u[32] = {9}, r[32];
        for (int i = 1; i <= 1000; i++) {
            x25519(real_backends[b]().pk, k, u, r);
            memcpy(u, k, 32);
            memcpy(k, r, 32);
            if (i == 1)
                cr_assert_arr_eq(k, once, 32);
        }
        cr_assert_arr_eq(k, thousand, 32);
    }
}

Test(rfc_ke, x25519_public_value_of_rfc7748_6_1)
{
    uint8_t priv[32], pub[32], seed[NHTB_KE_SEED];
    unhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", priv, 32);
    unhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", pub, 32);
    test_dh_seed(NHTB_KE_X25519, priv, 32, seed);
    for (size_t b = 0; b < N_REAL; b++) {
        test_dh d;
        cr_assert_eq(test_dh_make(&d, real_backends[b]().pk, NHTB_KE_X25519, seed), 0);
        cr_assert_eq(d.pub_len, 32);
        cr_assert_arr_eq(d.pub, pub, 32);
        test_dh_free(&d);
    }
}

Test(rfc_ke, x25519_refuses_the_all_zero_result)
{
    static const uint8_t zero[32], one[32] = {1};
    uint8_t seed[NHTB_KE_SEED], secret[NHTB_KE_SECRET_MAX];
    memset(seed, 0x77, sizeof seed);
    for (size_t b = 0; b < N_REAL; b++) {
        const nhtb_pk_ops *pk = real_backends[b]().pk;
        cr_assert_eq(exchange(pk, NHTB_KE_X25519, seed, zero, 32, secret), NHTB_ERR_CRYPTO);
        cr_assert_eq(exchange(pk, NHTB_KE_X25519, seed, one, 32, secret), NHTB_ERR_CRYPTO);
    }
}
