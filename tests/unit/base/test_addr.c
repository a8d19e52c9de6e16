/* SPDX-License-Identifier: Apache-2.0
 * Addresses and prefixes: text both ways, classes, membership. */
#include <criterion/criterion.h>

#include "mem_host.h"

Test(addr, text_is_the_canonical_one_of_rfc5952)
{
    static const char *const v[][2] = {
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"10.0.0.1", "10.0.0.1"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"0:0:0:0:0:0:0:0", "::"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:DB8:0:0:0:0:2:1", "2001:db8::2:1"},
        {"2001:0db8:0000:0000:0000:ff00:0042:8329", "2001:db8::ff00:42:8329"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* 4.2.2: one group is not shortened */
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          /* 4.2.3: the longest run */
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    /* 4.2.3: the first of equals */
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"fe80::", "fe80::"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"::1.2.3.4", "::102:304"},
        {"0:0:1::", "0:0:1::"}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        nhtb_addr a;
        char text[NHTB_ADDR_TEXT];
        cr_assert_eq(nhtb_addr_parse(v[i][0], &a), NHTB_OK, "%s", v[i][0]);
        cr_assert_str_eq(nhtb_addr_format(&a, text, sizeof text), v[i][1]);
        nhtb_addr b;
        cr_assert_eq(nhtb_addr_parse(text, &b), NHTB_OK);
        cr_assert(nhtb_addr_equal(&a, &b));
    }
}

Test(addr, text_that_is_not_exactly_an_address_is_refused)
{
    static const char *const v[] = {"",
                                    "-",
                                    "1",
                                    "1.2.3",
                                    "1.2.3.4.5",
                                    "1.2.3.",
                                    ".1.2.3.4",
                                    "256.1.1.1",
                                    "01.2.3.4",
                                    "1.2.3.4 ",
                                    " 1.2.3.4",
                                    "1.2.3.4/32",
                                    "1..2.3",
                                    "a.b.c.d",
                                    "1.2.3.-4",
                                    "99999999999.1.1.1",
                                    ":",
                                    ":::",
                                    "1:2:3",
                                    "1:2:3:4:5:6:7",
                                    "1:2:3:4:5:6:7:8:9",
                                    "1::2::3",
                                    "12345::",
                                    "g::",
                                    "::1%eth0",
                                    "1:2:3:4:5:6:7:8::",
                                    "::1:2:3:4:5:6:7:8",
                                    "1:2:3:4:5:6:7:",
                                    ":1:2:3:4:5:6:7",
                                    "1:2:3:4:5:6:7:1.2.3.4",
                                    "::1.2.3",
                                    "::1.2.3.4:5",
                                    "::1.2.3.4.5",
                                    "::1 ",
                                    "::256.1.1.1",
                                    "1:::2",
                                    "::ffff:01.2.3.4"};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        nhtb_addr a = {.family = 99};
        cr_assert_eq(nhtb_addr_parse(v[i], &a), NHTB_ERR_ARG, "'%s' was taken", v[i]);
        cr_assert_eq(a.family, 99, "'%s' changed the result", v[i]);
    }
    nhtb_addr a;
    cr_assert_eq(nhtb_addr_parse(NULL, &a), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_addr_parse("1.2.3.4", NULL), NHTB_ERR_ARG);
}

Test(addr, random_addresses_survive_text)
{
    uint64_t seed = 2;
    for (unsigned i = 0; i < 50000; i++) {
        uint8_t b[16];
        uint64_t mask = test_rand(&seed) & test_rand(&seed);
        for (unsigned k = 0; k < 8; k++) {
            nhi_put16(b + 2 * k, mask >> k & 1 ? 0 : (unsigned)(test_rand(&seed) & 0xffff));
        }
        nhtb_addr a, c;
        char text[NHTB_ADDR_TEXT];
        cr_assert(nhi_addr_from_bytes(&a, i % 2 ? 6 : 4, b));
        nhtb_addr_format(&a, text, sizeof text);
        cr_assert_eq(nhtb_addr_parse(text, &c), NHTB_OK, "%s", text);
        cr_assert_eq(memcmp(&a, &c, sizeof a), 0, "%s", text);
    }
}

Test(addr, random_text_never_crashes_and_what_is_taken_round_trips)
{
    static const char letters[] = "0123456789abcdefF::::....//g";
    uint64_t seed = 4;
    for (unsigned i = 0; i < 200000; i++) {
        char text[24], again[NHTB_ADDR_TEXT];
        size_t n = test_rand(&seed) % (sizeof text - 1);
        for (size_t k = 0; k < n; k++) {
            text[k] = letters[test_rand(&seed) % (sizeof letters - 1)];
        }
        text[n] = '\0';
        char *heap = strdup(text);
        nhtb_addr a, b;
        nhtb_prefix p;
        if (nhtb_addr_parse(heap, &a) == NHTB_OK) {
            cr_assert_eq(nhtb_addr_parse(nhtb_addr_format(&a, again, sizeof again), &b), NHTB_OK);
            cr_assert(nhtb_addr_equal(&a, &b));
        }
        (void)nhtb_prefix_parse(heap, &p);
        free(heap);
    }
}

Test(addr, short_buffers_are_always_terminated)
{
    nhtb_addr a;
    nhtb_addr_parse("2001:db8::1", &a);
    for (size_t n = 1; n < 15; n++) {
        char *text = malloc(n);
        memset(text, 'x', n);
        cr_assert_eq(nhtb_addr_format(&a, text, n), text);
        cr_assert_lt(strlen(text), n);
        cr_assert_eq(strncmp(text, "2001:db8::1", strlen(text)), 0);
        free(text);
    }
    nhtb_addr none = {0};
    char text[NHTB_ADDR_TEXT];
    cr_assert_str_eq(nhtb_addr_format(&none, text, sizeof text), "-");
}

Test(prefix, text_both_ways)
{
    static const char *const v[][2] = {
        {"10.0.0.0/8", "10.0.0.0/8"},       {"0.0.0.0/0", "0.0.0.0/0"},
        {"10.1.2.3", "10.1.2.3/32"},        {"::/0", "::/0"},
        {"2001:db8::1", "2001:db8::1/128"}, {"2001:db8::/33", "2001:db8::/33"},
        {"10.128.0.0/9", "10.128.0.0/9"}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        nhtb_prefix p;
        char text[NHTB_ADDR_TEXT + 4];
        cr_assert_eq(nhtb_prefix_parse(v[i][0], &p), NHTB_OK, "%s", v[i][0]);
        cr_assert_str_eq(nhtb_prefix_format(&p, text, sizeof text), v[i][1]);
    }
}

Test(prefix, host_bits_and_bad_lengths_are_refused)
{
    static const char *const v[] = {"10.0.0.1/8",  "10.0.0.0/33",  "10.0.0.0/",    "10.0.0.0/-1",
                                    "10.0.0.0/8x", "10.0.0.0/08",  "::1/127",      "::/129",
                                    "/8",          "10.128.0.0/8", "10.0.0.0/8/8", "10.0.0/8",
                                    "::/",         "2001:db8::/28"};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        nhtb_prefix p;
        cr_assert_eq(nhtb_prefix_parse(v[i], &p), NHTB_ERR_ARG, "'%s' was taken", v[i]);
    }
    nhtb_prefix p;
    cr_assert_eq(nhtb_prefix_parse(NULL, &p), NHTB_ERR_ARG);
}

static bool bit_of(const nhtb_addr *a, unsigned i)
{
    return a->b[i / 8] >> (7 - i % 8) & 1;
}

Test(prefix, membership_normalising_and_selectors_agree_bit_by_bit)
{
    uint64_t seed = 8;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t r[2] = {test_rand(&seed), test_rand(&seed)};
        nhtb_prefix p = {.len = (uint8_t)(test_rand(&seed) % 129)};
        nhtb_addr a;
        bool v6 = p.len > 32 || i % 2;
        nhi_addr_from_bytes(&p.addr, v6 ? 6 : 4, (const uint8_t *)r);
        cr_assert(nhi_prefix_normalize(&p));
        a = p.addr;
        unsigned flip = (unsigned)(test_rand(&seed) % (v6 ? 128 : 32));
        a.b[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
        cr_assert(nhi_addr_in(&p, &p.addr));
        cr_assert_eq(nhi_addr_in(&p, &a), flip >= p.len);
        nhtb_ts ts = nhtb_ts_from_prefix(&p);
        bool in_ts = nhi_addr_cmp(&ts.lo, &a) <= 0 && nhi_addr_cmp(&a, &ts.hi) <= 0;
        cr_assert_eq(in_ts, flip >= p.len);
        for (unsigned b = p.len; b < (v6 ? 128u : 32u); b++) {
            cr_assert(!bit_of(&p.addr, b) && !bit_of(&ts.lo, b) && bit_of(&ts.hi, b));
        }
        cr_assert(ts.port_lo == 0 && ts.port_hi == 65535 && ts.proto == 0);
    }
    nhtb_prefix bad = {.addr = {.family = 4}, .len = 33};
    cr_assert_not(nhi_prefix_normalize(&bad));
    bad.addr.family = 0;
    cr_assert_not(nhi_prefix_normalize(&bad));
}

Test(addr, classes)
{
    static const struct {
        const char *text;
        bool unicast, multicast;
    } v[] = {{"0.0.0.0", 0, 0},   {"0.1.2.3", 0, 0},
             {"127.0.0.1", 0, 0}, {"1.0.0.0", 1, 0},
             {"10.0.0.1", 1, 0},  {"126.255.255.255", 1, 0},
             {"128.0.0.1", 1, 0}, {"223.255.255.255", 1, 0},
             {"224.0.0.0", 0, 1}, {"239.1.1.1", 0, 1},
             {"240.0.0.1", 0, 0}, {"255.255.255.255", 0, 0},
             {"::", 0, 0},        {"::1", 0, 0},
             {"::2", 1, 0},       {"2001:db8::1", 1, 0},
             {"fe80::1", 1, 0},   {"ff02::1", 0, 1}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        nhtb_addr a;
        cr_assert_eq(nhtb_addr_parse(v[i].text, &a), NHTB_OK);
        cr_assert_eq(nhi_addr_is_unicast(&a), v[i].unicast, "%s", v[i].text);
        cr_assert_eq(nhi_addr_is_multicast(&a), v[i].multicast, "%s", v[i].text);
    }
    nhtb_addr none = {0};
    cr_assert_not(nhi_addr_is_unicast(&none));
    cr_assert_not(nhi_addr_is_multicast(&none));
    uint8_t b[16] = {0};
    cr_assert_not(nhi_addr_from_bytes(&none, 5, b));
    cr_assert_eq(none.family, 0);
}

Test(addr, order_and_equality)
{
    nhtb_addr a, b, c;
    nhtb_addr_parse("10.0.0.1", &a);
    nhtb_addr_parse("10.0.1.0", &b);
    nhtb_addr_parse("::1", &c);
    cr_assert_lt(nhi_addr_cmp(&a, &b), 0);
    cr_assert_gt(nhi_addr_cmp(&b, &a), 0);
    cr_assert_lt(nhi_addr_cmp(&b, &c), 0);
    cr_assert_gt(nhi_addr_cmp(&c, &b), 0);
    cr_assert_eq(nhi_addr_cmp(&a, &a), 0);
    cr_assert_not(nhtb_addr_equal(&a, &b));
    nhtb_prefix p = {.addr = a, .len = 0};
    cr_assert_not(nhi_addr_in(&p, &c));
}

Test(addr, paths_differ_in_any_member)
{
    nhtb_path a = {.local_port = 500, .remote_port = 4500, .scope = 1};
    nhtb_addr_parse("192.0.2.1", &a.local);
    nhtb_addr_parse("198.51.100.1", &a.remote);
    nhtb_path b = a;
    cr_assert(nhi_path_equal(&a, &b));
    b.scope++;
    cr_assert_not(nhi_path_equal(&a, &b));
    b = a, b.local_port++;
    cr_assert_not(nhi_path_equal(&a, &b));
    b = a, b.remote_port++;
    cr_assert_not(nhi_path_equal(&a, &b));
    b = a, b.local.b[3]++;
    cr_assert_not(nhi_path_equal(&a, &b));
    b = a, b.remote.b[3]++;
    cr_assert_not(nhi_path_equal(&a, &b));
}
