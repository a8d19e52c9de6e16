/* SPDX-License-Identifier: Apache-2.0
 * ICMP errors: when they are allowed and what they hold. */
#include "mutate.h"

#include <nhtb/pkt.h>

#include "wire/icmp.h"

static nhtb_addr addr(const char *text)
{
    nhtb_addr a;
    cr_assert_eq(nhtb_addr_parse(text, &a), NHTB_OK, "%s", text);
    return a;
}

/* A packet of n bytes between two addresses; upper: first two bytes behind the header. */
static size_t make(uint8_t *p, size_t n, const char *src, const char *dst, uint8_t proto,
                   unsigned upper)
{
    nhtb_addr s = addr(src), d = addr(dst);
    memset(p, 0xda, n);
    if (s.family == 4) {
        nhi_ip4_write(p, &s, &d, proto, 0, 64, true, 1, (uint32_t)n);
    } else {
        nhi_ip6_write(p, &s, &d, proto, 0, 64, 0, (uint32_t)n);
    }
    nhi_put16(p + (s.family == 4 ? 20 : 40), upper);
    return n;
}

static bool allowed(uint8_t *p, size_t n, nhi_icmp_kind kind)
{
    nhi_ip_view v;
    cr_assert_eq(nhi_ip_parse(&v, p, n, false), NHTB_REASON_NONE);
    return nhi_icmp_allowed(p, n, &v, kind);
}

Test(icmp, allowed_only_about_unicast_traffic_that_is_no_error_itself)
{
    static const struct {
        const char *src, *dst;
        uint8_t proto;
        uint16_t upper;
        bool big, time;
    } c[] = {
        {"10.0.0.1", "10.0.0.2", 17, 0, 1, 1},
        {"10.0.0.1", "10.0.0.2", 1, 0x0800, 1, 1}, /* echo request */
        {"10.0.0.1", "10.0.0.2", 1, 0x0000, 1, 1}, /* echo reply */
        {"10.0.0.1", "10.0.0.2", 1, 0x0301, 0, 0},
        {"10.0.0.1", "10.0.0.2", 1, 0x0400, 0, 0},
        {"10.0.0.1", "10.0.0.2", 1, 0x0500, 0, 0},
        {"10.0.0.1", "10.0.0.2", 1, 0x0b00, 0, 0},
        {"10.0.0.1", "10.0.0.2", 1, 0x0c00, 0, 0},
        {"10.0.0.1", "224.0.0.5", 17, 0, 0, 0},
        {"10.0.0.1", "255.255.255.255", 17, 0, 0, 0},
        {"0.0.0.0", "10.0.0.2", 17, 0, 0, 0},
        {"127.0.0.1", "10.0.0.2", 17, 0, 0, 0},
        {"224.0.0.1", "10.0.0.2", 17, 0, 0, 0},
        {"2001:db8::1", "2001:db8::2", 17, 0, 1, 1},
        {"2001:db8::1", "2001:db8::2", 58, 0x8000, 1, 1},
        {"2001:db8::1", "2001:db8::2", 58, 0x0100, 0, 0},
        {"2001:db8::1", "2001:db8::2", 58, 0x0200, 0, 0},
        {"2001:db8::1", "2001:db8::2", 58, 0x7f00, 0, 0},
        {"2001:db8::1", "2001:db8::2", 58, 0x8900, 0, 0}, /* redirect */
        {"2001:db8::1", "ff02::5", 17, 0, 1, 0},
        {"::", "2001:db8::2", 17, 0, 0, 0},
        {"ff02::1", "2001:db8::2", 17, 0, 0, 0},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(c); i++) {
        uint8_t p[100];
        size_t n = make(p, sizeof p, c[i].src, c[i].dst, c[i].proto, c[i].upper);
        cr_assert_eq(allowed(p, n, NHI_ICMP_TOO_BIG), c[i].big, "row %zu", i);
        cr_assert_eq(allowed(p, n, NHI_ICMP_TIME_EXCEEDED), c[i].time, "row %zu", i);
        cr_assert_eq(allowed(p, n, NHI_ICMP_UNREACHABLE), c[i].time, "row %zu", i);
    }
}

Test(icmp, later_ipv4_fragments_get_none)
{
    uint8_t p[100];
    size_t n = make(p, sizeof p, "10.0.0.1", "10.0.0.2", 17, 0);
    nhi_put16(p + 6, 0x2000);
    cr_assert(allowed(p, n, NHI_ICMP_TOO_BIG));
    nhi_put16(p + 6, 0x0010);
    cr_assert_not(allowed(p, n, NHI_ICMP_TOO_BIG));
    n = make(p, sizeof p, "10.0.0.1", "10.0.0.2", 1, 0x0800);
    nhi_put16(p + 6, 0x0010);
    cr_assert_not(allowed(p, n, NHI_ICMP_TOO_BIG));
}

typedef struct built {
    uint8_t out[2000];
    size_t n;
    nhi_ip_view v;
} built;

static void check_built(const built *b, size_t quoted)
{
    size_t ip = b->v.version == 4 ? 20 : 40;
    cr_assert_eq(b->n, ip + 8 + quoted);
    cr_assert_eq(b->v.total_len, b->n);
    cr_assert_eq(b->v.proto, b->v.version == 4 ? 1 : 58);
    size_t len = b->n - ip;
    uint64_t sum = b->v.version == 4 ? 0 : nhi_ip_pseudo_sum(b->out, 58, (uint32_t)len);
    cr_assert_eq(nhi_csum_fold(nhi_csum_add(sum, b->out + ip, len)), 0, "ICMP checksum");
    cr_assert(b->v.version == 6 || nhi_csum_fold(nhi_csum_add(0, b->out, 20)) == 0);
}

static void build(built *b, const uint8_t *p, size_t n, size_t cap, nhi_icmp_kind kind,
                  const char *src, uint32_t mtu)
{
    nhi_ip_view v;
    nhtb_addr from = {0};
    if (src) {
        from = addr(src);
    }
    cr_assert_eq(nhi_ip_parse(&v, p, n, false), NHTB_REASON_NONE);
    memset(b, 0xee, sizeof *b);
    b->n = nhi_icmp_build(b->out, cap, p, n, &v, kind, &from, mtu);
    if (b->n > 0) {
        cr_assert_leq(b->n, cap);
        cr_assert_eq(b->out[b->n], 0xee);
        cr_assert_eq(nhi_ip_parse(&b->v, b->out, b->n, false), NHTB_REASON_NONE);
    }
}

Test(icmp, too_big_for_ipv4_carries_the_mtu_and_quotes_up_to_576)
{
    static built b;
    static uint8_t p[1500];
    size_t n = make(p, sizeof p, "10.0.0.1", "10.0.0.2", 17, 0);
    build(&b, p, n, sizeof b.out, NHI_ICMP_TOO_BIG, "10.9.9.9", 1438);
    check_built(&b, 576 - 28);
    cr_assert(b.out[20] == 3 && b.out[21] == 4);
    cr_assert_eq(nhi_get32(b.out + 24), 1438);
    cr_assert_eq(memcmp(b.out + 28, p, 576 - 28), 0);
    nhtb_addr s, d, src = addr("10.9.9.9"), dst = addr("10.0.0.1");
    nhi_ip_addrs(b.out, &s, &d);
    cr_assert(nhtb_addr_equal(&s, &src) && nhtb_addr_equal(&d, &dst));
    build(&b, p, n, sizeof b.out, NHI_ICMP_TOO_BIG, "10.9.9.9", 100000);
    cr_assert_eq(nhi_get32(b.out + 24), 65535);
}

Test(icmp, too_big_for_ipv6_carries_at_least_1280)
{
    static built b;
    static uint8_t p[1500];
    size_t n = make(p, sizeof p, "2001:db8::1", "2001:db8::2", 17, 0);
    build(&b, p, n, sizeof b.out, NHI_ICMP_TOO_BIG, "2001:db8::9", 1418);
    check_built(&b, 1280 - 48);
    cr_assert(b.out[40] == 2 && b.out[41] == 0);
    cr_assert_eq(nhi_get32(b.out + 44), 1418);
    build(&b, p, n, sizeof b.out, NHI_ICMP_TOO_BIG, "2001:db8::9", 1206);
    cr_assert_eq(nhi_get32(b.out + 44), 1280);
}

Test(icmp, time_exceeded_and_unreachable)
{
    static built b;
    uint8_t p[60];
    size_t n = make(p, sizeof p, "10.0.0.1", "10.0.0.2", 17, 0);
    build(&b, p, n, sizeof b.out, NHI_ICMP_TIME_EXCEEDED, "10.9.9.9", 1438);
    check_built(&b, sizeof p);
    cr_assert(b.out[20] == 11 && b.out[21] == 0 && nhi_get32(b.out + 24) == 0);
    build(&b, p, n, sizeof b.out, NHI_ICMP_UNREACHABLE, "10.9.9.9", 0);
    cr_assert(b.out[20] == 3 && b.out[21] == 1);
    n = make(p, sizeof p, "2001:db8::1", "2001:db8::2", 17, 0);
    build(&b, p, n, sizeof b.out, NHI_ICMP_TIME_EXCEEDED, "2001:db8::9", 0);
    check_built(&b, sizeof p);
    cr_assert(b.out[40] == 3 && b.out[41] == 0);
    build(&b, p, n, sizeof b.out, NHI_ICMP_UNREACHABLE, "2001:db8::9", 0);
    cr_assert(b.out[40] == 1 && b.out[41] == 0);
}

Test(icmp, without_an_address_of_the_family_the_destination_answers)
{
    static built b;
    uint8_t p[60];
    nhtb_addr s, d, want = addr("10.0.0.2");
    size_t n = make(p, sizeof p, "10.0.0.1", "10.0.0.2", 17, 0);
    build(&b, p, n, sizeof b.out, NHI_ICMP_TOO_BIG, "2001:db8::9", 1438);
    nhi_ip_addrs(b.out, &s, &d);
    cr_assert(nhtb_addr_equal(&s, &want));
    build(&b, p, n, sizeof b.out, NHI_ICMP_TOO_BIG, NULL, 1438);
    nhi_ip_addrs(b.out, &s, &d);
    cr_assert(nhtb_addr_equal(&s, &want));
    n = make(p, sizeof p, "2001:db8::1", "ff02::5", 17, 0);
    build(&b, p, n, sizeof b.out, NHI_ICMP_TOO_BIG, NULL, 1438);
    cr_assert_eq(b.n, 0, "a multicast address is no source");
}

Test(icmp, bytes_behind_the_packet_are_not_quoted)
{
    static built b;
    uint8_t p[200];
    make(p, sizeof p, "10.0.0.1", "10.0.0.2", 17, 0);
    nhi_ip_set_len(p, 60);
    build(&b, p, sizeof p, sizeof b.out, NHI_ICMP_TOO_BIG, "10.9.9.9", 1400);
    check_built(&b, 60);
}

Test(icmp, a_small_buffer_gets_a_shorter_quote_or_nothing)
{
    static built b;
    uint8_t p[100];
    size_t n = make(p, sizeof p, "10.0.0.1", "10.0.0.2", 17, 0);
    for (size_t cap = 0; cap < 200; cap++) {
        build(&b, p, n, cap, NHI_ICMP_TOO_BIG, "10.9.9.9", 1400);
        cr_assert_eq(b.n, cap < 56 ? 0 : cap < 128 ? cap : 128);
    }
    cr_assert_eq(nhi_icmp_max(4), 576);
    cr_assert_eq(nhi_icmp_max(6), 1280);
}

static void build_any(const uint8_t *p, size_t n)
{
    nhi_ip_view v;
    static uint8_t out[1400];
    nhtb_addr src = {.family = 4, .b = {10, 9, 9, 9}};
    if (nhi_ip_parse(&v, p, n, false) == NHTB_REASON_NONE &&
        nhi_icmp_allowed(p, n, &v, NHI_ICMP_TOO_BIG)) {
        size_t len = nhi_icmp_build(out, sizeof out, p, n, &v, NHI_ICMP_TOO_BIG, &src, 1280);
        cr_assert_leq(len, nhi_icmp_max(v.version));
    }
}

Test(icmp, damaged_packets_are_answered_or_not_but_never_overrun)
{
    uint8_t p[90];
    mutate(build_any, p, make(p, sizeof p, "10.0.0.1", "10.0.0.2", 1, 0x0800));
    mutate(build_any, p, make(p, sizeof p, "2001:db8::1", "2001:db8::2", 58, 0x8000));
}
