/* SPDX-License-Identifier: Apache-2.0
 * What a hub does between tunnels, with 0, 1 and 2 spares: transit, TTL, fragments and too big both
 * ways, the source check, multicast to 1,000 tunnels. RFC 4301 8, RFC 1812 5.3.1. */
#include "exchange/strict.h"

#define ALL_SPARES(n) for (unsigned n = 0; n <= 2; n++)

static const sim_topo_opts two = {.n = 2,
                                  .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY},
                                  .spoke_kind = NHTB_IFACE_MULTIPOINT,
                                  .transit_routes = true};

static sim_topo hub_with_spares(uint64_t seed, unsigned spares)
{
    sim_topo t = xch_up(seed, &two, 5 * SIM_S);
    t.hub->n_spares = spares;
    return t;
}

static void send_ttl(sim_topo *t, uint8_t ttl, bool df, size_t len, uint32_t tag)
{
    uint8_t b[4000];
    nhtb_addr src, dst;
    nhtb_addr_parse(sim_lan(0, 9), &src);
    nhtb_addr_parse(sim_lan(1, 9), &dst);
    len = sim_build(b, &src, &dst, tag, len);
    b[6] |= df ? 0x40 : 0;
    b[8] = ttl;
    b[10] = b[11] = 0;
    uint32_t sum = ~strict_sum(b, 20, 0) & 0xffff;
    b[10] = (uint8_t)(sum >> 8);
    b[11] = (uint8_t)sum;
    sim_send_raw(t->spoke[0], t->spoke_st0[0], b, len, 0, 0);
    sim_run_for(t->s, 200 * SIM_MS);
}

Test(transit, ttl_counts_down_once_and_expires_with_an_answer)
{
    ALL_SPARES(n)
    {
        sim_topo t = hub_with_spares(1 + n, n);
        send_ttl(&t, 64, false, 200, 1);
        nhtb_span got = sim_last(t.spoke[1], NULL);
        sim_check(t.s, sim_got(t.spoke[1], 1) == 1 && got.p[8] == 63);
        sim_check(t.s, strict_sum(got.p, 20, 0) == 0xffff);
        send_ttl(&t, 2, false, 200, 2);
        sim_check(t.s, sim_got(t.spoke[1], 2) == 1 && sim_last(t.spoke[1], NULL).p[8] == 1);
        send_ttl(&t, 1, false, 200, 3);
        sim_check(t.s, sim_got(t.spoke[1], 3) == 0);
        sim_check(t.s, sim_reason(t.hub, NHTB_REASON_TTL) == 1);
        sim_check(t.s, sim_delivered(t.spoke[0]) <= 1);
        if (sim_delivered(t.spoke[0])) { /* the answer needs a buffer with room */
            got = sim_last(t.spoke[0], NULL);
            sim_check(t.s, got.p[9] == 1 && got.p[20] == 11 && got.p[21] == 0);
        }
        sim_check(t.s, n == 0 || sim_delivered(t.spoke[0]) == 1);
        xch_ping(&t, 0, 10);
        xch_end(&t);
    }
}

/* The hub learns that the way to spoke `to` is narrow. */
static void narrow(sim_topo *t, unsigned to, uint32_t mtu)
{
    nhtb_sa_info row = {.size = sizeof row};
    uint32_t cursor = 0;
    for (; nhtb_sa_next(sim_ctx(t->hub), &cursor, &row); row.size = sizeof row)
        if (row.peer.id == t->hub_peer[to].id)
            nhtb_path_mtu(sim_ctx(t->hub), &row.path, mtu, sim_now(t->s));
    sim_pump(t->hub);
}

static uint32_t mtu_to(sim_topo *t, unsigned to)
{
    nhtb_sa_info row = {.size = sizeof row};
    uint32_t cursor = 0;
    for (; nhtb_sa_next(sim_ctx(t->hub), &cursor, &row); row.size = sizeof row)
        if (row.peer.id == t->hub_peer[to].id)
            return row.mtu;
    return 0;
}

Test(transit, too_big_with_df_is_answered_into_the_tunnel_it_came_by)
{
    ALL_SPARES(n)
    {
        sim_topo t = hub_with_spares(10 + n, n);
        narrow(&t, 1, 1000);
        uint32_t mtu = mtu_to(&t, 1);
        sim_check(t.s, mtu > 850 && mtu < 1000);
        send_ttl(&t, 64, true, 1300, 1);
        sim_check(t.s, sim_got(t.spoke[1], 1) == 0);
        sim_check(t.s, sim_reason(t.hub, NHTB_REASON_TOO_BIG) +
                               sim_reason(t.hub, NHTB_REASON_TOO_BIG_SILENT) ==
                           1);
        sim_check(t.s, n == 0 || sim_delivered(t.spoke[0]) == 1);
        if (sim_delivered(t.spoke[0])) {
            nhtb_span icmp = sim_last(t.spoke[0], NULL);
            sim_check(t.s, icmp.p[9] == 1 && icmp.p[20] == 3 && icmp.p[21] == 4);
            sim_check(t.s, (uint32_t)(icmp.p[26] << 8 | icmp.p[27]) == mtu);
            sim_check(t.s, strict_sum(icmp.p + 20, icmp.n - 20, 0) == 0xffff);
        }
        send_ttl(&t, 64, true, mtu, 2); /* what was asked for fits */
        sim_check(t.s, sim_got(t.spoke[1], 2) == 1);
        xch_end(&t);
    }
}

Test(transit, too_big_without_df_is_fragmented_in_transit)
{
    ALL_SPARES(n)
    {
        sim_topo t = hub_with_spares(20 + n, n);
        strict_rx rx = {0};
        narrow(&t, 1, 600);
        sim_on_deliver(t.spoke[1], strict_rx_frag, &rx);
        send_ttl(&t, 64, false, 1400, 1);
        if (n == 0) { /* it cannot wait for what the host never gives: named, and nothing stalls */
            sim_check(t.s, rx.packets == 0 && sim_reason(t.hub, NHTB_REASON_NO_SPARE) == 1);
        } else {
            sim_check(t.s, rx.whole == 1 && rx.bytes == 1380 && rx.bad == 0);
            sim_check(t.s, rx.longest <= mtu_to(&t, 1));
        }
        xch_ping(&t, 0, 10);
        strict_rx_free(&rx);
        xch_end(&t);
    }
}

/* Fragments from a spoke pass the hub as they are. */
Test(transit, fragments_pass)
{
    ALL_SPARES(n)
    {
        sim_topo t = hub_with_spares(30 + n, n);
        strict_rx rx = {0};
        sim_on_deliver(t.spoke[1], strict_rx_frag, &rx);
        send_ttl(&t, 64, false, 3500, 1);
        sim_check(t.s, rx.whole == 1 && rx.bytes == 3480 && rx.bad == 0);
        sim_check(t.s, sim_stats(t.hub).transit_packets == rx.packets);
        strict_rx_free(&rx);
        xch_end(&t);
    }
}

Test(transit, one_spoofed_packet_among_many_is_the_only_one_dropped)
{
    ALL_SPARES(n)
    {
        sim_topo t = hub_with_spares(40 + n, n);
        for (uint32_t i = 0; i < 64; i++)
            sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(i == 31, 9), sim_hub_lan(7), i, 100);
        sim_run_for(t.s, SIM_S);
        for (uint32_t i = 0; i < 64; i++)
            sim_check(t.s, sim_got(t.hub, i) == (i != 31));
        sim_check(t.s, sim_reason(t.hub, NHTB_REASON_RPF) == 1);
        sim_check(t.s, sim_events(t.hub, NHTB_EVENT_SPOOFED) == 1);
        nhtb_addr claimed;
        nhtb_addr_parse(sim_lan(1, 9), &claimed);
        sim_check(t.s, nhtb_addr_equal(&sim_event(t.hub, NHTB_EVENT_SPOOFED)->addr, &claimed));
        xch_end(&t);
    }
}

Test(transit, a_packet_for_an_outer_endpoint_is_not_looped)
{
    sim_topo t = hub_with_spares(50, 2);
    sim_route(t.hub, t.hub_st0, "198.18.0.0/24", "10.0.0.3");
    sim_route(t.spoke[0], t.spoke_st0[0], "192.0.2.0/24", "10.0.0.1");
    sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), "192.0.2.1", 1, 100);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_got(t.hub, 1) == 0 && sim_reason(t.hub, NHTB_REASON_LOOP) == 1);
    xch_ping(&t, 0, 10);
    xch_end(&t);
}

Test(transit, host_transit_mode_delivers_everything)
{
    sim_topo t = hub_with_spares(60, 2);
    nhtb_txn *x;
    nhtb_iface i;
    nhtb_iface_init(&i);
    i.name = "st0.0";
    i.kind = NHTB_IFACE_MULTIPOINT;
    i.transit = NHTB_TRANSIT_HOST;
    nhtb_addr_parse("10.0.0.1", &i.addr4.addr);
    i.addr4.len = 16;
    sim_check(t.s, nhtb_txn_begin(sim_ctx(t.hub), &x) == 0);
    sim_check(t.s, nhtb_txn_iface(x, &i, &t.hub_st0) == 0);
    sim_check(t.s, nhtb_txn_commit(x, sim_now(t.s)) == 0);
    sim_pump(t.hub);
    sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 20 * SIM_S));
    sim_run_for(t.s, SIM_S);
    sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_lan(1, 9), 1, 100);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_got(t.hub, 1) == 1 && sim_got(t.spoke[1], 1) == 0);
    sim_check(t.s, sim_stats(t.hub).transit_packets == 0);
    xch_end(&t);
}

/* Out of the hub: a copy per live tunnel, whatever spares the host has. */
Test(transit, multicast_reaches_1000_tunnels_with_any_number_of_spares)
{
    enum { N = 1000 };
    sim_topo_opts o = two;
    o.n = N;
    sim_topo t = xch_up(70, &o, 120 * SIM_S);
    nhtb_addr src, group;
    nhtb_addr_parse("10.0.0.1", &src);
    nhtb_addr_parse("224.0.0.5", &group);
    ALL_SPARES(n)
    {
        uint8_t data[3000];
        strict_pair at_hub = {.s = t.s, .n = {t.hub}, .st0 = {t.hub_st0}};
        size_t small = sim_build(data, &src, &group, 1 + n, 300);
        nhtb_pkt *v[1] = {strict_pkt(&at_hub, data, small, 0)};
        strict_result r = strict_out(t.hub, v, 1, n);
        sim_check(t.s, r.tx == N && r.reasons[NHTB_REASON_CONTINUED] == 1);
        strict_free(v, 1);
        sim_run_for(t.s, 100 * SIM_MS);
        unsigned got = 0;
        for (unsigned i = 0; i < N; i++)
            got += sim_got(t.spoke[i], 1 + n);
        sim_check(t.s, got == N);
        sim_check(t.s, sim_stats(t.hub).multicast_copies == (uint64_t)N * (n + 1));
    }
    xch_end(&t);
}
