/* SPDX-License-Identifier: Apache-2.0
 * Bindings of virtual addresses we gave to peers: static > assigned > learnt, life, rows. */
#include "property/tables.h"

static nhtb_detail assign(tables *t, uint32_t peer, nhtb_addr a)
{
    return nhi_db_assign(t->db, (nhtb_peer_id){peer}, 0, &a, NULL);
}

static nhtb_detail learn(tables *t, uint32_t peer, nhtb_addr a)
{
    return nhi_db_learn(t->db, (nhtb_peer_id){peer}, 0, &a);
}

/* Source of the row of a next hop, -1: no row; *peer: whose. */
static int source_of(tables *t, nhtb_addr a, uint32_t *peer)
{
    nhtb_binding_info row = {.size = sizeof row};
    for (uint32_t cursor = 0; nhi_db_binding_next(t->db, &cursor, &row);) {
        if (!nhtb_addr_equal(&row.next_hop, &a))
            continue;
        *peer = row.peer.id;
        cr_assert_eq(row.is_static, row.source == NHTB_BINDING_STATIC);
        return row.source;
    }
    return -1;
}

static nhtb_iface_id two_tunnels(tables *t)
{
    tb_up(t, 1);
    nhtb_iface_id i = tb_iface(t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(t, 1, 0, i, false);
    tb_tunnel(t, 2, 0, i, false);
    return i;
}

Test(assigned, lives_as_long_as_its_tunnel)
{
    static tables t;
    uint32_t peer;
    (void)two_tunnels(&t);
    cr_assert_eq(assign(&t, 1, tb_host(20)), NHTB_DETAIL_NONE);
    cr_assert_eq(source_of(&t, tb_host(20), &peer), -1, "a candidate");
    nhtb_sa_id sa = tb_sa(&t, 1, 0);
    cr_assert_eq(source_of(&t, tb_host(20), &peer), NHTB_BINDING_ASSIGNED);
    cr_assert_eq(peer, 1);
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_ADDED), 1u);
    cr_assert_eq(assign(&t, 1, tb_host(20)), NHTB_DETAIL_NONE, "a rekey says it again");
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_ADDED), 1u);
    cr_assert_eq(nhi_db_sa_remove(t.db, sa), 0);
    cr_assert_eq(source_of(&t, tb_host(20), &peer), -1);
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_REMOVED), 1u);
    tb_down(&t);
}

Test(assigned, another_address_replaces_it_and_an_announced_one_stands_beside_it)
{
    static tables t;
    uint32_t peer;
    (void)two_tunnels(&t);
    (void)tb_sa(&t, 1, 0);
    cr_assert_eq(assign(&t, 1, tb_host(20)), NHTB_DETAIL_NONE);
    cr_assert_eq(learn(&t, 1, tb_host(30)), NHTB_DETAIL_NONE);
    cr_assert_eq(assign(&t, 1, tb_host(21)), NHTB_DETAIL_NONE);
    cr_assert_eq(source_of(&t, tb_host(20), &peer), -1);
    cr_assert_eq(source_of(&t, tb_host(21), &peer), NHTB_BINDING_ASSIGNED);
    cr_assert_eq(source_of(&t, tb_host(30), &peer), NHTB_BINDING_LEARNT);
    cr_assert_eq(learn(&t, 1, tb_host(31)), NHTB_DETAIL_NONE);
    cr_assert_eq(source_of(&t, tb_host(21), &peer), NHTB_BINDING_ASSIGNED);
    cr_assert_eq(source_of(&t, tb_host(30), &peer), -1);
    tb_down(&t);
}

Test(assigned, static_wins_over_assigned_and_assigned_over_learnt)
{
    static tables t;
    uint32_t peer;
    nhtb_iface_id i = two_tunnels(&t);
    (void)tb_sa(&t, 1, 0);
    (void)tb_sa(&t, 2, 0);
    cr_assert_eq(learn(&t, 2, tb_host(20)), NHTB_DETAIL_NONE);
    cr_assert_eq(assign(&t, 1, tb_host(20)), NHTB_DETAIL_NONE, "what 2 only announced gives way");
    cr_assert_eq(source_of(&t, tb_host(20), &peer), NHTB_BINDING_ASSIGNED);
    cr_assert_eq(peer, 1);
    cr_assert_eq(learn(&t, 2, tb_host(20)), NHTB_DETAIL_TAKEN);
    cr_assert_eq(assign(&t, 2, tb_host(20)), NHTB_DETAIL_TAKEN, "never given twice");
    cr_assert_eq(tb_bind(&t, i, tb_host(20), 2, 0), 0);
    cr_assert_eq(source_of(&t, tb_host(20), &peer), NHTB_BINDING_STATIC);
    cr_assert_eq(peer, 2);
    cr_assert_eq(assign(&t, 1, tb_host(20)), NHTB_DETAIL_STATIC_WINS);
    cr_assert_eq(assign(&t, 2, tb_host(20)), NHTB_DETAIL_NONE, "its own static entry");
    cr_assert_eq(source_of(&t, tb_host(20), &peer), NHTB_BINDING_STATIC);
    tb_down(&t);
}

Test(assigned, what_the_tunnel_announced_itself_becomes_assigned)
{
    static tables t;
    uint32_t peer;
    (void)two_tunnels(&t);
    (void)tb_sa(&t, 1, 0);
    cr_assert_eq(learn(&t, 1, tb_host(20)), NHTB_DETAIL_NONE);
    cr_assert_eq(assign(&t, 1, tb_host(20)), NHTB_DETAIL_NONE);
    cr_assert_eq(source_of(&t, tb_host(20), &peer), NHTB_BINDING_ASSIGNED);
    cr_assert_eq(learn(&t, 1, tb_host(20)), NHTB_DETAIL_NONE);
    cr_assert_eq(source_of(&t, tb_host(20), &peer), NHTB_BINDING_ASSIGNED);
    tb_down(&t);
}

Test(assigned, addresses_that_cannot_be_bound_are_refused_with_a_note)
{
    static tables t;
    (void)two_tunnels(&t);
    static const struct {
        const char *addr;
        nhtb_detail want;
    } v[] = {{"10.0.0.1", NHTB_DETAIL_OWN_ADDRESS},
             {"10.1.0.2", NHTB_DETAIL_OUT_OF_SUBNET},
             {"224.0.0.5", NHTB_DETAIL_NOT_UNICAST}};
    for (size_t k = 0; k < sizeof v / sizeof v[0]; k++) {
        t.n_notes = 0;
        cr_assert_eq(assign(&t, 1, tb_addr(v[k].addr)), v[k].want, "%s", v[k].addr);
        cr_assert(t.n_notes == 1 && t.note[0].kind == NHI_DB_BINDING_REFUSED);
    }
    nhtb_addr none = {0};
    cr_assert_eq(assign(&t, 1, none), NHTB_DETAIL_NOT_UNICAST);
    cr_assert_eq(assign(&t, 9, tb_host(3)), NHTB_DETAIL_INTERNAL);
    tb_down(&t);
}

Test(assigned, a_next_hop_of_another_owner_is_refused)
{
    static tables t;
    nhtb_iface_id i = two_tunnels(&t);
    nhtb_owner o = {.size = sizeof o, .iface = i, .next_hop = tb_host(20), .id_type = NHTB_ID_FQDN};
    o.id_n = 3;
    memcpy(o.id, "one", 3);
    cr_assert_eq(nhi_db_owner_set(t.db, &o), 0);
    nhtb_addr a = tb_host(20);
    nhtb_identity one = {NHTB_ID_FQDN, {(const uint8_t *)"one", 3}},
                  two = {NHTB_ID_FQDN, {(const uint8_t *)"two", 3}};
    cr_assert_eq(nhi_db_assign(t.db, (nhtb_peer_id){2}, 0, &a, &two), NHTB_DETAIL_OWNED);
    cr_assert_eq(nhi_db_assign(t.db, (nhtb_peer_id){1}, 0, &a, &one), NHTB_DETAIL_NONE);
    tb_down(&t);
}

Test(assigned, an_address_of_a_sibling_is_the_tunnels_own_already)
{
    static tables t;
    uint32_t peer;
    nhtb_iface_id i = two_tunnels(&t);
    tb_tunnel(&t, 1, 1, i, false);
    (void)tb_sa(&t, 1, 0);
    (void)tb_sa(&t, 1, 1);
    nhtb_addr a = tb_host(20), b = tb_host(21), c = tb_host(22);
    cr_assert_eq(assign(&t, 1, a), NHTB_DETAIL_NONE);
    cr_assert_eq(nhi_db_assign(t.db, (nhtb_peer_id){1}, 1, &a, NULL), NHTB_DETAIL_NONE);
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_ADDED), 1u, "it stays where it is");
    cr_assert_eq(learn(&t, 1, b), NHTB_DETAIL_NONE);
    cr_assert_eq(nhi_db_assign(t.db, (nhtb_peer_id){1}, 1, &b, NULL), NHTB_DETAIL_NONE);
    cr_assert_eq(source_of(&t, b, &peer), NHTB_BINDING_ASSIGNED, "what it only announced moves");
    cr_assert_eq(tb_bind(&t, i, c, 1, 0), 0);
    cr_assert_eq(nhi_db_assign(t.db, (nhtb_peer_id){1}, 1, &c, NULL), NHTB_DETAIL_STATIC_WINS);
    cr_assert_eq(source_of(&t, c, &peer), NHTB_BINDING_STATIC);
    nhtb_addr d = tb_host(23); /* named by a route, bound by nobody */
    cr_assert_eq(tb_route(&t, "10.200.0.0/16", i, &d), 0);
    cr_assert_eq(nhi_db_assign(t.db, (nhtb_peer_id){1}, 1, &d, NULL), NHTB_DETAIL_NONE);
    cr_assert_eq(source_of(&t, d, &peer), NHTB_BINDING_ASSIGNED);
    tb_down(&t);
}

Test(assigned, without_an_interface_nothing_is_bound)
{
    static tables t;
    nhtb_iface_id i = two_tunnels(&t);
    (void)tb_sa(&t, 1, 0);
    nhi_db_txn *x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_iface_del(x, i), 0);
    cr_assert_eq(tb_commit(x), 0);
    cr_assert_eq(assign(&t, 1, tb_host(20)), NHTB_DETAIL_INTERNAL);
    tb_down(&t);
}
