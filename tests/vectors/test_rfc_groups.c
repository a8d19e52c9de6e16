/* SPDX-License-Identifier: Apache-2.0
 * Published answers for the ECP groups (RFC 5903 8.1 to 8.3) and the edges of the MODP groups
 * (RFC 3526 3 to 5) on every real backend. */
#include "support.h"

/* i, g^i (x|y), r, g^r (x|y), x of g^ir. */
static const struct ecp_case {
    uint16_t method;
    const char *i, *pub_i, *r, *pub_r, *secret;
} rfc5903[] = {
    {NHTB_KE_P256, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
     "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
     "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
     "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
     "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
     "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
     "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"},
    {NHTB_KE_P384,
     "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655"
     "e35b538041e649ee3faef896783ab194",
     "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6"
     "de3ac808acb4bdb4c88732aee95f41aa9482ed1fc0eeb9cafc4984625ccfc23f"
     "65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c",
     "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942"
     "e0308312916b8ed2960e4bd55a7448fc",
     "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d"
     "0d1ac43a0336def96fda41d0774a3571dcfbec7aacf3196472169e838430367f"
     "66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
     "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4"
     "d603135569b9e9d09cf5d4a270f59746"},
    {NHTB_KE_P521,
     "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a0"
     "95aa85a30fe1c2952c6771d937ba9777f5957b2639bab072462f68c27a57382d"
     "4a52",
     "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbe"
     "e1e3bf42e00b8e380aeae57c2d107564941885942af5a7f4601723c4195d176c"
     "ed3e017cae20b6641d2eeb695786d8c946146239d099e18e1d5a514c739d7cb4"
     "a10ad8a788015ac405d7799dc75e7b7d5b6cf2261a6a7f1507438bf01beb6ca3"
     "926f9582",
     "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e"
     "9c677d600b343757a3bdbf2a3163e4c2f869cca7458aa4a4effc311f5cb15168"
     "5eb9",
     "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a21"
     "9b97c356436adc6e95bb0352f6be64a6c2912d4ef2d0433ced2b6171640012d9"
     "460f015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d985207"
     "7b87220b6536c5c408a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd1"
     "7f0fc56a",
     "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04"
     "d1427e73ca4baa240a34786859810c06b3c715a3a8cc3151f2bee417996d19f3"
     "ddea"},
};

/* What is off the curve or out of the field never gives a secret. */
static void refuses_bent_points(test_dh *d, uint8_t *peer, size_t n)
{
    uint8_t secret[NHTB_KE_SECRET_MAX], swap[NHTB_KE_PUBLIC_MAX];
    size_t len, half = n / 2;
    peer[n - 1] ^= 1;
    cr_assert_eq(test_dh_shared(d, peer, n, secret, &len), NHTB_ERR_CRYPTO, "other y");
    peer[n - 1] ^= 1;
    peer[half - 1] ^= 1;
    cr_assert_eq(test_dh_shared(d, peer, n, secret, &len), NHTB_ERR_CRYPTO, "other x");
    peer[half - 1] ^= 1;
    memcpy(swap, peer + half, half);
    memcpy(swap + half, peer, half);
    cr_assert_eq(test_dh_shared(d, swap, n, secret, &len), NHTB_ERR_CRYPTO, "x and y swapped");
    cr_assert_eq(test_dh_shared(d, peer, n - 1, secret, &len), NHTB_ERR_CRYPTO, "short");
    cr_assert_eq(test_dh_shared(d, peer, half, secret, &len), NHTB_ERR_CRYPTO, "x alone");
    memset(swap, 0, n);
    cr_assert_eq(test_dh_shared(d, swap, n, secret, &len), NHTB_ERR_CRYPTO, "0, 0");
    memset(swap, 0xff, n);
    cr_assert_eq(test_dh_shared(d, swap, n, secret, &len), NHTB_ERR_CRYPTO, "out of the field");
}

static void ecp_side(const nhtb_pk_ops *pk, const struct ecp_case *t, bool initiator)
{
    uint8_t priv[66], own[132], other[132], want[66], seed[NHTB_KE_SEED];
    uint8_t secret[NHTB_KE_SECRET_MAX];
    size_t n = unhex(initiator ? t->i : t->r, priv, sizeof priv), len;
    size_t pub_len = unhex(initiator ? t->pub_i : t->pub_r, own, sizeof own);
    test_dh d;
    cr_assert_eq(unhex(initiator ? t->pub_r : t->pub_i, other, sizeof other), pub_len);
    cr_assert_eq(unhex(t->secret, want, sizeof want), n);
    cr_assert_eq(pub_len, nhi_ke_public_len(t->method));
    test_dh_seed(t->method, priv, n, seed);
    cr_assert_eq(test_dh_make(&d, pk, t->method, seed), 0);
    cr_assert_eq(d.pub_len, pub_len);
    cr_assert_arr_eq(d.pub, own, pub_len);
    cr_assert_eq(test_dh_shared(&d, other, pub_len, secret, &len), 0);
    cr_assert_eq(len, n);
    cr_assert_arr_eq(secret, want, n);
    refuses_bent_points(&d, other, pub_len);
    test_dh_free(&d);
}

Test(rfc_groups, ecp_answers_of_rfc5903)
{
    cr_assert_gt(N_REAL, 0);
    for (size_t b = 0; b < N_REAL; b++) {
        for (size_t i = 0; i < NHI_ARRAY_LEN(rfc5903); i++) {
            ecp_side(real_backends[b]().pk, &rfc5903[i], true);
            ecp_side(real_backends[b]().pk, &rfc5903[i], false);
        }
    }
}

static const struct modp_case {
    uint16_t method;
    size_t len;
    const char *prime;
} rfc3526[] = {
    {NHTB_KE_MODP2048, 256,
     "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea6"
     "3b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245"
     "e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f2411"
     "7c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
     "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08"
     "ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9"
     "de2bcbf6955817183995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffff"
     "ffffffff"},
    {NHTB_KE_MODP3072, 384,
     "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea6"
     "3b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245"
     "e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f2411"
     "7c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
     "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08"
     "ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9"
     "de2bcbf6955817183995497cea956ae515d2261898fa051015728e5a8aaac42dad33170d"
     "04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7"
     "abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d8760273"
     "3ec86a64521f2b18177b200cbbe117577a615d6c770988c0bad946e208e24fa074e5ab31"
     "43db5bfce0fd108e4b82d120a93ad2caffffffffffffffff"},
    {NHTB_KE_MODP4096, 512,
     "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea6"
     "3b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245"
     "e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f2411"
     "7c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
     "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08"
     "ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9"
     "de2bcbf6955817183995497cea956ae515d2261898fa051015728e5a8aaac42dad33170d"
     "04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7"
     "abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d8760273"
     "3ec86a64521f2b18177b200cbbe117577a615d6c770988c0bad946e208e24fa074e5ab31"
     "43db5bfce0fd108e4b82d120a92108011a723c12a787e6d788719a10bdba5b2699c32718"
     "6af4e23c1a946834b6150bda2583e9ca2ad44ce8dbbbc2db04de8ef92e8efc141fbecaa6"
     "287c59474e6bc05d99b2964fa090c3a2233ba186515be7ed1f612970cee2d7afb81bdd76"
     "2170481cd0069127d5b05aa993b4ea988d8fddc186ffb7dc90a6c08f4df435c934063199"
     "ffffffffffffffff"},
};

/* Only 2 .. p - 2 may pass. at: distance from 0 or from p in the last octet (p ends in ff). */
static void modp_edges(const nhtb_pk_ops *pk, const struct modp_case *t)
{
    static const uint8_t zero[NHTB_KE_PUBLIC_MAX];
    uint8_t seed[NHTB_KE_SEED], prime[NHTB_KE_PUBLIC_MAX], y[NHTB_KE_PUBLIC_MAX];
    const struct {
        const char *name;
        const uint8_t *from;
        int add;
        bool good;
    } edges[] = {
        {"0", zero, 0, false},      {"1", zero, 1, false},       {"2", zero, 2, true},
        {"p - 2", prime, -2, true}, {"p - 1", prime, -1, false}, {"p", prime, 0, false},
    };
    test_dh d;
    uint8_t secret[NHTB_KE_SECRET_MAX];
    size_t n;
    cr_assert_eq(unhex(t->prime, prime, sizeof prime), t->len);
    memset(seed, 0x35, sizeof seed);
    cr_assert_eq(test_dh_make(&d, pk, t->method, seed), 0);
    for (size_t i = 0; i < NHI_ARRAY_LEN(edges); i++) {
        memcpy(y, edges[i].from, t->len);
        y[t->len - 1] = (uint8_t)(y[t->len - 1] + edges[i].add);
        int want = edges[i].good ? 0 : NHTB_ERR_CRYPTO;
        cr_assert_eq(test_dh_shared(&d, y, t->len, secret, &n), want, "%s", edges[i].name);
    }
    memcpy(y, prime, t->len); /* p + 1: the low 64 bits of p are ones, the carry stops above them */
    memset(y + t->len - 8, 0, 8);
    cr_assert_lt(y[t->len - 9], 255);
    y[t->len - 9]++;
    cr_assert_eq(test_dh_shared(&d, y, t->len, secret, &n), NHTB_ERR_CRYPTO, "p + 1");
    memset(y, 0xff, sizeof y);
    cr_assert_eq(test_dh_shared(&d, y, t->len, secret, &n), NHTB_ERR_CRYPTO, "all ones");
    cr_assert_eq(test_dh_shared(&d, d.pub, t->len - 1, secret, &n), NHTB_ERR_CRYPTO, "short");
    cr_assert_eq(test_dh_shared(&d, d.pub, t->len, secret, &n), 0, "own");
    cr_assert_eq(n, t->len);
    test_dh_free(&d);
}

Test(rfc_groups, modp_refuses_edge_values)
{
    for (size_t b = 0; b < N_REAL; b++) {
        for (size_t i = 0; i < NHI_ARRAY_LEN(rfc3526); i++)
            modp_edges(real_backends[b]().pk, &rfc3526[i]);
    }
}

/* y = 2 and x = 2^k: the shared secret is 2^(2^k) mod p. For 2^k below the modulus' length it is one
 * bit in its place, left-padded with zeros to the modulus' length (RFC 7296 2.14). */
Test(rfc_groups, modp_secrets_are_padded_to_the_modulus)
{
    for (size_t b = 0; b < N_REAL; b++) {
        for (size_t i = 0; i < NHI_ARRAY_LEN(rfc3526); i++) {
            size_t len = rfc3526[i].len, n;
            uint8_t seed[NHTB_KE_SEED], priv[2] = {0x04, 0x00}, two[NHTB_KE_PUBLIC_MAX] = {0};
            uint8_t secret[NHTB_KE_SECRET_MAX], want[NHTB_KE_SECRET_MAX] = {0};
            test_dh d;
            test_dh_seed(rfc3526[i].method, priv, sizeof priv, seed);
            two[len - 1] = 2;
            want[len - 1 - 1024 / 8] = 1;
            cr_assert_eq(test_dh_make(&d, real_backends[b]().pk, rfc3526[i].method, seed), 0);
            cr_assert_arr_eq(d.pub, want, len);
            cr_assert_eq(test_dh_shared(&d, two, len, secret, &n), 0);
            cr_assert_eq(n, len);
            cr_assert_arr_eq(secret, want, len);
            test_dh_free(&d);
        }
    }
}
