/* SPDX-License-Identifier: Apache-2.0
 * prf, prf+ and hash: agreement between backends, prf+ by its definition (RFC 7296 2.13), limits,
 * and failing backends that must leave nothing behind. */
#include "vectors/support.h"

static const uint16_t prfs[] = {NHI_PRF_SHA1, NHI_PRF_SHA256, NHI_PRF_SHA384, NHI_PRF_SHA512};
static const uint16_t hashes[] = {NHTB_HASH_SHA1, NHTB_HASH_SHA256, NHTB_HASH_SHA384,
                                  NHTB_HASH_SHA512};

Test(prf, hashes_of_abc_are_the_same_in_every_backend)
{
    static const char *const want[] = {"a9993e364706816aba3e25717850c26c", /* FIPS 180-4 */
                                       "ba7816bf8f01cfea414140de5dae2223",
                                       "cb00753f45a35e8bb5a03d699ac65007",
                                       "ddaf35a193617abacc417349ae204131"};
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        for (size_t h = 0; h < NHI_ARRAY_LEN(hashes); h++) {
            uint8_t head[16], out[64];
            nhtb_span parts[3] = {{(const uint8_t *)"a", 1}, {NULL, 0}, {(const uint8_t *)"bc", 2}};
            unhex(want[h], head, sizeof head);
            cr_assert_eq(nhi_hash(&c, hashes[h], parts, 3, out), 0);
            cr_assert_arr_eq(out, head, sizeof head);
        }
    }
}

/* T1 = prf(K, S | 1), T2 = prf(K, T1 | S | 2), ... */
static void by_definition(const nhtb_crypto *c, uint16_t prf, size_t len)
{
    uint8_t key[40], s[50], want[1024], got[1024];
    uint64_t seed = len;
    test_fill(&seed, key, sizeof key);
    test_fill(&seed, s, sizeof s);
    nhi_secret t = {.n = 0};
    for (size_t done = 0, i = 1; done < len; i++) {
        uint8_t counter = (uint8_t)i;
        uint8_t previous[64];
        memcpy(previous, t.b, sizeof previous);
        nhtb_span v[3] = {{previous, t.n}, {s, sizeof s}, {&counter, 1}};
        cr_assert_eq(nhi_prf(c, prf, (nhtb_span){key, sizeof key}, v, 3, &t), 0);
        size_t take = len - done < t.n ? len - done : t.n;
        memcpy(want + done, t.b, take);
        done += take;
    }
    nhtb_span parts[3] = {{s, 10}, {s + 10, 0}, {s + 10, sizeof s - 10}};
    got[len] = 0xee;
    cr_assert_eq(nhi_prf_plus(c, prf, (nhtb_span){key, sizeof key}, parts, 3, got, len), 0);
    cr_assert_eq(memcmp(got, want, len), 0);
    cr_assert_eq(got[len], 0xee, "wrote beyond the end");
}

Test(prf, plus_follows_its_definition_at_every_length)
{
    for (size_t b = 0; b < N_ALL; b++) {
        nhtb_crypto c = all_backends[b]();
        for (size_t p = 0; p < NHI_ARRAY_LEN(prfs); p++) {
            for (size_t len = 0; len <= 300; len += len < 140 ? 1 : 31)
                by_definition(&c, prfs[p], len);
        }
    }
}

Test(prf, limits_are_usage_errors)
{
    nhtb_crypto c = all_backends[0]();
    uint8_t out[64];
    nhtb_span v[9] = {{NULL, 0}};
    nhi_secret s;
    cr_assert_eq(nhi_prf_plus(&c, NHI_PRF_SHA256, v[0], v, 9, out, 8), NHTB_ERR_ARG);
    cr_assert_eq(nhi_prf_plus(&c, NHI_PRF_SHA256, v[0], v, 1, out, 255 * 32 + 1), NHTB_ERR_ARG);
    cr_assert_eq(nhi_prf_plus(&c, 1, v[0], v, 1, out, 8), NHTB_ERR_UNSUPPORTED);
    cr_assert_eq(nhi_prf(&c, 1, v[0], v, 1, &s), NHTB_ERR_UNSUPPORTED);
    cr_assert_eq(nhi_hash(&c, 99, v, 1, out), NHTB_ERR_UNSUPPORTED);
    for (size_t b = 0; b < N_ALL; b++) {
        const nhtb_kdf_ops *kdf = all_backends[b]().kdf;
        cr_assert_not(kdf->has(NHTB_HASH_NONE));
        cr_assert_eq(kdf->hash(99, v, 1, out), NHTB_ERR_UNSUPPORTED);
        cr_assert_eq(kdf->hmac(99, v[0], v, 1, out), NHTB_ERR_UNSUPPORTED);
    }
}

static bool yes(uint16_t hash)
{
    (void)hash;
    return true;
}

/* Third block fails. */
static int hmac_fails(uint16_t hash, nhtb_span key, const nhtb_span *v, size_t n, uint8_t *out)
{
    (void)key;
    uint8_t counter = v[n - 1].p[0];
    memset(out, counter == 3 ? 0 : 0xab, nhi_hash_len(hash));
    return counter == 3 ? NHTB_ERR_CRYPTO : 0;
}

Test(prf, a_failing_backend_leaves_no_key_material)
{
    static const nhtb_kdf_ops kdf = {
        .size = sizeof kdf, .name = "f", .has = yes, .hmac = hmac_fails};
    nhtb_crypto c = {.kdf = &kdf};
    uint8_t out[128], three = 3;
    nhtb_span v = {&three, 1};
    nhi_secret s;
    memset(out, 0x55, sizeof out);
    cr_assert_eq(nhi_prf_plus(&c, NHI_PRF_SHA256, v, &v, 1, out, sizeof out), NHTB_ERR_CRYPTO);
    for (size_t i = 0; i < sizeof out; i++)
        cr_assert_eq(out[i], 0);
    cr_assert_eq(nhi_prf(&c, NHI_PRF_SHA256, v, &v, 1, &s), NHTB_ERR_CRYPTO);
    cr_assert_eq(s.n, 0);
    for (size_t i = 0; i < sizeof s.b; i++)
        cr_assert_eq(s.b[i], 0);
}
