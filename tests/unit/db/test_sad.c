/* SPDX-License-Identifier: Apache-2.0
 * SA pairs: installation, use, drain, removal, moves, counters, notes, manual pairs and key reuse. */
#include "property/tables.h"

static nhi_path *path_of(tables *t, nhtb_sa_id id)
{
    return nhi_db_sa_cell(t->db, id, true)->path;
}

Test(sad, the_first_pair_brings_tunnel_and_interface_up_and_the_last_takes_them_down)
{
    static tables t;
    tb_up(&t, 2);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    tb_tunnel(&t, 2, 0, i, false);
    nhtb_sa_id a = tb_sa(&t, 1, 0), b = tb_sa(&t, 2, 0), c = tb_sa(&t, 1, 0);
    static const nhi_db_note_kind up[] = {NHI_DB_TUNNEL_UP, NHI_DB_IFACE_UP, NHI_DB_TUNNEL_UP};
    cr_assert_eq(t.n_notes, 3u);
    for (size_t k = 0; k < 3; k++)
        cr_assert_eq(t.note[k].kind, up[k]);
    nhi_path_list *live = nhi_a_load(&nhi_fib_iface(&t.fib, i)->live);
    cr_assert_eq(nhi_a_load(&live->n), 2u);
    cr_assert_eq(nhi_db_sa_remove(t.db, a), 0);
    cr_assert_eq(nhi_db_sa_remove(t.db, a), NHTB_ERR_STALE);
    cr_assert_eq(t.n_notes, 3u);
    cr_assert_eq(nhi_db_sa_remove(t.db, c), 0);
    cr_assert_null(nhi_a_load(&live->v[0]));
    cr_assert_eq(nhi_a_load(&live->n), 2u, "a hole in front stays");
    cr_assert_eq(nhi_db_sa_remove(t.db, b), 0);
    cr_assert_eq(nhi_a_load(&live->n), 0u);
    static const nhi_db_note_kind down[] = {NHI_DB_TUNNEL_DOWN, NHI_DB_TUNNEL_DOWN,
                                            NHI_DB_IFACE_DOWN};
    for (size_t k = 0; k < 3; k++)
        cr_assert_eq(t.note[3 + k].kind, down[k]);
    cr_assert_eq(t.n_notes, 6u);
    tb_down(&t);
}

Test(sad, outbound_follows_use_drain_and_remove)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    nhtb_sa_id a = tb_sa(&t, 1, 0);
    nhi_path *p = path_of(&t, a);
    nhi_db_sa sa;
    uint8_t keys[2][36];
    nhtb_sa_id b;
    tb_sa_fill(&t, &sa, keys, 1, 0);
    sa.use_now = false;
    cr_assert_eq(nhi_db_spi_reserve(t.db, sa.peer, &sa.spi_in), 0);
    cr_assert_eq(nhi_db_sa_install(t.db, &sa, &b), 0);
    cr_assert_eq(nhi_a_load(&p->out), nhi_db_sa_cell(t.db, a, false), "not yet told to use");
    cr_assert_eq(nhi_db_sa_use(t.db, b), 0);
    cr_assert_eq(nhi_a_load(&p->out), nhi_db_sa_cell(t.db, b, false));
    cr_assert_eq(nhi_db_sa_drain(t.db, a), 0);
    cr_assert_eq(nhi_db_sa_remove(t.db, b), 0);
    cr_assert_null(nhi_a_load(&p->out), "a draining pair is not sent on");
    cr_assert(nhi_db_tunnel_up(t.db, (nhtb_peer_id){1}, 0));
    cr_assert_eq(nhi_db_sa_use(t.db, a), 0);
    nhtb_sa_id c = tb_sa(&t, 1, 0), d = tb_sa(&t, 1, 0);
    cr_assert_eq(nhi_a_load(&p->out), nhi_db_sa_cell(t.db, d, false));
    cr_assert_eq(nhi_db_sa_remove(t.db, d), 0);
    cr_assert_eq(nhi_a_load(&p->out), nhi_db_sa_cell(t.db, c, false), "the newest other");
    cr_assert_eq(nhi_db_sa_drain(t.db, c), 0);
    cr_assert_eq(nhi_a_load(&p->out), nhi_db_sa_cell(t.db, a, false));
    cr_assert_eq(nhi_db_sa_drain(t.db, (nhtb_sa_id){0}), NHTB_ERR_STALE);
    cr_assert_eq(nhi_db_sa_use(t.db, b), NHTB_ERR_STALE);
    cr_assert_null(nhi_db_sa_cell(t.db, b, true));
    tb_down(&t);
}

Test(sad, install_checks_its_arguments)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    tb_tunnel(&t, 2, 0, i, false);
    nhi_db_sa sa;
    uint8_t keys[2][36];
    nhtb_sa_id id;
    tb_sa_fill(&t, &sa, keys, 3, 0);
    cr_assert_eq(nhi_db_sa_install(t.db, &sa, &id), NHTB_ERR_NOT_FOUND);
    sa.peer.id = 1;
    cr_assert_eq(nhi_db_sa_install(t.db, &sa, &id), NHTB_ERR_ARG, "SPI was not reserved");
    cr_assert_eq(nhi_db_spi_reserve(t.db, (nhtb_peer_id){2}, &sa.spi_in), 0);
    cr_assert_eq(nhi_db_sa_install(t.db, &sa, &id), NHTB_ERR_ARG, "another peer's SPI");
    nhi_db_spi_release(t.db, sa.spi_in);
    cr_assert_eq(nhi_db_spi_reserve(t.db, (nhtb_peer_id){1}, &sa.spi_in), 0);
    sa.key_in.n = 20;
    cr_assert_eq(nhi_db_sa_install(t.db, &sa, &id), NHTB_ERR_ARG);
    sa.key_in.n = 36;
    cr_assert_eq(nhi_db_sa_install(t.db, &sa, &id), 0);
    nhtb_sa_id found;
    cr_assert(nhi_db_sa_find(t.db, sa.spi_in, &found) && found.id == id.id);
    nhtb_peer_id peer;
    uint16_t child;
    cr_assert(nhi_db_sa_owner(t.db, id, &peer, &child) && peer.id == 1 && child == 0);
    uint32_t spi;
    cr_assert_eq(nhi_db_spi_reserve(t.db, sa.peer, &spi), 0);
    sa.spi_in = spi;
    cr_assert_eq(nhi_db_sa_install(t.db, &sa, &id), NHTB_ERR_CONFLICT, "keys of a live pair");
    cr_assert_eq(nhi_db_spi_reserve(t.db, (nhtb_peer_id){99}, &spi), NHTB_ERR_NOT_FOUND);
    tb_down(&t);
}

Test(sad, install_is_all_or_nothing_at_every_allocation)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    nhi_db_sa sa;
    uint8_t keys[2][36];
    nhtb_sa_id id;
    tb_sa_fill(&t, &sa, keys, 1, 0);
    nhtb_ts ts = {.lo = tb_addr("10.0.0.0"), .hi = tb_addr("10.0.0.255"), .port_hi = 65535};
    sa.local_ts = sa.remote_ts = &ts;
    sa.n_local_ts = sa.n_remote_ts = 1;
    cr_assert_eq(nhi_db_spi_reserve(t.db, sa.peer, &sa.spi_in), 0);
    int err = NHTB_ERR_MEMORY;
    for (int64_t n = 0; err != 0; n++) {
        size_t live = t.pm.live;
        t.pm.fail_in = n;
        err = nhi_db_sa_install(t.db, &sa, &id);
        t.pm.fail_in = -1;
        cr_assert(err == 0 || err == NHTB_ERR_MEMORY);
        cr_assert(err == 0 || t.pm.live <= live + 4, "only tables that are kept");
        cr_assert_eq(nhi_fib_cell(&t.fib, sa.spi_in) != NULL, err == 0);
        cr_assert_eq(nhi_db_tunnel_up(t.db, sa.peer, 0), err == 0);
    }
    tb_down(&t);
}

Test(sad, moves_and_mtu_change_the_endpoint_and_the_inner_mtu)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    nhtb_sa_id a = tb_sa(&t, 1, 0);
    nhi_path *p = path_of(&t, a);
    cr_assert_eq(nhi_a_load(&p->inner_mtu), 1446u);
    nhtb_path to = nhi_a_load(&p->endpoint)->path;
    cr_assert_eq(nhi_db_path_mtu(t.db, &to, 1400, 5), 1u);
    cr_assert_eq(nhi_db_path_mtu(t.db, &to, 1400, 5), 0u);
    cr_assert_eq(nhi_a_load(&p->inner_mtu), 1346u);
    to.local_port = to.remote_port = 4500;
    cr_assert_eq(nhi_db_peer_move(t.db, (nhtb_peer_id){1}, &to), 0);
    cr_assert_eq(nhi_a_load(&p->inner_mtu), 1338u, "the learnt MTU moves along");
    cr_assert(nhi_a_load(&nhi_db_sa_cell(t.db, a, true)->path->endpoint)->udp);
    cr_assert_eq(nhi_db_path_mtu(t.db, &to, 1, 5), 1u);
    cr_assert_eq(nhi_a_load(&p->endpoint)->path_mtu, 576u);
    cr_assert_eq(nhi_db_mtu_forget(t.db, 4), 1u, "learnt later");
    cr_assert_eq(nhi_a_load(&p->endpoint)->path_mtu, 576u);
    cr_assert_eq(nhi_db_mtu_forget(t.db, 5), 0u);
    cr_assert_eq(nhi_a_load(&p->endpoint)->path_mtu, 1500u);
    cr_assert_eq(nhi_db_mtu_forget(t.db, 5), 0u, "nothing left to forget");
    cr_assert_eq(nhi_db_peer_move(t.db, (nhtb_peer_id){9}, &to), NHTB_ERR_NOT_FOUND);
    t.pm.fail_in = 1;
    cr_assert_eq(nhi_db_peer_move(t.db, (nhtb_peer_id){1}, &to), NHTB_ERR_MEMORY);
    t.pm.fail_in = -1;
    nhi_db_txn *x = tb_begin(&t);
    nhtb_iface cfg = tb_iface_cfg("st0.0", NHTB_IFACE_MULTIPOINT);
    cfg.mtu = 300;
    cr_assert_eq(nhi_db_txn_iface(x, &cfg, &i), 0);
    cr_assert_eq(tb_commit(x), 0);
    cr_assert_eq(nhi_a_load(&p->inner_mtu), 300u);
    tb_down(&t);
}

Test(sad, counters_survive_rekeys_and_late_packets)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    nhtb_sa_id a = tb_sa(&t, 1, 0);
    nhi_cell *out = nhi_db_sa_cell(t.db, a, false), *in = nhi_db_sa_cell(t.db, a, true);
    nhi_cell_account(out, 3, 300, 5);
    nhi_cell_account(in, 2, 200, 6);
    cr_assert_eq(nhi_db_peer_last_in(t.db, (nhtb_peer_id){1}), 6u);
    cr_assert_eq(nhi_db_peer_last_out(t.db, (nhtb_peer_id){1}), 5u);
    (void)tb_sa(&t, 1, 0);
    nhi_qsbr_online(&t.fib.qsbr, 0);
    cr_assert_eq(nhi_db_sa_remove(t.db, a), 0);
    nhi_cell_account(out, 1, 100, 7); /* a worker that still holds it */
    nhi_db_poll(t.db);
    nhi_qsbr_offline(&t.fib.qsbr, 0);
    nhi_db_poll(t.db); /* the inbound cell is still flagged: limbo */
    uint64_t op, ob, ip, ib;
    uint16_t tun;
    nhi_db_peer_counters(t.db, (nhtb_peer_id){1}, &op, &ob, &ip, &ib, &tun);
    cr_assert(op == 4 && ob == 400 && ip == 2 && ib == 200 && tun == 1);
    nhi_db_peer_counters(t.db, (nhtb_peer_id){4}, &op, &ob, &ip, &ib, &tun);
    cr_assert(op == 0 && tun == 0);
    tb_down(&t);
}

Test(sad, a_flagged_cell_is_not_freed_before_it_was_collected)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    nhtb_sa_id a = tb_sa(&t, 1, 0);
    nhi_cell *c = nhi_db_sa_cell(t.db, a, true);
    nhi_cell_flag(&t.fib, c, NHI_CELL_SOFT);
    cr_assert_eq(nhi_db_sa_remove(t.db, a), 0);
    size_t live = t.pm.live;
    nhi_db_poll(t.db);
    nhi_db_poll(t.db);
    cr_assert_eq(t.pm.live, live);
    nhtb_path p;
    nhtb_addr s;
    cr_assert_eq(nhi_fib_take_flagged(&t.fib), c);
    cr_assert_eq(nhi_cell_collect(c, &p, &s), (uint32_t)NHI_CELL_SOFT);
    nhi_db_poll(t.db);
    cr_assert_eq(t.pm.live, live - 5, "two cells, two keys, their record");
    tb_down(&t);
}

Test(sad, manual_pairs_are_bound_found_and_never_take_keys_twice)
{
    static tables t;
    tb_up(&t, 3);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    uint8_t keys[2][36];
    nhtb_manual_sa m = tb_manual(&t, i, 300, keys);
    nhtb_sa_id id, again;
    nhi_db_txn *x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_sa(x, &m, &id), 0);
    nhtb_binding b = {.size = sizeof b, .iface = i, .next_hop = tb_host(7), .sa = id};
    cr_assert_eq(nhi_db_txn_binding(x, &b), 0);
    nhtb_addr nh = tb_host(7);
    nhtb_route r = {
        .size = sizeof r, .prefix = tb_prefix("10.9.0.0/16"), .iface = i, .next_hop = nh};
    cr_assert_eq(nhi_db_txn_route(x, &r), 0);
    cr_assert_null(nhi_db_sa_cell(t.db, id, true), "not before the commit");
    cr_assert_eq(tb_commit(x), 0);
    cr_assert_eq(tb_path_to(&t, "10.9.0.1"), path_of(&t, id));
    cr_assert_eq(nhi_fib_cell(&t.fib, 300), nhi_db_sa_cell(t.db, id, true));
    cr_assert_eq(tb_count(&t, NHI_DB_TUNNEL_UP), 1u);
    x = tb_begin(&t);
    m.spi_in = 500;
    cr_assert_eq(nhi_db_txn_sa(x, &m, &again), 0);
    cr_assert_eq(nhi_db_txn_prepare(x, NULL), NHTB_ERR_CONFLICT, "the same keys");
    x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_sa_del(x, id), 0);
    cr_assert_eq(tb_commit(x), 0);
    cr_assert_null(nhi_fib_cell(&t.fib, 300));
    cr_assert_null(tb_path_to(&t, "10.9.0.1"));
    x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_sa(x, &m, &again), 0);
    cr_assert_eq(nhi_db_txn_prepare(x, NULL), NHTB_ERR_CONFLICT, "not after removal either");
    uint8_t fresh[2][36];
    m = tb_manual(&t, i, 600, fresh);
    m.key_in = m.key_out;
    x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_sa(x, &m, &again), 0);
    cr_assert_eq(nhi_db_txn_prepare(x, NULL), NHTB_ERR_CONFLICT, "one key for both directions");
    tb_down(&t);
}

Test(sad, manual_arguments_and_spi_conflicts)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    nhtb_sa_id dynamic = tb_sa(&t, 1, 0), id;
    uint32_t live = nhi_db_sa_cell(t.db, dynamic, true)->spi;
    uint8_t keys[2][36];
    nhi_db_txn *x = tb_begin(&t);
    nhtb_manual_sa m = tb_manual(&t, i, 255, keys);
    cr_assert_eq(nhi_db_txn_sa(x, &m, &id), NHTB_ERR_ARG, "reserved SPIs");
    m = tb_manual(&t, i, 300, keys);
    m.key_out.n--;
    cr_assert_eq(nhi_db_txn_sa(x, &m, &id), NHTB_ERR_ARG);
    m = tb_manual(&t, i, 300, keys);
    m.encr = 99;
    cr_assert_eq(nhi_db_txn_sa(x, &m, &id), NHTB_ERR_ARG);
    m = tb_manual(&t, i, live, keys);
    cr_assert_eq(nhi_db_txn_sa(x, &m, &id), 0);
    cr_assert_eq(nhi_db_txn_prepare(x, NULL), NHTB_ERR_CONFLICT, "a live dynamic SPI");
    x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_sa_del(x, dynamic), 0);
    cr_assert_eq(nhi_db_txn_prepare(x, NULL), NHTB_ERR_STATE, "IKE's own");
    x = tb_begin(&t);
    m = tb_manual(&t, i, 300, keys);
    cr_assert_eq(nhi_db_txn_sa(x, &m, &id), 0);
    uint8_t other[2][36];
    nhtb_manual_sa n = tb_manual(&t, i, 300, other);
    cr_assert_eq(nhi_db_txn_sa(x, &n, &id), 0);
    cr_assert_eq(nhi_db_txn_prepare(x, NULL), NHTB_ERR_CONFLICT, "the same SPI twice");
    x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_sa(x, &m, &id), 0);
    cr_assert_eq(tb_commit(x), 0, "an aborted attempt does not use the keys up");
    tb_down(&t);
}

Test(sad, rows_tell_what_was_installed)
{
    static tables t;
    tb_up(&t, 2);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 3, i, false);
    nhi_db_sa sa;
    uint8_t keys[2][36];
    nhtb_sa_id id;
    tb_sa_fill(&t, &sa, keys, 1, 3);
    nhtb_ts ts = {.lo = tb_addr("10.0.0.0"), .hi = tb_addr("10.0.0.255"), .port_hi = 65535};
    sa.local_ts = &ts;
    sa.n_local_ts = 1;
    sa.created = 11;
    cr_assert_eq(nhi_db_spi_reserve(t.db, sa.peer, &sa.spi_in), 0);
    cr_assert_eq(nhi_db_sa_install(t.db, &sa, &id), 0);
    nhtb_sa_info row = {.size = sizeof row};
    uint32_t cursor = 0;
    cr_assert(nhi_db_sa_next(t.db, &cursor, &row));
    cr_assert(row.id.id == id.id && row.peer.id == 1 && row.child == 3 && row.iface.id == i.id);
    cr_assert(row.spi_in == sa.spi_in && row.spi_out == sa.spi_out && row.esn && row.current);
    cr_assert(row.encr == 20 && row.key_bits == 256 && row.mtu == 1446 && row.created == 11);
    cr_assert(row.n_local_ts == 1 && row.n_remote_ts == 0);
    cr_assert_eq(row.worker, nhi_db_anchor(t.db, sa.peer));
    cr_assert_str_eq(row.iface_name, "st0.0");
    cr_assert_str_eq(row.vpn, "vpn");
    cr_assert_not(nhi_db_sa_next(t.db, &cursor, &row));
    nhtb_iface_info ifr = {.size = sizeof ifr};
    cursor = 0;
    nhi_a_store(&nhi_fib_iface(&t.fib, i)->count[1].out_packets, UINT64_C(4));
    cr_assert(nhi_db_iface_next(t.db, &cursor, &ifr));
    cr_assert(ifr.up && ifr.tunnels == 1 && ifr.tunnels_up == 1 && ifr.out_packets == 4);
    cr_assert_not(nhi_db_iface_next(t.db, &cursor, &ifr));
    tb_down(&t);
}

Test(sad, route_rows_come_in_order_with_reachability)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    nhtb_addr a = tb_host(2), b = tb_host(3);
    tb_tunnel(&t, 1, 0, i, false);
    cr_assert_eq(tb_bind(&t, i, a, 1, 0), 0);
    (void)tb_sa(&t, 1, 0);
    cr_assert_eq(tb_route(&t, "2001:db8::/32", i, &b), 0);
    cr_assert_eq(tb_route(&t, "10.20.0.0/16", i, &b), 0);
    cr_assert_eq(tb_route(&t, "10.9.0.0/16", i, &a), 0);
    static const struct {
        const char *prefix;
        bool reachable;
    } want[] = {{"10.9.0.0/16", true}, {"10.20.0.0/16", false}, {"2001:db8::/32", false}};
    uint32_t cursor = 0, other = 0;
    nhtb_route_info row = {.size = sizeof row}, probe = {.size = sizeof probe};
    for (size_t k = 0; k < 3; k++) {
        cr_assert(nhi_db_route_next(t.db, &cursor, &row));
        nhtb_prefix p = tb_prefix(want[k].prefix);
        cr_assert(nhtb_addr_equal(&row.route.prefix.addr, &p.addr) &&
                  row.route.prefix.len == p.len);
        cr_assert_eq(row.reachable, want[k].reachable);
        cr_assert(nhi_db_route_next(t.db, &other, &probe), "two walks do not disturb each other");
    }
    cr_assert_not(nhi_db_route_next(t.db, &cursor, &row));
    nhi_db_txn *x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_iface_del(x, i), 0);
    cr_assert_eq(tb_commit(x), 0);
    cursor = 0;
    cr_assert_not(nhi_db_route_next(t.db, &cursor, &row), "routes go with their interface");
    cr_assert(nhi_db_tunnel_up(t.db, (nhtb_peer_id){1}, 0), "its SA is IKE's");
    cr_assert_eq(tb_count(&t, NHI_DB_IFACE_DOWN), 1u);
    tb_down(&t);
}
