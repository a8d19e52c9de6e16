/* SPDX-License-Identifier: Apache-2.0
 * Rows of the tables as hosts see them, and usage errors of the transaction's entries. */
#include <criterion/criterion.h>

#include "sim/sim.h"

static sim_topo t;

static void setup(void)
{
    sim_topo_opts o = {.n = 2,
                       .peer = {.establish = NHTB_ESTABLISH_IMMEDIATELY},
                       .spoke_kind = NHTB_IFACE_MULTIPOINT};
    sim *s = sim_new(1);
    sim_topo_new(&t, s, &o);
    cr_assert(sim_run_until(s, sim_topo_up, &t, 5 * SIM_S));
    sim_send(t.spoke[0], t.spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), 1, 100);
    sim_run_for(s, SIM_S);
}

static void teardown(void)
{
    sim *s = t.s;
    sim_topo_del(&t);
    cr_assert_eq(sim_del(s), 0);
}

TestSuite(show, .init = setup, .fini = teardown);

Test(show, interfaces_with_their_counts)
{
    nhtb_iface_info row = {.size = sizeof row};
    uint32_t cursor = 0;
    cr_assert(nhtb_iface_next(sim_ctx(t.hub), &cursor, &row));
    cr_assert_str_eq(row.name, "st0.0");
    cr_assert_eq(row.kind, NHTB_IFACE_MULTIPOINT);
    cr_assert(row.up);
    cr_assert_eq(row.tunnels, 2);
    cr_assert_eq(row.tunnels_up, 2);
    cr_assert_eq(row.in_packets, 1);
    cr_assert_eq(row.in_bytes, 100);
    row.size = sizeof row;
    cr_assert_not(nhtb_iface_next(sim_ctx(t.hub), &cursor, &row));
}

Test(show, routes_say_whether_they_lead_anywhere)
{
    nhtb_route_info row = {.size = sizeof row};
    uint32_t cursor = 0;
    unsigned tunnel = 0, local = 0;
    sim_route(t.hub, t.hub_st0, "10.77.0.0/16", "10.0.0.200");
    for (; nhtb_route_next(sim_ctx(t.hub), &cursor, &row); row.size = sizeof row) {
        bool nowhere = row.route.next_hop.b[3] == 200;
        cr_expect_eq(row.reachable, !nowhere);
        tunnel += row.route.kind == NHTB_ROUTE_TUNNEL;
        local += row.route.kind == NHTB_ROUTE_LOCAL;
    }
    cr_assert_eq(tunnel, 3);
    cr_assert_eq(local, 1);
}

Test(show, peers_with_their_children_and_counters)
{
    nhtb_peer_info row = {.size = sizeof row};
    uint32_t cursor = 0;
    unsigned n = 0, packets = 0;
    for (; nhtb_peer_next(sim_ctx(t.hub), &cursor, &row); row.size = sizeof row, n++) {
        cr_expect(row.up);
        cr_expect_eq(row.n_children, 1);
        cr_expect_eq(row.children_up, 1);
        packets += (unsigned)row.in_packets;
    }
    cr_assert_eq(n, 2);
    cr_assert_eq(packets, 1);
}

Test(show, peer_counters_survive_a_rekey)
{
    nhtb_peer_info row = {.size = sizeof row};
    uint32_t cursor = 0;
    nhtb_peer_rekey(sim_ctx(t.spoke[0]), t.spoke_peer[0], NHTB_REKEY_CHILD, sim_now(t.s));
    sim_pump(t.spoke[0]);
    sim_run_for(t.s, 30 * SIM_S);
    cr_assert(nhtb_peer_next(sim_ctx(t.spoke[0]), &cursor, &row));
    cr_assert_eq(row.out_packets, 1);
    cr_assert_eq(row.out_bytes, 100);
}

Test(show, sa_pairs_and_ike_sas)
{
    nhtb_sa_info sa = {.size = sizeof sa};
    nhtb_ike_sa_info ike = {.size = sizeof ike};
    uint32_t cursor = 0;
    cr_assert(nhtb_sa_next(sim_ctx(t.spoke[0]), &cursor, &sa));
    cr_assert_str_eq(sa.peer_name, "hub");
    cr_assert_str_eq(sa.vpn, "hub-0");
    cr_assert_str_eq(sa.iface_name, "st0.0");
    cr_assert(sa.current);
    cr_assert_eq(sa.seq_out, 1);
    cr_assert_neq(sa.spi_in, sa.spi_out);
    cursor = 0;
    cr_assert(nhtb_ike_sa_next(sim_ctx(t.spoke[0]), &cursor, &ike));
    cr_assert_str_eq(ike.peer_name, "hub");
    cr_assert(ike.libnhtb_peer);
    cr_assert(ike.initiator);
}

Test(show, rows_respect_the_callers_size)
{
    nhtb_iface_info row;
    uint32_t cursor = 0;
    memset(&row, 0xee, sizeof row);
    row.size = offsetof(nhtb_iface_info, mtu);
    cr_assert(nhtb_iface_next(sim_ctx(t.hub), &cursor, &row));
    cr_assert_eq(row.mtu, 0xeeeeeeeeu);
    cursor = 0;
    row.size = 0;
    cr_assert_not(nhtb_iface_next(sim_ctx(t.hub), &cursor, &row));
    cr_assert_not(nhtb_peer_next(NULL, &cursor, NULL));
    cr_assert_not(nhtb_sa_next(sim_ctx(t.hub), NULL, NULL));
    cr_assert_not(nhtb_route_next(sim_ctx(t.hub), &cursor, NULL));
}

Test(show, transaction_entries_check_their_arguments)
{
    nhtb_txn *x;
    nhtb_iface i = {.size = 4};
    nhtb_iface_id id;
    nhtb_route r = {.size = 4};
    nhtb_binding b = {.size = 4};
    nhtb_manual_sa sa = {.size = 4};
    nhtb_policy pol = {.size = 4};
    nhtb_peer p = {.size = 4};
    nhtb_peer_id pid;
    nhtb_sa_id sid;
    cr_assert_eq(nhtb_txn_begin(sim_ctx(t.hub), &x), 0);
    cr_expect_eq(nhtb_txn_iface(x, &i, &id), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_iface(x, NULL, &id), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_route(x, &r), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_route_del(x, NULL), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_binding(x, &b), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_binding_del(x, t.hub_st0, NULL), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_sa(x, &sa, &sid), NHTB_ERR_ARG);
    cr_expect_neq(nhtb_txn_sa_del(x, (nhtb_sa_id){77}), 0);
    cr_expect_eq(nhtb_txn_policy(x, t.hub_st0, &pol, 1), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_policy(x, t.hub_st0, NULL, 1), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_peer(x, &p, &pid), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_peer_del(x, (nhtb_peer_id){77}), NHTB_ERR_STALE);
    cr_expect_neq(nhtb_txn_iface_del(x, (nhtb_iface_id){0}), 0);
    cr_expect_eq(nhtb_txn_iface(NULL, &i, &id), NHTB_ERR_ARG);
    cr_expect_eq(nhtb_txn_route(NULL, &r), NHTB_ERR_ARG);
    nhtb_txn_abort(x);
    cr_assert_eq(sim_tunnels_up(t.hub), 2);
}

Test(show, an_interface_goes_with_its_routes_bindings_and_tunnels)
{
    nhtb_txn *x;
    cr_assert_eq(nhtb_txn_begin(sim_ctx(t.hub), &x), 0);
    for (unsigned i = 0; i < 2; i++)
        cr_assert_eq(nhtb_txn_peer_del(x, t.hub_peer[i]), 0);
    cr_assert_eq(nhtb_txn_iface_del(x, t.hub_st0), 0);
    cr_assert_eq(nhtb_txn_commit(x, sim_now(t.s)), 0);
    sim_pump(t.hub);
    sim_run_for(t.s, SIM_S);
    nhtb_stats st = sim_stats(t.hub);
    cr_assert_eq(st.ifaces, 0);
    cr_assert_eq(st.peers, 0);
    cr_assert_eq(st.child_sas, 0);
    cr_assert_eq(st.bindings, 0);
    cr_assert_eq(st.routes, 1);
    cr_assert_eq(sim_tunnels_up(t.spoke[0]), 0);
}

static uint32_t mtu_now(void)
{
    nhtb_sa_info sa = {.size = sizeof sa};
    for (uint32_t cursor = 0; nhtb_sa_next(sim_ctx(t.spoke[0]), &cursor, &sa); sa.size = sizeof sa)
        if (sa.current)
            return sa.mtu;
    return 0;
}

Test(show, a_smaller_path_mtu_is_shown_and_never_below_the_minimum)
{
    nhtb_sa_info sa = {.size = sizeof sa};
    uint32_t cursor = 0;
    cr_assert(nhtb_sa_next(sim_ctx(t.spoke[0]), &cursor, &sa));
    uint32_t before = sa.mtu;
    nhtb_path path = sa.path;
    nhtb_path_mtu(sim_ctx(t.spoke[0]), &path, 1200, sim_now(t.s));
    cursor = 0;
    sa.size = sizeof sa;
    cr_assert(nhtb_sa_next(sim_ctx(t.spoke[0]), &cursor, &sa));
    uint32_t lower = sa.mtu;
    cr_assert_eq(before - lower, 300);
    nhtb_path_mtu(sim_ctx(t.spoke[0]), &path, 68, sim_now(t.s));
    cursor = 0;
    sa.size = sizeof sa;
    cr_assert(nhtb_sa_next(sim_ctx(t.spoke[0]), &cursor, &sa));
    cr_assert(sa.mtu > 450 && sa.mtu < 576, "%u", sa.mtu);
    nhtb_path_mtu(NULL, &path, 1000, 1);
    sim_run_for(t.s, 9 * 60 * SIM_S);
    cr_assert_eq(mtu_now(), sa.mtu, "what was learnt holds");
    sim_run_for(t.s, 3 * 60 * SIM_S);
    cr_assert_eq(mtu_now(), before, "and is tried again after ten minutes");
}
