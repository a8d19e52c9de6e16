/* SPDX-License-Identifier: Apache-2.0
 * Selectors and policy rules against flows. */
#include <criterion/criterion.h>
#include <string.h>

#include "fib/fib.h"

static nhtb_addr addr(const char *s)
{
    nhtb_addr a;
    cr_assert_eq(nhtb_addr_parse(s, &a), 0, "%s", s);
    return a;
}

static nhtb_ts ts(const char *lo, const char *hi, uint8_t proto, uint16_t plo, uint16_t phi)
{
    return (nhtb_ts){
        .lo = addr(lo), .hi = addr(hi), .port_lo = plo, .port_hi = phi, .proto = proto};
}

static nhi_flow flow(const char *src, const char *dst, uint8_t proto, uint16_t sport,
                     uint16_t dport, bool has_ports)
{
    return (nhi_flow){addr(src), addr(dst), sport, dport, proto, has_ports};
}

Test(sel, null_and_empty_accept_anything)
{
    nhi_flow f = flow("10.0.0.1", "10.0.1.1", 6, 1, 2, true);
    nhi_sel s = {0};
    cr_assert(nhi_sel_match_out(NULL, &f) && nhi_sel_match_in(NULL, &f));
    cr_assert(nhi_sel_match_out(&s, &f) && nhi_sel_match_in(&s, &f));
}

Test(sel, directions_swap_the_sides)
{
    nhtb_ts local = ts("10.0.0.0", "10.0.0.255", 0, 0, 65535);
    nhtb_ts remote = ts("10.0.1.0", "10.0.1.255", 0, 0, 65535);
    nhi_sel s = {1, 1, &local, &remote, 0};
    nhi_flow out = flow("10.0.0.9", "10.0.1.9", 17, 1, 2, true);
    nhi_flow in = flow("10.0.1.9", "10.0.0.9", 17, 2, 1, true);
    cr_assert(nhi_sel_match_out(&s, &out) && !nhi_sel_match_in(&s, &out));
    cr_assert(nhi_sel_match_in(&s, &in) && !nhi_sel_match_out(&s, &in));
}

Test(sel, edges_families_protocols_and_ports)
{
    nhtb_ts v[2] = {ts("10.0.0.5", "10.0.0.7", 6, 80, 90),
                    ts("2001:db8::1", "2001:db8::ff", 0, 0, 65535)};
    nhi_sel s = {2, 0, v, NULL, 0};
    static const struct {
        const char *src;
        uint8_t proto;
        uint16_t port;
        bool ports, want;
    } t[] = {
        {"10.0.0.5", 6, 80, true, true},   {"10.0.0.7", 6, 90, true, true},
        {"10.0.0.4", 6, 80, true, false},  {"10.0.0.8", 6, 80, true, false},
        {"10.0.0.6", 17, 80, true, false}, {"10.0.0.6", 6, 79, true, false},
        {"10.0.0.6", 6, 91, true, false},  {"10.0.0.6", 6, 80, false, false},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        nhi_flow f = flow(t[i].src, "10.9.9.9", t[i].proto, t[i].port, 1, t[i].ports);
        cr_assert_eq(nhi_sel_match_out(&s, &f), t[i].want, "case %zu", i);
    }
    nhi_flow six = flow("2001:db8::80", "2001:db8:1::1", 58, 0, 0, false);
    cr_assert(nhi_sel_match_out(&s, &six));
}

Test(sel, opaque_ports_fit_only_packets_without_ports)
{
    nhtb_ts v = ts("10.0.0.0", "10.0.0.255", 6, 65535, 0);
    nhi_sel s = {1, 0, &v, NULL, 0};
    nhi_flow f = flow("10.0.0.1", "10.0.1.1", 6, 0, 0, false);
    cr_assert(nhi_sel_match_out(&s, &f));
    f.has_ports = true;
    cr_assert_not(nhi_sel_match_out(&s, &f));
}

Test(sel, first_matching_rule_decides_and_counts)
{
    nhtb_policy r[3];
    NHI_ATOMIC(uint64_t) hits[3];
    memset(r, 0, sizeof r);
    memset(hits, 0, sizeof hits);
    for (int i = 0; i < 3; i++) {
        r[i].sport_hi = r[i].dport_hi = 65535;
        r[i].direction = NHTB_POLICY_OUT | NHTB_POLICY_IN;
    }
    r[0].action = NHTB_PERMIT;
    r[0].proto = 6;
    r[0].dport_lo = r[0].dport_hi = 22;
    r[0].direction = NHTB_POLICY_IN;
    r[1].action = NHTB_DENY;
    cr_assert_eq(nhtb_prefix_parse("10.0.1.0/24", &r[1].dst), 0);
    r[2].action = NHTB_DENY;
    cr_assert_eq(nhtb_prefix_parse("172.16.0.0/12", &r[2].src), 0);
    nhi_policy_set set = {.n = 3, .rules = r, .hits = hits};
    nhi_flow ssh = flow("10.0.0.1", "10.0.1.1", 6, 1000, 22, true);
    cr_assert_eq(nhi_policy_check(&set, NHTB_POLICY_IN, &ssh), NHTB_PERMIT);
    cr_assert_eq(nhi_policy_check(&set, NHTB_POLICY_OUT, &ssh), NHTB_DENY);
    nhi_flow other = flow("10.0.0.1", "10.0.2.1", 6, 1000, 22, true);
    cr_assert_eq(nhi_policy_check(&set, NHTB_POLICY_OUT, &other), NHTB_PERMIT, "no match permits");
    nhi_flow from = flow("172.20.0.1", "10.0.2.1", 17, 1, 2, true);
    cr_assert_eq(nhi_policy_check(&set, NHTB_POLICY_OUT, &from), NHTB_DENY);
    cr_assert_eq(nhi_policy_check(NULL, NHTB_POLICY_OUT, &from), NHTB_PERMIT);
    cr_assert_eq(nhi_a_load(&hits[0]), 1u);
    cr_assert_eq(nhi_a_load(&hits[1]), 1u);
    cr_assert_eq(nhi_a_load(&hits[2]), 1u);
}
