/* SPDX-License-Identifier: Apache-2.0
 * Rekeys by either side, by time, by packets and by command, under traffic: nothing is lost, nothing
 * arrives twice, no old pair is left. RFC 7296 1.3.2, 1.3.3, 2.8. */
#include "exchange/common.h"

static const sim_topo_opts one = {.n = 1, .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY}};

/* Traffic both ways every 2 ms for `d`; tags from *tag. */
static void stream(sim_topo *t, uint32_t *tag, nhtb_time d)
{
    nhtb_time end = sim_now(t->s) + d;
    while (sim_now(t->s) < end) {
        sim_send(t->spoke[0], t->spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), *tag, 100);
        sim_send(t->hub, t->hub_st0, sim_hub_lan(7), sim_lan(0, 9), *tag, 100);
        ++*tag;
        sim_run_for(t->s, 2 * SIM_MS);
    }
}

static void all_arrived(sim_topo *t, uint32_t tags)
{
    sim_run_for(t->s, SIM_S);
    for (uint32_t i = 0; i < tags; i++)
        sim_check(t->s, sim_got(t->hub, i) == 1 && sim_got(t->spoke[0], i) == 1);
}

static void one_pair_each(sim_topo *t)
{
    sim_run_for(t->s, 20 * SIM_S);
    sim_check(t->s, sim_stats(t->hub).child_sas == 1 && sim_stats(t->hub).ike_sas == 1);
    sim_check(t->s, sim_stats(t->spoke[0]).child_sas == 1 && sim_stats(t->spoke[0]).ike_sas == 1);
}

static void by_command(uint64_t seed, bool hub_starts, nhtb_rekey what)
{
    uint32_t tag = 0;
    sim_topo t = xch_up(seed, &one, 5 * SIM_S);
    sim_node *n = hub_starts ? t.hub : t.spoke[0];
    nhtb_peer_id peer = hub_starts ? t.hub_peer[0] : t.spoke_peer[0];
    for (int i = 0; i < 5; i++) {
        stream(&t, &tag, 50 * SIM_MS);
        sim_check(t.s, nhtb_peer_rekey(sim_ctx(n), peer, what, sim_now(t.s)) == 0);
        sim_pump(n);
        stream(&t, &tag, 200 * SIM_MS);
    }
    nhtb_event_kind k = what == NHTB_REKEY_IKE ? NHTB_EVENT_IKE_REKEYED : NHTB_EVENT_CHILD_REKEYED;
    sim_check(t.s, sim_events(t.hub, k) == 5 && sim_events(t.spoke[0], k) == 5);
    all_arrived(&t, tag);
    one_pair_each(&t);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    xch_ping(&t, 0, tag + 1);
    xch_end(&t);
}

Test(rekey, child_by_initiator_under_traffic)
{
    by_command(1, false, NHTB_REKEY_CHILD);
}

Test(rekey, child_by_responder_under_traffic)
{
    by_command(2, true, NHTB_REKEY_CHILD);
}

Test(rekey, ike_by_initiator_under_traffic)
{
    by_command(3, false, NHTB_REKEY_IKE);
}

Test(rekey, ike_by_responder_under_traffic)
{
    by_command(4, true, NHTB_REKEY_IKE);
}

Test(rekey, lifetimes_start_rekeys_by_themselves)
{
    uint32_t tag = 0;
    sim_topo_opts o = one;
    o.peer.child_lifetime_s = 20;
    o.peer.lifetime_s = 50;
    sim_topo t = xch_up(5, &o, 5 * SIM_S);
    for (int i = 0; i < 1000; i++) {
        stream(&t, &tag, 2 * SIM_MS);
        sim_run_for(t.s, 98 * SIM_MS);
    }
    all_arrived(&t, tag);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_CHILD_REKEYED) >= 4);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_IKE_REKEYED) >= 1);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    xch_end(&t);
}

Test(rekey, packet_limit_starts_a_rekey)
{
    uint32_t tag = 0;
    sim_topo_opts o = one;
    o.peer.child_packets = 2000;
    sim_topo t = xch_up(6, &o, 5 * SIM_S);
    for (int i = 0; i < 200; i++) {
        stream(&t, &tag, 40 * SIM_MS);
        sim_run_for(t.s, 20 * SIM_MS);
    }
    all_arrived(&t, tag);
    sim_check(t.s, sim_events(t.spoke[0], NHTB_EVENT_CHILD_REKEYED) >= 1);
    sim_check(t.s, sim_reason(t.hub, NHTB_REASON_SEQ_EXHAUSTED) == 0);
    xch_end(&t);
}

Test(rekey, perfect_forward_secrecy_with_another_group)
{
    uint32_t tag = 0;
    sim_topo_opts o = one;
    o.peer.ike = "aes128gcm16-prfsha256-x25519";
    o.peer.esp = "aes256gcm16-ecp256-esn";
    sim_topo t = xch_up(7, &o, 5 * SIM_S);
    nhtb_peer_rekey(sim_ctx(t.hub), t.hub_peer[0], NHTB_REKEY_CHILD, sim_now(t.s));
    sim_pump(t.hub);
    stream(&t, &tag, 300 * SIM_MS);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_CHILD_REKEYED) == 1);
    all_arrived(&t, tag);
    one_pair_each(&t);
    xch_end(&t);
}

Test(rekey, many_rekeys_over_a_lossy_link_never_take_the_tunnel_down)
{
    sim_link bad = {.loss = 200, .dup = 100, .reorder = 200, .delay = 10 * SIM_MS};
    sim_topo t = xch_up(8, &one, 5 * SIM_S);
    sim_node_link(t.hub, &bad);
    sim_node_link(t.spoke[0], &bad);
    for (int i = 0; i < 60; i++) {
        nhtb_rekey what = i % 3 == 0 ? NHTB_REKEY_IKE : NHTB_REKEY_CHILD;
        if (i & 1)
            (void)nhtb_peer_rekey(sim_ctx(t.hub), t.hub_peer[0], what, sim_now(t.s));
        else
            (void)nhtb_peer_rekey(sim_ctx(t.spoke[0]), t.spoke_peer[0], what, sim_now(t.s));
        sim_pump(t.hub);
        sim_pump(t.spoke[0]);
        sim_run_for(t.s, (nhtb_time)(1 + sim_rand(t.s) % 40) * 100 * SIM_MS);
    }
    sim_link good = {.delay = 5 * SIM_MS};
    sim_node_link(t.hub, &good);
    sim_node_link(t.spoke[0], &good);
    sim_run_for(t.s, 60 * SIM_S);
    one_pair_each(&t);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    xch_ping(&t, 0, 1);
    xch_end(&t);
}
