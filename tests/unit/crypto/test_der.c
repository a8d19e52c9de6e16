/* SPDX-License-Identifier: Apache-2.0
 * DER elements have one form, times are dates that exist, and base 64 ends where it must.
 * X.690 8.1, 10.1, RFC 5280 4.1.2.5, RFC 7468. */
#include "pki/der_text.h"

Test(der, lengths_are_the_shortest_ones)
{
    static const struct {
        const char *hex;
        size_t pad, n;
        bool good;
    } v[] = {
        {"0400", 0, 0, true},         {"047f", 0x7f, 0x7f, true},    {"04817f", 0x7f, 0, false},
        {"048180", 0x80, 0x80, true}, {"0481ff", 0xff, 0xff, true},  {"048200ff", 0xff, 0, false},
        {"04820100", 256, 256, true}, {"0483000100", 256, 0, false}, {"0483000100", 0, 0, false},
        {"0480", 4, 0, false},        {"048400000001", 1, 0, false}, {"0402", 1, 0, false},
        {"0481", 0, 0, false},        {"048201", 0, 0, false},       {"04", 0, 0, false},
        {"1f0400", 0, 0, false},      {"bf0400", 0, 0, false},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf d;
        uint8_t tag;
        nhtb_span s = der_text(&d, v[i].hex), body, whole;
        memset(d.b + s.n, 0, v[i].pad);
        nhi_rd r = nhi_der_open((nhtb_span){d.b, s.n + v[i].pad});
        cr_expect_eq(nhi_der_next(&r, &tag, &body, &whole), v[i].good, "%zu", i);
        cr_expect_eq(body.n, v[i].n, "%zu", i);
        cr_expect(v[i].good ? whole.n == s.n + v[i].pad && whole.p == d.b : whole.p == NULL, "%zu",
                  i);
    }
    der_buf d;
    nhi_rd r = nhi_der_open(der_text(&d, "04830100 00"));
    uint8_t tag;
    nhtb_span body;
    cr_assert_not(nhi_der_next(&r, &tag, &body, NULL), "65,536 octets that are not there");
}

Test(der, an_element_is_taken_by_its_tag_alone)
{
    der_buf d;
    nhtb_span s = der_text(&d, "02{05}04{}"), body;
    nhi_rd r = nhi_der_open(s);
    cr_assert_not(nhi_der_maybe(&r, NHI_DER_OCTET_STRING, &body));
    cr_assert_not(r.bad, "asking costs nothing");
    cr_assert(nhi_der_maybe(&r, NHI_DER_INTEGER, &body));
    cr_assert(body.n == 1 && body.p[0] == 5);
    cr_assert_eq(nhi_der_whole(&r, NHI_DER_INTEGER).n, 0);
    cr_assert(r.bad);
    cr_assert_not(nhi_der_is(&r, NHI_DER_OCTET_STRING), "nothing is there any more");
    r = nhi_der_open((nhtb_span){s.p, 2});
    cr_assert(nhi_der_is(&r, NHI_DER_INTEGER));
    cr_assert_not(nhi_der_maybe(&r, NHI_DER_INTEGER, &body), "its body is missing");
    cr_assert(r.bad);
    r = nhi_der_open((nhtb_span){s.p, 3});
    cr_assert_eq(nhi_der_whole(&r, NHI_DER_INTEGER).n, 3);
    cr_assert(nhi_der_done(&r));
    cr_assert_not(nhi_der_is(&r, NHI_DER_INTEGER));
}

Test(der, small_numbers_are_not_negative_and_fit)
{
    static const struct {
        const char *hex;
        int32_t want;
    } v[] = {{"", -1},         {"00", 0},         {"7f", 127},
             {"80", -1},       {"0080", 128},     {"7fffffff", INT32_MAX},
             {"80000000", -1}, {"007fffffff", -1}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf d;
        cr_expect_eq(nhi_der_small(der_text(&d, v[i].hex)), v[i].want, "%zu", i);
    }
}

Test(der, times_are_dates_that_exist)
{
    static const struct {
        const char *text;
        int64_t want; /* INT64_MIN: refused */
    } v[] = {
        {"17{'700101000000Z'}", 0},
        {"17{'491231235959Z'}", INT64_C(2524607999)},
        {"17{'500101000000Z'}", INT64_C(-631152000)}, /* 1950 */
        {"18{'20240229120000Z'}", INT64_C(1709208000)},
        {"18{'20230229120000Z'}", INT64_MIN},
        {"18{'21000229000000Z'}", INT64_MIN}, /* no leap year */
        {"18{'20000229000000Z'}", INT64_C(951782400)},
        {"18{'20000301000000Z'}", INT64_C(951868800)},
        {"18{'99991231235959Z'}", INT64_C(253402300799)},
        {"18{'00010101000000Z'}", INT64_C(-62135596800)},
        {"18{'00000101000000Z'}", INT64_MIN},
        {"17{'700001000000Z'}", INT64_MIN},
        {"17{'701301000000Z'}", INT64_MIN},
        {"17{'700100000000Z'}", INT64_MIN},
        {"17{'700431000000Z'}", INT64_MIN},
        {"17{'700430235959Z'}", INT64_C(10367999)},
        {"17{'700101240000Z'}", INT64_MIN},
        {"17{'700101006000Z'}", INT64_MIN},
        {"17{'700101000060Z'}", INT64_MIN},
        {"17{'7001010000000'}", INT64_MIN}, /* no Z */
        {"17{'7001010000Z'}", INT64_MIN},   /* no seconds */
        {"17{'x00101000000Z'}", INT64_MIN},
        {"17{'70x101000000Z'}", INT64_MIN},
        {"17{'7001:1000000Z'}", INT64_MIN},
        {"17{'700101x00000Z'}", INT64_MIN},
        {"17{'70010100x000Z'}", INT64_MIN},
        {"17{'7001010000x0Z'}", INT64_MIN},
        {"18{'2x240229120000Z'}", INT64_MIN},
        {"18{'20240229120000.5Z'}", INT64_MIN},
        {"16{'700101000000Z'}", INT64_MIN}, /* another string */
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf d;
        nhi_rd r = nhi_der_open(der_text(&d, v[i].text));
        int64_t got = INT64_MIN;
        cr_expect_eq(nhi_der_time(&r, &got), v[i].want != INT64_MIN, "%s", v[i].text);
        cr_expect_eq(got, v[i].want, "%s: %lld", v[i].text, (long long)got);
    }
    static const uint8_t cut[] = {0x17, 13, '7'};
    nhi_rd r = nhi_der_open((nhtb_span){cut, sizeof cut});
    int64_t got;
    cr_assert_not(nhi_der_time(&r, &got));
}
