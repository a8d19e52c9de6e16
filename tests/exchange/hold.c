/* SPDX-License-Identifier: Apache-2.0
 * First packets wait for their tunnel: bounded, in order, not for ever. */
#include "exchange/common.h"

static const sim_topo_opts on_traffic = {.n = 1};

Test(hold, packets_wait_and_arrive_in_order)
{
    sim_topo t = xch_start(1, &on_traffic);
    for (uint32_t i = 1; i <= 10; i++) { /* one PUNT per path and 100 ms */
        sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), i, 100);
        if (i < 3)
            sim_node_online(t.hub, false);
        sim_run_for(t.s, 150 * SIM_MS);
    }
    sim_check(t.s, sim_stats(t.spoke[0]).held >= 5);
    sim_node_online(t.hub, true);
    sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 20 * SIM_S));
    sim_run_for(t.s, SIM_S);
    unsigned got = 0;
    for (uint32_t i = 1; i <= 10; i++)
        got += sim_got(t.hub, i);
    sim_check(t.s, got >= 5);
    sim_check(t.s, sim_stats(t.spoke[0]).held == 0);
    xch_end(&t);
}

Test(hold, packets_do_not_wait_for_ever)
{
    sim_topo t = xch_start(2, &on_traffic);
    sim_node_online(t.hub, false);
    sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), 1, 100);
    sim_check(t.s, sim_stats(t.spoke[0]).held == 1);
    sim_run_for(t.s, 6 * SIM_S);
    sim_check(t.s, sim_stats(t.spoke[0]).held == 0);
    sim_check(t.s, sim_reason(t.spoke[0], NHTB_REASON_NO_SA) == 1);
    xch_end(&t);
}

Test(hold, pool_is_bounded)
{
    nhtb_settings st = sim_settings(1);
    st.limits.held = 4;
    sim_topo_opts o = on_traffic;
    o.settings = &st;
    sim_topo t = xch_start(3, &o);
    sim_node_online(t.hub, false);
    for (uint32_t i = 0; i < 20; i++) {
        sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), i, 100);
        sim_run_for(t.s, 110 * SIM_MS);
    }
    sim_check(t.s, sim_stats(t.spoke[0]).held == 4);
    sim_check(t.s, sim_reason(t.spoke[0], NHTB_REASON_HOLD_FULL) >= 10);
    xch_end(&t);
}

Test(hold, without_a_pool_the_tunnel_still_starts)
{
    nhtb_settings st = sim_settings(1);
    st.hold_ms = 0;
    sim_topo_opts o = on_traffic;
    o.settings = &st;
    sim_topo t = xch_start(4, &o);
    for (uint32_t i = 1; i <= 20 && !sim_topo_up(&t); i++) {
        sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), i, 100);
        sim_run_for(t.s, 200 * SIM_MS);
    }
    sim_check(t.s, sim_stats(t.spoke[0]).held == 0);
    sim_check(t.s, sim_tunnels_up(t.spoke[0]) <= 1);
    xch_end(&t);
}

Test(hold, a_held_packet_is_delivered_once_even_when_the_exchange_is_repeated)
{
    sim_link l = {.dup = 1000, .delay = 5 * SIM_MS, .jitter = 3 * SIM_MS};
    sim_topo t = xch_start(5, &on_traffic);
    sim_node_link(t.hub, &l);
    sim_node_link(t.spoke[0], &l);
    sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), 1, 100);
    sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 10 * SIM_S));
    sim_run_for(t.s, 10 * SIM_S);
    sim_check(t.s, sim_got(t.hub, 1) == 1);
    sim_check(t.s, sim_stats(t.spoke[0]).held == 0);
    xch_end(&t);
}

Test(hold, a_responder_only_peer_never_initiates)
{
    sim_topo_opts o = on_traffic;
    o.peer.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
    sim_topo t = xch_start(6, &o);
    for (uint32_t i = 0; i < 20; i++) {
        sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), i, 100);
        sim_run_for(t.s, 500 * SIM_MS);
    }
    sim_check(t.s, sim_stats(t.spoke[0]).ike_initiated == 0);
    sim_check(t.s, sim_wire_count(t.s) == 0 && sim_tunnels_up(t.spoke[0]) == 0);
    sim_run_for(t.s, 10 * SIM_S);
    sim_check(t.s, sim_stats(t.spoke[0]).held == 0);
    xch_end(&t);
}
