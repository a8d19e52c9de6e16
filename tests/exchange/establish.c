/* SPDX-License-Identifier: Apache-2.0
 * A hub and its spokes come up and pass traffic: backends, suites, tunnel kinds, outer families. */
#include "exchange/common.h"

static const sim_peer_opts immediately = {.establish = NHTB_ESTABLISH_IMMEDIATELY};

Test(establish, three_spokes_come_up_and_pass_traffic_both_ways)
{
    sim_topo_opts o = {.n = 3, .peer = immediately, .spoke_kind = NHTB_IFACE_MULTIPOINT};
    sim_topo t = xch_up(1, &o, 5 * SIM_S);
    for (unsigned i = 0; i < t.n; i++)
        xch_ping(&t, i, 10 * i + 1);
    sim_check(t.s, sim_bindings(t.hub, true) == 3);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_IFACE_UP) == 1);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_IKE_UP) == 3);
    sim_check(t.s, sim_events(t.spoke[0], NHTB_EVENT_TUNNEL_UP) == 1);
    nhtb_stats st = sim_stats(t.hub);
    sim_check(t.s, st.in_packets == 3 && st.out_packets == 3 && st.in_bytes == 300);
    sim_check(t.s, st.ike_sas == 3 && st.child_sas == 3 && st.half_open == 0);
    xch_end(&t);
}

Test(establish, point_to_point_spoke_follows_its_one_vpn)
{
    sim_topo_opts o = {.n = 1, .peer = immediately, .spoke_kind = NHTB_IFACE_POINT_TO_POINT};
    sim_topo t = xch_up(2, &o, 5 * SIM_S);
    xch_ping(&t, 0, 1);
    xch_end(&t);
}

Test(establish, first_packet_starts_the_tunnel_and_is_not_lost)
{
    sim_topo_opts o = {.n = 1, .spoke_kind = NHTB_IFACE_POINT_TO_POINT};
    sim_topo t = xch_start(3, &o);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_tunnels_up(t.spoke[0]) == 0);
    sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), 1, 100);
    sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 5 * SIM_S));
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_got(t.hub, 1) == 1);
    xch_ping(&t, 0, 10);
    xch_end(&t);
}

Test(establish, spokes_reach_one_another_through_the_hub)
{
    sim_topo_opts o = {
        .n = 2, .peer = immediately, .spoke_kind = NHTB_IFACE_MULTIPOINT, .transit_routes = true};
    sim_topo t = xch_up(4, &o, 5 * SIM_S);
    sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_lan(1, 9), 1, 200);
    sim_send(t.spoke[1], t.spoke_st0[1], sim_lan(1, 9), sim_lan(0, 9), 2, 200);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_got(t.spoke[1], 1) == 1 && sim_got(t.spoke[0], 2) == 1);
    sim_check(t.s, sim_delivered(t.hub) == 0);
    sim_check(t.s, sim_stats(t.hub).transit_packets == 2);
    xch_end(&t);
}

Test(establish, every_suite_of_every_backend)
{
    static const struct {
        const char *ike, *esp;
    } suites[] = {
        {"aes128gcm16-prfsha256-x25519", "aes128gcm16-noesn"},
        {"aes256gcm16-prfsha384-ecp256", "aes256gcm16-esn"},
        {"chacha20poly1305-prfsha512-x25519", "chacha20poly1305-esn"},
        {"aes128-sha256-modp2048", "aes128-sha256-noesn"},
        {"aes256-sha384-x25519", "aes256-sha384-esn"},
        {"aes256-sha512-ecp256", "aes256-sha512-noesn"},
    };
    static const char *const backends[] = {"null", "mbedtls", "openssl"};
    unsigned run = 0;
    for (size_t b = 0; b < sizeof backends / sizeof *backends; b++)
        for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
            nhtb_crypto c;
            sim_topo_opts o = {.n = 1, .crypto = backends[b], .peer = immediately};
            if (!sim_crypto(backends[b], &c))
                continue;
            o.peer.ike = suites[i].ike;
            o.peer.esp = suites[i].esp;
            sim_topo t = xch_up(100 + 10 * b + i, &o, 5 * SIM_S);
            xch_ping(&t, 0, 1);
            xch_end(&t);
            run++;
        }
    cr_assert(run >= 6, "no backend could be tested");
}

Test(establish, works_over_ipv6_and_carries_ipv6)
{
    sim *s = sim_new(5);
    sim_node_opts ao = {.name = "a", .addr6 = "2001:db8::1"},
                  bo = {.name = "b", .addr6 = "2001:db8::2"};
    sim_node *a = sim_node_new(s, &ao), *b = sim_node_new(s, &bo);
    nhtb_iface_id ia = sim_iface(a, "st0.0", NHTB_IFACE_POINT_TO_POINT, "fd00::1/64");
    nhtb_iface_id ib = sim_iface(b, "st0.0", NHTB_IFACE_POINT_TO_POINT, "fd00::2/64");
    nhtb_peer_id pa, pb;
    sim_peer_opts oa = {.name = "b",
                        .remote = "2001:db8::2",
                        .local_id = "a",
                        .remote_id = "b",
                        .psk = "key",
                        .iface = ia,
                        .establish = NHTB_ESTABLISH_IMMEDIATELY};
    sim_peer_opts ob = {.name = "a",
                        .remote = "2001:db8::1",
                        .local_id = "b",
                        .remote_id = "a",
                        .psk = "key",
                        .iface = ib,
                        .establish = NHTB_ESTABLISH_RESPONDER_ONLY};
    sim_check(s, sim_peer(b, &ob, &pb) == 0);
    sim_check(s, sim_peer(a, &oa, &pa) == 0);
    sim_route(a, ia, "fd01::/64", NULL);
    sim_local(a, "fd02::/64");
    sim_route(b, ib, "fd02::/64", NULL);
    sim_local(b, "fd01::/64");
    sim_run_for(s, 3 * SIM_S);
    sim_check(s, sim_tunnels_up(a) == 1 && sim_tunnels_up(b) == 1);
    sim_send(a, ia, "fd02::5", "fd01::5", 1, 300);
    sim_send(b, ib, "fd01::5", "fd02::5", 2, 300);
    sim_run_for(s, SIM_S);
    sim_check(s, sim_got(b, 1) == 1 && sim_got(a, 2) == 1);
    cr_assert_eq(sim_del(s), 0);
}

Test(establish, four_workers_hand_packets_to_the_anchor)
{
    nhtb_settings st = sim_settings(4);
    st.workers = 4;
    sim_topo_opts o = {
        .n = 4, .peer = immediately, .spoke_kind = NHTB_IFACE_MULTIPOINT, .settings = &st};
    sim_topo t = xch_up(6, &o, 5 * SIM_S);
    for (unsigned k = 0; k < 20; k++)
        for (unsigned i = 0; i < t.n; i++)
            xch_ping(&t, i, 1000 * i + 2 * k);
    sim_check(t.s, sim_stats(t.hub).handoffs > 0);
    xch_end(&t);
}

Test(establish, psk_is_asked_from_the_host_when_none_is_configured)
{
    sim_topo_opts o = {.n = 1, .peer = immediately};
    sim *s = sim_new(7);
    sim_node_opts ao = {.name = "hub", .addr = "192.0.2.1"},
                  bo = {.name = "spoke", .addr = "192.0.2.2"};
    sim_node *a = sim_node_new(s, &ao), *b = sim_node_new(s, &bo);
    nhtb_iface_id ia = sim_iface(a, "st0.0", NHTB_IFACE_POINT_TO_POINT, "10.0.0.1/24");
    nhtb_iface_id ib = sim_iface(b, "st0.0", NHTB_IFACE_POINT_TO_POINT, "10.0.0.2/24");
    nhtb_peer_id p;
    sim_peer_opts po = o.peer;
    po.name = "spoke";
    po.remote = NULL;
    po.local_id = "hub";
    po.remote_id = "spoke";
    po.iface = ia;
    po.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
    sim_check(s, sim_peer(a, &po, &p) == 0);
    sim_answer_psk(a, "from the host");
    po = o.peer;
    po.name = "hub";
    po.remote = "192.0.2.1";
    po.local_id = "spoke";
    po.remote_id = "hub";
    po.psk = "from the host";
    po.iface = ib;
    sim_check(s, sim_peer(b, &po, &p) == 0);
    sim_run_for(s, 3 * SIM_S);
    sim_check(s, sim_events(a, NHTB_EVENT_QUESTION) == 1);
    sim_check(s, sim_tunnels_up(a) == 1 && sim_tunnels_up(b) == 1);
    cr_assert_eq(sim_del(s), 0);
}
