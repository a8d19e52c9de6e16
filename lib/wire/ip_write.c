/* SPDX-License-Identifier: Apache-2.0
 * Checksums, header edits that keep the IPv4 checksum right (RFC 1624), outer header writers.
 * Called by dp/ per packet and by fib/ templates through db/. Any thread. */
#include "wire/ip.h"

#define IP4_HDR 20
#define IP6_HDR 40

/** A sum of words as they lie in memory, as 16 bits of the wire's order. */
static uint64_t in_order(uint64_t words)
{
    unsigned s = (uint16_t)~nhi_csum_fold(words);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? s : (s << 8 | s >> 8) & 0xffff;
}

uint64_t nhi_csum_add(uint64_t sum, const uint8_t *p, size_t n)
{
    /* The sum is the same whatever the order of bytes, once swapped, and 32-bit words give the same
     * as 16-bit words, once folded (RFC 1071 2): so words are taken as they lie, many at a time. */
    uint64_t words = 0;
    for (; n >= 4; n -= 4, p += 4) {
        uint32_t w;
        memcpy(&w, p, sizeof w);
        words += w;
    }
    sum += in_order(words);
    if (n >= 2) {
        sum += nhi_get16(p);
        p += 2;
        n -= 2;
    }
    return n == 0 ? sum : sum + ((uint64_t)p[0] << 8);
}

uint16_t nhi_csum_fold(uint64_t sum)
{
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)~sum;
}

uint64_t nhi_ip_pseudo_sum(const uint8_t *p, uint8_t proto, uint32_t upper_len)
{
    uint64_t sum = (uint64_t)proto + upper_len;
    return p[0] >> 4 == 4 ? nhi_csum_add(sum, p + 12, 8) : nhi_csum_add(sum, p + 8, 32);
}

void nhi_ip4_set_csum(uint8_t *hdr, size_t ip_len)
{
    nhi_put16(hdr + 10, 0);
    nhi_put16(hdr + 10, nhi_csum_fold(nhi_csum_add(0, hdr, ip_len)));
}

void nhi_ip4_patch16(uint8_t *p, size_t off, uint16_t v)
{
    /* RFC 1624 equation 3: HC' = ~(~HC + ~m + m') */
    uint64_t sum = (uint64_t)(nhi_get16(p + 10) ^ 0xffff) + (nhi_get16(p + off) ^ 0xffff) + v;
    nhi_put16(p + off, v);
    nhi_put16(p + 10, nhi_csum_fold(sum));
}

void nhi_ip_set_tos(uint8_t *p, uint8_t tos)
{
    if (p[0] >> 4 == 4) {
        nhi_ip4_patch16(p, 0, (uint16_t)((unsigned)p[0] << 8 | tos));
        return;
    }
    p[0] = (uint8_t)(0x60 | tos >> 4);
    p[1] = (uint8_t)((tos & 15) << 4 | (p[1] & 15));
}

void nhi_ip_dec_ttl(uint8_t *p)
{
    if (p[0] >> 4 == 4) {
        nhi_ip4_patch16(p, 8, (uint16_t)(nhi_get16(p + 8) - 0x100));
    } else {
        p[7]--;
    }
}

void nhi_ip_set_len(uint8_t *p, uint32_t total)
{
    if (p[0] >> 4 == 4) {
        nhi_ip4_patch16(p, 2, (uint16_t)total);
    } else {
        nhi_put16(p + 4, (total - IP6_HDR) & 0xffff);
    }
}

void nhi_ip4_write(uint8_t *p, const nhtb_addr *src, const nhtb_addr *dst, uint8_t proto,
                   uint8_t tos, uint8_t ttl, bool df, uint16_t id, uint32_t len)
{
    p[0] = 0x45;
    p[1] = tos;
    nhi_put16(p + 2, len & 0xffff);
    nhi_put16(p + 4, id);
    nhi_put16(p + 6, df ? 0x4000 : 0);
    p[8] = ttl;
    p[9] = proto;
    memcpy(p + 12, src->b, 4);
    memcpy(p + 16, dst->b, 4);
    nhi_ip4_set_csum(p, IP4_HDR);
}

void nhi_ip6_write(uint8_t *p, const nhtb_addr *src, const nhtb_addr *dst, uint8_t proto,
                   uint8_t tos, uint8_t ttl, uint32_t flow, uint32_t len)
{
    nhi_put32(p, UINT32_C(6) << 28 | (uint32_t)tos << 20 | (flow & 0xfffff));
    nhi_put16(p + 4, (len - IP6_HDR) & 0xffff);
    p[6] = proto;
    p[7] = ttl;
    memcpy(p + 8, src->b, 16);
    memcpy(p + 24, dst->b, 16);
}

void nhi_udp_write(uint8_t *p, uint16_t sport, uint16_t dport, uint32_t payload_len)
{
    nhi_put16(p, sport);
    nhi_put16(p + 2, dport);
    nhi_put16(p + 4, (payload_len + 8) & 0xffff);
    nhi_put16(p + 6, 0);
}

void nhi_udp6_csum(uint8_t *ip)
{
    uint8_t *udp = ip + IP6_HDR;
    uint32_t len = nhi_get16(udp + 4);
    nhi_put16(udp + 6, 0);
    uint64_t sum = nhi_ip_pseudo_sum(ip, NHI_IPPROTO_UDP, len);
    uint16_t csum = nhi_csum_fold(nhi_csum_add(sum, udp, len));
    nhi_put16(udp + 6, csum == 0 ? 0xffff : csum); /* RFC 8200 8.1: 0 means none */
}
