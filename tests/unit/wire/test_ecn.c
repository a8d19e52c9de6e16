/* SPDX-License-Identifier: Apache-2.0
 * ECN and DSCP between headers: the whole table of RFC 6040 4.2, for every DSCP. */
#include <criterion/criterion.h>

#include "wire/ip.h"

enum { NOT = 0, ECT1 = 1, ECT0 = 2, CE = 3, DROP = -1 };

Test(ecn, decapsulation_follows_rfc6040_figure_4)
{
    static const int want[4][4] = {
        /* [inner][outer], outer NOT, ECT1, ECT0, CE */
        [NOT] = {NOT, NOT, NOT, DROP},
        [ECT0] = {ECT0, ECT1, ECT0, CE},
        [ECT1] = {ECT1, ECT1, ECT1, CE},
        [CE] = {CE, CE, CE, CE},
    };
    for (unsigned inner = 0; inner < 256; inner++) {
        for (unsigned outer = 0; outer < 256; outer++) {
            int ecn = want[inner & 3][outer & 3];
            int keep = ecn == DROP ? -1 : (int)(inner & 0xfc) | ecn;
            int copy = ecn == DROP ? -1 : (int)(outer & 0xfc) | ecn;
            cr_assert_eq(nhi_ecn_decap((uint8_t)inner, (uint8_t)outer, false), keep);
            cr_assert_eq(nhi_ecn_decap((uint8_t)inner, (uint8_t)outer, true), copy);
        }
    }
}

Test(ecn, encapsulation_copies_or_clears)
{
    for (unsigned inner = 0; inner < 256; inner++) {
        uint8_t tos = (uint8_t)inner;
        cr_assert_eq(nhi_ecn_encap(tos, 0xff, false), inner);
        cr_assert_eq(nhi_ecn_encap(tos, 0xff, true), inner & 0xfc);
        for (unsigned dscp = 0; dscp < 64; dscp++) {
            cr_assert_eq(nhi_ecn_encap(tos, (uint8_t)dscp, false), dscp << 2 | (inner & 3));
            cr_assert_eq(nhi_ecn_encap(tos, (uint8_t)dscp, true), dscp << 2);
        }
    }
}
