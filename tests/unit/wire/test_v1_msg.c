/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 payload chain: splitting, padding, bounds. */
#include "mutate.h"

#include "wire/v1.h"

/* HASH of 4, NONCE of 2, NOTIFY of 8 bytes. RFC 2408 3.2. */
static const uint8_t chain[] = {10, 0, 0, 8,  1, 2, 3, 4,                    /* HASH */
                                11, 0, 0, 6,  5, 6,                          /* NONCE */
                                0,  0, 0, 12, 0, 0, 0, 1, 3, 0, 0x9c, 0x41}; /* N */

static nhi_v1_msg m;

static nhi_ike_chain parse(uint8_t first, const uint8_t *p, size_t n, bool padded)
{
    uint8_t *c = exact_copy(p, n);
    nhi_ike_chain r = nhi_v1_msg_parse(&m, first, c, n, padded);
    for (size_t i = 0; i < m.n; i++) {
        check_inside(m.pl[i].body, c, n);
        check_inside(m.pl[i].whole, c, n);
    }
    check_inside(m.chain, c, n);
    free(c);
    return r;
}

Test(v1_msg, a_chain_is_split_and_each_payload_knows_its_header)
{
    cr_assert_eq(nhi_v1_msg_parse(&m, NHI_V1_HASH, chain, sizeof chain, false), NHI_CHAIN_OK);
    cr_assert_eq(m.n, 3);
    cr_assert(m.pl[0].type == NHI_V1_HASH && m.pl[0].body.p == chain + 4 && m.pl[0].body.n == 4);
    cr_assert(m.pl[1].whole.p == chain + 8 && m.pl[1].whole.n == 6);
    cr_assert(m.chain.p == chain && m.chain.n == sizeof chain);
    nhtb_span rest = nhi_v1_msg_after(&m, 0);
    cr_assert(rest.p == chain + 8 && rest.n == sizeof chain - 8);
    cr_assert(nhi_v1_msg_after(&m, 2).n == 0 && nhi_v1_msg_after(&m, 3).n == 0);
    cr_assert_eq(nhi_v1_msg_count(&m, NHI_V1_NONCE), 1);
    cr_assert_eq(nhi_v1_msg_count(&m, NHI_V1_KE), 0);
    cr_assert_eq(nhi_v1_msg_get(&m, NHI_V1_NOTIFY, 0), &m.pl[2]);
    cr_assert_null(nhi_v1_msg_get(&m, NHI_V1_NOTIFY, 1));
}

Test(v1_msg, every_cut_is_malformed)
{
    for (size_t n = 0; n < sizeof chain; n++) {
        cr_assert_eq(parse(NHI_V1_HASH, chain, n, true), NHI_CHAIN_MALFORMED, "cut at %zu", n);
    }
    cr_assert_eq(parse(NHI_V1_NONE, chain, 0, false), NHI_CHAIN_OK);
    cr_assert_eq(m.n, 0);
}

Test(v1_msg, padding_is_taken_behind_encrypted_payloads_only)
{
    uint8_t p[sizeof chain + 200] = {0};
    memcpy(p, chain, sizeof chain);
    cr_assert_eq(parse(NHI_V1_HASH, p, sizeof chain + 1, false), NHI_CHAIN_MALFORMED);
    cr_assert_eq(parse(NHI_V1_HASH, p, sizeof p, true), NHI_CHAIN_OK, "zeros of any length");
    cr_assert_eq(m.chain.n, sizeof chain);
    cr_assert_eq(nhi_v1_msg_after(&m, 1).n, 12, "without the padding");
    memset(p + sizeof chain, 0xa5, 200);
    cr_assert_eq(parse(NHI_V1_HASH, p, sizeof chain + NHI_V1_PAD_MAX, true), NHI_CHAIN_OK);
    cr_assert_eq(parse(NHI_V1_HASH, p, sizeof chain + NHI_V1_PAD_MAX + 1, true),
                 NHI_CHAIN_MALFORMED);
}

Test(v1_msg, a_reserved_byte_that_is_not_zero_is_malformed)
{
    for (unsigned v = 0; v < 256; v++) {
        uint8_t p[sizeof chain];
        memcpy(p, chain, sizeof p);
        p[9] = (uint8_t)v;
        cr_assert_eq(parse(NHI_V1_HASH, p, sizeof p, false),
                     v == 0 ? NHI_CHAIN_OK : NHI_CHAIN_MALFORMED);
    }
}

Test(v1_msg, lengths_below_the_header_are_malformed)
{
    for (unsigned len = 0; len < 16; len++) {
        uint8_t p[16] = {0, 0, 0, (uint8_t)len};
        cr_assert_eq(parse(NHI_V1_VID, p, len < 4 ? 4 : len, false),
                     len < 4 ? NHI_CHAIN_MALFORMED : NHI_CHAIN_OK);
    }
}

Test(v1_msg, sixty_four_payloads_fit_and_one_more_does_not)
{
    for (size_t count = 63; count <= 65; count++) {
        uint8_t p[65 * 4];
        for (size_t i = 0; i < count; i++) {
            const uint8_t one[4] = {i + 1 < count ? NHI_V1_VID : 0, 0, 0, 4};
            memcpy(p + 4 * i, one, 4);
        }
        cr_assert_eq(parse(NHI_V1_VID, p, 4 * count, false),
                     count <= 64 ? NHI_CHAIN_OK : NHI_CHAIN_TOO_MANY);
        cr_assert_eq(m.n, count <= 64 ? count : 64);
    }
}

Test(v1_msg, every_payload_type_is_kept)
{
    for (unsigned type = 1; type < 256; type++) {
        const uint8_t p[6] = {0, 0, 0, 6, 9, 9};
        cr_assert_eq(parse((uint8_t)type, p, sizeof p, false), NHI_CHAIN_OK);
        cr_assert(m.n == 1 && m.pl[0].type == type);
    }
}

static void any(const uint8_t *p, size_t n)
{
    for (unsigned padded = 0; padded < 2; padded++) {
        nhi_v1_msg_parse(&m, NHI_V1_HASH, p, n, padded != 0);
        for (size_t i = 0; i < m.n; i++) {
            check_inside(m.pl[i].whole, p, n);
            touch(m.pl[i].whole);
        }
    }
}

Test(v1_msg, damaged_chains_stay_inside_their_message)
{
    mutate(any, chain, sizeof chain);
}
