/* SPDX-License-Identifier: Apache-2.0
 * ICMP errors: too big (RFC 1191, RFC 8201), time exceeded, unreachable, and when one may be sent
 * (RFC 1122 3.2.2, RFC 4443 2.4). Called by dp/mtu.c and dp/transit.c. Any thread. */
#include "wire/icmp.h"

#define ICMP_HDR 8
#define MAX4     576
#define MAX6     1280
#define TTL      64

size_t nhi_icmp_max(uint8_t version)
{
    return version == 4 ? MAX4 : MAX6;
}

/** An error, or a redirect; also when the type cannot be seen. */
static bool is_icmp_error(const nhi_ip_view *v)
{
    unsigned type = v->sport >> 8;
    if (v->version == 4 && v->proto == NHI_IPPROTO_ICMP) {
        return !v->has_ports || type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    }
    if (v->version == 6 && v->proto == NHI_IPPROTO_ICMP6) {
        return !v->has_ports || type < 128 || type == 137;
    }
    return false;
}

bool nhi_icmp_allowed(const uint8_t *p, size_t n, const nhi_ip_view *v, nhi_icmp_kind kind)
{
    nhtb_addr src, dst;
    if (n < v->hdr_len || is_icmp_error(v)) {
        return false;
    }
    /* RFC 1122 forbids them about later fragments; IPv6 needs them there for path MTU discovery. */
    if (v->version == 4 && !v->first_fragment) {
        return false;
    }
    nhi_ip_addrs(p, &src, &dst);
    if (!nhi_addr_is_unicast(&src)) {
        return false;
    }
    if (nhi_addr_is_unicast(&dst)) {
        return true;
    }
    return v->version == 6 && kind == NHI_ICMP_TOO_BIG && nhi_addr_is_multicast(&dst);
}

typedef struct code {
    uint8_t type, code;
} code;

static code code_of(uint8_t version, nhi_icmp_kind kind)
{
    static const code v4[] = {[NHI_ICMP_TOO_BIG] = {3, 4},
                              [NHI_ICMP_TIME_EXCEEDED] = {11, 0},
                              [NHI_ICMP_UNREACHABLE] = {3, 1}};
    static const code v6[] = {[NHI_ICMP_TOO_BIG] = {2, 0},
                              [NHI_ICMP_TIME_EXCEEDED] = {3, 0},
                              [NHI_ICMP_UNREACHABLE] = {1, 0}};
    return version == 4 ? v4[kind] : v6[kind];
}

/** The MTU field: 16 bits in ICMPv4; never below the IPv6 minimum in ICMPv6. */
static uint32_t mtu_field(uint8_t version, nhi_icmp_kind kind, uint32_t mtu)
{
    if (kind != NHI_ICMP_TOO_BIG) {
        return 0;
    }
    if (version == 4) {
        return mtu > 0xffff ? 0xffff : mtu;
    }
    return mtu < MAX6 ? MAX6 : mtu;
}

static void write_icmp(uint8_t *ip, size_t ip_len, size_t total, uint8_t version, code c,
                       uint32_t field)
{
    uint8_t *icmp = ip + ip_len;
    uint32_t len = (uint32_t)(total - ip_len);
    icmp[0] = c.type;
    icmp[1] = c.code;
    nhi_put16(icmp + 2, 0);
    nhi_put32(icmp + 4, field);
    uint64_t sum = version == 4 ? 0 : nhi_ip_pseudo_sum(ip, NHI_IPPROTO_ICMP6, len);
    nhi_put16(icmp + 2, nhi_csum_fold(nhi_csum_add(sum, icmp, len)));
}

/** Bytes of the packet that are quoted; 0 when not even its header and 8 bytes more would fit. */
static size_t quote_len(size_t cap, size_t hdr, size_t n, const nhi_ip_view *v)
{
    size_t most = nhi_icmp_max(v->version);
    size_t room = cap < most ? cap : most;
    size_t whole = n < v->total_len ? n : v->total_len;
    size_t least = (size_t)v->ip_len + 8 < whole ? (size_t)v->ip_len + 8 : whole;
    if (room < hdr + least) {
        return 0;
    }
    return whole < room - hdr ? whole : room - hdr;
}

size_t nhi_icmp_build(uint8_t *dst, size_t cap, const uint8_t *p, size_t n, const nhi_ip_view *v,
                      nhi_icmp_kind kind, const nhtb_addr *src, uint32_t mtu)
{
    size_t ip_len = v->version == 4 ? 20 : 40;
    size_t quote = quote_len(cap, ip_len + ICMP_HDR, n, v);
    nhtb_addr to, from;
    nhi_ip_addrs(p, &to, &from);
    if (src->family == v->version) {
        from = *src;
    }
    if (quote == 0 || nhi_addr_is_multicast(&from)) {
        return 0;
    }
    size_t total = ip_len + ICMP_HDR + quote;
    memcpy(dst + ip_len + ICMP_HDR, p, quote);
    if (v->version == 4) {
        nhi_ip4_write(dst, &from, &to, NHI_IPPROTO_ICMP, 0, TTL, true, 0, (uint32_t)total);
    } else {
        nhi_ip6_write(dst, &from, &to, NHI_IPPROTO_ICMP6, 0, TTL, 0, (uint32_t)total);
    }
    write_icmp(dst, ip_len, total, v->version, code_of(v->version, kind),
               mtu_field(v->version, kind, mtu));
    return total;
}
