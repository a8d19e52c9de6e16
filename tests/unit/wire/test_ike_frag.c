/* SPDX-License-Identifier: Apache-2.0
 * The head of an Encrypted Fragment payload: what RFC 7383 2.5 and 2.6 allow. */
#include <criterion/criterion.h>
#include <string.h>

#include "wire/ike.h"

static nhtb_span make(uint8_t *p, size_t n, uint8_t next, unsigned number, unsigned total)
{
    nhi_ike_hdr h = {.spi_i = 1, .next = next, .length = (uint32_t)n};
    memset(p, 0, n);
    nhi_ike_hdr_write(p, &h);
    p[28] = NHI_PL_IDI;
    nhi_put16(p + 30, (unsigned)n - 28);
    nhi_put16(p + 32, number);
    nhi_put16(p + 34, total);
    return (nhtb_span){p, n};
}

Test(ike_frag, numbers_are_one_to_total_and_total_is_bounded)
{
    static const struct {
        unsigned number, total;
        bool good;
    } t[] = {{1, 1, true},    {1, 2, true},          {2, 2, true},     {64, 64, true},
             {0, 0, false},   {0, 1, false},         {2, 1, false},    {1, 65, false},
             {65, 65, false}, {65535, 65535, false}, {1, 65535, false}};
    uint8_t p[80];
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        nhi_ike_frag f;
        nhtb_span m = make(p, sizeof p, NHI_PL_SKF, t[i].number, t[i].total);
        cr_assert_eq(nhi_ike_frag_read(&f, m), t[i].good, "%u of %u", t[i].number, t[i].total);
        if (t[i].good)
            cr_assert(f.number == t[i].number && f.total == t[i].total && f.first == NHI_PL_IDI);
    }
}

Test(ike_frag, other_payloads_and_wrong_lengths_are_refused)
{
    uint8_t p[80];
    nhi_ike_frag f;
    cr_assert_not(nhi_ike_frag_read(&f, make(p, sizeof p, NHI_PL_SK, 1, 2)));
    nhtb_span m = make(p, sizeof p, NHI_PL_SKF, 1, 2);
    nhi_put16(p + 30, 51);
    cr_assert_not(nhi_ike_frag_read(&f, m), "another payload behind it");
    nhi_put16(p + 30, 53);
    cr_assert_not(nhi_ike_frag_read(&f, m));
    make(p, sizeof p, NHI_PL_SKF, 1, 2);
    for (size_t n = 0; n < sizeof p; n++)
        cr_assert_not(nhi_ike_frag_read(&f, (nhtb_span){p, n}), "cut at %zu", n);
}
