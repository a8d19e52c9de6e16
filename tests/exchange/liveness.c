/* SPDX-License-Identifier: Apache-2.0
 * A peer that dies silently is noticed by liveness checks; one that says goodbye, at once; both come
 * back. RFC 7296 1.4, 2.4. */
#include "exchange/common.h"

static sim_topo_opts checked(unsigned n)
{
    sim_topo_opts o = {.n = n,
                       .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY, .liveness_s = 2},
                       .spoke_kind = NHTB_IFACE_MULTIPOINT};
    return o;
}

Test(liveness, a_dead_spoke_is_noticed_and_the_others_stay)
{
    sim_topo_opts o = checked(2);
    sim_topo t = xch_up(1, &o, 5 * SIM_S);
    sim_node_online(t.spoke[0], false);
    sim_run_for(t.s, 60 * SIM_S);
    if (sim_tunnels_up(t.hub) != 1)
        xch_show(&t);
    sim_check(t.s, sim_tunnels_up(t.hub) == 1);
    sim_check(t.s, sim_events_detail(t.hub, NHTB_EVENT_IKE_DOWN, NHTB_DETAIL_LIVENESS) == 1);
    sim_check(t.s, sim_bindings(t.hub, true) == 1);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_IFACE_DOWN) == 0);
    xch_ping(&t, 1, 1);
    sim_node_online(t.spoke[0], true);
    sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 120 * SIM_S));
    sim_run_for(t.s, SIM_S);
    xch_ping(&t, 0, 10);
    xch_end(&t);
}

Test(liveness, noticed_within_the_configured_time)
{
    sim_topo_opts o = checked(1);
    sim_topo t = xch_up(2, &o, 5 * SIM_S);
    sim_run_for(t.s, 10 * SIM_S);
    nhtb_time cut = sim_now(t.s);
    sim_node_online(t.spoke[0], false);
    while (sim_tunnels_up(t.hub) && sim_now(t.s) < cut + 100 * SIM_S)
        sim_run_for(t.s, 100 * SIM_MS);
    double took = (double)(sim_now(t.s) - cut) / 1e9;
    cr_assert(took >= 2.0 && took <= 15.0, "noticed after %.1f s", took);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_IFACE_DOWN) == 1);
    xch_end(&t);
}

Test(liveness, traffic_from_the_peer_needs_no_checks)
{
    sim_topo_opts o = checked(1);
    sim_topo t = xch_up(3, &o, 5 * SIM_S);
    uint64_t before = sim_stats(t.hub).ike_liveness_sent;
    for (uint32_t i = 0; i < 60; i++) {
        xch_ping(&t, 0, 2 * i);
        sim_run_for(t.s, 300 * SIM_MS);
    }
    sim_check(t.s, sim_stats(t.hub).ike_liveness_sent - before <= 1);
    uint64_t busy = sim_stats(t.hub).ike_liveness_sent;
    sim_run_for(t.s, 30 * SIM_S);
    sim_check(t.s, sim_stats(t.hub).ike_liveness_sent + sim_stats(t.spoke[0]).ike_liveness_sent >
                       busy + 5);
    sim_check(t.s, sim_tunnels_up(t.hub) == 1);
    xch_end(&t);
}

Test(liveness, goodbye_is_noticed_at_once)
{
    sim_topo_opts o = checked(2);
    sim_topo t = xch_up(4, &o, 5 * SIM_S);
    sim_check(t.s, nhtb_shutdown(sim_ctx(t.spoke[0]), sim_now(t.s)) == 0);
    sim_pump(t.spoke[0]);
    sim_run_for(t.s, 100 * SIM_MS);
    sim_check(t.s, sim_tunnels_up(t.hub) == 1);
    sim_check(t.s, sim_events_detail(t.hub, NHTB_EVENT_IKE_DOWN, NHTB_DETAIL_DELETED_BY_PEER) == 1);
    sim_run_for(t.s, 10 * SIM_S);
    sim_check(t.s, nhtb_idle(sim_ctx(t.spoke[0])));
    xch_end(&t);
}

static bool spoke_two_up(void *user)
{
    sim_topo *t = user;
    return sim_tunnels_up(t->hub) == 1 && sim_tunnels_up(t->spoke[0]) == 1;
}

Test(liveness, a_restarted_spoke_replaces_its_old_session)
{
    sim_topo_opts o = checked(1);
    o.peer.liveness_s = UINT32_MAX;
    sim_topo t = xch_up(5, &o, 5 * SIM_S);
    sim_check(t.s, sim_node_del(t.spoke[0]) == 0); /* SIGKILL */
    sim_node_opts no = {.name = "again", .addr = "198.18.0.1"};
    t.spoke[0] = sim_node_new(t.s, &no);
    t.spoke_st0[0] = sim_iface(t.spoke[0], "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.2/16");
    sim_route(t.spoke[0], t.spoke_st0[0], "192.168.0.0/24", "10.0.0.1");
    sim_local(t.spoke[0], "172.16.0.0/24");
    sim_peer_opts po = {.name = "hub",
                        .remote = "192.0.2.1",
                        .local_id = "spoke0.example",
                        .remote_id = "hub.example",
                        .psk = "the usual test key",
                        .iface = t.spoke_st0[0],
                        .establish = NHTB_ESTABLISH_IMMEDIATELY};
    sim_check(t.s, sim_peer(t.spoke[0], &po, &t.spoke_peer[0]) == 0);
    sim_check(t.s, sim_run_until(t.s, spoke_two_up, &t, 30 * SIM_S));
    sim_run_for(t.s, 10 * SIM_S);
    sim_check(t.s, sim_stats(t.hub).ike_sas == 1 && sim_stats(t.hub).child_sas == 1);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_IKE_UP) == 2);
    sim_check(t.s, sim_bindings(t.hub, true) == 1);
    xch_ping(&t, 0, 1);
    xch_end(&t);
}

Test(liveness, a_restarted_hub_is_found_again)
{
    sim_topo_opts o = checked(1);
    sim_topo t = xch_up(6, &o, 5 * SIM_S);
    sim_check(t.s, sim_node_del(t.hub) == 0);
    sim_run_for(t.s, 30 * SIM_S);
    sim_check(t.s, sim_tunnels_up(t.spoke[0]) == 0);
    sim_node_opts no = {.name = "hub", .addr = "192.0.2.1"};
    t.hub = sim_node_new(t.s, &no);
    t.hub_st0 = sim_iface(t.hub, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/16");
    sim_route(t.hub, t.hub_st0, "172.16.0.0/24", "10.0.0.2");
    sim_local(t.hub, "192.168.0.0/24");
    sim_peer_opts po = {.name = "spoke0",
                        .local_id = "hub.example",
                        .remote_id = "spoke0.example",
                        .psk = "the usual test key",
                        .iface = t.hub_st0,
                        .establish = NHTB_ESTABLISH_RESPONDER_ONLY};
    sim_check(t.s, sim_peer(t.hub, &po, &t.hub_peer[0]) == 0);
    sim_check(t.s, sim_run_until(t.s, spoke_two_up, &t, 120 * SIM_S));
    sim_run_for(t.s, SIM_S);
    xch_ping(&t, 0, 1);
    xch_end(&t);
}

/* The hub forgets a half-made session: the spoke starts anew long before its retransmissions end. */
static sim_fate drop_auth_answers(void *user, sim_datagram *d)
{
    const bool *drop = user;
    return *drop && d->len > 20 && d->data[18] == 35 && d->data[19] & 0x20 ? SIM_DROP : SIM_PASS;
}

Test(liveness, a_forgotten_half_made_session_is_begun_anew)
{
    bool drop = true;
    sim_topo_opts o = checked(1);
    o.peer.liveness_s = UINT32_MAX;
    sim_topo t = xch_start(8, &o);
    sim_on_wire(t.s, drop_auth_answers, &drop);
    sim_run_for(t.s, 2 * SIM_S);
    sim_check(t.s, sim_tunnels_up(t.hub) == 1 && sim_tunnels_up(t.spoke[0]) == 0);
    sim_check(t.s, sim_node_del(t.hub) == 0); /* SIGKILL */
    drop = false;
    sim_node_opts no = {.name = "hub", .addr = "192.0.2.1"};
    t.hub = sim_node_new(t.s, &no);
    t.hub_st0 = sim_iface(t.hub, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/16");
    sim_route(t.hub, t.hub_st0, "172.16.0.0/24", "10.0.0.2");
    sim_local(t.hub, "192.168.0.0/24");
    sim_peer_opts po = {.name = "spoke0",
                        .local_id = "hub.example",
                        .remote_id = "spoke0.example",
                        .psk = "the usual test key",
                        .iface = t.hub_st0,
                        .liveness_s = UINT32_MAX,
                        .establish = NHTB_ESTABLISH_RESPONDER_ONLY};
    sim_check(t.s, sim_peer(t.hub, &po, &t.hub_peer[0]) == 0);
    sim_check(t.s, sim_run_until(t.s, spoke_two_up, &t, 30 * SIM_S));
    /* a fresh attempt beside the stuck one: no failure is told, and nothing is left of the old one */
    sim_check(t.s, sim_events(t.spoke[0], NHTB_EVENT_IKE_FAILED) == 0);
    sim_run_for(t.s, 15 * SIM_S);
    sim_check(t.s, sim_events(t.spoke[0], NHTB_EVENT_IKE_FAILED) == 0);
    sim_check(t.s, sim_stats(t.spoke[0]).ike_sas == 1 && sim_tunnels_up(t.spoke[0]) == 1);
    xch_ping(&t, 0, 1);
    xch_end(&t);
}

Test(liveness, removing_a_peer_tells_it_and_frees_its_tunnels)
{
    sim_topo_opts o = checked(2);
    nhtb_txn *x;
    sim_topo t = xch_up(7, &o, 5 * SIM_S);
    sim_check(t.s, nhtb_txn_begin(sim_ctx(t.hub), &x) == 0);
    sim_check(t.s, nhtb_txn_peer_del(x, t.hub_peer[0]) == 0);
    sim_check(t.s, nhtb_txn_commit(x, sim_now(t.s)) == 0);
    sim_pump(t.hub);
    sim_run_for(t.s, 200 * SIM_MS);
    sim_check(t.s,
              sim_events_detail(t.spoke[0], NHTB_EVENT_IKE_DOWN, NHTB_DETAIL_DELETED_BY_PEER) == 1);
    sim_check(t.s, sim_stats(t.hub).peers == 1 && sim_tunnels_up(t.hub) == 1);
    sim_check(t.s,
              nhtb_peer_initiate(sim_ctx(t.hub), t.hub_peer[0], sim_now(t.s)) == NHTB_ERR_STALE);
    sim_run_for(t.s, 30 * SIM_S);
    sim_check(t.s, sim_stats(t.hub).ike_sas == 1);
    xch_ping(&t, 1, 1);
    xch_end(&t);
}
