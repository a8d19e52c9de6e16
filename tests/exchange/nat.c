/* SPDX-License-Identifier: Apache-2.0
 * Spokes behind NAT: detection, float to 4500, keepalives, rebinding. RFC 7296 2.23, RFC 3948. */
#include "exchange/common.h"

static sim_topo behind_nat(uint64_t seed, unsigned n, sim_nat **nat)
{
    sim_topo_opts o = {.n = n, .spoke_kind = NHTB_IFACE_MULTIPOINT};
    o.peer.liveness_s = UINT32_MAX;
    sim_topo t = xch_start(seed, &o);
    *nat = sim_nat_new(t.s, "203.0.113.1");
    for (unsigned i = 0; i < n; i++) {
        sim_node_nat(t.spoke[i], *nat);
        sim_check(t.s, nhtb_peer_initiate(sim_ctx(t.spoke[i]), t.spoke_peer[i], sim_now(t.s)) == 0);
        sim_pump(t.spoke[i]);
    }
    sim_check(t.s, sim_run_until(t.s, sim_topo_up, &t, 10 * SIM_S));
    sim_run_for(t.s, 100 * SIM_MS);
    return t;
}

Test(nat, two_spokes_behind_one_box_use_udp_encapsulation)
{
    sim_nat *nat;
    sim_topo t = behind_nat(1, 2, &nat);
    xch_ping(&t, 0, 1);
    xch_ping(&t, 1, 10);
    nhtb_sa_info row = {.size = sizeof row};
    uint32_t cursor = 0;
    unsigned n = 0;
    for (; nhtb_sa_next(sim_ctx(t.hub), &cursor, &row); row.size = sizeof row, n++)
        sim_check(t.s,
                  row.udp_encap && row.path.local_port == 4500 && row.path.remote_port != 4500);
    sim_check(t.s, n == 2);
    nhtb_ike_sa_info sa = {.size = sizeof sa};
    cursor = 0;
    sim_check(t.s, nhtb_ike_sa_next(sim_ctx(t.hub), &cursor, &sa));
    sim_check(t.s, sa.nat_remote && !sa.nat_local);
    xch_end(&t);
}

static sim_fate count_keepalives(void *user, sim_datagram *d)
{
    unsigned *n = user;
    *n += d->proto == SIM_UDP && d->len == 1 && d->data[0] == 0xff;
    return SIM_PASS;
}

Test(nat, the_side_behind_the_box_keeps_the_mapping_alive)
{
    sim_nat *nat;
    unsigned keepalives = 0;
    sim_topo t = behind_nat(2, 1, &nat);
    sim_on_wire(t.s, count_keepalives, &keepalives);
    sim_run_for(t.s, 101 * SIM_S);
    sim_check(t.s, keepalives >= 4 && keepalives <= 6);
    sim_check(t.s, sim_reason(t.hub, NHTB_REASON_KEEPALIVE) == keepalives);
    xch_end(&t);
}

Test(nat, hub_follows_a_rebound_spoke_after_an_authenticated_packet)
{
    sim_nat *nat;
    sim_topo t = behind_nat(3, 1, &nat);
    xch_ping(&t, 0, 1);
    sim_nat_rebind(nat, "203.0.113.77");
    sim_send(t.hub, t.hub_st0, sim_hub_lan(7), sim_lan(0, 9), 100, 100);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_got(t.spoke[0], 100) == 0); /* nothing told the hub yet */
    sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), 101, 100);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_got(t.hub, 101) == 1);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_PEER_MOVED) == 1);
    xch_ping(&t, 0, 200);
    nhtb_peer_rekey(sim_ctx(t.hub), t.hub_peer[0], NHTB_REKEY_CHILD, sim_now(t.s));
    sim_pump(t.hub);
    sim_run_for(t.s, 3 * SIM_S);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_CHILD_REKEYED) == 1); /* IKE found it too */
    xch_ping(&t, 0, 300);
    xch_end(&t);
}

Test(nat, unauthenticated_packets_move_nobody)
{
    sim_nat *nat;
    sim_topo t = behind_nat(4, 1, &nat);
    sim_capture(t.s, true);
    xch_ping(&t, 0, 1);
    sim_capture(t.s, false);
    for (size_t i = 0; i < sim_captured(t.s); i++) {
        sim_datagram d = *sim_capture_at(t.s, i);
        if (!nhtb_addr_equal(&d.dst, sim_addr(t.hub)))
            continue;
        nhtb_addr_parse("198.51.100.66", &d.src); /* a replay from elsewhere */
        sim_wire_send(t.s, &d);
        d.data[d.len - 1] ^= 1; /* and a forgery with a fresh number */
        d.data[7] = (uint8_t)(d.data[7] + 9);
        sim_wire_send(t.s, &d);
    }
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_PEER_MOVED) == 0);
    sim_check(t.s, sim_reason(t.hub, NHTB_REASON_REPLAY) >= 1);
    sim_check(t.s, sim_reason(t.hub, NHTB_REASON_ICV) >= 1);
    xch_ping(&t, 0, 10);
    xch_end(&t);
}

Test(nat, forced_encapsulation_without_nat)
{
    sim_topo_opts o = {.n = 1,
                       .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY, .force_encap = true}};
    sim_topo t = xch_up(5, &o, 10 * SIM_S);
    nhtb_sa_info row = {.size = sizeof row};
    uint32_t cursor = 0;
    sim_check(t.s, nhtb_sa_next(sim_ctx(t.hub), &cursor, &row) && row.udp_encap);
    xch_ping(&t, 0, 1);
    xch_end(&t);
}

/* A packet that the old mapping sent, and that the network kept back, is genuine and new to the
 * window, but not the newest: the hub stays with the new mapping. RFC 7296 2.23. */
static struct {
    sim_datagram d;
    uint8_t data[2000];
    bool keep;
} late;

static sim_fate keep_one(void *user, sim_datagram *d)
{
    sim_topo *t = user;
    if (!late.keep || d->from != t->spoke[0] || d->len > sizeof late.data)
        return SIM_PASS;
    late.d = *d;
    late.d.data = late.data;
    memcpy(late.data, d->data, d->len);
    late.keep = false;
    return SIM_DROP;
}

Test(nat, a_late_packet_from_the_old_mapping_moves_nobody_back)
{
    sim_nat *nat;
    sim_topo t = behind_nat(6, 1, &nat);
    xch_ping(&t, 0, 1);
    sim_on_wire(t.s, keep_one, &t);
    late.keep = true;
    sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), 50, 100);
    sim_nat_rebind(nat, "203.0.113.88");
    sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), 51, 100);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_got(t.hub, 51) == 1);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_PEER_MOVED) == 1);
    sim_wire_send(t.s, &late.d);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_got(t.hub, 50) == 1); /* genuine, so delivered */
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_PEER_MOVED) == 1);
    xch_ping(&t, 0, 100);
    xch_end(&t);
}

/* Without a box in between, the endpoints are what they were agreed to be. */
Test(nat, a_peer_that_is_not_behind_nat_does_not_move)
{
    sim_topo_opts o = {.n = 1, .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY}};
    sim_topo t = xch_up(7, &o, 10 * SIM_S);
    sim_on_wire(t.s, keep_one, &t);
    late.keep = true;
    sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), 50, 100);
    nhtb_addr_parse("198.51.100.66", &late.d.src);
    sim_wire_send(t.s, &late.d);
    sim_run_for(t.s, SIM_S);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_PEER_MOVED) == 0);
    xch_ping(&t, 0, 100);
    xch_end(&t);
}

Test(nat, rebinding_in_the_middle_of_rekeys_is_survived)
{
    sim_nat *nat;
    uint32_t tag = 1000;
    sim_topo t = behind_nat(8, 1, &nat);
    for (unsigned i = 0; i < 20; i++) {
        nhtb_rekey what = i % 2 ? NHTB_REKEY_IKE : NHTB_REKEY_CHILD;
        (void)nhtb_peer_rekey(sim_ctx(t.spoke[0]), t.spoke_peer[0], what, sim_now(t.s));
        sim_pump(t.spoke[0]);
        sim_run_for(t.s, (nhtb_time)(sim_rand(t.s) % 30) * SIM_MS);
        sim_nat_rebind(nat, NULL);
        sim_run_for(t.s, 10 * SIM_S);
        sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), tag++, 100);
        sim_run_for(t.s, SIM_S);
        xch_ping(&t, 0, tag);
        tag += 2;
    }
    sim_run_for(t.s, 30 * SIM_S);
    sim_check(t.s, sim_stats(t.hub).ike_sas == 1 && sim_stats(t.hub).child_sas == 1);
    sim_check(t.s, sim_events(t.hub, NHTB_EVENT_TUNNEL_DOWN) == 0);
    xch_end(&t);
}
