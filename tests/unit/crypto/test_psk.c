/* SPDX-License-Identifier: Apache-2.0
 * Seeded pre-shared keys: fixed answers (computed with another HKDF), every input matters, spelling
 * of names does not, malformed input and failing backends leave no key. */
#include "vectors/support.h"

static nhtb_identity id(uint8_t type, const char *text)
{
    return (nhtb_identity){type, {(const uint8_t *)text, strlen(text)}};
}

/* seed 00 01 02 ... */
static void count_up(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)i;
}

static void derives(nhtb_span seed, nhtb_identity hub, nhtb_identity spoke, const char *want)
{
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        nhtb_crypto kdf_only = {.kdf = c.kdf};
        uint8_t psk[NHTB_PSK_LEN];
        char text[NHTB_PSK_TEXT];
        cr_assert_eq(nhtb_psk_derive(&kdf_only, seed, &hub, &spoke, psk), 0);
        cr_assert_eq(nhtb_psk_format(psk, text), text);
        cr_assert_str_eq(text, want);
    }
}

Test(psk, names_give_the_fixed_answers)
{
    uint8_t seed[32];
    count_up(seed, sizeof seed);
    nhtb_span s = {seed, sizeof seed};
    nhtb_identity hub = id(NHTB_ID_FQDN, "hub.example.net");
    nhtb_identity spoke = id(NHTB_ID_FQDN, "spoke1.example.net");
    derives(s, hub, spoke, "29aec4b1ebc2f20265c5896bfb2e83810c95410920e67fe2cb7b575948cd40a0");
    derives(s, hub, id(NHTB_ID_FQDN, "spoke2.example.net"),
            "f3d4c9e7881d7f70f17dc73d9d1217934aaeb485dff334bb0a68c65b7e26fdb4");
    derives(s, spoke, hub, "55a3c37cef2a2fb9dd0136d1acdd0d20ed342d863ab97a7b0a0a3f60d3f32024");
    derives(s, hub, id(NHTB_ID_RFC822, "spoke1@example.net"),
            "2ecec0beba2a269f0d25cc581e0c487850d0dd73438f3f073d9d512e214552c1");
    derives(s, hub, id(NHTB_ID_KEY_ID, "spoke1.example.net"),
            "29ddd9594ef1bc2918ce891ad7906497c5ba84b76086661ca20007db0a8b362c");
}

Test(psk, addresses_key_ids_and_the_longest_data_give_the_fixed_answers)
{
    static const uint8_t hub4[] = {192, 0, 2, 1}, spoke4[] = {198, 51, 100, 7};
    static const uint8_t hub6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, key[] = {0, 0xff, 0x41};
    uint8_t seed[100], k255[255], a255[255];
    count_up(seed, sizeof seed);
    derives((nhtb_span){seed, 32}, (nhtb_identity){NHTB_ID_IPV4, {hub4, 4}},
            (nhtb_identity){NHTB_ID_IPV4, {spoke4, 4}},
            "940323387b48c017e5b6a64b450ede387dc487c6892bd4e94cbb685f56465d2d");
    for (size_t i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)(255 - i);
    nhtb_span s = {seed, sizeof seed};
    derives(s, (nhtb_identity){NHTB_ID_IPV6, {hub6, 16}},
            (nhtb_identity){NHTB_ID_KEY_ID, {key, sizeof key}},
            "ffe5a84044af0d30db902a6afef739a3c68d2c6260b629a1d2d87aeb4da33935");
    memset(k255, 'K', sizeof k255);
    memset(a255, 'A', sizeof a255); /* answered for lower case */
    derives(s, (nhtb_identity){NHTB_ID_KEY_ID, {k255, sizeof k255}},
            (nhtb_identity){NHTB_ID_FQDN, {a255, sizeof a255}},
            "563066deab2cf2166a02c9c2845b8512f0bb40c2647f618cad47be50bc419132");
}

static void psk_of(nhtb_identity hub, nhtb_identity spoke, uint8_t psk[NHTB_PSK_LEN])
{
    uint8_t seed[NHTB_PSK_SEED_MIN];
    nhtb_crypto c = real_backends[0]();
    count_up(seed, sizeof seed);
    cr_assert_eq(nhtb_psk_derive(&c, (nhtb_span){seed, sizeof seed}, &hub, &spoke, psk), 0);
}

Test(psk, case_of_names_does_not_matter_but_case_of_key_ids_does)
{
    static const uint8_t types[] = {NHTB_ID_FQDN, NHTB_ID_RFC822, NHTB_ID_KEY_ID};
    for (size_t i = 0; i < sizeof types; i++) {
        uint8_t a[NHTB_PSK_LEN], b[NHTB_PSK_LEN], c[NHTB_PSK_LEN];
        psk_of(id(types[i], "h[`@z"), id(types[i], "Az{}"), a);
        psk_of(id(types[i], "H[`@Z"), id(types[i], "aZ{}"), b);
        cr_assert_eq(memcmp(a, b, sizeof a) == 0, types[i] != NHTB_ID_KEY_ID);
        psk_of(id(types[i], "h{`@z"), id(types[i], "Az{}"), c); /* [ and { differ as letters do */
        cr_assert_neq(memcmp(a, c, sizeof a), 0);
    }
}

/* The same octets cut at another place are other identities. */
Test(psk, a_shifted_border_gives_another_key)
{
    uint8_t all[8][NHTB_PSK_LEN];
    psk_of(id(NHTB_ID_FQDN, "ab"), id(NHTB_ID_FQDN, "c"), all[0]);
    psk_of(id(NHTB_ID_FQDN, "a"), id(NHTB_ID_FQDN, "bc"), all[1]);
    psk_of(id(NHTB_ID_KEY_ID, "ab"), id(NHTB_ID_FQDN, "c"), all[2]);
    psk_of(id(NHTB_ID_KEY_ID, "ab"), id(NHTB_ID_KEY_ID, "c"), all[3]);
    psk_of(id(NHTB_ID_FQDN, "c"), id(NHTB_ID_FQDN, "ab"), all[4]);
    psk_of(id(NHTB_ID_KEY_ID, "192."), id(NHTB_ID_IPV4, "192."), all[5]);
    psk_of(id(NHTB_ID_IPV4, "192."), id(NHTB_ID_KEY_ID, "192."), all[6]);
    psk_of(id(NHTB_ID_FQDN, "ab."), id(NHTB_ID_FQDN, "c"), all[7]);
    for (size_t i = 0; i < 8; i++) {
        for (size_t k = 0; k < i; k++)
            cr_assert_neq(memcmp(all[i], all[k], NHTB_PSK_LEN), 0, "%zu and %zu", i, k);
    }
}

Test(psk, every_bit_of_the_seed_matters)
{
    nhtb_crypto c = real_backends[0]();
    nhtb_identity hub = id(NHTB_ID_FQDN, "hub"), spoke = id(NHTB_ID_FQDN, "spoke");
    uint8_t seed[40], first[NHTB_PSK_LEN], psk[NHTB_PSK_LEN];
    count_up(seed, sizeof seed);
    nhtb_span s = {seed, sizeof seed};
    cr_assert_eq(nhtb_psk_derive(&c, s, &hub, &spoke, first), 0);
    for (size_t bit = 0; bit < 8 * sizeof seed; bit++) {
        seed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(nhtb_psk_derive(&c, s, &hub, &spoke, psk), 0);
        cr_assert_neq(memcmp(first, psk, sizeof psk), 0);
        seed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void refused(const nhtb_crypto *c, nhtb_span seed, const nhtb_identity *hub,
                    const nhtb_identity *spoke, int want)
{
    static const uint8_t zero[NHTB_PSK_LEN];
    uint8_t psk[NHTB_PSK_LEN];
    memset(psk, 0x5a, sizeof psk);
    cr_assert_eq(nhtb_psk_derive(c, seed, hub, spoke, psk), want);
    cr_assert_arr_eq(psk, zero, sizeof psk);
}

Test(psk, short_seeds_and_missing_parts_are_refused)
{
    nhtb_crypto c = real_backends[0](), none = {NULL, NULL, NULL};
    nhtb_identity good = id(NHTB_ID_FQDN, "a.example");
    uint8_t seed[32] = {1}, psk[NHTB_PSK_LEN];
    nhtb_span s = {seed, sizeof seed};
    for (size_t n = 0; n < NHTB_PSK_SEED_MIN; n++)
        refused(&c, (nhtb_span){seed, n}, &good, &good, NHTB_ERR_ARG);
    refused(&c, (nhtb_span){NULL, 32}, &good, &good, NHTB_ERR_ARG);
    refused(NULL, s, &good, &good, NHTB_ERR_ARG);
    refused(&c, s, NULL, &good, NHTB_ERR_ARG);
    refused(&c, s, &good, NULL, NHTB_ERR_ARG);
    refused(&none, s, &good, &good, NHTB_ERR_UNSUPPORTED);
    cr_assert_eq(nhtb_psk_derive(&c, s, &good, &good, NULL), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_psk_derive(&c, s, &good, &good, psk), 0);
}

Test(psk, malformed_identities_are_refused_on_both_sides)
{
    static const uint8_t raw[256] = {[0] = 'a', [255] = 'z'};
    static const struct {
        uint8_t type;
        size_t n;
    } lengths[] = {
        {NHTB_ID_NONE, 0},     {NHTB_ID_NONE, 4},        {NHTB_ID_IPV4, 0},
        {NHTB_ID_IPV4, 3},     {NHTB_ID_IPV4, 5},        {NHTB_ID_IPV6, 15},
        {NHTB_ID_IPV6, 17},    {NHTB_ID_FQDN, 0},        {NHTB_ID_RFC822, 0},
        {NHTB_ID_KEY_ID, 0},   {NHTB_ID_FQDN, 256},      {NHTB_ID_RFC822, 256},
        {NHTB_ID_KEY_ID, 256}, {9 /* DER_ASN1_DN */, 4}, {255, 4},
        {NHTB_ID_FQDN, 2},
    };
    nhtb_crypto c = real_backends[0]();
    nhtb_identity good = id(NHTB_ID_FQDN, "a.example");
    uint8_t seed[32] = {1}, text[3] = {'a', 0, 'b'};
    nhtb_span s = {seed, sizeof seed};
    for (size_t i = 0; i < NHI_ARRAY_LEN(lengths); i++) {
        nhtb_identity bad = {lengths[i].type, {raw, lengths[i].n}};
        refused(&c, s, &bad, &good, NHTB_ERR_ARG);
        refused(&c, s, &good, &bad, NHTB_ERR_ARG);
    }
    for (unsigned v = 0; v < 256; v++) {
        nhtb_identity fqdn = {NHTB_ID_FQDN, {text, 3}}, key = {NHTB_ID_KEY_ID, {text, 3}};
        uint8_t psk[NHTB_PSK_LEN];
        text[1] = (uint8_t)v;
        int want = v > ' ' && v <= '~' ? 0 : NHTB_ERR_ARG;
        cr_assert_eq(nhtb_psk_derive(&c, s, &good, &fqdn, psk), want, "octet %u", v);
        cr_assert_eq(nhtb_psk_derive(&c, s, &key, &good, psk), 0);
    }
    nhtb_identity null_data = {NHTB_ID_IPV4, {NULL, 4}};
    refused(&c, s, &null_data, &good, NHTB_ERR_ARG);
}

static bool yes(uint16_t hash)
{
    (void)hash;
    return true;
}

static int extract_fails(uint16_t hash, nhtb_span key, const nhtb_span *v, size_t n, uint8_t *out)
{
    (void)hash;
    (void)key;
    (void)v;
    (void)n;
    memset(out, 0xab, 32);
    return NHTB_ERR_CRYPTO;
}

/* The salt is the key of the first call only. */
static int expand_fails(uint16_t hash, nhtb_span key, const nhtb_span *v, size_t n, uint8_t *out)
{
    extract_fails(hash, key, v, n, out);
    return key.n == strlen("libnhtb seeded psk 1") ? 0 : NHTB_ERR_CRYPTO;
}

Test(psk, a_failing_backend_leaves_no_key)
{
    static const nhtb_kdf_ops first = {
        .size = sizeof first, .name = "f", .has = yes, .hmac = extract_fails};
    static const nhtb_kdf_ops second = {
        .size = sizeof second, .name = "f", .has = yes, .hmac = expand_fails};
    nhtb_crypto a = {.kdf = &first}, b = {.kdf = &second};
    nhtb_identity good = id(NHTB_ID_FQDN, "a.example");
    uint8_t seed[32] = {1};
    refused(&a, (nhtb_span){seed, sizeof seed}, &good, &good, NHTB_ERR_CRYPTO);
    refused(&b, (nhtb_span){seed, sizeof seed}, &good, &good, NHTB_ERR_CRYPTO);
}

Test(psk, text_is_lower_case_hexadecimal)
{
    uint8_t psk[NHTB_PSK_LEN];
    char text[NHTB_PSK_TEXT + 1], want[3];
    for (unsigned first = 0; first < 256; first += NHTB_PSK_LEN) {
        for (unsigned i = 0; i < NHTB_PSK_LEN; i++)
            psk[i] = (uint8_t)(first + i);
        text[NHTB_PSK_TEXT] = '!';
        nhtb_psk_format(psk, text);
        cr_assert_eq(strlen(text), 64);
        cr_assert_eq(text[NHTB_PSK_TEXT], '!');
        for (unsigned i = 0; i < NHTB_PSK_LEN; i++) {
            snprintf(want, sizeof want, "%02x", psk[i]);
            cr_assert_eq(memcmp(text + 2 * i, want, 2), 0);
        }
    }
}
