/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 proposals of both phases: what is offered, chosen, accepted; every number of the registries;
 * repeated, odd and unknown attributes cost the transform, not the offer. */
#include <criterion/criterion.h>

#include "parts_util.h"

#include "ike/v1/parts.h"

static nhtb_proposal words(nhtb_protocol proto, const char *text)
{
    nhtb_proposal p;
    cr_assert_eq(nhtb_proposal_parse(proto, text, &p, NULL), 0, "%s", text);
    return p;
}

static const uint16_t psk_only[] = {NHI_V1_AUTH_PSK};

static nhi_v1_policy1 policy1(const nhtb_proposal *v, size_t n)
{
    return (nhi_v1_policy1){.v = v, .n = n, .auths = psk_only, .n_auths = 1, .life_s = 28800};
}

static uint8_t buf[8192];
static nhi_v1_sa_pl sa;

static void offer1(const nhi_v1_policy1 *own)
{
    nhi_wr w;
    nhi_wr_init(&w, buf, sizeof buf);
    cr_assert(nhi_v1_propose1_offer(&w, own));
    cr_assert(nhi_v1_sa_read(&sa, (nhtb_span){buf, w.n}));
}

Test(v1_propose, phase_1_offers_the_product_of_a_proposal)
{
    nhtb_proposal p = words(NHTB_PROTO_IKE, "aes256-aes128-sha256-sha512-modp2048-ecp256");
    nhi_v1_policy1 own = policy1(&p, 1);
    nhi_v1_phase1 t;
    offer1(&own);
    cr_assert(sa.n == 1 && sa.p[0].n == 8 && sa.p[0].protocol == 1 && sa.p[0].spi.n == 0);
    cr_assert(nhi_v1_propose1_choose(&t, &own, &sa));
    cr_assert(t.encr == 12 && t.key_bits == 256 && t.prf == NHI_PRF_SHA256 && t.ke == 14);
    cr_assert(t.auth == 1 && t.life_s == 28800 && t.life_kb == 0 && t.pick.transform.number == 1);
    own.ke = 19; /* aggressive mode: one group */
    offer1(&own);
    cr_assert_eq(sa.p[0].n, 4);
    cr_assert(nhi_v1_propose1_choose(&t, &own, &sa) && t.ke == 19);
    own.ke = 20;
    nhi_wr w;
    nhi_wr_init(&w, buf, sizeof buf);
    cr_assert_not(nhi_v1_propose1_offer(&w, &own), "nothing with that group");
}

Test(v1_propose, what_ikev1_has_no_number_for_is_not_offered)
{
    nhtb_proposal p = words(NHTB_PROTO_IKE, "aes256gcm16-prfsha256-modp2048");
    nhi_v1_policy1 own = policy1(&p, 1);
    nhi_wr w;
    nhi_wr_init(&w, buf, sizeof buf);
    cr_assert_not(nhi_v1_propose1_offer(&w, &own));
    p = words(NHTB_PROTO_IKE, "aes256-sha256-modp2048");
    for (size_t cap = 0; cap < 52; cap++) {
        nhi_wr_init(&w, buf, cap);
        cr_assert_not(nhi_v1_propose1_offer(&w, &own), "%zu", cap);
    }
}

Test(v1_propose, an_offer_holds_64_transforms_at_most)
{
    nhtb_proposal p = words(NHTB_PROTO_IKE, "aes256-aes128-sha256-sha384-sha512-modp2048-modp3072-"
                                            "modp4096-ecp256-ecp384-ecp521-x25519");
    nhtb_proposal two[2] = {p, p};
    nhi_v1_policy1 own = policy1(two, 2);
    offer1(&own);
    cr_assert_eq(sa.p[0].n, 64);
}

Test(v1_propose, our_preference_decides_and_the_answer_repeats_theirs)
{
    nhtb_proposal theirs[2] = {words(NHTB_PROTO_IKE, "aes128-sha256-modp2048"),
                               words(NHTB_PROTO_IKE, "aes256-sha512-ecp256")};
    nhtb_proposal ours[2] = {theirs[1], theirs[0]};
    nhi_v1_policy1 a = policy1(theirs, 2), b = policy1(ours, 2);
    nhi_v1_phase1 chosen, accepted;
    static uint8_t answer[512];
    nhi_v1_sa_pl got;
    nhi_wr w;
    offer1(&a);
    cr_assert(nhi_v1_propose1_choose(&chosen, &b, &sa));
    cr_assert(chosen.key_bits == 256 && chosen.pick.transform.number == 2);
    nhi_wr_init(&w, answer, sizeof answer);
    nhi_v1_propose_answer(&w, &chosen.pick, (nhtb_span){NULL, 0});
    cr_assert(nhi_v1_sa_read(&got, (nhtb_span){answer, w.n}));
    cr_assert(got.n == 1 && got.p[0].n == 1 && got.p[0].number == 1);
    cr_assert(nhi_v1_propose1_accept(&accepted, &a, &got) && accepted.ke == 19);
    cr_assert_eq(accepted.pick.transform.attrs.n, chosen.pick.transform.attrs.n);
    cr_assert_not(nhi_v1_propose1_accept(&accepted, &a, &sa), "an offer is no answer");
    nhtb_proposal other = words(NHTB_PROTO_IKE, "aes128-sha512-ecp256");
    nhi_v1_policy1 c = policy1(&other, 1);
    cr_assert_not(nhi_v1_propose1_accept(&accepted, &c, &got), "not what was offered");
}

/* ---- one transform of any attributes ---- */

typedef struct attr {
    uint16_t type;
    uint32_t value;
} attr;

static void one(uint8_t protocol, uint8_t id, const attr *v, size_t n)
{
    nhi_wr w;
    nhi_v1_sa_writer s;
    static const uint8_t spi[4] = {0xc0, 0xff, 0xee, 1};
    nhi_wr_init(&w, buf, sizeof buf);
    nhi_v1_sa_begin(&s, &w);
    nhi_v1_sa_proposal(&s, 1, protocol, (nhtb_span){spi, protocol == 1 ? 0 : 4});
    nhi_v1_sa_transform(&s, 1, id);
    for (size_t i = 0; i < n; i++)
        if (v[i].type)
            nhi_v1_attr_write_number(&w, v[i].type, v[i].value);
    nhi_v1_sa_end(&s);
    cr_assert(nhi_v1_sa_read(&sa, (nhtb_span){buf, w.n}));
}

#define GOOD1                                                                                      \
    {                                                                                              \
        {1, 7}, {14, 128}, {2, 4}, {4, 14}, {3, 1}, {11, 1},                                       \
        {                                                                                          \
            12, 86400                                                                              \
        }                                                                                          \
    }

static bool takes1(const attr *v, size_t n)
{
    static const uint16_t all[] = {1, 3, 9, 10, 11, 65001, 65005};
    nhtb_proposal p = words(NHTB_PROTO_IKE, "aes128-aes256-sha256-sha384-sha512-modp2048-ecp256");
    nhi_v1_policy1 own = policy1(&p, 1);
    nhi_v1_phase1 t;
    own.auths = all;
    own.n_auths = NHI_ARRAY_LEN(all);
    p.encr[p.n_encr].id = 3; /* 3DES, by name */
    p.encr[p.n_encr++].key_bits = 0;
    one(1, 1, v, n);
    return nhi_v1_propose1_choose(&t, &own, &sa);
}

static bool in(uint32_t v, const uint32_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == v)
            return true;
    return false;
}

static void sweep1(size_t at, const uint32_t *good, size_t n)
{
    for (uint32_t v = 0; v < 66000; v = v < 300 ? v + 1 : v + 61) {
        attr a[] = GOOD1;
        a[at].value = v;
        cr_assert_eq(takes1(a, 7), in(v, good, n), "attribute %u = %u", a[at].type, v);
    }
}

Test(v1_propose, phase_1_values_are_taken_by_the_table)
{
    attr a[] = GOOD1;
    cr_assert(takes1(a, 7));
    sweep1(0, (const uint32_t[]){7}, 1); /* 3DES has no key length */
    sweep1(1, (const uint32_t[]){128, 256}, 2);
    sweep1(2, (const uint32_t[]){4, 5, 6}, 3); /* MD5 (1) and SHA-1 (2) are not configured */
    sweep1(3, (const uint32_t[]){14, 19}, 2);
    sweep1(4, (const uint32_t[]){1, 3, 9, 10, 11}, 5);
    sweep1(5, (const uint32_t[]){1, 2}, 2);
    for (uint32_t auth = 64990; auth < 65010; auth++) {
        a[4].value = auth;
        cr_assert_eq(takes1(a, 7), auth == 65001 || auth == 65005, "%u", auth);
    }
    attr des3[] = {{1, 5}, {2, 4}, {4, 14}, {3, 1}};
    cr_assert(takes1(des3, 4));
    attr aes[] = {{1, 7}, {2, 4}, {4, 14}, {3, 1}};
    cr_assert(takes1(aes, 4), "no key length: 128");
    for (size_t i = 0; i < 4; i++) {
        attr less[4];
        memcpy(less, aes, sizeof less);
        less[i].type = 0;
        cr_assert_not(takes1(less, 4), "without attribute %u", aes[i].type);
    }
}

Test(v1_propose, odd_attributes_cost_the_transform)
{
    for (uint32_t type = 1; type < 200; type++) {
        attr a[8] = GOOD1;
        bool repeated = type <= 4 || type == 12 || type == 14; /* of what is there already */
        a[7] = (attr){(uint16_t)type, 1};
        cr_assert_not(takes1(a, 8), "attribute %u%s", type, repeated ? " twice" : "");
    }
    attr two[] = {{1, 7}, {14, 128}, {2, 4}, {4, 14}, {3, 1}, {11, 1}, {12, 9}, {11, 2}, {12, 5}};
    cr_assert(takes1(two, 9), "seconds and kilobytes");
    two[7].value = 1;
    cr_assert_not(takes1(two, 9), "seconds twice");
    two[7] = (attr){12, 3};
    cr_assert_not(takes1(two, 9), "a duration of no type");
    attr open_type[] = {{1, 7}, {14, 128}, {2, 4}, {4, 14}, {3, 1}, {11, 1}};
    cr_assert_not(takes1(open_type, 6), "a type without its duration");
    attr big[] = GOOD1;
    big[1].value = 65536 + 128;
    cr_assert_not(takes1(big, 7));
}

Test(v1_propose, other_protocols_ids_and_bundles_are_passed_over)
{
    const attr a[] = GOOD1;
    nhtb_proposal p = words(NHTB_PROTO_IKE, "aes128-sha256-modp2048");
    nhi_v1_policy1 own = policy1(&p, 1);
    nhi_v1_phase1 t;
    for (unsigned v = 0; v < 256; v++) {
        one(1, (uint8_t)v, a, 7);
        cr_assert_eq(nhi_v1_propose1_choose(&t, &own, &sa), v == 1, "transform id %u", v);
        one((uint8_t)v, 1, a, 7);
        cr_assert_eq(nhi_v1_propose1_choose(&t, &own, &sa), v == 1, "protocol %u", v);
    }
    one(1, 1, a, 7);
    sa.p[1] = sa.p[0];
    sa.n = 2;
    cr_assert_not(nhi_v1_propose1_choose(&t, &own, &sa), "both or none");
    sa.p[1].number = 2;
    cr_assert(nhi_v1_propose1_choose(&t, &own, &sa));
}

/* ---- phase 2 ---- */

static nhi_v1_policy2 policy2(const nhtb_proposal *v, size_t n)
{
    return (nhi_v1_policy2){
        .v = v, .n = n, .mode = NHI_V1_MODE_TUNNEL, .life_s = 3600, .spi = 0xc0ffee01};
}

static void offer2(const nhi_v1_policy2 *own)
{
    nhi_wr w;
    nhi_wr_init(&w, buf, sizeof buf);
    cr_assert(nhi_v1_propose2_offer(&w, own));
    cr_assert(nhi_v1_sa_read(&sa, (nhtb_span){buf, w.n}));
}

Test(v1_propose, phase_2_offers_ciphers_with_their_integrity)
{
    nhtb_proposal v[2] = {words(NHTB_PROTO_ESP, "aes256gcm16-aes128gcm16"),
                          words(NHTB_PROTO_ESP, "aes128-sha256-sha512")};
    nhi_v1_policy2 own = policy2(v, 2);
    nhi_v1_phase2 t;
    own.life_kb = 100000;
    offer2(&own);
    cr_assert(sa.n == 1 && sa.p[0].protocol == 3 && sa.p[0].n == 4);
    cr_assert(nhi_v1_propose2_choose(&t, &own, &sa));
    cr_assert(t.suite.encr == 20 && t.suite.key_bits == 256 && t.suite.integ == 0 && !t.suite.esn);
    cr_assert(t.suite.spi == 0xc0ffee01 && t.suite.ke == 0 && t.mode == 1);
    cr_assert(t.life_s == 3600 && t.life_kb == 100000);
    nhi_v1_policy2 cbc = policy2(&v[1], 1);
    cr_assert(nhi_v1_propose2_choose(&t, &cbc, &sa) && t.suite.encr == 12);
    cr_assert(t.suite.integ == NHI_INTEG_SHA256_128 && t.suite.key_bits == 128);
}

Test(v1_propose, pfs_is_the_group_of_the_ke_payload)
{
    nhtb_proposal v[2] = {words(NHTB_PROTO_ESP, "aes128gcm16-modp2048-ecp256"),
                          words(NHTB_PROTO_ESP, "aes128gcm16")};
    nhi_v1_policy2 own = policy2(v, 2);
    nhi_v1_phase2 t;
    own.ke = 14;
    offer2(&own);
    cr_assert_eq(sa.p[0].n, 1, "what has no PFS cannot stand beside");
    for (size_t len = 0; len <= 600; len++) {
        nhi_v1_policy2 other = policy2(v, 1);
        other.ke_len = len;
        cr_assert_eq(nhi_v1_propose2_choose(&t, &other, &sa), len == 256, "%zu", len);
        cr_assert(len != 256 || t.suite.ke == 14);
    }
    nhi_v1_policy2 none = policy2(&v[1], 1);
    cr_assert_not(nhi_v1_propose2_choose(&t, &none, &sa));
    none.ke_len = 256;
    cr_assert_not(nhi_v1_propose2_choose(&t, &none, &sa));
    own.ke_len = 256;
    own.ke = 19;
    cr_assert_not(nhi_v1_propose2_accept(&t, &own, &sa), "another group than ours");
    own.ke = 14;
    cr_assert(nhi_v1_propose2_accept(&t, &own, &sa));
}

#define GOOD2                                                                                      \
    {                                                                                              \
        {1, 1}, {2, 3600}, {4, 1}, {5, 5},                                                         \
        {                                                                                          \
            6, 128                                                                                 \
        }                                                                                          \
    }

static bool takes2(uint8_t id, const attr *v, size_t n, nhi_v1_phase2 *t, uint16_t mode)
{
    nhtb_proposal p[2] = {words(NHTB_PROTO_ESP, "aes128-aes256-sha256-sha384-sha512-noesn-esn"),
                          words(NHTB_PROTO_ESP, "aes128gcm16-aes256gcm16-noesn")};
    nhi_v1_policy2 own = policy2(p, 2);
    own.mode = mode;
    one(3, id, v, n);
    return nhi_v1_propose2_choose(t, &own, &sa);
}

static void sweep2(size_t at, const uint32_t *good, size_t n)
{
    for (uint32_t v = 0; v < 66000; v = v < 300 ? v + 1 : v + 61) {
        attr a[] = GOOD2;
        nhi_v1_phase2 t;
        a[at].value = v;
        cr_assert_eq(takes2(12, a, 5, &t, 1), in(v, good, n), "attribute %u = %u", a[at].type, v);
    }
}

Test(v1_propose, phase_2_values_are_taken_by_the_table)
{
    nhi_v1_phase2 t;
    const attr a[] = GOOD2, gcm[] = {{4, 1}, {6, 256}}, bare[] = {{5, 5}},
               esn[] = {{5, 5}, {11, 1}};
    cr_assert(takes2(12, a, 5, &t, 1));
    sweep2(0, (const uint32_t[]){1, 2}, 2);
    sweep2(2, (const uint32_t[]){1}, 1);
    sweep2(3, (const uint32_t[]){5, 6, 7}, 3);
    sweep2(4, (const uint32_t[]){128, 256}, 2);
    for (unsigned id = 0; id < 256; id++) {
        cr_assert_eq(takes2((uint8_t)id, a, 5, &t, 1), id == 12, "id %u", id);
        cr_assert_eq(takes2((uint8_t)id, gcm, 2, &t, 1), id == 20, "id %u", id);
    }
    cr_assert(takes2(12, bare, 1, &t, 1) && t.suite.key_bits == 128 && t.mode == 1, "defaults");
    cr_assert(takes2(12, esn, 2, &t, 1) && t.suite.esn);
    const attr esn0[] = {{5, 5}, {11, 2}}, gcm_auth[] = {{6, 128}, {5, 5}}, gcm_bare[] = {{4, 1}};
    cr_assert_not(takes2(12, esn0, 2, &t, 1));
    cr_assert_not(takes2(20, gcm_auth, 2, &t, 1), "an AEAD with an integrity algorithm");
    cr_assert_not(takes2(20, gcm_bare, 1, &t, 1), "RFC 4106 8.3: the key length is a must");
    for (uint32_t type = 1; type < 200; type++) {
        attr more[6] = GOOD2;
        more[5] = (attr){(uint16_t)type, 1};
        cr_assert_eq(takes2(12, more, 6, &t, 1), type == 11, "attribute %u", type);
    }
}

Test(v1_propose, encapsulation_follows_nat_detection)
{
    nhi_v1_phase2 t;
    for (uint32_t mode = 1; mode < 65536; mode = mode < 10 ? mode + 1 : mode + 3) {
        const attr a[] = {{5, 5}, {4, mode}};
        cr_assert_eq(takes2(12, a, 2, &t, 1), mode == 1, "%u", mode);
        cr_assert_eq(takes2(12, a, 2, &t, 3), mode == 3 || mode == 61443, "%u", mode);
        cr_assert_eq(takes2(12, a, 2, &t, 61443), mode == 3 || mode == 61443, "%u", mode);
    }
    const attr draft[] = {{5, 5}, {4, 61443}};
    cr_assert(takes2(12, draft, 2, &t, 3) && t.mode == 61443);
}

Test(v1_propose, an_spi_is_four_bytes_and_not_reserved)
{
    nhtb_proposal p = words(NHTB_PROTO_ESP, "aes128gcm16");
    nhi_v1_policy2 own = policy2(&p, 1);
    nhi_v1_phase2 t;
    static const uint32_t spis[] = {0, 1, 255, 256, UINT32_MAX};
    for (size_t i = 0; i < NHI_ARRAY_LEN(spis); i++) {
        own.spi = spis[i];
        offer2(&own);
        cr_assert_eq(nhi_v1_propose2_choose(&t, &own, &sa), spis[i] > 255);
    }
    for (size_t n = 0; n <= 16; n++) {
        static const uint8_t spi[16] = {1, 2, 3, 4};
        sa.p[0].spi = (nhtb_span){spi, n};
        cr_assert_eq(nhi_v1_propose2_choose(&t, &own, &sa), n == 4);
    }
}

Test(v1_propose, lifetimes_come_back)
{
    uint8_t p[32];
    nhi_wr w;
    uint64_t s, kb;
    static const uint32_t values[] = {0, 60, 65535, 65536, UINT32_MAX};
    for (size_t i = 0; i < NHI_ARRAY_LEN(values); i++) {
        nhi_wr_init(&w, p, sizeof p);
        nhi_v1_lifetimes_write(&w, 3600, values[i]);
        cr_assert(nhi_v1_lifetimes_read((nhtb_span){p, w.n}, &s, &kb));
        cr_assert(s == 3600 && kb == values[i]);
        for (size_t cut = 0; cut < w.n; cut++) {
            uint8_t *c = malloc(cut + 1);
            memcpy(c, p, cut);
            bool whole = cut == 0 || cut == 8;
            cr_assert_eq(nhi_v1_lifetimes_read((nhtb_span){c, cut}, &s, &kb), whole, "%zu", cut);
            free(c);
        }
    }
    const uint8_t group[] = {0x80, 3, 0, 14};
    cr_assert_not(nhi_v1_lifetimes_read((nhtb_span){group, 4}, &s, &kb));
}
