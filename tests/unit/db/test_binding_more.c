/* SPDX-License-Identifier: Apache-2.0
 * NHTB bindings at their edges: /31 subnets, unnumbered interfaces, full tables, no memory, static
 * entries to manual SAs that leave in the same transaction. */
#include "property/tables.h"

static nhtb_detail learn(tables *t, uint32_t peer, nhtb_addr a)
{
    return nhi_db_learn(t->db, (nhtb_peer_id){peer}, 0, &a);
}

static nhtb_iface_id iface(tables *t, const char *name, uint8_t kind, const char *own, uint8_t len)
{
    nhi_db_txn *x = tb_begin(t);
    nhtb_iface cfg = tb_iface_cfg(name, kind);
    nhtb_iface_id id;
    memset(&cfg.addr4, 0, sizeof cfg.addr4);
    memset(&cfg.addr6, 0, sizeof cfg.addr6);
    if (own)
        cfg.addr4 = tb_own(own, len);
    cr_assert_eq(nhi_db_txn_iface(x, &cfg, &id), 0);
    cr_assert_eq(tb_commit(x), 0);
    return id;
}

static void up_with(tables *t, uint32_t next_hops, uint32_t bindings)
{
    memset(t, 0, sizeof *t);
    (void)prop_mem_init(&t->pm);
    tb_settings(&t->set, 1);
    t->set.limits.next_hops = next_hops;
    t->set.limits.bindings = bindings;
    cr_assert_eq(tb_start(t), 0);
}

Test(binding_more, both_addresses_of_a_31_are_hosts)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.0", 31);
    tb_tunnel(&t, 1, 0, i, false);
    (void)tb_sa(&t, 1, 0);
    cr_assert_eq(learn(&t, 1, tb_host(0)), NHTB_DETAIL_OWN_ADDRESS);
    cr_assert_eq(learn(&t, 1, tb_host(2)), NHTB_DETAIL_OUT_OF_SUBNET);
    cr_assert_eq(learn(&t, 1, tb_host(1)), NHTB_DETAIL_NONE, "RFC 3021: no broadcast in a /31");
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_ADDED), 1u);
    tb_down(&t);
}

Test(binding_more, edges_of_a_30_are_no_hosts)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1", 30);
    tb_tunnel(&t, 1, 0, i, false);
    cr_assert_eq(learn(&t, 1, tb_host(0)), NHTB_DETAIL_NOT_UNICAST);
    cr_assert_eq(learn(&t, 1, tb_host(3)), NHTB_DETAIL_NOT_UNICAST);
    cr_assert_eq(learn(&t, 1, tb_host(2)), NHTB_DETAIL_NONE);
    tb_down(&t);
}

Test(binding_more, an_unnumbered_interface_learns_only_where_it_decides_nothing)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id many = iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT, NULL, 0);
    nhtb_iface_id one = iface(&t, "st0.1", NHTB_IFACE_POINT_TO_POINT, NULL, 0);
    nhtb_addr own;
    bool multipoint;
    tb_tunnel(&t, 1, 0, many, false);
    tb_tunnel(&t, 2, 0, one, false);
    cr_assert_eq(learn(&t, 1, tb_host(2)), NHTB_DETAIL_OUT_OF_SUBNET, "any address would be owned");
    cr_assert_eq(learn(&t, 2, tb_host(2)), NHTB_DETAIL_NONE);
    cr_assert_not(nhi_db_own_addr(t.db, (nhtb_peer_id){1}, 0, &own, &multipoint),
                  "nothing to announce");
    tb_down(&t);
}

Test(binding_more, without_a_free_slot_a_new_next_hop_is_refused)
{
    static tables t;
    up_with(&t, 2, 64);
    nhtb_iface_id i = iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1", 16);
    for (uint32_t p = 1; p <= 3; p++)
        tb_tunnel(&t, p, 0, i, false);
    cr_assert_eq(learn(&t, 1, tb_host(2)), NHTB_DETAIL_NONE);
    cr_assert_eq(learn(&t, 2, tb_host(3)), NHTB_DETAIL_NONE);
    cr_assert_eq(learn(&t, 3, tb_host(4)), NHTB_DETAIL_CAPACITY);
    nhtb_stats s;
    memset(&s, 0, sizeof s);
    nhi_db_stats(t.db, &s);
    cr_assert_eq(s.bindings, 2u);
    /* a candidate of a tunnel that is down gives way, so no room is needed */
    (void)tb_sa(&t, 3, 0);
    cr_assert_eq(learn(&t, 3, tb_host(3)), NHTB_DETAIL_NONE);
    nhi_db_stats(t.db, &s);
    cr_assert_eq(s.bindings, 2u);
    cr_assert_eq(learn(&t, 2, tb_host(3)), NHTB_DETAIL_TAKEN);
    tb_down(&t);
}

Test(binding_more, a_candidate_gives_way_also_when_bindings_are_full)
{
    static tables t;
    up_with(&t, 64, 1);
    nhtb_iface_id i = iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1", 16);
    tb_tunnel(&t, 1, 0, i, false);
    tb_tunnel(&t, 2, 0, i, false);
    cr_assert_eq(learn(&t, 1, tb_host(2)), NHTB_DETAIL_NONE);
    cr_assert_eq(learn(&t, 2, tb_host(3)), NHTB_DETAIL_CAPACITY);
    cr_assert_eq(learn(&t, 2, tb_host(2)), NHTB_DETAIL_NONE);
    cr_assert_eq(learn(&t, 1, tb_host(4)), NHTB_DETAIL_CAPACITY, "its own entry is gone");
    tb_down(&t);
}

Test(binding_more, no_memory_is_a_refusal_and_a_retry_succeeds)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1", 16);
    for (uint32_t p = 1; p <= 60; p++) {
        tb_tunnel(&t, p, 0, i, false);
        (void)tb_sa(&t, p, 0);
    }
    unsigned failed = 0, held = 0;
    for (uint32_t p = 1; p <= 60; p++) { /* the map of next hops grows at some of them */
        t.pm.fail_in = 0;
        nhtb_detail d = learn(&t, p, tb_host(p + 1));
        t.pm.fail_in = -1;
        cr_assert(d == NHTB_DETAIL_NONE || d == NHTB_DETAIL_MEMORY, "%d", (int)d);
        failed += d == NHTB_DETAIL_MEMORY;
        held += d == NHTB_DETAIL_NONE;
        nhtb_stats s;
        memset(&s, 0, sizeof s);
        nhi_db_stats(t.db, &s);
        cr_assert_eq(s.bindings, held);
        if (d == NHTB_DETAIL_MEMORY) {
            cr_assert_eq(learn(&t, p, tb_host(p + 1)), NHTB_DETAIL_NONE, "a retry succeeds");
            held++;
        }
    }
    cr_assert(failed > 0);
    cr_assert_eq(tb_count(&t, NHI_DB_BINDING_REFUSED), failed);
    tb_down(&t);
}

Test(binding_more, a_static_entry_needs_a_tunnel_that_stays)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1", 16);
    nhi_db_txn *x = tb_begin(&t);
    nhtb_binding b = {.size = sizeof b, .iface = i, .next_hop = tb_host(2), .sa = {4711}};
    cr_assert_eq(nhi_db_txn_binding(x, &b), 0);
    cr_assert_eq(tb_commit(x), NHTB_ERR_NOT_FOUND, "no such SA");
    /* a manual SA that leaves in the same transaction takes no binding */
    nhtb_sa_id sa;
    uint8_t keys[2][36];
    nhtb_manual_sa m = tb_manual(&t, i, 0x100, keys);
    x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_sa(x, &m, &sa), 0);
    cr_assert_eq(tb_commit(x), 0);
    b.sa = sa;
    x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_sa_del(x, sa), 0);
    cr_assert_eq(nhi_db_txn_binding(x, &b), 0);
    cr_assert_eq(tb_commit(x), NHTB_ERR_NOT_FOUND, "it leaves");
    x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_binding(x, &b), 0);
    cr_assert_eq(tb_commit(x), 0, "it stays");
    /* one that is only about to come, under a guessed id */
    nhtb_binding early = b;
    nhtb_manual_sa later = tb_manual(&t, i, 0x300, keys);
    x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_sa(x, &later, &sa), 0);
    nhi_db_txn_abort(x);
    uint32_t again[2] = {sa.id, 0};
    x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_sa(x, &later, &sa), 0);
    nhi_db_txn_abort(x);
    again[1] = sa.id + (sa.id - again[0]); /* generations step evenly */
    early.sa.id = again[1];
    early.next_hop = tb_host(3);
    x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_binding(x, &early), 0);
    cr_assert_eq(nhi_db_txn_sa(x, &later, &sa), 0);
    cr_assert_eq(sa.id, early.sa.id);
    cr_assert_eq(tb_commit(x), NHTB_ERR_NOT_FOUND, "not made yet");
    b.iface.id += 50;
    x = tb_begin(&t);
    int err = nhi_db_txn_binding(x, &b);
    if (err == 0)
        err = tb_commit(x);
    else
        nhi_db_txn_abort(x);
    cr_assert_eq(err, NHTB_ERR_STALE, "no such interface");
    tb_down(&t);
}

Test(binding_more, a_full_table_of_next_hops_fails_the_whole_transaction)
{
    static tables t;
    up_with(&t, 2, 64);
    nhtb_iface_id i = iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1", 16);
    tb_tunnel(&t, 1, 0, i, false);
    nhi_db_txn *x = tb_begin(&t);
    nhtb_binding b = {.size = sizeof b, .iface = i, .peer = {1}};
    for (unsigned k = 2; k < 300; k++) {
        b.next_hop = tb_host(k);
        cr_assert_eq(nhi_db_txn_binding(x, &b), 0);
    }
    cr_assert_eq(tb_commit(x), NHTB_ERR_LIMIT);
    nhtb_stats s;
    memset(&s, 0, sizeof s);
    nhi_db_stats(t.db, &s);
    cr_assert_eq(s.bindings, 0u, "nothing of it stays");
    cr_assert_eq(learn(&t, 1, tb_host(2)), NHTB_DETAIL_NONE, "and the room is free again");
    tb_down(&t);
}

Test(binding_more, a_slot_a_worker_may_still_read_is_not_used_again)
{
    static tables t;
    up_with(&t, 2, 64);
    nhtb_iface_id i = iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1", 16);
    tb_tunnel(&t, 1, 0, i, false);
    (void)tb_sa(&t, 1, 0);
    nhi_qsbr_online(&t.fib.qsbr, 0);
    unsigned moved = 0;
    nhtb_detail d;
    while ((d = learn(&t, 1, tb_host(moved + 2))) == NHTB_DETAIL_NONE)
        cr_assert_lt(++moved, 100u); /* its one entry moves on: each old slot stays behind */
    cr_assert_eq(d, NHTB_DETAIL_CAPACITY);
    cr_assert_geq(moved, 2u);
    cr_assert_not_null(t.db);
    nhi_qsbr_offline(&t.fib.qsbr, 0);
    cr_assert_eq(learn(&t, 1, tb_host(200)), NHTB_DETAIL_NONE, "the worker has looked away");
    tb_down(&t);
}

Test(binding_more, static_entries_of_an_admitted_peer_go_with_it)
{
    static tables t;
    nhtb_stats s;
    tb_up(&t, 1);
    nhtb_iface_id i = iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1", 16);
    cr_assert_eq(nhi_db_tunnel_add(t.db, (nhtb_peer_id){4}, 0, "vpn", i), 0);
    cr_assert_eq(tb_bind(&t, i, tb_host(4), 4, 0), 0);
    cr_assert_eq(tb_bind(&t, i, tb_host(5), 4, 0), 0);
    nhi_db_tunnel_drop(t.db, (nhtb_peer_id){4});
    memset(&s, 0, sizeof s);
    nhi_db_stats(t.db, &s);
    cr_assert_eq(s.bindings, 0u);
    tb_tunnel(&t, 5, 0, i, false);
    cr_assert_eq(learn(&t, 5, tb_host(4)), NHTB_DETAIL_NONE, "the address is free again");
    tb_down(&t);
}

Test(binding_more, a_tunnel_whose_interface_went_has_no_own_address_and_learns_nothing)
{
    static tables t;
    nhtb_addr own;
    bool multipoint;
    tb_up(&t, 1);
    nhtb_iface_id i = iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1", 16);
    tb_tunnel(&t, 1, 0, i, false);
    (void)tb_sa(&t, 1, 0);
    cr_assert(nhi_db_own_addr(t.db, (nhtb_peer_id){1}, 0, &own, &multipoint));
    nhi_db_txn *x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_iface_del(x, i), 0);
    cr_assert_eq(tb_commit(x), 0);
    cr_assert_not(nhi_db_own_addr(t.db, (nhtb_peer_id){1}, 0, &own, &multipoint));
    cr_assert_eq(learn(&t, 1, tb_host(2)), NHTB_DETAIL_INTERNAL);
    tb_down(&t);
}
