/* SPDX-License-Identifier: Apache-2.0
 * The checked view of IP packets. */
#include "mutate.h"

#include <nhtb/pkt.h>

#include "wire/ip.h"

/* IPv4 UDP 192.0.2.1:4660 -> 198.51.100.2:22136, DF, TOS 0xb8, TTL 63, 4 bytes of payload. */
static const uint8_t udp4[32] = {0x45, 0xb8, 0, 32, 0x12, 0x34, 0x40, 0,   63, 17,   0,
                                 0,    192,  0, 2,  1,    198,  51,   100, 2,  0x12, 0x34,
                                 0x56, 0x78, 0, 12, 0,    0,    1,    2,   3,  4};
/* IPv6 TCP, traffic class 0xab, flow 0xcdef1, hop limit 64, 20 bytes. */
static const uint8_t tcp6[60] = {0x6a, 0xbc,     0xde, 0xf1, 0,        20,          6, 64,
                                 0x20, 1,        0x0d, 0xb8, [23] = 1, [24] = 0x20, 1, 0x0d,
                                 0xb8, [39] = 2, 0,    80,   0x1f,     0x90};

Test(ip_parse, plain_ipv4)
{
    nhi_ip_view v;
    cr_assert_eq(nhi_ip_parse(&v, udp4, sizeof udp4, false), NHTB_REASON_NONE);
    cr_assert(v.version == 4 && v.proto == 17 && v.tos == 0xb8 && v.ttl == 63);
    cr_assert(v.df && !v.fragment && v.first_fragment && v.has_ports);
    cr_assert(v.sport == 0x1234 && v.dport == 0x5678);
    cr_assert(v.hdr_len == 20 && v.ip_len == 20 && v.total_len == 32);
    nhtb_addr s, d, want;
    nhi_ip_addrs(udp4, &s, &d);
    nhtb_addr_parse("192.0.2.1", &want);
    cr_assert(nhtb_addr_equal(&s, &want));
    nhtb_addr_parse("198.51.100.2", &want);
    cr_assert(nhtb_addr_equal(&d, &want));
}

Test(ip_parse, plain_ipv6)
{
    nhi_ip_view v;
    cr_assert_eq(nhi_ip_parse(&v, tcp6, sizeof tcp6, false), NHTB_REASON_NONE);
    cr_assert(v.version == 6 && v.proto == 6 && v.tos == 0xab && v.ttl == 64);
    cr_assert(v.df && !v.fragment && v.first_fragment && v.has_ports);
    cr_assert(v.sport == 80 && v.dport == 8080);
    cr_assert(v.hdr_len == 40 && v.ip_len == 40 && v.total_len == 60);
    nhtb_addr s, d, want;
    nhi_ip_addrs(tcp6, &s, &d);
    nhtb_addr_parse("2001:db8::1", &want);
    cr_assert(nhtb_addr_equal(&s, &want));
    nhtb_addr_parse("2001:db8::2", &want);
    cr_assert(nhtb_addr_equal(&d, &want));
}

static unsigned parse_with(const uint8_t *good, size_t n, size_t at, uint8_t value, bool super)
{
    uint8_t p[128];
    nhi_ip_view v;
    memcpy(p, good, n);
    p[at] = value;
    return nhi_ip_parse(&v, p, n, super);
}

Test(ip_parse, every_reason_of_refusal)
{
    nhi_ip_view v;
    cr_assert_eq(nhi_ip_parse(&v, udp4, 0, false), NHTB_REASON_RUNT);
    cr_assert_eq(nhi_ip_parse(&v, udp4, 19, false), NHTB_REASON_RUNT);
    cr_assert_eq(nhi_ip_parse(&v, tcp6, 39, false), NHTB_REASON_RUNT);
    cr_assert_eq(nhi_ip_parse(&v, udp4, 31, false), NHTB_REASON_BAD_LENGTH);
    cr_assert_eq(nhi_ip_parse(&v, tcp6, 59, false), NHTB_REASON_BAD_LENGTH);
    for (unsigned version = 0; version < 16; version++) {
        if (version != 4 && version != 6) {
            uint8_t first = (uint8_t)(version << 4 | 5);
            cr_assert_eq(parse_with(udp4, 32, 0, first, false), NHTB_REASON_BAD_VERSION);
        }
    }
    cr_assert_eq(parse_with(udp4, 32, 0, 0x44, false), NHTB_REASON_BAD_LENGTH); /* IHL 4 */
    cr_assert_eq(parse_with(udp4, 32, 0, 0x4f, false), NHTB_REASON_BAD_LENGTH); /* IHL > total */
    cr_assert_eq(parse_with(udp4, 32, 0, 0x4f, true), NHTB_REASON_BAD_LENGTH);
    cr_assert_eq(parse_with(udp4, 32, 2, 0xff, false), NHTB_REASON_BAD_LENGTH);
    cr_assert_eq(parse_with(udp4, 32, 3, 19, false), NHTB_REASON_BAD_LENGTH);
    cr_assert_eq(parse_with(udp4, 32, 3, 0, false), NHTB_REASON_BAD_LENGTH);
    cr_assert_eq(parse_with(udp4, 32, 3, 0, true), NHTB_REASON_NONE);
}

Test(ip_parse, bytes_behind_the_packet_are_allowed_and_not_counted)
{
    uint8_t p[100] = {0};
    nhi_ip_view v;
    memcpy(p, udp4, sizeof udp4);
    cr_assert_eq(nhi_ip_parse(&v, p, sizeof p, false), NHTB_REASON_NONE);
    cr_assert_eq(v.total_len, 32);
    memcpy(p, tcp6, sizeof tcp6);
    cr_assert_eq(nhi_ip_parse(&v, p, sizeof p, false), NHTB_REASON_NONE);
    cr_assert_eq(v.total_len, 60);
}

Test(ip_parse, super_packets_count_the_bytes_that_are_there)
{
    static uint8_t p[70000];
    nhi_ip_view v;
    memcpy(p, udp4, sizeof udp4);
    cr_assert_eq(nhi_ip_parse(&v, p, sizeof p, true), NHTB_REASON_NONE);
    cr_assert_eq(v.total_len, sizeof p);
    memcpy(p, tcp6, sizeof tcp6);
    cr_assert_eq(nhi_ip_parse(&v, p, sizeof p, true), NHTB_REASON_NONE);
    cr_assert_eq(v.total_len, sizeof p);
    cr_assert_eq(v.hdr_len, 40);
}

Test(ip_parse, ipv4_options_are_skipped)
{
    uint8_t p[44] = {0};
    nhi_ip_view v;
    memcpy(p, udp4, 20);
    p[0] = 0x48; /* 12 bytes of options */
    p[3] = 44;
    memcpy(p + 32, udp4 + 20, 12);
    cr_assert_eq(nhi_ip_parse(&v, p, sizeof p, false), NHTB_REASON_NONE);
    cr_assert(v.hdr_len == 32 && v.ip_len == 32 && v.dport == 0x5678);
    cr_assert_eq(nhi_ip_parse(&v, p, 30, true), NHTB_REASON_BAD_LENGTH);
}

Test(ip_parse, ipv4_fragments)
{
    static const struct {
        uint16_t field;
        bool df, fragment, first;
    } c[] = {{0x0000, 0, 0, 1}, {0x4000, 1, 0, 1}, {0x2000, 0, 1, 1}, {0x2001, 0, 1, 0},
             {0x0001, 0, 1, 0}, {0x1fff, 0, 1, 0}, {0x8000, 0, 0, 1}, {0x6000, 1, 1, 1}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(c); i++) {
        uint8_t p[32];
        nhi_ip_view v;
        memcpy(p, udp4, sizeof p);
        nhi_put16(p + 6, c[i].field);
        cr_assert_eq(nhi_ip_parse(&v, p, sizeof p, false), NHTB_REASON_NONE);
        cr_assert_eq(v.df, c[i].df);
        cr_assert_eq(v.fragment, c[i].fragment);
        cr_assert_eq(v.first_fragment, c[i].first);
        cr_assert_eq(v.has_ports, c[i].first, "a later fragment has no ports");
    }
}

Test(ip_parse, ports_are_read_only_where_they_are)
{
    static const struct {
        uint8_t proto;
        uint8_t upper; /* bytes behind the header */
        bool has;
        uint16_t sport, dport;
    } c[] = {{6, 12, 1, 0x1234, 0x5678},
             {17, 4, 1, 0x1234, 0x5678},
             {132, 4, 1, 0x1234, 0x5678},
             {6, 3, 0, 0, 0},
             {17, 0, 0, 0, 0},
             {1, 2, 1, 0x1234, 0x1234},
             {58, 8, 1, 0x1234, 0x1234},
             {1, 1, 0, 0, 0},
             {50, 12, 0, 0, 0},
             {0, 12, 0, 0, 0},
             {47, 12, 0, 0, 0}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(c); i++) {
        uint8_t p[32];
        nhi_ip_view v;
        memcpy(p, udp4, sizeof p);
        p[3] = (uint8_t)(20 + c[i].upper);
        p[9] = c[i].proto;
        cr_assert_eq(nhi_ip_parse(&v, p, sizeof p, false), NHTB_REASON_NONE);
        cr_assert(v.has_ports == c[i].has && v.sport == c[i].sport && v.dport == c[i].dport, "%zu",
                  i);
        cr_assert_eq(v.proto, c[i].proto);
    }
}

/* Builds IPv6 with a chain of (type, length in 8-byte units), then 8 bytes of UDP; returns its size. */
typedef struct ext {
    uint8_t type;
    uint16_t units;
} ext;
static size_t chain6(uint8_t *p, const ext *e, size_t n, uint8_t last, uint16_t frag)
{
    memset(p, 0, 40);
    memcpy(p, tcp6, 40);
    size_t at = 40, next = 6;
    for (size_t i = 0; i < n; i++) {
        p[next] = e[i].type;
        next = at;
        memset(p + at, 0, (size_t)e[i].units * 8);
        p[at + 1] = e[i].type == NHI_IPPROTO_FRAGMENT ? 0 : (uint8_t)(e[i].units - 1);
        if (e[i].type == NHI_IPPROTO_FRAGMENT) {
            nhi_put16(p + at + 2, frag);
        }
        at += (size_t)e[i].units * 8;
    }
    p[next] = last;
    memcpy(p + at, udp4 + 20, 8);
    at += 8;
    nhi_put16(p + 4, (unsigned)(at - 40));
    return at;
}

Test(ip_parse, ipv6_extension_headers_are_skipped)
{
    static const ext all[] = {{0, 1}, {60, 3}, {43, 2}, {44, 1}, {60, 256}};
    static uint8_t p[4096];
    nhi_ip_view v;
    size_t n = chain6(p, all, 5, 17, 0);
    cr_assert_eq(nhi_ip_parse(&v, p, n, false), NHTB_REASON_NONE);
    cr_assert_eq(v.proto, 17);
    cr_assert_eq(v.hdr_len, n - 8);
    cr_assert_eq(v.ip_len, 40);
    cr_assert(v.has_ports && v.sport == 0x1234 && v.dport == 0x5678);
    cr_assert_not(v.fragment, "offset 0 without more fragments is whole");
}

Test(ip_parse, ipv6_fragments)
{
    static const ext frag[] = {{0, 1}, {44, 1}};
    static const struct {
        uint16_t field;
        bool fragment, first;
    } c[] = {{0x0000, 0, 1}, {0x0001, 1, 1}, {0x0008, 1, 0}, {0xfff8, 1, 0}, {0xfff9, 1, 0}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(c); i++) {
        uint8_t p[128];
        nhi_ip_view v;
        size_t n = chain6(p, frag, 2, 17, c[i].field);
        cr_assert_eq(nhi_ip_parse(&v, p, n, false), NHTB_REASON_NONE);
        cr_assert_eq(v.fragment, c[i].fragment);
        cr_assert_eq(v.first_fragment, c[i].first);
        cr_assert_eq(v.has_ports, c[i].first);
        cr_assert_eq(v.proto, 17);
        cr_assert_eq(v.hdr_len, 56);
    }
}

Test(ip_parse, bytes_of_a_later_ipv6_fragment_are_not_taken_for_headers)
{
    static const ext frag[] = {{44, 1}};
    uint8_t p[128];
    nhi_ip_view v;
    size_t n = chain6(p, frag, 1, NHI_IPPROTO_DSTOPT, 0x0100);
    p[48 + 1] = 255; /* would be a destination options header that is much too long */
    cr_assert_eq(nhi_ip_parse(&v, p, n, false), NHTB_REASON_NONE);
    cr_assert_eq(v.proto, NHI_IPPROTO_DSTOPT);
    cr_assert_eq(v.hdr_len, 48);
}

Test(ip_parse, ipv6_chains_that_are_too_long_or_cut_are_refused)
{
    static const ext nine[] = {{60, 1}, {60, 1}, {60, 1}, {60, 1}, {60, 1},
                               {60, 1}, {60, 1}, {60, 1}, {60, 1}};
    uint8_t p[256];
    nhi_ip_view v;
    size_t n = chain6(p, nine, 9, 17, 0);
    cr_assert_eq(nhi_ip_parse(&v, p, n, false), NHTB_REASON_BAD_LENGTH);
    n = chain6(p, nine, 8, 17, 0);
    cr_assert_eq(nhi_ip_parse(&v, p, n, false), NHTB_REASON_NONE);
    cr_assert(v.has_ports);
    for (size_t cut = 40; cut < n - 8; cut++) { /* the header says so, too */
        nhi_put16(p + 4, (unsigned)(cut - 40));
        cr_assert_eq(nhi_ip_parse(&v, p, n, false), NHTB_REASON_RUNT);
    }
}

Test(ip_parse, hop_by_hop_options_elsewhere_end_the_chain)
{
    static const ext late[] = {{60, 1}, {0, 1}};
    uint8_t p[128];
    nhi_ip_view v;
    size_t n = chain6(p, late, 2, 17, 0);
    cr_assert_eq(nhi_ip_parse(&v, p, n, false), NHTB_REASON_NONE);
    cr_assert_eq(v.proto, NHI_IPPROTO_HOPOPT);
    cr_assert_eq(v.hdr_len, 48);
    cr_assert_not(v.has_ports);
}

static void parse_any(const uint8_t *p, size_t n)
{
    for (unsigned super = 0; super < 2; super++) {
        nhi_ip_view v;
        unsigned reason = nhi_ip_parse(&v, p, n, super != 0);
        if (reason != NHTB_REASON_NONE) {
            cr_assert(reason == NHTB_REASON_RUNT || reason == NHTB_REASON_BAD_LENGTH ||
                      reason == NHTB_REASON_BAD_VERSION);
            continue;
        }
        nhtb_addr s, d;
        cr_assert(v.hdr_len <= v.total_len && v.total_len <= n && v.ip_len <= v.hdr_len);
        cr_assert(v.ip_len >= 20);
        cr_assert(v.first_fragment || (v.fragment && !v.has_ports));
        nhi_ip_addrs(p, &s, &d);
    }
}

/* What the inline way takes, the whole one takes too and sees the same; it changes nothing else. */
static void plain_agrees(const uint8_t *p, size_t n)
{
    nhi_ip_view quick, untouched, whole;
    memset(&quick, 0x5a, sizeof quick);
    memset(&untouched, 0x5a, sizeof untouched);
    memset(&whole, 0x5a, sizeof whole);
    if (!nhi_ip4_plain(&quick, p, n)) {
        cr_assert_eq(memcmp(&quick, &untouched, sizeof quick), 0);
        return;
    }
    nhtb_addr s, d, qs, qd;
    cr_assert_eq(nhi_ip_parse(&whole, p, n, false), 0);
    cr_assert_eq(memcmp(&quick, &whole, sizeof quick), 0);
    nhi_ip_addrs(p, &s, &d);
    nhi_ip4_addrs(p, &qs, &qd);
    cr_assert(nhi_addr_same(&s, &qs) && nhi_addr_same(&d, &qd));
}

Test(ip_parse, the_inline_way_agrees)
{
    nhi_ip_view v;
    cr_assert(nhi_ip4_plain(&v, udp4, sizeof udp4));
    cr_assert_not(nhi_ip4_plain(&v, tcp6, sizeof tcp6));
    mutate(plain_agrees, udp4, sizeof udp4);
    mutate(plain_agrees, tcp6, sizeof tcp6);
}

Test(ip_parse, damaged_packets_are_refused_or_stay_inside_their_bytes)
{
    static const ext all[] = {{0, 1}, {60, 2}, {43, 1}, {44, 1}, {60, 1}};
    uint8_t p[256];
    mutate(parse_any, udp4, sizeof udp4);
    mutate(parse_any, tcp6, sizeof tcp6);
    mutate(parse_any, p, chain6(p, all, 5, 17, 1));
}
