/* SPDX-License-Identifier: Apache-2.0
 * Neighbour solicitations and their answers. Called by dp/nd.c; any thread. RFC 4861 4.3, 4.4,
 * 7.1.1, 7.2.4, 7.2.8. */
#include "wire/nd.h"

enum {
    SOLICIT = 135,
    ADVERT = 136,
    IP6 = 40,
    FIXED = 24, /* type, code, checksum, flags, target */
    HOPS = 255,
    OPT_SOURCE_LINK = 1
};
enum { ROUTER = 0x80, SOLICITED = 0x40, OVERRIDE = 0x20 };

static bool options_ok(const uint8_t *o, size_t n, bool unspecified)
{
    while (n > 0) {
        size_t len = n >= 2 ? (size_t)o[1] * 8 : 0;
        if (len == 0 || len > n || (unspecified && o[0] == OPT_SOURCE_LINK))
            return false;
        o += len;
        n -= len;
    }
    return true;
}

static bool is_unspecified(const uint8_t a[16])
{
    static const uint8_t none[16];
    return memcmp(a, none, sizeof none) == 0;
}

static bool is_solicited_node(const uint8_t a[16])
{
    static const uint8_t start[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
    return memcmp(a, start, sizeof start) == 0;
}

static bool valid(const uint8_t *p, const nhi_ip_view *v, const nhtb_addr *target)
{
    size_t n = v->total_len - IP6;
    const uint8_t *icmp = p + IP6;
    bool nobody = is_unspecified(p + 8);
    if (v->fragment || v->ttl != HOPS || n < FIXED || icmp[1] != 0)
        return false;
    if (nhi_addr_is_multicast(target) || p[8] == 0xff)
        return false;
    if (nobody && !is_solicited_node(p + 24))
        return false;
    if (!options_ok(icmp + FIXED, n - FIXED, nobody))
        return false;
    uint64_t sum = nhi_ip_pseudo_sum(p, NHI_IPPROTO_ICMP6, (uint32_t)n);
    return nhi_csum_fold(nhi_csum_add(sum, icmp, n)) == 0;
}

nhi_nd_kind nhi_nd_parse(const uint8_t *p, const nhi_ip_view *v, nhtb_addr *target)
{
    bool solicit = v->version == 6 && v->proto == NHI_IPPROTO_ICMP6 && v->hdr_len == IP6 &&
                   v->has_ports && v->sport >> 8 == SOLICIT;
    if (!solicit)
        return NHI_ND_OTHER;
    if (v->total_len < IP6 + FIXED)
        return NHI_ND_INVALID;
    (void)nhi_addr_from_bytes(target, 6, p + IP6 + 8);
    return valid(p, v, target) ? NHI_ND_SOLICIT : NHI_ND_INVALID;
}

uint32_t nhi_nd_answer(uint8_t *p, const nhtb_addr *target, bool own)
{
    nhtb_addr to, dst;
    uint8_t *icmp = p + IP6;
    static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
    bool nobody = is_unspecified(p + 8);
    nhi_ip_addrs(p, &to, &dst);
    if (nobody)
        (void)nhi_addr_from_bytes(&to, 6, all_nodes);
    nhi_ip6_write(p, target, &to, NHI_IPPROTO_ICMP6, 0, HOPS, 0, IP6 + FIXED);
    memset(icmp, 0, FIXED);
    icmp[0] = ADVERT;
    icmp[4] = (uint8_t)(ROUTER | (nobody ? 0 : SOLICITED) | (own ? OVERRIDE : 0));
    memcpy(icmp + 8, target->b, 16);
    uint64_t sum = nhi_ip_pseudo_sum(p, NHI_IPPROTO_ICMP6, FIXED);
    nhi_put16(icmp + 2, nhi_csum_fold(nhi_csum_add(sum, icmp, FIXED)));
    return IP6 + FIXED;
}
