/* SPDX-License-Identifier: Apache-2.0
 * Transactions: one at a time, all or nothing, later operations see earlier ones. */
#include "property/tables.h"

Test(txn, only_one_is_open)
{
    static tables t;
    tb_up(&t, 1);
    nhi_db_txn *x = tb_begin(&t), *y;
    cr_assert_eq(nhi_db_txn_begin(t.db, &y), NHTB_ERR_STATE);
    nhi_db_txn_abort(x);
    x = tb_begin(&t);
    cr_assert_eq(tb_commit(x), 0);
    tb_down(&t);
}

Test(txn, usage_errors_are_told_at_once_and_the_rest_can_go_on)
{
    static tables t;
    tb_up(&t, 1);
    nhi_db_txn *x = tb_begin(&t);
    nhtb_iface_id id, gone = {77};
    nhtb_iface bad = tb_iface_cfg("", 0);
    cr_assert_eq(nhi_db_txn_iface(x, &bad, &id), NHTB_ERR_ARG);
    bad = tb_iface_cfg("a-name-that-is-longer-than-31-chars", 0);
    cr_assert_eq(nhi_db_txn_iface(x, &bad, &id), NHTB_ERR_ARG);
    bad = tb_iface_cfg("st0.0", 9);
    cr_assert_eq(nhi_db_txn_iface(x, &bad, &id), NHTB_ERR_ARG);
    bad = tb_iface_cfg("st0.0", 0);
    bad.dscp = 64;
    cr_assert_eq(nhi_db_txn_iface(x, &bad, &id), NHTB_ERR_ARG);
    nhtb_route r = {.size = sizeof r, .prefix = tb_prefix("10.0.0.0/8"), .iface = gone};
    cr_assert_eq(nhi_db_txn_route(x, &r), NHTB_ERR_STALE);
    r.kind = NHTB_ROUTE_LOCAL;
    cr_assert_eq(nhi_db_txn_route(x, &r), 0);
    r.prefix.addr.b[3] = 1;
    cr_assert_eq(nhi_db_txn_route(x, &r), NHTB_ERR_ARG, "host bits");
    nhtb_prefix p = r.prefix;
    cr_assert_eq(nhi_db_txn_route_del(x, &p), NHTB_ERR_ARG);
    nhtb_addr a = tb_host(2);
    nhtb_binding b = {.size = sizeof b, .iface = gone, .next_hop = a};
    cr_assert_eq(nhi_db_txn_binding(x, &b), NHTB_ERR_ARG, "neither peer nor SA");
    b.peer.id = 1;
    cr_assert_eq(nhi_db_txn_binding(x, &b), NHTB_ERR_STALE);
    cr_assert_eq(nhi_db_txn_binding_del(x, gone, &a), NHTB_ERR_STALE);
    cr_assert_eq(nhi_db_txn_iface_del(x, gone), NHTB_ERR_STALE);
    cr_assert_eq(nhi_db_txn_policy(x, gone, NULL, 0), NHTB_ERR_STALE);
    cr_assert_eq(nhi_db_txn_sa_del(x, (nhtb_sa_id){5}), NHTB_ERR_STALE);
    cr_assert_eq(nhi_db_txn_tunnel(x, (nhtb_peer_id){0}, 0, "v", gone, false), NHTB_ERR_ARG);
    cr_assert_eq(nhi_db_txn_tunnel(x, (nhtb_peer_id){1}, 0, "v", gone, false), NHTB_ERR_STALE);
    cr_assert_eq(tb_commit(x), 0);
    uint8_t dst[4] = {10, 1, 1, 1};
    cr_assert_eq(nhi_fib_lookup4(&t.fib, dst), NHI_SLOT_LOCAL);
    tb_down(&t);
}

Test(txn, prepare_names_the_operation_that_failed_and_changes_nothing)
{
    static tables t;
    tb_up(&t, 1);
    nhi_db_txn *x = tb_begin(&t);
    nhtb_iface cfg = tb_iface_cfg("st0.0", NHTB_IFACE_MULTIPOINT);
    nhtb_iface_id id;
    nhtb_addr nh = tb_host(2);
    cr_assert_eq(nhi_db_txn_iface(x, &cfg, &id), 0);
    cr_assert_eq(nhi_db_txn_tunnel(x, (nhtb_peer_id){1}, 0, "v", id, false), 0);
    nhtb_route r = {
        .size = sizeof r, .prefix = tb_prefix("10.9.0.0/16"), .iface = id, .next_hop = nh};
    cr_assert_eq(nhi_db_txn_route(x, &r), 0);
    nhtb_prefix absent = tb_prefix("10.77.0.0/16");
    cr_assert_eq(nhi_db_txn_route_del(x, &absent), 0);
    size_t at = 99;
    cr_assert_eq(nhi_db_txn_prepare(x, &at), NHTB_ERR_NOT_FOUND);
    cr_assert_eq(at, 3u);
    nhtb_stats s;
    memset(&s, 0, sizeof s);
    nhi_db_stats(t.db, &s);
    cr_assert(s.ifaces == 0 && s.routes == 0 && s.bindings == 0);
    cr_assert_null(nhi_fib_iface(&t.fib, id));
    tb_down(&t);
}

Test(txn, later_operations_see_earlier_ones)
{
    static tables t;
    tb_up(&t, 1);
    nhi_db_txn *x = tb_begin(&t);
    nhtb_iface cfg = tb_iface_cfg("st0.0", NHTB_IFACE_MULTIPOINT);
    nhtb_iface_id id, again;
    nhtb_addr nh = tb_host(2);
    cr_assert_eq(nhi_db_txn_iface(x, &cfg, &id), 0);
    cfg.mtu = 1400;
    cr_assert_eq(nhi_db_txn_iface(x, &cfg, &again), 0);
    cr_assert_eq(id.id, again.id);
    cr_assert_eq(nhi_db_txn_tunnel(x, (nhtb_peer_id){1}, 0, "v", id, false), 0);
    nhtb_binding b = {.size = sizeof b, .iface = id, .next_hop = nh, .peer = {1}};
    cr_assert_eq(nhi_db_txn_binding(x, &b), 0);
    nhtb_route r = {
        .size = sizeof r, .prefix = tb_prefix("10.9.0.0/16"), .iface = id, .next_hop = nh};
    cr_assert_eq(nhi_db_txn_route(x, &r), 0);
    cr_assert_eq(nhi_db_txn_route_del(x, &r.prefix), 0);
    r.prefix = tb_prefix("10.8.0.0/16");
    cr_assert_eq(nhi_db_txn_route(x, &r), 0);
    cr_assert_eq(tb_commit(x), 0);
    cr_assert_null(tb_path_to(&t, "10.9.0.1"));
    cr_assert_not_null(tb_path_to(&t, "10.8.0.1"));
    cr_assert_eq(nhi_fib_iface(&t.fib, id)->mtu, 1400u);
    tb_down(&t);
}

Test(txn, an_interface_can_be_deleted_and_made_anew_with_its_name)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id old = tb_iface(&t, "st0.0", NHTB_IFACE_POINT_TO_POINT), fresh;
    tb_tunnel(&t, 1, 0, old, false);
    nhi_db_txn *x = tb_begin(&t);
    nhtb_iface cfg = tb_iface_cfg("st0.0", NHTB_IFACE_MULTIPOINT);
    cr_assert_eq(nhi_db_txn_iface(x, &cfg, &fresh), 0);
    cr_assert_eq(nhi_db_txn_prepare(x, NULL), NHTB_ERR_STATE, "the kind is fixed while in use");
    x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_iface_del(x, old), 0);
    cr_assert_eq(nhi_db_txn_iface(x, &cfg, &fresh), 0);
    cr_assert_eq(tb_commit(x), 0);
    cr_assert_neq(old.id, fresh.id);
    cr_assert_null(nhi_fib_iface(&t.fib, old));
    cr_assert_eq(nhi_fib_iface(&t.fib, fresh)->kind, NHTB_IFACE_MULTIPOINT);
    tb_down(&t);
}

Test(txn, a_peer_can_be_replaced_in_one_transaction)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    cr_assert_eq(tb_bind(&t, i, tb_host(2), 1, 0), 0);
    (void)tb_sa(&t, 1, 0);
    nhi_db_txn *x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_tunnel_del(x, (nhtb_peer_id){1}), 0);
    cr_assert_eq(nhi_db_txn_tunnel(x, (nhtb_peer_id){1}, 0, "new", i, false), 0);
    nhtb_binding b = {.size = sizeof b, .iface = i, .next_hop = tb_host(2), .peer = {1}};
    cr_assert_eq(nhi_db_txn_binding(x, &b), 0);
    cr_assert_eq(tb_commit(x), 0);
    cr_assert_not(nhi_db_tunnel_up(t.db, (nhtb_peer_id){1}, 0));
    uint32_t cursor = 0;
    nhtb_binding_info row = {.size = sizeof row};
    cr_assert(nhi_db_binding_next(t.db, &cursor, &row));
    cr_assert_str_eq(row.vpn, "new");
    cr_assert_not(nhi_db_binding_next(t.db, &cursor, &row));
    tb_down(&t);
}

Test(txn, limits_hold_for_what_the_transaction_leaves)
{
    static tables t;
    memset(&t, 0, sizeof t);
    (void)prop_mem_init(&t.pm);
    tb_settings(&t.set, 1);
    t.set.limits.next_hops = 1;
    t.set.limits.bindings = 1;
    t.set.limits.policies = 2;
    t.set.limits.ifaces = 1;
    cr_assert_eq(tb_start(&t), 0);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    nhtb_addr a = tb_host(2), b = tb_host(3);
    cr_assert_eq(tb_route(&t, "10.9.0.0/16", i, &a), 0);
    cr_assert_eq(tb_route(&t, "10.8.0.0/16", i, &b), NHTB_ERR_LIMIT);
    cr_assert_eq(tb_route(&t, "10.9.0.0/16", i, &b), 0, "the old next hop goes");
    nhtb_iface cfg = tb_iface_cfg("st0.1", 0);
    nhi_db_txn *x = tb_begin(&t);
    nhtb_iface_id id;
    cr_assert_eq(nhi_db_txn_iface(x, &cfg, &id), NHTB_ERR_LIMIT);
    nhtb_policy p[3];
    memset(p, 0, sizeof p);
    for (int k = 0; k < 3; k++)
        p[k].direction = NHTB_POLICY_OUT;
    cr_assert_eq(nhi_db_txn_policy(x, i, p, 3), NHTB_ERR_LIMIT);
    p[0].direction = 8;
    cr_assert_eq(nhi_db_txn_policy(x, i, p, 2), NHTB_ERR_ARG);
    p[0].direction = NHTB_POLICY_OUT;
    cr_assert_eq(nhi_db_txn_policy(x, i, p, 2), 0);
    cr_assert_eq(nhi_db_txn_policy(x, i, p, 1), 0);
    cr_assert_eq(nhi_db_txn_policy(x, i, p, 2), 0, "the last list wins");
    cr_assert_eq(tb_commit(x), 0);
    nhi_policy_set *set = nhi_a_load(&nhi_fib_iface(&t.fib, i)->policies);
    cr_assert_eq(set->n, 2u);
    x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_policy(x, i, NULL, 0), 0);
    cr_assert_eq(tb_commit(x), 0);
    cr_assert_null(nhi_a_load(&nhi_fib_iface(&t.fib, i)->policies));
    tb_down(&t);
}
