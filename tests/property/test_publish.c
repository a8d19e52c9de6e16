/* SPDX-License-Identifier: Apache-2.0
 * What workers read against what db shows: after random transactions, some of which fail at a random
 * allocation, both must tell the same, and a failed one must have changed nothing. Memory stays flat
 * under a million route updates while a worker sleeps. */
#include "base/map.h"
#include "property/tables.h"

/* ---- one large transaction that fails at the n-th allocation, for every n ---- */

static void digest(uint64_t *d, const void *p, size_t n)
{
    static const uint8_t key[16] = {9};
    uint64_t h = nhi_siphash(key, p, n);
    *d = *d * 31 + h;
}

/* Everything a show command tells and everything a worker would find. */
static uint64_t picture(tables *t)
{
    uint64_t d = 0;
    uint32_t c = 0;
    nhtb_iface_info i;
    nhtb_route_info r;
    nhtb_binding_info b;
    nhtb_sa_info s;
    memset(&i, 0, sizeof i);
    memset(&r, 0, sizeof r);
    memset(&b, 0, sizeof b);
    memset(&s, 0, sizeof s);
    for (; nhi_db_iface_next(t->db, &c, &i);)
        digest(&d, &i, sizeof i);
    for (c = 0; nhi_db_route_next(t->db, &c, &r);)
        digest(&d, &r, sizeof r);
    for (c = 0; nhi_db_binding_next(t->db, &c, &b);)
        digest(&d, &b, sizeof b);
    for (c = 0; nhi_db_sa_next(t->db, &c, &s);)
        digest(&d, &s, sizeof s);
    for (unsigned n = 0; n < 64; n++) {
        uint8_t a[4] = {10, (uint8_t)(n * 4), 0, 1};
        uint32_t slot = nhi_fib_lookup4(&t->fib, a);
        nhi_path *p = nhi_a_load(&t->fib.slot[slot].path);
        uint32_t tun = p == NULL ? 0 : p->tunnel;
        digest(&d, &slot, sizeof slot);
        digest(&d, &tun, sizeof tun);
    }
    uint32_t ptrs[2] = {0, nhi_a_load(&t->fib.n_manual)};
    for (uint32_t k = 0; k <= t->fib.iface_mask; k++)
        ptrs[0] += nhi_a_load(&t->fib.iface[k]) != NULL;
    digest(&d, ptrs, sizeof ptrs);
    nhtb_stats st;
    memset(&st, 0, sizeof st);
    nhi_db_stats(t->db, &st);
    st.ifaces = 0; /* a recorded interface counts while its transaction is open */
    digest(&d, &st, sizeof st);
    return d;
}

typedef struct base_world {
    nhtb_iface_id a, b;
    nhtb_sa_id manual;
} base_world;

static base_world build_base(tables *t, uint8_t keys[2][36])
{
    base_world w;
    w.a = tb_iface(t, "st0.0", NHTB_IFACE_MULTIPOINT);
    w.b = tb_iface(t, "st0.1", NHTB_IFACE_POINT_TO_POINT);
    for (uint32_t p = 1; p <= 3; p++) {
        tb_tunnel(t, p, 0, w.a, false);
        cr_assert_eq(tb_bind(t, w.a, tb_host(p + 1), p, 0), 0);
    }
    (void)tb_sa(t, 1, 0);
    nhtb_addr nh = tb_host(2);
    cr_assert_eq(tb_route(t, "10.4.0.0/14", w.a, &nh), 0);
    cr_assert_eq(tb_route(t, "10.8.0.0/16", w.b, NULL), 0);
    nhtb_manual_sa m = tb_manual(t, w.b, 400, keys);
    nhi_db_txn *x = tb_begin(t);
    cr_assert_eq(nhi_db_txn_sa(x, &m, &w.manual), 0);
    cr_assert_eq(tb_commit(x), 0);
    return w;
}

/* Every kind of operation. Returns the first error, with the transaction ended. */
static int big_change(tables *t, const base_world *w, uint8_t keys[2][36])
{
    nhi_db_txn *x;
    int err = nhi_db_txn_begin(t->db, &x);
    if (err != 0)
        return err;
    nhtb_iface c = tb_iface_cfg("st0.2", NHTB_IFACE_MULTIPOINT), d = tb_iface_cfg("st0.0", 1);
    nhtb_iface_id i = {0}, same = {0};
    nhtb_sa_id sa;
    nhtb_policy rule = {
        .size = sizeof rule, .direction = NHTB_POLICY_OUT, .dport_hi = 65535, .sport_hi = 65535};
    d.mtu = 1300;
    err = nhi_db_txn_iface(x, &c, &i);
    if (err == 0)
        err = nhi_db_txn_iface(x, &d, &same);
    for (uint16_t k = 0; k < 6 && err == 0; k++)
        err = nhi_db_txn_tunnel(x, (nhtb_peer_id){10}, k, "new", i, false);
    for (unsigned k = 0; k < 6 && err == 0; k++) {
        nhtb_binding b = {.size = sizeof b,
                          .iface = i,
                          .next_hop = tb_host(20 + k),
                          .peer = {10},
                          .child = (uint16_t)k};
        err = nhi_db_txn_binding(x, &b);
    }
    for (unsigned k = 0; k < 30 && err == 0; k++) {
        nhtb_route r = {.size = sizeof r, .iface = i, .next_hop = tb_host(20 + k % 6)};
        r.prefix.addr = (nhtb_addr){.family = 4, .b = {10, (uint8_t)(k * 8)}};
        r.prefix.len = 16;
        err = nhi_db_txn_route(x, &r);
    }
    nhtb_manual_sa m = tb_manual(t, i, 800, keys);
    m.local_ts = &(nhtb_ts){.lo = tb_addr("10.0.0.0"), .hi = tb_addr("10.0.0.9"), .port_hi = 65535};
    m.n_local_ts = 1;
    if (err == 0)
        err = nhi_db_txn_sa(x, &m, &sa);
    if (err == 0)
        err = nhi_db_txn_policy(x, i, &rule, 1);
    if (err == 0)
        err = nhi_db_txn_policy(x, w->a, &rule, 1);
    nhtb_addr nh = tb_host(3);
    if (err == 0)
        err = nhi_db_txn_binding_del(x, w->a, &nh);
    if (err == 0)
        err = nhi_db_txn_tunnel_del(x, (nhtb_peer_id){1});
    if (err == 0)
        err = nhi_db_txn_sa_del(x, w->manual);
    if (err == 0)
        err = nhi_db_txn_iface_del(x, w->b);
    if (err != 0) {
        nhi_db_txn_abort(x);
        return err;
    }
    return tb_commit(x);
}

Test(publish, a_transaction_is_all_or_nothing_at_every_allocation)
{
    static tables t;
    tb_up(&t, 2);
    uint8_t old_keys[2][36], keys[2][36];
    base_world w = build_base(&t, old_keys);
    nhi_db_poll(t.db);
    uint64_t before = picture(&t);
    uint32_t serial = t.key_serial;
    int err = NHTB_ERR_MEMORY;
    int64_t n = 0;
    for (; err != 0; n++) {
        size_t notes = t.n_notes;
        t.key_serial = serial; /* the same keys each time: a failed try must not use them up */
        t.pm.fail_in = n;
        err = big_change(&t, &w, keys);
        t.pm.fail_in = -1;
        if (err == 0)
            break;
        cr_assert_eq(err, NHTB_ERR_MEMORY);
        cr_assert_eq(picture(&t), before, "changed by a try that failed at allocation %ld",
                     (long)n);
        cr_assert_eq(t.n_notes, notes);
        nhi_db_poll(t.db);
    }
    cr_assert_gt(n, 30); /* the prefix tables take spans, not nodes, from the host */
    cr_assert_neq(picture(&t), before);
    nhtb_addr a = tb_addr("10.8.0.1");
    nhtb_stats st;
    memset(&st, 0, sizeof st);
    nhi_db_stats(t.db, &st);
    cr_assert(st.ifaces == 2 && st.child_sas == 1 && st.tunnels_up == 1 && st.routes == 31);
    cr_assert_neq(nhi_fib_lookup(&t.fib, &a), NHI_SLOT_NONE);
    cr_assert_null(nhi_fib_cell(&t.fib, 400));
    cr_assert_not_null(nhi_fib_cell(&t.fib, 800));
    tb_down(&t);
}

Test(publish, aborting_after_prepare_leaves_nothing)
{
    static tables t;
    tb_up(&t, 1);
    uint8_t keys[2][36];
    (void)build_base(&t, keys);
    nhi_db_poll(t.db);
    uint64_t before = picture(&t);
    for (int k = 0; k < 3; k++) {
        nhi_db_txn *x = tb_begin(&t);
        nhtb_iface c = tb_iface_cfg("st0.5", NHTB_IFACE_MULTIPOINT);
        nhtb_iface_id i;
        cr_assert_eq(nhi_db_txn_iface(x, &c, &i), 0);
        cr_assert_eq(nhi_db_txn_tunnel(x, (nhtb_peer_id){1}, 7, "x", i, false), 0);
        cr_assert_eq(nhi_db_txn_tunnel_del(x, (nhtb_peer_id){2}), 0);
        if (k > 0)
            cr_assert_eq(nhi_db_txn_prepare(x, NULL), 0);
        nhi_db_txn_abort(x);
        cr_assert_eq(picture(&t), before);
    }
    cr_assert_not(nhi_db_tunnel_up(t.db, (nhtb_peer_id){2}, 0));
    tb_tunnel(&t, 2, 1, (nhtb_iface_id){nhi_a_load(&t.fib.iface[0])->id}, false);
    tb_down(&t);
}

/* ---- random transactions: rows and published words agree ---- */

static void check_walk(tables *t)
{
    nhtb_route_info r;
    uint32_t c = 0, n = 0;
    memset(&r, 0, sizeof r);
    for (; nhi_db_route_next(t->db, &c, &r); n++) {
        nhi_lpm *l = r.route.prefix.addr.family == 4 ? t->fib.lpm4 : t->fib.lpm6;
        uint32_t leaf = nhi_lpm_exact(l, r.route.prefix.addr.b, r.route.prefix.len);
        if (r.route.kind == NHTB_ROUTE_LOCAL) {
            cr_assert_eq(leaf, NHI_SLOT_LOCAL);
            continue;
        }
        const nhi_slot *s = &t->fib.slot[leaf];
        cr_assert_eq(s->iface, r.route.iface.id);
        cr_assert(nhtb_addr_equal(&s->next_hop, &r.route.next_hop));
        const nhi_path *p = nhi_a_load(&s->path);
        cr_assert_eq(p != NULL && nhi_a_load(&((nhi_path *)(uintptr_t)p)->out) != NULL,
                     r.reachable);
        if (p != NULL)
            cr_assert_eq(nhi_a_load(&((nhi_path *)(uintptr_t)p)->iface),
                         nhi_fib_iface(&t->fib, r.route.iface));
    }
    nhtb_stats st;
    memset(&st, 0, sizeof st);
    nhi_db_stats(t->db, &st);
    cr_assert_eq(st.routes, n);
}

static int random_op(tables *t, prop_rng *g, nhi_db_txn *x)
{
    char name[] = "st0.0";
    name[4] = (char)('0' + prop_below(g, 3));
    nhtb_iface cfg = tb_iface_cfg(name, NHTB_IFACE_MULTIPOINT);
    nhtb_iface_id i = {0};
    for (uint64_t k = prop_below(g, 3); i.id == 0 && k < 8; k++) {
        nhi_iface_pub *p = nhi_a_load(&t->fib.iface[k]);
        i.id = p == NULL ? 0 : p->id;
    }
    uint32_t peer = 1 + (uint32_t)prop_below(g, 6);
    nhtb_addr nh = tb_host(10 + (unsigned)prop_below(g, 10));
    nhtb_prefix p = {.addr = {.family = 4, .b = {10, (uint8_t)prop_below(g, 8)}}, .len = 16};
    if (prop_below(g, 3) == 0)
        p = (nhtb_prefix){.addr = {.family = 6, .b = {0x20, 1, (uint8_t)prop_below(g, 8)}},
                          .len = 24};
    nhtb_route r = {
        .size = sizeof r, .prefix = p, .iface = i, .next_hop = nh, .kind = prop_below(g, 8) == 0};
    nhtb_binding b = {.size = sizeof b, .iface = i, .next_hop = nh, .peer = {peer}};
    switch (prop_below(g, 16)) {
    case 0: return nhi_db_txn_iface(x, &cfg, &i);
    case 1: return prop_below(g, 4) == 0 ? nhi_db_txn_iface_del(x, i) : 0;
    case 2: return nhi_db_txn_tunnel(x, (nhtb_peer_id){peer}, 0, "v", i, false);
    case 3: return prop_below(g, 2) == 0 ? nhi_db_txn_tunnel_del(x, (nhtb_peer_id){peer}) : 0;
    case 4:
    case 5:
    case 6: return nhi_db_txn_binding(x, &b);
    case 7: return nhi_db_txn_binding_del(x, i, &nh);
    case 8: return nhi_db_txn_route_del(x, &p);
    default: return nhi_db_txn_route(x, &r);
    }
}

static void random_sa(tables *t, prop_rng *g)
{
    nhtb_sa_info row;
    memset(&row, 0, sizeof row);
    uint32_t cursor = (uint32_t)prop_below(g, 12);
    if (prop_below(g, 2) == 0 && nhi_db_sa_next(t->db, &cursor, &row)) {
        cr_assert_eq(nhi_db_sa_remove(t->db, row.id), 0);
        return;
    }
    nhi_db_sa sa;
    uint8_t keys[2][36];
    nhtb_sa_id id;
    tb_sa_fill(t, &sa, keys, 1 + (uint32_t)prop_below(g, 6), 0);
    if (nhi_db_spi_reserve(t->db, sa.peer, &sa.spi_in) != 0)
        return;
    if (nhi_db_sa_install(t->db, &sa, &id) != 0)
        nhi_db_spi_release(t->db, sa.spi_in);
}

Test(publish, random_transactions_leave_rows_and_published_words_in_step)
{
    unsigned committed = 0, refused = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        static tables t;
        prop_rng g = {seed};
        tb_up(&t, 2);
        for (unsigned s = 0; s < 1500; s++) {
            nhi_db_txn *x = tb_begin(&t);
            for (uint64_t k = prop_below(&g, 6); k > 0; k--)
                (void)random_op(&t, &g, x); /* some are stale: told at once, nothing recorded */
            if (prop_below(&g, 10) == 0)
                t.pm.fail_in = (int64_t)prop_below(&g, 12);
            int err = tb_commit(x);
            t.pm.fail_in = -1;
            committed += err == 0;
            refused += err != 0;
            for (uint64_t k = prop_below(&g, 3); k > 0; k--)
                random_sa(&t, &g);
            if (prop_below(&g, 4) == 0) {
                nhtb_addr a = tb_host(10 + (unsigned)prop_below(&g, 10));
                (void)nhi_db_learn(t.db, (nhtb_peer_id){1 + (uint32_t)prop_below(&g, 6)}, 0, &a);
            }
            check_walk(&t);
        }
        tb_down(&t);
    }
    cr_assert(committed > 3000 && refused > 500, "%u and %u", committed, refused);
}

/* ---- reclamation ---- */

static nhtb_route route_to(nhtb_iface_id i, uint64_t n)
{
    nhtb_route r = {.size = sizeof r, .iface = i, .next_hop = tb_host(2 + (unsigned)(n % 50))};
    r.prefix.addr = (nhtb_addr){.family = 4, .b = {10, (uint8_t)(n >> 4), (uint8_t)(n << 4)}};
    r.prefix.len = 24;
    return r;
}

Test(publish, a_million_route_updates_with_a_sleeping_worker_leave_memory_flat)
{
    static tables t;
    tb_up(&t, 2);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    nhi_qsbr_online(&t.fib.qsbr, 0);
    nhi_qsbr_offline(&t.fib.qsbr, 0); /* worker 0 sleeps in its poll; worker 1 never woke */
    uint64_t peak_early = 0, peak = 0;
    for (uint64_t n = 0; n < 1000000 / 4; n++) {
        nhi_db_txn *x = tb_begin(&t);
        for (uint64_t k = 0; k < 4; k++) {
            nhtb_route r = route_to(i, (n * 4 + k) * 7 % 1000);
            cr_assert_eq(nhi_db_txn_route(x, &r), 0);
        }
        cr_assert_eq(tb_commit(x), 0);
        peak = t.pm.mem.bytes > peak ? t.pm.mem.bytes : peak;
        if (n == 2000)
            peak_early = peak;
    }
    cr_assert_eq(peak, peak_early, "%lu after 8,000 updates, %lu after 10^6",
                 (unsigned long)peak_early, (unsigned long)peak);
    cr_assert_eq(t.fib.qsbr.waiting, 0u);
    tb_down(&t);
}

Test(publish, an_online_worker_keeps_what_it_may_hold_until_it_rests)
{
    static tables t;
    tb_up(&t, 1);
    nhtb_iface_id i = tb_iface(&t, "st0.0", NHTB_IFACE_MULTIPOINT);
    tb_tunnel(&t, 1, 0, i, false);
    cr_assert_eq(tb_bind(&t, i, tb_host(2), 1, 0), 0);
    nhtb_sa_id sa = tb_sa(&t, 1, 0);
    nhtb_addr nh = tb_host(2);
    cr_assert_eq(tb_route(&t, "10.9.0.0/16", i, &nh), 0);
    nhi_qsbr_online(&t.fib.qsbr, 0);
    nhi_path *held = tb_path_to(&t, "10.9.0.1");
    nhi_cell *cell = nhi_a_load(&held->out);
    nhi_db_txn *x = tb_begin(&t);
    cr_assert_eq(nhi_db_txn_tunnel_del(x, (nhtb_peer_id){1}), 0);
    cr_assert_eq(nhi_db_txn_iface_del(x, i), 0);
    cr_assert_eq(tb_commit(x), 0);
    nhi_db_poll(t.db);
    uint64_t first;
    cr_assert_eq(nhi_cell_claim(cell, 1, &first), 1u, "a packet in flight finishes on old memory");
    cr_assert_not_null(nhi_a_load(&held->endpoint));
    cr_assert_null(nhi_db_sa_cell(t.db, sa, false));
    nhi_qsbr_offline(&t.fib.qsbr, 0);
    nhi_db_poll(t.db);
    cr_assert_eq(t.fib.qsbr.waiting, 0u);
    tb_down(&t);
}
