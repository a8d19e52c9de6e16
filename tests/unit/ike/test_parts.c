/* SPDX-License-Identifier: Apache-2.0
 * The pure IKEv2 parts: proposals, narrowing, identities, NAT detection, cookies, keys, AUTH, SK. */
#include <criterion/criterion.h>
#include <nhtb/backend_null.h>
#include <string.h>

#include "parts_util.h"

/* ---- proposals ---- */
static nhtb_proposal ike_words(const char *text)
{
    nhtb_proposal p;
    const char *bad = NULL;
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_IKE, text, &p, &bad), 0, "%s: %s", text, bad);
    return p;
}

static nhtb_proposal esp_words(const char *text)
{
    nhtb_proposal p;
    const char *bad = NULL;
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_ESP, text, &p, &bad), 0, "%s: %s", text, bad);
    return p;
}

Test(propose, aead_and_cbc_of_one_entry_become_two_proposals)
{
    nhtb_proposal p = ike_words("aes256gcm16-prfsha256-x25519"); /* text never mixes the two */
    p.encr[p.n_encr].id = NHI_ENCR_AES_CBC;
    p.encr[p.n_encr++].key_bits = 128;
    p.integ[p.n_integ++] = NHI_INTEG_SHA256_128;
    nhi_ike_sa_pl offer;
    nhi_propose_offer(&offer, NHTB_PROTO_IKE, &p, 1, NULL, 0, false);
    cr_assert_eq(offer.n, 2);
    cr_assert_eq(offer.p[0].number, 1);
    cr_assert_eq(offer.p[1].number, 2);
    for (unsigned i = 0; i < offer.p[0].n; i++) {
        cr_assert_neq(offer.p[0].tf[i].type, NHI_TF_INTEG);
    }
}

Test(propose, responder_takes_its_own_first_preference)
{
    nhtb_proposal i[2] = {ike_words("aes128gcm16-prfsha256-x25519"),
                          ike_words("aes256-sha512-modp2048")};
    nhtb_proposal r[2] = {ike_words("aes256-sha512-modp2048"),
                          ike_words("aes128gcm16-prfsha256-x25519")};
    nhi_ike_sa_pl offer, answer;
    nhi_suite s, agreed;
    nhi_propose_offer(&offer, NHTB_PROTO_IKE, i, 2, NULL, 0, false);
    cr_assert(nhi_propose_choose(&s, NHTB_PROTO_IKE, r, 2, &offer, 0, false));
    cr_assert_eq(s.encr, NHI_ENCR_AES_CBC);
    cr_assert_eq(s.key_bits, 256);
    cr_assert_eq(s.integ, NHI_INTEG_SHA512_256);
    cr_assert_eq(s.ke, NHTB_KE_MODP2048);
    cr_assert_eq(s.number, 2);
    nhi_propose_answer(&answer, NHTB_PROTO_IKE, &s, NULL, 0);
    cr_assert(nhi_propose_accept(&agreed, NHTB_PROTO_IKE, &offer, &answer));
    cr_assert_eq(agreed.encr, s.encr);
    cr_assert_eq(agreed.prf, NHI_PRF_SHA512);
}

Test(propose, the_group_of_the_ke_payload_is_preferred)
{
    nhtb_proposal i = ike_words("aes128gcm16-prfsha256-ecp256-x25519");
    nhtb_proposal r = ike_words("aes128gcm16-prfsha256-x25519-ecp256");
    nhi_ike_sa_pl offer;
    nhi_suite s;
    nhi_propose_offer(&offer, NHTB_PROTO_IKE, &i, 1, NULL, 0, false);
    cr_assert(nhi_propose_choose(&s, NHTB_PROTO_IKE, &r, 1, &offer, NHTB_KE_P256, false));
    cr_assert_eq(s.ke, NHTB_KE_P256);
    cr_assert(nhi_propose_choose(&s, NHTB_PROTO_IKE, &r, 1, &offer, NHTB_KE_MODP2048, false));
    cr_assert_eq(s.ke, NHTB_KE_X25519);
}

Test(propose, nothing_in_common_is_refused)
{
    nhtb_proposal i = ike_words("aes128gcm16-prfsha256-ecp256");
    nhtb_proposal r = ike_words("aes256gcm16-prfsha256-ecp256");
    nhi_ike_sa_pl offer;
    nhi_suite s;
    nhi_propose_offer(&offer, NHTB_PROTO_IKE, &i, 1, NULL, 0, false);
    cr_assert_not(nhi_propose_choose(&s, NHTB_PROTO_IKE, &r, 1, &offer, 0, false));
}

Test(propose, an_answer_outside_the_offer_is_refused)
{
    nhtb_proposal i = esp_words("aes128-sha256-esn-noesn");
    uint8_t spi[4] = {1, 2, 3, 4};
    nhi_ike_sa_pl offer, answer;
    nhi_suite s, agreed;
    nhi_propose_offer(&offer, NHTB_PROTO_ESP, &i, 1, spi, 4, true);
    cr_assert(nhi_propose_choose(&s, NHTB_PROTO_ESP, &i, 1, &offer, 0, true));
    cr_assert(s.esn);
    cr_assert_eq(s.spi, 0x01020304u);
    nhi_propose_answer(&answer, NHTB_PROTO_ESP, &s, spi, 4);
    cr_assert(nhi_propose_accept(&agreed, NHTB_PROTO_ESP, &offer, &answer));
    nhi_ike_sa_pl bad = answer;
    bad.p[0].tf[0].key_bits = 256;
    cr_assert_not(nhi_propose_accept(&agreed, NHTB_PROTO_ESP, &offer, &bad), "other key length");
    bad = answer;
    bad.p[0].tf[bad.p[0].n++] = answer.p[0].tf[0];
    cr_assert_not(nhi_propose_accept(&agreed, NHTB_PROTO_ESP, &offer, &bad), "two ciphers");
    bad = answer;
    bad.p[0].number = 7;
    cr_assert_not(nhi_propose_accept(&agreed, NHTB_PROTO_ESP, &offer, &bad), "unknown number");
    bad = answer;
    bad.p[0].tf[1].type = NHI_TF_ESN; /* integrity missing */
    cr_assert_not(nhi_propose_accept(&agreed, NHTB_PROTO_ESP, &offer, &bad), "no integrity");
    bad = answer;
    bad.n = 2;
    cr_assert_not(nhi_propose_accept(&agreed, NHTB_PROTO_ESP, &offer, &bad), "two proposals");
}

Test(propose, an_aead_with_a_real_integrity_transform_is_refused)
{
    nhtb_proposal r = esp_words("aes128gcm16-noesn");
    uint8_t spi[4] = {0, 0, 9, 9};
    nhi_ike_sa_pl offer;
    nhi_suite s;
    nhi_propose_offer(&offer, NHTB_PROTO_ESP, &r, 1, spi, 4, true);
    offer.p[0].tf[offer.p[0].n++] = (nhi_transform){.type = NHI_TF_INTEG, .id = 12};
    cr_assert_not(nhi_propose_choose(&s, NHTB_PROTO_ESP, &r, 1, &offer, 0, true));
    offer.p[0].tf[offer.p[0].n - 1].id = 0;
    cr_assert(nhi_propose_choose(&s, NHTB_PROTO_ESP, &r, 1, &offer, 0, true));
}

Test(propose, unknown_transform_types_and_attributes_are_refused)
{
    nhtb_proposal r = esp_words("aes128gcm16-noesn");
    uint8_t spi[4] = {0, 0, 9, 9};
    nhi_ike_sa_pl offer;
    nhi_suite s;
    nhi_propose_offer(&offer, NHTB_PROTO_ESP, &r, 1, spi, 4, true);
    nhi_ike_sa_pl more = offer;
    more.p[0].tf[more.p[0].n++] = (nhi_transform){.type = 6, .id = 36};
    cr_assert_not(nhi_propose_choose(&s, NHTB_PROTO_ESP, &r, 1, &more, 0, true));
    offer.p[0].tf[0].unknown_attr = true;
    cr_assert_not(nhi_propose_choose(&s, NHTB_PROTO_ESP, &r, 1, &offer, 0, true));
}

Test(propose, reserved_spis_are_refused)
{
    nhtb_proposal r = esp_words("aes128gcm16-noesn");
    uint8_t spi[4] = {0, 0, 0, 255};
    nhi_ike_sa_pl offer;
    nhi_suite s;
    nhi_propose_offer(&offer, NHTB_PROTO_ESP, &r, 1, spi, 4, true);
    cr_assert_not(nhi_propose_choose(&s, NHTB_PROTO_ESP, &r, 1, &offer, 0, true));
}

/* ---- narrowing ---- */
static nhtb_ts ts(const char *prefix, uint8_t proto, uint16_t lo, uint16_t hi)
{
    nhtb_prefix p;
    cr_assert_eq(nhtb_prefix_parse(prefix, &p), 0);
    nhtb_ts t = nhtb_ts_from_prefix(&p);
    t.proto = proto;
    t.port_lo = lo;
    t.port_hi = hi;
    return t;
}

Test(narrow, takes_the_smaller_of_two_ranges)
{
    nhtb_ts mine = ts("10.1.0.0/16", 0, 0, 65535), theirs = ts("10.1.2.0/24", 6, 80, 80);
    nhi_ts_list out;
    bool less = true;
    cr_assert(nhi_ts_narrow(&out, &theirs, 1, &mine, 1, &less));
    cr_assert_not(less);
    cr_assert_eq(out.n, 1);
    cr_assert_eq(memcmp(&out.v[0], &theirs, sizeof theirs), 0);
    cr_assert(nhi_ts_narrow(&out, &mine, 1, &theirs, 1, &less));
    cr_assert(less);
    cr_assert_eq(memcmp(&out.v[0], &theirs, sizeof theirs), 0);
}

Test(narrow, disjoint_addresses_protocols_and_ports_are_refused)
{
    nhi_ts_list out;
    nhtb_ts a = ts("10.1.0.0/16", 6, 80, 90);
    nhtb_ts other_net = ts("10.2.0.0/16", 6, 80, 90), other_proto = ts("10.1.0.0/16", 17, 80, 90),
            other_port = ts("10.1.0.0/16", 6, 91, 99), v6 = ts("2001:db8::/32", 0, 0, 65535);
    cr_assert_not(nhi_ts_narrow(&out, &other_net, 1, &a, 1, NULL));
    cr_assert_not(nhi_ts_narrow(&out, &other_proto, 1, &a, 1, NULL));
    cr_assert_not(nhi_ts_narrow(&out, &other_port, 1, &a, 1, NULL));
    cr_assert_not(nhi_ts_narrow(&out, &v6, 1, &a, 1, NULL));
}

Test(narrow, opaque_ports_meet_only_opaque_or_any)
{
    nhi_ts_list out;
    nhtb_ts opaque = ts("10.0.0.0/8", 17, 65535, 0), any = ts("0.0.0.0/0", 0, 0, 65535),
            some = ts("10.0.0.0/8", 17, 1, 9);
    cr_assert(nhi_ts_narrow(&out, &opaque, 1, &any, 1, NULL));
    cr_assert_eq(out.v[0].port_lo, 65535);
    cr_assert_not(nhi_ts_narrow(&out, &opaque, 1, &some, 1, NULL));
}

Test(narrow, covered_selectors_are_merged_and_the_list_is_bounded)
{
    nhtb_ts v[40];
    v[0] = ts("10.0.0.1/32", 6, 443, 443); /* the triggering packet's own (2.9) */
    v[1] = ts("10.0.0.0/8", 0, 0, 65535);
    nhi_ts_list out;
    cr_assert(nhi_ts_narrow(&out, v, 2, NULL, 0, NULL));
    cr_assert_eq(out.n, 1);
    cr_assert_eq(memcmp(&out.v[0], &v[1], sizeof v[1]), 0);
    for (int i = 0; i < 40; i++) {
        v[i] = ts("10.0.0.0/32", 0, 0, 65535);
        v[i].lo.b[3] = v[i].hi.b[3] = (uint8_t)(2 * i);
    }
    cr_assert(nhi_ts_narrow(&out, v, 40, NULL, 0, NULL));
    cr_assert_eq(out.n, NHI_TS_MAX);
    nhi_ts_from_config(&out, v, 40);
    cr_assert_eq(out.n, NHI_TS_MAX);
}

Test(narrow, within_tells_a_subset)
{
    nhi_ts_list a, b;
    nhtb_ts small = ts("10.1.2.0/24", 6, 80, 80), big = ts("10.1.0.0/16", 0, 0, 65535);
    nhi_ts_from_config(&a, &small, 1);
    nhi_ts_from_config(&b, &big, 1);
    cr_assert(nhi_ts_within(&a, &b));
    cr_assert_not(nhi_ts_within(&b, &a));
    nhi_ts_from_config(&b, NULL, 0);
    cr_assert_eq(b.n, 2);
    cr_assert(nhi_ts_within(&a, &b));
}

/* ---- identities ---- */
Test(ident, names_ignore_case_and_key_ids_do_not)
{
    nhtb_identity a = {NHTB_ID_FQDN, span("Hub.Example")}, b = {NHTB_ID_FQDN, span("hub.example")};
    cr_assert(nhi_ident_match(&a, &b));
    a.type = b.type = NHTB_ID_KEY_ID;
    cr_assert_not(nhi_ident_match(&a, &b));
    a.type = NHTB_ID_RFC822;
    cr_assert_not(nhi_ident_match(&a, &b), "types must be equal");
    a.type = NHTB_ID_NONE;
    cr_assert(nhi_ident_match(&a, &b), "no wish: anything");
    nhtb_identity longer = {NHTB_ID_FQDN, span("hub.example.org")};
    b.type = NHTB_ID_FQDN;
    cr_assert_not(nhi_ident_match(&b, &longer));
}

Test(ident, malformed_identities_are_refused)
{
    nhtb_identity nul = {NHTB_ID_FQDN, {(const uint8_t *)"a\0b", 3}};
    nhtb_identity v4 = {NHTB_ID_IPV4, span("abc")}, none = {NHTB_ID_NONE, span("a")};
    nhtb_identity empty = {NHTB_ID_KEY_ID, {NULL, 0}}, dn = {9, span("abc")};
    cr_assert_not(nhi_ident_valid(&nul));
    cr_assert_not(nhi_ident_valid(&v4));
    cr_assert_not(nhi_ident_valid(&none));
    cr_assert_not(nhi_ident_valid(&empty));
    cr_assert_not(nhi_ident_valid(&dn));
    v4.data = span("abcd");
    cr_assert(nhi_ident_valid(&v4));
}

/* ---- NAT detection and cookies (null backend: keyed mixing is enough here) ---- */
static nhtb_path path(const char *local, uint16_t lp, const char *remote, uint16_t rp)
{
    nhtb_path p = {.local_port = lp, .remote_port = rp};
    nhtb_addr_parse(local, &p.local);
    nhtb_addr_parse(remote, &p.remote);
    return p;
}

static nhi_ike_msg natd_message(nhtb_crypto *c, uint8_t *buf, size_t cap, const nhtb_path *sender)
{
    uint8_t h[20];
    nhi_ike_builder b;
    nhi_ike_msg m;
    nhi_ike_build_inner(&b, buf, cap);
    nhi_natd_hash(c, 1, 0, &sender->local, sender->local_port, h);
    nhi_ike_build_notify(&b, 0, (nhtb_span){0}, NHI_N_NAT_DETECTION_SOURCE_IP, (nhtb_span){h, 20});
    nhi_natd_hash(c, 1, 0, &sender->remote, sender->remote_port, h);
    nhi_ike_build_notify(&b, 0, (nhtb_span){0}, NHI_N_NAT_DETECTION_DESTINATION_IP,
                         (nhtb_span){h, 20});
    size_t n = nhi_ike_build_finish(&b);
    cr_assert_eq(nhi_ike_msg_parse(&m, b.first, buf, n), NHI_CHAIN_OK);
    return m;
}

Test(natd, sees_which_side_is_translated)
{
    nhtb_crypto c = nhtb_null_crypto();
    uint8_t buf[256];
    nhi_natd got;
    nhtb_path sent = path("10.0.0.1", 500, "192.0.2.2", 500);
    nhi_ike_msg m = natd_message(&c, buf, sizeof buf, &sent);
    nhtb_path straight = path("192.0.2.2", 500, "10.0.0.1", 500);
    cr_assert_eq(nhi_natd_check(&c, &m, 1, 0, &straight, &got), 0);
    cr_assert(got.present && !got.nat_local && !got.nat_remote);
    nhtb_path natted = path("192.0.2.2", 500, "198.51.100.7", 1024);
    cr_assert_eq(nhi_natd_check(&c, &m, 1, 0, &natted, &got), 0);
    cr_assert(got.present && !got.nat_local && got.nat_remote);
    nhtb_path behind = path("172.16.0.2", 500, "10.0.0.1", 500);
    cr_assert_eq(nhi_natd_check(&c, &m, 1, 0, &behind, &got), 0);
    cr_assert(got.present && got.nat_local && !got.nat_remote);
    nhi_ike_msg empty = {.n = 0};
    cr_assert_eq(nhi_natd_check(&c, &empty, 1, 0, &straight, &got), 0);
    cr_assert(!got.present && !got.nat_local && !got.nat_remote);
}

Test(cookie, is_bound_to_address_port_spi_nonce_and_two_secrets)
{
    nhi_mem mem = test_mem();
    nhi_cookie k;
    uint8_t ck[NHI_COOKIE_LEN];
    nhtb_path p = path("192.0.2.1", 500, "192.0.2.2", 500),
              q = path("192.0.2.1", 500, "192.0.2.3", 500);
    cr_assert_eq(nhi_cookie_init(&k, &mem), 0);
    nhi_cookie_make(&k, span("nonce"), &p, 7, ck);
    nhtb_span s = {ck, sizeof ck};
    cr_assert(nhi_cookie_valid(&k, s, span("nonce"), &p, 7));
    cr_assert_not(nhi_cookie_valid(&k, s, span("other"), &p, 7));
    cr_assert_not(nhi_cookie_valid(&k, s, span("nonce"), &q, 7));
    cr_assert_not(nhi_cookie_valid(&k, s, span("nonce"), &p, 8));
    p.remote_port = 501;
    cr_assert_not(nhi_cookie_valid(&k, s, span("nonce"), &p, 7));
    p.remote_port = 500;
    cr_assert_not(nhi_cookie_valid(&k, (nhtb_span){ck, sizeof ck - 1}, span("nonce"), &p, 7));
    cr_assert_eq(nhi_cookie_rotate(&k, &mem), 0);
    cr_assert(nhi_cookie_valid(&k, s, span("nonce"), &p, 7), "previous secret");
    cr_assert_eq(nhi_cookie_rotate(&k, &mem), 0);
    cr_assert_not(nhi_cookie_valid(&k, s, span("nonce"), &p, 7), "two rotations ago");
    for (size_t i = 0; i < sizeof ck; i++) {
        uint8_t bad[NHI_COOKIE_LEN];
        nhi_cookie_make(&k, span("nonce"), &p, 7, bad);
        bad[i] ^= 1;
        cr_assert_not(nhi_cookie_valid(&k, (nhtb_span){bad, sizeof bad}, span("nonce"), &p, 7));
    }
}

/* ---- SK payload ---- */
static void sk_round_trip(const char *words)
{
    nhtb_crypto c = nhtb_null_crypto();
    nhi_mem mem = test_mem();
    nhtb_proposal p = ike_words(words);
    nhi_ike_sa_pl offer;
    nhi_suite s;
    nhi_ike_keys keys;
    nhi_sk i, r;
    nhi_bulk_lane lane;
    nhi_propose_offer(&offer, NHTB_PROTO_IKE, &p, 1, NULL, 0, false);
    cr_assert(nhi_propose_choose(&s, NHTB_PROTO_IKE, &p, 1, &offer, 0, false));
    cr_assert_eq(nhi_keymat_ike(&c, &s, span("ni ni ni ni ni ni"), span("nr nr nr nr nr nr"),
                                span("shared"), 1, 2, NULL, 0, &keys),
                 0);
    cr_assert_eq(nhi_bulk_lane_make(&lane, &mem, &c, 1), 0);
    cr_assert_eq(nhi_sk_make(&i, &mem, &c, &s, &keys, true, 2), 0);
    cr_assert_eq(nhi_sk_make(&r, &mem, &c, &s, &keys, false, 2), 0);
    for (size_t n = 0; n < 40; n++) {
        uint8_t inner[40], msg[256], out[256], first = 0;
        size_t len = sizeof msg, out_len = 0;
        memset(inner, (int)n, sizeof inner);
        nhi_ike_hdr h = {.spi_i = 1,
                         .spi_r = 2,
                         .version = NHI_IKE_VERSION,
                         .exchange = NHI_EX_INFORMATIONAL,
                         .flags = NHI_IKE_F_INITIATOR};
        cr_assert_eq(
            nhi_sk_seal(&i, &mem, &c, &lane, &h, NHI_PL_DELETE, (nhtb_span){inner, n}, msg, &len),
            0);
        cr_assert_eq(len, nhi_sk_message_len(i.facts, n));
        cr_assert_eq(nhi_sk_open(&r, &c, &lane, (nhtb_span){msg, len}, out, &out_len, &first), 0);
        cr_assert_eq(out_len, n);
        cr_assert_eq(first, NHI_PL_DELETE);
        cr_assert_eq(memcmp(out, inner, n), 0);
        for (size_t bit = 0; bit < len * 8; bit++) {
            msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
            cr_assert_neq(nhi_sk_open(&r, &c, &lane, (nhtb_span){msg, len}, out, &out_len, &first),
                          0, "%s: bit %zu of %zu bytes", words, bit, n);
            msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t cut = 0; cut < len; cut++) {
            cr_assert_neq(nhi_sk_open(&r, &c, &lane, (nhtb_span){msg, cut}, out, &out_len, &first),
                          0);
        }
    }
    nhi_sk_wipe(&i, &mem, &c);
    nhi_sk_wipe(&r, &mem, &c);
    nhi_bulk_lane_wipe(&lane, &mem, &c);
    cr_assert_eq(mem.bytes, 0);
}

Test(sk, aead_round_trips_and_every_flipped_bit_is_refused)
{
    sk_round_trip("aes256gcm16-prfsha256-x25519");
    sk_round_trip("chacha20poly1305-prfsha384-x25519");
}

Test(sk, cbc_round_trips_and_every_flipped_bit_is_refused)
{
    sk_round_trip("aes128-sha256-modp2048");
    sk_round_trip("aes256-sha512-ecp256");
}

Test(keymat, a_child_key_depends_on_every_input)
{
    nhtb_crypto c = nhtb_null_crypto();
    const nhi_bulk_facts *f = nhi_bulk_find(NHI_ENCR_AES_GCM16, 256, 0);
    nhi_secret d = {.n = 32}, d2 = {.b = {1}, .n = 32};
    uint8_t a[2][100], b[2][100];
    const nhtb_span none = {NULL, 0};
    cr_assert_eq(
        nhi_keymat_child(&c, NHI_PRF_SHA256, &d, f, none, span("ni"), span("nr"), a[0], a[1]), 0);
    cr_assert_neq(memcmp(a[0], a[1], 36), 0, "directions differ");
    cr_assert_eq(
        nhi_keymat_child(&c, NHI_PRF_SHA256, &d2, f, none, span("ni"), span("nr"), b[0], b[1]), 0);
    cr_assert_neq(memcmp(a[0], b[0], 36), 0);
    cr_assert_eq(
        nhi_keymat_child(&c, NHI_PRF_SHA256, &d, f, span("g"), span("ni"), span("nr"), b[0], b[1]),
        0);
    cr_assert_neq(memcmp(a[0], b[0], 36), 0);
    cr_assert_eq(
        nhi_keymat_child(&c, NHI_PRF_SHA256, &d, f, none, span("nj"), span("nr"), b[0], b[1]), 0);
    cr_assert_neq(memcmp(a[0], b[0], 36), 0);
}
