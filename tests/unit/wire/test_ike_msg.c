/* SPDX-License-Identifier: Apache-2.0
 * IKE header and payload chain. */
#include "mutate.h"

#include "wire/ike.h"

/* IKE_SA_INIT request header of 28 bytes, next payload SA. */
static const uint8_t hdr[28] = {1, 2, 3,  4,    5,  6, 7, 8, 0, 0, 0, 0, 0, 0,
                                0, 0, 33, 0x20, 34, 8, 0, 0, 0, 9, 0, 0, 0, 28};

Test(ike_hdr, is_read_and_written_back)
{
    nhi_ike_hdr h;
    uint8_t again[28];
    cr_assert(nhi_ike_hdr_read(&h, hdr, sizeof hdr));
    cr_assert_eq(h.spi_i, UINT64_C(0x0102030405060708));
    cr_assert_eq(h.spi_r, 0);
    cr_assert(h.next == NHI_PL_SA && h.version == NHI_IKE_VERSION);
    cr_assert(h.exchange == NHI_EX_SA_INIT && h.flags == NHI_IKE_F_INITIATOR);
    cr_assert(h.msg_id == 9 && h.length == 28);
    nhi_ike_hdr_write(again, &h);
    cr_assert_eq(memcmp(again, hdr, sizeof hdr), 0);
}

Test(ike_hdr, short_ones_and_other_lengths_are_refused)
{
    nhi_ike_hdr h;
    for (size_t n = 0; n < 28; n++) {
        uint8_t *c = exact_copy(hdr, n);
        cr_assert_not(nhi_ike_hdr_read(&h, c, n));
        free(c);
    }
    uint8_t longer[29] = {0};
    memcpy(longer, hdr, 28);
    cr_assert_not(nhi_ike_hdr_read(&h, longer, 29));
    longer[27] = 29;
    cr_assert(nhi_ike_hdr_read(&h, longer, 29));
    cr_assert_not(nhi_ike_hdr_read(&h, longer, 28));
    longer[17] = 0x30; /* another major version is not judged here */
    cr_assert(nhi_ike_hdr_read(&h, longer, 29));
}

/* Nonce (4 bytes), Notify 16388 (2 bytes of data), VID (empty). */
static const uint8_t chain[] = {41, 0, 0, 8,    0xa, 0xb, 0xc, 0xd, 43, 0, 0,
                                10, 0, 0, 0x40, 4,   1,   2,   0,   0,  0, 4};

Test(ike_msg, a_chain_becomes_spans)
{
    nhi_ike_msg m;
    cr_assert_eq(nhi_ike_msg_parse(&m, NHI_PL_NONCE, chain, sizeof chain), NHI_CHAIN_OK);
    cr_assert_eq(m.n, 3);
    cr_assert_eq(m.unsupported, 0);
    cr_assert(m.pl[0].type == NHI_PL_NONCE && m.pl[0].body.n == 4 && m.pl[0].body.p == chain + 4);
    cr_assert(m.pl[1].type == NHI_PL_NOTIFY && m.pl[1].body.n == 6);
    cr_assert(m.pl[2].type == NHI_PL_VID && m.pl[2].body.n == 0);
    cr_assert_eq(nhi_ike_msg_count(&m, NHI_PL_NOTIFY), 1);
    cr_assert_eq(nhi_ike_msg_get(&m, NHI_PL_NOTIFY, 0), &m.pl[1]);
    cr_assert_null(nhi_ike_msg_get(&m, NHI_PL_NOTIFY, 1));
    cr_assert_null(nhi_ike_msg_get(&m, NHI_PL_SA, 0));
}

Test(ike_msg, an_empty_chain_is_fine_and_left_over_bytes_are_not)
{
    nhi_ike_msg m;
    static const uint8_t one[1] = {0};
    cr_assert_eq(nhi_ike_msg_parse(&m, NHI_PL_NONE, NULL, 0), NHI_CHAIN_OK);
    cr_assert_eq(m.n, 0);
    cr_assert_eq(nhi_ike_msg_parse(&m, NHI_PL_NONE, one, 1), NHI_CHAIN_MALFORMED);
    cr_assert_eq(nhi_ike_msg_parse(&m, NHI_PL_SA, NULL, 0), NHI_CHAIN_MALFORMED);
}

Test(ike_msg, every_cut_is_malformed)
{
    nhi_ike_msg m;
    for (size_t n = 0; n < sizeof chain; n++) {
        uint8_t *c = exact_copy(chain, n);
        cr_assert_eq(nhi_ike_msg_parse(&m, NHI_PL_NONCE, c, n), NHI_CHAIN_MALFORMED);
        free(c);
    }
}

Test(ike_msg, lengths_below_four_or_beyond_the_end_are_malformed)
{
    nhi_ike_msg m;
    for (unsigned len = 0; len < 300; len++) {
        uint8_t p[12] = {0};
        nhi_put16(p + 2, len);
        cr_assert_eq(nhi_ike_msg_parse(&m, NHI_PL_VID, p, sizeof p),
                     len == sizeof p ? NHI_CHAIN_OK : NHI_CHAIN_MALFORMED, "length %u", len);
    }
}

Test(ike_msg, the_first_unknown_critical_payload_is_named)
{
    /* 200 critical, 199 not, 201 critical, VID with the critical bit (which is known) */
    static const uint8_t p[] = {199, 0x80, 0, 4, 201, 0, 0, 4, 43, 0x80, 0, 4, 0, 0x80, 0, 4};
    nhi_ike_msg m;
    cr_assert_eq(nhi_ike_msg_parse(&m, 200, p, sizeof p), NHI_CHAIN_OK);
    cr_assert_eq(m.n, 4);
    cr_assert_eq(m.unsupported, 200);
    cr_assert_eq(nhi_ike_msg_parse(&m, 199, p + 4, 4), NHI_CHAIN_MALFORMED);
    cr_assert_eq(nhi_ike_msg_parse(&m, 43, p + 12, 4), NHI_CHAIN_OK);
    cr_assert(m.pl[0].critical);
    cr_assert_eq(m.unsupported, 0);
}

Test(ike_msg, an_encrypted_payload_ends_the_chain_and_names_what_is_inside)
{
    uint8_t p[] = {46, 0, 0, 5, 0xaa, 41, 0, 0, 8, 1, 2, 3, 4};
    nhi_ike_msg m;
    cr_assert_eq(nhi_ike_msg_parse(&m, NHI_PL_VID, p, sizeof p), NHI_CHAIN_OK);
    cr_assert_eq(m.n, 2);
    cr_assert(m.pl[1].type == NHI_PL_SK && m.pl[1].next == NHI_PL_NOTIFY && m.pl[1].body.n == 4);
    p[8] = 7; /* a byte behind SK */
    cr_assert_eq(nhi_ike_msg_parse(&m, NHI_PL_VID, p, sizeof p), NHI_CHAIN_MALFORMED);
    p[8] = 8;
    p[0] = NHI_PL_SKF;
    cr_assert_eq(nhi_ike_msg_parse(&m, NHI_PL_VID, p, sizeof p), NHI_CHAIN_OK);
    cr_assert_eq(m.pl[1].type, NHI_PL_SKF);
}

Test(ike_msg, more_than_64_payloads_are_too_many)
{
    uint8_t p[65 * 4];
    nhi_ike_msg m;
    for (size_t i = 0; i < 65; i++) {
        p[4 * i] = NHI_PL_VID;
        p[4 * i + 1] = p[4 * i + 2] = 0;
        p[4 * i + 3] = 4;
    }
    p[4 * 63] = NHI_PL_NONE;
    cr_assert_eq(nhi_ike_msg_parse(&m, NHI_PL_VID, p, 64 * 4), NHI_CHAIN_OK);
    cr_assert_eq(nhi_ike_msg_count(&m, NHI_PL_VID), 64);
    p[4 * 63] = NHI_PL_VID;
    p[4 * 64] = NHI_PL_NONE;
    cr_assert_eq(nhi_ike_msg_parse(&m, NHI_PL_VID, p, 65 * 4), NHI_CHAIN_TOO_MANY);
}

static void parse_any(const uint8_t *p, size_t n)
{
    static nhi_ike_msg m;
    for (unsigned first = 33; first <= 53; first += 4) {
        (void)nhi_ike_msg_parse(&m, (uint8_t)first, p, n);
        cr_assert_leq(m.n, NHI_IKE_PAYLOADS);
        for (size_t i = 0; i < m.n; i++) {
            check_inside(m.pl[i].body, p, n);
        }
    }
    nhi_ike_hdr h;
    (void)nhi_ike_hdr_read(&h, p, n);
}

Test(ike_msg, damaged_chains_never_leave_their_bytes)
{
    mutate(parse_any, chain, sizeof chain);
    mutate(parse_any, hdr, sizeof hdr);
}
