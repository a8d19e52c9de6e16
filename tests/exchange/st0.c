/* SPDX-License-Identifier: Apache-2.0
 * st0 units over tunnels that IKE made: neighbour solicitations answered by the hub, TCP SYNs lowered
 * to the tunnel's MTU, multicast to the first tunnels only. */
#include "exchange/common.h"

enum { N = 4, NS = 64, SYN = 44 };

static sim_topo t;

static nhtb_addr addr(const char *text)
{
    nhtb_addr a;
    cr_assert_eq(nhtb_addr_parse(text, &a), 0, "%s", text);
    return a;
}

/* The unit again with an IPv6 address and other limits. */
static void reconfigure(sim_node *n, nhtb_iface_kind kind, const char *a4, const char *a6,
                        uint16_t mss, uint32_t multicast)
{
    nhtb_iface c;
    nhtb_iface_id id;
    nhtb_txn *x;
    nhtb_iface_init(&c);
    c.name = "st0.0";
    c.kind = (uint8_t)kind;
    c.addr4 = (nhtb_prefix){.addr = addr(a4), .len = 16};
    c.addr6 = (nhtb_prefix){.addr = addr(a6), .len = 64};
    c.tcp_mss = mss;
    c.multicast_max = multicast;
    cr_assert_eq(nhtb_txn_begin(sim_ctx(n), &x), 0);
    cr_assert_eq(nhtb_txn_iface(x, &c, &id), 0);
    cr_assert_eq(nhtb_txn_commit(x, sim_now(t.s)), 0);
}

static void up(uint16_t mss, uint32_t multicast)
{
    sim_topo_opts o = {.n = N,
                       .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY},
                       .spoke_kind = NHTB_IFACE_POINT_TO_POINT,
                       .transit_routes = true};
    t = xch_up(77, &o, 10 * SIM_S);
    reconfigure(t.hub, NHTB_IFACE_MULTIPOINT, "10.0.0.1", "fd00::1", mss, multicast);
    for (unsigned i = 0; i < N; i++) {
        char own[32];
        snprintf(own, sizeof own, "fd00::%x", 0x10 + i);
        reconfigure(t.spoke[i], NHTB_IFACE_POINT_TO_POINT, sim_tunnel_addr(i), own, NHTB_MSS_OFF,
                    0);
        sim_route(t.spoke[i], t.spoke_st0[i], "::/0", NULL);
        cr_assert_eq(sim_binding(t.hub, t.hub_st0, own, t.hub_peer[i]), 0);
    }
}

static uint16_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++)
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_sum(uint8_t *at, uint16_t sum)
{
    at[0] = (uint8_t)(sum >> 8);
    at[1] = (uint8_t)sum;
}

static void solicit(uint8_t p[NS], const char *src, const char *target)
{
    nhtb_addr s = addr(src), a = addr(target), d = addr("ff02::1:ff00:0");
    memset(p, 0, NS);
    p[0] = 0x60;
    p[5] = NS - 40;
    p[6] = 58;
    p[7] = 255;
    memcpy(p + 8, s.b, 16);
    memcpy(p + 24, d.b, 13);
    memcpy(p + 37, a.b + 13, 3);
    p[40] = 135;
    memcpy(p + 48, a.b, 16);
    put_sum(p + 42, sum16(p + 8, NS - 8, NS - 40 + 58));
}

static bool answered(unsigned i, const char *src, const char *target)
{
    uint8_t p[NS];
    nhtb_addr a = addr(target);
    uint64_t before = sim_delivered(t.spoke[i]);
    solicit(p, src, target);
    sim_send_raw(t.spoke[i], t.spoke_st0[i], p, sizeof p, 0, 0);
    sim_run_for(t.s, SIM_S);
    nhtb_span got = sim_last(t.spoke[i], NULL);
    return sim_delivered(t.spoke[i]) == before + 1 && got.n == NS && got.p[40] == 136 &&
           memcmp(got.p + 8, a.b, 16) == 0 && memcmp(got.p + 48, a.b, 16) == 0 &&
           sum16(got.p + 8, NS - 8, NS - 40 + 58) == 0;
}

Test(st0, the_hub_answers_neighbour_solicitations_out_of_tunnels)
{
    up(NHTB_MSS_AUTO, 0);
    sim_check(t.s, answered(0, "fd00::10", "fd00::1"));
    sim_check(t.s, answered(0, "fd00::10", "fd00::12")); /* bound to spoke 2 */
    sim_check(t.s, answered(1, "fe80::9", "fd00::13"));
    sim_check(t.s, !answered(0, "fd00::10", "fd00::99"));
    sim_check(t.s, sim_stats(t.hub).nd_answered == 3);
    xch_end(&t);
}

static void syn(uint8_t p[SYN], const char *src, const char *dst)
{
    nhtb_addr s = addr(src), d = addr(dst);
    memset(p, 0, SYN);
    p[0] = 0x45;
    p[3] = SYN;
    p[8] = 64;
    p[9] = 6;
    memcpy(p + 12, s.b, 4);
    memcpy(p + 16, d.b, 4);
    put_sum(p + 10, sum16(p, 20, 0));
    p[20] = p[22] = 0x12; /* ports */
    p[32] = 6 << 4;
    p[33] = 2;
    p[40] = 2;
    p[41] = 4;
    put_sum(p + 42, 1460);
    put_sum(p + 36, sum16(p + 12, SYN - 12, SYN - 20 + 6));
}

static unsigned mss_at(const sim_node *n)
{
    nhtb_span got = sim_last(n, NULL);
    cr_assert_eq(got.n, SYN);
    cr_assert_eq(sum16(got.p + 12, SYN - 12, SYN - 20 + 6), 0, "checksum");
    return (unsigned)got.p[42] << 8 | got.p[43];
}

static uint32_t tunnel_mtu(void)
{
    nhtb_sa_info sa = {.size = sizeof sa};
    uint32_t cursor = 0;
    cr_assert(nhtb_sa_next(sim_ctx(t.hub), &cursor, &sa));
    return sa.mtu;
}

Test(st0, a_syn_announces_what_the_tunnel_carries_both_ways_and_in_transit)
{
    uint8_t p[SYN];
    up(NHTB_MSS_AUTO, 0);
    syn(p, sim_lan(0, 1), sim_hub_lan(1));
    sim_send_raw(t.spoke[0], t.spoke_st0[0], p, sizeof p, 0, 0);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, mss_at(t.hub) == tunnel_mtu() - 40);
    syn(p, sim_hub_lan(1), sim_lan(1, 1));
    sim_send_raw(t.hub, t.hub_st0, p, sizeof p, 0, 0);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, mss_at(t.spoke[1]) == tunnel_mtu() - 40);
    syn(p, sim_lan(0, 1), sim_lan(2, 1));
    sim_send_raw(t.spoke[0], t.spoke_st0[0], p, sizeof p, 0, 0);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, mss_at(t.spoke[2]) == tunnel_mtu() - 40);
    xch_end(&t);
}

Test(st0, by_value_and_off)
{
    static const struct {
        uint16_t set;
        unsigned want;
    } c[] = {{1200, 1200}, {NHTB_MSS_OFF, 1460}};
    for (size_t i = 0; i < 2; i++) {
        uint8_t p[SYN];
        up(c[i].set, 0);
        syn(p, sim_hub_lan(1), sim_lan(1, 1));
        sim_send_raw(t.hub, t.hub_st0, p, sizeof p, 0, 0);
        sim_run_for(t.s, SIM_S);
        sim_check(t.s, mss_at(t.spoke[1]) == c[i].want);
        xch_end(&t);
    }
}

Test(st0, multicast_reaches_as_many_tunnels_as_the_interface_allows)
{
    up(NHTB_MSS_AUTO, 3);
    unsigned got = 0;
    sim_send(t.hub, t.hub_st0, "10.0.0.1", "224.0.0.5", 900, 100);
    sim_run_for(t.s, SIM_S);
    for (unsigned i = 0; i < N; i++)
        got += sim_got(t.spoke[i], 900);
    sim_check(t.s, got == 3);
    sim_check(t.s, sim_reason(t.hub, NHTB_REASON_MULTICAST_MAX) == 1);
    xch_end(&t);
}
