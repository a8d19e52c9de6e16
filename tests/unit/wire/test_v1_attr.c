/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 data attributes: short and long form. */
#include "mutate.h"

#include "wire/v1.h"

/* 1 = 5 (short), 12 = 86400 (long, 4 bytes), 16521 = "ann". RFC 2408 3.3. */
static const uint8_t list[] = {0x80, 1,    0,    5,    0, 12, 0,   4,   0,  1,
                               0x51, 0x80, 0x40, 0x89, 0, 3,  'a', 'n', 'n'};

Test(v1_attr, both_forms_are_read)
{
    nhi_rd r;
    nhi_v1_attr a;
    uint64_t v;
    nhi_rd_init(&r, list, sizeof list);
    cr_assert(nhi_v1_attr_next(&r, &a) && a.is_short && a.type == 1);
    cr_assert(nhi_v1_attr_number(&a, &v) && v == 5);
    cr_assert(nhi_v1_attr_next(&r, &a) && !a.is_short && a.type == 12);
    cr_assert(nhi_v1_attr_number(&a, &v) && v == 86400);
    cr_assert(nhi_v1_attr_next(&r, &a) && a.type == 16521 && a.value.n == 3);
    cr_assert(memcmp(a.value.p, "ann", 3) == 0);
    cr_assert_not(nhi_v1_attr_next(&r, &a));
    cr_assert_not(r.bad);
    cr_assert(nhi_v1_attrs_valid((nhtb_span){list, sizeof list}));
    cr_assert(nhi_v1_attrs_valid((nhtb_span){NULL, 0}));
}

Test(v1_attr, cuts_are_refused_except_between_attributes)
{
    for (size_t n = 0; n < sizeof list; n++) {
        uint8_t *c = exact_copy(list, n);
        cr_assert_eq(nhi_v1_attrs_valid((nhtb_span){c, n}), n == 0 || n == 4 || n == 12, "%zu", n);
        free(c);
    }
}

Test(v1_attr, numbers_are_one_to_eight_bytes)
{
    const uint8_t b[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (size_t n = 0; n <= 9; n++) {
        nhi_v1_attr a = {.type = 12, .value = {b, n}};
        uint64_t v, want = 0;
        for (size_t i = 0; i < n; i++) {
            want = want << 8 | b[i];
        }
        cr_assert_eq(nhi_v1_attr_number(&a, &v), n >= 1 && n <= 8);
        cr_assert(n < 1 || n > 8 || v == want);
    }
}

Test(v1_attr, a_number_is_written_as_short_as_it_fits)
{
    const uint32_t values[] = {0, 1, 65535, 65536, UINT32_MAX};
    for (size_t i = 0; i < NHI_ARRAY_LEN(values); i++) {
        uint8_t p[8];
        nhi_wr w;
        nhi_rd r;
        nhi_v1_attr a;
        uint64_t v;
        nhi_wr_init(&w, p, sizeof p);
        nhi_v1_attr_write_number(&w, 2, values[i]);
        cr_assert(!w.bad && w.n == (values[i] > 65535 ? 8u : 4u));
        nhi_rd_init(&r, p, w.n);
        cr_assert(nhi_v1_attr_next(&r, &a) && a.type == 2 && nhi_v1_attr_number(&a, &v));
        cr_assert_eq(v, values[i]);
    }
}

Test(v1_attr, every_type_comes_back_in_both_forms)
{
    for (unsigned type = 0; type < 0x8000; type++) {
        uint8_t p[16];
        nhi_wr w;
        nhi_rd r;
        nhi_v1_attr a;
        nhi_wr_init(&w, p, sizeof p);
        nhi_v1_attr_write_short(&w, type, 7);
        nhi_v1_attr_write(&w, type, (nhtb_span){list, 5});
        nhi_rd_init(&r, p, w.n);
        cr_assert(nhi_v1_attr_next(&r, &a) && a.type == type && a.is_short);
        cr_assert(nhi_v1_attr_next(&r, &a) && a.type == type && a.value.n == 5);
    }
}

Test(v1_attr, values_beyond_the_format_are_not_written)
{
    static uint8_t big[70000], out[80000];
    nhi_wr w;
    nhi_wr_init(&w, out, sizeof out);
    nhi_v1_attr_write(&w, 5, (nhtb_span){big, 65536});
    cr_assert(w.bad);
    nhi_wr_init(&w, out, sizeof out);
    nhi_v1_attr_write(&w, 5, (nhtb_span){big, 65535});
    cr_assert(!w.bad && w.n == 65539);
}

static void any(const uint8_t *p, size_t n)
{
    nhi_rd r;
    nhi_v1_attr a;
    nhi_rd_init(&r, p, n);
    while (nhi_v1_attr_next(&r, &a)) {
        check_inside(a.value, p, n);
        touch(a.value);
    }
    cr_assert_eq(r.bad, !nhi_v1_attrs_valid((nhtb_span){p, n}));
}

Test(v1_attr, damaged_lists_stay_inside_their_message)
{
    mutate(any, list, sizeof list);
}
