/* SPDX-License-Identifier: Apache-2.0
 * Published answers for key exchange on every real backend: RFC 7748 5.2 (with the iterated test)
 * and 6.1, RFC 5903 8.1, and the edges of MODP-2048 (RFC 3526 3). */
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

/* RFC 5903 8.1: i, g^i (x|y), r, g^r (x|y), x of g^ir. */
static const char *const rfc5903[] = {
    "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
    "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
    "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
    "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
    "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
    "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
    "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de",
};

static void p256_side(const nhtb_pk_ops *pk, const char *priv, const char *pub, const char *peer)
{
    uint8_t d32[32], own[64], other[64], want[32], seed[NHTB_KE_SEED];
    uint8_t secret[NHTB_KE_SECRET_MAX];
    size_t n;
    test_dh d;
    unhex(priv, d32, sizeof d32);
    unhex(pub, own, sizeof own);
    unhex(peer, other, sizeof other);
    unhex(rfc5903[4], want, sizeof want);
    test_dh_seed(NHTB_KE_P256, d32, sizeof d32, seed);
    cr_assert_eq(test_dh_make(&d, pk, NHTB_KE_P256, seed), 0);
    cr_assert_eq(d.pub_len, 64);
    cr_assert_arr_eq(d.pub, own, 64);
    cr_assert_eq(test_dh_shared(&d, other, sizeof other, secret, &n), 0);
    cr_assert_eq(n, 32);
    cr_assert_arr_eq(secret, want, 32);
    other[63] ^= 1; /* not on the curve any more */
    cr_assert_eq(test_dh_shared(&d, other, sizeof other, secret, &n), NHTB_ERR_CRYPTO);
    memset(other, 0, sizeof other);
    cr_assert_eq(test_dh_shared(&d, other, sizeof other, secret, &n), NHTB_ERR_CRYPTO);
    memset(other, 0xff, sizeof other);
    cr_assert_eq(test_dh_shared(&d, other, sizeof other, secret, &n), NHTB_ERR_CRYPTO);
    test_dh_free(&d);
}

Test(rfc_ke, p256_answers_of_rfc5903)
{
    for (size_t b = 0; b < N_REAL; b++) {
        const nhtb_pk_ops *pk = real_backends[b]().pk;
        p256_side(pk, rfc5903[0], rfc5903[1], rfc5903[3]);
        p256_side(pk, rfc5903[2], rfc5903[3], rfc5903[1]);
    }
}

/* Only 2 .. p - 2 may pass. */
static void modp_edges(const nhtb_pk_ops *pk, const uint8_t prime[256])
{
    uint8_t seed[NHTB_KE_SEED], y[256], secret[NHTB_KE_SECRET_MAX];
    memset(seed, 0x35, sizeof seed);
    memset(y, 0, sizeof y);
    cr_assert_eq(exchange(pk, NHTB_KE_MODP2048, seed, y, 256, secret), NHTB_ERR_CRYPTO, "0");
    y[255] = 1;
    cr_assert_eq(exchange(pk, NHTB_KE_MODP2048, seed, y, 256, secret), NHTB_ERR_CRYPTO, "1");
    y[255] = 2;
    cr_assert_eq(exchange(pk, NHTB_KE_MODP2048, seed, y, 256, secret), 0, "2");
    memcpy(y, prime, sizeof y);
    cr_assert_eq(exchange(pk, NHTB_KE_MODP2048, seed, y, 256, secret), NHTB_ERR_CRYPTO, "p");
    y[255]--;
    cr_assert_eq(exchange(pk, NHTB_KE_MODP2048, seed, y, 256, secret), NHTB_ERR_CRYPTO, "p - 1");
    y[255]--;
    cr_assert_eq(exchange(pk, NHTB_KE_MODP2048, seed, y, 256, secret), 0, "p - 2");
    cr_assert_eq(exchange(pk, NHTB_KE_MODP2048, seed, y, 255, secret), NHTB_ERR_CRYPTO, "short");
    memset(y, 0xff, sizeof y);
    cr_assert_eq(exchange(pk, NHTB_KE_MODP2048, seed, y, 256, secret), NHTB_ERR_CRYPTO, "beyond");
}

static const char modp2048[] =
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea6"
    "3b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245"
    "e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f2411"
    "7c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
    "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08"
    "ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9"
    "de2bcbf6955817183995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffff"
    "ffffffff";

Test(rfc_ke, modp2048_refuses_edge_values)
{
    uint8_t prime[256];
    cr_assert_eq(unhex(modp2048, prime, sizeof prime), sizeof prime);
    for (size_t b = 0; b < N_REAL; b++)
        modp_edges(real_backends[b]().pk, prime);
}
