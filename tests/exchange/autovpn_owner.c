/* SPDX-License-Identifier: Apache-2.0
 * Next hops under a wildcard entry belong to who bound them first, also while that one is away; and
 * an authenticated spoke cannot send as another. protocol-facts 1.5. */
#include "exchange/autovpn.h"

static unsigned owners(sim_node *n, nhtb_owner *last)
{
    nhtb_owner row;
    uint32_t cursor = 0;
    unsigned count = 0;
    for (row.size = sizeof row; nhtb_owner_next(sim_ctx(n), &cursor, &row);
         row.size = sizeof row, count++)
        *last = row;
    return count;
}

static unsigned stolen(av_hub *h)
{
    return sim_events_detail(h->n, NHTB_EVENT_BINDING_REFUSED, NHTB_DETAIL_OWNED);
}

Test(autovpn_owner, a_next_hop_stays_with_its_owner_also_while_it_is_away)
{
    sim *s = sim_new(320);
    av_hub hub = av_hub_new(s, 8, 0, NHTB_SECOND_REPLACE);
    nhtb_owner row;
    av_spoke a = av_spoke_new(s, 0, "a.spokes.example", "a.spokes.example", "10.0.0.2");
    sim_run_for(s, 5 * SIM_S);
    sim_check(s, owners(hub.n, &row) == 1 && row.id_n == 16 && !row.fixed);
    sim_check(s, !memcmp(row.id, "a.spokes.example", 16));
    sim_node_del(a.n);
    sim_run_for(s, 300 * SIM_S);
    sim_check(s, sim_tunnels_up(hub.n) == 0 && owners(hub.n, &row) == 1);
    (void)av_spoke_new(s, 1, "thief.spokes.example", "thief.spokes.example", "10.0.0.2");
    sim_run_for(s, 5 * SIM_S);
    sim_check(s, sim_tunnels_up(hub.n) == 1 && sim_bindings(hub.n, false) == 0);
    sim_check(s, stolen(&hub) == 1);
    (void)av_spoke_new(s, 2, "A.spokes.example", "a.spokes.example", "10.0.0.2");
    sim_run_for(s, 5 * SIM_S);
    sim_check(s, sim_bindings(hub.n, true) == 1);
    cr_assert_eq(sim_del(s), 0);
}

Test(autovpn_owner, rows_survive_a_restart_through_the_host_and_end_by_clearing)
{
    sim *s = sim_new(321);
    av_hub hub = av_hub_new(s, 8, 0, NHTB_SECOND_REPLACE);
    nhtb_owner row = {.size = sizeof row, .iface = hub.st0, .id_type = NHTB_ID_FQDN, .id_n = 16};
    memcpy(row.id, "A.SPOKES.example", 16);
    cr_assert_eq(nhtb_addr_parse("10.0.0.2", &row.next_hop), 0);
    cr_assert_eq(nhtb_owner_set(sim_ctx(hub.n), &row), 0);
    (void)av_spoke_new(s, 0, "b.spokes.example", "b.spokes.example", "10.0.0.2");
    sim_run_for(s, 5 * SIM_S);
    sim_check(s, stolen(&hub) == 1 && sim_bindings(hub.n, false) == 0);
    row.fixed = true;
    cr_assert_eq(nhtb_owner_set(sim_ctx(hub.n), &row), 0);
    cr_assert_eq(nhtb_owner_clear(sim_ctx(hub.n), (nhtb_iface_id){0}, NULL, false), 0);
    cr_assert_eq(nhtb_owner_clear(sim_ctx(hub.n), hub.st0, &row.next_hop, true), 1);
    (void)av_spoke_new(s, 1, "c.spokes.example", "c.spokes.example", "10.0.0.2");
    sim_run_for(s, 5 * SIM_S);
    sim_check(s, sim_bindings(hub.n, true) == 1 && owners(hub.n, &row) == 1);
    sim_check(s, row.id[0] == 'c');
    row.iface.id = 77;
    cr_assert_eq(nhtb_owner_set(sim_ctx(hub.n), &row), NHTB_ERR_STALE);
    cr_assert_eq(sim_del(s), 0);
}

Test(autovpn_owner, a_spoke_cannot_send_as_another)
{
    sim *s = sim_new(322);
    av_hub hub = av_hub_new(s, 8, 0, NHTB_SECOND_REPLACE);
    sim_route(hub.n, hub.st0, "172.16.0.0/24", "10.0.0.2");
    sim_route(hub.n, hub.st0, "172.16.1.0/24", "10.0.0.3");
    av_spoke a = av_spoke_new(s, 0, "a.spokes.example", "a.spokes.example", "10.0.0.2");
    av_spoke b = av_spoke_new(s, 1, "b.spokes.example", "b.spokes.example", "10.0.0.3");
    sim_run_for(s, 5 * SIM_S);
    sim_send(a.n, a.st0, "172.16.0.9", "192.168.0.7", 1, 100);
    sim_send(b.n, b.st0, "172.16.0.9", "192.168.0.7", 2, 100);
    sim_run_for(s, SIM_S);
    sim_check(s, sim_got(hub.n, 1) == 1 && sim_got(hub.n, 2) == 0);
    sim_check(s, sim_reason(hub.n, NHTB_REASON_RPF) == 1);
    cr_assert_eq(sim_del(s), 0);
}

Test(autovpn_owner, each_allocation_of_the_hub_may_fail_once_while_a_spoke_comes)
{
    for (unsigned nth = 1; nth <= 80; nth++) {
        sim *s = sim_new(330 + nth);
        nhtb_owner row;
        av_hub hub = av_hub_new(s, 8, 0, NHTB_SECOND_REPLACE);
        sim_fail_alloc(hub.n, nth);
        (void)av_spoke_new(s, 0, "a.spokes.example", "a.spokes.example", "10.0.0.2");
        sim_run_for(s, 60 * SIM_S);
        sim_check(s, sim_tunnels_up(hub.n) == 1 && sim_bindings(hub.n, true) == 1);
        sim_check(s, owners(hub.n, &row) == 1 && av_peers(hub.n) == 2);
        cr_assert_eq(sim_del(s), 0, "leak after failure %u", nth);
    }
}
