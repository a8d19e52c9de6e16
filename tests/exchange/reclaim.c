/* SPDX-License-Identifier: Apache-2.0
 * Memory is given back while a worker sleeps: a million route updates and a thousand rekeys leave it
 * flat. */
#include "exchange/common.h"

Test(reclaim, million_route_updates_with_a_sleeping_worker_leave_memory_flat)
{
    sim *s = sim_new(1);
    nhtb_settings st = sim_settings(1);
    st.limits.routes = 4096;
    sim_node_opts no = {.name = "a", .addr = "192.0.2.1", .settings = st};
    sim_node *n = sim_node_new(s, &no);
    nhtb_iface_id i = sim_iface(n, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/24");
    uint64_t flat = 0, most = 0;
    for (unsigned round = 0; round < 1000; round++) {
        nhtb_txn *t;
        sim_check(s, nhtb_txn_begin(sim_ctx(n), &t) == 0);
        for (unsigned k = 0; k < 1000; k++) {
            nhtb_route r = {.size = sizeof r, .kind = NHTB_ROUTE_TUNNEL, .iface = i};
            r.prefix.addr.family = 4;
            r.prefix.addr.b[0] = 172;
            r.prefix.addr.b[1] = (uint8_t)(16 + (k >> 8));
            r.prefix.addr.b[2] = (uint8_t)k;
            r.prefix.len = 24;
            r.next_hop = (nhtb_addr){.family = 4, .b = {10, 0, 0, (uint8_t)(2 + (round + k) % 60)}};
            int err = round % 2 ? nhtb_txn_route_del(t, &r.prefix) : nhtb_txn_route(t, &r);
            sim_check(s, err == 0);
        }
        sim_check(s, nhtb_txn_commit(t, sim_now(s)) == 0);
        sim_pump(n);
        uint64_t now = sim_live_bytes(n);
        flat = round == 9 ? now : flat;
        most = now > most && round > 9 ? now : most;
    }
    fprintf(stderr,
            "reclaim: 1,000,000 route updates: %llu bytes after the 10th round, most %llu\n",
            (unsigned long long)flat, (unsigned long long)most);
    sim_check(s, most <= 2 * flat + (1u << 20));
    cr_assert_eq(sim_del(s), 0);
}

Test(reclaim, thousand_rekeys_leave_memory_flat)
{
    sim_topo_opts o = {.n = 1, .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY}};
    sim_topo t = xch_up(2, &o, 5 * SIM_S);
    uint64_t flat = 0;
    for (unsigned i = 0; i < 1000; i++) {
        nhtb_rekey what = i % 10 == 9 ? NHTB_REKEY_IKE : NHTB_REKEY_CHILD;
        (void)nhtb_peer_rekey(sim_ctx(t.hub), t.hub_peer[0], what, sim_now(t.s));
        sim_pump(t.hub);
        sim_run_for(t.s, 8 * SIM_S);
        if (i == 50)
            flat = sim_live_bytes(t.hub);
    }
    sim_run_for(t.s, 60 * SIM_S);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_CHILD_REKEYED) == 900);
    sim_check(t.s, sim_live_bytes(t.hub) <= flat + 4096);
    xch_ping(&t, 0, 1);
    xch_end(&t);
}

Test(reclaim, thousand_connects_and_disconnects_leave_memory_flat)
{
    sim_topo_opts o = {.n = 1, .spoke_kind = NHTB_IFACE_MULTIPOINT};
    sim_topo t = xch_start(3, &o);
    uint64_t flat[2] = {0}, most[2] = {0};
    for (unsigned i = 0; i < 1000; i++) {
        (void)nhtb_peer_initiate(sim_ctx(t.spoke[0]), t.spoke_peer[0], sim_now(t.s));
        sim_pump(t.spoke[0]);
        sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 10 * SIM_S));
        sim_node *by = i & 1 ? t.hub : t.spoke[0];
        (void)nhtb_peer_clear(sim_ctx(by), i & 1 ? t.hub_peer[0] : t.spoke_peer[0], sim_now(t.s));
        sim_pump(by);
        sim_run_for(t.s, SIM_S);
        sim_node *n[2] = {t.hub, t.spoke[0]};
        for (unsigned k = 0; k < 2; k++) {
            uint64_t now = sim_live_bytes(n[k]);
            sim_check(t.s, sim_tunnels_up(n[k]) == 0);
            if (i < 50)
                flat[k] = now > flat[k] ? now : flat[k];
            most[k] = now > most[k] ? now : most[k];
        }
    }
    fprintf(stderr, "reclaim: 1,000 connections: hub %llu bytes in the first 50, most %llu\n",
            (unsigned long long)flat[0], (unsigned long long)most[0]);
    sim_check(t.s, most[0] <= flat[0] + 4096 && most[1] <= flat[1] + 4096);
    sim_run_for(t.s, 60 * SIM_S);
    sim_check(t.s, sim_stats(t.hub).ike_sas == 0 && sim_stats(t.spoke[0]).ike_sas == 0);
    sim_check(t.s, sim_stats(t.hub).child_sas == 0 && sim_stats(t.hub).bindings == 0);
    xch_end(&t);
}
