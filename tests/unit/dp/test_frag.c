/* SPDX-License-Identifier: Apache-2.0
 * IPv4 fragments one by one: which options a later fragment carries whatever stands in them, and the
 * limits at which there is no fragment. RFC 791 2.3, 3.1, 3.2. */
#include <criterion/criterion.h>
#include <string.h>

#include "dp/room.h"

enum { PAYLOAD = 400, MF = 0x2000 };

/** Head of a datagram with these options (n a multiple of 4), payload in a run of its own. */
static nhi_dp_cut cut(uint8_t head[60], const uint8_t *opt, size_t n, unsigned field)
{
    static const uint8_t payload[PAYLOAD];
    memset(head, 0, 60);
    head[0] = (uint8_t)(0x40 | (20 + n) / 4);
    nhi_put16(head + 6, field);
    head[9] = 17;
    if (n)
        memcpy(head + 20, opt, n);
    return (nhi_dp_cut){head, payload, (uint32_t)(20 + n), PAYLOAD, true};
}

Test(dp_frag, later_fragments_carry_the_options_that_are_to_be_copied)
{
    static const struct {
        const char *what;
        uint8_t opt[8], n, want[8], want_n;
    } v[] = {
        {"copied", {0x94, 4, 1, 2}, 4, {0x94, 4, 1, 2}, 4},
        {"not copied", {0x44, 4, 5, 0}, 4, {0}, 0},
        {"both", {0x44, 4, 5, 0, 0x94, 4, 1, 2}, 8, {0x94, 4, 1, 2}, 4},
        {"padding before", {1, 1, 0x82, 2, 0x94, 4, 1, 2}, 8, {0x82, 2, 0x94, 4, 1, 2, 0, 0}, 8},
        {"odd length", {0x83, 3, 4, 0, 0x94, 4, 1, 2}, 8, {0x83, 3, 4, 0}, 4},
        {"end", {0, 0x94, 4, 1}, 4, {0}, 0},
        {"no room for a length", {1, 1, 1, 0x94}, 4, {0}, 0},
        {"length 0", {0x94, 0, 1, 2}, 4, {0}, 0},
        {"length 1", {0x94, 1, 1, 2}, 4, {0}, 0},
        {"length too far", {0x94, 4, 1, 2, 0x94, 5, 1, 2}, 8, {0x94, 4, 1, 2}, 4},
    };
    uint8_t head[60], hdr[60];
    uint32_t h;
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        nhi_dp_cut c = cut(head, v[i].opt, v[i].n, 0);
        uint32_t ip_len = 20u + v[i].n;
        cr_assert_eq(nhi_dp_frag_make(hdr, &h, &c, ip_len, 0, 100), (100 - ip_len) & ~7u);
        cr_assert(h == ip_len && memcmp(hdr + 20, v[i].opt, v[i].n) == 0, "%s: first", v[i].what);
        cr_assert_eq(nhi_get16(hdr + 6), MF);
        cr_assert_gt(nhi_dp_frag_make(hdr, &h, &c, ip_len, 64, 100), 0u);
        cr_assert_eq(h, 20u + v[i].want_n, "%s: %u", v[i].what, h);
        cr_assert_eq(hdr[0], 0x40 | h / 4);
        cr_assert_eq(memcmp(hdr + 20, v[i].want, v[i].want_n), 0, "%s", v[i].what);
        cr_assert_eq(nhi_get16(hdr + 6), MF | 8);
    }
}

Test(dp_frag, the_last_fragment_ends_the_datagram_or_leaves_that_to_the_one_it_was_cut_from)
{
    uint8_t head[60], hdr[60];
    uint32_t h;
    nhi_dp_cut c = cut(head, NULL, 0, 0);
    cr_assert_eq(nhi_dp_frag_make(hdr, &h, &c, 20, 392, 100), 8u);
    cr_assert_eq(nhi_get16(hdr + 6), 49);
    c = cut(head, NULL, 0, MF | 100);
    cr_assert_eq(nhi_dp_frag_make(hdr, &h, &c, 20, 392, 100), 8u);
    cr_assert_eq(nhi_get16(hdr + 6), MF | 149);
}

Test(dp_frag, too_small_a_limit_and_an_offset_too_far_make_no_fragment)
{
    uint8_t head[60], hdr[60];
    uint32_t h;
    nhi_dp_cut c = cut(head, NULL, 0, 0);
    for (uint32_t limit = 0; limit < 28; limit++)
        cr_assert_eq(nhi_dp_frag_make(hdr, &h, &c, 20, 0, limit), 0u, "%u", limit);
    cr_assert_eq(nhi_dp_frag_make(hdr, &h, &c, 20, 0, 28), 8u);
    c = cut(head, NULL, 0, 0x1fff); /* at the end of what an offset can say */
    cr_assert_eq(nhi_dp_frag_make(hdr, &h, &c, 20, 0, 100), 80u);
    cr_assert_eq(nhi_dp_frag_make(hdr, &h, &c, 20, 80, 100), 0u);
}
