/* SPDX-License-Identifier: Apache-2.0
 * Checksums, header edits, header writers. */
#include "mutate.h"

#include <nhtb/pkt.h>

#include "wire/ip.h"

/* RFC 1071 2 by the book: 16-bit words. */
static uint16_t plain_csum(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

Test(csum, the_example_of_rfc1071)
{
    static const uint8_t p[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    cr_assert_eq(nhi_csum_fold(nhi_csum_add(0, p, sizeof p)), (uint16_t)~0xddf2u);
}

Test(csum, agrees_with_the_plain_sum_for_every_length)
{
    uint64_t seed = 1;
    uint8_t p[200];
    for (unsigned i = 0; i < 20000; i++) {
        size_t n = test_rand(&seed) % sizeof p;
        bool ones = test_rand(&seed) % 8 == 0;
        for (size_t k = 0; k < n; k++) {
            p[k] = ones ? 0xff : (uint8_t)test_rand(&seed);
        }
        cr_assert_eq(nhi_csum_fold(nhi_csum_add(0, p, n)), plain_csum(p, n));
        size_t cut = n == 0 ? 0 : test_rand(&seed) % n & ~(size_t)1;
        uint64_t sum = nhi_csum_add(0, p, cut);
        cr_assert_eq(nhi_csum_fold(nhi_csum_add(sum, p + cut, n - cut)), plain_csum(p, n));
    }
    cr_assert_eq(nhi_csum_fold(UINT64_MAX), 0);
    cr_assert_eq(nhi_csum_fold(0), 0xffff);
}

static void random_header(uint8_t p[60], uint64_t *seed, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        p[i] = (uint8_t)test_rand(seed);
    }
    p[0] = (uint8_t)(0x40 | len / 4);
    nhi_ip4_set_csum(p, len);
    cr_assert_eq(plain_csum(p, len), 0);
}

Test(ip4, edits_keep_the_checksum_right)
{
    uint64_t seed = 7;
    for (unsigned i = 0; i < 30000; i++) {
        uint8_t p[60];
        size_t len = 20 + 4 * (test_rand(&seed) % 11);
        random_header(p, &seed, len);
        uint8_t tos = (uint8_t)test_rand(&seed);
        uint16_t word = (uint16_t)(i % 5 == 0 ? 0xffff : i % 5 == 1 ? 0 : test_rand(&seed));
        nhi_ip_set_tos(p, tos);
        cr_assert(p[1] == tos && p[0] == (0x40 | len / 4));
        nhi_ip_set_len(p, word);
        cr_assert_eq(nhi_get16(p + 2), word);
        nhi_ip4_patch16(p, 6, word);
        cr_assert_eq(nhi_get16(p + 6), word);
        p[8] = p[8] == 0 ? 1 : p[8];
        nhi_ip4_set_csum(p, len);
        uint8_t ttl = p[8], proto = p[9];
        nhi_ip_dec_ttl(p);
        cr_assert(p[8] == ttl - 1 && p[9] == proto);
        cr_assert_eq(plain_csum(p, len), 0, "checksum is wrong after edits");
    }
}

Test(ip6, edits_touch_their_field_only)
{
    for (unsigned tos = 0; tos < 256; tos++) {
        uint8_t p[40];
        memset(p, 0x5a, sizeof p);
        p[0] = 0x6f;
        p[1] = 0xf5;
        nhi_ip_set_tos(p, (uint8_t)tos);
        cr_assert_eq(nhi_get32(p), 0x60055a5au | tos << 20);
        nhi_ip_dec_ttl(p);
        cr_assert_eq(p[7], 0x59);
        nhi_ip_set_len(p, 40 + 1234);
        cr_assert_eq(nhi_get16(p + 4), 1234);
        cr_assert_eq(p[8], 0x5a);
    }
}

Test(ip4, the_outer_header_is_written_as_parsed)
{
    nhtb_addr s, d, s2, d2;
    nhtb_addr_parse("192.0.2.1", &s);
    nhtb_addr_parse("198.51.100.2", &d);
    uint8_t p[1500] = {0};
    nhi_ip_view v;
    for (unsigned df = 0; df < 2; df++) {
        nhi_ip4_write(p, &s, &d, NHI_IPPROTO_ESP, 0xb8, 64, df != 0, 0xbeef, 1500);
        cr_assert_eq(nhi_ip_parse(&v, p, sizeof p, false), NHTB_REASON_NONE);
        cr_assert(v.proto == 50 && v.tos == 0xb8 && v.ttl == 64 && v.total_len == 1500);
        cr_assert(v.df == (df != 0) && !v.fragment);
        cr_assert_eq(nhi_get16(p + 4), 0xbeef);
        cr_assert_eq(plain_csum(p, 20), 0);
        nhi_ip_addrs(p, &s2, &d2);
        cr_assert(nhtb_addr_equal(&s, &s2) && nhtb_addr_equal(&d, &d2));
    }
}

Test(ip6, the_outer_header_and_udp_are_written_as_parsed)
{
    nhtb_addr s, d, s2, d2;
    nhtb_addr_parse("2001:db8::1", &s);
    nhtb_addr_parse("2001:db8::2", &d);
    uint8_t p[40 + 8 + 13];
    nhi_ip_view v;
    uint64_t seed = 3;
    for (unsigned i = 0; i < 5000; i++) {
        for (size_t k = 48; k < sizeof p; k++) {
            p[k] = (uint8_t)test_rand(&seed);
        }
        nhi_ip6_write(p, &s, &d, NHI_IPPROTO_UDP, 0xab, 60, 0xfffcdef1, sizeof p);
        nhi_udp_write(p + 40, 4500, 4501, 13);
        cr_assert_eq(nhi_get16(p + 46), 0);
        nhi_udp6_csum(p);
        cr_assert_neq(nhi_get16(p + 46), 0);
        cr_assert_eq(nhi_ip_parse(&v, p, sizeof p, false), NHTB_REASON_NONE);
        cr_assert(v.proto == 17 && v.tos == 0xab && v.ttl == 60 && v.total_len == sizeof p);
        cr_assert(v.sport == 4500 && v.dport == 4501);
        cr_assert_eq(nhi_get32(p) & 0xfffff, 0xcdef1);
        uint64_t sum = nhi_csum_add(nhi_ip_pseudo_sum(p, 17, 21), p + 40, 21);
        cr_assert_eq(nhi_csum_fold(sum), 0, "UDP checksum does not verify");
    }
    nhi_ip_addrs(p, &s2, &d2);
    cr_assert(nhtb_addr_equal(&s, &s2) && nhtb_addr_equal(&d, &d2));
}

Test(ip6, a_udp_checksum_of_zero_is_sent_as_ffff)
{
    nhtb_addr s = {.family = 6}, d = {.family = 6};
    uint8_t p[50] = {0};
    nhi_ip6_write(p, &s, &d, NHI_IPPROTO_UDP, 0, 64, 0, sizeof p);
    nhi_udp_write(p + 40, 0, 0, 2);
    /* 17 + 10 (pseudo) + 10 (length) + x == 0xffff */
    nhi_put16(p + 48, 0xffff - 37);
    nhi_udp6_csum(p);
    cr_assert_eq(nhi_get16(p + 46), 0xffff);
}
