/* SPDX-License-Identifier: Apache-2.0
 * Neighbour solicitations: what is one, what RFC 4861 7.1.1 forbids, and the answer's bytes. */
#include "mutate.h"

#include <nhtb/pkt.h>

#include "wire/nd.h"

enum { IP6 = 40, NS = 24 };

static const char *const NODE = "ff02::1:ff00:12";

static nhtb_addr addr(const char *text)
{
    nhtb_addr a;
    cr_assert_eq(nhtb_addr_parse(text, &a), NHTB_OK, "%s", text);
    return a;
}

static void seal(uint8_t *p, size_t n)
{
    nhi_put16(p + IP6 + 2, 0);
    uint64_t sum = nhi_ip_pseudo_sum(p, NHI_IPPROTO_ICMP6, (uint32_t)(n - IP6));
    nhi_put16(p + IP6 + 2, nhi_csum_fold(nhi_csum_add(sum, p + IP6, n - IP6)));
}

/* opt: option bytes, a whole number of 8. */
static size_t make(uint8_t *p, const char *src, const char *dst, const char *target,
                   const uint8_t *opt, size_t n_opt)
{
    nhtb_addr s = addr(src), d = addr(dst), t = addr(target);
    size_t n = IP6 + NS + n_opt;
    nhi_ip6_write(p, &s, &d, NHI_IPPROTO_ICMP6, 0, 255, 0, (uint32_t)n);
    memset(p + IP6, 0, NS);
    p[IP6] = 135;
    memcpy(p + IP6 + 8, t.b, 16);
    if (n_opt != 0)
        memcpy(p + IP6 + NS, opt, n_opt);
    seal(p, n);
    return n;
}

static nhi_nd_kind parse(const uint8_t *p, size_t n, nhtb_addr *target)
{
    nhi_ip_view v;
    cr_assert_eq(nhi_ip_parse(&v, p, n, false), NHTB_REASON_NONE);
    return nhi_nd_parse(p, &v, target);
}

static const uint8_t SOURCE_LINK[8] = {1, 1, 2, 0, 0, 0, 0, 1};

Test(nd, reads_the_target_of_a_solicitation)
{
    static const char *const src[] = {"fd00::2", "fe80::2", "::"};
    for (size_t i = 0; i < 3; i++)
        for (size_t opt = 0; opt <= (i < 2 ? 8u : 0u); opt += 8) {
            uint8_t p[96];
            nhtb_addr target, want = addr("fd00::12");
            size_t n = make(p, src[i], NODE, "fd00::12", SOURCE_LINK, opt);
            cr_assert_eq(parse(p, n, &target), NHI_ND_SOLICIT);
            cr_assert(nhtb_addr_equal(&target, &want));
        }
}

Test(nd, refuses_what_the_rfc_forbids)
{
    static const struct {
        const char *src, *dst, *target;
        size_t at; /* byte changed before the checksum is made */
        uint8_t to;
        size_t opt;
        bool bad_sum;
    } c[] = {
        {"fd00::2", NODE, "fd00::12", 7, 254, 0, false},          /* hop limit */
        {"fd00::2", NODE, "fd00::12", IP6 + 1, 1, 0, false},      /* code */
        {"fd00::2", NODE, "ff02::1", IP6, 135, 0, false},         /* multicast target */
        {"ff02::2", NODE, "fd00::12", IP6, 135, 0, false},        /* multicast source */
        {"::", "fd00::12", "fd00::12", IP6, 135, 0, false},       /* unspecified to unicast */
        {"::", NODE, "fd00::12", IP6, 135, 8, false},             /* with a link-layer option */
        {"fd00::2", NODE, "fd00::12", IP6 + NS + 1, 0, 8, false}, /* option of length 0 */
        {"fd00::2", NODE, "fd00::12", IP6 + NS + 1, 2, 8, false}, /* option beyond the end */
        {"fd00::2", NODE, "fd00::12", IP6, 135, 0, true},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(c); i++) {
        uint8_t p[96];
        nhtb_addr target;
        size_t n = make(p, c[i].src, c[i].dst, c[i].target, SOURCE_LINK, c[i].opt);
        p[c[i].at] = c[i].to;
        seal(p, n);
        p[IP6 + 3] ^= c[i].bad_sum ? 1 : 0;
        cr_assert_eq(parse(p, n, &target), NHI_ND_INVALID, "case %zu", i);
    }
}

Test(nd, a_solicitation_that_is_too_short_is_invalid)
{
    uint8_t p[96];
    nhtb_addr target, s = addr("fd00::2"), d = addr(NODE);
    (void)make(p, "fd00::2", NODE, "fd00::12", NULL, 0);
    nhi_ip6_write(p, &s, &d, NHI_IPPROTO_ICMP6, 0, 255, 0, IP6 + NS - 1);
    cr_assert_eq(parse(p, IP6 + NS - 1, &target), NHI_ND_INVALID);
}

Test(nd, other_packets_are_not_looked_at)
{
    uint8_t p[96];
    nhtb_addr target, s = addr("10.0.0.1"), d = addr("10.0.0.2");
    size_t n = make(p, "fd00::2", NODE, "fd00::12", NULL, 0);
    p[IP6] = 136;
    cr_assert_eq(parse(p, n, &target), NHI_ND_OTHER);
    p[IP6] = 135;
    p[6] = NHI_IPPROTO_UDP;
    cr_assert_eq(parse(p, n, &target), NHI_ND_OTHER);
    memset(p, 0, sizeof p);
    nhi_ip4_write(p, &s, &d, NHI_IPPROTO_ICMP6, 0, 255, false, 1, 64);
    p[20] = 135;
    cr_assert_eq(parse(p, 64, &target), NHI_ND_OTHER);
}

static void check_answer(const char *src, const char *to, bool own, uint8_t flags)
{
    uint8_t p[96];
    nhtb_addr target, from, dst, want_to = addr(to), want = addr("fd00::12");
    nhi_ip_view v;
    size_t n = make(p, src, NODE, "fd00::12", SOURCE_LINK, src[0] == ':' ? 0 : 8);
    cr_assert_eq(parse(p, n, &target), NHI_ND_SOLICIT);
    uint32_t m = nhi_nd_answer(p, &target, own);
    cr_assert_eq(m, IP6 + NS, "no option behind it");
    cr_assert_leq(m, n);
    cr_assert_eq(nhi_ip_parse(&v, p, m, false), NHTB_REASON_NONE);
    nhi_ip_addrs(p, &from, &dst);
    cr_assert(nhtb_addr_equal(&from, &want));
    cr_assert(nhtb_addr_equal(&dst, &want_to));
    cr_assert_eq(v.ttl, 255);
    cr_assert_eq(p[IP6], 136);
    cr_assert_eq(p[IP6 + 4], flags, "%02x", p[IP6 + 4]);
    cr_assert_eq(memcmp(p + IP6 + 8, want.b, 16), 0);
    uint64_t sum = nhi_ip_pseudo_sum(p, NHI_IPPROTO_ICMP6, NS);
    cr_assert_eq(nhi_csum_fold(nhi_csum_add(sum, p + IP6, NS)), 0);
}

Test(nd, the_answer_has_no_link_layer_option_and_the_right_flags)
{
    check_answer("fd00::2", "fd00::2", true, 0xe0);
    check_answer("fd00::2", "fd00::2", false, 0xc0);
    check_answer("fe80::7", "fe80::7", true, 0xe0);
    check_answer("::", "ff02::1", true, 0xa0);
    check_answer("::", "ff02::1", false, 0x80);
}

static void run(const uint8_t *p, size_t n)
{
    nhi_ip_view v;
    nhtb_addr target;
    if (nhi_ip_parse(&v, p, n, false) == NHTB_REASON_NONE)
        (void)nhi_nd_parse(p, &v, &target);
}

Test(nd, damaged_solicitations_do_no_harm)
{
    uint8_t p[96];
    size_t n = make(p, "fd00::2", NODE, "fd00::12", SOURCE_LINK, 8);
    mutate(run, p, n);
}
