/* SPDX-License-Identifier: Apache-2.0
 * Inner and outer IP packets: a checked view, checksums, header templates. RFC 791, 8200, 1624.
 * Stateless; any thread. */
#ifndef NHI_WIRE_IP_H
#define NHI_WIRE_IP_H

#include "base/base.h"

enum {
    NHI_IPPROTO_HOPOPT = 0,
    NHI_IPPROTO_ICMP = 1,
    NHI_IPPROTO_IPV4 = 4,
    NHI_IPPROTO_TCP = 6,
    NHI_IPPROTO_UDP = 17,
    NHI_IPPROTO_IPV6 = 41,
    NHI_IPPROTO_ROUTING = 43,
    NHI_IPPROTO_FRAGMENT = 44,
    NHI_IPPROTO_ESP = 50,
    NHI_IPPROTO_AH = 51,
    NHI_IPPROTO_ICMP6 = 58,
    NHI_IPPROTO_NONE = 59,
    NHI_IPPROTO_DSTOPT = 60
};

/** What a packet's headers say, all lengths checked against the bytes that are there. */
typedef struct nhi_ip_view {
    uint8_t version;     /* 4 or 6 */
    uint8_t proto;       /* upper protocol (IPv6: after the extension headers that are skipped) */
    uint8_t tos;         /* TOS or traffic class */
    uint8_t ttl;         /* TTL or hop limit */
    bool df;             /* IPv4 DF; always true for IPv6 */
    bool fragment;       /* is a fragment */
    bool first_fragment; /* offset 0 (also true when it is no fragment) */
    bool has_ports;      /* sport/dport valid (TCP, UDP, SCTP; ICMP: type*256+code in both) */
    uint16_t sport, dport;
    uint16_t hdr_len;   /* bytes before the upper protocol */
    uint16_t ip_len;    /* IPv4 header length or 40 */
    uint32_t total_len; /* from the header; <= n */
} nhi_ip_view;

/** 0, or the nhtb_reason (RUNT, BAD_VERSION, BAD_LENGTH) why not. n may be longer than total_len
 *  (TFC padding). Extension headers: hop-by-hop, routing, destination options, fragment; at most 8.
 *  super: total_len may be anything (virtio super-packets); n counts. */
unsigned nhi_ip_parse(nhi_ip_view *v, const uint8_t *p, size_t n, bool super);
/** The common case of nhi_ip_parse without the call: a whole IPv4 TCP or UDP packet without options,
 *  not a super-packet. False: ask nhi_ip_parse, v is untouched. */
static inline bool nhi_ip4_plain(nhi_ip_view *v, const uint8_t *p, size_t n)
{
    if (n < 28 || p[0] != 0x45 || (p[9] != NHI_IPPROTO_UDP && p[9] != NHI_IPPROTO_TCP))
        return false;
    uint32_t total = nhi_get16(p + 2), frag = nhi_get16(p + 6);
    if (total < 28 || total > n || (frag & 0x3fff) != 0)
        return false;
    *v = (nhi_ip_view){.version = 4,
                       .proto = p[9],
                       .tos = p[1],
                       .ttl = p[8],
                       .df = (frag & 0x4000) != 0,
                       .first_fragment = true,
                       .has_ports = true,
                       .sport = nhi_get16(p + 20),
                       .dport = nhi_get16(p + 22),
                       .hdr_len = 20,
                       .ip_len = 20,
                       .total_len = total};
    return true;
}
/** Addresses of a parsed packet. */
void nhi_ip_addrs(const uint8_t *p, nhtb_addr *src, nhtb_addr *dst);
/** Addresses of an IPv4 packet. */
static inline void nhi_ip4_addrs(const uint8_t *p, nhtb_addr *src, nhtb_addr *dst)
{
    *src = (nhtb_addr){.family = 4};
    *dst = (nhtb_addr){.family = 4};
    memcpy(src->b, p + 12, 4);
    memcpy(dst->b, p + 16, 4);
}

/** Ones' complement sum (not folded, not inverted) to chain; odd tails padded. */
uint64_t nhi_csum_add(uint64_t sum, const uint8_t *p, size_t n);
/** Folds and inverts. */
uint16_t nhi_csum_fold(uint64_t sum);
/** Sum of the pseudo header of a packet for an upper length. */
uint64_t nhi_ip_pseudo_sum(const uint8_t *p, uint8_t proto, uint32_t upper_len);
/** Rewrites the IPv4 header checksum. hdr: ip_len bytes. */
void nhi_ip4_set_csum(uint8_t *hdr, size_t ip_len);
/** Changes one 16-bit word at p+off of an IPv4 header and updates its checksum (RFC 1624). */
void nhi_ip4_patch16(uint8_t *p, size_t off, uint16_t v);
/** Sets TOS / traffic class; the IPv4 checksum follows. */
void nhi_ip_set_tos(uint8_t *p, uint8_t tos);
/** Decrements TTL / hop limit (caller checked > 1); the IPv4 checksum follows. */
void nhi_ip_dec_ttl(uint8_t *p);
/** Sets the total / payload length from the whole packet length. */
void nhi_ip_set_len(uint8_t *p, uint32_t total);

/** Outer header writers: 20 or 40 bytes at p. len: whole packet. id: IPv4 identification. */
void nhi_ip4_write(uint8_t *p, const nhtb_addr *src, const nhtb_addr *dst, uint8_t proto,
                   uint8_t tos, uint8_t ttl, bool df, uint16_t id, uint32_t len);
void nhi_ip6_write(uint8_t *p, const nhtb_addr *src, const nhtb_addr *dst, uint8_t proto,
                   uint8_t tos, uint8_t ttl, uint32_t flow, uint32_t len);
/** UDP header, 8 bytes; checksum 0 on IPv4. On IPv6 the caller sets it with nhi_udp6_csum. */
void nhi_udp_write(uint8_t *p, uint16_t sport, uint16_t dport, uint32_t payload_len);
/** Fills the UDP checksum of an IPv6 packet that starts at ip (UDP right behind the header). */
void nhi_udp6_csum(uint8_t *ip);

/** ECN, RFC 6040. Outer TOS for an inner one: normal mode copies ECN, compat clears it; dscp 0xff
 *  copies the inner DSCP. */
static inline uint8_t nhi_ecn_encap(uint8_t inner_tos, uint8_t dscp, bool compat)
{
    unsigned high = dscp == 0xff ? inner_tos & 0xfcu : (dscp & 0x3fu) << 2;
    return (uint8_t)(high | (compat ? 0 : inner_tos & 3u));
}
/** The inner TOS after decapsulation, or -1: drop (CE on Not-ECT). copy_dscp: outer DSCP wins. */
int nhi_ecn_decap(uint8_t inner_tos, uint8_t outer_tos, bool copy_dscp);

#endif
