/* SPDX-License-Identifier: Apache-2.0
 * A checked view of an IPv4 or IPv6 packet (RFC 791, RFC 8200). Called by dp/ for every inner packet
 * (hot: IPv4 without options and IPv6 without extension headers take one straight path) and by the
 * ICMP builder. Any thread. */
#include <nhtb/pkt.h>

#include "wire/ip.h"

#define IP4_MIN       20
#define IP6_HDR       40
#define EXT_MAX       8
#define PROTO_DCCP    33
#define PROTO_SCTP    132
#define PROTO_UDPLITE 136

/** Ports, or ICMP type and code, from the n bytes behind the headers. */
static void read_ports(nhi_ip_view *v, const uint8_t *up, size_t n)
{
    switch (v->proto) {
    case NHI_IPPROTO_TCP:
    case NHI_IPPROTO_UDP:
    case PROTO_SCTP:
    case PROTO_UDPLITE:
    case PROTO_DCCP:
        if (n >= 4) {
            v->sport = nhi_get16(up);
            v->dport = nhi_get16(up + 2);
            v->has_ports = true;
        }
        break;
    case NHI_IPPROTO_ICMP:
    case NHI_IPPROTO_ICMP6:
        if (n >= 2) {
            v->sport = v->dport = nhi_get16(up); /* RFC 7296 3.13.1: type * 256 + code */
            v->has_ports = true;
        }
        break;
    default: break;
    }
}

static unsigned parse4(nhi_ip_view *v, const uint8_t *p, size_t n, bool super)
{
    if (n < IP4_MIN) {
        return NHTB_REASON_RUNT;
    }
    size_t hdr = (size_t)(p[0] & 15) * 4;
    size_t total = super ? n : nhi_get16(p + 2);
    if (hdr < IP4_MIN || total < hdr) {
        return NHTB_REASON_BAD_LENGTH;
    }
    if (hdr > n || total > n) {
        return hdr > n ? NHTB_REASON_RUNT : NHTB_REASON_BAD_LENGTH;
    }
    unsigned frag = nhi_get16(p + 6);
    *v = (nhi_ip_view){.version = 4,
                       .proto = p[9],
                       .tos = p[1],
                       .ttl = p[8],
                       .df = (frag & 0x4000) != 0,
                       .fragment = (frag & 0x3fff) != 0,
                       .first_fragment = (frag & 0x1fff) == 0,
                       .hdr_len = (uint16_t)hdr,
                       .ip_len = (uint16_t)hdr,
                       .total_len = (uint32_t)total};
    if (v->first_fragment) {
        read_ports(v, p + hdr, total - hdr);
    }
    return NHTB_REASON_NONE;
}

/** One extension header at p+at: its length, 0 when it does not fit into n bytes. */
static size_t ext_len(uint8_t proto, const uint8_t *p, size_t at, size_t n)
{
    if (n - at < 8) {
        return 0;
    }
    size_t len = proto == NHI_IPPROTO_FRAGMENT ? 8 : ((size_t)p[at + 1] + 1) * 8;
    return len <= n - at ? len : 0;
}

/** Hop-by-hop options count only right behind the IPv6 header (RFC 8200 4.1). */
static bool is_ext(uint8_t proto, bool first)
{
    return proto == NHI_IPPROTO_ROUTING || proto == NHI_IPPROTO_DSTOPT ||
           proto == NHI_IPPROTO_FRAGMENT || (proto == NHI_IPPROTO_HOPOPT && first);
}

/** Walks the extension headers; stops behind the fragment header of a later fragment, whose next
 *  bytes are not headers. */
static unsigned skip_exts(nhi_ip_view *v, const uint8_t *p)
{
    size_t at = IP6_HDR;
    uint8_t proto = p[6];
    for (unsigned i = 0; v->first_fragment && is_ext(proto, i == 0); i++) {
        size_t len = ext_len(proto, p, at, v->total_len);
        if (len == 0) {
            return NHTB_REASON_RUNT;
        }
        if (i == EXT_MAX) {
            return NHTB_REASON_BAD_LENGTH;
        }
        if (proto == NHI_IPPROTO_FRAGMENT) {
            unsigned frag = nhi_get16(p + at + 2);
            v->fragment = (frag & 0xfff9) != 0; /* RFC 6946: offset 0 without M is whole */
            v->first_fragment = (frag & 0xfff8) == 0;
        }
        proto = p[at];
        at += len;
    }
    v->proto = proto;
    v->hdr_len = (uint16_t)at; /* at most 40 + 8 * 2048 */
    return NHTB_REASON_NONE;
}

static unsigned parse6(nhi_ip_view *v, const uint8_t *p, size_t n, bool super)
{
    if (n < IP6_HDR) {
        return NHTB_REASON_RUNT;
    }
    size_t total = super ? n : IP6_HDR + (size_t)nhi_get16(p + 4);
    if (total > n) {
        return NHTB_REASON_BAD_LENGTH;
    }
    *v = (nhi_ip_view){.version = 6,
                       .proto = p[6],
                       .tos = (uint8_t)(nhi_get16(p) >> 4),
                       .ttl = p[7],
                       .df = true,
                       .first_fragment = true,
                       .hdr_len = IP6_HDR,
                       .ip_len = IP6_HDR,
                       .total_len = (uint32_t)total};
    if (is_ext(p[6], true)) {
        unsigned reason = skip_exts(v, p);
        if (reason != NHTB_REASON_NONE) {
            return reason;
        }
    }
    if (v->first_fragment) {
        read_ports(v, p + v->hdr_len, total - v->hdr_len);
    }
    return NHTB_REASON_NONE;
}

unsigned nhi_ip_parse(nhi_ip_view *v, const uint8_t *p, size_t n, bool super)
{
    if (n == 0) {
        return NHTB_REASON_RUNT;
    }
    unsigned version = p[0] >> 4;
    if (version == 4) {
        return parse4(v, p, n, super);
    }
    return version == 6 ? parse6(v, p, n, super) : NHTB_REASON_BAD_VERSION;
}

void nhi_ip_addrs(const uint8_t *p, nhtb_addr *src, nhtb_addr *dst)
{
    if (p[0] >> 4 == 4) {
        nhi_addr_from_bytes(src, 4, p + 12);
        nhi_addr_from_bytes(dst, 4, p + 16);
    } else {
        nhi_addr_from_bytes(src, 6, p + 8);
        nhi_addr_from_bytes(dst, 6, p + 24);
    }
}
