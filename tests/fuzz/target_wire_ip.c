/* SPDX-License-Identifier: Apache-2.0
 * IP parser, addresses, header writers in place, ECN, ICMP errors. Input: a packet, then three
 * option bytes (flags, room for the error, MTU). RFC 791, 8200, 1624, 6040, 4443. */
#include "fuzz/fuzz.h"
#include "wire/icmp.h"
#include "wire/ip.h"

static bool same_addr(const nhtb_addr *a, const nhtb_addr *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static void check_view(const nhi_ip_view *v, const uint8_t *p, size_t n, bool super)
{
    nhtb_addr src, dst;
    fuzz_check(v->version == 4 || v->version == 6);
    fuzz_check(v->version == p[0] >> 4);
    fuzz_check(v->total_len <= n && (!super || v->total_len == n));
    fuzz_check(v->ip_len <= v->hdr_len && v->hdr_len <= v->total_len);
    fuzz_check(v->ip_len >= (v->version == 4 ? 20 : 40));
    fuzz_check(v->fragment || v->first_fragment);
    fuzz_check(!v->has_ports || v->first_fragment);
    nhi_ip_addrs(p, &src, &dst);
    fuzz_check(src.family == v->version && dst.family == v->version);
}

static bool csum_ok(const uint8_t *p, size_t ip_len)
{
    return nhi_csum_fold(nhi_csum_add(0, p, ip_len)) == 0;
}

static void check_edits(const nhi_ip_view *v, uint8_t *p, size_t n, bool super, uint8_t tos)
{
    nhi_ip_view now;
    if (v->version == 4)
        nhi_ip4_set_csum(p, v->ip_len);
    nhi_ip_set_tos(p, tos);
    fuzz_check(nhi_ip_parse(&now, p, n, super) == 0 && now.tos == tos && now.ttl == v->ttl);
    if (v->ttl > 1) {
        nhi_ip_dec_ttl(p);
        fuzz_check(nhi_ip_parse(&now, p, n, super) == 0 && now.ttl == v->ttl - 1);
    }
    if (v->version == 4) {
        nhi_ip4_patch16(p, 4, 0x1234u ^ tos);
        fuzz_check(csum_ok(p, v->ip_len));
    }
    fuzz_check(now.proto == v->proto && now.hdr_len == v->hdr_len && now.sport == v->sport);
    if (v->total_len <= 0xffff) {
        nhi_ip_set_len(p, v->total_len);
        fuzz_check(nhi_ip_parse(&now, p, n, false) == 0 && now.total_len == v->total_len);
    }
}

static void check_icmp_sum(const uint8_t *p, size_t n, const nhi_ip_view *v)
{
    uint64_t sum =
        v->version == 4 ? 0 : nhi_ip_pseudo_sum(p, NHI_IPPROTO_ICMP6, (uint32_t)(n - v->ip_len));
    fuzz_check(nhi_csum_fold(nhi_csum_add(sum, p + v->ip_len, n - v->ip_len)) == 0);
}

static void check_error(const nhi_ip_view *v, const uint8_t *p, size_t n, nhi_icmp_kind kind,
                        size_t cap, uint32_t mtu)
{
    const nhtb_addr own = {.family = 4, .b = {10, 0, 0, 1}};
    nhtb_addr src, dst, to, from;
    nhi_ip_view e;
    nhi_ip_addrs(p, &src, &dst);
    bool allowed = nhi_icmp_allowed(p, n, v, kind);
    uint8_t *out = malloc(cap);
    size_t len = nhi_icmp_build(out, cap, p, n, v, kind, &own, mtu);
    fuzz_check(len <= cap && len <= nhi_icmp_max(v->version));
    if (len) {
        fuzz_check(nhi_ip_parse(&e, out, len, false) == 0 && e.total_len == len);
        fuzz_check(e.version == v->version && !e.fragment && e.has_ports);
        fuzz_check(!nhi_icmp_allowed(out, len, &e, kind)); /* never an error about an error */
        fuzz_check(v->version == 6 || csum_ok(out, e.ip_len));
        check_icmp_sum(out, len, &e);
        nhi_ip_addrs(out, &from, &to);
        fuzz_check(same_addr(&to, &src));
        fuzz_check(v->version == 6 ? same_addr(&from, &dst) : same_addr(&from, &own));
    }
    fuzz_check(!allowed || nhi_addr_is_unicast(&src));
    free(out);
}

static void check_ecn(uint8_t inner, uint8_t outer)
{
    uint8_t full = nhi_ecn_encap(inner, 0xff, false), compat = nhi_ecn_encap(inner, 0xff, true);
    int back = nhi_ecn_decap(inner, outer, false);
    fuzz_check(full == inner && (compat & 3) == 0 && (compat & 0xfc) == (inner & 0xfc));
    fuzz_check(back >= -1 && back <= 255);
    fuzz_check(back < 0 ? (inner & 3) == 0 && (outer & 3) == 3 : (back & 0xfc) == (inner & 0xfc));
    fuzz_check(nhi_ecn_decap(inner, full, false) == (int)inner || (inner & 3) == 0);
}

int fuzz_wire_ip(const uint8_t *p, size_t n)
{
    if (n < 3)
        return 0;
    n -= 3;
    const uint8_t opt = p[n], room = p[n + 1], mtu = p[n + 2];
    const bool super = (opt & 1) != 0;
    uint8_t *q = fuzz_dup(p, n);
    nhi_ip_view v;
    check_ecn(opt, room);
    if (nhi_ip_parse(&v, q, n, super) == 0) {
        check_view(&v, q, n, super);
        check_error(&v, q, n, (nhi_icmp_kind)((opt >> 1) % 3), (size_t)room * 6, mtu * 16u);
        check_edits(&v, q, n, super, mtu);
    }
    free(q);
    return 0;
}
