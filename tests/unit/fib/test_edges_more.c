/* SPDX-License-Identifier: Apache-2.0
 * Edges of the replay window, of selectors and of policy rules: extended numbers without a window,
 * ports below an open range, reversed ranges, each side of a pair of ports. RFC 4303 3.3.3 and
 * Appendix A, RFC 4301 4.4.1.1. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fib/fib.h"

static nhtb_addr addr(const char *s)
{
    nhtb_addr a;
    cr_assert_eq(nhtb_addr_parse(s, &a), 0, "%s", s);
    return a;
}

static nhi_flow flow(const char *src, const char *dst, uint16_t sport, uint16_t dport)
{
    return (nhi_flow){addr(src), addr(dst), sport, dport, 17, true};
}

Test(edges, extended_numbers_are_followed_over_the_wrap_without_a_window)
{
    static nhi_fib f;
    size_t n = nhi_cell_size(0, true);
    void *mem = aligned_alloc(64, n);
    memset(mem, 0, n);
    nhi_cell *c = nhi_cell_init(mem, &f, 0, true);
    uint64_t seq;
    c->esn = true;
    nhi_a_store(&c->top, UINT64_C(0x1fffffff0));
    cr_assert_eq(nhi_cell_replay_check(c, 5, &seq), 0u);
    cr_assert_eq(seq, UINT64_C(0x200000005), "the next cycle");
    cr_assert_eq(nhi_cell_replay_commit(c, seq), 0u);
    cr_assert_eq(nhi_cell_replay_check(c, 0xfffffff0, &seq), 0u);
    cr_assert_eq(seq, UINT64_C(0x1fffffff0), "a late one of the cycle before");
    cr_assert_eq(nhi_cell_replay_commit(c, seq), 0u);
    cr_assert_eq(nhi_a_load(&c->top), UINT64_C(0x200000005), "a late one moves nothing back");
    free(mem);
}

Test(edges, port_ranges_of_selectors)
{
    static const struct {
        uint16_t lo, hi, port;
        bool known, want;
    } t[] = {
        {0, 1023, 0, true, true},     {0, 1023, 1023, true, true}, {0, 1023, 1024, true, false},
        {0, 1023, 5, false, false},   {1, 65535, 1, true, true},   {1, 65535, 0, true, false},
        {0, 65535, 7, false, true},   {0, 65535, 7, true, true},   {65535, 0, 0, false, true},
        {65535, 0, 0, true, false},   {65535, 1, 0, false, false}, {100, 0, 0, false, false},
        {100, 50, 75, true, false},   {100, 50, 75, false, false}, {443, 443, 443, true, true},
        {443, 443, 442, true, false},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        nhtb_ts v = {.lo = addr("10.0.0.0"),
                     .hi = addr("10.0.0.255"),
                     .port_lo = t[i].lo,
                     .port_hi = t[i].hi};
        nhi_sel s = {1, 0, &v, NULL, 0};
        nhi_flow f = flow("10.0.0.9", "10.0.1.9", t[i].port, 9);
        f.has_ports = t[i].known;
        cr_expect_eq(nhi_sel_match_out(&s, &f), t[i].want, "case %zu", i);
    }
}

Test(edges, inbound_selectors_judge_both_sides)
{
    nhtb_ts local = {.lo = addr("10.0.0.0"), .hi = addr("10.0.0.255"), .port_hi = 65535};
    nhtb_ts remote = {.lo = addr("10.0.1.0"), .hi = addr("10.0.1.255"), .port_hi = 65535};
    nhi_sel s = {1, 1, &local, &remote, 0};
    static const struct {
        const char *src, *dst;
        bool want;
    } t[] = {
        {"10.0.1.9", "10.0.0.9", true},  {"10.0.1.9", "10.0.2.9", false}, /* not for us */
        {"10.0.2.9", "10.0.0.9", false},                                  /* not from there */
        {"10.0.2.9", "10.0.2.9", false}, {"fd00::1", "10.0.0.9", false},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        nhi_flow in = flow(t[i].src, t[i].dst, 1, 2), out = flow(t[i].dst, t[i].src, 2, 1);
        cr_expect_eq(nhi_sel_match_in(&s, &in), t[i].want, "in %zu", i);
        cr_expect_eq(nhi_sel_match_out(&s, &out), t[i].want, "out %zu", i);
    }
}

Test(edges, a_rule_wants_each_of_its_parts)
{
    NHI_ATOMIC(uint64_t) hits[1];
    nhtb_policy r = {.direction = NHTB_POLICY_OUT,
                     .action = NHTB_DENY,
                     .proto = 17,
                     .sport_lo = 1000,
                     .sport_hi = 1999,
                     .dport_lo = 53,
                     .dport_hi = 53};
    memset(hits, 0, sizeof hits);
    cr_assert_eq(nhtb_prefix_parse("10.0.0.0/24", &r.src), 0);
    cr_assert_eq(nhtb_prefix_parse("10.0.1.0/24", &r.dst), 0);
    nhi_policy_set set = {.n = 1, .rules = &r, .hits = hits};
    nhi_flow yes = flow("10.0.0.1", "10.0.1.1", 1500, 53), f;
    cr_assert_eq(nhi_policy_check(&set, NHTB_POLICY_OUT, &yes), NHTB_DENY);
    cr_assert_eq(nhi_policy_check(&set, NHTB_POLICY_IN, &yes), NHTB_PERMIT);
    f = flow("10.0.2.1", "10.0.1.1", 1500, 53);
    cr_assert_eq(nhi_policy_check(&set, NHTB_POLICY_OUT, &f), NHTB_PERMIT);
    f = flow("10.0.0.1", "10.0.2.1", 1500, 53);
    cr_assert_eq(nhi_policy_check(&set, NHTB_POLICY_OUT, &f), NHTB_PERMIT);
    f = flow("10.0.0.1", "10.0.1.1", 999, 53);
    cr_assert_eq(nhi_policy_check(&set, NHTB_POLICY_OUT, &f), NHTB_PERMIT, "source port");
    f = flow("10.0.0.1", "10.0.1.1", 1500, 54);
    cr_assert_eq(nhi_policy_check(&set, NHTB_POLICY_OUT, &f), NHTB_PERMIT, "destination port");
    f = yes;
    f.proto = 6;
    cr_assert_eq(nhi_policy_check(&set, NHTB_POLICY_OUT, &f), NHTB_PERMIT);
    cr_assert_eq(nhi_a_load(&hits[0]), 1u);
}
